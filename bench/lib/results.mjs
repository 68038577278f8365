// Where results are kept: bench/results/NAME.json, each with the machine that it was measured on.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { machine } from './machine.mjs';

const fileOf = (name) => new URL(`../results/${name}.json`, import.meta.url);

/** With --save only: without it a benchmark just prints. */
export function save(name, result) {
  if (!process.argv.includes('--save')) return;
  const measured = { measuredAt: new Date().toISOString(), loadAverage: loadavg()[1] };
  const text = JSON.stringify({ machine: machine(), ...measured, ...result }, null, 2);
  writeFileSync(fileOf(name), `${text}\n`);
}

/** @returns undefined when nothing was kept */
export function kept(name) {
  if (!existsSync(fileOf(name))) return undefined;
  return JSON.parse(readFileSync(fileOf(name), 'utf8'));
}
