// The real clock, timers, randomness and process figures behind the ports of ports.ts.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import type { Clock, Host, ProcessUsage, Random, Timers } from '../../ports.ts';
import type { ProcessLogger } from './logger.ts';
import { watchPauses } from './pauses.ts';

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

/** Node takes a longer time, of three weeks and a half, for one millisecond. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemTimers: Timers = {
  after(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(milliseconds, LONGEST_MS));
    return () => clearTimeout(timer);
  },
};

/** Calls back once everything that is due in this turn of the event loop was done. */
export function afterTurn(callback: () => void): void {
  setImmediate(callback);
}

export const systemRandom: Random = {
  // `below` chooses a member for each get, so it must be fast; a token must be unique.
  below: (bound) => Math.floor(Math.random() * bound),
  token: () => randomBytes(16).toString('hex'),
};

/** Call once in a process: it starts measuring pauses. */
export function openHost(logger: Pick<ProcessLogger, 'linesDropped'>): Host {
  return { ...watchPauses(), bootId, usage: () => processUsage(logger) };
}

export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Without a boot id, nothing can prove after a crash that unsynced writes survived: a random one never matches.
    return randomBytes(16).toString('hex');
  }
}

export function processUsage(logger: Pick<ProcessLogger, 'linesDropped'>): ProcessUsage {
  const cpu = process.cpuUsage();
  const memory = process.memoryUsage();
  return {
    pid: process.pid,
    uptimeSeconds: process.uptime(),
    userCpuSeconds: cpu.user / 1e6,
    systemCpuSeconds: cpu.system / 1e6,
    residentBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    logLinesDropped: logger.linesDropped(),
  };
}

/** How many files and sockets together this process may have open; undefined where the system does not show it. */
export function descriptorsMax(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** The number of processors that this process may use. */
export function processorCount(): number {
  return availableParallelism();
}

/** The memory of the machine in bytes, or of the container (cgroup) if that has less. */
export function machineMemoryBytes(): number {
  const ofContainer = process.constrainedMemory();
  // For a process without a limit this is 0, or more than the machine has.
  return ofContainer > 0 ? Math.min(ofContainer, totalmem()) : totalmem();
}
