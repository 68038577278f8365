// Scripted schedules about a controller that lost its map and finds it again (H32): each breaks a promise
// when the rule in its name is broken (test/mutants).

import { expect, test } from 'vitest';
import type { ClusterMap } from '../../src/cluster/model/cluster-map.ts';
import { EPOCH_MAX, type Epoch } from '../../src/cluster/model/identity.ts';
import { encodeState, STATE_FILE } from '../../src/controller/map/state-file.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'always' };

/** A key on two nodes that has something; the third node holds nothing. */
function twoCopies(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const { controller } = stage.cluster;
  const [one, other, third] = [stage.storage(0), stage.storage(1), stage.storage(2)];
  const frontend = stage.frontend(0);
  const key = stage.keyOf(one, other);
  stage.drain(third);
  stage.until('the third holds nothing', () => !stage.isMember(third));
  stage.pass(1000);
  stage.expectStatus(stage.set(frontend, key), 200);
  return { stage, controller, one, other, third, frontend, key };
}

/** Its disk is gone, and the operator starts it with --recover. */
function loseController({ cluster }: Stage): void {
  cluster.controller.crash(false);
  cluster.controller.disk.wipe();
  cluster.controllerRecovers = true;
}

/** The parent says so, and the node is removed at once. */
function removeAsDead(stage: Stage, node: SimulatedNode, key: string): void {
  const incarnationId = stage.incarnationIdOf(node);
  node.crash(false);
  stage.tell(stage.cluster.controller, 'death', { ...incarnationId, returning: false });
  stage.until('removed', () => stage.roleOf(node, key) === undefined);
}

test.each([
  ...SEEDS.map((seed) => ({ seed, restarts: false })),
  ...SEEDS.map((seed) => ({ seed, restarts: true })),
])(
  'H32: a partition stays frozen until all members that its entry names have promised, seed $seed, the controller restarts meanwhile: $restarts',
  ({ seed, restarts }) => {
    const { stage, controller, one, other, third, frontend, key } = twoCopies(seed);
    // It never hears that the other one was removed.
    stage.cutTo(stage.allBut(third), [third]);
    removeAsDead(stage, other, key);
    stage.expectStatus(stage.set(frontend, key), 200);
    loseController(stage);
    stage.cut([one], stage.allBut(one));
    stage.healTo(stage.allBut(third, one), [third]);
    other.start();
    controller.start();
    stage.until('a map', () => stage.map.version.generation > 1);
    stage.pass(2000);
    stage.expectStatus(stage.get(frontend, key), 503);
    stage.expectKept();
    if (restarts) {
      stage.cluster.controllerRecovers = false;
      controller.crash(false);
      controller.start();
    }
    stage.heal([one], stage.allBut(one));
    stage.pass(3000);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)('H32: who promised follows no earlier generation any more, seed %i', (seed) => {
  const { stage, controller, one, other, third, frontend, key } = twoCopies(seed);
  const old = stage.map;
  loseController(stage);
  third.crash(false);
  other.crash(false);
  controller.start();
  stage.pass(2000);
  // The controller of before was only cut off. It removes the dead, and tells the one that is left.
  const partitions = old.partitions.map(({ epoch, members }) => ({
    epoch: (epoch + 1) as Epoch,
    members: members.filter(({ node }) => node === one.process.name),
  }));
  const version = { ...old.version, number: old.version.number + 1 };
  const told = stage.ask(one, 'pushMap', { map: { ...old, version, partitions } });
  stage.set(frontend, key);
  stage.pass(3000);
  other.start();
  stage.until('a map', () => stage.map.version.generation > old.version.generation);
  stage.pass(3000);
  stage.expectStatus(stage.get(frontend, key), 200);
  stage.expectKept();
  expect(told.answer).toMatchObject({ error: 'overruled' });
});

test.each(SEEDS)(
  'H32: an entry that comes with a late promise goes to the lives that its members have by now, seed %i',
  (seed) => {
    const { stage, controller, one, other, third, frontend, key } = twoCopies(seed);
    stage.cutTo(stage.allBut(one), [one]);
    stage.cutTo(stage.allBut(third), [third]);
    // Its new life opens an epoch that it alone hears of.
    other.crash(false);
    other.start();
    stage.until('resumed', () => stage.mapOf(other)?.version.number === stage.map.version.number);
    loseController(stage);
    stage.cut([other], stage.allBut(other));
    stage.heal([one, third], stage.allBut(other));
    controller.start();
    stage.until('a map', () => stage.map.version.generation > 1);
    stage.pass(1000);
    one.crash(false);
    one.start();
    stage.pass(1000);
    stage.heal([other], stage.allBut(other));
    stage.until('thawed', () => !stage.map.partitions[stage.partitionOf(key)]?.frozen);
    other.crash(false);
    stage.pass(1000);
    stage.expectStatus(stage.get(frontend, key), 200);
    other.start();
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'H32: of two promises on their way to the disk the higher one holds, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const node = stage.storage(0);
    const { cluster, version } = stage.map;
    const higher = version.generation + 10;
    const prepare = (generation: number, nonce: string) =>
      stage.ask(node, 'prepare', { cluster, generation, nonce });
    const [first, second] = [prepare(higher, 'first'), prepare(higher - 5, 'second')];
    stage.pass(1000);
    expect(first.answer).toMatchObject({ generation: higher, nonce: 'first' });
    expect(second.answer).toMatchObject({ generation: higher, nonce: 'first' });
    node.crash(false);
    node.start();
    stage.pass(1000);
    const third = prepare(higher - 1, 'third');
    stage.pass(1000);
    expect(third.answer).toMatchObject({ generation: higher, nonce: 'first' });
  },
);

test.each(
  SEEDS.flatMap((seed) => (['always', undefined] as const).map((fsync) => ({ seed, fsync }))),
)(
  'H32: one generation is promised to one recovery, of the greatest nonce, whatever is repeated or late, seed $seed, with a data directory: $fsync',
  ({ seed, fsync }) => {
    const stage = new Stage(seed, { ...SHAPE, fsync });
    const node = stage.storage(0);
    const { cluster, version } = stage.map;
    const generation = version.generation + 10;
    const prepare = (nonce: string) => stage.ask(node, 'prepare', { cluster, generation, nonce });
    // The second one comes while the first is on its way to the disk.
    const asked = [prepare('n2'), prepare('n1')];
    stage.pass(1000);
    if (fsync !== undefined) {
      node.crash(true);
      node.start();
      stage.pass(1000);
    }
    asked.push(prepare('n1'), prepare('n2'));
    stage.pass(1000);
    for (const { answer } of asked) expect(answer).toMatchObject({ generation, nonce: 'n2' });
    // That one may have ended, and this one publish: it could not go above any more.
    const ask = (nonce: string) => {
      const told = prepare(nonce);
      stage.pass(1000);
      return told.answer;
    };
    expect(ask('n3')).toMatchObject({ generation, nonce: 'n3' });
    expect(ask('n2')).toMatchObject({ generation, nonce: 'n3' });
  },
);

test.each([
  [{ nonce: undefined }, /nonce/],
  [{ nonce: '' }, /nonce/],
  [{ nonce: 'x'.repeat(65) }, /nonce/],
  [{ nonce: 'a b' }, /nonce/],
  [{ generation: 0 }, /generation/],
  [{ generation: 10 ** 15 }, /generation/],
])('H32: a node promises nothing to what it cannot tell from others: %o', (fields, what) => {
  const stage = new Stage(1, SHAPE);
  const { cluster } = stage.map;
  const message = { cluster, generation: 2 * 10 ** 9, nonce: 'x', ...fields };
  const { status, answer } = stage.ask(stage.storage(0), 'prepare', message);
  expect(status).toBe(400);
  expect((answer as { detail: string }).detail).toMatch(what);
  const told = stage.ask(stage.storage(0), 'prepare', { cluster, generation: 1, nonce: 'x' });
  stage.pass(100);
  expect(told.answer).toMatchObject({ generation: 1, nonce: 'x' });
});

test.each(SEEDS)(
  'H32: when a majority of the witnesses has promised, all leases of before run out, seed %i',
  (seed) => {
    const stage = new Stage(seed, { ...SHAPE, storages: 4 });
    const { controller, storages } = stage.cluster;
    controller.crash(false);
    stage.pass(3000);
    expect(storages.every((node) => stage.hasLease(node))).toBe(true);
    const { cluster, witnesses } = stage.map;
    for (const { node } of witnesses.slice(0, 2)) {
      stage.ask(stage.named(node), 'prepare', { cluster, generation: 2 * 10 ** 9, nonce: 'x' });
    }
    stage.pass(1250);
    expect(storages.map((node) => stage.hasLease(node))).toEqual([false, false, false, false]);
  },
);

test.each(SEEDS)(
  'H32, H7: who promised is started anew while others are waited for, and has promised all the same, seed %i',
  (seed) => {
    const { stage, controller, one, other, third, frontend, key } = twoCopies(seed);
    for (const node of [one, other, third]) node.crash(false);
    loseController(stage);
    for (const node of [controller, one, third]) node.start();
    stage.until('found again', () => stage.map.partitions.some(({ frozen }) => frozen), 20_000);
    const frozenAs = () => stage.map.nodes[one.process.name]?.incarnation ?? 0;
    for (let times = 0; times < 2; times++) {
      const before = frozenAs();
      one.crash(false);
      one.start();
      stage.until('a new life of it', () => frozenAs() > before, 10_000);
      stage.pass(1000);
    }
    stage.expectStatus(stage.get(frontend, key), 503);
    other.start();
    stage.until('both serve', () => stage.roleOf(other, key) === 'serving', 10_000);
    stage.until(
      'nothing is frozen',
      () => !stage.map.partitions.some(({ frozen }) => frozen),
      10_000,
    );
    stage.pass(2000);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'I1: two recoveries in one second publish no two maps of one version, and all is served, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { controller } = stage.cluster;
    const [a, b, c] = [stage.storage(0), stage.storage(1), stage.storage(2)];
    const frontend = stage.frontend(0);
    const key = stage.keyOf(a, b);
    stage.expectStatus(stage.set(frontend, key), 200);
    loseController(stage);
    stage.cut([a], [controller]);
    stage.pass(8000 - (stage.world.nowMs % 1000));
    const { generation } = stage.map.version;
    controller.start();
    stage.pass(650);
    // Those who promised hear of nothing: only the frontend sees what is published.
    stage.cutTo([controller], [b, c]);
    stage.until('published, frozen', () => stage.map.version.generation > generation);
    const first = stage.map.version;
    stage.pass(5);
    loseController(stage);
    stage.heal([controller], [a, b, c]);
    controller.start();
    stage.until('published again', () => stage.map.version.nonce !== first.nonce);
    stage.pass(8000);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
  },
);

test.each([true, false])(
  'H32: many recoveries in a row, in memory only: %s, spend epochs and nothing else',
  (controllerInMemory) => {
    const stage = new Stage(1, { ...SHAPE, controllerInMemory });
    const { controller } = stage.cluster;
    const frontend = stage.frontend(0);
    const keys = stage.map.partitions.map((_, partition) => stage.keysIn(partition, 1)[0] ?? '');
    const epochs: number[] = [];
    for (let count = 0; count < 12; count++) {
      for (const key of keys) stage.expectStatus(stage.set(frontend, key), 200);
      loseController(stage);
      stage.cluster.controllerRecovers = !controllerInMemory;
      const { generation } = stage.map.version;
      controller.start();
      stage.until('a map', () => stage.map.version.generation > generation);
      epochs.push(stage.map.partitions[0]?.epoch ?? 0);
      for (const key of keys) stage.expectStatus(stage.get(frontend, key), 200);
    }
    expect(epochs.at(-1)).toBe(12_000_001);
    const metrics = bytesOf(controller.peek(plainGet('/metrics'))).toString();
    const spent = Number(/^velourfog_epochs_spent_ratio (\S+)$/m.exec(metrics)?.[1]);
    expect(spent).toBeCloseTo(12_000_001 / 2 ** 48, 12);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'H32: what an operator lets go on is at an epoch that nobody can know for others, seed %i',
  (seed) => {
    const stage = new Stage(seed, { storages: 3, frontends: 2, redundancy: 3, fsync: 'always' });
    const { controller } = stage.cluster;
    const [a, b, c] = [stage.storage(0), stage.storage(1), stage.storage(2)];
    const [f, g] = [stage.frontend(0), stage.frontend(1)];
    const key = stage.keyOf(a, b, c);
    stage.expectStatus(stage.set(f, key), 200);
    // That a was removed b hears, and f; c does not.
    stage.cutTo([controller], [c]);
    stage.cut([b], [c]);
    removeAsDead(stage, a, key);
    stage.pass(300);
    loseController(stage);
    stage.cut([f], [controller]);
    stage.cut([b], stage.allBut(b, f));
    stage.healTo([controller], [c]);
    a.start();
    controller.start();
    stage.until('a map', () => stage.map.version.generation > 1);
    stage.pass(3000);
    const partition = stage.partitionOf(key);
    const { epoch = 0 } = stage.map.partitions[partition] ?? {};
    expect(stage.map.partitions[partition]?.frozen).toBe(true);
    stage.ask(controller, 'acceptLoss', {});
    stage.until('it goes on', () => stage.map.partitions[partition]?.frozen !== true);
    expect(stage.map.partitions[partition]?.epoch).toBe(epoch + 1_000_000);
    stage.pass(500);
    // Its map has b and c as the members, at the epoch after the one that was frozen.
    stage.set(f, key);
    stage.pass(10_000);
    stage.expectStatus(stage.get(g, key), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'H32: an epoch that only a frontend heard of is not opened again for others, seed %i',
  (seed) => {
    const { stage, controller, one, other, frontend, key } = twoCopies(seed);
    const incarnationId = stage.incarnationIdOf(other);
    other.crash(false);
    stage.tell(controller, 'death', { ...incarnationId, returning: false });
    stage.until('fenced', () => stage.mapOf(one)?.nodes[incarnationId.node]?.fenced === true);
    // The one that is left never hears that it is alone; the frontend does.
    stage.cutTo([controller], [one]);
    stage.until('removed', () => stage.roleOf(other, key) === undefined);
    stage.pass(100);
    loseController(stage);
    stage.cut([frontend], [controller]);
    stage.healTo([controller], [one]);
    other.start();
    controller.start();
    const isBack = () => stage.incarnationIdOf(other).incarnation > incarnationId.incarnation;
    stage.until('back', () => stage.map.version.generation > 1 && isBack());
    stage.until('known', () => stage.mapOf(one)?.version.number === stage.map.version.number);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
  },
);

test('H32, I3: when a partition has spent its epochs, all goes on as it is, and a change is refused with a text', () => {
  const stage = new Stage(1, SHAPE);
  const { controller, storages } = stage.cluster;
  const frontend = stage.frontend(0);
  const key = stage.keyOf(stage.storage(0), stage.storage(1));
  controller.crash(false);
  const { files, logs } = controller.disk.image();
  const number = stage.map.version.number + 1;
  const spent: ClusterMap = {
    ...stage.map,
    version: { ...stage.map.version, number },
    partitions: stage.map.partitions.map((entry) => ({ ...entry, epoch: EPOCH_MAX as Epoch })),
  };
  controller.disk.restore({ files: new Map([...files, [STATE_FILE, encodeState(spent)]]), logs });
  const logged: string[] = [];
  controller.onLog = (message) => logged.push(message);
  controller.start();
  stage.until('known', () => storages.every((node) => stage.mapOf(node)?.version.generation !== 1));
  expect(logged.filter((message) => message.startsWith('epochs run out'))).toHaveLength(1);
  stage.expectStatus(stage.set(frontend, key), 200);
  // Both members come back empty: nobody can take their places, and the map stays as it is.
  for (const node of [stage.storage(0), stage.storage(1)]) {
    node.crash(false);
    node.disk.wipe();
    node.start();
  }
  stage.pass(10_000);
  const before = stage.map.version.number;
  const refused = stage.ask(controller, 'acceptLoss', {});
  stage.pass(2000);
  expect(refused).toMatchObject({ status: 409, answer: { error: 'epochs-spent' } });
  expect(stage.map.version.number).toBe(before);
  stage.expectStatus(stage.get(frontend, key), 503);
});
