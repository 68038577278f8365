// The parts of an operation that gets many keys at once, and of its answer, in binary.
//
//   gets   of each key: partition (2), length (2), key
//   many   of each key, in the order asked: 0, version (8) where it is absent; 1, record; 2 where the node may not answer;
//          3 where it was left out, as the answer was long enough

import { CHUNK_BYTES, STORED_KEY_BYTES_MAX } from '../model/limits.ts';
import type { PartitionId } from '../model/partition.ts';
import { parseRecord } from '../model/record.ts';
import type { Version } from '../model/version.ts';
import type { OneOfMany } from './answer-kinds.ts';

export interface KeyOfMany {
  readonly partition: PartitionId;
  readonly key: Buffer;
}

const ABSENT = 0;
const FOUND = 1;
const NOT_SERVING = 2;
const LEFT_OUT = 3;
const KEY_HEAD_BYTES = 4;
const VERSION_BYTES = 8;

/** Shared by all messages up to this length, as these are copied when they are sent (frames.ts). */
const gathered = Buffer.allocUnsafeSlow(CHUNK_BYTES - 1);

/** @returns bytes that the next call of `encodeKeys` or `encodeMany` overwrites, if they are short */
export function encodeKeys(keys: readonly KeyOfMany[]): Buffer {
  let length = 0;
  for (const { key } of keys) length += KEY_HEAD_BYTES + key.length;
  const bytes = memoryFor(length);
  let at = 0;
  for (const { partition, key } of keys) {
    bytes.writeUInt16BE(partition, at);
    bytes.writeUInt16BE(key.length, at + 2);
    bytes.set(key, at + KEY_HEAD_BYTES);
    at += KEY_HEAD_BYTES + key.length;
  }
  return bytes;
}

/** @returns views on the message; for anything else a text that says what is wrong */
export function decodeKeysOfMany(message: Buffer, from: number): readonly KeyOfMany[] | string {
  const keys: KeyOfMany[] = [];
  for (let at = from; at < message.length; ) {
    if (at + KEY_HEAD_BYTES > message.length) return 'keys that are cut off';
    const length = message.readUInt16BE(at + 2);
    const keyAt = at + KEY_HEAD_BYTES;
    if (length < 1 || length > STORED_KEY_BYTES_MAX || keyAt + length > message.length) {
      return `key of ${length} bytes`;
    }
    const partition = message.readUInt16BE(at) as PartitionId;
    keys.push({ partition, key: message.subarray(keyAt, keyAt + length) });
    at = keyAt + length;
  }
  return keys.length > 0 ? keys : 'no keys';
}

/** @returns as `encodeKeys` */
export function encodeMany(each: readonly OneOfMany[]): Buffer {
  let length = each.length;
  for (const one of each) {
    if (one.kind === 'found') length += one.record.length;
    else if (one.kind === 'absent') length += VERSION_BYTES;
  }
  const bytes = memoryFor(length);
  let at = 0;
  for (const one of each) {
    switch (one.kind) {
      case 'found':
        bytes[at] = FOUND;
        bytes.set(one.record, at + 1);
        at += 1 + one.record.length;
        break;
      case 'absent':
        bytes[at] = ABSENT;
        bytes.writeBigUInt64BE(one.version, at + 1);
        at += 1 + VERSION_BYTES;
        break;
      case 'not-serving':
        bytes[at++] = NOT_SERVING;
        break;
      case 'left-out':
        bytes[at++] = LEFT_OUT;
        break;
    }
  }
  return bytes;
}

/** @returns views on the message; for anything else a text that says what is wrong */
export function decodeMany(message: Buffer, from: number): readonly OneOfMany[] | string {
  const each: OneOfMany[] = [];
  for (let at = from; at < message.length; ) {
    const kind = message[at++];
    if (kind === NOT_SERVING) each.push(NOT_SERVING_ANSWER);
    else if (kind === LEFT_OUT) each.push(LEFT_OUT_ANSWER);
    else if (kind === ABSENT) {
      if (at + VERSION_BYTES > message.length) return 'answers that are cut off';
      each.push({ kind: 'absent', version: message.readBigUInt64BE(at) as Version });
      at += VERSION_BYTES;
    } else if (kind === FOUND) {
      const parsed = parseRecord(message, at);
      if (parsed.kind !== 'record') return 'answers with a malformed record';
      each.push({ kind: 'found', record: parsed.record });
      at += parsed.record.length;
    } else return 'answers of an unknown kind';
  }
  return each;
}

const NOT_SERVING_ANSWER: OneOfMany = { kind: 'not-serving' };
const LEFT_OUT_ANSWER: OneOfMany = { kind: 'left-out' };

function memoryFor(length: number): Buffer {
  return length <= gathered.length ? gathered.subarray(0, length) : Buffer.allocUnsafe(length);
}
