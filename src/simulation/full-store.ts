// Checks of a store whose memory fills: no node has a value whose set was answered 507, and sets succeed again once
// enough was deleted and its memory reclaimed. That every key can be deleted is checked by emptying.ts.

import { type PartitionId, partitionOf } from '../cluster/model/partition.ts';
import { isTombstone, recordValue } from '../cluster/model/record.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { ClientOperation } from './history.ts';

const STORAGE_FULL = 507;

/** A value that a storage node holds, whether it may serve it or not. */
export interface HeldValue {
  readonly node: string;
  readonly key: string;
  readonly value: string;
}

/** @param nameOf the history's name of a value */
export function heldValues(
  cluster: SimulatedCluster,
  keys: Iterable<string>,
  digits: number,
  nameOf: (value: Buffer) => string = (value) => value.toString(),
): readonly HeldValue[] {
  return [...keys].flatMap((key) => {
    const bytes = Buffer.from(key);
    const partition: PartitionId = partitionOf(bytes, digits);
    return cluster.storages.flatMap(({ process, living }) => {
      const record = living?.holding(partition, bytes)?.record;
      if (record === undefined || isTombstone(record)) return [];
      return [{ node: process.name, key, value: nameOf(recordValue(record)) }];
    });
  });
}

/** D9: no node ever holds a value whose set was answered "nothing was stored"; history.ts checks that none is read. */
export function checkStoredNowhere(
  operations: readonly ClientOperation[],
  held: readonly HeldValue[],
): readonly string[] {
  const isOf = ({ key, value }: HeldValue) => `${key}=${value}`;
  const refused = new Set<string>();
  for (const { kind, key, value = '', refused: isRefused } of operations) {
    if (kind === 'set' && isRefused) refused.add(isOf({ node: '', key, value }));
  }
  // A restore may have written the same value again: then it is no longer the value of a refused set only.
  for (const { kind, key, value = '', refused: isRefused } of operations) {
    if (kind === 'set' && !isRefused) refused.delete(isOf({ node: '', key, value }));
  }
  return held
    .filter((each) => refused.has(isOf(each)))
    .map(
      (each) => `refused: ${each.node} has ${isOf(each)}, whose set was answered that it has not`,
    );
}

/**
 * @param sinceMs from this time on the store has room: the deletes were acknowledged long enough before for their
 *   tombstones to be forgotten, and the cleaner had time
 */
export function checkHasRoom(
  operations: readonly ClientOperation[],
  sinceMs: number,
): readonly string[] {
  const sets = operations.filter(({ kind, startMs }) => kind === 'set' && startMs >= sinceMs);
  const refused = sets.filter(({ status }) => status === STORAGE_FULL);
  if (sets.length > 0 && sets.every(({ ok }) => !ok)) {
    return ['memory: no set succeeded after room was made'];
  }
  return refused.map(
    ({ key, startMs }) =>
      `memory: a set of ${key} at ${startMs.toFixed(1)} had no room after room was made`,
  );
}
