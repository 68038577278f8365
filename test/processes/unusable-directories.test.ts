// Data directories that cannot be read or written when a node starts: it ends with 78 and says which file or directory
// and why, nothing in it is changed, and a start without the fault goes on as if there had been none.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { get, set } from '../helpers/client.ts';
import { CLI, Started, until } from '../helpers/cluster.ts';
import { type Fault, FaultyDisk, readOnly } from '../helpers/faulty-disk.ts';
import { Fleet, type Node } from '../helpers/fleet.ts';

let scratch: string;
let disk: FaultyDisk;
const cleanUps: (() => unknown)[] = [];
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(scratch, { recursive: true }));
  disk = new FaultyDisk(join(scratch, 'fault'));
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A cluster of one node each that has a few records, and then the node of this role was killed. */
async function stopped(role: 'controller' | 'storage') {
  const cluster = await Fleet.start({
    timeScale: 1,
    storages: 1,
    frontends: 1,
    redundancy: 1,
    data: 'all',
    commandFor: (place) => (place.role === role ? disk.before : []),
  });
  cleanUps.push(() => cluster.stop());
  const { address } = cluster.frontend(0);
  for (const key of ['a', 'b', 'c']) expect((await set(address, key, key)).status).toBe(200);
  const node = role === 'storage' ? cluster.storage(0) : cluster.controller;
  await node.kill();
  const directory = join(cluster.directory, `${role}-0`);
  const servesAll = async () => {
    await until(() => node.isReady());
    for (const key of ['a', 'b', 'c']) expect((await get(address, key)).text).toBe(key);
    expect((await set(address, 'after', 'x')).status).toBe(200);
  };
  return { cluster, node, directory, servesAll };
}

/** Every file with its bytes; locks come and go. */
function contentsOf(directory: string): Readonly<Record<string, string>> {
  const names = readdirSync(directory).filter((name) => !name.startsWith('directory.lock.'));
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(directory, name)).toString('latin1')]),
  );
}

async function refused(node: Node, message: RegExp): Promise<void> {
  node.start();
  const code = await node.incarnationId.exit();
  expect(node.incarnationId.stderr).toMatch(message);
  expect(code).toBe(78);
  expect(node.incarnationId.stderr).not.toMatch(/\n {4}at /);
}

describe('EIO while a data directory is read', () => {
  /** Once: whoever takes that for the end of what is there, and looks again, can read. */
  const reads = (file: string, skip = 0): Fault => {
    return { calls: ['read'], file, skip, times: 1, how: 'EIO' };
  };

  test('of a storage node', async () => {
    const { node, directory, servesAll } = await stopped('storage');
    const before = contentsOf(directory);
    for (const [fault, message] of [
      [reads('storage-0'), /the data directory cannot be listed: EIO/],
      [reads('storage.identity'), /storage\.identity cannot be read: EIO/],
      [reads('storage.map'), /storage\.map cannot be read: EIO/],
      [reads('records-'), /records-00000001\.log cannot be read: EIO/],
      // Behind the header.
      [reads('records-', 1), /records-00000001\.log cannot be read: EIO/],
      [
        { calls: ['open-to-write'], file: 'records-', how: 'EIO' },
        /records-00000001\.log cannot be opened: EIO/,
      ],
    ] as const) {
      disk.fail(fault);
      await refused(node, message);
      expect(contentsOf(directory)).toEqual(before);
    }
    disk.heal();
    node.start();
    await servesAll();
  });

  test('of a controller', async () => {
    const { node, directory, servesAll } = await stopped('controller');
    const before = contentsOf(directory);
    disk.fail(reads('controller.state'));
    await refused(node, /controller\.state cannot be read: EIO/);
    expect(contentsOf(directory)).toEqual(before);
    disk.heal();
    node.start();
    await servesAll();
  });
});

test('EIO of a sync while the log is read back: the next start does not believe what may be lost (H8)', async () => {
  const { cluster, node, directory } = await stopped('storage');
  const { 'storage.identity': _, ...before } = contentsOf(directory);
  // Once: the system reports what it lost to one sync only.
  disk.fail({ calls: ['sync'], file: 'records-', times: 1, how: 'EIO' });
  await refused(node, /records-00000001\.log cannot be synced: EIO/);
  expect(contentsOf(directory)).toMatchObject(before);
  disk.heal();
  node.start();
  await node.incarnationId.printed('stderr', '"registered"');
  expect(node.incarnationId.stderr).toMatch(/"recovered".*"complete":false/);
  expect((await get(cluster.frontend(0).address, 'a')).status).toBe(503);
});

describe('a data directory that cannot be written', () => {
  const READ_ONLY =
    'EROFS; its file system is read-only; make it writable, or choose another directory';
  const needsMounts = 'needs unshare and mount';

  async function refusedBy(before: readonly string[], node: Node, directory: string) {
    const port = node.address.split(':')[1] ?? '';
    const words =
      node.role === 'controller'
        ? ['controller', port, '1', '1']
        : ['storage', '127.0.0.1:1', node.address];
    const line = [...before, process.execPath, CLI, ...words, '--data-dir', directory];
    const [command = '', ...rest] = line;
    const started = new Started(command, rest);
    expect(await started.exit()).toBe(78);
    expect(started.stderr).not.toMatch(/\n {4}at /);
    return started.stderr;
  }

  test.for(['storage', 'controller'] as const)(
    'for its file system is read-only: refused by a %s, and nothing is changed',
    async (role, { skip }) => {
      const { node, directory, servesAll } = await stopped(role);
      const before = contentsOf(directory);
      const mounted = readOnly(directory);
      if (mounted === undefined) return skip(needsMounts);
      const message = await refusedBy(mounted, node, directory);
      expect(message).toContain(`directory ${directory} cannot be locked: ${READ_ONLY}`);
      expect(contentsOf(directory)).toEqual(before);
      node.start();
      return servesAll();
    },
  );

  test('nor made there, nor begun', async ({ skip }) => {
    const { node } = await stopped('storage');
    const empty = join(scratch, 'empty');
    mkdirSync(empty);
    const mounted = readOnly(empty);
    if (mounted === undefined) return skip(needsMounts);
    const refusal = (path: string) => refusedBy(mounted, node, path);
    expect(await refusal(empty)).toContain(`directory ${empty} cannot be used: ${READ_ONLY}`);
    const inside = join(empty, 'inside');
    expect(await refusal(inside)).toContain(`directory ${inside} cannot be made: ${READ_ONLY}`);
    expect(readdirSync(empty)).toEqual([]);
  });

  test('for it is immutable: refused, and nothing is changed', async ({ skip }) => {
    const { node, directory, servesAll } = await stopped('storage');
    const before = contentsOf(directory);
    if (spawnSync('chattr', ['+i', directory]).status !== 0) return skip('needs chattr');
    cleanUps.push(() => spawnSync('chattr', ['-i', directory]));
    expect(await refusedBy([], node, directory)).toContain(
      `directory ${directory} cannot be locked: EPERM; it cannot be changed; see lsattr`,
    );
    expect(contentsOf(directory)).toEqual(before);
    spawnSync('chattr', ['-i', directory]);
    node.start();
    return servesAll();
  });
});
