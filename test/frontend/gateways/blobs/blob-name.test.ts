// What becomes of names: as the original keeps them, and nothing that a header could be broken with.

import { expect, test } from 'vitest';
import { sanitisedName, typeOfName } from '../../../../src/frontend/gateways/blobs/blob-name.ts';
import { SeededRandom } from '../../../helpers/random.ts';

test.each([
  ['My Photo.JPG', 'my-photo.jpg'],
  ['  a  b &_=+: c', 'a-b-c'],
  ['Crème Brûlée.txt', 'creme-brulee.txt'],
  ['Ärger ß Ø æ Ł.md', 'arger-ss-oe-ae-l.md'],
  ['a..b', 'ab'],
  ['...', '.'],
  ['~user-1.0', '~user-1.0'],
  ['写真.jpg', '.jpg'],
  ['"; x="', '-x-'],
  ['', ''],
])('%s is kept as %s', (given, kept) => {
  expect(sanitisedName(given)).toBe(kept);
  expect(sanitisedName(kept)).toBe(kept);
});

test('whatever is given, a name is of few letters, and stays as it is', () => {
  const random = new SeededRandom(1);
  for (let round = 0; round < 2000; round++) {
    const given = String.fromCodePoint(
      ...Array.from({ length: random.below(12) }, () => random.below(0xd800)),
    );
    const kept = sanitisedName(given);
    expect(kept).toMatch(/^[a-z0-9~.-]*$/);
    expect(sanitisedName(kept)).toBe(kept);
  }
});

test.each([
  ['a.txt', 'text/plain; charset=utf-8'],
  ['a.html', 'text/html; charset=utf-8'],
  ['a.jpg', 'image/jpeg'],
  ['a.tar.gz', 'application/octet-stream'],
  ['txt', 'application/octet-stream'],
  ['.txt', 'text/plain; charset=utf-8'],
  ['', 'application/octet-stream'],
])('the type of %s is %s', (name, type) => {
  expect(typeOfName(name)).toBe(type);
});
