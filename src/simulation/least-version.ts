// The check of reads that demand a version (H21): they are answered with that one or a newer one, and where an
// acknowledged write had it, they are answered.

import { VERSION_ZERO, type Version } from '../cluster/model/version.ts';
import type { ClientOperation, History } from './history.ts';

/** @returns a line for each answer that is older than was demanded, a value or an absence */
export function olderThanDemanded(operations: readonly ClientOperation[]): readonly string[] {
  return operations.flatMap(({ kind, key, ok, minVersion, version = VERSION_ZERO, startMs }) => {
    if (kind !== 'get' || !ok || minVersion === undefined || version >= minVersion) return [];
    const [demanded, answered] = [minVersion.toString(16), version.toString(16)];
    return [
      `older than demanded: get ${key} of ${startMs.toFixed(1)} has v=${answered}, not ${demanded}`,
    ];
  });
}

/** Whether a write with this version, or a higher one, was acknowledged before that time and not given up. */
export function isAcknowledged(
  history: History,
  key: string,
  version: Version,
  beforeMs: number,
): boolean {
  if (history.isGivenUp(key)) return false;
  return history.operations.some(
    (write) =>
      write.kind !== 'get' &&
      write.ok &&
      write.key === key &&
      (write.endMs ?? Number.POSITIVE_INFINITY) < beforeMs &&
      (write.version ?? VERSION_ZERO) >= version,
  );
}
