// A cluster as people run it, through its whole life: it starts, answers, loses a storage node, stops, and comes back
// with what it had. Whoever broke any of that is told by `npm test`; the other files of this folder look closer.

import { expect, test } from 'vitest';
import { call, get, set } from '../helpers/client.ts';
import { childrenOf, isAlive, type LocalCluster, startCluster, until } from '../helpers/cluster.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const KEYS = Array.from({ length: 50 }, (_, index) => `key ${index}`);

async function expectAll({ frontends }: LocalCluster, value: string): Promise<void> {
  for (const [index, key] of KEYS.entries()) {
    const answer = await get(frontends[index % frontends.length] ?? '', key);
    expect(`${answer.status} ${answer.text}`).toBe(`200 ${value}`);
  }
}

async function setAll({ frontends }: LocalCluster, value: string): Promise<void> {
  for (const [index, key] of KEYS.entries()) {
    expect((await set(frontends[index % frontends.length] ?? '', key, value)).status).toBe(200);
  }
}

test('a cluster serves, outlives kill -9 of a storage node, stops in order, and comes back with all it had', async () => {
  const settings = { env: { DATA_DIR: temporaryFolder().path } };
  const first = await startCluster(settings);
  const [one = '', other = ''] = first.frontends;
  await setAll(first, 'first');
  await expectAll(first, 'first');
  expect((await call(one, '/delete?key=key%200')).status).toBe(200);
  expect((await get(other, 'key 0')).status).toBe(404);

  const processes = childrenOf(first.process.pid);
  expect(processes.map(({ title }) => title.split(' ')[1]).sort()).toEqual(
    ['controller', 'frontend', 'frontend', ...Array.from({ length: 4 }, () => 'storage')].sort(),
  );
  const killed = processes.find(({ title }) => title.endsWith(first.storages[1] ?? ''));
  process.kill(killed?.pid ?? 0, 'SIGKILL');
  await setAll(first, 'second');
  await expectAll(first, 'second');

  expect(await first.stop()).toBe(0);
  expect(processes.filter(({ pid }) => isAlive(pid))).toEqual([]);

  const again = await startCluster(settings);
  await expectAll(again, 'second');
  const nodes = childrenOf(again.process.pid);
  await again.process.stop('SIGKILL');
  await until(() => nodes.every(({ pid }) => !isAlive(pid)));
});
