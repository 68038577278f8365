// The names of a log's files.

import { expect, test } from 'vitest';
import { logFileName, logFileNumbers } from '../../../src/storage/log/log-files.ts';

test('every file that the log names is one of its files, in the order of their numbers (H8)', () => {
  const numbers = [1, 99_999_999, 100_000_000, 2_147_483_648];
  const names = numbers.map(logFileName);
  expect(names[0]).toBe('records-00000001.log');
  expect(logFileNumbers(names.toReversed())).toEqual(numbers);
  expect(logFileNumbers(names.toSorted())).toEqual(numbers);
});

test('a file that no log would name so is none of its files, so no number has two', () => {
  const names = ['records-1.log', 'records-000000001.log', 'records-00000000.log', 'records.log'];
  expect(logFileNumbers(names)).toEqual([]);
});
