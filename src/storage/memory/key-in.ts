// A key where its bytes are, so that nobody copies them, or makes a view on them, to look for it.

import {
  RECORD_HEADER_BYTES,
  type RecordHead,
  recordKeyBytes,
} from '../../cluster/model/record.ts';

/** A key, wherever its bytes are. */
export interface KeyIn {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

export function keyIn(key: Buffer): KeyIn {
  return { bytes: key, from: 0, to: key.length };
}

export function keyInRecord(record: RecordHead): KeyIn {
  const to = RECORD_HEADER_BYTES + recordKeyBytes(record);
  return { bytes: record, from: RECORD_HEADER_BYTES, to };
}
