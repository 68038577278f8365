// A key within a larger buffer: it can be looked up without a copy of it or a view on it. What a record is otherwise,
// is in cluster/model/record.ts.

import {
  RECORD_HEADER_BYTES,
  type RecordHead,
  recordKeyBytes,
} from '../../cluster/model/record.ts';

/** A key: the bytes of a buffer from `from` up to `to`. */
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
