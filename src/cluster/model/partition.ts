// Which partition a key belongs to: the first N hex digits of its SHA-1, with N from the cluster map. Which nodes
// hold a partition is in cluster-map.ts.

import { hash } from 'node:crypto';
import { assert } from '../assert.ts';
import { DIGITS_MAX } from './limits.ts';

export type PartitionId = number & { readonly brand: 'PartitionId' };

/** With fewer partitions per storage node, adding or removing one node could not be evened out. */
const PARTITIONS_PER_NODE_MIN = 16;

/** With what keys of the cluster's own data begin (stored-key.ts). */
const OWN_KEY = 0xff;
const FILE = 0x66;
const IN_DIRECTORY = 0x64;

export function partitionCount(digits: number): number {
  return 16 ** digits;
}

/** @returns the smallest N with 16^N >= 16 x `storageNodes`, at most DIGITS_MAX */
export function smallestDigits(storageNodes: number): number {
  for (let digits = 1; digits < DIGITS_MAX; digits++) {
    if (partitionCount(digits) >= PARTITIONS_PER_NODE_MIN * storageNodes) return digits;
  }
  return DIGITS_MAX;
}

export function partitionOf(key: Uint8Array, digits: number): PartitionId {
  assert(digits >= 1 && digits <= DIGITS_MAX, 'the digits of a map are 1 to 3');
  const placed = key[0] === OWN_KEY ? directoryPart(key) : key;
  // The digest is taken as text: a Buffer for it took twice as long as the digest itself.
  return Number.parseInt(hash('sha1', placed, 'hex').slice(0, digits), 16) as PartitionId;
}

/**
 * The entries of a directory of files, FF 'f' 'd' .. 00 directory 00 name (files/file-key.ts), lie in one partition, that of
 * everything up to the second 00: so one member lists them under its lease (R1). Other keys are placed as a whole.
 */
function directoryPart(key: Uint8Array): Uint8Array {
  if (key[1] !== FILE || key[2] !== IN_DIRECTORY) return key;
  const second = key.indexOf(0, key.indexOf(0) + 1);
  return second < 0 ? key : key.subarray(0, second + 1);
}

export function isPartition(value: number, digits: number): value is PartitionId {
  return Number.isInteger(value) && value >= 0 && value < partitionCount(digits);
}
