// Locks as records keep them: which count, which exclude which, how long they last.

import { describe, expect, test } from 'vitest';
import {
  type DavLock,
  isCompatible,
  LOCK_SECONDS_MAX,
  LOCKS_ATTRIBUTE,
  lockSeconds,
  locksIn,
  locksOver,
  lockToken,
  lockTokenIn,
  mayChange,
  withLocks,
} from '../../../../src/files/locks.ts';

function lock(token: string, more: Partial<DavLock> = {}): DavLock {
  return { token, scope: 'exclusive', depth: 'infinity', owner: '', expiresAtMs: 1000, ...more };
}

describe('the locks in a record', () => {
  test('are those that were put there, until they expire', () => {
    const locks = [lock('a'), lock('b', { expiresAtMs: 2000, owner: '<D:owner/>' })];
    const attributes = withLocks({ other: 'stays' }, locks);
    expect(attributes.other).toBe('stays');
    expect(locksIn(attributes, 999)).toEqual(locks);
    expect(locksIn(attributes, 1000)).toEqual(locks.slice(1));
    expect(locksIn(attributes, 2000)).toEqual([]);
    expect(withLocks(attributes, [])).toEqual({ other: 'stays' });
  });

  test('are none in a record without them, or of another form', () => {
    expect(locksIn(undefined, 0)).toEqual([]);
    expect(locksIn({}, 0)).toEqual([]);
    expect(locksIn({ [LOCKS_ATTRIBUTE]: 'no JSON' }, 0)).toEqual([]);
    expect(locksIn({ [LOCKS_ATTRIBUTE]: '[{"token":1}]' }, 0)).toEqual([]);
  });
});

describe('the locks over a resource', () => {
  const way = [
    { locks: [lock('root', { depth: '0' }), lock('deep')] },
    { locks: [lock('flat', { depth: '0' })] },
    { locks: [lock('own', { depth: '0' })] },
  ];
  test('are its own, and those around it that go deep', () => {
    expect(locksOver(way).map(({ token }) => token)).toEqual(['own', 'deep']);
    expect(locksOver(way.slice(0, 2)).map(({ token }) => token)).toEqual(['flat', 'deep']);
    expect(locksOver([])).toEqual([]);
  });

  test('let those pass who know one of them', () => {
    expect(mayChange([], new Set())).toBe(true);
    expect(mayChange([lock('a')], new Set())).toBe(false);
    expect(mayChange([lock('a')], new Set(['b']))).toBe(false);
    expect(mayChange([lock('a'), lock('b')], new Set(['b']))).toBe(true);
  });

  test('exclude others, but shared ones one another', () => {
    const shared = lock('s', { scope: 'shared' });
    expect(isCompatible('exclusive', [])).toBe(true);
    expect(isCompatible('exclusive', [shared])).toBe(false);
    expect(isCompatible('shared', [shared, shared])).toBe(true);
    expect(isCompatible('shared', [shared, lock('e')])).toBe(false);
  });
});

test.each([
  [undefined, 3600],
  ['', 3600],
  ['Second-10', 10],
  ['second-0', 1],
  ['Second-9999999999', LOCK_SECONDS_MAX],
  ['Infinite', LOCK_SECONDS_MAX],
  ['Infinite, Second-4100000000', LOCK_SECONDS_MAX],
  ['Extend, Second-7', 7],
  ['Second-x', 3600],
])('Timeout: %s lasts %d seconds', (header, seconds) => {
  expect(lockSeconds(header)).toBe(seconds);
});

test('a token is a UUID of random bits, and is read as it was sent', () => {
  const token = lockToken('0123456789abcdef0123456789abcdef');
  expect(token).toMatch(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(lockToken('f'.repeat(32))).not.toBe(token);
  expect(lockTokenIn(`<${token}>`)).toBe(token);
  // As the client `webdav` of npm sends it.
  expect(lockTokenIn(token)).toBe(token);
  for (const wrong of [undefined, '', '<>', `<${token}`, `${token} ${token}`]) {
    expect(lockTokenIn(wrong)).toBeUndefined();
  }
});
