// The If header of WebDAV: what is one, and when it holds (RFC 4918, 10.4).

import { describe, expect, test } from 'vitest';
import {
  IF_RESOURCES_MAX,
  type IfState,
  ifHolds,
  readIfHeader,
  tokensIn,
} from '../../../../src/frontend/gateways/dav/if-header.ts';

function listsOf(text: string | undefined) {
  const read = readIfHeader(text);
  if ('fault' in read) throw new Error(read.fault);
  return read.lists;
}

const STATES: Readonly<Record<string, IfState>> = {
  own: { etag: '"e"', tokens: ['urn:a', 'urn:b'] },
  '/x': { etag: undefined, tokens: [] },
  'http://h/y': { etag: '"y"', tokens: ['urn:y'] },
};
const holds = (text: string | undefined) =>
  ifHolds(listsOf(text), (resource = 'own') => STATES[resource] ?? { etag: undefined, tokens: [] });

test.each([
  [undefined, true],
  ['(<urn:a>)', true],
  ['(<urn:c>)', false],
  ['(<urn:a> <urn:b>)', true],
  ['(<urn:a> <urn:c>)', false],
  ['(<urn:c>) (<urn:a>)', true],
  ['(<urn:a> ["e"])', true],
  ['(<urn:a>["f"])', false],
  ['(["e"])', true],
  // A weak tag is none of a record here, which has another one after each change.
  ['([W/"e"])', false],
  ['(Not <urn:c>)', true],
  ['(Not <urn:a>)', false],
  ['(not <DAV:no-lock>)', true],
  ['(Not["f"] <urn:b>)', true],
  ['(<DAV:no-lock>)', false],
  ['  ( <urn:a> )  ', true],
  ['</x> (Not <urn:a>)', true],
  ['</x> (<urn:a>)', false],
  ['</x> (<urn:a>) <http://h/y> (<urn:y>["y"])', true],
  ['<http://h/y> (<urn:z>) (<urn:y>)', true],
  ['(["a)b(c"])', false],
])('%s: %s', (text, expected) => {
  expect(holds(text)).toBe(expected);
});

test.each([
  '',
  'x',
  '()',
  '(<urn:a>',
  '<urn:a>',
  '(urn:a)',
  '(<>)',
  '(["e)',
  '([e])',
  '(<urn:a> x)',
  '(NotX<urn:a>)',
  '(<urn:a>) </x> (<urn:a>)',
  '</x>',
  '(<urn:a>)x',
  '(Not)',
  '(Not Not <urn:a>)',
])('%s is refused', (text) => {
  expect(readIfHeader(text)).toHaveProperty('fault');
});

describe('what is submitted', () => {
  test('is each token, whether or not its list holds', () => {
    const lists = listsOf('</x> (<urn:a> ["e"]) (Not <urn:b>) <http://h/y> (<urn:a>)');
    expect([...tokensIn(lists)]).toEqual(['urn:a', 'urn:b']);
  });

  test('is about a bounded number of resources', () => {
    const named = (count: number) =>
      Array.from({ length: count }, (_, index) => `</${index}> (<urn:a>)`).join(' ');
    expect(readIfHeader(named(IF_RESOURCES_MAX))).toHaveProperty('lists');
    expect(readIfHeader(named(IF_RESOURCES_MAX + 1))).toHaveProperty('fault');
  });

  test('is read in time that grows with its length alone', () => {
    expect(readIfHeader(`(${'"'.repeat(15_000)}`)).toHaveProperty('fault');
    expect(readIfHeader(`${' '.repeat(15_000)}x`)).toHaveProperty('fault');
    expect(readIfHeader(`(${'<a> '.repeat(4_000)}`)).toHaveProperty('fault');
    expect(readIfHeader('(<a>)'.repeat(3_000))).toHaveProperty('lists');
  });
});
