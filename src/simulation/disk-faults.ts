// What can befall a disk, as a nemesis draws it, and what an operator has to do about it. How a disk behaves
// then is disk.ts's.

import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { SimulatedDisk, Tampering } from './disk.ts';
import type { DiskOperation } from './disk-steps.ts';

export type DiskFault =
  /** Everything that is asked for meanwhile takes longer. */
  | {
      readonly kind: 'slow';
      readonly eachMs: readonly [number, number];
      readonly durationMs: number;
    }
  | { readonly kind: 'stall'; readonly durationMs: number }
  /** At once, or when so many bytes more were written. */
  | { readonly kind: 'full'; readonly roomBytes: number; readonly durationMs: number }
  | { readonly kind: 'error'; readonly operation: DiskOperation; readonly times: number }
  /** Too few open files, or the like: nothing is done, and a later attempt succeeds (H35). */
  | { readonly kind: 'shortage'; readonly operation: DiskOperation; readonly times: number }
  | { readonly kind: 'rot'; readonly bits: number }
  /** Somebody touches the log of a node that runs. */
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
 * Half a second for a set, which mostly comes into the middle of another's. With twice as much the sets of a key that
 * three frontends set all the time need more rounds than they have time for (H18).
 */
const SLOW_MS = [50, 300] as const;
/** A log of a run has a few kilobytes, and a map about as many. */
const ROOM_BYTES = [0, 30_000] as const;
const MINUTES_MS = [60_000, 240_000] as const;
const MOMENT_MS = [1, 3000] as const;
/** What a process asks for all the time comes first. */
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

/** A shortage is no reason for a sync to fail, and a start that reads or lists has no state to go on from. */
const SCARCE: readonly DiskOperation[] = ['append', 'append', 'replace', 'open', 'open', 'remove'];

/** @param lasts whether the fault may last for minutes, as a run must be long enough for */
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

/** @returns what happened; undefined when nothing did. A full disk stays so until `free`. */
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

/** Whether all that the disk holds may have to be given up. */
export function mayCostTheDisk(fault: DiskFault): boolean {
  if (fault.kind === 'rot' || fault.kind === 'tamper') return true;
  return fault.kind === 'error' && fault.operation === 'sync';
}
