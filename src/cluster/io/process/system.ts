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

export const systemTimers: Timers = {
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = {
  // Choosing a member wants speed; a token wants to be unique.
  below: (bound) => Math.floor(Math.random() * bound),
  token: () => randomBytes(16).toString('hex'),
};

/** Measures from then on; once a process. */
export function openHost(logger: ProcessLogger): Host {
  return { ...watchPauses(), bootId, usage: () => processUsage(logger) };
}

export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Where the system has no such word, no restart can prove that its unsynced writes survived.
    return randomBytes(16).toString('hex');
  }
}

export function processUsage(logger: ProcessLogger): ProcessUsage {
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

/** How many files and sockets this process may have open together; undefined where the system does not say. */
export function descriptorsMax(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** Of the machine, or those that this process may use. */
export function processorCount(): number {
  return availableParallelism();
}

/** Of the machine, or of the container (cgroup) if that has less. */
export function machineMemoryBytes(): number {
  const ofContainer = process.constrainedMemory();
  // Without a limit it is 0, or more than there is.
  return ofContainer > 0 ? Math.min(ofContainer, totalmem()) : totalmem();
}
