// Columns are as wide as their widest text, figures end below each other, and no line ends in spaces.

import { expect, test } from 'vitest';
import { tableOf } from '../../src/commands/table.ts';

test('lays out rows', () => {
  const columns = [{ title: 'NODE' }, { title: 'ITEMS', isFigure: true }, { title: 'STATE' }];
  expect(
    tableOf(columns, [
      ['a', '1,234,567', 'ready'],
      ['longer', '7', ''],
    ]),
  ).toEqual(['NODE        ITEMS  STATE', 'a       1,234,567  ready', 'longer          7']);
  expect(tableOf(columns, [])).toEqual(['NODE  ITEMS  STATE']);
});

test('columns leave a table that is too wide, whole and in their order', () => {
  const columns = [
    { title: 'NODE' },
    { title: 'ROLE', leaves: 2 },
    { title: 'ITEMS', isFigure: true, leaves: 1 },
    { title: 'LAG', isFigure: true },
  ];
  const rows = [['a', 'storage', '7', '1 ms']];
  const titlesWithin = (widthMax: number) => tableOf(columns, rows, widthMax)[0]?.split(/ +/);
  expect(titlesWithin(4 + 2 + 7 + 2 + 5 + 2 + 4)).toEqual(['NODE', 'ROLE', 'ITEMS', 'LAG']);
  expect(titlesWithin(4 + 2 + 7 + 2 + 5 + 2 + 3)).toEqual(['NODE', 'ROLE', 'LAG']);
  expect(titlesWithin(4 + 2 + 7 + 2 + 3)).toEqual(['NODE', 'LAG']);
  expect(titlesWithin(1)).toEqual(['NODE', 'LAG']);
});

test('where none may leave any more, a column shrinks to the ends of its texts', () => {
  const columns = [
    { title: 'NODE', shrinks: true },
    { title: 'LAG', isFigure: true },
  ];
  const rows = [['127.0.0.1:12500', '1 ms']];
  expect(tableOf(columns, rows, 14)).toEqual(['NODE       LAG', '…1:12500  1 ms']);
});
