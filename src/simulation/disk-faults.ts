// The faults of a disk: how they are drawn, how they strike, and which cost the operator the disk. How a disk behaves
// under them is disk.ts's; when they strike and end is disk-hands.ts's.

import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { SimulatedDisk, Tampering } from './disk.ts';
import type { DiskOperation } from './disk-steps.ts';

export type DiskFault =
  /** Every operation that is called meanwhile takes longer. */
  | {
      readonly kind: 'slow';
      readonly eachMs: readonly [number, number];
      readonly durationMs: number;
    }
  | { readonly kind: 'stall'; readonly durationMs: number }
  /** The disk is full at once, or once so many more bytes were written. */
  | { readonly kind: 'full'; readonly roomBytes: number; readonly durationMs: number }
  | { readonly kind: 'error'; readonly operation: DiskOperation; readonly times: number }
  /** A shortage such as too few open files: the operation is not begun, and a later attempt succeeds (H35). */
  | { readonly kind: 'shortage'; readonly operation: DiskOperation; readonly times: number }
  | { readonly kind: 'rot'; readonly bits: number }
  /** A foreign hand changes the log of a running node. */
  | { readonly kind: 'tamper'; readonly how: Tampering };

export type DiskFaultKind = DiskFault['kind'];

export const DISK_FAULT_KINDS: readonly DiskFaultKind[] = [
  'slow',
  'stall',
  'full',
  'error',
  'shortage',
  'rot',
  'tamper',
];

/**
 * Extra ms of each operation; a set then takes about half a second, as it mostly waits for another's write first. With
 * twice as much, the sets of a key that three frontends set all the time need more rounds than their deadline allows
 * (H18).
 */
const SLOW_MS = [50, 300] as const;
/** Room left in bytes. A log of a run has a few kilobytes, and a map about as many. */
const ROOM_BYTES = [0, 30_000] as const;
const MINUTES_MS = [60_000, 240_000] as const;
const MOMENT_MS = [1, 3000] as const;
/** Operations that fail, the frequent ones listed more than once. */
const OPERATIONS: readonly DiskOperation[] = [
  'append',
  'append',
  'sync',
  'sync',
  'replace',
  'replace',
  'read',
  'open',
  'remove',
  'truncate',
];

/** Operations that a shortage may hit: not syncs, which none fails, nor reads and lists, which a start needs. */
const SCARCE: readonly DiskOperation[] = ['append', 'append', 'replace', 'open', 'open', 'remove'];

/** @param lasts whether the fault may last for minutes: only a long run has time for that */
export function drawDiskFault(
  random: SeededRandom,
  kinds: readonly DiskFaultKind[] = DISK_FAULT_KINDS,
  lasts = false,
): DiskFault {
  const kind = random.pick(kinds);
  const [fromMs, toMs] = lasts && random.chance(0.5) ? MINUTES_MS : MOMENT_MS;
  const durationMs = random.between(fromMs, toMs);
  switch (kind) {
    case 'slow':
      return { kind, eachMs: SLOW_MS, durationMs };
    case 'stall':
      return { kind, durationMs };
    case 'full': {
      const roomBytes = random.chance(0.5) ? 0 : Math.floor(random.between(...ROOM_BYTES));
      return { kind, roomBytes, durationMs };
    }
    case 'error':
      return { kind, operation: random.pick(OPERATIONS), times: 1 + random.below(3) };
    case 'shortage':
      return { kind, operation: random.pick(SCARCE), times: 1 + random.below(8) };
    case 'rot':
      return { kind, bits: 1 + random.below(3) };
    case 'tamper':
      return { kind, how: random.pick(['remove', 'replace', 'truncate']) };
  }
}

/**
 * @returns what happened, in words for the trace; undefined when the fault found no file. A full disk stays full until
 *   `free`.
 */
export function strikeDisk(disk: SimulatedDisk, fault: DiskFault): string | undefined {
  switch (fault.kind) {
    case 'slow':
      disk.slow(fault.eachMs, fault.durationMs);
      return 'is slow';
    case 'stall':
      disk.stall(fault.durationMs);
      return 'stalls';
    case 'full':
      if (fault.roomBytes === 0) disk.fill();
      else disk.limit(disk.usedBytes + fault.roomBytes);
      return fault.roomBytes === 0 ? 'is full' : `has room for ${fault.roomBytes} bytes`;
    case 'error':
      disk.fail(fault.operation, fault.times);
      return `fails to ${fault.operation}`;
    case 'shortage':
      disk.fail(fault.operation, fault.times, 'EMFILE');
      return `lacks what it takes to ${fault.operation}`;
    case 'rot': {
      const name = disk.rot(fault.bits);
      return name && `rots in ${name}`;
    }
    case 'tamper': {
      const name = disk.logs.at(-1);
      if (name === undefined) return undefined;
      disk.tamper(name, fault.how);
      return `has a foreign hand on it: ${fault.how} ${name}`;
    }
  }
}

/** Whether the operator may have to replace the disk after this fault. */
export function mayCostTheDisk(fault: DiskFault): boolean {
  if (fault.kind === 'rot' || fault.kind === 'tamper') return true;
  return fault.kind === 'error' && fault.operation === 'sync';
}
