// The benchmarks run, on few items: what they measure is for people to read.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/cluster.ts';

function printedBy(benchmark: string, env: Readonly<Record<string, string>>): string {
  return execFileSync(process.execPath, [join(ROOT, 'bench/run.mjs'), benchmark], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

test('pauses loads a storage node and tells how long it kept others waiting', () => {
  const printed = printedBy('pauses', { ITEMS: '5000', SECONDS: '2' });
  expect(printed).toMatch(/^5000 items of 16 \+ 100 bytes, 2 s of overwrites/m);
  expect(printed).toMatch(/^velour-fog: event-loop delay p50 [\d.]+ ms, .*p99.9 [\d.]+ ms/m);
  expect(printed).toMatch(/^velour-fog: JavaScript heap \d+ MB at most/m);
  expect(printed).toMatch(/^velour-fog: [1-9]\d* changes\/s, \d+ MB\/s copied, gets p50 /m);
});

test('items fills a storage node and weighs it', () => {
  const printed = printedBy('items', { ITEMS: '20000' });
  expect(printed).toMatch(/^20000 items of 16 \+ 100 bytes/m);
  expect(printed).toMatch(/^velour-fog: \d+ MB, [\d.]+ bytes an item over key and value/m);
});

test('overwrites fills a storage node and overwrites half of it', () => {
  const printed = printedBy('overwrites', { MEBIBYTES: '32', TIMES: '0.5' });
  expect(printed).toMatch(/^0 refused; resident memory \d+ MB before, \d+ MB after/m);
  expect(printed).toMatch(/^sets a second: \d+ into an empty node, \d+ into a full one/m);
});

test('copy has a storage node copy what it lost', () => {
  const printed = printedBy('copy', { ITEMS: '50000', QUIET_MS: '500', ROUNDS: '1' });
  expect(printed.match(/^quiet: \d+ MB\/s \(.*\), [1-9]\d* records\/s/gm)).toHaveLength(2);
  expect(printed).toMatch(/^gets before: p50 .* meanwhile: p50/m);
});

test('recovery restarts a full storage node', () => {
  const printed = printedBy('recovery', { ITEMS: '20000', ROUNDS: '2' });
  expect(printed).toMatch(/^20000 items of 16 \+ 100 bytes; medians of 2 restarts/m);
  expect(printed).toMatch(/^recovery: \d+ records\/s, \d+ MB\/s/m);
});
