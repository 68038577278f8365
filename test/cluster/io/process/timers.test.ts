// The timers of a real process.

import { expect, test } from 'vitest';
import { systemTimers } from '../../../../src/cluster/io/process/system.ts';

test.each([Number.POSITIVE_INFINITY, 2 ** 31, 1e12])('%d ms are not one', async (milliseconds) => {
  let isOver = false;
  const cancel = systemTimers.after(milliseconds, () => {
    isOver = true;
  });
  await new Promise((resolve) => systemTimers.after(20, () => resolve(undefined)));
  cancel();
  expect(isOver).toBe(false);
});
