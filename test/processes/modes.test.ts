// Whatever the product writes only its user may read, though the umask would let everybody.

import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { set } from '../helpers/client.ts';
import { CLI, Started, until } from '../helpers/cluster.ts';
import { Fleet } from '../helpers/fleet.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const GENEROUS = ['sh', '-c', 'umask 0; exec "$@"', 'sh'] as const;

/** Every file, socket and directory below, and what others may do with it. */
function openToOthers(directory: string): { readonly all: string[]; readonly open: string[] } {
  const all = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const open = all.filter((name) => (lstatSync(join(directory, name)).mode & 0o077) !== 0);
  return { all, open };
}

test('data directories, map files, backups and pages of velour load', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(scratch, { recursive: true }));
  const below = join(scratch, 'below');
  mkdirSync(below, { mode: 0o700 });
  const cluster = await Fleet.start({
    storages: 2,
    frontends: 1,
    redundancy: 2,
    data: 'all',
    directoryOf: ({ role, index }) =>
      role === 'frontend' ? undefined : join(below, 'data', `${role}-${index}`),
    optionsFor: ({ role }) => (role === 'frontend' ? ['--map-file', join(below, 'map')] : []),
    commandFor: () => GENEROUS,
  });
  cleanUps.push(() => cluster.stop());
  const { address } = cluster.frontend(0);
  expect((await set(address, 'key', 'secret')).status).toBe(200);
  const run = async (...words: readonly string[]) => {
    const [command = '', ...rest] = [...GENEROUS, process.execPath, CLI, ...words];
    const started = new Started(command, rest);
    expect(await started.exit(), started.stderr).toBe(0);
  };
  const scale = ['--time-scale', '3'];
  await run('backup', cluster.controller.address, join(below, 'backups', 'monday'), ...scale);
  await run(
    ...['load', address, '--records', '10', '--duration', '0.2', '--warm-up', '0', '--quiet'],
    ...['--report', join(below, 'page.html')],
  );
  await until(() => readdirSync(below).includes('map'));
  const { all, open } = openToOthers(below);
  expect(open).toEqual([]);
  for (const name of ['map', 'page.html', 'backups/monday/manifest.json']) {
    expect(all).toContain(name);
  }
  for (const name of ['storage-0/storage.identity', 'storage-0/records-00000001.log']) {
    expect(all).toContain(join('data', name));
  }
  expect(all).toContain(join('data', 'controller-0', 'controller.state'));
});
