// The benchmarks run, on few items: what they measure is for people to read.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/cluster.ts';

test('bench/memory.mjs fills a storage node and weighs it', () => {
  const printed = execFileSync(process.execPath, [join(ROOT, 'bench/memory.mjs')], {
    encoding: 'utf8',
    env: { ...process.env, ITEMS: '20000' },
  });
  expect(printed).toMatch(/^20000 items of 16 \+ 100 bytes/);
  expect(printed).toMatch(/^velour-fog: \d+ MB, [\d.]+ bytes an item over key and value/m);
});
