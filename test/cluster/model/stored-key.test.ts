// The escape of keys that begin with 0xFF: every user's key has a stored key of its own, and none is an internal one.

import { describe, expect, test } from 'vitest';
import { storedKey, storedPrefix, userKey } from '../../../src/cluster/model/stored-key.ts';
import { SeededRandom } from '../../../src/cluster/seeded-random.ts';

const INTERNAL = [Buffer.of(0xff), Buffer.of(0xff, 0), Buffer.from('\xfff s', 'latin1')];

describe('stored keys', () => {
  test.each(['a', '\x00', '\xfe\xff', 'a\xff'])('%j is stored as it is', (text) => {
    const key = Buffer.from(text, 'latin1');
    expect(storedKey(key)).toBe(key);
    expect(userKey(key)).toBe(key);
  });

  test.each(['\xff', '\xff\xff', '\xfff s', '\xff\x00'])('%j is stored with one more', (text) => {
    const key = Buffer.from(text, 'latin1');
    expect(storedKey(key)).toEqual(Buffer.from(`\xff${text}`, 'latin1'));
    expect(userKey(storedKey(key))).toEqual(key);
  });

  test.each(INTERNAL)('%j belongs to no user', (key) => {
    expect(userKey(key)).toBeUndefined();
  });

  test('every key comes back, no two are stored as one, and a prefix of a key is one of its stored key', () => {
    const random = new SeededRandom(1);
    const users = new Map<string, string>();
    for (let round = 0; round < 5000; round++) {
      const bytes = Array.from({ length: 1 + random.below(4) }, () => 0xfc + random.below(4));
      const key = Buffer.from(bytes);
      const stored = storedKey(key);
      expect(userKey(stored)).toEqual(key);
      const before = users.get(stored.toString('latin1'));
      expect(before ?? key.toString('latin1')).toBe(key.toString('latin1'));
      users.set(stored.toString('latin1'), key.toString('latin1'));
      const prefix = storedPrefix(key.subarray(0, random.below(key.length + 1)));
      expect(stored.subarray(0, prefix.length)).toEqual(prefix);
    }
  });
});
