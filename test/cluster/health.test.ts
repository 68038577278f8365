// Whether several processes that share an address are ready together, and what they say if not.

import { expect, test } from 'vitest';
import { checkedTogether } from '../../src/cluster/health.ts';

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
