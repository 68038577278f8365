// The oracle of files that are stored, completed and withdrawn: which sights it takes for explained, and which for broken promises.

import { describe, expect, test } from 'vitest';
import { checkSights, type FileChange, type FileSight } from '../../src/simulation/file-sights.ts';

function change(
  kind: FileChange['kind'],
  content: string | undefined,
  [startMs, endMs]: readonly [number, number | undefined],
  outcome: FileChange['outcome'] = endMs === undefined ? 'unknown' : 'done',
): FileChange {
  return { kind, content, startMs, endMs, outcome };
}

function sight(
  content: string | undefined,
  [startMs, endMs]: readonly [number, number],
  kind: FileSight['kind'] = 'present',
): FileSight {
  return { what: 'a look', kind, content, startMs, endMs };
}

const storedA = change('stored', 'a', [0, 10]);
const storedB = change('stored', 'b', [20, 30]);

describe('what is there', () => {
  test.each<readonly [string, readonly FileChange[], FileSight]>([
    ['nothing, before anything was stored', [], sight(undefined, [0, 1])],
    ['what is being stored', [storedA], sight('a', [5, 6])],
    ['the former content while the next is being stored', [storedA, storedB], sight('a', [29, 31])],
    [
      'what is refused at last, and undone',
      [storedA, change('stored', 'b', [20, 30], 'undone')],
      sight('b', [29, 31]),
    ],
    [
      'nothing else than before, where the next was undone',
      [storedA, change('stored', 'b', [20, 30], 'undone')],
      sight('a', [40, 41]),
    ],
    ['what nobody was told of', [change('stored', 'a', [0, undefined])], sight('a', [50, 51])],
    [
      'nothing, where it was withdrawn',
      [storedA, change('withdrawn', 'a', [12, 14])],
      sight(undefined, [20, 21]),
    ],
    [
      'nothing, where a withdrawal and another upload were under way at once',
      [storedA, change('withdrawn', 'a', [22, 24]), storedB],
      sight(undefined, [25, 26]),
    ],
  ])('may be %s', (_what, changes, seen) => {
    expect(checkSights(changes, [seen])).toEqual([]);
  });

  test.each<readonly [string, readonly FileChange[], FileSight]>([
    ['what nobody has stored', [storedA], sight('c', [20, 21])],
    ['what comes later', [storedA], sight('a', [-5, -4])],
    ['what was refused', [change('stored', 'a', [0, 10], 'refused')], sight('a', [20, 21])],
    ['what was undone', [change('stored', 'a', [0, 10], 'undone')], sight('a', [20, 21])],
    ['what was overwritten', [storedA, storedB], sight('a', [31, 32])],
    ['what was withdrawn', [storedA, change('withdrawn', 'a', [12, 14])], sight('a', [15, 16])],
    ['nothing, where nobody took it away', [storedA], sight(undefined, [11, 12])],
    [
      'nothing, where it was overwritten before what was in its place was withdrawn',
      [storedA, storedB, change('withdrawn', 'a', [35, 40])],
      sight(undefined, [41, 42]),
    ],
  ])('is never %s', (_what, changes, seen) => {
    expect(checkSights(changes, [seen])).toHaveLength(1);
  });
});

describe('what is said not to be there', () => {
  test('may be there where others change it meanwhile', () => {
    const missing = sight('a', [25, 26], 'missing');
    expect(checkSights([storedA, storedB], [missing])).toEqual([]);
    expect(checkSights([change('stored', 'a', [0, undefined])], [missing])).toEqual([]);
  });

  test('is not what is kept', () => {
    const missing = sight('a', [11, 12], 'missing');
    expect(checkSights([storedA], [missing])).toHaveLength(1);
    expect(checkSights([storedA, storedB], [missing])).toHaveLength(1);
    expect(checkSights([storedA, change('withdrawn', 'b', [1, 20])], [missing])).toHaveLength(1);
  });
});
