// Users' keys and the keys under which their records are stored. A stored key that begins with 0xFF belongs to the
// cluster's own data, unless a second 0xFF follows: so a user's key that begins with 0xFF is stored with one more. No
// request of users reaches the cluster's own data then, and every sequence of bytes remains a key. Gateways cross this
// boundary at coordinator/operations/user-keys.ts alone; storage nodes, backups and the simulator see stored keys.

/** The first byte of the keys that are not users', and of those that are escaped. */
const ESCAPE = 0xff;
const ESCAPED = Buffer.of(ESCAPE);

/** @returns the key under which a user's key is stored, at most one byte longer; nearly always the same buffer */
export function storedKey(userKey: Buffer): Buffer {
  return userKey[0] === ESCAPE ? Buffer.concat([ESCAPED, userKey]) : userKey;
}

/** @returns a view on the user's key; undefined for a key of the cluster's own data */
export function userKey(storedKey: Buffer): Buffer | undefined {
  if (storedKey[0] !== ESCAPE) return storedKey;
  return storedKey[1] === ESCAPE ? storedKey.subarray(1) : undefined;
}

/**
 * The prefix that the stored keys have of users' keys with this prefix. The empty prefix is also that of the cluster's
 * own keys, which `userKey` tells apart.
 */
export function storedPrefix(userPrefix: Buffer): Buffer {
  return storedKey(userPrefix);
}
