// What a follower asks a storage node for on a stream of changes, and what it is told, in binary (H46).
//
//   follow   flags (1), first change (6), bytes of the partitions (2), partitions, prefix
//   changes  next change (6), bytes of the lost (2), lost partitions, bytes of the gone (4), gone keys: version (8), length
//            (2), key; records or heads
//
// flags: bit 0 from a change on, bit 1 whole records instead of heads, bit 2 the prefix is a key, bit 3 held

import { CHUNK_BYTES, STORED_KEY_BYTES_MAX } from '../model/limits.ts';
import { PartitionSet } from '../model/partition-set.ts';
import { parseRecord, parseRecordHead, type RecordHead } from '../model/record.ts';
import type { Version } from '../model/version.ts';
import type { EncodedMessage } from './operations.ts';
import { backToBack, encodeKey } from './transfer-parts.ts';

/** Asks which keys have changed. */
export interface Follow {
  /** The first change that is wanted; undefined for those that are yet to come. */
  readonly from: number | undefined;
  readonly partitions: PartitionSet;
  /** Of the stored keys. */
  readonly prefix: Buffer;
  /** Whether only the key is wanted that is the prefix. */
  readonly isExact: boolean;
  /** Whether to answer with whole records instead of their heads. */
  readonly values: boolean;
  /** Whether to wait until a key has changed, or for a while; otherwise the answer comes at once. */
  readonly isHeld: boolean;
}

/** A changed key that has no record any more: its delete was forgotten, or a cache evicted it. */
export interface GoneKey {
  readonly key: Buffer;
  /** The floor of its partition: the highest version that a forgotten delete can have had. */
  readonly version: Version;
}

export interface Changes {
  /** Everything before this change has been told. */
  readonly next: number;
  /** The partitions of which changes may be missing, or that this node does not answer for. */
  readonly lost: PartitionSet;
  readonly gone: readonly GoneKey[];
  /** What the changed keys have now, each once; whole records if these were asked for. */
  readonly heads: readonly RecordHead[];
}

const FROM_A_CHANGE = 1;
const WITH_VALUES = 2;
const EXACT = 4;
const HELD = 8;
const CHANGE_BYTES = 6;
const VERSION_BYTES = 8;
const FOLLOW_HEAD_BYTES = 9;

export function encodeFollow(follow: Follow): EncodedMessage {
  const { from, partitions, prefix, isExact, values, isHeld } = follow;
  const { bytes } = partitions;
  const head = Buffer.alloc(FOLLOW_HEAD_BYTES);
  const isFrom = from === undefined ? 0 : FROM_A_CHANGE;
  head[0] = isFrom | (values ? WITH_VALUES : 0) | (isExact ? EXACT : 0) | (isHeld ? HELD : 0);
  head.writeUIntBE(from ?? 0, 1, CHANGE_BYTES);
  head.writeUInt16BE(bytes.length, 7);
  return { head, body: Buffer.concat([bytes, prefix]) };
}

/** @returns for anything else a text that says what is wrong */
export function decodeFollow(message: Buffer): Follow | string {
  if (message.length < FOLLOW_HEAD_BYTES) return `follow of ${message.length} bytes`;
  const flags = message.readUInt8(0);
  if ((flags & ~(FROM_A_CHANGE | WITH_VALUES | EXACT | HELD)) !== 0)
    return `follow with flags ${flags}`;
  const end = FOLLOW_HEAD_BYTES + message.readUInt16BE(7);
  if (end > message.length) return 'follow without its partitions';
  // Copied, because it may be held for seconds, and the message is only valid while it is handled.
  const prefix = Buffer.from(message.subarray(end));
  if (prefix.length > STORED_KEY_BYTES_MAX) return `prefix of ${prefix.length} bytes`;
  return {
    from: (flags & FROM_A_CHANGE) === 0 ? undefined : message.readUIntBE(1, CHANGE_BYTES),
    partitions: PartitionSet.of(message.subarray(FOLLOW_HEAD_BYTES, end)),
    prefix,
    isExact: (flags & EXACT) !== 0,
    values: (flags & WITH_VALUES) !== 0,
    isHeld: (flags & HELD) !== 0,
  };
}

export function encodeChanges({ next, lost, gone, heads }: Changes): EncodedMessage {
  const { bytes } = lost;
  const keys = Buffer.concat(gone.flatMap(encodeGone));
  const head = Buffer.alloc(CHANGE_BYTES + 2 + bytes.length + 4 + keys.length);
  head.writeUIntBE(next, 0, CHANGE_BYTES);
  head.writeUInt16BE(bytes.length, CHANGE_BYTES);
  head.set(bytes, CHANGE_BYTES + 2);
  head.writeUInt32BE(keys.length, CHANGE_BYTES + 2 + bytes.length);
  head.set(keys, head.length - keys.length);
  return { head, body: backToBack(heads, Math.max(0, CHUNK_BYTES - head.length)) };
}

/** @param values whether whole records were asked for. @returns for anything else a text that says what is wrong */
export function decodeChanges(message: Buffer, values: boolean): Changes | string {
  const setBytes = message.length < CHANGE_BYTES + 2 ? 0 : message.readUInt16BE(CHANGE_BYTES);
  const setEnd = CHANGE_BYTES + 2 + setBytes;
  if (message.length < setEnd + 4) return `changes of ${message.length} bytes`;
  const keysEnd = setEnd + 4 + message.readUInt32BE(setEnd);
  if (keysEnd > message.length) return 'changes without their keys';
  const keyBytes = message.subarray(setEnd + 4, keysEnd);
  const gone = decodeGone(keyBytes);
  if (gone === undefined) return 'changes with keys that cannot be read';
  const heads: RecordHead[] = [];
  for (let offset = keysEnd; offset < message.length; ) {
    const head = values ? wholeRecordAt(message, offset) : parseRecordHead(message, offset);
    if (head === undefined) return 'changes with records that cannot be read';
    heads.push(head);
    offset += head.length;
  }
  return {
    next: message.readUIntBE(0, CHANGE_BYTES),
    lost: PartitionSet.of(message.subarray(CHANGE_BYTES + 2, setEnd)),
    gone,
    heads,
  };
}

function encodeGone({ key, version }: GoneKey): readonly Buffer[] {
  const bytes = Buffer.alloc(VERSION_BYTES);
  bytes.writeBigUInt64BE(version);
  return [bytes, encodeKey(key)];
}

function decodeGone(bytes: Buffer): readonly GoneKey[] | undefined {
  const gone: GoneKey[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const keyAt = offset + VERSION_BYTES + 2;
    const length = keyAt > bytes.length ? 0 : bytes.readUInt16BE(keyAt - 2);
    const end = keyAt + length;
    if (length < 1 || length > STORED_KEY_BYTES_MAX || end > bytes.length) return undefined;
    const version = bytes.readBigUInt64BE(offset) as Version;
    gone.push({ key: bytes.subarray(keyAt, end), version });
    offset = end;
  }
  return gone;
}

function wholeRecordAt(message: Buffer, offset: number): RecordHead | undefined {
  const parsed = parseRecord(message, offset);
  return parsed.kind === 'record' ? parsed.record : undefined;
}
