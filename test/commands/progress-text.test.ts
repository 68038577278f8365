// The line of progress: its figures are those of the last seconds, and it never wraps.

import { describe, expect, test } from 'vitest';
import {
  grouped,
  ProgressText,
  printBytes,
  printSeconds,
} from '../../src/commands/progress-text.ts';

const NOTHING = { items: 0, bytes: 0, share: 0 };

describe('the line', () => {
  test('has a bar, what is done, its rate, and the time left', () => {
    const text = new ProgressText('export', 'keys', NOTHING, 0);
    const half = { items: 50_000, bytes: 5_000_000, share: 0.5 };
    expect(text.next(half, 5000, 120)).toBe(
      'export  [##########..........]   50 %  50,000 keys  10,000/s  1.0 MB/s  0:05 left',
    );
  });

  test('has neither bar nor time where nobody knows how much there is', () => {
    const text = new ProgressText('import', 'lines', { ...NOTHING, share: undefined }, 0);
    const some = { items: 10, bytes: 100, share: undefined };
    expect(text.next(some, 1000, 120)).toBe('import  10 lines  10/s  100 B/s');
  });

  test('forgets the rate of long ago', () => {
    const text = new ProgressText('scan', 'keys', NOTHING, 0);
    text.next({ items: 1000, bytes: 0, share: 0.1 }, 1000, 120);
    for (let second = 2; second <= 30; second++) {
      text.next({ items: 1000, bytes: 0, share: 0.1 }, second * 1000, 120);
    }
    const line = text.next({ items: 1000, bytes: 0, share: 0.1 }, 31_000, 120);
    expect(line).toContain('0/s');
    expect(line).not.toContain('left');
  });

  test('counts what was there before only for the share', () => {
    const text = new ProgressText('export', 'keys', { items: 0, bytes: 0, share: 0.5 }, 0);
    expect(text.next({ items: 10, bytes: 0, share: 0.75 }, 10_000, 120)).toContain('0:10 left');
  });

  test('is shorter than the terminal is wide, and has no rate before time has passed', () => {
    const text = new ProgressText('export', 'keys', NOTHING, 0);
    expect(text.next({ ...NOTHING, items: 5 }, 0, 120)).toContain('5 keys  0/s');
    for (const columns of [1, 20, 80]) {
      expect(text.next({ ...NOTHING, items: 9 }, 1, columns).length).toBeLessThan(columns);
    }
  });
});

test('seconds, bytes and counts are as people write them', () => {
  expect([0, 7, 59.2, 61, 3600, 3723].map(printSeconds)).toEqual([
    '0:00',
    '0:07',
    '1:00',
    '1:01',
    '1:00:00',
    '1:02:03',
  ]);
  expect([0, 999, 1000, 1500, 999_960, 2.5e12].map(printBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '1.5 kB',
    '1.0 MB',
    '2.5 TB',
  ]);
  expect([0, 999, 1000, 1_234_567].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567']);
});
