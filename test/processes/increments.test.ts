// Counters under a load of increments from many clients, through frontends and by direct clients, while storage nodes are killed, stopped and drained: none that
// was acknowledged is lost, and none counts twice (H39). The figures are printed; INCREMENT_SECONDS makes the run longer.

import { afterEach, expect, test } from 'vitest';
import { connect, type Velour, VelourError } from '../../src/client/index.ts';
import { type CounterOperation, checkCounter } from '../../src/simulation/linearizability.ts';
import { call } from '../helpers/client.ts';
import { Fleet, pause, TIME_SCALE } from '../helpers/fleet.ts';

const CLIENTS = 32;
const KEYS = ['counters/a', 'counters/b', 'counters/c', 'counters/d'];
const SECONDS = Number(process.env.INCREMENT_SECONDS ?? 2);
/** Longer than it takes to be removed. */
const STOPPED_MS = 2500 * TIME_SCALE;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Increment extends CounterOperation {
  readonly key: string;
}

/** One way to the cluster. @returns the sum; `refused` where certainly nothing came of it, `unknown` where nobody knows */
type Increase = (key: string) => Promise<number | 'refused' | 'unknown'>;

function through(frontend: string): Increase {
  return async (key) => {
    const { status, text } = await call(frontend, `/v1/keys/${key}/incr`, { method: 'POST' });
    if (status === 200) return Number(text);
    if (status === 503) return 'refused';
    expect([status, text]).toEqual([504, expect.stringContaining('may or may not')]);
    return 'unknown';
  };
}

function directly(velour: Velour): Increase {
  return async (key) => {
    try {
      return await velour.incr(key);
    } catch (error) {
      if (!(error instanceof VelourError)) throw error;
      if (error.code === 'effect-unknown') return 'unknown';
      expect([error.status, error.retryable]).toEqual([503, true]);
      return 'refused';
    }
  };
}

/** A client that increments one counter after the other, in turn by all ways, until it is told to stop. */
async function client(
  index: number,
  ways: readonly Increase[],
  begun: Increment[],
  goesOn: () => boolean,
): Promise<void> {
  for (let turn = index; goesOn(); turn++) {
    const key = KEYS[turn % KEYS.length] ?? '';
    const increment: Increment = {
      key,
      kind: 'incr',
      startMs: performance.now(),
      endMs: undefined,
      result: undefined,
      outcome: 'unknown',
    };
    begun.push(increment);
    const told = await ways[turn % ways.length]?.(key);
    increment.endMs = performance.now();
    if (typeof told === 'number') {
      increment.outcome = 'done';
      increment.result = told;
    } else increment.outcome = told ?? 'unknown';
  }
}

test('no increment is lost or counts twice while storage nodes die, stop and leave (H39)', async () => {
  const cluster = await Fleet.start({ frontends: 3, data: 'all' });
  cleanUps.push(() => cluster.stop());
  const frontends = [0, 1, 2].map((index) => cluster.frontend(index).address);
  const controller = cluster.controller.address;
  const direct = await Promise.all(
    [0, 1].map(() => connect({ controller, timeScale: TIME_SCALE, timeoutMs: 60_000 })),
  );
  cleanUps.push(() => Promise.all(direct.map((velour) => velour.close())));
  const ways = [...frontends.map(through), ...direct.map(directly)];
  const begun: Increment[] = [];
  let isOver = false;
  const clients = Array.from({ length: CLIENTS }, (_, index) =>
    client(index, ways, begun, () => !isOver),
  );
  await pause(SECONDS * 1000);
  await cluster.storage(1).kill();
  cluster.storage(1).start();
  await pause(SECONDS * 1000);
  cluster.storage(2).signal('SIGSTOP');
  await pause(STOPPED_MS);
  cluster.storage(2).signal('SIGCONT');
  await pause(SECONDS * 1000);
  await cluster.storage(0).kill();
  await pause(SECONDS * 1000);
  cluster.storage(0).start();
  await pause(SECONDS * 1000);
  isOver = true;
  await Promise.all(clients);
  await cluster.untilSettled();
  const headers = { 'x-fog-read': 'linearizable' };
  for (const key of KEYS) {
    const own = begun.filter((increment) => increment.key === key);
    const done = own.filter(({ outcome }) => outcome === 'done').length;
    const unknown = own.filter(({ outcome }) => outcome === 'unknown').length;
    const { text } = await call(frontends[0] ?? '', `/v1/keys/${key}`, { headers });
    process.stdout.write(`${key}: ${text} of ${done} acknowledged, ${unknown} unknown\n`);
    expect(done).toBeGreaterThan(0);
    expect(Number(text)).toBeGreaterThanOrEqual(done);
    expect(Number(text)).toBeLessThanOrEqual(done + unknown);
    expect(checkCounter(own)).toEqual([]);
  }
});
