// The records that storage nodes hold of a key, and whether they would answer for it now, read from inside. What they
// must hold is oracles.ts's.

import type { Incarnation } from '../cluster/model/identity.ts';
import type { PartitionId } from '../cluster/model/partition.ts';
import {
  isTombstone,
  recordExpiresAtMs,
  recordValue,
  recordVersion,
} from '../cluster/model/record.ts';
import type { Version } from '../cluster/model/version.ts';
import type { Holding } from '../storage/inspection.ts';
import type { StorageNode } from '../storage/storage-node.ts';
import type { SimulatedNode } from './node.ts';

const ANY_KEY = Buffer.from('any');

/** Where a map places a key. */
export interface Place {
  readonly partition: PartitionId;
  readonly key: Buffer;
  readonly servers: readonly Server[];
}

/** A serving member of the map: its node, and the incarnation that the map names. */
export interface Server {
  readonly node: SimulatedNode<StorageNode>;
  readonly incarnation: Incarnation;
}

/** A member's copy of a key. Without a value, `version` is the tombstone's or the floor's, which proves the absence. */
export interface HeldCopy {
  readonly version: Version;
  readonly value: Buffer | undefined;
  /** Milliseconds since 1970; 0 for a record that stays. */
  readonly expiresAtMs: number;
}

/** @returns undefined while that incarnation of the node does not run, or has no map */
export function copyOf(
  { node, incarnation }: Server,
  { partition, key }: Place,
): HeldCopy | undefined {
  const held = node.living?.holding(partition, key);
  if (held?.incarnation !== incarnation) return undefined;
  // A node that answers while records are set aside answers without them (H15); else they count, as it may get them
  // back.
  const isUnseen = held.isAside && answersGets(node.living, partition);
  return copyFrom(isUnseen ? { record: undefined, floor: held.floor } : held);
}

/** The wall time by which the node judges expiry, in ms; undefined while it does not run. */
export function timeOf(living: StorageNode | undefined): number | undefined {
  const answer = living?.wouldAnswer({ kind: 'time' });
  return answer?.kind === 'time' ? answer.wallMs : undefined;
}

/** Whether the node would answer a get of the partition now. */
export function answersGets(living: StorageNode | undefined, partition: PartitionId): boolean {
  const answer = living?.wouldAnswer({ kind: 'get', partition, key: ANY_KEY });
  return answer !== undefined && answer.kind !== 'not-serving';
}

export function copyFrom({ record, floor }: Pick<Holding, 'record' | 'floor'>): HeldCopy {
  if (record === undefined) return { version: floor, value: undefined, expiresAtMs: 0 };
  const value = isTombstone(record) ? undefined : recordValue(record);
  return { version: recordVersion(record), value, expiresAtMs: recordExpiresAtMs(record) };
}

/**
 * @param wallMs the time by which the node judges expiry
 * @returns what a get would find; a record that has expired is absent, as one that was forgotten
 */
export function contentOf(
  copy: HeldCopy | undefined,
  wallMs: number | undefined,
): string | undefined {
  if (copy === undefined) return undefined;
  const { version, value, expiresAtMs } = copy;
  const isExpired = expiresAtMs !== 0 && wallMs !== undefined && wallMs >= expiresAtMs;
  return value === undefined || isExpired ? 'absent' : `${version.toString(16)} ${value}`;
}
