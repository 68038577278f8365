// The entries of a log: records, and between them marks that say what was dropped (D7). Each entry names its
// partition, so that its reader need not hash keys. Whether the bytes are sound is log-block.ts's.
//
//   bytes  entry, integers big-endian
//       1  kind
//       2  partition
//          record: the record
//          floor: version (8)
//          forget, evicted: version (8), length of the key (2), key
//          complete: epoch (6), incarnation (6)

import { unreachable } from '../../cluster/assert.ts';
import type { Epoch, Incarnation } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import { RECORD_HEADER_BYTES, type StoredRecord } from '../../cluster/model/record.ts';
import type { Version } from '../../cluster/model/version.ts';

export type LogEntry =
  | { readonly kind: 'record'; readonly partition: PartitionId; readonly record: StoredRecord }
  /** The floor of the partition rose to this version: deletes up to it may be forgotten (H24). */
  | { readonly kind: 'floor'; readonly partition: PartitionId; readonly version: Version }
  /** Everything in the partition was dropped, its floor too (H15). */
  | { readonly kind: 'reset'; readonly partition: PartitionId }
  /** The key's record of this version was dropped (H26). */
  | KeyMark<'forget'>
  /** A cache evicted the key's record of this version, and the floor rose to at least this version (H40). */
  | KeyMark<'evicted'>
  /** The node holds everything that was acknowledged in the partition up to this epoch (H29). */
  | ({ readonly kind: 'complete'; readonly partition: PartitionId } & Completeness);

/** The last epoch up to which a node had everything acknowledged in a partition, and its incarnation then. */
export interface Completeness {
  readonly epoch: Epoch;
  readonly incarnation: Incarnation;
}

interface KeyMark<Kind> {
  readonly kind: Kind;
  readonly partition: PartitionId;
  readonly key: Buffer;
  readonly version: Version;
}

/** The codes of the kinds. 0 is not used, because a page that a power loss took consists of zeros. */
const CODES = { record: 1, floor: 2, reset: 3, forget: 4, evicted: 5, complete: 6 } as const;
const HEADER_BYTES = 3;
const VERSION_BYTES = 8;
const KEY_FROM = HEADER_BYTES + VERSION_BYTES + 2;
/** Bytes of an epoch, and of an incarnation, which is a time in milliseconds. */
const NUMBER_BYTES = 6;
/** By code: how many bytes of an entry are read before its length is known. */
const SHORTEST_BYTES: Readonly<Record<number, number>> = {
  [CODES.record]: HEADER_BYTES + RECORD_HEADER_BYTES,
  [CODES.floor]: HEADER_BYTES + VERSION_BYTES,
  [CODES.reset]: HEADER_BYTES,
  [CODES.forget]: KEY_FROM,
  [CODES.evicted]: KEY_FROM,
  [CODES.complete]: HEADER_BYTES + 2 * NUMBER_BYTES,
};

export function entryBytes(entry: LogEntry): number {
  switch (entry.kind) {
    case 'record':
      return HEADER_BYTES + entry.record.length;
    case 'floor':
      return HEADER_BYTES + VERSION_BYTES;
    case 'reset':
      return HEADER_BYTES;
    case 'forget':
    case 'evicted':
      return KEY_FROM + entry.key.length;
    case 'complete':
      return HEADER_BYTES + 2 * NUMBER_BYTES;
    default:
      return unreachable(entry);
  }
}

/** Fills `entryBytes(entry)` bytes of `into`, from `at` on. */
export function writeEntry(entry: LogEntry, into: Buffer, at: number): void {
  into[at] = CODES[entry.kind];
  into.writeUInt16BE(entry.partition, at + 1);
  switch (entry.kind) {
    case 'record':
      into.set(entry.record, at + HEADER_BYTES);
      return;
    case 'reset':
      return;
    case 'floor':
      into.writeBigUInt64BE(entry.version, at + HEADER_BYTES);
      return;
    case 'forget':
    case 'evicted':
      into.writeBigUInt64BE(entry.version, at + HEADER_BYTES);
      into.writeUInt16BE(entry.key.length, at + KEY_FROM - 2);
      into.set(entry.key, at + KEY_FROM);
      return;
    case 'complete':
      into.writeUIntBE(entry.epoch, at + HEADER_BYTES, NUMBER_BYTES);
      into.writeUIntBE(entry.incarnation, at + HEADER_BYTES + NUMBER_BYTES, NUMBER_BYTES);
      return;
    default:
      unreachable(entry);
  }
}

/**
 * Bytes that have the right checksum and yet are not entries were written by later software, or by a bug.
 * @param apply gets entries whose buffers are views on `bytes`
 * @returns what is wrong with the first unreadable entry; undefined when all could be read
 */
export function readEntries(
  bytes: Buffer,
  from: number,
  to: number,
  apply: (entry: LogEntry) => void,
): string | undefined {
  for (let at = from; at < to; ) {
    const entry = readEntry(bytes, at, to);
    if (entry === undefined) return `an entry of kind ${bytes[at]}, which this version cannot read`;
    at += entryBytes(entry);
    apply(entry);
  }
  return undefined;
}

function readEntry(bytes: Buffer, at: number, to: number): LogEntry | undefined {
  if (at + (SHORTEST_BYTES[bytes[at] ?? 0] ?? HEADER_BYTES) > to) return undefined;
  const partition = bytes.readUInt16BE(at + 1) as PartitionId;
  const body = at + HEADER_BYTES;
  switch (bytes[at]) {
    case CODES.record: {
      const length = bytes.readUInt32BE(body);
      if (length < RECORD_HEADER_BYTES || body + length > to) return undefined;
      const record = bytes.subarray(body, body + length) as StoredRecord;
      return { kind: 'record', partition, record };
    }
    case CODES.floor:
      return { kind: 'floor', partition, version: bytes.readBigUInt64BE(body) as Version };
    case CODES.reset:
      return { kind: 'reset', partition };
    case CODES.forget:
    case CODES.evicted: {
      const version = bytes.readBigUInt64BE(body) as Version;
      const from = at + KEY_FROM;
      const end = from + bytes.readUInt16BE(from - 2);
      if (end > to) return undefined;
      const key = bytes.subarray(from, end);
      const kind = bytes[at] === CODES.forget ? 'forget' : 'evicted';
      return { kind, partition, key, version };
    }
    case CODES.complete: {
      const epoch = bytes.readUIntBE(body, NUMBER_BYTES) as Epoch;
      const incarnation = bytes.readUIntBE(body + NUMBER_BYTES, NUMBER_BYTES) as Incarnation;
      return { kind: 'complete', partition, epoch, incarnation };
    }
    default:
      return undefined;
  }
}
