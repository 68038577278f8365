// What the map may say of a file server, and that it comes to all who have the map.

import { describe, expect, test } from 'vitest';
import { type ClusterMap, clusterMap } from '../../../src/cluster/model/cluster-map.ts';
import {
  type FileServerEntry,
  fileServerEntry,
  fileServers,
} from '../../../src/cluster/model/file-server.ts';
import { FILE_SERVERS_MAX } from '../../../src/cluster/model/limits.ts';
import { deltaBetween, mapDelta, received } from '../../../src/cluster/model/map-delta.ts';
import { decodeMapFile, encodeMapFile } from '../../../src/cluster/wire/map-file.ts';
import { Malformed } from '../../../src/cluster/wire/shapes.ts';
import { nodeId, sampleFileServer, sampleMap } from '../../helpers/maps.ts';

const ENTRY = sampleFileServer('f');
const withServers = (
  entries: Readonly<Record<string, FileServerEntry>>,
  number = 1,
): ClusterMap => ({
  ...sampleMap({ number }),
  fileServers: entries,
});
const sent = <T>(value: T): unknown => JSON.parse(JSON.stringify(value));

describe('an entry from outside', () => {
  test.each(['a', 'rack-1.example_2', '10.0.0.1', 'fd00::2', 'h'.repeat(255)])(
    'may be on host %s',
    (host) => {
      expect(fileServers({ f: { ...ENTRY, host } })).toEqual({ f: { ...ENTRY, host } });
    },
  );

  test.each([1, 0.001, 999.5, 1000])('may have weight %s', (weight) => {
    expect(fileServers({ f: { ...ENTRY, weight } })).toEqual({ f: { ...ENTRY, weight } });
  });

  test.each<[string, object]>([
    ['no host', { host: '' }],
    ['a host that is too long', { host: 'h'.repeat(256) }],
    ['a host with a space', { host: 'a b' }],
    ['a host that is no text', { host: 1 }],
    ['a host with a line', { host: 'a\n' }],
    ['weight 0', { weight: 0 }],
    ['a weight below 0', { weight: -1 }],
    ['a weight above 1,000', { weight: 1000.1 }],
    ['a weight that is no number', { weight: '1' }],
    ['no weight', { weight: null }],
    ['a weight that JSON has not', { weight: Number.NaN }],
    ['an unknown state', { state: 'up' }],
    ['no state', { state: undefined }],
    ['no store', { store: '' }],
    ['an address without a port', { address: 'f' }],
  ])('is refused with %s', (_what, change) => {
    expect(() => fileServers({ f: { ...ENTRY, ...change } })).toThrow(Malformed);
  });

  test('is one of at most 1,000', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, ENTRY]));
    expect(Object.keys(fileServers(many(FILE_SERVERS_MAX)))).toHaveLength(FILE_SERVERS_MAX);
    expect(() => fileServers(many(FILE_SERVERS_MAX + 1))).toThrow(Malformed);
  });

  test('is found by its id, and none by what objects have of themselves', () => {
    expect(fileServerEntry(withServers({ f: ENTRY }), nodeId('f'))).toBe(ENTRY);
    expect(fileServerEntry(withServers({ f: ENTRY }), nodeId('constructor'))).toBeUndefined();
    expect(fileServerEntry(sampleMap(), nodeId('f'))).toBeUndefined();
  });
});

describe('a map', () => {
  test('comes with its file servers through JSON and a file', () => {
    const map = withServers({ f: ENTRY, g: { ...sampleFileServer('g'), state: 'draining' } });
    expect(clusterMap(sent(map))).toEqual(map);
    const file = decodeMapFile('map', encodeMapFile('map', map));
    expect(file).toEqual({ kind: 'state', map: clusterMap(sent(map)) });
  });

  test('without any says nothing of them', () => {
    expect(clusterMap(sent(sampleMap())).fileServers).toBeUndefined();
    expect(JSON.stringify(clusterMap(sent(sampleMap())))).not.toContain('fileServers');
  });

  test.each<[string, ClusterMap, ClusterMap]>([
    ['one that joined', sampleMap(), withServers({ f: ENTRY }, 2)],
    [
      'one that drains',
      withServers({ f: ENTRY }),
      withServers({ f: { ...ENTRY, state: 'draining' } }, 2),
    ],
    ['one that is gone', withServers({ f: ENTRY, g: ENTRY }), withServers({ g: ENTRY }, 2)],
    ['the last that is gone', withServers({ f: ENTRY }), sampleMap({ number: 2 })],
  ])('tells as what changed of %s', (_what, before, after) => {
    const map = { ...after, partitions: before.partitions };
    const delta = mapDelta(sent(deltaBetween(before, map)));
    expect(Object.keys(delta.partitions)).toEqual([]);
    const outcome = received({ map: undefined, delta }, clusterMap(sent(before)));
    expect(outcome).toEqual({ kind: 'map', map: clusterMap(sent(map)) });
  });
});
