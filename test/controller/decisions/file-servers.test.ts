// Who may join as a file server, and what that changes in the map.

import { expect, test } from 'vitest';
import { type ClusterMap, clusterMap } from '../../../src/cluster/model/cluster-map.ts';
import { fileServerEntry } from '../../../src/cluster/model/file-server.ts';
import type { Address, ClusterId, StoreId } from '../../../src/cluster/model/identity.ts';
import type { JoinFileServerRequest } from '../../../src/cluster/wire/control-messages.ts';
import { joinFileServer } from '../../../src/controller/decisions/file-servers.ts';
import { nodeId, sampleMap } from '../../helpers/maps.ts';

function request(change: Partial<JoinFileServerRequest> = {}): JoinFileServerRequest {
  return {
    id: nodeId('f'),
    address: '127.0.0.1:9001' as Address,
    store: 'directory f' as StoreId,
    host: 'rack1.example',
    weight: 1,
    cluster: undefined,
    ...change,
  };
}

function joined(map: ClusterMap, change: Partial<JoinFileServerRequest> = {}): ClusterMap {
  const outcome = joinFileServer(map, request(change));
  if (outcome.kind === 'refused') throw new Error(outcome.why);
  return outcome.map;
}

function refusal(map: ClusterMap, change: Partial<JoinFileServerRequest> = {}): string {
  const outcome = joinFileServer(map, request(change));
  if (outcome.kind === 'joined') throw new Error('joined');
  return outcome.why;
}

const MAP = joined(sampleMap());
const entryOf = (map: ClusterMap, id = 'f') => fileServerEntry(map, nodeId(id));

test('one that is new gets an entry, and nothing of the partitions changes', () => {
  const { fileServers, ...rest } = MAP;
  expect(fileServers).toEqual({
    f: {
      address: '127.0.0.1:9001',
      store: 'directory f',
      host: 'rack1.example',
      weight: 1,
      state: 'in',
    },
  });
  expect(rest).toEqual(sampleMap());
  expect(clusterMap(JSON.parse(JSON.stringify(MAP))).fileServers).toEqual(fileServers);
});

test('a join that is repeated changes nothing', () => {
  expect(joined(MAP)).toBe(MAP);
  expect(joined(MAP, { cluster: MAP.cluster })).toBe(MAP);
});

test('the same directory at another address was moved', () => {
  const address = '127.0.0.1:9002' as Address;
  expect(entryOf(joined(MAP, { address }))).toMatchObject({ address, store: 'directory f' });
});

test('another directory at the same address is a disk that was replaced', () => {
  const store = 'directory g' as StoreId;
  expect(entryOf(joined(MAP, { store }))).toMatchObject({ address: '127.0.0.1:9001', store });
});

test('another directory at another address may be another file server', () => {
  const change = { store: 'directory g' as StoreId, address: '127.0.0.1:9002' as Address };
  expect(refusal(MAP, change)).toContain('velour remove f');
});

test('weight and host are taken over, and a drain goes on', () => {
  const entry = entryOf(MAP);
  if (entry === undefined) throw new Error('no entry');
  const draining: ClusterMap = { ...MAP, fileServers: { f: { ...entry, state: 'draining' } } };
  const next = joined(draining, { weight: 2.5, host: 'rack2' });
  expect(entryOf(next)).toMatchObject({ weight: 2.5, host: 'rack2', state: 'draining' });
});

test('a directory under two names would count twice (F1)', () => {
  expect(refusal(MAP, { id: nodeId('g') })).toContain('--name f');
});

test('no blobs of another cluster, none in a cache, no name of a storage node', () => {
  expect(refusal(MAP, { cluster: 'other' as ClusterId })).toContain('cluster other');
  expect(refusal({ ...sampleMap(), whenFull: 'evict' })).toContain('cache');
  expect(refusal(MAP, { id: nodeId('a') })).toContain('storage node');
});

test('there are 1,000 at most, and those that are known may still join', () => {
  const full = Array.from({ length: 999 }).reduce<ClusterMap>(
    (map, _, index) =>
      joined(map, { id: nodeId(`f${index}`), store: `directory ${index}` as StoreId }),
    MAP,
  );
  expect(refusal(full, { id: nodeId('g'), store: 'directory g' as StoreId })).toContain('1000');
  expect(joined(full)).toBe(full);
  expect(Object.keys(clusterMap(JSON.parse(JSON.stringify(full))).fileServers ?? {})).toHaveLength(
    1000,
  );
});
