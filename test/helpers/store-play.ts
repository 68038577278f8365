// Random operations on a partition store and on a plain map, which are compared all the time.

import { expect } from 'vitest';
import type { WhenFull } from '../../src/cluster/model/cluster-map.ts';
import type { PartitionId } from '../../src/cluster/model/partition.ts';
import {
  compareRecords,
  encodeRecord,
  isPerishable,
  isTombstone,
  recordExpiresAtMs,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../src/cluster/model/version.ts';
import type { Cursor } from '../../src/cluster/wire/operations.ts';
import { bucketOf, Digest, differingBuckets } from '../../src/storage/memory/digest.ts';
import { FIRST } from '../../src/storage/memory/partition-store.ts';
import { SegmentStore } from '../../src/storage/memory/segment-store.ts';
import { expectSame } from './expect-same.ts';
import { SeededRandom } from './random.ts';

export const PARTITIONS = [0, 1, 700] as PartitionId[];
/** What a store is compared with: the record of each key, as bytes of its own. */
type Model = Map<PartitionId, { records: Map<string, StoredRecord>; floor: Version }>;

const nameOf = (key: Buffer) => key.toString('latin1');

export class Play {
  readonly random: SeededRandom;
  readonly store: SegmentStore;
  readonly model: Model = new Map();
  /** The bytes come in a buffer that is used again at once, as a socket's is. */
  readonly #socket = Buffer.alloc(8192);
  readonly #keys: number;
  /** How often each thing came to pass; a test that says nothing about it shows nothing. */
  readonly happened = new Map<string, number>();

  constructor(seed: number, memoryBytes?: number, whenFull: WhenFull = 'refuse') {
    this.random = new SeededRandom(seed);
    this.#keys = this.random.pick([5, 50, 500, 5000]);
    const options = { segmentBytes: 4096, ...(memoryBytes && { memoryBytes }) };
    this.store = new SegmentStore(options);
    this.store.evicted = (...gone) => this.#evicted(...gone);
    this.store.whenFull = whenFull;
  }

  #evicted(partition: PartitionId, key: Buffer, version: Version): void {
    this.#happen('evicted');
    const state = this.of(partition);
    const record = state.records.get(nameOf(key));
    expectSame(record && recordVersion(record), version);
    expect(this.store.floor(partition)).toBeGreaterThanOrEqual(version);
    expectSame(this.store.get(partition, key), undefined);
    state.records.delete(nameOf(key));
    if (version > state.floor) state.floor = version;
  }

  #happen(what: string): void {
    this.happened.set(what, (this.happened.get(what) ?? 0) + 1);
  }

  of(partition: PartitionId) {
    let state = this.model.get(partition);
    if (state === undefined) {
      state = { records: new Map(), floor: VERSION_ZERO };
      this.model.set(partition, state);
    }
    return state;
  }

  key(): Buffer {
    const number = this.random.below(this.#keys);
    return Buffer.from(`${number}`.padStart(1 + (number % 40), 'x'));
  }

  step(round: number): void {
    const partition = this.random.pick(PARTITIONS);
    const what = this.random.below(1000);
    if (what < 900) this.put(partition, round);
    else if (what < 960) this.forget(partition);
    else if (what < 990) this.get(partition);
    else if (what < 998) this.store.work();
    else if (what < 999) this.raiseFloor(partition, round);
    else this.reset(partition);
  }

  put(partition: PartitionId, round: number): void {
    const { random, store } = this;
    const key = this.key();
    const tombstone = random.chance(0.1);
    const record = encodeRecord({
      key,
      version: BigInt(Math.max(0, round - random.below(50))) as Version,
      tombstone,
      expiresAtMs: random.chance(0.1) ? round : 0,
      // Some are above a quarter of a segment, and stay on their own.
      value: Buffer.alloc(tombstone ? 0 : random.below(random.chance(0.1) ? 2000 : 100), round),
    });
    record.copy(this.#socket);
    const { records, floor } = this.of(partition);
    const present = records.get(nameOf(key));
    const copied = random.chance(0.2);
    const given = this.#socket.subarray(0, record.length) as StoredRecord;
    const outcome = copied ? store.putCopied(partition, given) : store.put(partition, given);
    this.#socket.fill(0, 0, record.length);
    this.#happen(outcome.kind);
    const order = present === undefined ? 1 : compareRecords(record, present);
    const isBelow = floor !== VERSION_ZERO && recordVersion(record) <= floor;
    if (isBelow && !copied) {
      expectSame(outcome, { kind: 'floor', version: floor });
    } else if (present !== undefined && order <= 0) {
      const version = recordVersion(present);
      expectSame(outcome, order === 0 ? { kind: 'equal' } : { kind: 'superseded', version });
    } else if (outcome.kind !== 'no-memory') {
      const isLive = present !== undefined && !isTombstone(present);
      const replacedUntilMs = isLive ? recordExpiresAtMs(present) || Number.POSITIVE_INFINITY : 0;
      expectSame(outcome, { kind: 'applied', replacedUntilMs });
      records.set(nameOf(key), record);
    } else {
      // What is no longer takes the place of what was there.
      expectSame(record.length > (present?.length ?? 0), true);
    }
  }

  get(partition: PartitionId): void {
    const key = this.key();
    const expected = this.of(partition).records.get(nameOf(key));
    const found = this.store.get(partition, key);
    expectSame(found && Buffer.from(found), expected && Buffer.from(expected));
  }

  forget(partition: PartitionId): void {
    const key = this.key();
    const { records } = this.of(partition);
    const present = records.get(nameOf(key));
    const other = (present === undefined ? 7n : recordVersion(present) + 1n) as Version;
    expectSame(this.store.forget(partition, key, other), false);
    if (present === undefined) return;
    expectSame(this.store.forget(partition, key, recordVersion(present)), true);
    records.delete(nameOf(key));
  }

  raiseFloor(partition: PartitionId, round: number): void {
    const version = BigInt(this.random.below(round + 1)) as Version;
    const state = this.of(partition);
    this.store.raiseFloor(partition, version);
    if (version > state.floor) state.floor = version;
    expect(this.store.floor(partition)).toBe(state.floor);
  }

  reset(partition: PartitionId): void {
    this.store.reset(partition);
    this.model.delete(partition);
    expect(this.store.floor(partition)).toBe(VERSION_ZERO);
  }

  /** @param dueRounds enough to look at everything perishable */
  compare(dueRounds = 200): void {
    let items = 0;
    let payload = 0;
    for (const partition of PARTITIONS) {
      const records = [...(this.model.get(partition)?.records.values() ?? [])];
      const digest = new Digest();
      for (const record of records) {
        digest.add(bucketOf(recordKey(record)), record);
        payload += record.length;
        expectSame(this.store.get(partition, recordKey(record))?.equals(record), true);
      }
      items += records.length;
      expect(differingBuckets(this.store.digest(partition), digest.bytes())).toEqual([]);
      const listed = listAll(this.store, partition, this.random.whole(1, 3000));
      expectSame(
        listed.map((record) => record.toString('hex')).sort(),
        records.map((record) => record.toString('hex')).sort(),
      );
      const perishable = records.filter(isPerishable).map((record) => nameOf(recordKey(record)));
      expectSame(new Set(dueOf(this.store, partition, dueRounds)), new Set(perishable));
    }
    expect(this.store.items()).toBe(items);
    expect(this.store.payloadBytes()).toBe(payload);
  }
}

/** Everything of a partition, piece by piece, as a copy takes it. */
function listAll(store: SegmentStore, partition: PartitionId, bytes: number): Buffer[] {
  const all: Buffer[] = [];
  let from: Cursor | undefined = FIRST;
  while (from !== undefined) {
    const { records, next }: { records: readonly Buffer[]; next: Cursor | undefined } = store.list(
      partition,
      from,
      { bytes },
    );
    all.push(...records.map((record) => Buffer.from(record)));
    from = next;
  }
  return all;
}

/** Looked at until everything was. */
function dueOf(store: SegmentStore, partition: PartitionId, rounds: number): string[] {
  const found: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const limits = { lookedAt: 50, found: 20 };
    const due = store.nextDue(partition, () => true, limits);
    found.push(...due.map(({ key }) => nameOf(key)));
  }
  return found;
}
