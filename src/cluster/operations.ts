// Gets and sets between a frontend and a storage node, in binary (D18). One operation is one message
// on a link, its answer another with the same id. What the answers mean is PROTOCOL 3.2 and R1 to R4.
//
//   get     1, partition (2), key
//   set     2, partition (2), epoch (4), record
//   answer  its kind (1), then as the type below says; versions are 8 bytes

import type { Epoch } from './identity.ts';
import { KEY_BYTES_MAX } from './limits.ts';
import type { PartitionId } from './partition.ts';
import { parseRecord, type StoredRecord } from './record.ts';
import type { Version } from './version.ts';

export type Operation =
  | { readonly kind: 'get'; readonly partition: PartitionId; readonly key: Buffer }
  | {
      readonly kind: 'set';
      readonly partition: PartitionId;
      readonly epoch: Epoch;
      readonly record: StoredRecord;
    };

/** Why a storage node that could be reached will not do it, whatever the map says. */
export type RefusalReason = 'malformed' | 'version-too-far-ahead' | 'too-large' | 'full';

export type Answer =
  /** A live record: neither a tombstone nor expired by the node's clock (H30). */
  | { readonly kind: 'found'; readonly record: StoredRecord }
  /** Proof of absence by a serving member; `version` is of the tombstone or expired record, or the floor. */
  | { readonly kind: 'absent'; readonly version: Version }
  | { readonly kind: 'applied' }
  | { readonly kind: 'equal' }
  /** `version` is what the replica holds. */
  | { readonly kind: 'superseded'; readonly version: Version }
  | { readonly kind: 'floor'; readonly version: Version }
  /** The operation's epoch is older than the node's. */
  | { readonly kind: 'stale' }
  /** The operation's epoch is newer than the node's. */
  | { readonly kind: 'behind' }
  /** HTTP's 421: not a member, or one that may not answer (R1, R2). */
  | { readonly kind: 'not-serving' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

const GET = 1;
const SET = 2;
const EMPTY = Buffer.alloc(0);

const KINDS = [
  'found',
  'absent',
  'applied',
  'equal',
  'superseded',
  'floor',
  'stale',
  'behind',
  'not-serving',
  'refused',
] as const satisfies readonly Answer['kind'][];
const REASONS: readonly RefusalReason[] = [
  'malformed',
  'version-too-far-ahead',
  'too-large',
  'full',
];

/** A message in two parts, so that a record is never copied just to stand behind its head. */
export interface EncodedMessage {
  readonly head: Buffer;
  readonly body: Buffer;
}

export function encodeOperation(operation: Operation): EncodedMessage {
  if (operation.kind === 'get') {
    const head = Buffer.allocUnsafe(3);
    head[0] = GET;
    head.writeUInt16BE(operation.partition, 1);
    return { head, body: operation.key };
  }
  const head = Buffer.allocUnsafe(7);
  head[0] = SET;
  head.writeUInt16BE(operation.partition, 1);
  head.writeUInt32BE(operation.epoch, 3);
  return { head, body: operation.record };
}

/** @returns a text that says what is wrong, for anything that is not an operation. */
export function decodeOperation(message: Buffer): Operation | string {
  if (message.length < 3) return `operation of ${message.length} bytes`;
  const partition = message.readUInt16BE(1) as PartitionId;
  if (message[0] === GET) {
    const key = message.subarray(3);
    if (key.length < 1 || key.length > KEY_BYTES_MAX) return `key of ${key.length} bytes`;
    return { kind: 'get', partition, key };
  }
  if (message[0] !== SET) return `operation of kind ${message[0]}`;
  if (message.length < 7) return `set of ${message.length} bytes`;
  const epoch = message.readUInt32BE(3) as Epoch;
  const parsed = parseRecord(message, 7);
  if (parsed.kind === 'malformed') return `record: ${parsed.reason}`;
  if (parsed.kind === 'short' || parsed.record.length !== message.length - 7) {
    return 'record of another length than its message';
  }
  return { kind: 'set', partition, epoch, record: parsed.record };
}

export function encodeAnswer(answer: Answer): EncodedMessage {
  const kind = KINDS.indexOf(answer.kind);
  switch (answer.kind) {
    case 'found':
      return { head: Buffer.of(kind), body: answer.record };
    case 'absent':
    case 'superseded':
    case 'floor':
      return { head: withVersion(kind, answer.version), body: EMPTY };
    case 'refused':
      return { head: Buffer.of(kind, REASONS.indexOf(answer.reason)), body: EMPTY };
    default:
      return { head: Buffer.of(kind), body: EMPTY };
  }
}

/** @returns a text that says what is wrong, for anything that is not an answer. */
export function decodeAnswer(message: Buffer): Answer | string {
  const kind = KINDS[message[0] ?? KINDS.length];
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
    default:
      return message.length === 1 ? { kind } : `${kind} of ${message.length} bytes`;
  }
}

function withVersion(kind: number, version: Version): Buffer {
  const head = Buffer.allocUnsafe(9);
  head[0] = kind;
  head.writeBigUInt64BE(version, 1);
  return head;
}
