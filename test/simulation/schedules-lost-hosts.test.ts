// Scripted schedules about a host that is lost with the controller and a storage node on it: whether those that are
// left are known to have everything (H32), and what the operator's word adds (H5).

import { describe, expect, test } from 'vitest';
import { answeringMembers, type IncarnationId } from '../../src/cluster/model/cluster-map.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf } from '../../src/simulation/requests.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPES = [
  [4, 2],
  [6, 3],
] as const;

function shapeOf(storages: number, redundancy: number): ClusterShape {
  return { storages, redundancy, frontends: 1, fsync: 'always' };
}

/** One acknowledged set in each partition. */
function setEverywhere(stage: Stage): readonly string[] {
  const keys = stage.map.partitions.map((_, partition) => stage.keysIn(partition, 1)[0] ?? '');
  for (const key of keys) stage.expectStatus(stage.set(stage.frontend(0), key), 200);
  return keys;
}

/** The machine burns; another controller starts elsewhere, under the same name. */
function loseHost(stage: Stage, node: SimulatedNode, { byHand = true } = {}): void {
  const { controller } = stage.cluster;
  node.crash(true);
  node.disk.wipe();
  controller.crash(true);
  controller.disk.wipe();
  stage.cluster.controllerRecovers = byHand;
}

function frozenIn({ map }: Stage): number {
  return map.partitions.filter(({ frozen }) => frozen).length;
}

function offlineIn({ map }: Stage): number {
  return map.partitions.filter((entry) => answeringMembers(map, entry).length === 0).length;
}

function helpOf(stage: Stage): { waitingFor: Record<string, number[]>; help: string } | undefined {
  return (stage.statusOf(stage.cluster.controller) as Record<string, unknown>).frozen as never;
}

test.each(SHAPES.flatMap((shape) => SEEDS.map((seed) => [...shape, seed] as const)))(
  'H32: the host of the controller and of a storage node is lost, %i nodes, K=%i, seed %i: all is served by those that are left',
  (storages, redundancy, seed) => {
    const stage = new Stage(seed, shapeOf(storages, redundancy));
    const frontend = stage.frontend(0);
    const keys = setEverywhere(stage);
    const lost = stage.storage(seed % storages);
    loseHost(stage, lost);
    stage.pass(5000);
    stage.cluster.controller.start();
    stage.until('a map', () => stage.map.version.generation > 1);
    expect(frozenIn(stage)).toBe(0);
    for (const key of keys) stage.expectStatus(stage.get(frontend, key), 200);
    for (const key of keys) stage.expectStatus(stage.set(frontend, key), 200);
    stage.until('removed', () => !stage.isMember(lost));
    stage.expectKept();
    // Its machine comes back empty.
    lost.start();
    stage.expectHealed(keys, redundancy);
  },
);

test.each(SEEDS)(
  'H32: the controller is lost again before the leases of before are over, seed %i: what nobody saw frozen is judged anew',
  (seed) => {
    const stage = new Stage(seed, shapeOf(4, 2));
    const keys = setEverywhere(stage);
    const { controller } = stage.cluster;
    loseHost(stage, stage.storage(0));
    for (let start = 0; start < 5; start++) {
      controller.start();
      stage.pass(900);
      controller.crash(true);
      controller.disk.wipe();
    }
    controller.start();
    stage.until('a map', () => stage.map.version.generation > 1);
    expect(frozenIn(stage)).toBe(0);
    for (const key of keys) stage.expectStatus(stage.get(stage.frontend(0), key), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'D6, H5c: half of the nodes burn with the controller, seed %i: those that are left serve by the word of the operator',
  (seed) => {
    const stage = new Stage(seed, shapeOf(4, 2));
    const { controller } = stage.cluster;
    const keys = setEverywhere(stage);
    const lost = [stage.storage(seed % 4), stage.storage((seed + 1) % 4)];
    const isLost = ({ node }: IncarnationId) => lost.some(({ process }) => process.name === node);
    const kept = keys.filter((key) => !stage.membersOf(key).every(isLost));
    loseHost(stage, lost[0] as SimulatedNode);
    loseHost(stage, lost[1] as SimulatedNode);
    stage.pass(5000);
    controller.start();
    stage.pass(10_000);
    expect(stage.map.version.generation).toBe(1);
    for (const { process } of lost) stage.tell(controller, 'forget', { node: process.name });
    // Who has promised lives, whatever he is told.
    const [living] = stage.cluster.storages.filter((node) => !lost.includes(node));
    const told = stage.tell(controller, 'forget', { node: living?.process.name });
    expect(told).toEqual({ forgotten: [], advice: expect.stringMatching(/no map yet.*status/) });
    stage.until('a map', () => stage.map.version.generation > 1);
    stage.pass(3000);
    stage.ask(controller, 'acceptLoss', {});
    stage.until('all serve', () => offlineIn(stage) === 0);
    for (const key of kept) stage.expectStatus(stage.get(stage.frontend(0), key), 200);
    for (const key of keys) stage.expectStatus(stage.set(stage.frontend(0), key), 200);
  },
);

/**
 * One of two members is cut off from all, and believes in itself: the other one goes on without it, and takes a set
 * which is lost with its host.
 * @param hears whether those that are left hear of more than that it is fenced
 */
function removedUnawares(seed: number, hears: boolean) {
  const stage = new Stage(seed, shapeOf(5, 2));
  const { controller } = stage.cluster;
  const frontend = stage.frontend(0);
  const witnesses = stage.map.witnesses.map(({ node }) => stage.named(node));
  const isWitness = (node: SimulatedNode) => witnesses.includes(node);
  // Neither of them a witness whose loss would leave no majority to be asked.
  const pair = stage.map.partitions
    .map(({ members }) => members.map(({ node }) => stage.named(node)))
    .find((nodes) => nodes.filter(isWitness).length <= 1);
  const believer = pair?.find((node) => !isWitness(node));
  const other = pair?.find((node) => node !== believer);
  if (believer === undefined || other === undefined) throw new Error('no such pair');
  const key = stage.keyOf(believer, other);
  stage.expectStatus(stage.set(frontend, key), 200);
  stage.cut([believer], stage.allBut(believer));
  const rest = stage.cluster.storages.filter((node) => node !== other && node !== believer);
  const isFenced = (node: SimulatedNode) =>
    stage.mapOf(node)?.nodes[believer.process.name]?.fenced === true;
  stage.until('fenced', () => rest.every(isFenced));
  // That they know is known; and nobody copies what the other one has.
  stage.pass(300);
  stage.cut(hears ? [other] : [controller, other], rest);
  stage.until('removed', () => stage.roleOf(believer, key) === undefined);
  const last = stage.set(frontend, key);
  stage.expectStatus(last, 200);
  loseHost(stage, other);
  stage.cluster.network.healAll();
  stage.pass(1000);
  controller.start();
  stage.until('a map', () => stage.map.version.generation > 1);
  stage.pass(5000);
  return { stage, believer, other, frontend, key };
}

test.each(SEEDS.flatMap((seed) => [true, false].map((hears) => ({ seed, hears }))))(
  'H32: a member that was removed and does not know is not taken for complete, seed $seed, others heard of the removal: $hears',
  ({ seed, hears }) => {
    const { stage, other, frontend, key } = removedUnawares(seed, hears);
    stage.expectStatus(stage.get(frontend, key), 503);
    expect(stage.map.partitions[stage.partitionOf(key)]?.frozen).toBe(true);
    // Nor by the operator's word; but it is said what accept-loss would do.
    const name = other.process.name;
    const told = stage.tell(stage.cluster.controller, 'forget', { node: name });
    expect(told).toMatchObject({ frozen: expect.arrayContaining([stage.partitionOf(key)]) });
    expect((told as { advice: string }).advice).toMatch(/velour accept-loss would let go on: \d+ /);
    stage.pass(3000);
    stage.expectStatus(stage.get(frontend, key), 503);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'H32, H5: a controller that recovers by itself misses nobody until the operator forgets the node, seed %i',
  (seed) => {
    const stage = new Stage(seed, { ...shapeOf(4, 2), controllerInMemory: true });
    const frontend = stage.frontend(0);
    const keys = setEverywhere(stage);
    const lost = stage.storage(0);
    const { name } = lost.process;
    loseHost(stage, lost, { byHand: false });
    stage.cluster.controller.start();
    stage.until('a map', () => stage.map.version.generation > 1);
    stage.pass(10_000);
    // An earlier controller might run, and grant leases to it: nobody said otherwise.
    expect(frozenIn(stage)).toBeGreaterThan(0);
    const { waitingFor, help } = helpOf(stage) ?? { waitingFor: {}, help: '' };
    expect(waitingFor[name]).toHaveLength(frozenIn(stage));
    expect(help).toMatch(`wait for ${name}`);
    for (let count = 0; count < 2; count++) {
      const told = stage.tell(stage.cluster.controller, 'forget', { node: name });
      expect(told).not.toHaveProperty('frozen');
    }
    stage.until('all are served', () => frozenIn(stage) === 0 && offlineIn(stage) === 0);
    expect(helpOf(stage)).toBeUndefined();
    for (const key of keys) stage.expectStatus(stage.get(frontend, key), 200);
    for (const key of keys) stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
  },
);

describe('H5: the word that a node is gone is not taken of one that lives', () => {
  test.each(SEEDS.flatMap((seed) => [true, false].map((isWhole) => [seed, isWhole] as const)))(
    'though a controller that starts has not heard it yet, seed %i, the others live: %s',
    (seed, isWhole) => {
      const stage = new Stage(seed, shapeOf(4, 2));
      const { controller } = stage.cluster;
      const node = stage.storage(0);
      const { generation } = stage.map.version;
      // Then the controller waits for it, before it opens its generation, for as long as a node may be silent.
      if (!isWhole) stage.storage(1).crash(false);
      controller.crash(false);
      controller.start();
      stage.until('a map', () => stage.map.version.generation > generation);
      const reply = stage.tell(controller, 'forget', { node: node.process.name });
      expect(reply).toEqual({ forgotten: [] });
      stage.pass(1000);
      expect(node.process.alive).toBe(true);
      stage.expectKept();
    },
  );

  test.each(SEEDS)('though the controller stood still when it was said, seed %i', (seed) => {
    const stage = new Stage(seed, shapeOf(4, 2));
    const { controller } = stage.cluster;
    const node = stage.storage(0);
    // It is the first thing that the controller sees when it goes on.
    controller.process.pause();
    const asked = stage.ask(controller, 'forget', { node: node.process.name });
    stage.pass(3000);
    controller.process.resume();
    stage.pass(1000);
    expect(asked.answer).toEqual({ forgotten: [] });
    expect(node.process.alive).toBe(true);
    stage.expectKept();
  });

  test.each(SEEDS)(
    'though only the controller does not hear it, and witnesses do, seed %i',
    (seed) => {
      const stage = new Stage(seed, shapeOf(4, 2));
      const { controller } = stage.cluster;
      const node = stage.storage(0);
      stage.cut([node], [controller]);
      stage.pass(3000);
      expect(stage.hasLease(node)).toBe(true);
      expect(stage.tell(controller, 'forget', { node: node.process.name })).toEqual({
        forgotten: [],
      });
      stage.pass(2000);
      stage.expectKept();
      expect(stage.hasLease(node)).toBe(true);
    },
  );
});

test.each(SEEDS)(
  'H32, H8: an old copy of a directory promises nothing for the lives that it does not know, seed %i',
  (seed) => {
    const shape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'always' } as const;
    const stage = new Stage(seed, shape);
    const { controller } = stage.cluster;
    const [restored, cutOff, later] = [stage.storage(0), stage.storage(1), stage.storage(2)];
    const key = stage.keyOf(restored, cutOff);
    const frontend = stage.frontend(0);
    stage.expectStatus(stage.set(frontend, key), 200);
    // 1. A backup is made while the node is stopped; a later life of it acknowledges a set with who joined since.
    let ended = false;
    restored.stop(0, () => {
      ended = true;
    });
    stage.until('stopped', () => ended);
    const backup = restored.disk.image();
    restored.start();
    stage.until('resumed', () => stage.roleOf(restored, key) === 'serving');
    stage.pass(1000);
    stage.cut([cutOff], stage.allBut(cutOff));
    const replaced = () =>
      stage.roleOf(later, key) === 'serving' && stage.roleOf(cutOff, key) === undefined;
    stage.until('replaced', replaced, 30_000);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.pass(500);
    // 2. The controller's disk and the node's are lost, and who joined is away; the backup is put back.
    for (const node of [restored, later, controller]) node.crash(false);
    restored.disk.restore(backup);
    controller.disk.wipe();
    stage.cluster.controllerRecovers = true;
    stage.heal([cutOff], stage.allBut(cutOff));
    controller.start();
    restored.start();
    stage.pass(5000);
    stage.expectStatus(stage.get(frontend, key), 503);
    // Who has it knows that the node's later life had it, too; the operator says that this one is gone.
    later.start();
    stage.pass(5000);
    stage.ask(controller, 'acceptLoss', {});
    stage.until('it is served', () => stage.roleOf(later, key) === 'serving');
    stage.pass(2000);
    const got = stage.get(frontend, key);
    stage.expectStatus(got, 200);
    expect(bytesOf(got.reply).toString()).toBe('value 2');
    stage.expectKept();
  },
);

describe('I7: a loss is not accepted while those that are given up may answer', () => {
  /**
   * Behind a cut from the controller: all members of a key, one of them a witness, and at last a second witness, before
   * it hears of the fences of these; so both witnesses renew their leases. One frontend is on each side.
   */
  function cutOffMembers(seed: number) {
    const stage = new Stage(seed, { ...shapeOf(5, 2), frontends: 2 });
    const { controller } = stage.cluster;
    const [near, far] = [stage.frontend(0), stage.frontend(1)];
    const witnesses = stage.map.witnesses.map(({ node }) => stage.named(node));
    const { storages } = stage.cluster;
    const isWitness = (node: SimulatedNode) => witnesses.includes(node);
    const pair = stage.map.partitions
      .map(({ members }) => members.map(({ node }) => stage.named(node)))
      .find((nodes) => nodes.filter(isWitness).length === 1);
    if (pair === undefined) throw new Error('no such pair');
    const key = stage.keyOf(...pair);
    const [second] = witnesses.filter((node) => !pair.includes(node)) as [SimulatedNode];
    const others = storages.filter((node) => !pair.includes(node) && node !== second);
    const behind = [...pair, second];
    stage.expectStatus(stage.set(near, key), 200);
    const here = [controller, near, ...others];
    stage.cut([...here, second], [...pair, far]);
    let fenced = 0;
    stage.listen(controller, (message) => {
      if (message !== 'node fenced' || ++fenced < pair.length) return;
      stage.cut(here, [second]);
      stage.heal([second], [...pair, far]);
    });
    const isOffline = () => {
      const entry = stage.map.partitions[stage.partitionOf(key)];
      return entry !== undefined && answeringMembers(stage.map, entry).length === 0;
    };
    stage.until('the partition is offline', isOffline);
    const accept = () => {
      const asked = stage.ask(controller, 'acceptLoss', { partitions: [stage.partitionOf(key)] });
      stage.until('the answer', () => asked.status !== undefined);
      return asked;
    };
    return { stage, controller, near, far, behind, others, key, accept, isOffline };
  }

  test.each(SEEDS)('they are behind a cut, with most of the witnesses, seed %i', (seed) => {
    const { stage, controller, near, far, behind, others, key, accept, isOffline } =
      cutOffMembers(seed);
    stage.pass(5000);
    const refused = accept();
    expect(refused.status).toBe(503);
    expect((refused.answer as { detail: string }).detail).toMatch(
      /still answer gets.*velour forget/,
    );
    stage.expectStatus(stage.get(near, key), 503);
    stage.expectStatus(stage.set(far, key), 200);
    stage.expectStatus(stage.get(far, key), 200);
    stage.heal([controller, near, ...others], [...behind, far]);
    stage.until('it is served', () => !isOffline());
    stage.expectStatus(stage.get(near, key), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('the operator says that they are gone, and they are, seed %i', (seed) => {
    const { stage, controller, near, far, behind, key, accept, isOffline } = cutOffMembers(seed);
    for (const node of behind) {
      node.crash(true);
      node.disk.wipe();
    }
    stage.pass(5000);
    expect(accept().status).toBe(503);
    for (const { process } of behind) stage.tell(controller, 'forget', { node: process.name });
    stage.acceptLoss([key]);
    expect(accept().status).toBe(200);
    stage.until('it is served', () => !isOffline());
    stage.expectStatus(stage.set(near, key), 200);
    stage.heal([near], [far]);
  });
});
