// Versions of manifests, as a history compares them.

import { recordValue, recordVersion, type StoredRecord } from '../cluster/model/record.ts';
import type { Version } from '../cluster/model/version.ts';

/** So many bytes of the value of a manifest tell it from any other. */
const ORDERED_BYTES = 64;

/**
 * A number by which records of one key have their order (H20, D10): the version, then the bytes of the value. A history
 * knows only names of values, and two frontends may mint one version.
 */
export function orderOf(record: StoredRecord): Version {
  const beginning = Buffer.alloc(ORDERED_BYTES);
  recordValue(record).copy(beginning);
  return withBytes(recordVersion(record), beginning);
}

/** Of a record of which only the version is known, the highest that it may be. */
export function atMost(version: Version): Version {
  return withBytes(version, Buffer.alloc(ORDERED_BYTES, 0xff));
}

function withBytes(version: Version, bytes: Buffer): Version {
  const order = (version << BigInt(8 * bytes.length)) | BigInt(`0x${bytes.toString('hex')}`);
  return order as Version;
}
