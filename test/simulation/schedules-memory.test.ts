// Scripted schedules about a store that has no memory left (507), and about values that are longer than a
// segment, a chunk and an answer of a copy.

import { describe, expect, test } from 'vitest';
import { replyHeader } from '../../src/cluster/http/http.ts';
import { smallestDigits } from '../../src/cluster/model/partition.ts';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { Emptying } from '../../src/simulation/emptying.ts';
import { checkHasRoom, checkStoredNowhere, heldValues } from '../../src/simulation/full-store.ts';
import type { ClientOperation } from '../../src/simulation/history.ts';
import { keysOfPartitions } from '../../src/simulation/keys.ts';
import { figureOf } from '../../src/simulation/peeks.ts';
import { bytesOf } from '../../src/simulation/requests.ts';
import { nameOf, setRequest, Values } from '../../src/simulation/values.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = {
  storages: 3,
  frontends: 2,
  redundancy: 3,
  fsync: 'interval',
  memoryBytesOf: () => 8000,
  times: { antiEntropyMs: 300, tombstoneGraceMs: 300, expiryGraceMs: 300 },
};
const DAY_MS = 24 * 60 * 60 * 1000;
/** In two partitions only: the index of each that ever had a record takes memory for good. */
const KEYS = keysOfPartitions(smallestDigits(1), 2, 20);

test.each(SEEDS)(
  'a set that is answered 507 is nowhere, and deletes make room, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { cluster, world } = stage;
    const { operations } = stage.history;
    const setAll = (keys: readonly string[]) => {
      for (const key of keys) {
        stage.set(world.random.pick(cluster.frontends), key, 150);
        stage.pass(20);
      }
      stage.pass(2000);
    };
    setAll(KEYS);
    setAll(KEYS);
    const isFull = ({ status }: ClientOperation) => status === 507;
    expect(operations.filter(isFull).length).toBeGreaterThan(10);
    const checkNowhere = () =>
      expect(checkStoredNowhere(operations, heldValues(cluster, KEYS, stage.map.digits))).toEqual(
        [],
      );
    checkNowhere();
    // A delete takes a little memory until the cleaner has what it makes free.
    let left = KEYS.filter((key) => cluster.storages.some((node) => stage.heldBy(node, key)));
    for (let rounds = 0; left.length > 0; rounds++) {
      expect(rounds).toBeLessThan(20);
      left = left.filter((key) => {
        const outcome = stage.delete(stage.frontend(0), key);
        stage.until('an answer', () => outcome.reply !== undefined);
        return outcome.reply?.status !== 200;
      });
    }
    // Forgotten by all, after the grace and a round or two.
    stage.pass(5000);
    const sinceMs = world.nowMs;
    setAll(KEYS.slice(0, 10));
    expect(checkHasRoom(operations, sinceMs)).toEqual([]);
    checkNowhere();
    stage.expectHealed(KEYS, 3);
  },
);

/** Deletes are kept for an hour, and expired records for minutes, as long as there is memory for them. */
const PATIENT: ClusterShape = {
  ...SHAPE,
  times: { antiEntropyMs: 600, tombstoneGraceMs: 3_600_000, expiryGraceMs: 300_000 },
};

function expectEmptied(stage: Stage): void {
  const { world, cluster, history, oracles } = stage;
  const broken: string[] = [];
  const violation = (text: string) => broken.push(text);
  new Emptying({ world, cluster, history, oracles, violation }).play([], stage.map.digits);
  expect(broken.slice(0, 3)).toEqual([]);
  stage.expectHealed(KEYS, 3);
}

test.each(SEEDS)('R10: everything in a full store can be deleted, seed %i', (seed) => {
  expectEmptied(new Stage(seed, PATIENT));
});

test.each(SEEDS)('R10, H31: also where all clocks were days ahead before, seed %i', (seed) => {
  const stage = new Stage(seed, SHAPE);
  const setClocks = (offsetMs: number) => {
    for (const { process } of stage.cluster.nodes) process.wallOffsetMs = offsetMs;
    stage.pass(5000);
  };
  setClocks(3 * DAY_MS);
  // Forgotten while the clocks are ahead, so the floors are.
  for (const key of KEYS) stage.expectStatus(stage.delete(stage.frontend(0), key), 200);
  stage.pass(5000);
  setClocks(0);
  expectEmptied(stage);
});

/**
 * 1. The partition is full of values on its three nodes. One of them is drained, and the only other node is to copy it,
 *    which has half the memory.
 * 2. Everything is deleted. The joiner needs memory for each tombstone, of keys that it never had.
 *
 * Who waits for it can delete nothing, and so there is never memory for it.
 */
test.each(SEEDS)('R8, R10: a joiner without memory keeps nobody from deleting, seed %i', (seed) => {
  let poor = -1;
  const stage = new Stage(seed, {
    ...SHAPE,
    storages: 4,
    memoryBytesOf: (storage) => (storage === poor ? 4500 : 8000),
  });
  const { storages } = stage.cluster;
  const keys = stage.keysIn(0, 120);
  const [first = ''] = keys;
  poor = storages.findIndex((node) => stage.roleOf(node, first) === undefined);
  const [joiner, drained] = [stage.storage(poor), stage.storage((poor + 1) % storages.length)];
  joiner.crash(false);
  joiner.start();
  stage.pass(3000);
  for (const key of keys) {
    const set = stage.set(stage.frontend(0), key);
    stage.until('an answer', () => set.reply !== undefined);
  }
  const held = keys.filter((key) => stage.heldBy(drained, key) !== undefined);
  expect(held.length).toBeGreaterThan(10);
  stage.drain(drained);
  stage.until('it joins', () => stage.roleOf(joiner, first) === 'joining', 10_000);
  for (const key of held) stage.expectStatus(stage.delete(stage.frontend(1), key), 200);
  expect(figureOf(stage.cluster.controller, 'velourfog_full_storage_nodes')).toBe(1);
  stage.until('it has the rest', () => stage.roleOf(joiner, first) === 'serving', 60_000);
  stage.until('the other one has left', () => stage.roleOf(drained, first) === undefined, 10_000);
  stage.expectKept();
});

test.each(SEEDS)('long values come whole or not at all, seed %i', (seed) => {
  const stage = new Stage(seed, { ...SHAPE, fsync: 'always', memoryBytesOf: () => undefined });
  const { world, cluster, history } = stage;
  const values = new Values();
  const send = (kind: 'get' | 'set', key: string) => {
    const frontend = world.random.pick(cluster.frontends);
    const value = kind === 'set' ? values.draw(world.random, 0.5) : undefined;
    const operation = history.begin(kind, key, world.nowMs, value?.name);
    const request =
      value === undefined
        ? { ...setRequest(key, values.next()), method: 'GET', target: `/get?key=${key}` }
        : setRequest(key, value);
    frontend.request({ ...request, ...(value ? {} : { body: { kind: 'none' } }) }, (reply) => {
      if (kind === 'get' && reply.status === 200) operation.value = nameOf(bytesOf(reply));
      history.end(operation, world.nowMs, reply.status, replyHeader(reply, 'x-fog-version'));
    });
  };
  for (let round = 0; round < 60; round++) {
    send(world.random.pick(['get', 'set']), world.random.pick(KEYS.slice(0, 6)));
    stage.pass(world.random.between(0, 40));
    if (round % 20 !== 19) continue;
    const node = world.random.pick(cluster.storages);
    node.crash(true);
    if (round > 30) node.disk.wipe();
    node.start();
    stage.pass(5000);
  }
  expect(history.operations.filter(({ ok }) => ok).length).toBeGreaterThan(50);
  stage.expectHealed(KEYS.slice(0, 6), 3);
});

describe('the oracles of a full store', () => {
  const set = (value: string, status: number, startMs = 0): ClientOperation => ({
    kind: 'set',
    key: 'k',
    startMs,
    endMs: startMs + 1,
    value,
    ok: status === 200,
    version: undefined,
    refused: status === 507,
    status,
  });
  const held = [{ node: 'storage0', key: 'k', value: 'x' }];

  test('find what was refused and is there', () => {
    expect(checkStoredNowhere([set('x', 507)], held).join()).toContain('storage0 has k=x');
    expect(checkStoredNowhere([set('x', 200)], held)).toEqual([]);
    expect(checkStoredNowhere([set('x', 507), set('x', 200)], held)).toEqual([]);
    expect(checkStoredNowhere([set('y', 507)], held)).toEqual([]);
  });

  test('find a store that stays full', () => {
    expect(checkHasRoom([set('x', 507, 5)], 10)).toEqual([]);
    expect(checkHasRoom([set('x', 507, 15)], 10).join()).toContain('no set succeeded');
    const one = [set('x', 200, 12), set('y', 507, 15)];
    expect(checkHasRoom(one, 10).join()).toContain('had no room');
    expect(checkHasRoom([set('x', 503, 12), set('y', 200, 15)], 10)).toEqual([]);
  });
});
