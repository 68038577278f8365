// The operations between a frontend and a storage node, and between storage nodes, in binary (D18). Each operation is
// one message on a link, and its answer (answers.ts) another with the same id.
//
//   get     1, partition (2), key
//   gets    23, then as in many-parts.ts
//   set     2, or 8 if it follows, partition (2), epoch (6), record
//   copy    3, partition (2), epoch (6), bucket (1), length of key (2), key
//   pull    4, as copy, then digest
//   time    5
//   list    6, as copy
//   fetch   7, partition (2), epoch (6), keys: length (2), key
//   judge   9, partition (2), epoch (6), then as judge-parts.ts says
//   peek    10, partition (2), epoch (6), key
//   scan    20, partition (2), then as in scan-operation.ts

import { unreachable } from '../assert.ts';
import type { Epoch } from '../model/identity.ts';
import { STORED_KEY_BYTES_MAX } from '../model/limits.ts';
import type { PartitionId } from '../model/partition.ts';
import { parseRecord, type StoredRecord } from '../model/record.ts';
import { decodeJudgement, encodeJudgement, type Judgement, judgementBytes } from './judge-parts.ts';
import { decodeKeysOfMany, encodeKeys, type KeyOfMany } from './many-parts.ts';
import { decodeScan, encodeScan, type ScanOperation } from './scan-operation.ts';
import {
  type Cursor,
  decodeCursor,
  decodeKeys,
  encodeCursor,
  encodeKey,
} from './transfer-parts.ts';

export type { Answer, RefusalReason } from './answer-kinds.ts';
export type { Cursor } from './transfer-parts.ts';

export type Operation =
  | { readonly kind: 'get'; readonly partition: PartitionId; readonly key: Buffer }
  /** Many gets, each answered for itself. */
  | { readonly kind: 'gets'; readonly keys: readonly KeyOfMany[] }
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
  /** Asks the partition's serialiser to judge a condition, and to store the new record if it holds (H39a). */
  | (Judgement & {
      readonly kind: 'judge';
      readonly partition: PartitionId;
      readonly epoch: Epoch;
    })
  /** Asks for the record of the key, live or not; every member answers at this very epoch, joining ones too (H39b). */
  | {
      readonly kind: 'peek';
      readonly partition: PartitionId;
      readonly epoch: Epoch;
      readonly key: Buffer;
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
const JUDGE = 9;
const PEEK = 10;
const SCAN = 20;
const GETS = 23;
const EPOCH_AT = 3;
const EPOCH_BYTES = 6;
const LONG_HEAD_BYTES = EPOCH_AT + EPOCH_BYTES;
const CURSOR_BYTES = 64;
const EMPTY = Buffer.alloc(0);

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
const GETS_HEAD = Buffer.of(GETS);
const getHead = Buffer.of(GET, 0, 0);
const scanHead = Buffer.of(SCAN, 0, 0);
const longHead = Buffer.alloc(LONG_HEAD_BYTES);

export function encodeOperation(operation: Operation): EncodedMessage {
  if (operation.kind === 'time') return { head: TIME_HEAD, body: EMPTY };
  if (operation.kind === 'get') {
    getHead.writeUInt16BE(operation.partition, 1);
    return { head: getHead, body: operation.key };
  }
  if (operation.kind === 'gets') return { head: GETS_HEAD, body: encodeKeys(operation.keys) };
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
  if (operation.kind === 'judge') {
    const judgement = encodeJudgement(operation);
    return { head: Buffer.concat([head, judgement.head]), body: judgement.draft };
  }
  return { head, body: bodyOf(operation) };
}

const CODES = {
  set: SET,
  copy: COPY,
  pull: PULL,
  list: LIST,
  fetch: FETCH,
  judge: JUDGE,
  peek: PEEK,
} as const;

function bodyOf(
  operation: Exclude<Extract<Operation, { epoch: Epoch }>, { kind: 'judge' }>,
): Buffer {
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
    case 'peek':
      return operation.key;
    default:
      return unreachable(operation);
  }
}

/** @returns for anything that is not an operation, a text that says what is wrong */
export function decodeOperation(message: Buffer): Operation | string {
  if (message.length === 1 && message[0] === TIME) return { kind: 'time' };
  if (message[0] === GETS) {
    const keys = decodeKeysOfMany(message, 1);
    return typeof keys === 'string' ? keys : { kind: 'gets', keys };
  }
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
  const isConditional = code === JUDGE || code === PEEK;
  if (!isSet && !isConditional && !isTransferCode(code)) return `operation of kind ${code}`;
  if (message.length < LONG_HEAD_BYTES) return `operation of ${message.length} bytes`;
  const epoch = message.readUIntBE(EPOCH_AT, EPOCH_BYTES) as Epoch;
  if (isConditional) {
    return decodeConditional(code, { partition, epoch }, message.subarray(LONG_HEAD_BYTES));
  }
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

function decodeConditional(
  code: typeof JUDGE | typeof PEEK,
  where: { partition: PartitionId; epoch: Epoch },
  rest: Buffer,
): Operation | string {
  if (code === JUDGE) {
    const judgement = decodeJudgement(rest);
    return typeof judgement === 'string' ? judgement : { kind: 'judge', ...where, ...judgement };
  }
  if (rest.length < 1 || rest.length > STORED_KEY_BYTES_MAX) return `key of ${rest.length} bytes`;
  return { kind: 'peek', ...where, key: rest };
}

/** The approximate bytes that an operation takes while it waits to be sent. */
export function operationBytes(operation: Operation): number {
  switch (operation.kind) {
    case 'get':
    case 'peek':
      return operation.key.length;
    case 'gets':
      return operation.keys.reduce((sum, { key }) => sum + key.length, 0);
    case 'fetch':
      return operation.keys.reduce((sum, key) => sum + key.length, 0);
    case 'set':
      return operation.record.length;
    case 'judge':
      return judgementBytes(operation);
    case 'scan':
      return CURSOR_BYTES + operation.prefix.length;
    case 'copy':
    case 'list':
    case 'pull':
    case 'time':
      return CURSOR_BYTES;
    default:
      return unreachable(operation);
  }
}

/** Whether the operation asks for many records; such operations may wait behind gets and sets. */
export function isTransfer({ kind }: Operation): boolean {
  return (
    kind !== 'get' &&
    kind !== 'gets' &&
    kind !== 'set' &&
    kind !== 'time' &&
    kind !== 'judge' &&
    kind !== 'peek'
  );
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
