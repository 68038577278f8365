// Keys as 32 bits, for the tables of a frontend. Which partition a key belongs to is cluster/model/partition.ts's.

const HASH_MULTIPLIER = 0x9e3779b1;

/** Four bytes a step, for keys of up to 1,024 bytes; good enough to spread, and no more is asked of it. */
export function hashOf(key: Uint8Array, seed: number): number {
  const { length } = key;
  let hash = seed ^ length;
  let at = 0;
  for (; at + 3 < length; at += 4) {
    const word =
      (key[at] ?? 0) |
      ((key[at + 1] ?? 0) << 8) |
      ((key[at + 2] ?? 0) << 16) |
      ((key[at + 3] ?? 0) << 24);
    hash = Math.imul(hash ^ word, HASH_MULTIPLIER);
    hash ^= hash >>> 15;
  }
  for (; at < length; at++) hash = Math.imul(hash ^ (key[at] ?? 0), HASH_MULTIPLIER);
  return (hash ^ (hash >>> 16)) >>> 0;
}
