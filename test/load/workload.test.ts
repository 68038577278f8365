// The mixes are YCSB's.

import { expect, test } from 'vitest';
import { nextKind, WORKLOAD_NAMES, WORKLOADS } from '../../src/load/workload.ts';
import { SeededRandom } from '../helpers/random.ts';

const DRAWS = 100_000;

test('A, B, C, D and F have the choosers of the core workloads', () => {
  const choosers = WORKLOAD_NAMES.map((name) => `${name} ${WORKLOADS[name].chooser}`);
  expect(choosers).toEqual(['a zipfian', 'b zipfian', 'c zipfian', 'd latest', 'f zipfian']);
});

test.each([
  ['a', { read: 0.5, update: 0.5 }],
  ['b', { read: 0.95, update: 0.05 }],
  ['c', { read: 1 }],
  ['d', { read: 0.95, insert: 0.05 }],
  ['f', { read: 0.5, 'read-modify-write': 0.5 }],
] as const)('%s brings its operations as often as it says', (name, mix) => {
  const random = new SeededRandom(5);
  const counts: Record<string, number> = {};
  for (let draw = 0; draw < DRAWS; draw++) {
    const kind = nextKind(WORKLOADS[name], random);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  expect(Object.keys(counts).sort()).toEqual(Object.keys(mix).sort());
  for (const [kind, share] of Object.entries(mix)) {
    expect((counts[kind] ?? 0) / DRAWS, kind).toBeCloseTo(share, 2);
  }
});
