// Disks that fail under a running node: a write or a sync that ends with EIO, a short write, a file system that
// becomes read-only. What the node does then, what the cluster does, and what the node's next life believes (H35, H8).

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import { get, knock, set } from '../helpers/client.ts';
import { until, velour } from '../helpers/cluster.ts';
import { CHANGES, type Fault, FaultyDisk } from '../helpers/faulty-disk.ts';
import {
  Fleet,
  type FleetSettings,
  type Node,
  pause,
  type Role,
  TIME_SCALE,
} from '../helpers/fleet.ts';
import { expectPromisesKept, underLoad } from '../helpers/judged.ts';

const LOG = 'records-';
/** Once: whoever tries again, or goes on, has success. */
const WRITE_FAILS: Fault = { calls: ['write'], file: LOG, times: 1, how: 'EIO' };
const WRITE_IS_SHORT: Fault = { calls: ['write'], file: LOG, times: 1, how: 'short' };
const SYNC_FAILS: Fault = { calls: ['sync'], file: LOG, times: 1, how: 'EIO' };
/** Until somebody makes room. */
const FULL: Fault = { calls: ['write'], how: 'ENOSPC' };
/** More often than the calls themselves try again at once. */
const TOO_MANY_FILES: Fault = { calls: ['open-to-write'], file: LOG, times: 10, how: 'EMFILE' };
const READ_ONLY: Fault = { calls: CHANGES, how: 'EROFS' };

const cleanUps: (() => unknown)[] = [];
let scratch: string;
let disk: FaultyDisk;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(scratch, { recursive: true }));
  disk = new FaultyDisk(join(scratch, 'fault'));
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Data directories for all; the first node of a role has the disk that can fail. */
async function fleet(role: Role, settings: FleetSettings = {}): Promise<Fleet> {
  const started = await Fleet.start({
    data: 'all',
    commandFor: (place) => (place.role === role && place.index === 0 ? disk.before : []),
    ...settings,
  });
  cleanUps.push(() => started.stop());
  return started;
}

async function isMember(cluster: Fleet, { address }: Node): Promise<boolean> {
  const { partitions } = await cluster.map();
  return partitions.some(({ members }) => members.some(({ node }) => node === address));
}

/** What /readyz says of the disk: the reason, if its log has failed. */
async function diskProblem({ door }: Node): Promise<string | undefined> {
  const { status, text } = await knock(door, '/readyz');
  return status === 200 ? undefined : /^\[-\]disk:? ?(.*)$/m.exec(text)?.[1];
}

/** What the controller says of it. */
async function diskProblemTold(cluster: Fleet, { address }: Node): Promise<string | undefined> {
  const status = (await cluster.controller.status()) as {
    readonly storage: Readonly<Record<string, { readonly diskProblem?: string }>>;
  };
  return status.storage[address]?.diskProblem;
}

interface Case {
  readonly name: string;
  readonly fault: Fault;
  /** In the log of the node, and at /readyz. */
  readonly says: RegExp;
  /** Whether the next life has everything that this one acknowledged. */
  readonly complete: boolean;
}

const CASES: readonly Case[] = [
  {
    name: 'a write that ends with EIO',
    fault: WRITE_FAILS,
    says: /"records-00000001\.log cannot be written: .*"detail":"EIO"/,
    complete: true,
  },
  {
    name: 'a sync that ends with EIO, and loses what it was for',
    fault: SYNC_FAILS,
    says: /"records-00000001\.log cannot be synced: .*"detail":"EIO"/,
    complete: false,
  },
  {
    name: 'a file system that becomes read-only',
    fault: READ_ONLY,
    says: /"records-00000001\.log cannot be written: .*"detail":"EROFS"/,
    complete: true,
  },
];

describe('one of several storage nodes whose disk fails', () => {
  test.each(CASES)(
    '$name: it gives up what others have, service goes on, and it comes back (H35)',
    async ({ fault, says, complete }) => {
      const cluster = await fleet('storage', { storages: 4 });
      const node = cluster.storage(0);
      const verdict = await underLoad(cluster, async (load) => {
        disk.fail(fault);
        await until(async () => !(await isMember(cluster, node)));
        await load.untilEveryKeyIsSetAgain();
        expect(node.incarnationId.ended).toBe(false);
        expect(await diskProblem(node)).toBeDefined();
        expect(node.incarnationId.stderr).toMatch(says);
        await node.kill();
        if (fault === READ_ONLY) {
          node.start();
          expect(await node.incarnationId.exit()).toBe(78);
          expect(node.incarnationId.stderr).toMatch(
            /records-00000001\.log cannot be opened: EROFS/,
          );
        }
        disk.heal();
        node.start();
        await until(() => isMember(cluster, node));
        await cluster.untilSettled();
      });
      expectPromisesKept(verdict);
      expect(node.incarnationId.stderr).toMatch(new RegExp(`"recovered".*"complete":${complete}`));
    },
  );
});

describe('one of several storage nodes whose disk is full for a while', () => {
  test('gives up what others have, says why, and gets it back without a restart (H35)', async () => {
    const cluster = await fleet('storage', { storages: 4 });
    const { controller } = cluster;
    const node = cluster.storage(0);
    const verdict = await underLoad(cluster, async (load) => {
      disk.fail(FULL);
      await until(async () => !(await isMember(cluster, node)));
      await load.untilEveryKeyIsSetAgain();
      expect(await diskProblem(node)).toMatch(/ENOSPC, the file system is full.*by itself/);
      expect(await diskProblemTold(cluster, node)).toMatch(/ENOSPC, the file system is full/);
      await controller.incarnationId.printed('stderr', '"a storage node cannot write');
      disk.heal();
      await until(() => isMember(cluster, node));
      await until(async () => (await diskProblemTold(cluster, node)) === undefined);
      await cluster.untilSettled();
      await node.incarnationId.printed('stderr', '"the log can be written again"');
      await controller.incarnationId.printed('stderr', '"a storage node can write again"');
    });
    expectPromisesKept(verdict);
    expect(node.incarnationId.ended).toBe(false);
  });
});

describe('the last copy, whose disk fails', () => {
  async function alone(fsync: 'always' | 'interval') {
    const cluster = await fleet('storage', {
      // The last copy is never removed, however slow it is.
      timeScale: 1,
      storages: 1,
      frontends: 1,
      redundancy: 1,
      optionsFor: ({ role }) => (role === 'storage' ? ['--fsync', fsync] : []),
    });
    const { address } = cluster.frontend(0);
    const setAll = async (keys: readonly string[]) => {
      const statuses: number[] = [];
      for (const key of keys) statuses.push((await set(address, key, `of ${key}`)).status);
      return statuses;
    };
    expect(await setAll(['a', 'b', 'c'])).toEqual([200, 200, 200]);
    const file = join(cluster.directory, 'storage-0', 'storage.identity');
    const identity = () => JSON.parse(readFileSync(file, 'utf8'));
    return { cluster, address, node: cluster.storage(0), identity, setAll };
  }

  test('a write that ends with EIO: nothing more is acknowledged, gets go on, and what was is there again (H35)', async () => {
    const { cluster, address, node, setAll } = await alone('always');
    disk.fail(WRITE_FAILS);
    // The outcome of the first is unknown; then it is known that none can be stored.
    expect(await setAll(['d', 'e', 'f'])).toEqual([504, 507, 507]);
    expect((await set(address, 'e', 'x')).text).toMatch(/started again/);
    expect((await get(address, 'b')).text).toBe('of b');
    await node.kill();
    disk.heal();
    node.start();
    await cluster.untilReady(node);
    expect(node.incarnationId.stderr).toMatch(/"recovered".*"items":3,.*"complete":true/);
    for (const key of ['a', 'b', 'c']) expect((await get(address, key)).text).toBe(`of ${key}`);
    expect((await get(address, 'e')).status).toBe(404);
    expect(await setAll(['d', 'e', 'f'])).toEqual([200, 200, 200]);
  });

  test('a short write: what is left of it is written, and nobody notices (H35)', async () => {
    const { address, node, setAll } = await alone('always');
    disk.fail(WRITE_IS_SHORT);
    expect(await setAll(['d', 'e'])).toEqual([200, 200]);
    await node.kill();
    node.start();
    await until(() => node.isReady());
    expect(node.incarnationId.stderr).toMatch(/"recovered".*"items":5,.*"complete":true/);
    expect((await get(address, 'd')).text).toBe('of d');
  });

  test.each(['always', 'interval'] as const)(
    'a full disk, with %s: it goes on without a restart once there is room, in a log that is whole (H35)',
    async (fsync) => {
      const { cluster, address, node, setAll } = await alone(fsync);
      disk.fail(FULL);
      expect(await setAll(['d', 'e', 'f'])).toEqual([504, 507, 507]);
      expect((await set(address, 'e', 'x')).text).toMatch(/full.*goes on by itself/);
      expect((await get(address, 'b')).text).toBe('of b');
      expect(await diskProblem(node)).toMatch(/ENOSPC, the file system is full.*by itself/);
      disk.heal();
      await until(async () => (await set(address, 'e', 'of e')).status === 200);
      await until(() => node.isReady());
      expect(await setAll(['f'])).toEqual([200]);
      await node.kill();
      node.start();
      await cluster.untilReady(node);
      expect(node.incarnationId.stderr).toMatch(/"recovered".*"complete":true/);
      expect(node.incarnationId.stderr).not.toMatch(/cut off/);
      for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
        expect((await get(address, key)).text).toBe(`of ${key}`);
      }
    },
  );

  test('too many open files when a file of the log is begun: it is opened later (H35)', async () => {
    const cluster = await fleet('storage', {
      timeScale: 1,
      storages: 1,
      frontends: 1,
      redundancy: 1,
      optionsFor: ({ role }) => (role === 'storage' ? ['--memory', '32MiB'] : []),
    });
    const { address } = cluster.frontend(0);
    disk.fail(TOO_MANY_FILES);
    const node = cluster.storage(0);
    const value = 'v'.repeat(200_000);
    // A file has a sixteenth of the memory.
    for (let count = 0; !/can be written again/.test(node.incarnationId.stderr); count++) {
      await set(address, `key ${count % 50}`, value);
    }
    expect(node.incarnationId.stderr).toMatch(/records-00000002\.log cannot be opened: .*"EMFILE/);
    expect((await set(address, 'after', 'it')).status).toBe(200);
    await until(() => node.isReady());
  });

  test.each([
    ['always', 'SIGKILL', [504]],
    // The sync of what was set before may be the one that fails.
    ['interval', 'SIGTERM', [200, 507]],
  ] as const)(
    'EIO of a sync with %s, then %s: the next life does not believe the store (H8)',
    async (fsync, signal, answers) => {
      const { cluster, address, node, identity, setAll } = await alone(fsync);
      disk.fail(SYNC_FAILS);
      expect(answers).toContain((await setAll(['d']))[0]);
      await until(async () => (await diskProblem(node)) !== undefined);
      expect(await setAll(['e', 'f'])).toEqual([507, 507]);
      // Memory has everything while the process lives.
      expect((await get(address, 'a')).text).toBe('of a');
      await until(() => identity().completeSince > identity().incarnation);
      // So an operator can take it elsewhere before the process ends. The last set may be there or not.
      const directory = join(scratch, 'backup');
      const words = [cluster.controller.address, directory, '--time-scale', '1', '--json'];
      const backup = velour(['backup', ...words]);
      expect(await backup.exit(), backup.stderr).toBe(0);
      expect(JSON.parse(backup.stdout).records).toBeGreaterThanOrEqual(3);
      if (signal === 'SIGTERM') expect(await node.incarnationId.stop()).toBe(0);
      else await node.kill();
      disk.heal();
      node.start();
      await node.incarnationId.printed('stderr', '"registered"');
      expect(node.incarnationId.stderr).toMatch(/"recovered".*"complete":false/);
      expect((await get(address, 'a')).status).toBe(503);
      // What the first start did not believe the second one does not believe either.
      await node.kill();
      node.start();
      await node.incarnationId.printed('stderr', '"registered"');
      expect((await get(address, 'a')).status).toBe(503);
    },
  );
});

describe('a controller whose disk fails', () => {
  test.each([
    ['EIO of a sync', { calls: ['sync'], file: 'controller.state', how: 'EIO' }],
    ['a file system that becomes read-only', READ_ONLY],
    ['a full disk', FULL],
  ] as const)(
    '%s: no map is told that is not stored, gets go on, and sets when it is mended (R11, H33)',
    async (_, fault) => {
      const cluster = await fleet('controller', { storages: 4 });
      const { controller } = cluster;
      const verdict = await underLoad(cluster, async (load) => {
        const before = await cluster.untilSettled();
        disk.fail(fault);
        await load.untilEveryKeyIsSetAgain();
        await cluster.storage(3).kill();
        const problem = `"controller.state cannot be written"`;
        await controller.incarnationId.printed('stderr', problem);
        // Tried again many times, and said once.
        await pause(20 * protocolTimes(TIME_SCALE).decideMs);
        expect(controller.incarnationId.stderr.split(problem)).toHaveLength(2);
        expect((await cluster.map()).version).toEqual(before.version);
        expect(controller.incarnationId.ended).toBe(false);
        disk.heal();
        await controller.incarnationId.printed('stderr', '"controller.state can be written again"');
        await cluster.untilSettled();
      });
      expectPromisesKept(verdict);
    },
  );
});
