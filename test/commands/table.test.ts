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
