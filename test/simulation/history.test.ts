// The checkers can fail: hand-made histories, good and bad.

import { describe, expect, test } from 'vitest';
import type { Version } from '../../src/cluster/version.ts';
import { checkHistory, type Operation } from '../../src/simulation/history.ts';

type Sketch = readonly [
  kind: Operation['kind'],
  startMs: number,
  endMs: number | undefined,
  version: number | undefined,
  value?: string,
];

const history = (sketches: readonly Sketch[]): Operation[] =>
  sketches.map(([kind, startMs, endMs, version, value]) => ({
    kind,
    key: 'k',
    startMs,
    endMs,
    value,
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
      'H41: a set below an earlier one, beside a newer set that overtook it',
      [
        ['set', 0, 1, 5, 'x'],
        ['set', 2, 5, 4, 'y'],
        ['set', 3, 5, 6, 'z'],
        ['get', 6, 7, 6, 'z'],
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
    expect(checkHistory(absentAt(7), true)).toEqual([]);
    expect(checkHistory(absentAt(7))).toHaveLength(1);
  });

  test.each([undefined, 4])(
    'not below it: an older value could come back, version %s',
    (version) => {
      expect(checkHistory(absentAt(version), true).join()).toContain('stale read');
    },
  );

  test('an older value is as wrong as in a store', () => {
    const older = history([
      ['set', 0, 1, 5, 'x'],
      ['set', 2, 3, 6, 'y'],
      ['get', 4, 5, 5, 'x'],
    ]);
    expect(checkHistory(older, true).join()).toContain('stale read');
  });
});
