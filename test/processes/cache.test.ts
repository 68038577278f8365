// A cluster that was founded as a cache: real processes that are given three times what they have memory for.

import { afterEach, describe, expect, test } from 'vitest';
import { call, get, inParallel, set } from '../helpers/client.ts';
import { freePorts, velour } from '../helpers/cluster.ts';
import { Fleet, type FleetSettings, TIME_SCALE } from '../helpers/fleet.ts';

const fleets: Fleet[] = [];
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.stop();
});

async function cache(settings: FleetSettings = {}): Promise<Fleet> {
  const fleet = await Fleet.start({
    storages: 2,
    frontends: 1,
    redundancy: 2,
    optionsFor: ({ role }) => {
      if (role === 'controller') return ['--when-full', 'evict'];
      return role === 'storage' ? ['--memory', '32MiB'] : [];
    },
    ...settings,
  });
  fleets.push(fleet);
  return fleet;
}

const KEYS = 4800;
const VALUE = 'v'.repeat(20_000);
const keyOf = (number: number) => `key ${number}`;

interface Evicting {
  readonly evictions: string;
  readonly when_full: string;
}

describe('three times the memory of a cache (H40)', () => {
  test('is taken without a refusal; what is there is never older, what came last is there', async () => {
    const fleet = await cache({ data: 'all' });
    const { address } = fleet.frontend(0);
    const all = Array.from({ length: KEYS }, (_, number) => keyOf(number));
    // Two rounds of half the keys: what comes back must be of the second.
    const half = all.slice(0, KEYS / 2);
    const fill = (keys: readonly string[], mark: string) =>
      inParallel(keys, 8, async (key) => {
        expect([key, (await set(address, key, `${mark}${VALUE}`)).status]).toEqual([key, 200]);
      });
    await fill(half, '1');
    await fill(half, '2');
    await fill(all.slice(KEYS / 2), '2');
    const there = async (keys: readonly string[]) => {
      let found = 0;
      await inParallel(keys, 8, async (key) => {
        const { status, text, headers } = await get(address, key);
        if (status === 200) {
          found++;
          expect([key, text.slice(0, 2)]).toEqual([key, '2v']);
        } else {
          expect([key, status, headers['x-fog-error']]).toEqual([key, 404, undefined]);
          expect(text).toBe('not here: this cluster is a cache, and may have evicted it\n');
        }
      });
      return found;
    };
    expect(await there(all)).toBeGreaterThan(0);
    expect(await there(all)).toBeLessThan(KEYS / 2);
    const latest = all.slice(-100);
    expect(await there(latest)).toBe(latest.length);
    for (const storage of fleet.storages) {
      const { evictions, when_full } = (await storage.status()) as Evicting;
      expect(when_full).toBe('evict');
      expect(Number(evictions)).toBeGreaterThan(KEYS / 2);
    }
    // What is evicted after a backup is below the floors then: a restore cannot know that it was no delete.
    const path = `${fleet.directory}/backup`;
    const words = [fleet.controller.address, path, '--time-scale', '3'];
    expect(await velour(['backup', ...words]).exit()).toBe(0);
    await fill(all.slice(KEYS / 2), '2');
    const restored = velour(['restore', ...words]);
    expect(await restored.exit()).toBe(1);
    expect(restored.stdout).toMatch(/\d+ below the floor: what a cache evicts raises it/);
    // Both read back a log that holds more than fits, one after the other.
    for (const storage of fleet.storages) {
      await storage.kill();
      storage.start();
      await fleet.untilReady(storage);
      await fleet.untilReady(fleet.frontend(0));
      await there(half);
    }
    expect(await there(latest)).toBeGreaterThan(0);
  });

  test('a controller that knows no map yet says what it was told, and nothing of the cluster', async () => {
    for (const [words, whenFull] of [
      [[], undefined],
      [['--when-full', 'evict'], 'evict'],
    ] as const) {
      const [port = 0] = await freePorts(1);
      const alone = velour(['controller', String(port), '1', '1', '--host', '127.0.0.1', ...words]);
      try {
        await alone.printed('stderr', 'listening');
        const { text } = await call(`127.0.0.1:${port}`, '/status');
        expect(JSON.parse(text)).toMatchObject({ ready: false, redundancy: 1 });
        expect(JSON.parse(text).whenFull).toBe(whenFull);
      } finally {
        await alone.stop('SIGKILL');
      }
    }
  });

  test('the cluster stays a cache, whatever its controller is told later', async () => {
    const fleet = await cache({ data: 'controller' });
    const { controller } = fleet;
    const port = controller.address.split(':')[1] ?? '';
    const scale = ['--time-scale', String(TIME_SCALE)];
    const words = ['controller', port, '2', '2', '--host', '127.0.0.1', ...scale, '--data-dir'];
    const directory = `${fleet.directory}/controller-0`;
    await controller.kill();
    const other = velour([...words, directory, '--when-full', 'refuse']);
    expect(await other.exit()).toBe(78);
    expect(other.stderr).toContain('this cluster was founded as a cache, --when-full evict');
    // Who does not say it gets what the cluster is.
    const silent = velour([...words, directory]);
    try {
      await silent.printed('stderr', 'map published');
      expect(await controller.status()).toMatchObject({ whenFull: 'evict' });
    } finally {
      await silent.stop('SIGKILL');
    }
    controller.start();
    await controller.incarnationId.printed('stderr', 'map published');
    expect(await controller.status()).toMatchObject({ whenFull: 'evict' });
  });
});
