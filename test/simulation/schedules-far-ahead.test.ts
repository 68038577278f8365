// Scripted schedules about versions that are days ahead, because all clocks were when they were minted, and are right
// again (H31): whatever has one can be set, deleted and forgotten again, and takes no other key along.

import { describe, expect, test } from 'vitest';
import { replyHeader } from '../../src/cluster/http/http.ts';
import { parseVersion, versionMilliseconds } from '../../src/cluster/model/version.ts';
import type { WriteOutcome } from '../../src/coordinator/operations/set/decision.ts';
import { Writer } from '../../src/coordinator/operations/set/writer.ts';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { openClusterClient } from './cluster-client.ts';
import { type Outcome, SEEDS, Stage } from './founded.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const MINUTE_MS = 60_000;
const SHAPE: ClusterShape = { storages: 3, frontends: 2, redundancy: 3, fsync: 'interval' };

function stampOf({ reply }: Outcome): number {
  const version = parseVersion(replyHeader(reply, 'x-fog-version') ?? '');
  return version === undefined ? Number.NaN : versionMilliseconds(version);
}

/** A cluster whose clocks were days ahead when these keys were set, and are right again. */
function wasAhead(
  seed: number,
  days: number,
  { partial = false, ...shape }: Partial<ClusterShape> & { readonly partial?: boolean } = {},
) {
  const stage = new Stage(seed, { ...SHAPE, ...shape });
  const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
  const [far = '', near = '', third = ''] = stage.keysIn(0, 3);
  const aheadMs = (outcome: Outcome) =>
    stampOf(outcome) - stage.cluster.controller.process.wallMs();
  const all = (offsetMs: number) => {
    for (const node of stage.cluster.nodes) node.process.wallOffsetMs = offsetMs;
    stage.pass(5000);
  };
  all(days * DAY_MS);
  const set = stage.set(frontend, far);
  stage.expectStatus(set, 200);
  const isAhead = Math.abs(aheadMs(set)) < 5000;
  expect(isAhead).toBe(true);
  const others = stage.cluster.storages.slice(1);
  if (partial) {
    // So short that nobody is removed for it.
    stage.cut([frontend], others);
    const half = stage.set(frontend, near);
    stage.until('one has it', () => stage.heldBy(stage.storage(0), near) !== undefined);
    frontend.crash(false);
    frontend.start();
    stage.heal([frontend], others);
    stage.pass(1000);
    expect(half.reply).toBeUndefined();
  }
  all(0);
  expect(aheadMs(set)).toBeGreaterThan((days - 0.5) * DAY_MS);
  return { stage, frontend, other, others, far, near, third, aheadMs };
}

describe.each([2, 400])('H31: after clocks that were %i days ahead', (days) => {
  test.each(SEEDS)('every key is set, read and deleted as before, seed %i', (seed) => {
    const { stage, frontend, other, far, near, aheadMs } = wasAhead(seed, days);
    for (const each of [frontend, other]) {
      stage.expectStatus(stage.get(each, far), 200);
      const set = stage.set(each, near);
      stage.expectStatus(set, 200);
      expect(Math.abs(aheadMs(set))).toBeLessThan(2 * MINUTE_MS);
    }
    for (const each of [other, frontend, other]) {
      stage.expectStatus(stage.set(each, far), 200);
      stage.expectStatus(stage.get(frontend, far), 200);
      stage.expectStatus(stage.delete(each, far), 200);
      stage.expectStatus(stage.get(frontend, far), 404);
    }
    // Many at once, of which some coalesce others (H41).
    const sets = Array.from({ length: 20 }, (_, index) =>
      stage.set(index % 2 === 0 ? frontend : other, far),
    );
    for (const set of sets) stage.expectStatus(set, 200);
    stage.expectHealed([far, near], 3);
  });

  test.each(SEEDS)('a copy that is made meanwhile takes such sets as well, seed %i', (seed) => {
    const { stage, frontend, far } = wasAhead(seed, days, { fsync: undefined });
    const node = stage.storage(0);
    node.crash(true);
    stage.until(
      'it is gone',
      () => !stage.membersOf(far).some((m) => m.node === 'storage0'),
      20_000,
    );
    node.start();
    for (let round = 0; round < 40; round++) {
      stage.expectStatus(stage.set(frontend, far), 200);
      stage.pass(25);
    }
    stage.until('it has all', () => stage.roleOf(node, far) === 'serving', 20_000);
    stage.expectHealed([far], 3);
  });

  test.each(SEEDS)('what only one member has of then does not matter either, seed %i', (seed) => {
    const { stage, frontend, far, near, others } = wasAhead(seed, days, { partial: true });
    expect(others.map((node) => stage.heldBy(node, near))).toEqual([undefined, undefined]);
    for (let round = 0; round < 5; round++) {
      for (const key of [near, far]) stage.expectStatus(stage.set(frontend, key), 200);
    }
    stage.expectStatus(stage.delete(frontend, near), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('what expires takes no floor along, seed %i', (seed) => {
    const times = { antiEntropyMs: 600, tombstoneGraceMs: 300, expiryGraceMs: 300 };
    const { stage, frontend, far, third, aheadMs } = wasAhead(seed, days, { times });
    stage.expectStatus(stage.set(frontend, far, 0, 1), 200);
    stage.pass(10_000);
    const set = stage.set(frontend, third);
    stage.expectStatus(set, 200);
    expect(Math.abs(aheadMs(set))).toBeLessThan(2 * MINUTE_MS);
    stage.expectKept();
  });

  test('a restore with new versions wins over what is there', () => {
    const { stage, frontend, far, near } = wasAhead(1, days);
    const writer = new Writer(openClusterClient(stage));
    for (const key of [far, near]) {
      let outcome: WriteOutcome | undefined;
      const request = { key: Buffer.from(key), value: Buffer.from('back'), expiresAtMs: 0 };
      writer.set({ ...request, tombstone: false, attributes: [] }, (said) => {
        outcome = said;
      });
      stage.until('it is answered', () => outcome !== undefined);
      expect(outcome?.kind).toBe('stored');
      expect(stage.cluster.storages.map((node) => stage.heldBy(node, key))).toEqual(
        stage.cluster.storages.map(() => 'back'),
      );
    }
    stage.expectStatus(stage.delete(frontend, far), 200);
  });
});
