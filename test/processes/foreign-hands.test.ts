// Somebody removes, replaces or truncates files of processes that run, or moves their directories: a cleaning script, a
// backup put back in the wrong place. No write fails then, and yet the next start has lost what was acknowledged (H8).

import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { get, knock, set } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { Fleet } from '../helpers/fleet.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function alone(fsync: 'always' | 'interval') {
  const cluster = await Fleet.start({
    timeScale: 1,
    storages: 1,
    frontends: 1,
    redundancy: 1,
    data: 'all',
    optionsFor: ({ role }) => (role === 'storage' ? ['--fsync', fsync] : []),
  });
  cleanUps.push(() => cluster.stop());
  const { address } = cluster.frontend(0);
  for (const key of ['a', 'b', 'c']) expect((await set(address, key, key)).status).toBe(200);
  return { cluster, address, directory: join(cluster.directory, 'storage-0') };
}

const LOG = 'records-00000001.log';
const lockIn = (directory: string) =>
  readdirSync(directory).find((name) => name.startsWith('directory.lock.')) ?? '';

const DEEDS = {
  [`${LOG} was removed`]: (directory) => rmSync(join(directory, LOG)),
  [`${LOG} was truncated`]: (directory) => truncateSync(join(directory, LOG), 10),
  [`${LOG} was replaced`]: (directory) => {
    copyFileSync(join(directory, LOG), join(directory, 'copy'));
    renameSync(join(directory, 'copy'), join(directory, LOG));
  },
  'storage.identity was removed': (directory) => rmSync(join(directory, 'storage.identity')),
  'storage.map was removed': (directory) => rmSync(join(directory, 'storage.map')),
  'the lock of .* was removed': (directory) => rmSync(join(directory, lockIn(directory))),
  'directory .* was moved or removed': (directory) => renameSync(directory, `${directory}-moved`),
} as const satisfies Record<string, (directory: string) => void>;

describe('under a storage node that runs', () => {
  test.each(Object.entries(DEEDS))(
    '%s: it says so, takes no more sets, and answers gets on (H8)',
    async (what, deed) => {
      const { cluster, address, directory } = await alone('always');
      const node = cluster.storage(0);
      deed(directory);
      await until(async () => (await knock(node.door, '/readyz')).status === 503);
      const { text } = await knock(node.door, '/readyz');
      expect(text).toMatch(new RegExp(`\\[-\\]disk failed: .*${what}: not by this node`));
      const refused = await set(address, 'd', 'd');
      expect(refused.status).toBe(507);
      for (const key of ['a', 'b', 'c']) expect((await get(address, key)).text).toBe(key);
    },
  );

  test('a log that was removed is not believed by the next start (H8)', async () => {
    const { cluster, directory } = await alone('interval');
    const node = cluster.storage(0);
    rmSync(join(directory, LOG));
    const identity = () => JSON.parse(readFileSync(join(directory, 'storage.identity'), 'utf8'));
    await until(() => identity().completeSince > identity().incarnation);
    await node.kill();
    node.start();
    expect(await node.incarnationId.exit()).toBe(78);
    expect(node.incarnationId.stderr).toMatch(/records-00000001\.log is missing/);
  });
});

test('the state of a controller that was removed or changed is written again', async () => {
  const { cluster } = await alone('interval');
  const { controller } = cluster;
  const state = join(cluster.directory, 'controller-0', 'controller.state');
  const before = readFileSync(state);
  await until(() => readFileSync(state).equals(before));
  rmSync(state);
  await controller.incarnationId.printed(
    'stderr',
    'controller.state was removed, not by this controller',
  );
  await until(() =>
    readdirSync(join(cluster.directory, 'controller-0')).includes('controller.state'),
  );
  truncateSync(state, 10);
  await controller.incarnationId.printed(
    'stderr',
    'controller.state was changed, not by this controller',
  );
  await until(() => readFileSync(state).length > 10);
  await controller.kill();
  controller.start();
  await until(() => controller.isReady());
});
