// Lists what a partition has, page by page, for other storage nodes that copy or pull it (R8, R10), and for clients that
// scan it. Whether they may is decided in replica.ts.

import { unreachable } from '../../cluster/assert.ts';
import { SCAN_LOOKED_AT_MAX } from '../../cluster/model/limits.ts';
import {
  isExpired,
  isTombstone,
  recordHead,
  recordKeyBeginsWith,
  recordVersion,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { VERSION_ZERO } from '../../cluster/model/version.ts';
import type { Answer, Operation } from '../../cluster/wire/operations.ts';
import type { ScanOperation } from '../../cluster/wire/scan-operation.ts';
import { BUCKETS, bucketOf, differingBuckets } from '../memory/digest.ts';
import type { PartitionReader } from '../memory/partition-store.ts';

type ListingOperation = Extract<Operation, { kind: 'copy' | 'pull' | 'list' | 'fetch' }>;

const ALL_BUCKETS = new Set(Array.from({ length: BUCKETS }, (_, bucket) => bucket));

export class Listings {
  readonly #store: PartitionReader;
  readonly #chunkBytes: number;

  /** @param chunkBytes the bytes of records that one answer may have; at least one record is sent */
  constructor(store: PartitionReader, chunkBytes: number) {
    this.#store = store;
    this.#chunkBytes = chunkBytes;
  }

  #list(operation: Extract<Operation, { kind: 'copy' | 'pull' }>): Answer {
    const { partition, from } = operation;
    const differing =
      operation.kind === 'copy'
        ? ALL_BUCKETS
        : new Set(differingBuckets(operation.digest, this.#store.digest(partition)));
    const limits = { bytes: this.#chunkBytes, wanted: differing };
    const { records, next } = this.#store.list(partition, from, limits);
    const floor = this.#store.floor(partition);
    return { kind: 'records', floor, differing, records, next };
  }

  answer(operation: ListingOperation): Answer {
    switch (operation.kind) {
      case 'copy':
      case 'pull':
        return this.#list(operation);
      case 'list':
        return this.#heads(operation);
      case 'fetch':
        return this.#recordsOf(operation);
      default:
        return unreachable(operation);
    }
  }

  /**
   * Lists live records, and deletes if they are asked for, with a bounded number of records looked at: a prefix that
   * few keys have must not hold up everything else on this node.
   * @param wallMs the time of the cluster, by which records expire (H31)
   */
  scan(scan: ScanOperation, wallMs: number): Answer {
    const { partition, prefix, since, deletes, values } = scan;
    const { afterKey } = scan.from;
    const from = afterKey.length === 0 ? scan.from : { bucket: bucketOf(afterKey), afterKey };
    const passes = (record: StoredRecord) =>
      recordKeyBeginsWith(record, prefix) &&
      (isTombstone(record) ? deletes : !isExpired(record, wallMs)) &&
      (since === VERSION_ZERO || recordVersion(record) >= since);
    const { records, next } = this.#store.list(partition, from, {
      bytes: Math.min(scan.bytes, this.#chunkBytes),
      heads: !values,
      count: scan.count,
      passes,
      lookedAt: SCAN_LOOKED_AT_MAX,
    });
    const floor = this.#store.floor(partition);
    if (values) return { kind: 'records', floor, differing: ALL_BUCKETS, records, next };
    return { kind: 'heads', floor, heads: records.map(recordHead), next };
  }

  #heads({ partition, from }: Extract<Operation, { kind: 'list' }>): Answer {
    const limits = { bytes: this.#chunkBytes, heads: true };
    const { records, next } = this.#store.list(partition, from, limits);
    const floor = this.#store.floor(partition);
    return { kind: 'heads', floor, heads: records.map(recordHead), next };
  }

  #recordsOf({ partition, keys }: Extract<Operation, { kind: 'fetch' }>): Answer {
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (const key of keys) {
      if (bytes >= this.#chunkBytes) break;
      const record = this.#store.peek(partition, key);
      if (record === undefined) continue;
      records.push(record);
      bytes += record.length;
    }
    const floor = this.#store.floor(partition);
    return { kind: 'records', floor, differing: ALL_BUCKETS, records, next: undefined };
  }
}
