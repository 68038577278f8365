// The checkers can fail: hand-made histories, good and bad.

import { describe, expect, test } from 'vitest';
import type { Version } from '../../src/cluster/model/version.ts';
import { type ClientOperation, checkHistory, History } from '../../src/simulation/history.ts';

type Sketch = readonly [
  kind: ClientOperation['kind'],
  startMs: number,
  endMs: number | undefined,
  version: number | undefined,
  value?: string,
  expiresAtMs?: number,
];

const history = (sketches: readonly Sketch[]): ClientOperation[] =>
  sketches.map(([kind, startMs, endMs, version, value, expiresAtMs]) => ({
    kind,
    key: 'k',
    startMs,
    endMs,
    value,
    expiresAtMs,
    ok: endMs !== undefined,
    version: version === undefined ? undefined : (BigInt(version) as Version),
    refused: false,
  }));

describe('good histories pass', () => {
  test.each<[string, readonly Sketch[]]>([
    [
      'a get after a set',
      [
        ['set', 0, 1, 5, 'x'],
        ['get', 2, 3, 5, 'x'],
      ],
    ],
    [
      'a get before any set',
      [
        ['get', 0, 1, undefined],
        ['set', 2, 3, 5, 'x'],
      ],
    ],
    [
      'H41: a set below an earlier one, beside a newer set that coalesced it',
      [
        ['set', 0, 1, 5, 'x'],
        ['set', 2, 5, 4, 'y'],
        ['set', 3, 5, 6, 'z'],
        ['get', 6, 7, 6, 'z'],
      ],
    ],
    [
      'D9: a get that overlaps a set sees it under a version that it was given before',
      [
        ['set', 0, 9, 5, 'x'],
        ['get', 2, 3, 4, 'x'],
      ],
    ],
    [
      'a get that overlaps a set sees the old or the new',
      [
        ['set', 0, 1, 5, 'x'],
        ['set', 2, 9, 6, 'y'],
        ['get', 3, 4, 5, 'x'],
        ['get', 3, 4, 6, 'y'],
      ],
    ],
    [
      'a set without an answer may take effect late',
      [
        ['set', 0, undefined, undefined, 'x'],
        ['set', 1, 2, 5, 'y'],
        ['get', 3, 4, 7, 'x'],
      ],
    ],
    [
      'a set without an answer may never take effect',
      [
        ['set', 0, undefined, undefined, 'x'],
        ['get', 1, 2, undefined],
      ],
    ],
    [
      'a deleted key is absent with the version of the deletion',
      [
        ['set', 0, 1, 5, 'x'],
        ['delete', 2, 3, 6],
        ['get', 4, 5, 6],
      ],
    ],
    [
      'a deleted key is absent with a floor above the deletion',
      [
        ['set', 0, 1, 5, 'x'],
        ['delete', 2, 3, 6],
        ['get', 4, 5, 9],
      ],
    ],
    [
      'a delete without an answer may have taken effect',
      [
        ['set', 0, 1, 5, 'x'],
        ['delete', 2, undefined, undefined],
        ['get', 3, 4, 6],
      ],
    ],
    [
      'two deletes under one version',
      [
        ['delete', 0, 1, 5],
        ['delete', 2, 3, 5],
      ],
    ],
    [
      'a tie that the later set wins by its bytes',
      [
        ['set', 0, 1, 5, 'x'],
        ['set', 2, 3, 5, 'y'],
      ],
    ],
  ])('%s', (_what, sketches) => {
    expect(checkHistory(history(sketches))).toEqual([]);
  });
});

describe('bad histories are named', () => {
  test.each<[string, RegExp, readonly Sketch[]]>([
    [
      'a stale get',
      /^stale read/,
      [
        ['set', 0, 1, 5, 'x'],
        ['set', 2, 3, 6, 'y'],
        ['get', 4, 5, 5, 'x'],
      ],
    ],
    [
      'an acknowledged set that looks absent',
      /^stale read/,
      [
        ['set', 0, 1, 5, 'x'],
        ['get', 2, 3, undefined],
      ],
    ],
    [
      'an acknowledged set that looks absent under the floor of another key',
      /^lost: /,
      [
        ['set', 0, 1, 5, 'x'],
        ['get', 2, 3, 9],
      ],
    ],
    [
      'an acknowledged set that looks deleted by a delete of before it',
      /^lost: /,
      [
        ['delete', 0, 1, 4],
        ['set', 2, 3, 5, 'x'],
        ['get', 4, 5, 9],
      ],
    ],
    [
      'a lost set',
      /^lost update/,
      [
        ['set', 0, 1, 6, 'x'],
        ['set', 2, 3, 5, 'y'],
      ],
    ],
    [
      'a tie that the later set loses',
      /^lost update/,
      [
        ['set', 0, 1, 5, 'y'],
        ['set', 2, 3, 5, 'x'],
      ],
    ],
    [
      'H41: a set below an earlier one, and the newer set began before it',
      /^lost update/,
      [
        ['set', 0, 2, 5, 'x'],
        ['set', 4, 6, 4, 'y'],
        ['set', 3, 6, 6, 'z'],
      ],
    ],
    [
      'H41: a set below an earlier one, answered before the newer set was',
      /^lost update/,
      [
        ['set', 0, 2, 5, 'x'],
        ['set', 3, 5, 4, 'y'],
        ['set', 4, 6, 6, 'z'],
      ],
    ],
    [
      'H41: a set below an earlier one that somebody read',
      /^lost update/,
      [
        ['set', 0, 2, 5, 'x'],
        ['get', 1, 4, 4, 'y'],
        ['set', 3, 6, 4, 'y'],
        ['set', 4, 6, 6, 'z'],
      ],
    ],
    ['a value that nobody set', /^phantom/, [['get', 0, 1, 5, 'x']]],
    [
      'D9: a value under a higher version than its set was answered',
      /^renewed: get k=x/,
      [
        ['set', 0, 2, 5, 'x'],
        ['get', 3, 4, 6, 'x'],
      ],
    ],
    [
      'a value from the future',
      /^phantom/,
      [
        ['get', 0, 1, 5, 'x'],
        ['set', 2, 3, 5, 'x'],
      ],
    ],
    [
      'a deleted key that comes back',
      /^stale read/,
      [
        ['set', 0, 1, 5, 'x'],
        ['delete', 2, 3, 6],
        ['get', 4, 5, 5, 'x'],
      ],
    ],
  ])('%s', (_what, violation, sketches) => {
    const violations = checkHistory(history(sketches));
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatch(violation);
  });

  test('a violation of one key is found among many others', () => {
    const good = history([
      ['set', 0, 1, 5, 'x'],
      ['get', 2, 3, 5, 'x'],
    ]);
    const bad = history([
      ['set', 0, 1, 5, 'y'],
      ['get', 2, 3, undefined],
    ]).map((operation) => ({
      ...operation,
      key: 'other',
    }));
    expect(checkHistory([...good, ...bad])).toHaveLength(1);
  });
});

test('a delete that was refused excuses no loss (D9, G2)', () => {
  const [refused, ...others] = history([
    ['delete', 0, 1, undefined],
    ['set', 10, 11, 5, 'x'],
    // The floor, which another key's delete raised, is what the replica answers with.
    ['get', 20, 21, 7],
  ]);
  if (refused === undefined) throw new Error('there are three');
  const bad = [{ ...refused, ok: false, refused: true }, ...others];
  expect(checkHistory(bad).join()).toContain('lost');
  expect(checkHistory([{ ...refused, ok: false }, ...others])).toEqual([]);
});

test('a value whose set was refused is never read (D9)', () => {
  const [refused, ...others] = history([
    ['set', 0, 1, undefined, 'x'],
    ['get', 2, 3, 5, 'x'],
  ]);
  if (refused === undefined) throw new Error('there are two');
  expect(checkHistory([{ ...refused, ok: false, refused: true }, ...others]).join()).toContain(
    'refused: get k=x',
  );
  expect(checkHistory([{ ...refused, ok: false }, ...others])).toEqual([]);
});

describe('of a cache (H40)', () => {
  const absentAt = (version: number | undefined) =>
    history([
      ['set', 0, 1, 5, 'x'],
      ['get', 2, 3, version],
    ]);

  test('what nobody deleted may be absent, above what was acknowledged', () => {
    expect(checkHistory(absentAt(7), { isCache: true })).toEqual([]);
    expect(checkHistory(absentAt(7))).toHaveLength(1);
  });

  test.each([undefined, 4])(
    'not below it: an older value could come back, version %s',
    (version) => {
      expect(checkHistory(absentAt(version), { isCache: true }).join()).toContain('stale read');
    },
  );

  test('an older value is as wrong as in a store', () => {
    const older = history([
      ['set', 0, 1, 5, 'x'],
      ['set', 2, 3, 6, 'y'],
      ['get', 4, 5, 5, 'x'],
    ]);
    expect(checkHistory(older, { isCache: true }).join()).toContain('stale read');
  });
});

describe('of what expires (H30), with clocks that differ by 10 and a grace of 5', () => {
  const promises = { clockSkewMs: 10, expiryGraceMs: 5 };
  const good: readonly (readonly [string, readonly Sketch[]])[] = [
    [
      'served until then, absent afterwards',
      [
        ['set', 0, 2, 5, 'x', 100],
        ['get', 80, 81, 5, 'x'],
        ['get', 120, 121, 5],
      ],
    ],
    [
      'either while the clocks may differ, the time of the set included',
      [
        ['set', 0, 2, 5, 'x', 100],
        ['get', 89, 90, 5],
        ['get', 117, 118, 5, 'x'],
      ],
    ],
    [
      'absent with a floor above it, when it was forgotten',
      [
        ['set', 0, 2, 5, 'x', 100],
        ['get', 900, 901, 9],
      ],
    ],
    [
      'absent before, when it was deleted',
      [
        ['set', 0, 2, 5, 'x', 100],
        ['delete', 3, 4, 6],
        ['get', 10, 11, 6],
      ],
    ],
    [
      'absent before, when a set without an answer may have expired in its place',
      [
        ['set', 0, 2, 5, 'x'],
        ['set', 3, undefined, undefined, 'y', 20],
        ['get', 30, 31, 6],
      ],
    ],
    [
      'a set without an answer, served at any time: nobody knows when it was stamped',
      [
        ['set', 0, undefined, undefined, 'x', 100],
        ['get', 500, 501, 5, 'x'],
      ],
    ],
    [
      'set again, by a restore, and lasts longer then',
      [
        ['set', 0, 2, 5, 'x', 100],
        ['set', 50, 60, 6, 'x', 200],
        ['get', 190, 191, 6, 'x'],
      ],
    ],
    [
      'a set without a ttl after one that has expired',
      [
        ['set', 0, 2, 5, 'x', 100],
        ['set', 150, 151, 6, 'y'],
        ['get', 152, 153, 6, 'y'],
      ],
    ],
  ];
  test.each(good)('good: %s', (_what, sketches) => {
    expect(checkHistory(history(sketches), promises)).toEqual([]);
  });

  const bad: readonly (readonly [string, RegExp, readonly Sketch[]])[] = [
    [
      'served too long',
      /^expired: get k=x/,
      [
        ['set', 0, 2, 5, 'x', 100],
        ['get', 118, 119, 5, 'x'],
      ],
    ],
    [
      'served too long, of a set whose outcome was told to be unknown',
      /^expired: get k=x/,
      [
        ['set', 0, 50, undefined, 'x', 100],
        ['get', 166, 167, 5, 'x'],
      ],
    ],
    [
      'gone too early',
      /^gone too early/,
      [
        ['set', 0, 2, 5, 'x', 100],
        ['get', 88, 89, 5],
      ],
    ],
    [
      'gone for the expiry of one below it',
      /^lost/,
      [
        ['set', 0, 2, 5, 'x', 20],
        ['set', 3, 4, 6, 'y'],
        ['get', 200, 201, 6],
      ],
    ],
    [
      'an older value that comes back after it',
      /^stale read/,
      [
        ['set', 0, 1, 4, 'old'],
        ['set', 2, 3, 5, 'x', 100],
        ['get', 200, 201, 4, 'old'],
      ],
    ],
    [
      'absent after it, by less than its version: an older value could come back',
      /^stale read/,
      [
        ['set', 2, 3, 5, 'x', 100],
        ['get', 200, 201, 4],
      ],
    ],
  ];
  test.each(bad)('bad: %s', (_what, violation, sketches) => {
    const violations = checkHistory(history(sketches), promises);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatch(violation);
  });

  test('a set with a ttl that was refused explains nothing (D9)', () => {
    const [refused, ...others] = history([
      ['set', 0, 1, undefined, 'y', 20],
      ['set', 3, 4, 6, 'x'],
      ['get', 200, 201, 7],
    ]);
    if (refused === undefined) throw new Error('there are three');
    expect(
      checkHistory([{ ...refused, ok: false, refused: true }, ...others], promises).join(),
    ).toContain('lost');
    expect(checkHistory([{ ...refused, ok: false }, ...others], promises)).toEqual([]);
  });

  test('a history knows what may be gone by when', () => {
    const kept = new History(promises);
    const set = kept.begin('set', 'k', 0, 'x', { ttlMs: 100 });
    kept.end(set, 2, 200, '0000000000000005');
    const version = set.version as Version;
    expect(kept.mayBeDeleted('k', version, 89)).toBe(false);
    expect(kept.mayBeDeleted('k', version, 90)).toBe(true);
    expect(kept.mayBeDeleted('k', (version + 1n) as Version, 90)).toBe(false);
    expect(kept.mayBeDeleted('other', version, 90)).toBe(false);
  });
});

describe('of what the operator gave up at 100', () => {
  const losses = [{ atMs: 100, keys: new Set(['k']) }];
  const earlier: readonly Sketch[] = [
    ['set', 0, 1, 4, 'w'],
    ['set', 2, 3, 5, 'x'],
  ];
  const good: readonly (readonly [string, readonly Sketch[]])[] = [
    ['the last value', [['get', 110, 111, 5, 'x']]],
    ['an earlier one', [['get', 110, 111, 4, 'w']]],
    ['nothing', [['get', 110, 111, undefined]]],
    ['a lower version of a set', [['set', 110, 111, 2, 'y']]],
    [
      'any of them in the middle of it, though it was answered later',
      [
        ['get', 99, 101, 4, 'w'],
        ['get', 99, 101, undefined],
        ['set', 99, 101, 3, 'y'],
      ],
    ],
    [
      'not what was set in the middle of it',
      [
        ['set', 99, 101, 6, 'y'],
        ['get', 110, 111, 4, 'w'],
      ],
    ],
    [
      'what was set without an answer before, and comes later',
      [
        ['set', 50, undefined, undefined, 'y'],
        ['set', 110, 111, 7, 'z'],
        ['get', 120, 121, 8, 'y'],
      ],
    ],
  ];
  test.each(good)('good: %s', (_what, sketches) => {
    expect(checkHistory(history([...earlier, ...sketches]), { losses })).toEqual([]);
  });

  const bad: readonly (readonly [string, RegExp, readonly Sketch[]])[] = [
    ['an earlier value before', /^stale read/, [['get', 98, 99, 4, 'w']]],
    ['nothing before', /^stale read/, [['get', 98, 99, undefined]]],
    ['what nobody set, after it', /^phantom/, [['get', 110, 111, 6, 'y']]],
    ['what nobody set, in the middle of it', /^phantom/, [['get', 99, 111, 6, 'y']]],
    [
      'an earlier value when it was set again',
      /^stale read/,
      [
        ['set', 110, 111, 6, 'y'],
        ['get', 112, 113, 5, 'x'],
      ],
    ],
    [
      'nothing when it was set again',
      /^lost/,
      [
        ['set', 110, 111, 6, 'y'],
        ['get', 112, 113, 7],
      ],
    ],
    [
      'a set below one of after it',
      /^lost update/,
      [
        ['set', 110, 111, 3, 'y'],
        ['set', 112, 113, 2, 'z'],
      ],
    ],
  ];
  test.each(bad)('bad: %s', (_what, violation, sketches) => {
    const violations = checkHistory(history([...earlier, ...sketches]), { losses });
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatch(violation);
  });

  test('of other keys nothing was given up', () => {
    const read = history([...earlier, ['get', 110, 111, 4, 'w']]);
    const others = [{ atMs: 100, keys: new Set(['other']) }];
    expect(checkHistory(read, { losses: others }).join()).toContain('stale read');
  });

  test('what was given up twice is judged between as ever', () => {
    const twice = [...losses, { atMs: 200, keys: new Set(['k']) }];
    const between = (sketch: Sketch) =>
      checkHistory(history([...earlier, ['set', 110, 111, 6, 'y'], sketch]), { losses: twice });
    expect(between(['get', 120, 121, 5, 'x']).join()).toContain('stale read');
    expect(between(['get', 210, 211, 5, 'x'])).toEqual([]);
  });

  test('a history keeps it', () => {
    const kept = new History();
    kept.end(kept.begin('set', 'k', 0, 'x'), 1, 200, '0000000000000005');
    kept.end(kept.begin('get', 'k', 110), 111, 404, undefined);
    expect(kept.violations()).toHaveLength(1);
    kept.acceptLoss(['k'], 100);
    expect(kept.violations()).toEqual([]);
    const other = history([['get', 120, 121, 9, 'from a backup']]);
    expect(kept.violations(other).join()).toContain('phantom');
  });
});

test.each([200, 201, 204])('a set that was answered %i must be read (I2)', (status) => {
  const kept = new History();
  kept.end(kept.begin('set', 'k', 0, 'x'), 1, status, '0000000000000005');
  kept.end(kept.begin('get', 'k', 2), 3, 404, undefined);
  expect(kept.violations()).toHaveLength(1);
});

test.each([413, 503, 507])('what was answered %i is stored nowhere (D9)', (status) => {
  const kept = new History();
  kept.end(kept.begin('set', 'k', 0, 'x'), 1, status, undefined);
  const read = kept.begin('get', 'k', 2);
  read.value = 'x';
  kept.end(read, 3, 200, '0000000000000005');
  expect(kept.violations().join()).toContain('refused: get k=x');
});
