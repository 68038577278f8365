// A store whose memory is full starts again with the same memory, whatever filled it, and whatever order its log has:
// random sets, deletes, resets and compactions near the limit, in several lives one after the other.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import {
  encodeRecord,
  isTombstone,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { Compaction } from '../../../src/storage/log/compaction.ts';
import type { RecordLog } from '../../../src/storage/log/log.ts';
import type { OpenLog } from '../../../src/storage/log/log-files.ts';
import { SEGMENTS_RESERVED } from '../../../src/storage/memory/memory-limit.ts';
import { FIRST } from '../../../src/storage/memory/partition-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { SeededRandom } from '../../helpers/random.ts';
import { RecoveringMachine } from '../../helpers/recovering-machine.ts';

const PARTITIONS = [0, 1, 700] as PartitionId[];

class Play {
  readonly random: SeededRandom;
  readonly machine: RecoveringMachine;
  readonly limits: { readonly segmentBytes: number; readonly memoryBytes: number };
  readonly #keys: number;
  readonly #valueBytes: number;
  readonly #deletes: number;
  store: SegmentStore;
  log: RecordLog;
  #version = 0;
  refused = 0;
  compacted = 0;
  /** The most memory that a life began with, as a share of the limit. */
  mostShare = 0;
  /** The most segments above the limit that a life began with. */
  mostSegmentsAbove = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.machine = new RecoveringMachine(seed);
    const segmentBytes = this.random.pick([512, 1024, 4096]);
    const memoryBytes = segmentBytes * this.random.whole(12, 60) + this.random.below(segmentBytes);
    this.limits = { segmentBytes, memoryBytes };
    // All of one length just above a fifth of a segment leave the most at its end.
    this.#valueBytes = this.random.pick([0, 20, 120, segmentBytes / 5, segmentBytes]);
    this.#keys = this.random.pick([1, 2, 8]) * Math.ceil(memoryBytes / (this.#valueBytes + 50));
    this.#deletes = this.random.pick([0, 0.05, 0.3]);
    this.store = new SegmentStore(this.limits);
    this.log = this.#open(this.machine.create());
  }

  #open(open: OpenLog): RecordLog {
    const { machine, random } = this;
    const log = machine.log(open, random.pick([1000, 10_000, 1_000_000]), 'interval');
    new Compaction(log, this.store, machine.process, { write: () => this.compacted++ });
    return log;
  }

  run(rounds: number): void {
    const { random, machine } = this;
    for (let round = 0; round < rounds; round++) {
      machine.process.run(machine.process.incarnation, () => {
        for (let steps = random.below(40); steps > 0; steps--) this.#step();
      });
      if (random.chance(0.3)) machine.world.runUntil(machine.world.nowMs + random.between(0, 30));
    }
  }

  #step(): void {
    const { random, store } = this;
    const partition = random.pick(PARTITIONS);
    const what = random.below(1000);
    if (what < 940) this.set(partition, this.#key(), random.chance(this.#deletes));
    else if (what < 980) this.#forget(partition, random.chance(0.5));
    else if (what < 996) store.work();
    else if (what < 998) this.#reset(partition);
    else store.asides.add(partition);
  }

  /** @returns what became of it */
  set(partition: number, key: string, tombstone = false): string {
    const { random } = this;
    const bytes = random.chance(0.8) ? this.#valueBytes : random.below(2 * this.#valueBytes + 1);
    const record = encodeRecord({
      key: Buffer.from(key),
      version: BigInt(++this.#version) as Version,
      value: Buffer.alloc(tombstone ? 0 : bytes),
      tombstone,
    });
    const at = partition as PartitionId;
    const { kind } = this.store.putCopied(at, record);
    if (kind === 'no-memory') this.refused++;
    if (kind === 'applied') this.log.append({ kind: 'record', partition: at, record });
    return kind;
  }

  #forget(partition: PartitionId, onlyDeletes: boolean): void {
    const { store } = this;
    // As in a storage node: a store that joins forgets nothing (H26).
    if (store.asides.has(partition)) return;
    const key = Buffer.from(this.#key());
    const present = store.peek(partition, key);
    if (present === undefined || (onlyDeletes && !isTombstone(present))) return;
    this.forget(partition, key, recordVersion(present));
  }

  forget(partition: PartitionId, key: Buffer, version: Version): void {
    this.store.forget(partition, key, version);
    this.log.append({ kind: 'forget', partition, key, version });
  }

  #reset(partition: PartitionId): void {
    this.store.reset(partition);
    this.log.append({ kind: 'reset', partition });
  }

  #key(): string {
    return `key ${this.random.below(this.#keys)}`;
  }

  restart(): void {
    const { machine } = this;
    machine.wait<void>((done) => this.log.whenDurable(done));
    machine.crash();
    const before = this.store;
    this.store = new SegmentStore(this.limits);
    const { log } = machine.recover(this.store);
    for (const partition of PARTITIONS) before.asides.restore(partition);
    expect(contentOf(this.store)).toEqual(contentOf(before));
    const { used, limit } = this.store.memory();
    this.mostShare = Math.max(this.mostShare, used / limit);
    const above = (used - limit) / this.limits.segmentBytes;
    this.mostSegmentsAbove = Math.max(this.mostSegmentsAbove, above);
    this.log = this.#open(log);
  }
}

/** Copies, which hold whatever is put and forgotten meanwhile. */
function all(store: SegmentStore): readonly (readonly [PartitionId, StoredRecord])[] {
  return PARTITIONS.flatMap((partition) => {
    const { records } = store.list(partition, FIRST, { bytes: Number.POSITIVE_INFINITY });
    return records.map((record) => [partition, Buffer.from(record) as StoredRecord] as const);
  });
}

function contentOf(store: SegmentStore): readonly string[] {
  return all(store)
    .map(([partition, record]) => `${partition} ${record.toString('hex')}`)
    .sort();
}

describe('a store whose memory was full', () => {
  const ROUNDS = 60;

  test.each(Array.from({ length: 10 }, (_, index) => 10 * index))(
    'starts again with it, and again (D7), from seed %i',
    (first) => {
      for (let seed = first; seed < first + 10; seed++) {
        const play = new Play(seed);
        for (let incarnation = 0; incarnation < 4; incarnation++) {
          play.run(play.random.whole(0, ROUNDS));
          play.restart();
        }
      }
    },
  );

  test('was compacted in these runs, and afterwards had sometimes more than its limit, but never much', () => {
    const plays = Array.from({ length: 40 }, (_, seed) => new Play(seed));
    for (const play of plays) {
      for (let incarnation = 0; incarnation < 2; incarnation++) {
        play.run(ROUNDS);
        play.restart();
      }
    }
    expect(plays.filter(({ refused }) => refused > 0).length).toBeGreaterThan(30);
    expect(plays.filter(({ compacted }) => compacted > 0).length).toBeGreaterThan(10);
    const shares = plays.map(({ mostShare }) => mostShare);
    expect(shares.filter((share) => share > 1).length).toBeGreaterThan(1);
    // Of the 256 of a server that is a hundredth; more where the cleaner has not done what it can.
    const most = Math.max(...plays.map(({ mostSegmentsAbove }) => mostSegmentsAbove));
    expect(most).toBeLessThan(SEGMENTS_RESERVED);
  });

  test('takes deletes though it has more than the limit, and then keeps to the limit again', () => {
    let raised = 0;
    for (let seed = 0; seed < 60; seed++) {
      const play = new Play(seed);
      for (let incarnation = 0; incarnation < 3 && play.mostShare <= 1; incarnation++) {
        play.run(ROUNDS);
        play.restart();
      }
      if (play.mostShare <= 1) continue;
      raised++;
      deleteAll(play);
      expect(play.store.items()).toBe(0);
      for (let key = 0; play.set(0, `key ${key}`) !== 'no-memory'; key++);
      expect(play.store.items()).toBeGreaterThan(0);
      expect(play.store.memory().used).toBeLessThanOrEqual(play.limits.memoryBytes);
    }
    expect(raised).toBeGreaterThan(3);
  });
});

function deleteAll(play: Play): void {
  const { store } = play;
  for (const [partition, record] of all(store)) {
    if (isTombstone(record)) play.forget(partition, recordKey(record), recordVersion(record));
  }
  while (store.work());
  for (const [partition, record] of all(store)) {
    const key = recordKey(record);
    expect(play.set(partition, key.toString(), true)).toBe('applied');
    const tombstone = store.peek(partition, key);
    if (tombstone !== undefined) play.forget(partition, key, recordVersion(tombstone));
  }
  while (store.work());
}
