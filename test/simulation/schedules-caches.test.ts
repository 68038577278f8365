// Scripted schedules about caches (H40): what is evicted may be absent, and nothing older takes its place,
// also where a partition is copied meanwhile. Each breaks a promise when its rule is broken (test/mutants).

import { describe, expect, test } from 'vitest';
import type { SimulatedNode } from '../../src/simulation/cluster.ts';
import { plainGet } from '../../src/simulation/requests.ts';
import { bucketOf, hashKey, rankOf } from '../../src/storage/memory/digest.ts';
import { SEEDS, Stage } from './founded.ts';

/** Segments, indexes and what the cleaner needs; room for some hundred records of these tests. */
const SMALL = 16_384;
const RECORDS = 100;
const FILLERS = 300;
const FILLING = 'x'.repeat(80);

/** A partition on two nodes of three, in a cache; only this one of them has little memory. */
function cache(seed: number, small: number, memoryBytes = { now: SMALL }) {
  const stage = new Stage(seed, {
    storages: 3,
    frontends: 2,
    redundancy: 2,
    fsync: 'interval',
    whenFull: 'evict',
    memoryBytesOf: (index) => (index === small ? memoryBytes.now : undefined),
    // A record at a time, so that something comes between any two.
    copyChunkBytes: 1,
  });
  const [source, leaver, joiner] = [stage.storage(0), stage.storage(1), stage.storage(2)];
  const partition = stage.partitionOf(stage.keyOf(source, leaver));
  const keys = [...stage.keysIn(partition, RECORDS)].sort(inOrderOfCopies);
  const [late, frontend] = [stage.frontend(0), stage.frontend(1)];
  const [first = '', last = ''] = [keys[0], keys.at(-1)];
  const roleOf = (node: SimulatedNode) => stage.roleOf(node, first);
  const setAll = (all: readonly string[]) => {
    for (const outcome of all.map((key) => stage.set(frontend, key))) {
      stage.expectStatus(outcome, 200);
    }
  };
  /** Sets of another partition, which stays where it is, until the node with little memory has none for the key. */
  const fillers = stage.keysIn(stage.partitionOf(stage.keyOf(source, joiner)), FILLERS);
  const fill = () => {
    for (const key of fillers) {
      frontend.request(plainGet(`/set?key=${key}&value=${FILLING}`), () => undefined);
    }
  };
  const evict = (key: string) => {
    fill();
    stage.until('it is evicted', () => stage.heldBy(stage.storage(small), key) === undefined);
  };
  /** One set after the other, and no more than it takes: the log is not compacted yet. */
  const evictSlowly = (key: string) => {
    for (const filler of fillers) {
      if (stage.heldBy(stage.storage(small), key) === undefined) return;
      stage.expectStatus(stage.set(frontend, filler, FILLING.length), 200);
    }
  };
  /** By a copy that comes from the source. */
  const join = () => {
    stage.cut([joiner], [leaver]);
    stage.drain(leaver);
  };
  const copied = () => {
    stage.until('the copy counts', () => roleOf(joiner) === 'serving');
    stage.until('it is alone with the source', () => roleOf(leaver) === undefined);
  };
  return {
    ...{ stage, source, leaver, joiner, keys, first, last, late, frontend },
    ...{ roleOf, setAll, fill, evict, evictSlowly, join, copied },
  };
}

function inOrderOfCopies(a: string, b: string): number {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return bucketOf(one) - bucketOf(other) || rankOf(hashKey(one)) - rankOf(hashKey(other));
}

describe('H40: what was evicted', () => {
  test.each(SEEDS)('is not followed by a set of before it, seed %i', (seed) => {
    const { stage, source, leaver, first, late, frontend, evict } = cache(seed, 0);
    stage.cut([late], stage.cluster.storages);
    stage.set(late, first);
    stage.pass(100);
    stage.expectStatus(stage.set(frontend, first), 200);
    evict(first);
    stage.heal([late], [source]);
    stage.pass(5000);
    expect(stage.heldBy(source, first)).toBeUndefined();
    expect(stage.heldBy(leaver, first)).toBeDefined();
    for (let times = 0; times < 10; times++) stage.get(frontend, first);
    stage.pass(1000);
    stage.expectKept();
  });

  test.each(SEEDS)('while it was copied is covered in the copy, seed %i', (seed) => {
    const { stage, joiner, keys, last, setAll, evict, join, copied } = cache(seed, 0);
    setAll([...keys].reverse());
    join();
    stage.until('the copy is under way', () => stage.heldBy(joiner, keys[3] ?? '') !== undefined);
    expect(stage.heldBy(joiner, last)).toBeUndefined();
    evict(last);
    expect(stage.heldBy(joiner, last)).toBeUndefined();
    copied();
    expect(stage.heldBy(joiner, last)).toBeUndefined();
    stage.expectKept();
  });

  test.each(SEEDS)('takes with it what came before it, seed %i', (seed) => {
    const { stage, source, joiner, keys, last, late, setAll, evict, join, copied } = cache(seed, 0);
    // 1. An old set, which nobody has yet.
    stage.cut([late], stage.cluster.storages);
    stage.set(late, last);
    stage.pass(100);
    setAll([...keys].reverse());
    // 2. It reaches the joiner first of all, which knows of nothing.
    stage.cut([joiner], [source]);
    join();
    stage.heal([late], [joiner]);
    stage.until('the joiner has the old set', () => stage.heldBy(joiner, last) !== undefined);
    // 3. While the partition is copied, the newer one is evicted.
    stage.heal([joiner], [source]);
    stage.until('the copy is under way', () => stage.heldBy(joiner, keys[3] ?? '') !== undefined);
    evict(last);
    copied();
    stage.expectKept();
  });

  test.each(SEEDS)('by the joiner does not come back with the copy, seed %i', (seed) => {
    const { stage, source, joiner, keys, frontend, setAll, evict, join, copied } = cache(seed, 2);
    setAll(keys);
    join();
    // 1. The source was asked for the next record, and is slow.
    stage.until('the copy is under way', () => stage.heldBy(joiner, keys[3] ?? '') !== undefined);
    source.process.pause();
    stage.pass(50);
    const next = keys.find((key) => stage.heldBy(joiner, key) === undefined) ?? '';
    expect(next).not.toBe('');
    // 2. A set of that key waits there behind the question; the joiner applies it, and evicts it.
    const waiting = stage.set(frontend, next);
    stage.until('the joiner has it', () => stage.heldBy(joiner, next) !== undefined);
    evict(next);
    // 3. The source answers the question, then has the set as well: it is acknowledged.
    source.process.resume();
    stage.expectStatus(waiting, 200);
    copied();
    stage.expectKept();
  });
});

test.each(SEEDS)('H40: a joiner without memory makes room, seed %i', (seed) => {
  const { stage, joiner, keys, frontend, setAll, fill, join, copied } = cache(seed, 2);
  fill();
  setAll(keys);
  join();
  stage.until('it joins', () => stage.heldBy(joiner, keys[0] ?? '') !== undefined);
  fill();
  copied();
  expect(Number(stage.statusOf(joiner).evictions)).toBeGreaterThan(0);
  for (const key of keys) stage.get(frontend, key);
  stage.pass(1000);
  stage.expectKept();
});

test.each(SEEDS)('D7, H40: a log that holds more than fits is read, seed %i', (seed) => {
  const memoryBytes = { now: 10 * SMALL };
  const { stage, source, leaver, keys, first, setAll, fill } = cache(seed, 0, memoryBytes);
  setAll(keys);
  fill();
  stage.pass(1000);
  expect(stage.heldBy(source, first)).toBeDefined();
  memoryBytes.now = SMALL;
  source.crash(false);
  source.start();
  stage.pass(3000);
  expect(stage.roleOf(source, first)).toBe('serving');
  expect(stage.heldBy(source, first)).toBeUndefined();
  expect(stage.heldBy(leaver, first)).toBeDefined();
  stage.expectKept();
});

test.each(SEEDS)('D7, H40: what was evicted does not come back with the log, seed %i', (seed) => {
  const memoryBytes = { now: SMALL };
  const { stage, source, first, frontend, evictSlowly } = cache(seed, 0, memoryBytes);
  stage.expectStatus(stage.set(frontend, first), 200);
  // Compacted, the log would have neither the record nor its eviction.
  evictSlowly(first);
  memoryBytes.now = 10 * SMALL;
  source.crash(false);
  source.start();
  stage.pass(3000);
  expect(stage.roleOf(source, first)).toBe('serving');
  expect(stage.heldBy(source, first)).toBeUndefined();
  stage.expectKept();
});
