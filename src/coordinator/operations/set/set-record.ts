// Makes the record of a set: to be sent, or for the ETag of one that was coalesced and never sent (H41). Pure.

import {
  ATTRIBUTE_CONDITIONAL,
  type Attribute,
  encodeRecord,
  type StoredRecord,
} from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { WriteOutcome, WriteRequest } from './decision.ts';

/** Fields are listed one by one: an object spread would double the cost of this function. */
export function recordOf(request: WriteRequest, version: Version): StoredRecord {
  const { key, value, tombstone, expiresAtMs, attributes } = request;
  return encodeRecord({
    key,
    version,
    tombstone,
    expiresAtMs,
    attributes: attributes.length === 0 ? attributes : attributes.filter(isNoMark),
    value,
  });
}

/** H39: a restore or import as new brings records that were judged; as sets they are unconditional. */
function isNoMark({ type }: Attribute): boolean {
  return type !== ATTRIBUTE_CONDITIONAL;
}

/** The record of a set that was stored, with its own version, whether it was sent or coalesced. */
export function storedRecordOf(
  request: WriteRequest,
  { version, record }: Extract<WriteOutcome, { kind: 'stored' }>,
): StoredRecord {
  return record ?? recordOf(request, version);
}
