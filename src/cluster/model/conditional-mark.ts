// The attribute that a conditional record carries (H39): who judged it, at which epoch, and on which unconditional record
// it is based. Every member answers by it alone, so nobody has to remember which keys were judged.
//
//   offset  bytes
//        0      6  epoch of the partition
//        6      8  incarnation of the serialiser
//       14      8  version of the base; absent if there is none
//       22      4  hash of the base

import type { ETag } from './condition.ts';
import type { Epoch, Incarnation } from './identity.ts';
import {
  ATTRIBUTE_CONDITIONAL,
  type Attribute,
  recordAttributes,
  recordHash,
  recordVersion,
  type StoredRecord,
} from './record.ts';
import type { Version } from './version.ts';

const BYTES_WITHOUT_BASE = 14;
const BYTES = 26;

export interface ConditionalMark {
  readonly epoch: Epoch;
  readonly incarnation: Incarnation;
  /**
   * The last unconditional record that this one was judged on, directly or through conditional ones; undefined when
   * there was none.
   */
  readonly base: ETag | undefined;
}

export function encodeMark({ epoch, incarnation, base }: ConditionalMark): Attribute {
  const bytes = Buffer.alloc(base === undefined ? BYTES_WITHOUT_BASE : BYTES);
  bytes.writeUIntBE(epoch, 0, 6);
  bytes.writeBigUInt64BE(BigInt(incarnation), 6);
  if (base !== undefined) {
    bytes.writeBigUInt64BE(base.version, BYTES_WITHOUT_BASE);
    bytes.writeUInt32BE(base.hash, BYTES_WITHOUT_BASE + 8);
  }
  return { type: ATTRIBUTE_CONDITIONAL, bytes };
}

/** @returns undefined for a record that was set without a condition */
export function markOf(record: StoredRecord): ConditionalMark | undefined {
  const bytes = recordAttributes(record).find(({ type }) => type === ATTRIBUTE_CONDITIONAL)?.bytes;
  if (bytes === undefined || (bytes.length !== BYTES && bytes.length !== BYTES_WITHOUT_BASE)) {
    return undefined;
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const base =
    view.length === BYTES
      ? {
          version: view.readBigUInt64BE(BYTES_WITHOUT_BASE) as Version,
          hash: view.readUInt32BE(BYTES_WITHOUT_BASE + 8),
        }
      : undefined;
  return {
    epoch: view.readUIntBE(0, 6) as Epoch,
    incarnation: Number(view.readBigUInt64BE(6)) as Incarnation,
    base,
  };
}

/** How a record that comes late relates to the greater one that is there. */
export type LateRecord =
  /** The record that is there was judged on it: it has had its effect. */
  | 'in-base'
  /** The record that is there was judged without it: its effect would be lost (H39d). */
  | 'outside-base'
  /** It is older than an unconditional record that is there, or that what is there was judged on (H18). */
  | 'older';

/** @param present the greater record of the same key */
export function relationTo(present: StoredRecord, late: StoredRecord): LateRecord {
  const mark = markOf(present);
  if (mark === undefined) return 'older';
  const version = recordVersion(late);
  const { base } = mark;
  if (base === undefined || version > base.version) return 'outside-base';
  if (version < base.version) return 'older';
  return recordHash(late) === base.hash ? 'in-base' : 'outside-base';
}
