// Keys for a run, by the partition that they are in.

import { partitionOf } from '../cluster/model/partition.ts';

/**
 * @param digits the hexadecimal digits of partition ids
 * @returns `each` keys for each of the first `partitions` partitions
 */
export function keysOfPartitions(
  digits: number,
  partitions: number,
  each: number,
): readonly string[] {
  const keys: string[][] = Array.from({ length: partitions }, () => []);
  for (let index = 0; keys.some((some) => some.length < each); index++) {
    const key = `k${index}`;
    const some = keys[partitionOf(Buffer.from(key), digits)];
    if (some !== undefined && some.length < each) some.push(key);
  }
  return keys.flat();
}
