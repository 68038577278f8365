// What every result says of the machine, which of its cores do what, and the arithmetic of rounds.

import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

/** The servers share one core, whoever loads them has another one, where there are two. */
const [FIRST_CORE, SECOND_CORE = FIRST_CORE] = allowedCores();
export const SERVER_CORE = FIRST_CORE;
export const LOAD_CORE = SECOND_CORE;

/** A container may have been given only some of them. The list reads as in 0-1,4. */
function allowedCores() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

export function machine() {
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memory: totalmem(),
    kernel: release(),
    node: process.version,
  };
}

export function median(values) {
  const ordered = [...values].sort((a, b) => a - b);
  return (ordered[(ordered.length - 1) >> 1] + ordered[ordered.length >> 1]) / 2;
}

/** Median, least and greatest. */
export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** As a line has it: the median, and in parentheses what it lies between. */
export function figure({ median: middle, min, max }, digits = 0) {
  return `${middle.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}
