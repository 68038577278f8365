// What a storage node remembers: the partition store. A plain map of records behind the narrow
// interface; who may read or write, and at which epoch, is replica.ts's.

import type { PartitionId } from '../cluster/partition.ts';
import { compareRecords, recordKey, recordVersion, type StoredRecord } from '../cluster/record.ts';
import type { Version } from '../cluster/version.ts';

export type PutOutcome =
  /** `record` is the store's own copy, which never changes. */
  | { readonly kind: 'applied'; readonly record: StoredRecord }
  /** The very same record is there already. */
  | { readonly kind: 'equal' }
  /** A record above the offered one is there; `version` is its own. */
  | { readonly kind: 'superseded'; readonly version: Version };

export interface PartitionStore {
  get(partition: PartitionId, key: Buffer): StoredRecord | undefined;
  /**
   * Compares and applies in one synchronous step (R2, H14b). Invariant I11: the record of a key never
   * falls in the order of `compareRecords`.
   * @param record may be a view on a socket's buffer; what is kept is a copy
   */
  put(partition: PartitionId, record: StoredRecord): PutOutcome;
  items(): number;
  /** Bytes of the records, without what the store needs around them. */
  payloadBytes(): number;
}

export class MapStore implements PartitionStore {
  readonly #partitions = new Map<PartitionId, Map<string, StoredRecord>>();
  #items = 0;
  #payloadBytes = 0;

  get(partition: PartitionId, key: Buffer): StoredRecord | undefined {
    // latin1 gives every byte a character of its own, so distinct keys stay distinct.
    return this.#partitions.get(partition)?.get(key.toString('latin1'));
  }

  put(partition: PartitionId, record: StoredRecord): PutOutcome {
    const records = this.#recordsOf(partition);
    const key = recordKey(record).toString('latin1');
    const present = records.get(key);
    if (present !== undefined) {
      const order = compareRecords(record, present);
      if (order === 0) return { kind: 'equal' };
      if (order < 0) return { kind: 'superseded', version: recordVersion(present) };
    }
    const copy = Buffer.from(record) as StoredRecord;
    records.set(key, copy);
    this.#items += present === undefined ? 1 : 0;
    this.#payloadBytes += record.length - (present?.length ?? 0);
    return { kind: 'applied', record: copy };
  }

  items(): number {
    return this.#items;
  }

  payloadBytes(): number {
    return this.#payloadBytes;
  }

  #recordsOf(partition: PartitionId): Map<string, StoredRecord> {
    let records = this.#partitions.get(partition);
    if (records === undefined) {
      records = new Map();
      this.#partitions.set(partition, records);
    }
    return records;
  }
}
