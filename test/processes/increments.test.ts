// Counters under a load of increments from many clients, while storage nodes are killed, stopped and drained: none that
// was acknowledged is lost, and none counts twice (H39). The figures are printed; INCREMENT_SECONDS makes the run longer.

import { afterEach, expect, test } from 'vitest';
import { type CounterOperation, checkCounter } from '../../src/simulation/linearizability.ts';
import { type Answer, call } from '../helpers/client.ts';
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

/** A client that increments one counter after the other, until it is told to stop. */
async function client(
  index: number,
  frontends: readonly string[],
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
    const frontend = frontends[turn % frontends.length] ?? '';
    const answer = await call(frontend, `/v1/keys/${key}/incr`, { method: 'POST' });
    increment.endMs = performance.now();
    note(increment, answer);
  }
}

function note(increment: Increment, { status, text }: Answer): void {
  if (status === 200) {
    increment.outcome = 'done';
    increment.result = Number(text);
  } else if (status === 503) increment.outcome = 'refused';
  else expect([status, text]).toEqual([504, expect.stringContaining('may or may not')]);
}

test('no increment is lost or counts twice while storage nodes die, stop and leave (H39)', async () => {
  const cluster = await Fleet.start({ frontends: 3, data: 'all' });
  cleanUps.push(() => cluster.stop());
  const frontends = [0, 1, 2].map((index) => cluster.frontend(index).address);
  const begun: Increment[] = [];
  let isOver = false;
  const clients = Array.from({ length: CLIENTS }, (_, index) =>
    client(index, frontends, begun, () => !isOver),
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
