// The log and its compaction against a plain map: random operations on the store, restarts at any time, tails torn
// behind what was acknowledged. What comes back is what was there, and the log stays short.

import { describe, expect, test, vi } from 'vitest';
import type { Epoch, Incarnation } from '../../../src/cluster/model/identity.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import {
  encodeRecord,
  recordHead,
  recordKey,
  recordVersion,
} from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { Compaction } from '../../../src/storage/log/compaction.ts';
import type { RecordLog } from '../../../src/storage/log/log.ts';
import type { LogEntry } from '../../../src/storage/log/log-entry.ts';
import type { OpenLog } from '../../../src/storage/log/log-files.ts';
import { FIRST } from '../../../src/storage/memory/partition-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { Machine } from '../../helpers/machine.ts';
import { firstFreshSeed, SeededRandom } from '../../helpers/random.ts';

const PARTITIONS = [0, 1, 700] as PartitionId[];
const SILENT = { write: () => undefined };

/** @returns false where there was no memory for it */
function redo(store: SegmentStore, entry: LogEntry): boolean {
  const { partition } = entry;
  if (entry.kind === 'record') {
    return store.putCopied(partition, entry.record).kind !== 'no-memory';
  }
  if (entry.kind === 'reset') store.reset(partition);
  else if (entry.kind === 'complete') store.setComplete(partition, entry);
  else {
    if (entry.kind !== 'forget') store.raiseFloor(partition, entry.version);
    if (entry.kind !== 'floor') store.forget(partition, entry.key, entry.version);
  }
  return true;
}

/** What a store holds, in words: floors, and the version and length of each record. */
function contentOf(store: SegmentStore): string {
  const lines = PARTITIONS.flatMap((partition) => {
    const { records } = store.list(partition, FIRST, { bytes: Number.POSITIVE_INFINITY });
    const texts = records.map((record) => {
      return `${partition} ${recordKey(record)} ${recordVersion(record)} ${record.length}`;
    });
    const marks = `floor ${store.floor(partition)} complete ${store.completeness(partition)?.epoch}`;
    return [`${partition} ${marks}`, ...texts.sort()];
  });
  return lines.join('\n');
}

/** The same of a plain map. */
class Model {
  readonly #floors = new Map<PartitionId, bigint>();
  readonly #complete = new Map<PartitionId, number>();
  readonly #records = new Map<string, string>();

  redo(entry: LogEntry): void {
    const { kind, partition } = entry;
    if (kind === 'record') {
      const { record } = entry;
      const name = `${partition} ${recordKey(record)}`;
      this.#records.set(name, `${name} ${recordVersion(record)} ${record.length}`);
    } else if (kind === 'complete') {
      this.#complete.set(partition, entry.epoch);
    } else if (kind === 'reset') {
      this.#floors.delete(partition);
      this.#complete.delete(partition);
      for (const name of this.#records.keys()) {
        if (name.startsWith(`${partition} `)) this.#records.delete(name);
      }
    } else {
      const floor = this.#floors.get(partition) ?? 0n;
      if (kind !== 'forget' && entry.version > floor) this.#floors.set(partition, entry.version);
      if (kind !== 'floor') this.#records.delete(`${partition} ${entry.key}`);
    }
  }

  content(): string {
    const lines = PARTITIONS.flatMap((partition) => {
      const texts = [...this.#records].filter(([name]) => name.startsWith(`${partition} `));
      const floor = `floor ${this.#floors.get(partition) ?? 0n}`;
      const marks = `${partition} ${floor} complete ${this.#complete.get(partition)}`;
      return [marks, ...texts.map(([, text]) => text).sort()];
    });
    return lines.join('\n');
  }
}

class Play {
  readonly random: SeededRandom;
  readonly machine: Machine;
  readonly #fileBytes: number;
  readonly #keys: number;
  readonly #isCache: boolean;
  store: SegmentStore;
  log: RecordLog;
  compaction: Compaction;
  #version = 0n;
  #memoryBytes = 7000;
  compacted = 0;
  evicted = 0;
  /** What is down for certain, and what was appended since: any part of it may come back. */
  readonly #model = new Model();
  #since: LogEntry[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.machine = new Machine(seed);
    this.#fileBytes = this.random.pick([300, 1000, 5000]);
    this.#keys = this.random.pick([5, 40]);
    this.#isCache = this.random.chance(0.3);
    this.store = this.#newStore();
    [this.log, this.compaction] = this.#open(this.machine.create());
  }

  /** After a restart a cache has memory for everything: what a replay evicts is not logged, and not in the model. */
  #newStore(): SegmentStore {
    if (!this.#isCache) return new SegmentStore({ segmentBytes: 4096 });
    const options = { segmentBytes: 512, memoryBytes: this.#memoryBytes };
    const store = new SegmentStore(options);
    store.evicted = (partition, key, version) => {
      this.evicted++;
      this.#append({ kind: 'evicted', partition, key, version });
    };
    store.whenFull = 'evict';
    this.#memoryBytes += 30_000;
    return store;
  }

  #append(entry: LogEntry): void {
    this.log.append(entry);
    this.#since.push(entry);
  }

  #open(open: OpenLog): [RecordLog, Compaction] {
    const { machine } = this;
    const log = machine.log(
      open,
      this.#fileBytes,
      this.random.pick(['always', 'interval', 'never']),
    );
    const lines = { write: () => this.compacted++ };
    return [log, new Compaction(log, this.store, machine.process, lines)];
  }

  step(): void {
    const entry = this.#draw();
    if (entry === undefined) return;
    if (redo(this.store, entry)) this.#append(entry);
  }

  #draw(): LogEntry | undefined {
    const { random, store } = this;
    const partition = random.pick(PARTITIONS);
    const key = Buffer.from(`key ${random.below(this.#keys)}`);
    const what = random.below(100);
    if (what < 80) {
      const value = Buffer.alloc(random.below(120));
      const record = encodeRecord({ key, version: ++this.#version as Version, value });
      return { kind: 'record', partition, record };
    }
    if (what < 82) return { kind: 'reset', partition };
    if (what < 84) {
      const epoch = Number(this.#version) as Epoch;
      return { kind: 'complete', partition, epoch, incarnation: 7 as Incarnation };
    }
    const version = this.#version as Version;
    if (what < 90) {
      return store.floor(partition) < version ? { kind: 'floor', partition, version } : undefined;
    }
    const present = store.get(partition, key);
    if (present === undefined) return undefined;
    const own = recordVersion(present);
    const isAbove = own > store.floor(partition);
    const kind = what < 95 || !isAbove ? 'forget' : 'evicted';
    return { kind, partition, key, version: own };
  }

  run(rounds = 40): void {
    const { random, machine } = this;
    for (let round = 0; round < rounds; round++) {
      for (let steps = random.below(20); steps > 0; steps--) {
        machine.process.run(machine.process.incarnation, () => this.step());
        if (random.chance(0.5)) machine.world.runUntil(machine.world.nowMs + random.between(0, 3));
      }
      if (random.chance(0.3)) {
        machine.wait<void>((done) => this.log.whenDurable(done));
        this.#settle(this.#since.length);
      }
      if (random.chance(0.3)) machine.world.runUntil(machine.world.nowMs + random.between(0, 200));
      if (random.chance(0.2)) this.restart();
    }
    this.restart();
  }

  /** At whatever moment this is, in the middle of whatever is under way. */
  restart(): void {
    const { machine } = this;
    machine.crash();
    this.store = this.#newStore();
    const open = machine.replay((entry) => redo(this.store, entry));
    const content = contentOf(this.store);
    while (content !== this.#model.content() && this.#since.length > 0) this.#settle(1);
    expect(content).toBe(this.#model.content());
    this.#since = [];
    [this.log, this.compaction] = this.#open(open);
  }

  #settle(entries: number): void {
    for (const entry of this.#since.splice(0, entries)) this.#model.redo(entry);
  }
}

const FRESH = firstFreshSeed();

describe('what a log brings back', () => {
  test.each(Array.from({ length: 100 }, (_, index) => FRESH + 10 * index))(
    'is what was there when it was down, or something later (I14, D7), from seed %i',
    (first) => {
      new Play(first).run();
      for (let seed = first + 1; seed < first + 10; seed++) new Play(seed).run(8);
    },
  );

  test('was compacted many times in these runs, and caches among them evicted', () => {
    let compacted = 0;
    let evicted = 0;
    for (let seed = FRESH; seed < FRESH + 100; seed++) {
      const play = new Play(seed);
      play.run();
      compacted += play.compacted;
      evicted += play.evicted;
    }
    expect(compacted).toBeGreaterThan(20);
    expect(evicted).toBeGreaterThan(20);
  });
});

test.each([1, 2, 3, 4, 5])(
  'what a joiner had stays in its log while it comes back (H15), seed %i',
  (seed) => {
    const random = new SeededRandom(seed);
    const machine = new Machine(seed);
    const store = new SegmentStore({ segmentBytes: 4096 });
    const log = machine.log(machine.create(), 4096, 'always');
    const compacted = vi.fn();
    new Compaction(log, store, machine.process, { write: compacted });
    let version = 0;
    const put = (partition: PartitionId, key: string) => {
      const value = Buffer.alloc(100);
      const record = encodeRecord({
        key: Buffer.from(key),
        version: BigInt(++version) as Version,
        value,
      });
      store.putCopied(partition, record);
      log.append({ kind: 'record', partition, record });
      return record;
    };
    const [joined, other] = [PARTITIONS[0], PARTITIONS[1]] as [PartitionId, PartitionId];
    const before = Array.from({ length: 100 }, (_, index) => put(joined, `key ${index}`));
    for (let step = 0; step < 600; step++) {
      machine.process.run(machine.process.incarnation, () => put(other, `key ${step % 20}`));
      if (step === 100 * seed) store.asides.add(joined);
      if (random.chance(0.3)) store.asides.takeBack(joined, recordHead(random.pick(before)));
      machine.wait<void>((done) => log.whenDurable(done));
    }
    expect(compacted).toHaveBeenCalled();
    machine.crash();
    const again = new SegmentStore();
    machine.replay((entry) => redo(again, entry));
    expect(again.list(joined, FIRST, { bytes: 1e9 }).records).toHaveLength(before.length);
  },
);

describe('a log that is overwritten for ever', () => {
  const FILE_BYTES = 4096;
  const put = (store: SegmentStore, log: RecordLog, index: number) => {
    const partition = (index % 3) as PartitionId;
    const key = Buffer.from(`key ${index % 100}`);
    const value = Buffer.alloc(100, index);
    const record = encodeRecord({ key, version: BigInt(index + 1) as Version, value });
    const outcome = store.putCopied(partition, record);
    if (outcome.kind === 'applied') log.append({ kind: 'record', partition, record });
  };

  test.each(['always', 'interval', 'never'] as const)(
    'takes three and a quarter times the payload and a few files at most, %s',
    (fsync) => {
      const machine = new Machine(1);
      const store = new SegmentStore({ segmentBytes: 4096 });
      const log = machine.log(machine.create(), FILE_BYTES, fsync);
      new Compaction(log, store, machine.process, SILENT);
      let longest = 0;
      for (let index = 0; index < 20_000; index++) {
        machine.process.run(machine.process.incarnation, () => put(store, log, index));
        if (index % 20 === 0) machine.wait<void>((done) => log.whenDurable(done));
        if (index > 1000) longest = Math.max(longest, log.figures().bytes);
      }
      // Also what blocks and files have around records.
      expect(longest).toBeLessThan(1.2 * 3.25 * store.payloadBytes() + 4 * FILE_BYTES);
      expect(log.figures().writtenBytes).toBeGreaterThan(20 * longest);
      machine.wait((done) => log.sync(done));
      machine.crash();
      const again = new SegmentStore();
      machine.replay((entry) => redo(again, entry));
      expect(again.items()).toBe(store.items());
      expect(again.digest(1 as PartitionId)).toEqual(store.digest(1 as PartitionId));
    },
  );

  test('becomes short while nothing comes in, and then rests', () => {
    const machine = new Machine(1);
    const store = new SegmentStore();
    const open = machine.create();
    const log = machine.log(open, FILE_BYTES);
    for (let index = 0; index < 2000; index++) put(store, log, index);
    machine.wait((done) => log.sync(done));
    const before = log.figures().bytes;
    new Compaction(log, store, machine.process, SILENT);
    machine.world.runUntil(machine.world.nowMs + 20_000);
    const { bytes, writtenBytes } = log.figures();
    expect(bytes).toBeLessThan(before / 5);
    machine.world.runUntil(machine.world.nowMs + 20_000);
    expect(log.figures().writtenBytes).toBe(writtenBytes);
  });

  test('on a disk that was full goes on when there is room (H35)', () => {
    const machine = new Machine(1);
    const store = new SegmentStore();
    const log = machine.log(machine.create(), FILE_BYTES, 'never');
    for (let round = 0; round < 4; round++) {
      for (let index = 0; index < 1000; index++) put(store, log, index);
    }
    machine.wait((done) => log.sync(done));
    const { bytes } = log.figures();
    new Compaction(log, store, machine.process, SILENT);
    machine.disk.fill();
    machine.world.runUntil(machine.world.nowMs + 60_000);
    expect(log.problem?.detail).toBe('ENOSPC');
    machine.disk.free();
    machine.world.runUntil(machine.world.nowMs + 60_000);
    expect(log.problem).toBeUndefined();
    expect(log.figures().bytes).toBeLessThan(bytes);
    const again = new SegmentStore();
    machine.crash();
    machine.replay((entry) => redo(again, entry));
    expect(again.items()).toBe(store.items());
  });

  test('removes nothing before what was copied is synced, and nothing while it cannot be (H35)', () => {
    const machine = new Machine(1);
    const store = new SegmentStore();
    const log = machine.log(machine.create(), FILE_BYTES, 'never');
    for (let index = 0; index < 1000; index++) put(store, log, index);
    machine.wait((done) => log.sync(done));
    const { files } = log.figures();
    new Compaction(log, store, machine.process, SILENT);
    machine.disk.fill();
    machine.world.runUntil(machine.world.nowMs + 20_000);
    expect(log.problem?.detail).toBe('ENOSPC');
    expect(machine.disk.image().logs.size).toBeGreaterThanOrEqual(files);
    machine.disk.free();
    machine.crash();
    const again = new SegmentStore();
    machine.replay((entry) => redo(again, entry));
    expect(again.items()).toBe(store.items());
  });

  test('has everything after a loss of power at any moment of the compaction', () => {
    let compacted = 0;
    const lines = { write: () => compacted++ };
    for (let ms = 0; ms < 2400; ms += 31) {
      const machine = new Machine(ms);
      const store = new SegmentStore();
      const log = machine.log(machine.create(), FILE_BYTES, 'never');
      for (let index = 0; index < 1000; index++) put(store, log, index);
      machine.wait((done) => log.sync(done));
      new Compaction(log, store, machine.process, lines);
      machine.world.runUntil(machine.world.nowMs + ms);
      machine.crash(true);
      const again = new SegmentStore();
      machine.replay((entry) => redo(again, entry), { mayHaveHoles: true });
      expect(contentOf(again), `after ${ms} ms`).toBe(contentOf(store));
    }
    expect(compacted).toBeGreaterThan(5);
    expect(compacted).toBeLessThan(70);
  });
});
