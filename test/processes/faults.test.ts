// Processes of a cluster under load are killed, stopped and started again: what was acknowledged stays,
// no get fails or is stale, and sets go on. The figures are printed; FAULT_SECONDS, FAULT_CLIENTS and
// FAULT_CONTROLLER_SECONDS make the runs longer.

import { afterEach, describe, expect, test } from 'vitest';
import { Fleet, type FleetSettings, pause, TIME_SCALE } from '../helpers/fleet.ts';
import { expectNothingFailed, expectPromisesKept, underLoad } from '../helpers/judged.ts';

/** Longer than it takes to be removed: whatever a stopped node held has long lapsed when it goes on. */
const STOPPED_MS = 2500 * TIME_SCALE;
/** Of those that have nothing to lapse. */
const STOPPED_BRIEFLY_MS = 2000;
const CONTROLLER_AWAY_MS = Number(process.env.FAULT_CONTROLLER_SECONDS ?? 3) * 1000;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function fleet(settings: FleetSettings = {}): Promise<Fleet> {
  const started = await Fleet.start(settings);
  cleanUps.push(() => started.stop());
  return started;
}

describe('a storage node', () => {
  test('killed for good: no get fails, nothing is lost, sets go on (R6, G2, G4)', async () => {
    const cluster = await fleet();
    const verdict = await underLoad(cluster, () => cluster.storage(1).kill());
    expectPromisesKept(verdict);
    const map = await cluster.untilSettled();
    const named = map.partitions.flatMap(({ members }) => members.map(({ node }) => node));
    expect(named).not.toContain(cluster.storage(1).address);
  });

  test('killed and at once started again with its data: it resumes in place (H7)', async () => {
    const cluster = await fleet({ data: 'all' });
    const verdict = await underLoad(cluster, async () => {
      await cluster.storage(1).kill();
      cluster.storage(1).start();
    });
    expectPromisesKept(verdict);
    await cluster.untilSettled();
    expect(cluster.storage(1).incarnationId.stderr).toMatch(/"recovered".*"complete":true/);
  });

  test('killed and at once started again empty: no key looks absent (H6)', async () => {
    const cluster = await fleet();
    const verdict = await underLoad(cluster, async () => {
      await cluster.storage(1).kill();
      cluster.storage(1).start();
    });
    // A 404 of an acknowledged key would be a stale read.
    expectPromisesKept(verdict);
    await cluster.untilSettled();
  });

  test('stopped beyond its lease, and going on: it answers nothing old (R1, I6)', async () => {
    const cluster = await fleet();
    const verdict = await underLoad(cluster, async () => {
      cluster.storage(1).signal('SIGSTOP');
      await pause(STOPPED_MS);
      cluster.storage(1).signal('SIGCONT');
    });
    expectPromisesKept(verdict);
    await cluster.untilSettled();
  });
});

describe('the controller', () => {
  test('stopped for a while: nothing fails, and nobody is removed for its silence (H10)', async () => {
    const cluster = await fleet();
    const before = await cluster.untilSettled();
    const verdict = await underLoad(cluster, async () => {
      cluster.controller.signal('SIGSTOP');
      await pause(STOPPED_BRIEFLY_MS);
      cluster.controller.signal('SIGCONT');
    });
    expectNothingFailed(verdict);
    expect((await cluster.untilSettled()).partitions).toEqual(before.partitions);
  });

  test('killed for a while, and back with its data: nothing fails (H1, R5)', async () => {
    const cluster = await fleet({ data: 'controller' });
    const verdict = await underLoad(cluster, async () => {
      await cluster.controller.kill();
      await pause(CONTROLLER_AWAY_MS);
      cluster.controller.start();
      await cluster.untilReady(cluster.controller);
    });
    expectNothingFailed(verdict);
    // Founded as 1; since then the seconds of the clock.
    expect((await cluster.untilSettled()).version.generation).toBeGreaterThan(1);
  });
});

describe('a frontend', () => {
  test('stopped for a while: the other one goes on, and nothing old follows (H19)', async () => {
    const cluster = await fleet();
    const verdict = await underLoad(cluster, async (load) => {
      load.excuse(cluster.frontend(0).door);
      cluster.frontend(0).signal('SIGSTOP');
      await pause(STOPPED_BRIEFLY_MS);
      cluster.frontend(0).signal('SIGCONT');
    });
    expectNothingFailed(verdict);
  });

  test('killed: only its own connections suffer (H21)', async () => {
    const cluster = await fleet();
    const [gone, stays] = [cluster.frontend(0), cluster.frontend(1)];
    const verdict = await underLoad(
      cluster,
      async (load) => {
        load.excuse(gone.door);
        await gone.kill();
      },
      [stays],
    );
    expectNothingFailed(verdict);
  });
});
