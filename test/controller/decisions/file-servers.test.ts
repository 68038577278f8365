// Who may join as a file server, what that changes in the map, and what operators change.

import { expect, test } from 'vitest';
import { type ClusterMap, clusterMap } from '../../../src/cluster/model/cluster-map.ts';
import { fileServerEntry } from '../../../src/cluster/model/file-server.ts';
import type { Address, ClusterId, StoreId } from '../../../src/cluster/model/identity.ts';
import type { JoinFileServerRequest } from '../../../src/cluster/wire/control-messages.ts';
import { changesBetween } from '../../../src/controller/decisions/changes.ts';
import {
  joinFileServer,
  withFileServerState,
  withoutFileServer,
} from '../../../src/controller/decisions/file-servers.ts';
import { planFileServerDrain } from '../../../src/controller/decisions/plan.ts';
import { nodeId, sampleFileServer, sampleMap } from '../../helpers/maps.ts';

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
  const draining = withFileServerState(MAP, nodeId('f'), 'draining');
  const next = joined(draining, { weight: 2.5, host: 'rack2' });
  expect(entryOf(next)).toMatchObject({ weight: 2.5, host: 'rack2', state: 'draining' });
});

test('a new weight or host alone is news', () => {
  expect(entryOf(joined(MAP, { weight: 2 }))?.weight).toBe(2);
  expect(entryOf(joined(MAP, { host: 'rack2' }))?.host).toBe('rack2');
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

test('what an operator changes is its state, and one that takes new blobs is not removed', () => {
  const f = nodeId('f');
  const both = joined(MAP, { id: nodeId('g'), store: 'directory g' as StoreId });
  const draining = withFileServerState(both, f, 'draining');
  expect(draining.fileServers).toEqual({
    ...both.fileServers,
    f: { ...entryOf(both), state: 'draining' },
  });
  expect(withFileServerState(draining, f, 'draining')).toBe(draining);
  expect(withFileServerState(draining, f, 'in')).toEqual(both);
  expect(withFileServerState(both, nodeId('nobody'), 'draining')).toBe(both);
  expect(withoutFileServer(both, f)).toBe(both);
  expect(withoutFileServer(both, nodeId('nobody'))).toBe(both);
  expect(Object.keys(withoutFileServer(draining, f).fileServers ?? {})).toEqual(['g']);
  const last = withFileServerState(MAP, f, 'draining');
  expect(withoutFileServer(last, f).fileServers).toBeUndefined();
});

test('a plan counts who else takes new blobs, and on how many hosts', () => {
  const fileServers = {
    f: sampleFileServer('f'),
    g: { ...sampleFileServer('g'), host: 'rack' },
    h: { ...sampleFileServer('h'), host: 'rack' },
    i: sampleFileServer('i'),
    j: { ...sampleFileServer('j'), state: 'draining' as const },
  };
  expect(planFileServerDrain({ ...sampleMap(), fileServers }, nodeId('f'))).toMatchObject({
    partitions: 0,
    bytes: 0,
    joins: {},
    fileServers: { left: 3, hosts: 2 },
  });
});

test('what became of a file server is a line of the log', () => {
  const f = nodeId('f');
  const lines = (before: ClusterMap, after: ClusterMap) =>
    changesBetween(before, after).map(({ message, fields }) => [fields.node, message]);
  const draining = withFileServerState(MAP, f, 'draining');
  expect(lines(sampleMap(), MAP)).toEqual([['f', 'file server joined']]);
  expect(lines(MAP, { ...MAP, fileServers: { ...MAP.fileServers } })).toEqual([]);
  // As it comes of a recovery: the same, and no object of before.
  expect(lines(MAP, clusterMap(JSON.parse(JSON.stringify(MAP))))).toEqual([]);
  expect(lines(MAP, draining)).toEqual([['f', 'file server draining']]);
  expect(lines(draining, MAP)).toEqual([['f', 'file server no longer draining']]);
  expect(lines(MAP, joined(MAP, { weight: 3 }))).toEqual([['f', 'file server changed']]);
  expect(lines(MAP, joined(MAP, { address: 'moved:1' as Address }))).toEqual([
    ['f', 'file server moved'],
  ]);
  const replaced = joined(MAP, { store: 'directory g' as StoreId });
  expect(changesBetween(MAP, replaced)).toEqual([
    {
      message: expect.stringContaining('another directory'),
      fields: expect.objectContaining({ node: 'f', store: 'directory g', before: 'directory f' }),
    },
  ]);
  expect(lines(draining, withoutFileServer(draining, f))).toEqual([['f', 'file server removed']]);
});
