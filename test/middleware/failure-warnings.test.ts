// How often an application that did not ask is warned that the store fails.

import { expect, test } from 'vitest';
import { WARN_MS, warningsOf } from '../../src/middleware/failure-warnings.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

test('the first failure is told, and then one a minute, with how many there were besides', () => {
  const time = new VirtualTime();
  const warnings: string[] = [];
  const failed = warningsOf(time, (message, name) => warnings.push(`${name}: ${message}`));
  for (const message of ['a', 'b', 'c']) failed(new TypeError(message));
  time.runTo(WARN_MS - 1);
  failed(new TypeError('d'));
  time.runTo(WARN_MS);
  failed(new TypeError('e'));
  time.runTo(3 * WARN_MS);
  failed(new TypeError('f'));
  expect(warnings).toEqual([
    'TypeError: a',
    'TypeError: e (and 3 more failures since the last warning)',
    'TypeError: f',
  ]);
});
