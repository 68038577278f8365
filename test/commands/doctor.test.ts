// How the doctor judges what controllers and nodes say of themselves, and how long it looks.

import { expect, test } from 'vitest';
import { readMetrics } from '../../src/cluster/http/read-metrics.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import { VERSION } from '../../src/cluster/software.ts';
import { examineAll, type Finding } from '../../src/commands/doctor/finding.ts';
import { silent } from '../../src/commands/doctor/silence.ts';
import {
  clusterStatus,
  judgeClock,
  judgeCluster,
  judgeNodes,
  type NodeSight,
} from '../../src/commands/doctor/verdicts.ts';

const NODE = { address: '10.0.0.2:12500', fenced: false, draining: false, heardMsAgo: 100 };
const WELL = {
  ready: true,
  timeScale: 1,
  timeMs: 1_000_000,
  redundancy: 1,
  whenFull: 'refuse',
  storage: { a: NODE },
  frontends: [],
};

const statusWith = (change: object) => clusterStatus({ ...WELL, ...change });

function kinds(judge: (report: (finding: Finding) => void) => void): readonly string[] {
  const findings: Finding[] = [];
  judge((finding) => findings.push(finding));
  for (const { what, todo } of findings) expect(`${what}; ${todo}`).not.toMatch(/undefined|NaN/);
  return findings.map(({ check }) => check);
}

test.each([
  [{}, undefined, []],
  [{ timeScale: 3 }, 3, []],
  [{ timeScale: 3 }, 1, ['time-scale']],
  // Earlier software does not say it.
  [{ timeScale: undefined, timeMs: undefined }, 3, []],
  [{ ready: false, waitingFor: 'storage nodes: 0 of 1' }, undefined, ['cluster']],
  [{ offlinePartitions: 3 }, undefined, ['partitions']],
  [{ frozen: { help: 'start node b' } }, undefined, ['partitions']],
  [{ stateProblem: 'ENOSPC' }, undefined, ['disk']],
  [{ redundancy: 2 }, undefined, ['nodes']],
  [{ storage: { a: NODE, b: { ...NODE, fenced: true } } }, undefined, ['nodes']],
  [{ storage: { a: NODE, b: { ...NODE, draining: true } } }, undefined, []],
  [{ storage: { a: { ...NODE, diskProblem: 'EIO' } } }, undefined, ['disk']],
  [{ storage: { a: { ...NODE, lacksMemory: true } } }, undefined, ['memory']],
  [{ storage: { a: { ...NODE, lacksMemory: false } } }, undefined, []],
  [{ storage: { a: { ...NODE, clockAheadMs: -20_000 } } }, undefined, ['clock']],
  [{ storage: { a: { ...NODE, clockAheadMs: 9000 } } }, undefined, []],
])('a controller that says %j, with --time-scale %s here', (change, scale, expected) => {
  expect(kinds((report) => judgeCluster(statusWith(change), scale, report))).toEqual(expected);
});

const FENCED = { ...NODE, fenced: true };
const WELL_BESIDE = { ...NODE, address: '10.0.0.3:12500' };

/** One line of a node at most, and what it must not say: nobody who is heard is to be forgotten. */
test.each<[object, RegExp | undefined]>([
  [FENCED, /is fenced, though the controller hears it; wait(?!.*forget)/],
  // The line about its disk says why.
  [{ ...FENCED, diskProblem: 'ENOSPC' }, undefined],
  [{ ...NODE, ended: 'returning' }, /has said goodbye, and is expected back(?!.*forget)/],
  [{ ...FENCED, ended: 'returning' }, /has said goodbye, and is expected back(?!.*forget)/],
  [{ ...FENCED, ended: 'gone' }, /has ended; start it again, or velour forget/],
  [{ ...NODE, draining: true, ended: 'gone' }, undefined],
  [{ ...FENCED, heardMsAgo: 60_000 }, /was not heard for 60\.0 s, and is fenced;.*forget/],
  [
    { ...NODE, heardMsAgo: 60_000 },
    /was not heard for 60\.0 s;.*start it again if it does not run/,
  ],
  [{ ...NODE, heardMsAgo: null }, /was not heard since the controller started/],
  [NODE, undefined],
])('a storage node of which the controller says %j', (node, expected) => {
  const findings: Finding[] = [];
  const status = statusWith({ storage: { a: node, b: WELL_BESIDE } });
  judgeCluster(status, undefined, (finding) => findings.push(finding));
  const lines = findings
    .filter(({ check }) => check === 'nodes')
    .map(({ what, todo }) => `${what}; ${todo}`);
  expect(lines).toEqual(expected === undefined ? [] : [expect.stringMatching(expected)]);
});

const holding = (serving: number, joining: number, leaving: number, draining = false) => ({
  ...NODE,
  draining,
  partitions: { serving, joining, leaving },
});
const FOUR = holding(4, 0, 0);

/** A node that is stopped while a copy is missing or moves may have the last one. */
test.each<[readonly object[], RegExp | undefined]>([
  [[FOUR, FOUR], undefined],
  [[FOUR, holding(1, 3, 0)], /^copies are being made: 5 of 8 are there, 3 to go; stop no other/],
  // Nobody has begun with them.
  [[FOUR, holding(2, 0, 0)], /^copies are being made: 6 of 8 are there, 2 to go; stop no other/],
  [[FOUR, FOUR, holding(0, 3, 0)], /^copies are being moved: 3 just now; stop no other/],
  [[FOUR, FOUR, holding(0, 0, 2)], /^copies are being moved: 2 just now; stop no other/],
  // A drain between two moves.
  [
    [FOUR, holding(1, 0, 0), holding(3, 0, 0, true)],
    /^copies are being moved off nodes that drain: 3 to go; stop no other/,
  ],
  [[FOUR, FOUR, holding(0, 0, 0, true)], undefined],
  // There is nobody who could take another copy: the line about the nodes says so.
  [[FOUR], undefined],
])('copies of four partitions, which nodes hold so: %j', (nodes, expected) => {
  const findings: Finding[] = [];
  const status = statusWith({ redundancy: 2, partitions: 4, storage: { ...nodes } });
  judgeCluster(status, undefined, (finding) => findings.push(finding));
  const lines = findings
    .filter(({ check }) => check === 'copies')
    .map(({ what, todo }) => `${what}; ${todo}`);
  expect(lines).toEqual(expected === undefined ? [] : [expect.stringMatching(expected)]);
});

test('storage nodes of which none is heard answer for nothing, and are fewer than the copies', () => {
  const storage = { a: { ...NODE, heardMsAgo: 60_000 }, b: { ...WELL_BESIDE, heardMsAgo: null } };
  const found = kinds((report) => judgeCluster(statusWith({ storage }), undefined, report));
  expect(found).toEqual(['partitions', 'nodes', 'nodes', 'nodes']);
});

test.each([
  ['closed', true, /^does not run.*; the controller has just heard it.*start it.*only if it runs/],
  ['closed', undefined, /^does not run.*; start it.*only if it runs.*firewall/],
  ['mute', true, /^takes connections and does not answer.*; it hangs.*SIGSTOP/],
  ['unreachable', true, /^cannot be reached.*; the controller hears it.*firewall/],
  ['unreachable', false, /^cannot be reached.*; see whether its machine runs/],
] as const)('silence that is %s, of a node whose being heard is %s', (how, isHeard, expected) => {
  const { what, todo } = silent({
    who: 'it',
    silence: { kind: 'silent', how, why: 'WHY' },
    isHeard,
  });
  expect(`${what.slice(3)}; ${todo}`).toMatch(expected);
});

test.each([
  [1_000_000, 1_000_100, []],
  [1_011_000, 1_011_100, ['clock']],
  [988_000, 988_100, ['clock']],
  // It took so long that nothing is certain.
  [1_000_000, 1_030_000, []],
  // The clock was set meanwhile.
  [1_000_000, 990_000, []],
])(
  'asked from %i to %i by the own clock, at 1000000 of the cluster',
  (beforeMs, afterMs, expected) => {
    const asked = { beforeMs, afterMs };
    expect(kinds((report) => judgeClock(statusWith({}), asked, report))).toEqual(expected);
  },
);

function sight(lines: readonly string[], change: Partial<NodeSight> = {}): NodeSight {
  const info = `velourfog_build_info{version="${VERSION}",role="storage"} 1`;
  return {
    address: NODE.address as Address,
    role: 'storage',
    isHeard: true,
    silence: undefined,
    health: '[+]log ok\nok\n',
    metrics: readMetrics([...lines, info].join('\n')),
    ...change,
  };
}

const SILENT = {
  silence: { kind: 'silent', how: 'closed', why: 'ECONNREFUSED' },
  metrics: undefined,
} as const;
const FILE_SERVER = sight([], {
  ...SILENT,
  address: '10.0.0.9:12800' as Address,
  role: 'fileserver',
  isHeard: undefined,
});
const IN_MAP = { address: FILE_SERVER.address, host: 'rack', weight: 1, state: 'in' };
const FULL = ['velourfog_memory_bytes 95', 'velourfog_memory_limit_bytes 100'];

test.each([
  ['in', 'velour drain f --detach, and then velour remove f'],
  ['draining', 'for good, velour remove f'],
])('a file server that is %s and silent may be gone for good', (state, todo) => {
  const findings: Finding[] = [];
  const mute = { ...FILE_SERVER, silence: { ...SILENT.silence, how: 'mute' as const } };
  const fileServers = { f: { ...IN_MAP, state } };
  judgeNodes([mute], statusWith({ fileServers }), (finding) => findings.push(finding));
  expect(findings).toMatchObject([{ todo: expect.stringContaining(todo) }]);
});

test.each<[string, readonly NodeSight[], object, readonly string[]]>([
  ['that are well', [sight(['velourfog_time_scale 1'])], {}, []],
  ['of which one is nearly full', [sight(FULL)], {}, ['memory']],
  ['of a cache that is full', [sight(FULL)], { whenFull: 'evict' }, []],
  ['of another time scale', [sight(['velourfog_time_scale 5'])], {}, ['time-scale']],
  ['that say no time scale', [sight([])], {}, []],
  [
    'that run something else',
    [sight([], { metrics: readMetrics('velourfog_build_info{version="8"} 1') })],
    {},
    ['versions'],
  ],
  ['that are silent', [sight([], SILENT)], {}, ['reach']],
  [
    'that are silent, as the controller says',
    [sight([], SILENT)],
    { storage: { a: { ...NODE, ended: 'returning' } } },
    [],
  ],
  ['a file server that is silent', [FILE_SERVER], { fileServers: { f: IN_MAP } }, ['reach']],
  [
    'a file server that drains and has ended',
    [FILE_SERVER],
    { fileServers: { f: { ...IN_MAP, state: 'draining' } } },
    [],
  ],
  [
    'a file server that drains and hangs',
    [{ ...FILE_SERVER, silence: { kind: 'silent', how: 'mute', why: 'no answer' } }],
    { fileServers: { f: { ...IN_MAP, state: 'draining' } } },
    ['reach'],
  ],
  [
    'that warn',
    [sight([], { health: '[!]partitions warning: 3 are offline\nok\n' })],
    {},
    ['ready'],
  ],
  [
    'that cannot write',
    [sight([], { health: '[-]disk failed: ENOSPC\nnot ready\n' })],
    {},
    ['disk'],
  ],
  ['whose clock the controller judges', [sight(['velourfog_clock_ahead_seconds 60'])], {}, []],
  [
    'a frontend whose clock is off',
    [sight(['velourfog_clock_ahead_seconds -60'], { role: 'frontend' })],
    {},
    ['clock'],
  ],
])('nodes %s', (_, sights, change, expected) => {
  expect(kinds((report) => judgeNodes(sights, statusWith(change), report))).toEqual(expected);
});

test('a check that hangs is given up, and what it has found by then counts', async () => {
  const finding = { check: 'names', what: 'wrong', todo: 'mend it' };
  const findings = await examineAll(
    [
      {
        name: 'hangs',
        examine: (report) => {
          report(finding);
          return new Promise(() => undefined);
        },
      },
      { name: 'well', examine: async () => undefined },
    ],
    1,
  );
  expect(findings).toEqual([finding, { ...findings[1], check: 'hangs' }]);
  expect(findings[1]?.what).toContain('could be looked at within 0.001 s');
});
