// The bytes of a judge operation behind its head, and of the answers to it (H39). The new record travels as a draft: an
// encoded record with everything but the version and the mark, which the serialiser gives it.
//
//   judge   flags (1: bit 0 settled), change (1), above (8), If-Match, If-None-Match, draft
//   judged  flags (1: bit 0 created, bit 1 predecessor), ETag of the predecessor if bit 1, record, the live record before
//           if it was asked for
//   unmet   why (1), flags (1: bit 0 live), record if there is one
//
// A list of ETags is its length (1; 254 no list, 255 any record), then version (8) and hash (4) of each.

import { assert } from '../assert.ts';
import type { Change, Condition, ETag } from '../model/condition.ts';
import { ETAGS_MAX } from '../model/limits.ts';
import {
  encodeRecord,
  parseRecord,
  recordAttributes,
  recordExpiresAtMs,
  recordKey,
  recordValue,
  type StoredRecord,
} from '../model/record.ts';
import { VERSION_ZERO, type Version } from '../model/version.ts';
import { type Answer, UNMET_REASONS } from './answer-kinds.ts';

const CHANGES = ['put', 'getset', 'delete', 'incr', 'append'] as const satisfies Change['kind'][];
const NO_LIST = 254;
const ANY = 255;
const ETAG_BYTES = 12;
const FIXED_BYTES = 10;
const SETTLED = 1;
const CREATED = 1;
const HAS_PREDECESSOR = 2;
const LIVE = 1;
const EMPTY = Buffer.alloc(0);

/** What a judge operation says besides its partition and epoch. */
export interface Judgement {
  readonly key: Buffer;
  readonly condition: Condition;
  readonly change: Change;
  /** The new version must be above this one, which is above all that the asker has seen. */
  readonly above: Version;
  /** The asker has settled the key at this very epoch (H39b). */
  readonly settled: boolean;
}

/** @returns everything before the draft, and the draft */
export function encodeJudgement(judgement: Judgement): { head: Buffer; draft: StoredRecord } {
  const { key, condition, change, above, settled } = judgement;
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed[0] = settled ? SETTLED : 0;
  fixed[1] = CHANGES.indexOf(change.kind);
  fixed.writeBigUInt64BE(above, 2);
  const head = Buffer.concat([
    fixed,
    encodeTags(condition.ifMatch),
    encodeTags(condition.ifNoneMatch),
  ]);
  return { head, draft: draftOf(key, change) };
}

function draftOf(key: Buffer, change: Change): StoredRecord {
  const version = VERSION_ZERO;
  switch (change.kind) {
    case 'put':
    case 'getset': {
      const { attributes, expiresAtMs, value } = change;
      return encodeRecord({ key, version, attributes, expiresAtMs, value });
    }
    case 'delete':
      return encodeRecord({ key, version, tombstone: true, value: EMPTY });
    case 'incr':
      return encodeRecord({ key, version, value: Buffer.from(String(change.by)) });
    case 'append':
      return encodeRecord({ key, version, value: change.bytes });
  }
}

/** @returns for anything else, a text that says what is wrong; views on `bytes`, valid as long as those */
export function decodeJudgement(bytes: Buffer): Judgement | string {
  if (bytes.length < FIXED_BYTES + 2) return `judgement of ${bytes.length} bytes`;
  const kind = CHANGES[bytes[1] ?? CHANGES.length];
  if (kind === undefined) return `change of kind ${bytes[1]}`;
  const match = decodeTags(bytes, FIXED_BYTES);
  const noneMatch = match === undefined ? undefined : decodeTags(bytes, match.end);
  if (match === undefined || noneMatch === undefined) return 'ETags that cannot be read';
  const parsed = parseRecord(bytes, noneMatch.end);
  if (parsed.kind !== 'record' || noneMatch.end + parsed.record.length !== bytes.length) {
    return 'draft that cannot be read';
  }
  const { record } = parsed;
  const change = changeOf(kind, record);
  if (typeof change === 'string') return change;
  return {
    key: recordKey(record),
    condition: { ifMatch: match.tags, ifNoneMatch: noneMatch.tags },
    change,
    above: bytes.readBigUInt64BE(2) as Version,
    settled: bytes[0] === SETTLED,
  };
}

function changeOf(kind: Change['kind'], draft: StoredRecord): Change | string {
  switch (kind) {
    case 'put':
    case 'getset':
      return {
        kind,
        value: recordValue(draft),
        attributes: recordAttributes(draft),
        expiresAtMs: recordExpiresAtMs(draft),
      };
    case 'delete':
      return { kind };
    case 'incr': {
      const text = recordValue(draft).toString('latin1');
      const by = Number(text);
      const isInteger = /^-?\d{1,16}$/.test(text) && Number.isSafeInteger(by);
      return isInteger ? { kind, by } : 'increment that is no integer';
    }
    case 'append':
      return { kind, bytes: recordValue(draft) };
  }
}

function encodeTags(tags: Condition['ifMatch']): Buffer {
  if (tags === undefined) return Buffer.of(NO_LIST);
  if (tags === 'any') return Buffer.of(ANY);
  assert(tags.length <= ETAGS_MAX, 'the gateway bounds the ETags of a condition');
  const bytes = Buffer.alloc(1 + tags.length * ETAG_BYTES);
  bytes[0] = tags.length;
  for (const [index, tag] of tags.entries()) writeTag(bytes, 1 + index * ETAG_BYTES, tag);
  return bytes;
}

function writeTag(bytes: Buffer, offset: number, { version, hash }: ETag): void {
  bytes.writeBigUInt64BE(version, offset);
  bytes.writeUInt32BE(hash, offset + 8);
}

function readTag(bytes: Buffer, offset: number): ETag {
  return {
    version: bytes.readBigUInt64BE(offset) as Version,
    hash: bytes.readUInt32BE(offset + 8),
  };
}

function decodeTags(
  bytes: Buffer,
  offset: number,
): { tags: Condition['ifMatch']; end: number } | undefined {
  const count = bytes[offset];
  if (count === NO_LIST) return { tags: undefined, end: offset + 1 };
  if (count === ANY) return { tags: 'any', end: offset + 1 };
  const end = offset + 1 + (count ?? 0) * ETAG_BYTES;
  if (count === undefined || count > ETAGS_MAX || end > bytes.length) return undefined;
  const tags: ETag[] = [];
  for (let at = offset + 1; at < end; at += ETAG_BYTES) {
    tags.push(readTag(bytes, at));
  }
  return { tags, end };
}

/** The bytes of a judge operation while it waits to be sent, about. */
export function judgementBytes({ key, change }: Judgement): number {
  switch (change.kind) {
    case 'put':
    case 'getset':
      return key.length + change.value.length;
    case 'append':
      return key.length + change.bytes.length;
    case 'delete':
    case 'incr':
      return key.length;
  }
}

export function encodeJudged(
  code: number,
  { record, previous, created, predecessor }: Extract<Answer, { kind: 'judged' }>,
): { head: Buffer; body: Buffer } {
  const flags = (created ? CREATED : 0) + (predecessor === undefined ? 0 : HAS_PREDECESSOR);
  const head = Buffer.alloc(predecessor === undefined ? 2 : 2 + ETAG_BYTES);
  head[0] = code;
  head[1] = flags;
  if (predecessor !== undefined) writeTag(head, 2, predecessor);
  return { head, body: previous === undefined ? record : Buffer.concat([record, previous]) };
}

export function decodeJudged(message: Buffer): Answer | string {
  const flags = message[1] ?? 0;
  const hasPredecessor = (flags & HAS_PREDECESSOR) !== 0;
  const from = hasPredecessor ? 2 + ETAG_BYTES : 2;
  if (message.length < from) return `judged of ${message.length} bytes`;
  const first = parseRecord(message, from);
  if (first.kind !== 'record') return 'judged without its record';
  const end = from + first.record.length;
  const created = (flags & CREATED) !== 0;
  const predecessor = hasPredecessor ? readTag(message, 2) : undefined;
  const judged = { kind: 'judged', record: first.record, created, predecessor } as const;
  if (end === message.length) return { ...judged, previous: undefined };
  const second = parseRecord(message, end);
  if (second.kind !== 'record' || end + second.record.length !== message.length) {
    return 'judged with a malformed record before';
  }
  return { ...judged, previous: second.record };
}

export function encodeUnmet(
  code: number,
  { why, isLive, record }: Extract<Answer, { kind: 'unmet' }>,
): { head: Buffer; body: Buffer } {
  const head = Buffer.of(code, UNMET_REASONS.indexOf(why), isLive ? LIVE : 0);
  return { head, body: record ?? EMPTY };
}

export function decodeUnmet(message: Buffer): Answer | string {
  const why = UNMET_REASONS[message[1] ?? UNMET_REASONS.length];
  if (why === undefined || message.length < 3) return `unmet of ${message.length} bytes`;
  const isLive = message[2] === LIVE;
  if (message.length === 3) return { kind: 'unmet', why, isLive: false, record: undefined };
  const parsed = parseRecord(message, 3);
  if (parsed.kind !== 'record' || parsed.record.length !== message.length - 3) {
    return 'unmet with a malformed record';
  }
  return { kind: 'unmet', why, isLive, record: parsed.record };
}
