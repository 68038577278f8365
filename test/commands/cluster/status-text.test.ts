// What velour status and top say of a look at a cluster: what is wrong comes first, and no node is shown better than it is.

import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/cluster/model/identity.ts';
import { figuresIn } from '../../../src/commands/cluster/figures.ts';
import type { ClusterLook, NodeLook } from '../../../src/commands/cluster/look.ts';
import { nodeJson, stateOf } from '../../../src/commands/cluster/node-texts.ts';
import { linesWithoutController, statusLines } from '../../../src/commands/cluster/status-text.ts';
import { topJson, topLines } from '../../../src/commands/cluster/top-text.ts';
import { statusIn } from '../../../src/commands/doctor/verdicts.ts';

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

test('the state of a node is the worst that is known', () => {
  const state = (storage: Readonly<Record<string, unknown>>, node: Partial<NodeLook> = {}) => {
    const { nodes, status } = lookWith(storage, node);
    const [only] = nodes;
    if (only === undefined) throw new Error('there is one');
    return stateOf(only, status);
  };
  expect(state({})).toEqual({ text: 'ready', isBad: false });
  expect(state({ draining: true })).toEqual({ text: 'draining', isBad: false });
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
    expect(titles).toMatch(/^NODE +ROLE +REQUESTS\/S +GETS\/S/);
    expect(row).toMatch(/^a:2 +storage +10 +10 +0 /);
    expect(topJson(before, now)).toMatchObject({
      nodes: [{ ...nodeJson(now.nodes[0] as NodeLook, now.status), getsPerSecond: 10 }],
    });
  });

  test('shows no rate of a node that it sees for the first time', () => {
    const [, , row] = textsOf(topLines({ ...before, nodes: [] }, now));
    expect(row).toMatch(/^a:2 +storage +- +- +- /);
  });
});
