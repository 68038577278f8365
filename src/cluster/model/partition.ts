// Which partition a key belongs to: the first N hex digits of its SHA-1, N from the cluster map.
// Nothing here knows where a partition lives.

import { hash } from 'node:crypto';
import { assert } from '../assert.ts';
import { DIGITS_MAX } from './limits.ts';

export type PartitionId = number & { readonly brand: 'PartitionId' };

/** Partitions per storage node below which one node more or less could not be evened out. */
const PARTITIONS_PER_NODE_MIN = 16;

export function partitionCount(digits: number): number {
  return 16 ** digits;
}

/** The smallest N with 16^N >= 16 x nodes, at most DIGITS_MAX. */
export function smallestDigits(storageNodes: number): number {
  for (let digits = 1; digits < DIGITS_MAX; digits++) {
    if (partitionCount(digits) >= PARTITIONS_PER_NODE_MIN * storageNodes) return digits;
  }
  return DIGITS_MAX;
}

export function partitionOf(key: Uint8Array, digits: number): PartitionId {
  assert(digits >= 1 && digits <= DIGITS_MAX, 'the digits of a map are 1 to 3');
  // As text: a buffer for the digest took twice as long as the digest itself.
  return Number.parseInt(hash('sha1', key, 'hex').slice(0, digits), 16) as PartitionId;
}

export function isPartition(value: number, digits: number): value is PartitionId {
  return Number.isInteger(value) && value >= 0 && value < partitionCount(digits);
}
