// The operations between a frontend and a storage node, and between storage nodes, in binary (D18). Each operation is
// one message on a link, and its answer another with the same id. R1 to R4 say what the answers mean.
//
//   get     1, partition (2), key
//   set     2, or 8 if it follows, partition (2), epoch (6), record
//   copy    3, partition (2), epoch (6), bucket (1), length of key (2), key
//   pull    4, as copy, then digest
//   time    5
//   list    6, as copy
//   fetch   7, partition (2), epoch (6), keys: length (2), key
//   scan    20, partition (2), then as in scan-operation.ts
//   answer  the code of its kind (1), then the fields of its type; versions are 8 bytes

import { assert, unreachable } from '../assert.ts';
import type { Epoch } from '../model/identity.ts';
import { CHUNK_BYTES, STORED_KEY_BYTES_MAX } from '../model/limits.ts';
import type { PartitionId } from '../model/partition.ts';
import {
  parseRecord,
  parseRecordHead,
  type RecordHead,
  type StoredRecord,
} from '../model/record.ts';
import type { Version } from '../model/version.ts';
import { ANSWER_KINDS, type Answer, KINDS_BY_CODE, type RefusalReason } from './answer-kinds.ts';
import { decodeScan, encodeScan, type ScanOperation } from './scan-operation.ts';
import {
  backToBack,
  type Cursor,
  decodeCursor,
  decodeKeys,
  decodeSet,
  encodeCursor,
  encodeKey,
  encodeSet,
} from './transfer-parts.ts';

export type { Answer, RefusalReason } from './answer-kinds.ts';
export type { Cursor } from './transfer-parts.ts';

export type Operation =
  | { readonly kind: 'get'; readonly partition: PartitionId; readonly key: Buffer }
  | {
      readonly kind: 'set';
      readonly partition: PartitionId;
      readonly epoch: Epoch;
      readonly record: StoredRecord;
      /** Its version is above one that a member answered with, so it may be as far ahead as that one (H31). */
      readonly follows?: boolean;
    }
  /** Asks for all records from `from` on; a serving member answers at this epoch or a later one (H14). */
  | {
      readonly kind: 'copy';
      readonly partition: PartitionId;
      readonly epoch: Epoch;
      readonly from: Cursor;
    }
  /** Asks for the records of the buckets whose digest differs; a serving member answers at this very epoch (H28). */
  | {
      readonly kind: 'pull';
      readonly partition: PartitionId;
      readonly epoch: Epoch;
      readonly from: Cursor;
      readonly digest: Buffer;
    }
  /** Asks for the cluster time that the node goes by (H31). */
  | { readonly kind: 'time' }
  /** As copy, but asks only for the head of each record: the asker may have some of the records already (H15). */
  | {
      readonly kind: 'list';
      readonly partition: PartitionId;
      readonly epoch: Epoch;
      readonly from: Cursor;
    }
  /** Asks for the present records of these keys; a serving member answers at this epoch or a later one (H14). */
  | {
      readonly kind: 'fetch';
      readonly partition: PartitionId;
      readonly epoch: Epoch;
      readonly keys: readonly Buffer[];
    }
  | ScanOperation;

const GET = 1;
const SET = 2;
const COPY = 3;
const PULL = 4;
const TIME = 5;
const LIST = 6;
const FETCH = 7;
const SET_THAT_FOLLOWS = 8;
const SCAN = 20;
const EPOCH_AT = 3;
const EPOCH_BYTES = 6;
const LONG_HEAD_BYTES = EPOCH_AT + EPOCH_BYTES;
const CURSOR_BYTES = 64;
/** Six bytes of milliseconds, as in a version: they reach to the year 10889. */
const TIME_BYTES = 6;
const EMPTY = Buffer.alloc(0);

const REASONS: readonly RefusalReason[] = [
  'malformed',
  'version-too-far-ahead',
  'too-large',
  'full',
  'no-memory',
  'disk-failed',
];

/** A message in two parts, so that a record is never copied only to stand behind its head. */
export interface EncodedMessage {
  /** Valid until the next message is encoded. */
  readonly head: Buffer;
  /**
   * A view on existing bytes; records or heads that fit one frame are gathered in a buffer that the next such answer
   * overwrites.
   */
  readonly body: Buffer;
}

/** These heads are reused for every message, because each user copies them (Link.send). */
const TIME_HEAD = Buffer.of(TIME);
const KIND_HEADS = KINDS_BY_CODE.map((_, code) => Buffer.of(code));
const getHead = Buffer.of(GET, 0, 0);
const scanHead = Buffer.of(SCAN, 0, 0);
const longHead = Buffer.alloc(LONG_HEAD_BYTES);

export function encodeOperation(operation: Operation): EncodedMessage {
  if (operation.kind === 'time') return { head: TIME_HEAD, body: EMPTY };
  if (operation.kind === 'get') {
    getHead.writeUInt16BE(operation.partition, 1);
    return { head: getHead, body: operation.key };
  }
  if (operation.kind === 'scan') {
    scanHead.writeUInt16BE(operation.partition, 1);
    return { head: scanHead, body: encodeScan(operation) };
  }
  const head = longHead;
  head[0] =
    operation.kind === 'set' && operation.follows === true
      ? SET_THAT_FOLLOWS
      : CODES[operation.kind];
  head.writeUInt16BE(operation.partition, 1);
  head.writeUIntBE(operation.epoch, EPOCH_AT, EPOCH_BYTES);
  return { head, body: bodyOf(operation) };
}

const CODES = { set: SET, copy: COPY, pull: PULL, list: LIST, fetch: FETCH } as const;

function bodyOf(operation: Extract<Operation, { epoch: Epoch }>): Buffer {
  switch (operation.kind) {
    case 'set':
      return operation.record;
    case 'copy':
    case 'list':
      return encodeCursor(operation.from);
    case 'pull':
      return Buffer.concat([encodeCursor(operation.from), operation.digest]);
    case 'fetch':
      return Buffer.concat(operation.keys.map(encodeKey));
    default:
      return unreachable(operation);
  }
}

/** @returns for anything that is not an operation, a text that says what is wrong */
export function decodeOperation(message: Buffer): Operation | string {
  if (message.length === 1 && message[0] === TIME) return { kind: 'time' };
  if (message.length < 3) return `operation of ${message.length} bytes`;
  const partition = message.readUInt16BE(1) as PartitionId;
  if (message[0] === GET) {
    const key = message.subarray(3);
    if (key.length < 1 || key.length > STORED_KEY_BYTES_MAX) return `key of ${key.length} bytes`;
    return { kind: 'get', partition, key };
  }
  // Copied, because the operation may wait for its turn, and the message is only valid while it is handled.
  if (message[0] === SCAN) return decodeScan(partition, Buffer.from(message.subarray(3)));
  const code = message[0];
  const isSet = code === SET || code === SET_THAT_FOLLOWS;
  if (!isSet && !isTransferCode(code)) return `operation of kind ${code}`;
  if (message.length < LONG_HEAD_BYTES) return `operation of ${message.length} bytes`;
  const epoch = message.readUIntBE(EPOCH_AT, EPOCH_BYTES) as Epoch;
  if (!isSet) {
    return decodeTransfer(code, { partition, epoch }, message.subarray(LONG_HEAD_BYTES));
  }
  const parsed = parseRecord(message, LONG_HEAD_BYTES);
  if (parsed.kind === 'malformed') return `record: ${parsed.reason}`;
  if (parsed.kind === 'short' || parsed.record.length !== message.length - LONG_HEAD_BYTES) {
    return 'record of another length than its message';
  }
  const { record } = parsed;
  const set = { kind: 'set', partition, epoch, record } as const;
  return code === SET ? set : { ...set, follows: true };
}

/** The approximate bytes that an operation takes while it waits to be sent. */
export function operationBytes(operation: Operation): number {
  if (operation.kind === 'get') return operation.key.length;
  if (operation.kind === 'fetch') return operation.keys.reduce((sum, key) => sum + key.length, 0);
  if (operation.kind === 'scan') return CURSOR_BYTES + operation.prefix.length;
  return operation.kind === 'set' ? operation.record.length : CURSOR_BYTES;
}

/** Whether the operation asks for many records; such operations may wait behind gets and sets. */
export function isTransfer({ kind }: Operation): boolean {
  return kind !== 'get' && kind !== 'set' && kind !== 'time';
}

type TransferCode = typeof COPY | typeof PULL | typeof LIST | typeof FETCH;

function isTransferCode(code: number | undefined): code is TransferCode {
  return code === COPY || code === PULL || code === LIST || code === FETCH;
}

function decodeTransfer(
  code: TransferCode,
  where: { partition: PartitionId; epoch: Epoch },
  rest: Buffer,
): Operation | string {
  // Copied, because the operation may wait for its turn, and the message is only valid while it is handled.
  const bytes = Buffer.from(rest);
  if (code === FETCH) {
    const keys = decodeKeys(bytes);
    return keys === undefined ? 'keys that cannot be read' : { kind: 'fetch', ...where, keys };
  }
  const cursor = decodeCursor(bytes);
  if (cursor === undefined) return 'transfer without a place to begin';
  const { from, length } = cursor;
  const digest = bytes.subarray(length);
  if (code === PULL) return { kind: 'pull', ...where, from, digest };
  if (digest.length > 0) return 'transfer with bytes behind it';
  return { kind: code === COPY ? 'copy' : 'list', ...where, from };
}

export function encodeAnswer(answer: Answer): EncodedMessage {
  const { code } = ANSWER_KINDS[answer.kind];
  switch (answer.kind) {
    case 'found':
      return { head: headOf(code), body: answer.record };
    case 'absent':
    case 'superseded':
    case 'floor':
      return { head: withVersion(code, answer.version), body: EMPTY };
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
    case 'time': {
      const head = Buffer.allocUnsafe(1 + TIME_BYTES);
      head[0] = code;
      head.writeUIntBE(answer.wallMs, 1, TIME_BYTES);
      return { head, body: EMPTY };
    }
    case 'applied':
    case 'equal':
    case 'stale':
    case 'behind':
    case 'not-serving':
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
    case 'found': {
      const parsed = parseRecord(message, 1);
      if (parsed.kind !== 'record' || parsed.record.length !== message.length - 1) {
        return 'answer with a malformed record';
      }
      return { kind, record: parsed.record };
    }
    case 'absent':
    case 'superseded':
    case 'floor': {
      if (message.length !== 9) return `${kind} of ${message.length} bytes`;
      return { kind, version: message.readBigUInt64BE(1) as Version };
    }
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
    case 'time':
      if (message.length !== 1 + TIME_BYTES) return `time of ${message.length} bytes`;
      return { kind, wallMs: message.readUIntBE(1, TIME_BYTES) };
    case 'applied':
    case 'equal':
    case 'stale':
    case 'behind':
    case 'not-serving':
      return message.length === 1 ? { kind } : `${kind} of ${message.length} bytes`;
    default:
      return unreachable(kind);
  }
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
