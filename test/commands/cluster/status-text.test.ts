// What velour status and top say of a look at a cluster: what is wrong comes first, and no node is shown better than it is.

import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/cluster/model/identity.ts';
import { figuresIn } from '../../../src/commands/cluster/figures.ts';
import { type ClusterLook, type NodeLook, roomIn } from '../../../src/commands/cluster/look.ts';
import { mapLines } from '../../../src/commands/cluster/map-text.ts';
import { nodeJson, stateOf } from '../../../src/commands/cluster/node-texts.ts';
import { linesWithoutController, statusLines } from '../../../src/commands/cluster/status-text.ts';
import { topJson, topLines } from '../../../src/commands/cluster/top-text.ts';
import { statusIn } from '../../../src/commands/doctor/verdicts.ts';
import { sampleFileServer, sampleMap } from '../../helpers/maps.ts';

const STORAGE = 'a:2' as Address;
const entry = { address: STORAGE, fenced: false, draining: false, heardMsAgo: 120 };
const partitions = { serving: 16, joining: 1, leaving: 0 };

function lookWith(
  storage: Readonly<Record<string, unknown>>,
  node: Partial<NodeLook> = {},
): ClusterLook {
  const told = { ready: true, redundancy: 1, partitions: 16, offlinePartitions: 2, frontends: [] };
  const status = statusIn(
    JSON.stringify({ ...told, storage: { one: { ...entry, partitions, ...storage } } }),
  );
  if (typeof status === 'string') throw new Error(status);
  const ready: NodeLook = {
    address: STORAGE,
    role: 'storage',
    id: 'one',
    isReady: true,
    silence: undefined,
    figures: figuresIn('velourfog_items 1234\nprocess_resident_memory_bytes 5e7\n', 0),
    ...node,
  };
  return { controller: 'a:1' as Address, status, nodes: [ready] };
}

const FILE_SERVER = 'a:3' as Address;

/** @param state of the map. @param node what it says itself */
function lookWithFileServer(state: 'in' | 'draining', node: Partial<NodeLook> = {}): ClusterLook {
  const look = lookWith({});
  const fileServers = { f: { address: FILE_SERVER, host: 'rack', weight: 2, state } };
  const server: NodeLook = {
    address: FILE_SERVER,
    role: 'fileserver',
    id: 'f',
    isReady: true,
    silence: undefined,
    figures: figuresIn('process_resident_memory_bytes 6e7\n', 0),
    room: roomIn(JSON.stringify(ROOM)),
    ...node,
  };
  return {
    ...look,
    status: { ...look.status, fileServers },
    nodes: [...look.nodes, server],
  };
}

const ROOM = { cluster: 'c', id: 'f', store: 's', freeBytes: 5e9, busy: 3, readOnly: false };
const AWAY = { isReady: undefined, silence: 'ECONNREFUSED', figures: undefined, room: undefined };

const textsOf = (lines: readonly { readonly text: string }[]) => lines.map(({ text }) => text);

describe('status', () => {
  test('begins with what is wrong and what to do', () => {
    const finding = { check: 'nodes', what: 'one is gone', todo: 'start it again' };
    const lines = statusLines(lookWith({}), [finding]);
    expect(textsOf(lines).slice(0, 4)).toEqual([
      'nodes: one is gone',
      '  start it again',
      '',
      '1 thing is wrong, see above',
    ]);
    expect(lines[0]?.tone).toBe('bad');
    expect(textsOf(statusLines(lookWith({}), []))[0]).toBe('all is well');
  });

  test('counts what is served, and shows each node by its id', () => {
    const texts = textsOf(statusLines(lookWith({}), []));
    expect(texts).toContain('14 of 16 partitions are served, 1 copy of each key, a store');
    expect(texts.at(-1)).toMatch(
      /^a:2 \(one\) +storage +ready +16 +1 +0 +1,234 +- +50\.0 MB +0\.1 s ago$/,
    );
  });

  test('says how many copies are there while some are missing', () => {
    const look = lookWith({ partitions: { serving: 10, joining: 6, leaving: 0 } });
    expect(textsOf(statusLines(look, []))).toContain(
      '14 of 16 partitions are served, 1 copy of each key (10 of 16 are there), a store',
    );
  });

  test('says that gets go on without a controller only where a frontend is ready', () => {
    const { nodes } = lookWith({});
    expect(textsOf(linesWithoutController('gone', nodes))[1]).toMatch(/^gets and sets go on/);
    const silent = lookWith({}, { isReady: undefined, silence: 'ECONNREFUSED' }).nodes;
    expect(textsOf(linesWithoutController('gone', silent))[1]).toMatch(/^no frontend/);
  });
});

describe('file servers', () => {
  test('have a table of their own, with what they say themselves', () => {
    const texts = textsOf(statusLines(lookWithFileServer('in'), []));
    expect(texts.at(-2)).toMatch(/^FILE SERVER +HOST +WEIGHT +STATE +FREE +BUSY +PROCESS$/);
    expect(texts.at(-1)).toMatch(/^a:3 \(f\) +rack +2 +ready +5\.0 GB +3 +60\.0 MB$/);
    expect(texts.filter((text) => text.includes('a:3'))).toHaveLength(1);
    expect(textsOf(statusLines(lookWith({}), [])).join('\n')).not.toContain('FILE SERVER');
  });

  test.each<['in' | 'draining', Partial<NodeLook>, string, boolean]>([
    ['in', {}, 'ready', false],
    ['draining', {}, 'draining', false],
    ['in', { isReady: false }, 'not ready', true],
    // What answers is no file server.
    ['in', { room: undefined }, 'not ready', true],
    ['in', { room: roomIn('{"id":"f"}') }, 'not ready', true],
    ['in', { room: roomIn(JSON.stringify({ ...ROOM, readOnly: true })) }, 'cannot write', true],
    ['in', { room: roomIn(JSON.stringify({ ...ROOM, id: 'g' })) }, 'it is g', true],
    ['in', AWAY, 'silent: ECONNREFUSED', true],
    ['draining', AWAY, 'draining, silent: ECONNREFUSED', true],
    ['draining', { left: 3 }, 'draining', false],
    ['draining', { left: 0 }, 'drained, may be stopped', false],
  ])('that are %s and say %j are shown as they are', (state, node, text, isBad) => {
    const { nodes, status } = lookWithFileServer(state, node);
    expect(stateOf(nodes.at(-1) as NodeLook, status)).toEqual({ text, isBad });
  });

  test('are said to programs with the same, and to top', () => {
    const look = lookWithFileServer('draining');
    expect(nodeJson(look.nodes.at(-1) as NodeLook, look.status)).toMatchObject({
      address: 'a:3',
      role: 'fileserver',
      id: 'f',
      state: 'draining',
      draining: true,
      host: 'rack',
      weight: 2,
      freeBytes: 5e9,
      busy: 3,
    });
    const [head, , , row] = textsOf(topLines(look, look));
    expect(head).toMatch(/^1 storage node, 1 file server, 0 frontends/);
    expect(row).toMatch(/^a:3 +draining +fileserver /);
  });

  test('stand in the map behind the storage nodes', () => {
    const map = { ...sampleMap(), fileServers: { f: { ...sampleFileServer('f'), weight: 0.5 } } };
    const texts = textsOf(mapLines(map, []));
    const at = texts.findIndex((text) => text.startsWith('FILE SERVER'));
    expect(texts[at + 1]).toMatch(/^f +f:1 +f +0\.5 +in$/);
    expect(textsOf(mapLines(sampleMap(), [])).join('\n')).not.toContain('FILE SERVER');
  });
});

test('the state of a node is the worst that is known', () => {
  const state = (storage: Readonly<Record<string, unknown>>, node: Partial<NodeLook> = {}) => {
    const { nodes, status } = lookWith(storage, node);
    const [only] = nodes;
    if (only === undefined) throw new Error('there is one');
    return stateOf(only, status);
  };
  expect(state({})).toEqual({ text: 'ready', isBad: false });
  expect(state({ draining: true })).toEqual({ text: 'draining', isBad: false });
  const held = (leaving: number) => ({ serving: 0, joining: 0, leaving });
  expect(state({ draining: true, partitions: held(1) }).text).toBe('draining');
  expect(state({ draining: true, partitions: held(0) }).text).toBe('drained, may be stopped');
  const away = { isReady: undefined, silence: 'ECONNREFUSED', figures: undefined };
  const gone = { draining: true, fenced: true, ended: 'gone' };
  expect(state({ ...gone, partitions: held(0) }, away)).toEqual({
    text: 'ended, holds nothing',
    isBad: false,
  });
  // What it holds nobody has taken over, or nobody knows how it ended.
  for (const other of [
    { ...gone, partitions: held(1) },
    { ...gone, ended: undefined, partitions: held(0) },
    { ...gone, draining: false, partitions: held(0) },
  ]) {
    expect(state(other, away)).toEqual({ text: 'silent: ECONNREFUSED', isBad: true });
  }
  expect(state({}, { isReady: false })).toEqual({ text: 'not ready', isBad: true });
  expect(state({ diskProblem: 'full' }, { isReady: false }).text).toBe('cannot write');
  expect(state({ fenced: true }).text).toBe('fenced');
  expect(state({ fenced: true }, { silence: 'ECONNREFUSED' })).toEqual({
    text: 'silent: ECONNREFUSED',
    isBad: true,
  });
});

describe('top', () => {
  const later = (exposition: string, atMs: number) =>
    lookWith({}, { figures: figuresIn(exposition, atMs) });
  const before = later('velourfog_operations_total{operation="get"} 10\n', 0);
  const now = later('velourfog_operations_total{operation="get"} 30\n', 2000);

  test('shows rates of what it saw twice', () => {
    const [head, titles, row] = textsOf(topLines(before, now));
    expect(head).toBe('1 storage node, 0 frontends, 14 of 16 partitions served');
    expect(titles).toMatch(/^NODE +STATE +ROLE +REQUESTS\/S +GETS\/S/);
    expect(row).toMatch(/^a:2 +ready +storage +10 +10 +0 /);
    expect(topJson(before, now)).toMatchObject({
      nodes: [{ ...nodeJson(now.nodes[0] as NodeLook, now.status), getsPerSecond: 10 }],
    });
  });

  test('shows on 80 columns what may be wrong', () => {
    const told =
      'velourfog_memory_bytes 3e8\nvelourfog_memory_limit_bytes 3.2e9\nvelourfog_items 123456\n';
    const [node] = now.nodes;
    if (node === undefined) throw new Error('there is one');
    const address = '127.0.0.1:12500' as Address;
    const figures = figuresIn(`${told}process_resident_memory_bytes 4.1e8\n`, 2000);
    const titlesOf = (change: Partial<NodeLook>) => {
      const look = { ...now, nodes: [{ ...node, address, figures, ...change }] };
      const [, titles = '', row = ''] = textsOf(topLines(look, look, 80));
      expect(Math.max(titles.length, row.length)).toBeLessThanOrEqual(80);
      return titles.split(/ +/);
    };
    const all = ['NODE', 'STATE', 'ROLE', 'REQUESTS/S', 'MEMORY', 'PROCESS', 'CPU', 'LAG'];
    expect(titlesOf({})).toEqual(expect.arrayContaining(all));
    const silent = { isReady: undefined, silence: 'ECONNREFUSED', figures: undefined };
    const most = all.filter((title) => title !== 'ROLE');
    expect(titlesOf(silent)).toEqual(expect.arrayContaining(most));
  });

  test('shows no rate of a node that it sees for the first time', () => {
    const [, , row] = textsOf(topLines({ ...before, nodes: [] }, now));
    expect(row).toMatch(/^a:2 +ready +storage +- +- +- /);
  });
});
