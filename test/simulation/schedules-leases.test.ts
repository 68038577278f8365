// Scripted schedules about who may answer gets, and when a silent member may be removed: each breaks a
// promise when the rule in its name is broken (test/mutants).

import { describe, expect, test } from 'vitest';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 4, frontends: 2, redundancy: 3, fsync: 'interval' };

/**
 * A storage node and a frontend alone on one side: nothing there hears that the other side goes on without
 * them. The frontend reads what the node still has.
 */
function deserted(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
  const node = stage.named(stage.membersOf('a')[0]?.node ?? '');
  for (const index of SEEDS.keys()) {
    stage.expectStatus(stage.set(frontend, 'a'), 200);
    stage.expectStatus(stage.get(frontend, 'a'), 200);
    stage.pass(index);
  }
  const side = [node, frontend];
  const isolate = () => stage.cut(side, stage.allBut(...side));
  const removed = () => stage.until('removed', () => stage.roleOf(node, 'a') === undefined);
  return { stage, frontend, other, node, side, isolate, removed };
}

describe('a member that was removed answers no gets', () => {
  test.each(SEEDS)('R1: not without a lease, seed %i', (seed) => {
    const { stage, frontend, other, isolate, removed } = deserted(seed);
    isolate();
    removed();
    stage.expectStatus(stage.set(other, 'a'), 200);
    stage.expectStatus(stage.get(frontend, 'a'), 503);
    stage.expectKept();
  });

  test.each(SEEDS)('R6: it is not removed while its lease may live, seed %i', (seed) => {
    const { stage, frontend, other, node, isolate, removed } = deserted(seed);
    isolate();
    removed();
    expect(stage.hasLease(node)).toBe(false);
    const write = stage.set(other, 'a');
    const read = stage.get(frontend, 'a');
    stage.expectStatus(write, 200);
    stage.expectStatus(stage.get(frontend, 'a'), 503);
    stage.expectStatus(read, 503);
    stage.expectKept();
  });

  test.each(SEEDS)('H4: a grant that it reads late is as old as its question, seed %i', (seed) => {
    const { stage, frontend, other, node, side, removed } = deserted(seed);
    const { network } = stage.cluster;
    // So slow that there is always an answer on its way.
    network.delayMs = () => 150;
    stage.pass(2000);
    node.process.pause();
    // The answers arrive, and wait for it.
    stage.pass(200);
    network.delayMs = () => 1;
    stage.cut(side, stage.allBut(...side));
    removed();
    stage.expectStatus(stage.set(other, 'a'), 200);
    const read = stage.get(frontend, 'a');
    stage.pass(10);
    node.process.resume();
    stage.expectStatus(read, 503);
    stage.expectKept();
  });

  test.each(SEEDS)(
    'H3: a grant counts only with the map that it was given under, seed %i',
    (seed) => {
      const { stage, frontend, other, node, isolate, removed } = deserted(seed);
      isolate();
      removed();
      stage.expectStatus(stage.set(other, 'a'), 200);
      // It hears the controller again, and cannot write down what it hears.
      node.disk.stall(2500);
      stage.heal([node], [stage.cluster.controller]);
      stage.pass(1000);
      const read = stage.get(frontend, 'a');
      stage.pass(1000);
      expect(stage.mapOf(node)?.version).not.toEqual(stage.map.version);
      expect(read.reply?.status).not.toBe(200);
      stage.pass(5000);
      stage.expectKept();
    },
  );
});

describe('R6, D2: a fence holds only when a majority of the witnesses knows of it', () => {
  test.each(SEEDS)('the others may grant leases for long, seed %i', (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { controller, storages } = stage.cluster;
    const [suspect, accomplice, third] = stage.map.witnesses.map(({ node }) => stage.named(node));
    if (suspect === undefined || accomplice === undefined || third === undefined)
      throw new Error('there are three witnesses');
    const side = [suspect, accomplice];
    const far = [controller, ...storages.filter((node) => !side.includes(node))];
    stage.cut([suspect], far);
    // A report makes the controller suspect it while it still counts on its accomplice.
    stage.tell(controller, 'report', {
      frontend: 'frontend1:1',
      silent: [],
      unreachable: [stage.incarnationIdOf(suspect)],
    });
    stage.pass(150);
    stage.cut([accomplice], far);
    stage.until('it is fenced', () => stage.map.nodes[suspect.process.name]?.fenced === true, 1000);
    stage.pass(5000);
    expect(stage.hasLease(suspect)).toBe(true);
    stage.expectKept();
    stage.expectHealed(['a'], 3);
  });

  test.each(SEEDS)(
    'H13: and witnesses change only when nobody can use the old ones, seed %i',
    (seed) => {
      const stage = new Stage(seed, { ...SHAPE, storages: 5 });
      const { controller, storages } = stage.cluster;
      const witnesses = stage.map.witnesses.map(({ node }) => stage.named(node));
      const [first, second] = witnesses;
      const bystanders = Object.keys(stage.map.nodes)
        .map((name) => stage.named(name))
        .filter((node) => !witnesses.includes(node));
      // The later one in the map's order is not the one that becomes a witness.
      const client = bystanders.at(-1);
      if (first === undefined || second === undefined || client === undefined)
        throw new Error('there are three witnesses, and two more');
      const side: SimulatedNode[] = [first, second, client];
      stage.cut(side, [controller, ...storages.filter((node) => !side.includes(node))]);
      stage.drain(first);
      stage.until(
        'the witnesses change',
        () =>
          stage.map.nextWitnesses !== undefined ||
          stage.map.witnesses.every(({ node }) => node !== first.process.name),
        1000,
      );
      stage.pass(4000);
      expect(stage.hasLease(client)).toBe(true);
      stage.expectKept();
    },
  );
});

test.each(SEEDS)(
  'R5: a witness grants nothing to a life that it knows is fenced, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const [suspect, witness] = stage.map.witnesses.map(({ node }) => stage.named(node));
    if (suspect === undefined || witness === undefined)
      throw new Error('there are three witnesses');
    const incarnationId = stage.incarnationIdOf(suspect);
    const asked = () => {
      const request = { ...incarnationId, mapVersion: stage.mapOf(suspect)?.version };
      return stage.tell(witness, 'grant', request);
    };
    expect(asked()).toMatchObject({ answer: 'granted' });
    stage.cut([suspect], stage.allBut(suspect));
    stage.until('fenced', () => stage.mapOf(witness)?.nodes[suspect.process.name]?.fenced === true);
    expect(asked()).toMatchObject({ answer: 'fenced' });
  },
);

test.each(SEEDS)(
  'D2: a witness that said goodbye grants nothing more while its process lingers, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { controller } = stage.cluster;
    const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
    const [suspect, leaving, third] = stage.map.witnesses.map(({ node }) => stage.named(node));
    if (suspect === undefined || leaving === undefined || third === undefined)
      throw new Error('there are three witnesses');
    // A witness may itself have one key's only other copies, so the key is on the suspect and the third.
    const key = [...'abcdefghij'].find(
      (name) =>
        stage.roleOf(suspect, name) !== undefined && stage.roleOf(third, name) !== undefined,
    );
    if (key === undefined) throw new Error('no key is on both');
    stage.expectStatus(stage.set(frontend, key), 200);
    const side = [suspect, leaving, frontend];
    // What the leaving one says arrives, and what it is told from then on does not.
    stage.listen(controller, (message) => {
      if (message === 'a storage node says goodbye') {
        stage.cutTo(stage.allBut(...side), [leaving]);
      }
    });
    leaving.stop(10_000);
    stage.until('gone', () => stage.map.nodes[leaving.process.name]?.fenced === true);
    stage.cut([suspect, frontend], [controller, ...stage.allBut(...side)]);
    stage.until('removed', () => stage.roleOf(suspect, key) === undefined);
    stage.until('so is the other', () => stage.roleOf(leaving, key) === undefined);
    stage.expectStatus(stage.set(other, key), 200);
    stage.expectStatus(stage.get(frontend, key), 503);
    stage.expectKept();
  },
);
