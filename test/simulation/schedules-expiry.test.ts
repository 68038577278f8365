// Scripted schedules about what expires (H30): by clocks that differ, through copies, losses of power and what
// is forgotten.

import { describe, expect, test } from 'vitest';
import { VERSION_ZERO } from '../../src/cluster/model/version.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { begun, ConditionalStage, KEY } from './conditional-stage.ts';
import { SEEDS, Stage } from './founded.ts';

const SKEW_MS = 800;
const SHAPE: ClusterShape = {
  storages: 4,
  frontends: 2,
  redundancy: 2,
  fsync: 'always',
  times: { antiEntropyMs: 600, tombstoneGraceMs: 300, expiryGraceMs: 3000 },
};

function readiness(frontend: SimulatedNode): string {
  const reply = frontend.peek(plainGet('/readyz?verbose'));
  return bytesOf(reply).toString();
}

test.each(SEEDS)(
  'H31: a set with a ttl lives as long through a frontend that has just slept, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const frontend = stage.frontend(0);
    stage.pass(2000 + 100 * seed);
    frontend.process.suspend();
    stage.pass(30_000);
    frontend.process.endSuspension(true);
    const write = stage.set(frontend, 'a', 0, 20);
    stage.expectStatus(write, 200);
    stage.pass(15_000);
    stage.expectStatus(stage.get(stage.frontend(1), 'a'), 200);
    stage.expectKept();
  },
);

test.each([-8000, 8000, -3_600_000, 3_600_000])(
  'H31: nor by the clock of a frontend that has only just been started, %i ms off',
  (offMs) => {
    const stage = new Stage(1, SHAPE);
    const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
    frontend.crash(false);
    frontend.process.wallOffsetMs = offMs;
    stage.cut([frontend], stage.cluster.storages);
    frontend.start();
    stage.until('it has a map', () => readiness(frontend).includes('[+]map ok'));
    const early = stage.set(frontend, 'a', 0, 5);
    stage.pass(500);
    expect(early.reply).toBeUndefined();
    stage.heal([frontend], stage.cluster.storages);
    stage.expectStatus(early, 200);
    stage.pass(3000);
    stage.expectStatus(stage.get(other, 'a'), 200);
    stage.pass(2000);
    stage.expectStatus(stage.get(other, 'a'), 404);
  },
);

test('H31: one that cannot be told the time is refused, and one without a map at once', () => {
  const stage = new Stage(1, SHAPE);
  const frontend = stage.frontend(0);
  const refused = (pattern: RegExp) => {
    const write = stage.set(frontend, 'a', 0, 20);
    const sinceMs = stage.world.nowMs;
    stage.until('an answer', () => write.reply !== undefined);
    expect(write.reply?.status).toBe(503);
    expect(bytesOf(write.reply).toString()).toMatch(pattern);
    return write.atMs - sinceMs;
  };
  stage.cut([frontend], stage.cluster.nodes);
  frontend.crash(false);
  frontend.start();
  expect(refused(/no cluster map yet/)).toBeLessThan(100);
  stage.heal([frontend], [stage.cluster.controller]);
  stage.until('it has a map', () => readiness(frontend).includes('[+]map ok'));
  expect(refused(/told this process the time yet/)).toBeLessThan(6000);
  expect(stage.cluster.storages.map((node) => stage.heldBy(node, 'a')).some(Boolean)).toBe(false);
});

test('H31: one through a frontend that nobody tells the time after it slept is refused, and stored nowhere', () => {
  const stage = new Stage(1, SHAPE);
  const frontend = stage.frontend(0);
  stage.pass(2000);
  stage.cut([frontend], stage.cluster.storages);
  frontend.process.suspend();
  stage.pass(30_000);
  frontend.process.endSuspension(true);
  const write = stage.set(frontend, 'a', 0, 20);
  stage.until('an answer', () => write.reply !== undefined);
  expect(write.reply?.status).toBe(503);
  expect(bytesOf(write.reply).toString()).toMatch(/slept.*nothing was stored/);
  stage.heal([frontend], stage.cluster.storages);
  stage.pass(10_000);
  stage.expectStatus(stage.get(stage.frontend(1), 'a'), 404);
});

test.each(SEEDS)(
  'H30: by clocks that differ a value is served until its expiry and nothing older after it, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE, { clockSkewMs: SKEW_MS });
    const { world, cluster } = stage;
    const { random } = world;
    for (const { process } of cluster.nodes) {
      process.wallOffsetMs = random.between(-SKEW_MS / 2, SKEW_MS / 2);
    }
    const keys = Array.from({ length: 6 }, (_, index) => `key${index}`);
    for (let round = 0; round < 250; round++) {
      const key = random.pick(keys);
      const frontend = random.pick(cluster.frontends);
      if (random.chance(0.75)) stage.get(frontend, key);
      else if (random.chance(0.1)) stage.delete(frontend, key);
      else stage.set(frontend, key, 0, random.chance(0.7) ? 1 + random.below(2) : undefined);
      stage.pass(random.between(0, 100));
      if (round % 60 !== 59) continue;
      const node = random.pick(cluster.storages);
      node.crash(true);
      if (random.chance(0.5)) node.disk.wipe();
      node.start();
      // Until the next one there are two copies again.
      stage.pass(6000);
    }
    stage.expectHealed(keys, 2);
    const gets = stage.history.operations.filter(({ kind, ok }) => kind === 'get' && ok);
    expect(gets.filter(({ status }) => status === 404).length).toBeGreaterThan(10);
    expect(gets.filter(({ status }) => status === 200).length).toBeGreaterThan(30);
  },
);

describe('H31: an operation that decides by an expiry goes by the time of the cluster', () => {
  const LINEARIZABLE = { headers: { 'x-fog-read': 'linearizable' } };

  test.each([-8000, 8000])('in a frontend whose clock is %i ms off', (offMs) => {
    const { stage, first, second } = begun(1);
    first.process.wallOffsetMs = offMs;
    stage.pass(5000);
    stage.answer(stage.v1(second, 'PUT', `${KEY}?ttl=5`, { body: 'v' }));
    const statusOf = (options?: typeof LINEARIZABLE) =>
      stage.answer(stage.v1(first, 'GET', KEY, options)).status;
    expect([statusOf(), statusOf(LINEARIZABLE)]).toEqual([200, 200]);
    stage.pass(6000);
    expect([statusOf(), statusOf(LINEARIZABLE)]).toEqual([404, 404]);
  });

  test.each([-8000, 8000])('in an application whose clock is %i ms off', (offMs) => {
    const stage = new ConditionalStage(1, { ...SHAPE, hasApplication: true });
    const { application } = stage.cluster;
    if (application === undefined) throw new Error('the shape has an application');
    application.process.wallOffsetMs = offMs;
    application.start();
    stage.until('it is ready', () => application.living?.isReady === true);
    stage.answer(stage.v1(stage.frontend(0), 'PUT', `${KEY}?ttl=5`, { body: 'v' }));
    const read = () => {
      const options = { isLinearizable: true, minVersion: VERSION_ZERO };
      let kind: string | undefined;
      application.living?.core.get(Buffer.from(KEY), options, (outcome) => {
        kind = outcome.kind;
      });
      stage.until('an answer', () => kind !== undefined);
      return kind;
    };
    expect(read()).toBe('value');
    stage.pass(6000);
    expect(read()).toBe('absent');
  });
});
