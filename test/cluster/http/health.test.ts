// Whether several processes that share an address are ready together, and what they say if not.

import { expect, test } from 'vitest';
import {
  type CheckResult,
  checked,
  checkedTogether,
  healthReply,
} from '../../../src/cluster/http/health.ts';
import type { HttpRequest } from '../../../src/cluster/http/http.ts';
import { bytesOf } from '../../../src/simulation/requests.ts';

const well = [
  { name: 'map', problem: undefined },
  { name: 'clock', problem: undefined },
];

test('all are well: one line a check, and one for the workers', () => {
  const told = [1, 2, 3].map((worker) => ({ worker, answer: well }));
  expect(checkedTogether(told)).toEqual([...well, { name: 'workers', problem: undefined }]);
});

test('one that is not well makes all not ready, and is named; the first of several', () => {
  const unwell = (problem: string) => [{ name: 'map', problem }, well[1]];
  const told = [
    { worker: 1, answer: well },
    { worker: 2, answer: unwell('no map yet') },
    { worker: 3, answer: unwell('another problem') },
    { worker: 4, answer: well },
  ];
  expect(checkedTogether(told)).toEqual([
    { name: 'map', problem: 'worker 2: no map yet' },
    { name: 'clock', problem: undefined },
    { name: 'workers', problem: undefined },
  ]);
});

test('one that says nothing is not ready', () => {
  const told = [
    { worker: 1, answer: well },
    { worker: 2, answer: undefined },
    { worker: 3, answer: undefined },
  ];
  expect(checkedTogether(told)).toEqual([
    ...well,
    { name: 'workers', problem: 'no answer of worker 2, worker 3' },
  ]);
});

test('a warning of one stays a warning of all', () => {
  const warned = [{ name: 'partitions', problem: 'two are missing', isWarning: true }];
  const told = [{ worker: 1, answer: warned }];
  expect(checkedTogether(told)[0]).toEqual({
    name: 'partitions',
    problem: 'worker 1: two are missing',
    isWarning: true,
  });
});

const CHECKS: readonly CheckResult[] = [
  { name: 'map', problem: 'none' },
  { name: 'clock', problem: 'unknown' },
  { name: 'running', problem: undefined },
  { name: 'partitions', problem: 'two are missing', isWarning: true },
];

function ask(query: string, results = CHECKS) {
  const request = { method: 'GET', target: `/readyz${query}` } as HttpRequest;
  const reply = healthReply(request, results);
  return { status: reply.status, text: bytesOf(reply).toString() };
}

test.each([
  ['', 503],
  ['?exclude=map', 503],
  ['?exclude=map&exclude=clock', 200],
  ['?exclude=clock&verbose&exclude=map', 200],
  ['?exclude=map&exclude=clock&complete', 503],
  ['?exclude=map&exclude=clock&complete=0', 200],
  ['?exclude=map&exclude=clock&complete&exclude=partitions', 200],
  ['?exclude=%6dap&exclude=clock', 200],
])('%o is %i', (query, status) => {
  expect(ask(query).status).toBe(status);
});

test('?verbose has a line for each check that is not excluded, and warnings stand out', () => {
  expect(ask('?verbose=1&exclude=map').text).toBe(
    '[-]clock failed: unknown\n[+]running ok\n[!]partitions warning: two are missing\nnot ready\n',
  );
  expect(ask('?exclude=map&exclude=clock').text).toBe('ok\n');
});

test('a check that cannot be judged does not pass, and is neither called well nor wrong', () => {
  const results = [
    checked('map', () => 'none'),
    checked('storage', () => ({ unknown: 'no map to judge by' })),
    { ...checked('partitions', () => ({ unknown: 'no map to judge by' })), isWarning: true },
    checked('running', () => undefined),
  ];
  const lines =
    '[-]map failed: none\n[?]storage unknown: no map to judge by\n[?]partitions unknown: no map to judge by\n[+]running ok\nnot ready\n';
  expect(ask('', results)).toEqual({ status: 503, text: lines });
  expect(ask('?exclude=map', results).status).toBe(503);
  expect(ask('?exclude=map&exclude=storage', results).status).toBe(200);
  expect(ask('?exclude=map&exclude=storage&complete', results).status).toBe(503);
  const told = checkedTogether([{ worker: 2, answer: results }]);
  expect(told[1]).toMatchObject({ problem: 'worker 2: no map to judge by', isUnknown: true });
});

test.each([
  ['?excluded=map', 'excluded'],
  ['?exclude=maps', 'exclude=maps'],
  ['?exclude=map&exclude=', 'exclude='],
  ['?verbose&timeout=5', 'timeout'],
  ['?verbose=perhaps', 'verbose=perhaps'],
  ['?exclude=%0d%0a', 'exclude=??'],
  ['?%zz', 'hex digits'],
])('%o is refused, with its name', (query, named) => {
  for (const results of [CHECKS, CHECKS.slice(2, 3)]) {
    const { status, text } = ask(query, results);
    expect([status, text]).toEqual([400, expect.stringContaining(named)]);
  }
  expect(ask(query, []).status).toBe(400);
});
