// A real cluster for a test: scripts/runlocal.sh with real processes on ports of its own. What a test
// starts is stopped by the test, by its own process id, and else by who is named in surroundings.mjs.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { onTestFinished, TestRunner } from 'vitest';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Below the time limit of one test (vitest.config.ts). */
const START_MS_MAX = 500_000;
/** Likewise, of one wait of several: what waits in vain says for what, and what ended meanwhile. */
const UNTIL_MS_MAX = 400_000;
const FIRST_PORT = 13_000;
const PORTS_PER_RANGE = 3000;
/** More than test files run at once (vitest.config.ts, `maxWorkers`). */
const PORT_RANGES = 6;
const SCRIPT = fileURLToPath(new URL('../../scripts/runlocal.sh', import.meta.url));
export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface ClusterSettings {
  readonly frontends?: number;
  readonly storages?: number;
  /** By default none: each is a process more. */
  readonly fileservers?: number;
  readonly redundancy?: number;
  /** Options of `velour local`. */
  readonly words?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface LocalCluster {
  readonly process: Started;
  readonly controller: string;
  readonly storages: readonly string[];
  readonly frontends: readonly string[];
  readonly fileservers: readonly string[];
  /** The blob service of each frontend. */
  readonly blobs: readonly string[];
  /** The broker of each frontend. */
  readonly brokers: readonly string[];
  stop(): Promise<number | null>;
}

/** A process that a test started, with everything it printed. */
export class Started {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #changed: (() => void)[] = [];
  readonly #line: string;
  static readonly #all: Started[] = [];

  constructor(
    command: string,
    words: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#line = [command, ...words].join(' ');
    Started.#all.push(this);
    this.child = spawn(command, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const note = (name: 'stdout' | 'stderr') => (chunk: Buffer) => {
      this[name] += chunk.toString();
      this.#wake();
    };
    this.child.stdout?.on('data', note('stdout'));
    this.child.stderr?.on('data', note('stderr'));
    this.child.on('close', () => this.#wake());
    // A test that ran out of time has not come to its end, where it would have stopped this.
    if (TestRunner.getCurrentTest() !== undefined) {
      onTestFinished(() => {
        if (!this.ended) this.child.kill('SIGKILL');
      });
    }
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the process did not start');
    return this.child.pid;
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Waits until the text was printed; fails when the process ends before. */
  async printed(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    while (!this[stream].includes(text)) {
      if (this.ended) throw new Error(`ended without "${text}":\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  async exit(): Promise<number | null> {
    if (!this.ended) await once(this.child, 'close');
    return this.child.exitCode;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (!this.ended) this.child.kill(signal);
    return this.exit();
  }

  /** Of all processes that the test file started: those that ended with an exit code of their own, and their last words. */
  static endedByThemselves(): string {
    return Started.#all
      .filter(({ child }) => child.exitCode !== null && child.exitCode !== 0)
      .map(
        (started) =>
          `${started.#line}\nended with ${started.child.exitCode}: ${started.stderr.slice(-500)}`,
      )
      .join('\n');
  }

  #wake(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

export function velour(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Started {
  return new Started(process.execPath, [CLI, ...words], env);
}

/** Starts a cluster as a user does, and waits for its greeting. */
export async function startCluster(settings: ClusterSettings = {}): Promise<LocalCluster> {
  const { frontends = 2, storages = 4, fileservers = 0, redundancy = 3 } = settings;
  const ports = await freePorts(1 + storages + 3 * frontends + fileservers);
  const [controllerPort = 0, storagePort = 0] = ports;
  const frontendPort = ports[1 + storages] ?? 0;
  const blobsPort = ports[1 + storages + frontends] ?? 0;
  const brokerPort = ports[1 + storages + 2 * frontends] ?? 0;
  const fileserverPort = ports[1 + storages + 3 * frontends] ?? frontendPort;
  const started = new Started(SCRIPT, settings.words ?? [], {
    NUM_FRONTEND: String(frontends),
    NUM_STORAGE: String(storages),
    REDUNDANCY: String(redundancy),
    CONTROLLER_PORT: String(controllerPort),
    STORAGE_PORT: String(storagePort),
    FRONTEND_PORT: String(frontendPort),
    BLOBS_PORT: String(blobsPort),
    BROKER_PORT: String(brokerPort),
    NUM_FILESERVER: String(fileservers),
    FILESERVER_PORT: String(fileserverPort),
    ...settings.env,
  });
  const isReady = started.printed('stdout', 'Ctrl-C stops everything.').then(() => true);
  // A test beside this one may have taken a port that was free a moment ago.
  const isTaken = started.printed('stderr', 'is in use; stop who has it').then(() => false);
  isTaken.catch(() => undefined);
  if (!(await inTime(Promise.race([isReady, isTaken]), started))) {
    isReady.catch(() => undefined);
    await started.stop();
    return startCluster(settings);
  }
  const address = (port: number) => `127.0.0.1:${port}`;
  return {
    process: started,
    controller: address(controllerPort),
    storages: ports.slice(1, 1 + storages).map(address),
    frontends: ports.slice(1 + storages, 1 + storages + frontends).map(address),
    blobs: ports.slice(1 + storages + frontends, 1 + storages + 2 * frontends).map(address),
    brokers: ports.slice(1 + storages + 2 * frontends, 1 + storages + 3 * frontends).map(address),
    fileservers: ports.slice(1 + storages + 3 * frontends).map(address),
    stop: () => started.stop(),
  };
}

/** What `promise` brings, unless that takes so long that the test's own limit would end it without a word. */
async function inTime<T>(promise: Promise<T>, started: Started): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const lately = started.stderr.trimEnd().split('\n').slice(-40).join('\n');
      reject(new Error(`the cluster is not ready after ${START_MS_MAX} ms:\n${lately}`));
    }, START_MS_MAX);
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    await started.stop('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Consecutive ports below the ephemeral range that are free now. Test files that run beside this one have ranges of
 * their own: one of them took the port of a node that a test had killed and was about to start again, which then
 * could not start, and the test waited for it until its time was up.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const range = Number(process.env.VITEST_POOL_ID ?? 0) % PORT_RANGES;
  for (let attempt = 0; attempt < 100; attempt++) {
    const within = Math.floor(Math.random() * (PORTS_PER_RANGE - count));
    const first = FIRST_PORT + range * PORTS_PER_RANGE + within;
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return ports;
  }
  throw new Error(`no ${count} consecutive free ports`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The living processes that `ancestor` started, as `ps` shows them. */
export function childrenOf(
  ancestor: number,
): readonly { pid: number; title: string; rssBytes: number }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const status = readFileSync(`/proc/${name}/status`, 'utf8');
        if (!new RegExp(`^PPid:\\t${ancestor}$`, 'm').test(status)) return [];
        const title = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const rss = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
        return [{ pid: Number(name), title, rssBytes: rss * 1024 }];
      } catch {
        return []; // ended while we looked
      }
    });
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie still has its entry, but has ended.
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Polls until it holds; the test's own time limit is the only bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const startedMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedMs > UNTIL_MS_MAX) {
      throw new Error(`in vain: ${condition}\n${Started.endedByThemselves()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
