// Scripted schedules about what witnesses and members must obey though they cannot store it, and about witnesses
// that are lost: each breaks a promise, or stops sets, when the rule in its name is broken (test/mutants).

import { describe, expect, test } from 'vitest';
import type { SimulatedNode } from '../../src/simulation/cluster.ts';
import { type Outcome, SEEDS, Stage } from './founded.ts';

function witnessesOf(stage: Stage): readonly [SimulatedNode, SimulatedNode, SimulatedNode] {
  const [first, second, third] = stage.map.witnesses.map(({ node }) => stage.named(node));
  if (first === undefined || second === undefined || third === undefined)
    throw new Error('there are three witnesses');
  return [first, second, third];
}

function haveInCommon(stage: Stage, some: SimulatedNode, other: SimulatedNode): boolean {
  return stage.map.partitions.some(({ members }) =>
    [some, other].every(({ process }) => members.some(({ node }) => node === process.name)),
  );
}

/** A key of each partition. */
function keysOf(stage: Stage): readonly string[] {
  return stage.map.partitions.map((_, partition) => stage.keysIn(partition, 1)[0] ?? '');
}

function isFenced(stage: Stage, { process }: SimulatedNode): boolean {
  return stage.map.nodes[process.name]?.fenced === true;
}

/** Of some keys at once. */
function expectAll(stage: Stage, outcomes: readonly Outcome[], status: number): void {
  for (const outcome of outcomes) stage.expectStatus(outcome, status);
}

describe('H35: whose disk is full', () => {
  test.each(SEEDS)(
    'obeys what takes its rights away, also where two of three witnesses are so, seed %i',
    (seed) => {
      const stage = new Stage(seed, { storages: 8, frontends: 2, redundancy: 2, fsync: 'always' });
      const [first, second, third] = witnessesOf(stage);
      const pairs = [
        [first, second],
        [first, third],
        [second, third],
      ] as const;
      const full = pairs.find(([one, other]) => !haveInCommon(stage, one, other));
      if (full === undefined) throw new Error('every two witnesses have a partition in common');
      // It misses the maps in which these are no members any more, and reads what they still have.
      const [frontend, reader] = [stage.frontend(0), stage.frontend(1)];
      stage.cut([reader], [stage.cluster.controller]);
      const keys = keysOf(stage);
      expectAll(
        stage,
        keys.map((key) => stage.set(frontend, key)),
        200,
      );
      for (const node of full) node.disk.fill();
      for (const key of keys) stage.set(frontend, key);
      stage.until('they hold nothing', () => !full.some((node) => stage.isMember(node)));
      stage.pass(3000);
      for (let round = 0; round < 5; round++) {
        expectAll(
          stage,
          keys.map((key) => stage.set(frontend, key)),
          200,
        );
        for (const key of keys) stage.get(reader, key);
        stage.pass(50);
      }
      expect(full.map((node) => stage.hasLease(node))).toEqual([false, false]);
      expect(stage.map.nextWitnesses).toBeUndefined();
      stage.expectKept();
    },
  );

  test.each(SEEDS)('leaves with its acknowledgement, and needs no fence, seed %i', (seed) => {
    const stage = new Stage(seed, { storages: 4, frontends: 2, redundancy: 2, fsync: 'interval' });
    const [full, other] = [stage.storage(0), stage.storage(1)];
    const [frontend, reader] = [stage.frontend(0), stage.frontend(1)];
    const key = stage.keyOf(full, other);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.cut([reader], [stage.cluster.controller, other]);
    const before = stage.mapOf(full)?.version;
    let wasFenced = false;
    full.disk.fill();
    stage.set(frontend, key);
    stage.until(
      'it holds nothing',
      () => {
        wasFenced ||= isFenced(stage, full) && stage.isMember(full);
        return !stage.isMember(full);
      },
      2000,
    );
    expect(wasFenced).toBe(false);
    expect(stage.mapOf(full)?.version).toEqual(before);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectStatus(stage.get(reader, key), 503);
    stage.expectKept();
    full.disk.free();
    full.crash(false);
    stage.pass(500);
    stage.expectHealed([key], 2);
  });

  test.each(SEEDS)('is no joiner that sets wait for, seed %i', (seed) => {
    const stage = new Stage(seed, { storages: 3, frontends: 1, redundancy: 2, fsync: 'interval' });
    const [leaver, source, joiner] = [stage.storage(0), stage.storage(1), stage.storage(2)];
    const frontend = stage.frontend(0);
    const [key, own] = [stage.keyOf(leaver, source), stage.keyOf(source, joiner)];
    // It stores no map from here on, and tells so with its next heartbeat; by then it is to join.
    stage.cutTo([joiner], [stage.cluster.controller]);
    joiner.disk.fill();
    stage.set(frontend, own);
    stage.pass(5);
    stage.drain(leaver);
    stage.until('it joins', () => stage.roleOf(joiner, key) === 'joining', 300);
    stage.healTo([joiner], [stage.cluster.controller]);
    stage.until('it joins no more', () => stage.roleOf(joiner, key) === undefined, 2000);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('answers gets on while it has the last copy, seed %i', (seed) => {
    const stage = new Stage(seed, { storages: 3, frontends: 1, redundancy: 2, fsync: 'interval' });
    const [full, gone, third] = [stage.storage(0), stage.storage(1), stage.storage(2)];
    const key = stage.keyOf(full, gone);
    const frontend = stage.frontend(0);
    stage.expectStatus(stage.set(frontend, key), 200);
    gone.crash(false);
    stage.tell(stage.cluster.controller, 'death', {
      ...stage.incarnationIdOf(gone),
      returning: false,
    });
    stage.until('the dead one is removed', () => stage.roleOf(gone, key) === undefined);
    stage.pass(20);
    full.disk.fill();
    // The controller's grants are given under maps that it cannot store, and the witnesses are too few.
    third.crash(false);
    stage.pass(5000);
    expect(stage.mapOf(full)?.version).not.toEqual(stage.map.version);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  });

  test.each(SEEDS)(
    'or whose disk hangs, also where nothing is left to log, gives its partitions up, seed %i',
    (seed) => {
      const stage = new Stage(seed, { storages: 3, frontends: 1, redundancy: 2, fsync: 'always' });
      const [hung, other] = [stage.storage(0), stage.storage(1)];
      const key = stage.keyOf(hung, other);
      hung.disk.stall(600_000);
      // A map that it must store comes; no set does, that would show it in the log.
      stage.drain(stage.storage(2));
      stage.until('it holds nothing of it', () => stage.roleOf(hung, key) === undefined);
      stage.expectStatus(stage.set(stage.frontend(0), key), 200);
      stage.expectKept();
    },
  );
});

describe('R6: a witness that cannot store the map of a fence', () => {
  /** Three nodes, so nobody takes a witness's place: one that is to be fenced, one whose disk is full, another one. */
  function fullWitness(seed: number) {
    const stage = new Stage(seed, { storages: 3, frontends: 2, redundancy: 2, fsync: 'always' });
    const [suspect, full, third] = witnessesOf(stage);
    const [frontend, reader] = [stage.frontend(0), stage.frontend(1)];
    const key = stage.keyOf(suspect, third);
    stage.expectStatus(stage.set(frontend, key), 200);
    full.disk.fill();
    stage.set(frontend, stage.keyOf(suspect, full));
    stage.until('it holds nothing', () => !stage.isMember(full));
    stage.pass(500);
    return { stage, suspect, full, third, frontend, reader, key };
  }

  test.each(SEEDS)('acknowledges it all the same, and keeps to it, seed %i', (seed) => {
    const { stage, suspect, full, frontend, reader, key } = fullWitness(seed);
    const side = [suspect, reader];
    // While it reaches the witness, that one vouches for it (H11): so only after the fence.
    stage.cut(side, stage.allBut(...side));
    stage.until('fenced', () => isFenced(stage, suspect));
    stage.pass(50);
    stage.heal(side, [full]);
    expect(stage.mapOf(full)?.nodes[suspect.process.name]?.fenced).toBe(false);
    const asked = { ...stage.incarnationIdOf(suspect), mapVersion: stage.mapOf(suspect)?.version };
    const { generation, number } = stage.map.version;
    expect(stage.tell(full, 'grant', asked)).toMatchObject({
      answer: 'fenced',
      mapVersion: { generation, number },
    });
    stage.until('removed', () => stage.roleOf(suspect, key) === undefined);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectStatus(stage.get(reader, key), 503);
    stage.expectKept();
  });

  test.each(SEEDS)(
    'D2: and is forgotten by nobody when it starts again without that map, seed %i',
    (seed) => {
      const { stage, suspect, full, frontend, reader, key } = fullWitness(seed);
      const { controller } = stage.cluster;
      const side = [suspect, reader];
      stage.cut(side, stage.allBut(...side));
      stage.until('fenced', () => isFenced(stage, suspect));
      stage.heal(side, [full]);
      stage.until('removed', () => stage.roleOf(suspect, key) === undefined);
      // There is room again, and its new life begins with the map of long ago; nobody tells it another one.
      full.crash(false);
      // What it had begun to write fails first.
      stage.pass(20);
      full.disk.free();
      let incarnationIds = false;
      full.onLog = (message) => {
        if (message !== 'registered') return;
        incarnationIds = true;
        stage.cut([full], [controller]);
      };
      full.start();
      stage.until('it lives', () => incarnationIds);
      stage.pass(20);
      const { version } = stage.map;
      const asked = {
        ...stage.incarnationIdOf(suspect),
        mapVersion: stage.mapOf(suspect)?.version,
      };
      expect(stage.tell(full, 'grant', asked)).toMatchObject({ answer: 'granted' });
      expect(stage.mapOf(full)?.version).not.toEqual(version);
      stage.expectStatus(stage.set(frontend, key), 200);
      for (let round = 0; round < 5; round++) {
        stage.expectStatus(stage.get(reader, key), 503);
        stage.pass(200);
      }
      expect(stage.hasLease(suspect)).toBe(false);
      stage.expectKept();
    },
  );
});

describe('D2: a witness that is silent for good, of whose death nobody has a proof', () => {
  test.each(SEEDS)('is replaced, so that the next one can be missed as well, seed %i', (seed) => {
    const stage = new Stage(seed, { storages: 6, frontends: 1, redundancy: 2, fsync: 'always' });
    const [first, second] = witnessesOf(stage);
    const frontend = stage.frontend(0);
    const keys = keysOf(stage);
    for (const lost of [first, second]) {
      lost.crash(false);
      stage.until('nothing waits for it', () => !stage.isMember(lost));
      stage.until('it is no witness', () =>
        stage.map.witnesses.every(({ node }) => node !== lost.process.name),
      );
      expect(stage.map.witnesses.length).toBe(3);
      expectAll(
        stage,
        keys.map((key) => stage.set(frontend, key)),
        200,
      );
      stage.pass(60_000);
    }
    stage.expectKept();
  });

  test.each(SEEDS)('renews nobody’s lease when it lives on, cut off, seed %i', (seed) => {
    const stage = new Stage(seed, { storages: 6, frontends: 2, redundancy: 2, fsync: 'always' });
    const [first, second, third] = witnessesOf(stage);
    const other = stage.cluster.storages.find((node) => ![first, second, third].includes(node));
    if (other === undefined) throw new Error('there are six nodes');
    const [frontend, reader] = [stage.frontend(0), stage.frontend(1)];
    const keys = keysOf(stage);
    expectAll(
      stage,
      keys.map((key) => stage.set(frontend, key)),
      200,
    );
    // Two nodes and a frontend on the far side, one of them a witness; later another witness comes to them.
    const side = [first, other, reader];
    stage.cut(side, stage.allBut(...side));
    stage.until('replaced', () =>
      stage.map.witnesses.every(({ node }) => node !== first.process.name),
    );
    expect([first, other].map((node) => stage.hasLease(node))).toEqual([false, false]);
    stage.pass(5000);
    stage.cut([second], stage.allBut(second));
    stage.heal([second], side);
    stage.pass(8000);
    expect(stage.isMember(second)).toBe(false);
    expect([first, second, other].map((node) => stage.hasLease(node))).toEqual([
      false,
      false,
      false,
    ]);
    stage.expectKept();
    stage.expectHealed(keys, 2);
  });

  test.each(SEEDS)('stays where nobody can take its place, seed %i', (seed) => {
    const stage = new Stage(seed, { storages: 3, frontends: 1, redundancy: 2, fsync: 'always' });
    const [first] = witnessesOf(stage);
    const { witnesses } = stage.map;
    first.crash(false);
    stage.pass(10_000);
    expect(stage.map.witnesses).toEqual(witnesses);
    expect(stage.map.nextWitnesses).toBeUndefined();
  });
});

test.each(SEEDS)(
  'H13: a witness change is over no sooner than the lease of who is fenced meanwhile, seed %i',
  (seed) => {
    const stage = new Stage(seed, { storages: 5, frontends: 1, redundancy: 2, fsync: 'interval' });
    const witnesses = witnessesOf(stage);
    const bystander = stage.cluster.storages.find((node) => !witnesses.includes(node));
    if (bystander === undefined) throw new Error('there are five nodes');
    // It misses the joint map, and is fenced when that was published already.
    stage.cut([bystander], stage.allBut(bystander));
    stage.pass(400);
    stage.drain(witnesses[0]);
    stage.until('the change begins', () => stage.map.nextWitnesses !== undefined, 300);
    expect(isFenced(stage, bystander)).toBe(false);
    stage.until('the change is over', () => stage.map.nextWitnesses === undefined);
    expect(stage.hasLease(bystander)).toBe(false);
    stage.expectKept();
    stage.heal([bystander], stage.allBut(bystander));
    stage.pass(5000);
    stage.expectKept();
  },
);
