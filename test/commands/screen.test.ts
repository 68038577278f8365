// A page that is drawn again and again says what of it is below the end of the terminal.

import { expect, test } from 'vitest';
import { linesWithin } from '../../src/commands/screen.ts';

test('the last line says how many more there are', () => {
  const page = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ text: `${at}`, paint: (text: string) => text }));
  const textsOf = (rows: number, count: number) =>
    linesWithin(rows, page(count)).map(({ text }) => text);
  expect(textsOf(3, 3)).toEqual(['0', '1', '2']);
  expect(textsOf(3, 4)).toEqual(['0', '1', 'and 2 more, on a higher terminal']);
  expect(textsOf(1, 4)).toEqual(['and 4 more, on a higher terminal']);
});
