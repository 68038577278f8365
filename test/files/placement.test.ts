// Where the copies of a blob belong: shares, distinct hosts, and what moves when a server comes or goes.

import { describe, expect, test } from 'vitest';
import type { FileServerEntry, FileServers } from '../../src/cluster/model/file-server.ts';
import { type BlobId, newBlobId } from '../../src/files/blob-id.ts';
import { distinctHostsFirst, placementOf } from '../../src/files/placement.ts';
import { SeededRandom } from '../helpers/random.ts';
import { fileServer, fileServersOf, placedServer } from '../helpers/scripted-file-servers.ts';

const idsOf = (servers: readonly { readonly id: string }[]) => servers.map(({ id }) => id);
const placed = (blob: BlobId, servers: FileServers, copies = 1000) =>
  idsOf(placementOf(blob, servers)).slice(0, copies);

function blobsOf(random: SeededRandom, count: number): BlobId[] {
  return Array.from({ length: count }, () => newBlobId(random.below(2 ** 32), random.token()));
}

/** Some servers on fewer hosts, with weights from 1 to 10. */
function someServers(random: SeededRandom): FileServers {
  const hosts = random.whole(1, 6);
  const entries = Array.from({ length: random.whole(2, 12) }, (_, index) => {
    const name = `s${index}`;
    const more = { host: `h${random.below(hosts)}`, weight: random.whole(1, 10) };
    return [name, fileServer(name, more)] as const;
  });
  return Object.fromEntries(entries);
}

describe('the place of a blob', () => {
  test('is for ever the same: what is on disks depends on it', () => {
    const servers = {
      ...fileServersOf('a', 'b', 'c'),
      d: fileServer('d', { host: 'host a', weight: 3 }),
    };
    const blobs = ['0123456789abcdef0123', 'ffffffffffffffffffff', '00000000000000000000'].map(
      (random) => newBlobId(7, random.padStart(32, '0')),
    );
    expect(blobs.map((blob) => placed(blob, servers).join(' '))).toEqual([
      'd b c a',
      'a c b d',
      'c d b a',
    ]);
  });

  test('does not depend on the time in the id', () => {
    const token = new SeededRandom(1).token();
    const servers = fileServersOf('a', 'b', 'c', 'd');
    expect(placed(newBlobId(1, token), servers)).toEqual(
      placed(newBlobId(2 ** 40, token), servers),
    );
  });

  test('is on servers that are in, and on none without any', () => {
    const servers = { ...fileServersOf('a', 'b'), c: fileServer('c', { state: 'draining' }) };
    for (const blob of blobsOf(new SeededRandom(1), 20)) {
      expect(placed(blob, servers).sort()).toEqual(['a', 'b']);
    }
    const [blob] = blobsOf(new SeededRandom(1), 1);
    expect(blob && placementOf(blob, undefined)).toEqual([]);
    expect(blob && placementOf(blob, {})).toEqual([]);
  });

  test.each([1, 2, 3, 4, 5])(
    'is the same in whatever order a map has its servers, seed %i',
    (seed) => {
      const random = new SeededRandom(seed);
      const servers = someServers(random);
      const shuffled = Object.fromEntries(random.shuffled(Object.entries(servers)));
      for (const blob of blobsOf(random, 50)) {
        expect(placed(blob, shuffled)).toEqual(placed(blob, servers));
      }
    },
  );

  test.each([1, 2, 3, 4, 5])('is on distinct hosts, as far as there are hosts, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const servers = someServers(random);
    const hostCount = new Set(Object.values(servers).map(({ host }) => host)).size;
    for (const blob of blobsOf(random, 50)) {
      const order = placementOf(blob, servers);
      expect(order).toHaveLength(Object.keys(servers).length);
      const first = order.slice(0, hostCount).map(({ entry }) => entry.host);
      expect(new Set(first).size).toBe(hostCount);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'moves of no other blob when a server leaves or comes, and one copy of its own, seed %i',
    (seed) => {
      const random = new SeededRandom(seed);
      const servers = someServers(random);
      const gone = random.pick(Object.keys(servers));
      const { [gone]: entry, ...left } = servers;
      const drained = { ...left, [gone]: { ...entry, state: 'draining' } as FileServerEntry };
      for (const blob of blobsOf(random, 50)) {
        for (let copies = 1; copies <= 4; copies++) {
          const before = placed(blob, servers, copies);
          const after = placed(blob, left, copies);
          expect(placed(blob, drained, copies)).toEqual(after);
          const kept = before.filter((id) => after.includes(id));
          if (!before.includes(gone)) expect(after.toSorted()).toEqual(before.toSorted());
          else expect(kept.toSorted()).toEqual(before.filter((id) => id !== gone).toSorted());
        }
      }
    },
  );

  test('has shares in proportion to the weights', () => {
    const weights: Readonly<Record<string, number>> = { a: 1, b: 2, c: 3, d: 4 };
    const servers = Object.fromEntries(
      Object.entries(weights).map(([name, weight]) => [name, fileServer(name, { weight })]),
    );
    const count = 20_000;
    const shares: Record<string, number> = {};
    for (const blob of blobsOf(new SeededRandom(1), count)) {
      const [first = ''] = placed(blob, servers);
      shares[first] = (shares[first] ?? 0) + 1;
    }
    for (const [name, weight] of Object.entries(weights)) {
      // Five standard deviations of a binomial share.
      const expected = (count * weight) / 10;
      const deviation = Math.sqrt(expected * (1 - weight / 10));
      expect(Math.abs((shares[name] ?? 0) - expected), name).toBeLessThan(5 * deviation);
    }
  });

  test('moves, when a weight grows, only to the server that has it', () => {
    const servers = fileServersOf('a', 'b', 'c', 'd');
    const heavier = { ...servers, a: fileServer('a', { weight: 3 }) };
    for (const blob of blobsOf(new SeededRandom(2), 300)) {
      const [before] = placed(blob, servers, 1);
      const [after] = placed(blob, heavier, 1);
      if (after !== before) expect(after).toBe('a');
    }
  });
});

describe('some of the servers of a placement', () => {
  const [a, b, c, d] = [
    placedServer('a', { host: 'one' }),
    placedServer('b', { host: 'one' }),
    placedServer('c', { host: 'two' }),
    placedServer('d', { host: 'two' }),
  ];

  test('are put in order anew: a further host goes before a second server of one', () => {
    expect(idsOf(distinctHostsFirst([c, d, a, b]))).toEqual(['c', 'a', 'd', 'b']);
    expect(idsOf(distinctHostsFirst([c, d]))).toEqual(['c', 'd']);
  });

  test('are last where their hosts have a copy', () => {
    expect(idsOf(distinctHostsFirst([c, d, a, b], [d]))).toEqual(['a', 'c', 'd', 'b']);
    expect(idsOf(distinctHostsFirst([c, d], [a]))).toEqual(['c', 'd']);
    expect(idsOf(distinctHostsFirst([c, a], [b, d]))).toEqual(['c', 'a']);
  });
});
