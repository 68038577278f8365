// The generator's knowledge of the cluster's records: how many there are, their keys, and the highest version with
// which one of its own sets of each was acknowledged. It takes eight bytes a record.

import { VERSION_ZERO, type Version } from '../cluster/model/version.ts';

/** Versions of so many records take 400 MB. Inserts beyond become updates. */
export const RECORDS_MAX = 50_000_000;

export class LoadRecords {
  readonly #prefix: string;
  #acknowledged: BigUint64Array;
  /** All numbers below this one are taken, by the fill or by inserts. */
  #begun: number;
  /** All numbers below this one are settled: their insert is over, acknowledged or given up. */
  #settled: number;
  /** Settled numbers above `#settled`: at most as many as inserts are in flight. */
  readonly #settledEarly = new Set<number>();

  /** @param count how many records there are already, or the fill makes */
  constructor(prefix: string, count: number) {
    this.#prefix = prefix;
    this.#acknowledged = new BigUint64Array(count);
    this.#begun = count;
    this.#settled = count;
  }

  /** How many records an operation may choose from: without inserts in flight, as in YCSB. */
  get count(): number {
    return this.#settled;
  }

  keyOf(record: number): string {
    return `${this.#prefix}${record}`;
  }

  /** @returns the number of a new record; undefined when there can be no more */
  insert(): number | undefined {
    return this.#begun < RECORDS_MAX ? this.#begun++ : undefined;
  }

  /** Notes that the insert is over, acknowledged or not. */
  settle(record: number): void {
    if (record < this.#settled) return;
    this.#settledEarly.add(record);
    while (this.#settledEarly.delete(this.#settled)) this.#settled++;
  }

  /** @returns the highest acknowledged version; zero if no set of the record was acknowledged */
  acknowledged(record: number): Version {
    return (this.#acknowledged[record] ?? VERSION_ZERO) as Version;
  }

  /** Notes an acknowledged set: only the highest version counts, as sets are answered in any order. */
  acknowledge(record: number, version: Version): void {
    if (record >= this.#acknowledged.length) this.#grow(record + 1);
    if (version > this.acknowledged(record)) this.#acknowledged[record] = version;
  }

  #grow(count: number): void {
    const larger = new BigUint64Array(Math.max(count, 2 * this.#acknowledged.length));
    larger.set(this.#acknowledged);
    this.#acknowledged = larger;
  }
}
