// Scripted schedules about machines that are suspended, and wall clocks that are set (H4): what a lease bears,
// and what ends it.

import { describe, expect, test } from 'vitest';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 4, frontends: 2, redundancy: 3, fsync: 'interval' };
const { suspendMs, heartbeatMs } = protocolTimes(1);

/** A machine stands still with all its processes, and so does its monotonic clock; the wall clock goes on. */
function suspend(stage: Stage, nodes: readonly SimulatedNode[], whileAway: () => void): void {
  const monotonicMs = nodes.map(({ process }) => process.monotonicMs.bind(process));
  const beforeMs = monotonicMs.map((ofNode) => ofNode());
  for (const { process } of nodes) process.pause();
  whileAway();
  for (const [index, { process }] of nodes.entries()) {
    const own = monotonicMs[index] ?? (() => 0);
    const stoodStillMs = own() - (beforeMs[index] ?? 0);
    process.monotonicMs = () => own() - stoodStillMs;
  }
  for (const { process } of nodes) process.resume();
  // What waited for the processes happens now, but for what the network still has.
  stage.pass(0);
}

/** A storage node and a frontend of one machine, the node a member of key a, and another frontend elsewhere. */
function machine(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
  const node = stage.named(stage.membersOf('a')[0]?.node ?? '');
  stage.expectStatus(stage.set(frontend, 'a'), 200);
  return { stage, frontend, other, node, both: [node, frontend] };
}

describe('H4: a machine that was suspended', () => {
  test.each(SEEDS)(
    'until its node was removed answers no get by its old lease, seed %i',
    (seed) => {
      const { stage, frontend, other, node, both } = machine(seed);
      expect(stage.hasLease(node)).toBe(true);
      let read = stage.get(frontend, 'a');
      suspend(stage, both, () => {
        stage.cut(both, stage.allBut(...both));
        stage.until('removed', () => stage.roleOf(node, 'a') === undefined);
        stage.expectStatus(stage.set(other, 'a'), 200);
        read = stage.get(frontend, 'a');
      });
      expect(stage.hasLease(node)).toBe(false);
      stage.expectStatus(read, 503);
      stage.expectKept();
    },
  );

  test.each(SEEDS)('for just less than the bound has its lease still, seed %i', (seed) => {
    const { stage, frontend, node, both } = machine(seed);
    stage.pass(100);
    // What the clocks run apart by otherwise counts as well.
    suspend(stage, both, () => stage.pass(suspendMs / 2));
    expect(stage.hasLease(node)).toBe(true);
    stage.expectStatus(stage.get(frontend, 'a'), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('for more than that has none until its next heartbeat, seed %i', (seed) => {
    const { stage, frontend, node, both } = machine(seed);
    stage.pass(100);
    // Neither an answer that is on its way, nor the next one, is to mend it at once.
    stage.cut([node], stage.allBut(node, frontend));
    suspend(stage, both, () => stage.pass(2 * suspendMs));
    expect(stage.hasLease(node)).toBe(false);
    stage.heal([node], stage.allBut(node, frontend));
    stage.until('a lease', () => stage.hasLease(node), 2 * heartbeatMs);
    stage.expectStatus(stage.get(frontend, 'a'), 200);
    stage.expectHealed(['a'], 3);
  });

  test('together with the whole cluster serves again', () => {
    const stage = new Stage(1, SHAPE);
    stage.expectStatus(stage.set(stage.frontend(0), 'a'), 200);
    suspend(stage, stage.cluster.nodes, () => stage.pass(3_600_000));
    stage.pass(1000);
    stage.expectStatus(stage.get(stage.frontend(0), 'a'), 200);
    stage.expectStatus(stage.set(stage.frontend(1), 'a'), 200);
    stage.pass(3000);
    // Of the time that it is now, not of when it was suspended.
    const wallMs = stage.storage(0).process.wallMs();
    const time = Number(stage.statusOf(stage.storage(0)).time) * 1000;
    expect(Math.abs(wallMs - time)).toBeLessThan(3000);
    stage.expectHealed(['a'], 3);
  });
});

describe('H4: a wall clock that is set', () => {
  test.each([1000, -1000, 3_600_000, -3_600_000])(
    'by %i ms ends the leases on its machine for a heartbeat at most, and fails nothing',
    (stepMs) => {
      const { stage, frontend } = machine(1);
      const { nodes, storages } = stage.cluster;
      for (const { process } of nodes) process.wallOffsetMs += stepMs;
      expect(storages.some((node) => stage.hasLease(node))).toBe(false);
      const read = stage.get(frontend, 'a');
      const write = stage.set(frontend, 'b');
      stage.pass(1.5 * heartbeatMs);
      expect(storages.every((node) => stage.hasLease(node))).toBe(true);
      stage.expectStatus(read, 200);
      stage.expectStatus(write, 200);
      stage.expectKept();
    },
  );

  test.each([20, -20])('by %i ms, as a daemon that keeps time does it, ends none', (stepMs) => {
    const { stage } = machine(1);
    const { storages } = stage.cluster;
    for (const { process } of storages) process.wallOffsetMs += stepMs;
    expect(storages.every((node) => stage.hasLease(node))).toBe(true);
  });
});
