// The answers to operations, in binary (D18): the code of the kind (answer-kinds.ts), then the fields of its type. A
// version has 8 bytes. R1 to R4 and H39 say what the answers mean.

import { assert, unreachable } from '../assert.ts';
import { CHUNK_BYTES } from '../model/limits.ts';
import {
  parseRecord,
  parseRecordHead,
  type RecordHead,
  type StoredRecord,
} from '../model/record.ts';
import type { Version } from '../model/version.ts';
import { ANSWER_KINDS, type Answer, KINDS_BY_CODE, type RefusalReason } from './answer-kinds.ts';
import { decodeJudged, decodeUnmet, encodeJudged, encodeUnmet } from './judge-parts.ts';
import { decodeMany, encodeMany } from './many-parts.ts';
import type { EncodedMessage } from './operations.ts';
import { backToBack, decodeCursor, decodeSet, encodeCursor, encodeSet } from './transfer-parts.ts';

const REASONS: readonly RefusalReason[] = [
  'malformed',
  'version-too-far-ahead',
  'too-large',
  'full',
  'no-memory',
  'disk-failed',
];

const EMPTY = Buffer.alloc(0);
/** Behind `applied`, where nothing live was there before; earlier software does not send it. */
const CREATED = Buffer.of(1);
/** One byte behind the version of `superseded`, which earlier software does not send (H39d). */
const OUTSIDE_BASE = Buffer.of(1);
/** Six bytes of milliseconds, as in a version: they reach to the year 10889. */
const TIME_BYTES = 6;
/** These heads are reused for every message, because each user copies them (Link.send). */
const KIND_HEADS = KINDS_BY_CODE.map((_, code) => Buffer.of(code));

export function encodeAnswer(answer: Answer): EncodedMessage {
  const { code } = ANSWER_KINDS[answer.kind];
  switch (answer.kind) {
    case 'found':
    case 'held':
      return { head: headOf(code), body: answer.record };
    case 'absent':
    case 'floor':
      return { head: withVersion(code, answer.version), body: EMPTY };
    case 'superseded':
      return {
        head: withVersion(code, answer.version),
        body: answer.isOutsideBase === true ? OUTSIDE_BASE : EMPTY,
      };
    case 'judged':
      return encodeJudged(code, answer);
    case 'unmet':
      return encodeUnmet(code, answer);
    case 'refused':
      return { head: Buffer.of(code, REASONS.indexOf(answer.reason)), body: EMPTY };
    case 'records': {
      const { floor, differing, next, records } = answer;
      const place = next === undefined ? EMPTY : encodeCursor(next);
      const more = Buffer.of(next === undefined ? 0 : 1);
      const head = Buffer.concat([withVersion(code, floor), encodeSet(differing), more, place]);
      return { head, body: backToBack(records, CHUNK_BYTES - head.length) };
    }
    case 'heads': {
      const { floor, next, heads } = answer;
      const place = next === undefined ? EMPTY : encodeCursor(next);
      const more = Buffer.of(next === undefined ? 0 : 1);
      const head = Buffer.concat([withVersion(code, floor), more, place]);
      return { head, body: backToBack(heads, CHUNK_BYTES - head.length) };
    }
    case 'many':
      return { head: headOf(code), body: encodeMany(answer.each) };
    case 'time': {
      const head = Buffer.allocUnsafe(1 + TIME_BYTES);
      head[0] = code;
      head.writeUIntBE(answer.wallMs, 1, TIME_BYTES);
      return { head, body: EMPTY };
    }
    case 'applied':
      return { head: headOf(code), body: answer.created === true ? CREATED : EMPTY };
    case 'equal':
    case 'stale':
    case 'behind':
    case 'not-serving':
    case 'unsettled':
      return { head: headOf(code), body: EMPTY };
    default:
      return unreachable(answer);
  }
}

/** @returns for anything that is not an answer, a text that says what is wrong */
export function decodeAnswer(message: Buffer): Answer | string {
  const kind = KINDS_BY_CODE[message[0] ?? KINDS_BY_CODE.length];
  switch (kind) {
    case undefined:
      return `answer of kind ${message[0]}`;
    case 'found':
    case 'held': {
      const parsed = parseRecord(message, 1);
      if (parsed.kind !== 'record' || parsed.record.length !== message.length - 1) {
        return 'answer with a malformed record';
      }
      return { kind, record: parsed.record };
    }
    case 'superseded':
      if (message.length === 10) {
        return { kind, version: message.readBigUInt64BE(1) as Version, isOutsideBase: true };
      }
      return decodeVersion(kind, message);
    case 'absent':
    case 'floor':
      return decodeVersion(kind, message);
    case 'judged':
      return decodeJudged(message);
    case 'unmet':
      return decodeUnmet(message);
    case 'refused': {
      const reason = REASONS[message[1] ?? REASONS.length];
      return reason === undefined || message.length !== 2
        ? `refusal of ${message.length} bytes`
        : { kind, reason };
    }
    case 'records':
      return decodeRecords(message);
    case 'heads':
      return decodeHeads(message);
    case 'many': {
      const each = decodeMany(message, 1);
      return typeof each === 'string' ? each : { kind, each };
    }
    case 'time':
      if (message.length !== 1 + TIME_BYTES) return `time of ${message.length} bytes`;
      return { kind, wallMs: message.readUIntBE(1, TIME_BYTES) };
    case 'applied':
      if (message.length === 2 && message[1] === 1) return { kind, created: true };
      return message.length === 1 ? { kind } : `${kind} of ${message.length} bytes`;
    case 'equal':
    case 'stale':
    case 'behind':
    case 'not-serving':
    case 'unsettled':
      return message.length === 1 ? { kind } : `${kind} of ${message.length} bytes`;
    default:
      return unreachable(kind);
  }
}

function decodeVersion(kind: 'absent' | 'superseded' | 'floor', message: Buffer): Answer | string {
  if (message.length !== 9) return `${kind} of ${message.length} bytes`;
  return { kind, version: message.readBigUInt64BE(1) as Version };
}

function decodeRecords(message: Buffer): Answer | string {
  if (message.length < 18) return `records of ${message.length} bytes`;
  const floor = message.readBigUInt64BE(1) as Version;
  const differing = decodeSet(message.subarray(9, 17));
  const cursor = message[17] === 0 ? undefined : decodeCursor(message.subarray(18));
  if (message[17] !== 0 && cursor === undefined) return 'records without a place to go on';
  const records: StoredRecord[] = [];
  for (let offset = 18 + (cursor?.length ?? 0); offset < message.length; ) {
    const parsed = parseRecord(message, offset);
    if (parsed.kind !== 'record') return 'records that cannot be read';
    records.push(parsed.record);
    offset += parsed.record.length;
  }
  return { kind: 'records', floor, differing, records, next: cursor?.from };
}

function decodeHeads(message: Buffer): Answer | string {
  if (message.length < 10) return `heads of ${message.length} bytes`;
  const floor = message.readBigUInt64BE(1) as Version;
  const cursor = message[9] === 0 ? undefined : decodeCursor(message.subarray(10));
  if (message[9] !== 0 && cursor === undefined) return 'heads without a place to go on';
  const heads: RecordHead[] = [];
  for (let offset = 10 + (cursor?.length ?? 0); offset < message.length; ) {
    const head = parseRecordHead(message, offset);
    if (head === undefined) return 'heads that cannot be read';
    heads.push(head);
    offset += head.length;
  }
  return { kind: 'heads', floor, heads, next: cursor?.from };
}

function headOf(code: number): Buffer {
  const head = KIND_HEADS[code];
  assert(head !== undefined, 'every kind of answer has its code');
  return head;
}

function withVersion(code: number, version: Version): Buffer {
  // A buffer of its own: an answer that waits for the log is sent after others were encoded.
  const head = Buffer.allocUnsafe(9);
  head[0] = code;
  head.writeBigUInt64BE(version, 1);
  return head;
}
