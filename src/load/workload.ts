// YCSB's core workloads: the kinds of operations, how often each comes, and the chooser of keys that goes with them.
// Cooper et al., "Benchmarking Cloud Serving Systems with YCSB" (SoCC 2010). E, which scans, has no counterpart here.

import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { ChooserName } from './choosers.ts';

export const OPERATION_KINDS = ['read', 'update', 'insert', 'read-modify-write'] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

export interface Workload {
  readonly chooser: ChooserName;
  /** The share of each kind; all shares add up to 1. */
  readonly mix: Readonly<Partial<Record<OperationKind, number>>>;
}

export const WORKLOADS = {
  a: { chooser: 'zipfian', mix: { read: 0.5, update: 0.5 } },
  b: { chooser: 'zipfian', mix: { read: 0.95, update: 0.05 } },
  c: { chooser: 'zipfian', mix: { read: 1 } },
  d: { chooser: 'latest', mix: { read: 0.95, insert: 0.05 } },
  f: { chooser: 'zipfian', mix: { read: 0.5, 'read-modify-write': 0.5 } },
} as const satisfies Readonly<Record<string, Workload>>;

export type WorkloadName = keyof typeof WORKLOADS;
export const WORKLOAD_NAMES = Object.keys(WORKLOADS) as WorkloadName[];

export function nextKind({ mix }: Workload, random: SeededRandom): OperationKind {
  let left = random.fraction();
  let last: OperationKind = 'read';
  for (const kind of OPERATION_KINDS) {
    const share = mix[kind] ?? 0;
    if (share === 0) continue;
    if (left < share) return kind;
    left -= share;
    last = kind;
  }
  return last;
}
