// Content types by the path, and beside Python's own answers where there is a python3.

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { contentTypeOf } from '../../src/files/content-type.ts';
import { ENCODINGS, MIME_TYPES, MIME_TYPES_OF, SUFFIXES } from '../../src/files/mime-types.ts';
import { SeededRandom } from '../helpers/random.ts';

test.each<readonly [string, string | undefined]>([
  ['a.txt', 'text/plain'],
  ['dir.txt/a', undefined],
  ['photo.JPG', 'image/jpeg'],
  ['x.tar.gz', 'application/x-tar'],
  ['x.tgz', 'application/x-tar'],
  ['x.svgz', 'image/svg+xml'],
  ['x.gz', undefined],
  ['x.txt.Z', 'text/plain'],
  ['x.txt.z', undefined],
  ['.txt', undefined],
  ['...txt', undefined],
  ['a..txt', 'text/plain'],
  ['a.txt/', undefined],
  ['a.txt.', undefined],
  ['a.constructor', undefined],
  ['', undefined],
  ['C:dir/a.html', 'text/html'],
  ['data:text/html;base64,x', 'text/html'],
  ['data:x,a.html', 'text/plain'],
  ['data:text/html', undefined],
  ['DATA:image/png,', 'image/png'],
])('%j is %s', (path, type) => {
  expect(contentTypeOf(path)).toBe(type);
});

/** Guesses with our tables, which another version of Python has not, and says its own. */
const PYTHON = `
import json, mimetypes, sys
suffixes, encodings, types, paths = json.load(sys.stdin)
m = mimetypes.MimeTypes()
own = [m.suffix_map, sorted(m.encodings_map), m.types_map[1]]
m.suffix_map, m.encodings_map, m.types_map = suffixes, dict.fromkeys(encodings, 'x'), ({}, types)
answer = {'version': '%d.%d' % sys.version_info[:2], 'isNew': sys.version_info >= (3, 13), 'own': own, 'guessed': [m.guess_type(p)[0] for p in paths]}
print(json.dumps(answer))
`;

const hasPython = spawnSync('python3', ['-c', '']).status === 0;

describe.skipIf(!hasPython)('beside python3', () => {
  function ask(paths: readonly string[]) {
    const tables = [Object.fromEntries(SUFFIXES), [...ENCODINGS], Object.fromEntries(MIME_TYPES)];
    const input = JSON.stringify([...tables, paths]);
    const { stdout, stderr, status } = spawnSync('python3', ['-c', PYTHON], { input });
    expect([status, stderr.toString()]).toEqual([0, '']);
    return JSON.parse(stdout.toString());
  }

  test('any path has the type that it has there', () => {
    const random = new SeededRandom(3);
    const endings = [...MIME_TYPES.keys(), ...SUFFIXES.keys(), ...ENCODINGS, '.TXT', '.Gz', '.zz'];
    const parts = ['a', 'b c', '.', '..', '/', ':', ';', ',', '=', 'data:', 'ü', 'K', '\n', ''];
    const one = (items: readonly string[]) => items[random.below(items.length)] ?? '';
    const paths = Array.from({ length: 20_000 }, () =>
      Array.from({ length: random.whole(1, 6) }, () =>
        one(random.chance(0.5) ? endings : parts),
      ).join(''),
    );
    const { guessed, isNew } = ask(paths);
    // Since 3.13 it looks closer at what may be the scheme of a URL.
    const isCompared = (path: string) => !isNew || !path.includes(':');
    const pairs = paths.map((path, at) => [path, guessed[at]]).filter(([path]) => isCompared(path));
    expect(pairs.length).toBeGreaterThan(paths.length / 4);
    expect(pairs.map(([path]) => [path, contentTypeOf(path) ?? null])).toEqual(pairs);
  });

  test('the tables are those of its version', () => {
    const { version, own } = ask([]);
    if (version !== MIME_TYPES_OF) return;
    const ours = [
      Object.fromEntries(SUFFIXES),
      [...ENCODINGS].sort(),
      Object.fromEntries(MIME_TYPES),
    ];
    expect(ours).toEqual(own);
  });
});
