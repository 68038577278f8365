// A node more, and a node whose disk is full, under load: replicas move, and nobody notices.

import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { call, get, inParallel, set } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { Fleet, type FleetSettings } from '../helpers/fleet.ts';
import { expectNothingFailed, expectPromisesKept, underLoad } from '../helpers/judged.ts';
import { smallDisk } from '../helpers/small-disk.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function fleet(settings: FleetSettings = {}): Promise<Fleet> {
  const started = await Fleet.start(settings);
  cleanUps.push(() => started.stop());
  return started;
}

interface ControllerStatus {
  readonly storage: Readonly<
    Record<string, { partitions: { serving: number; joining: number; leaving: number } }>
  >;
}

describe('a sixth storage node', () => {
  test('takes its share, nothing fails, and every copy is there (R8, H14)', async () => {
    const cluster = await fleet();
    const shares = async () => {
      const { storage } = (await cluster.controller.status()) as ControllerStatus;
      return Object.values(storage).map(({ partitions }) => partitions);
    };
    const isBalanced = async () => {
      const serving = (await shares()).map((share) => share.serving);
      return serving.length === 6 && Math.max(...serving) - Math.min(...serving) <= 1;
    };
    const verdict = await underLoad(cluster, async () => {
      cluster.spare.start();
      await until(isBalanced);
    });
    expectNothingFailed(verdict);
    await cluster.untilSettled();
    for (const { joining, leaving } of await shares()) expect(joining + leaving).toBe(0);
    expect(await isBalanced()).toBe(true);
    const keys = Array.from({ length: 150 }, (_, number) => `key ${number}`);
    await inParallel(keys, 8, async (key) => {
      const copies = await cluster.copiesOf(key);
      expect(copies).toHaveLength(3);
      expect(new Set(copies).size, `the copies of ${key}: ${copies}`).toBe(1);
      expect(copies[0]).toBeDefined();
    });
  });
});

describe('a storage node whose disk is full', () => {
  test.skipIf(process.getuid?.() !== 0)(
    'gives up what others have, and service goes on (H35; needs root for a small file system)',
    async ({ skip }) => {
      const disk = smallDisk(4);
      if (disk === undefined) return skip('no file system can be mounted here');
      cleanUps.push(() => disk.release());
      const cluster = await fleet({
        data: 'all',
        directoryOf: ({ role, index }) =>
          role === 'storage' && index === 1 ? join(disk.path, 'data') : undefined,
      });
      const full = cluster.storage(1);
      const verdict = await underLoad(
        cluster,
        () =>
          until(async () => {
            const { partitions } = await cluster.map();
            return partitions.every(({ members }) =>
              members.every(({ node }) => node !== full.address),
            );
          }),
        cluster.frontends,
        { valueBytes: 8192 },
      );
      expectPromisesKept(verdict);
      expect(full.incarnationId.ended).toBe(false);
      expect(full.incarnationId.stderr).toMatch(/ENOSPC|no space/i);
    },
  );

  test.skipIf(process.getuid?.() !== 0)(
    'and has the last copy answers gets, says 507 to sets, and ends when it is told to (H35)',
    async ({ skip }) => {
      const disk = smallDisk(1);
      if (disk === undefined) return skip('no file system can be mounted here');
      cleanUps.push(() => disk.release());
      const cluster = await fleet({
        storages: 1,
        frontends: 1,
        redundancy: 1,
        data: 'all',
        directoryOf: ({ role }) => (role === 'storage' ? join(disk.path, 'data') : undefined),
      });
      const { address } = cluster.frontend(0);
      expect((await set(address, 'first', 'kept')).status).toBe(200);
      const value = 'x'.repeat(100_000);
      const statuses: number[] = [];
      for (let count = 0; count < 20 && statuses.at(-1) !== 507; count++) {
        statuses.push((await set(address, `key ${count}`, value)).status);
      }
      // The set whose write failed may be there or not.
      expect(statuses.filter((status) => status !== 200)).toEqual([504, 507]);
      expect((await get(address, 'first')).text).toBe('kept');
      expect(await cluster.storage(0).incarnationId.stop('SIGTERM')).toBe(0);
    },
  );
});

describe('a storage node whose memory is full', () => {
  test('says 507 to sets, answers gets, and takes sets again when something was deleted', async () => {
    const cluster = await fleet({
      storages: 1,
      frontends: 1,
      redundancy: 1,
      optionsFor: ({ role }) => (role === 'storage' ? ['--memory', '32MiB'] : []),
    });
    const [frontend] = cluster.frontends.map(({ address }) => address);
    if (frontend === undefined) throw new Error('there is a frontend');
    const value = 'v'.repeat(20_000);
    const statuses = new Map<string, number>();
    const fill = (keys: readonly string[], text: string) =>
      inParallel(keys, 8, async (key) => {
        statuses.set(key, (await set(frontend, key, text)).status);
      });
    const keys = Array.from({ length: 2200 }, (_, number) => `key ${number}`);
    await fill(keys, value);
    const held = keys.filter((key) => statuses.get(key) === 200);
    const refused = keys.filter((key) => statuses.get(key) === 507);
    expect(held.length + refused.length).toBe(keys.length);
    // Of 32 MiB a little is the cleaner's.
    expect(held.length).toBeGreaterThan(1400);
    expect(refused.length).toBeGreaterThan(300);
    const isThere = async (key: string, text: string | undefined) => {
      const { status, text: found } = await get(frontend, key);
      expect([key, status, found === text]).toEqual([key, text === undefined ? 404 : 200, true]);
    };
    await inParallel(held, 8, (key) => isThere(key, value));
    await inParallel(refused.slice(0, 50), 8, async (key) => {
      expect((await get(frontend, key)).status).toBe(404);
    });
    // Eight of ten are gone; what is left is overwritten ten times over, in the memory of the others.
    const gone = held.filter((_, index) => index % 5 !== 0);
    const left = held.filter((_, index) => index % 5 === 0);
    await inParallel(gone, 8, async (key) => {
      const reply = await call(frontend, `/delete?key=${encodeURIComponent(key)}`);
      expect([key, reply.status]).toEqual([key, 200]);
    });
    for (let round = 0; round < 10; round++) await fill(left, `${round}${value}`);
    expect(left.map((key) => statuses.get(key))).toEqual(left.map(() => 200));
    await inParallel(left, 8, (key) => isThere(key, `9${value}`));
    const status = (await cluster.storage(0).status()) as Record<string, string>;
    expect(status.limit_maxbytes).toBe(String(32 * 2 ** 20));
    const metrics = (await call(cluster.storage(0).address, '/metrics')).text;
    const used = Number(/^velourfog_memory_bytes (\d+)$/m.exec(metrics)?.[1]);
    expect(used).toBeGreaterThan(left.length * value.length);
    expect(used).toBeLessThanOrEqual(32 * 2 ** 20);
    expect(Number(/^velourfog_moved_bytes_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
  });

  test('is emptied by deletes, and takes sets again long before these are an hour old (R10)', async () => {
    const cluster = await fleet({
      storages: 2,
      frontends: 1,
      redundancy: 2,
      optionsFor: ({ role }) => (role === 'storage' ? ['--memory', '32MiB'] : []),
    });
    const { address } = cluster.frontend(0);
    // Nearly all of a record is its key, so a delete takes as much as it frees.
    const keyOf = (number: number) => `${number}`.padStart(1000, 'k');
    const keysFrom = (first: number, count: number) =>
      Array.from({ length: count }, (_, index) => keyOf(first + index));
    const statuses = new Map<number, number>();
    const count = ({ status }: { readonly status: number }): void => {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    };
    const keys = keysFrom(0, 33_000);
    await inParallel(keys, 32, async (key) => count(await set(address, key, 'v')));
    expect(statuses.get(507)).toBeGreaterThan(500);
    expect(statuses.get(200)).toBeGreaterThan(25_000);
    // Of keys that it has, that it refused, and that nobody ever set.
    statuses.clear();
    const more = keysFrom(100_000, 2000);
    await inParallel([...keys, ...more], 32, async (key) =>
      count(await call(address, `/delete?key=${key}`)),
    );
    expect(Object.fromEntries(statuses)).toEqual({ 200: keys.length + more.length });
    await until(async () => {
      statuses.clear();
      const some = keysFrom(200_000, 200);
      await inParallel(some, 8, async (key) => count(await set(address, key, 'v'.repeat(20_000))));
      return statuses.get(200) === some.length;
    });
    const { tombstone_bytes: bytes } = (await cluster.storage(0).status()) as {
      readonly tombstone_bytes: string;
    };
    expect(Number(bytes)).toBeLessThan(30 * 2 ** 20);
  }, 1_200_000);
});
