// A 32-bit hash of a key, for a frontend's own tables. The partition of a key is computed in
// cluster/model/partition.ts.

const HASH_MULTIPLIER = 0x9e3779b1;

/**
 * Hashes four bytes per step, for keys of up to 1,024 bytes. It spreads keys well enough for tables, which is
 * all that it is used for.
 * @param seed selects one of many hash functions
 * @returns an unsigned 32-bit integer
 */
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
