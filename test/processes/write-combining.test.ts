// Hundreds of connections that set one key through one frontend (H41), with real processes: how many sets reach
// the storage nodes, what the clients are told, and what is there in the end.

import { expect, onTestFinished, test } from 'vitest';
import { call, get, inParallel, openPool } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { Fleet } from '../helpers/fleet.ts';

const CONNECTIONS = 300;
const ROUNDS = 5;

async function figureOf(address: string, name: string): Promise<number> {
  const { text } = await call(address, '/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

test('300 at once: two sets reach the storage nodes, and everybody is told a version of its own', async () => {
  // So slow that nobody takes a stopped node for a failure.
  const fleet = await Fleet.start({ storages: 3, frontends: 1, redundancy: 3, timeScale: 20 });
  onTestFinished(() => fleet.stop());
  const { address, door } = fleet.frontend(0);
  const pool = openPool(door, CONNECTIONS, 100_000);
  onTestFinished(() => pool.destroy());
  const versions = new Map<string, string>();
  const setAll = async (mark: string) => {
    const values = Array.from({ length: CONNECTIONS }, (_, index) => `${mark} ${index}`);
    await inParallel(values, CONNECTIONS, async (value) => {
      const path = `/set?key=hot&value=${encodeURIComponent(value)}`;
      const { statusCode, headers, body } = await pool.request({ method: 'GET', path });
      expect([value, statusCode, await body.text()]).toEqual([value, 200, 'Ok\n']);
      const version = `${headers['x-fog-version']}`;
      expect(versions.has(version), version).toBe(false);
      versions.set(version, value);
    });
  };
  const setsOf = () =>
    Promise.all(
      fleet.storages.map((node) =>
        figureOf(node.address, 'velourfog_operations_total{operation="set"'),
      ),
    );
  const isNewest = async () => {
    const answer = await get(address, 'hot');
    const [newest = ''] = [...versions.keys()].sort().reverse();
    expect(answer.headers['x-fog-version']).toBe(newest);
    expect(answer.text).toBe(versions.get(newest));
  };

  // One member does not answer until all have come.
  const slow = fleet.storage(2);
  slow.signal('SIGSTOP');
  const first = setAll('first');
  await until(async () => (await figureOf(address, 'velourfog_waiting_sets ')) === CONNECTIONS - 1);
  slow.signal('SIGCONT');
  await first;
  expect(await setsOf()).toEqual([2, 2, 2]);
  expect(await figureOf(address, 'velourfog_coalesced_sets_total ')).toBe(CONNECTIONS - 2);
  expect(await figureOf(address, 'velourfog_waiting_sets ')).toBe(0);
  await isNewest();

  for (let round = 0; round < ROUNDS; round++) await setAll(`round ${round}`);
  await isNewest();
  const all = CONNECTIONS * (1 + ROUNDS);
  expect(versions.size).toBe(all);
  const coalesced = await figureOf(address, 'velourfog_coalesced_sets_total ');
  const sets = await setsOf();
  expect(sets).toEqual(sets.map(() => all - coalesced));
});

test('kill -9 of a member that they wait for: they go on when it is removed, none is lost', async () => {
  const fleet = await Fleet.start({ storages: 3, frontends: 2, redundancy: 3 });
  onTestFinished(() => fleet.stop());
  const { door } = fleet.frontend(0);
  const pool = openPool(door, CONNECTIONS, 100_000);
  onTestFinished(() => pool.destroy());
  const slow = fleet.storage(0);
  slow.signal('SIGSTOP');
  const values = Array.from({ length: CONNECTIONS }, (_, index) => `value ${index}`);
  const all = inParallel(values, CONNECTIONS, async (value) => {
    const path = `/set?key=hot&value=${encodeURIComponent(value)}`;
    const { statusCode, body } = await pool.request({ method: 'GET', path });
    expect([value, statusCode, await body.text()]).toEqual([value, 200, 'Ok\n']);
  });
  await slow.kill();
  await all;
  const answers = await Promise.all(
    fleet.frontends.map((frontend) => get(frontend.address, 'hot')),
  );
  expect(values).toContain(answers[0]?.text);
  expect(answers[1]?.text).toBe(answers[0]?.text);
});
