// What the storage nodes of a simulated cluster have of a key, and whether they would answer for it now, asked from
// inside. What that must be is oracles.ts's.

import type { Incarnation } from '../cluster/model/identity.ts';
import type { PartitionId } from '../cluster/model/partition.ts';
import { isTombstone, recordValue, recordVersion } from '../cluster/model/record.ts';
import type { Version } from '../cluster/model/version.ts';
import type { Holding } from '../storage/inspection.ts';
import type { StorageNode } from '../storage/storage-node.ts';
import type { SimulatedNode } from './node.ts';

const ANY_KEY = Buffer.from('any');

/** Where a key is by a map. */
export interface Place {
  readonly partition: PartitionId;
  readonly key: Buffer;
  readonly servers: readonly Server[];
}

/** A serving member, and the process that may live this life of it. */
export interface Server {
  readonly node: SimulatedNode<StorageNode>;
  readonly incarnation: Incarnation;
}

/** What a member has of a key; where it has no value, what it would prove the absence by. */
export interface HeldCopy {
  readonly version: Version;
  readonly value: Buffer | undefined;
}

/** @returns undefined while that life of the node cannot be asked, or has no map */
export function copyOf(
  { node, incarnation }: Server,
  { partition, key }: Place,
): HeldCopy | undefined {
  const held = node.living?.holding(partition, key);
  if (held?.incarnation !== incarnation) return undefined;
  // What is set aside comes back as soon as it knows that it serves, or it answers without it (H15).
  const isUnseen = held.isAside && answersGets(node.living, partition);
  return copyFrom(isUnseen ? { record: undefined, floor: held.floor } : held);
}

/** The time by which the node judges what has expired; undefined while it has no life. */
export function timeOf(living: StorageNode | undefined): number | undefined {
  const answer = living?.wouldAnswer({ kind: 'time' });
  return answer?.kind === 'time' ? answer.wallMs : undefined;
}

/** Whether a get of the partition would be answered now. */
export function answersGets(living: StorageNode | undefined, partition: PartitionId): boolean {
  const answer = living?.wouldAnswer({ kind: 'get', partition, key: ANY_KEY });
  return answer !== undefined && answer.kind !== 'not-serving';
}

export function copyFrom({ record, floor }: Pick<Holding, 'record' | 'floor'>): HeldCopy {
  if (record === undefined) return { version: floor, value: undefined };
  const value = isTombstone(record) ? undefined : recordValue(record);
  return { version: recordVersion(record), value };
}

export function contentOf(copy: HeldCopy | undefined): string | undefined {
  return copy?.value === undefined
    ? copy && 'absent'
    : `${copy.version.toString(16)} ${copy.value}`;
}
