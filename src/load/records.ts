// What the generator knows of the cluster's records: how many there are, their keys, and of each the highest version
// that a set of its own was acknowledged with. Eight bytes a record.

import { VERSION_ZERO, type Version } from '../cluster/model/version.ts';

/** Their versions take 400 MB. Inserts beyond become updates. */
export const RECORDS_MAX = 50_000_000;

export class LoadRecords {
  readonly #prefix: string;
  #acknowledged: BigUint64Array;
  /** Numbers below are given out. */
  #begun: number;
  /** Numbers below are settled: inserted, or given up. */
  #settled: number;
  /** Settled ones above; as many as there are inserts under way at the most. */
  readonly #settledEarly = new Set<number>();

  /** @param count of the records that there are, or that the fill makes */
  constructor(prefix: string, count: number) {
    this.#prefix = prefix;
    this.#acknowledged = new BigUint64Array(count);
    this.#begun = count;
    this.#settled = count;
  }

  /** Records that an operation may choose from: an insert under way is none of them (YCSB does so, too). */
  get count(): number {
    return this.#settled;
  }

  keyOf(record: number): string {
    return `${this.#prefix}${record}`;
  }

  /** @returns the number of a new record, undefined when there can be no more */
  insert(): number | undefined {
    return this.#begun < RECORDS_MAX ? this.#begun++ : undefined;
  }

  /** The insert is over, acknowledged or not. */
  settle(record: number): void {
    if (record < this.#settled) return;
    this.#settledEarly.add(record);
    while (this.#settledEarly.delete(this.#settled)) this.#settled++;
  }

  /** Zero for a record of which no set was acknowledged. */
  acknowledged(record: number): Version {
    return (this.#acknowledged[record] ?? VERSION_ZERO) as Version;
  }

  /** Sets are answered in any order: the highest one counts. */
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
