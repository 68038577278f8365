// In which order the copies of a blob are asked.

import { describe, expect, test } from 'vitest';
import type { FileServers } from '../../src/cluster/model/file-server.ts';
import { newBlobId } from '../../src/files/blob-id.ts';
import { placementOf } from '../../src/files/placement.ts';
import { readOrder } from '../../src/files/read-order.ts';
import { SeededRandom } from '../helpers/random.ts';
import { fileServer, fileServersOf } from '../helpers/scripted-file-servers.ts';

const SERVERS = fileServersOf('a', 'b', 'c', 'd', 'e');

function ordered(
  options: {
    readonly servers?: FileServers | undefined;
    readonly copies?: number;
    readonly down?: readonly string[];
    readonly busy?: Readonly<Record<string, number>>;
    readonly seed?: number;
  } = {},
) {
  const { copies = 3, down = [], busy = {}, seed = 1 } = options;
  const fileServers = 'servers' in options ? options.servers : SERVERS;
  const blob = newBlobId(1, 'a1b2c3d4'.repeat(4));
  const watch = {
    isUp: (id: string) => !down.includes(id),
    busyOf: (id: string) => busy[id] ?? 0,
  };
  const random = new SeededRandom(seed);
  const order = readOrder(blob, copies, { fileServers }, watch, random).map(({ id }) => `${id}`);
  const placed = placementOf(blob, fileServers).map(({ id }) => `${id}`);
  return { order, placed };
}

const seeds = Array.from({ length: 40 }, (_, index) => index + 1);

describe('a read asks', () => {
  test('first of all the holders that are up, then the other servers in their order', () => {
    for (const seed of seeds) {
      const { order, placed } = ordered({ seed });
      expect(order.slice(0, 3).toSorted()).toEqual(placed.slice(0, 3).toSorted());
      expect(order.slice(3)).toEqual(placed.slice(3));
    }
  });

  test('each holder first as often as the others, while all are as busy', () => {
    const first = seeds.map((seed) => ordered({ seed }).order[0]);
    expect(new Set(first).size).toBe(3);
  });

  test('the less busy of two: the busiest of all never first', () => {
    const { placed } = ordered();
    const [one = '', two = '', three = ''] = placed;
    const busy = { [one]: 5, [two]: 1, [three]: 9 };
    const firsts = seeds.map((seed) => ordered({ seed, busy }).order[0]);
    expect(firsts).not.toContain(three);
    // But not always the least busy one, to which all would run at once.
    expect(new Set(firsts)).toEqual(new Set([one, two]));
    expect(seeds.map((seed) => ordered({ seed, copies: 2, busy }).order[0])).not.toContain(one);
  });

  test('those that seem to be down last, each server once', () => {
    const { placed } = ordered();
    const [one = '', , three = '', four = ''] = placed;
    for (const seed of seeds) {
      const { order } = ordered({ seed, down: [one, four] });
      expect(order.toSorted()).toEqual(placed.toSorted());
      expect(order.slice(-2)).toEqual([one, four]);
      expect(order.slice(0, 2)).toContain(three);
    }
    expect(ordered({ down: placed }).order).toEqual(placed);
  });

  test('those that drain after those that are in: they serve what others have not fetched yet', () => {
    const servers = { ...SERVERS, a: fileServer('a', { state: 'draining' }) };
    const { order, placed } = ordered({ servers });
    expect(placed).not.toContain('a');
    expect(order.at(-1)).toBe('a');
    expect(ordered({ servers, down: placed.slice(0, 3) }).order.slice(0, 2)).toEqual([
      placed[3],
      'a',
    ]);
  });

  test('nobody where there is no file server, and the one where there is one', () => {
    expect(ordered({ servers: undefined }).order).toEqual([]);
    expect(ordered({ servers: fileServersOf('a') }).order).toEqual(['a']);
  });
});
