// The primary process of a frontend with several workers: starts them, restarts those that end, passes on questions
// between them, and stops them all. It takes no request itself; a worker is worker.ts.

import { EXIT } from '../cluster/http/errors.ts';
import { Metrics } from '../cluster/http/metrics.ts';
import { addUsageMetrics } from '../cluster/http/process-metrics.ts';
import type { FromWorker, ToWorker } from '../cluster/http/worker-group.ts';
import type { ProcessLogger } from '../cluster/io/process/logger.ts';
import { processUsage, systemClock, systemTimers } from '../cluster/io/process/system.ts';
import { startWorker, type WorkerProcess } from '../cluster/io/process/workers.ts';
import { Gathering } from './gathering.ts';
import type { Arguments } from './options.ts';
import { openProcess, type ServedRole, stopOnSignals } from './serve.ts';
import { onHangup } from './signals.ts';

/** The wait before a worker that ended is restarted; doubled with each restart. */
const AGAIN_MS_MIN = 100;
const AGAIN_MS_MAX = 10_000;
/** After a worker ran for so long, its next wait is the shortest again. */
const WELL_MS = 60_000;
/**
 * The primary waits this long for all workers to refuse connections; a worker that hangs delays the others no longer.
 */
const REFUSE_MS = 1000;
/** Added to the drain timeout, after which workers exit by themselves. */
const KILL_AFTER_EXTRA_MS = 1500;

export function serveWithWorkers(
  role: Pick<ServedRole, 'name' | 'node'>,
  words: Arguments,
  count: number,
  shutdownDelayMs: number,
) {
  const logger = openProcess(role, words);
  const workers = new Workers(logger, count, words.positive('drain-timeout') * 1000);
  stopOnSignals(
    logger,
    (wholeCluster) => workers.stop(wholeCluster, wholeCluster ? 0 : shutdownDelayMs),
    (code) => workers.leaveAtOnce(code),
  );
  onHangup(() => workers.hangUp());
  workers.start();
}

interface RunningWorker {
  readonly worker: number;
  readonly startedMs: number;
  state: 'starting' | 'listening' | 'refusing';
  send(message: ToWorker): void;
  hangUp(): void;
  kill(): void;
}

class Workers {
  readonly #logger: ProcessLogger;
  readonly #count: number;
  readonly #drainMs: number;
  readonly #running = new Set<RunningWorker>();
  readonly #againMs = new Map<number, number>();
  readonly #gathering: Gathering;
  readonly #restarts;
  /** Whether the first worker has listened, so that the address is free and the others were started. */
  #opened = false;
  #stopping = false;
  #wholeCluster = false;
  #drained = false;
  #exitCode = 0;

  constructor(logger: ProcessLogger, count: number, drainMs: number) {
    this.#logger = logger;
    this.#count = count;
    this.#drainMs = drainMs;
    const metrics = new Metrics();
    addUsageMetrics(metrics, () => processUsage(logger));
    this.#restarts = metrics.counter(
      'velourfog_worker_restarts_total',
      'Workers that ended and were started again.',
    );
    this.#gathering = new Gathering(systemTimers, () => metrics.read());
  }

  /** Starts one worker first: an error that keeps it from listening would keep all, and should be reported once. */
  start(): void {
    this.#start(1, false);
  }

  /** @param delayMs how long workers still take connections, though they answer that they are not ready */
  stop(wholeCluster: boolean, delayMs: number): void {
    this.#stopping = true;
    this.#wholeCluster = wholeCluster;
    if (delayMs === 0) return this.#refuse();
    this.#tell({ kind: 'retire' });
    setTimeout(() => this.#refuse(), delayMs);
    return this.#ifAllEnded();
  }

  #refuse(): void {
    setTimeout(() => this.#drain(), REFUSE_MS);
    setTimeout(() => this.#killLate(), this.#drainMs + REFUSE_MS + KILL_AFTER_EXTRA_MS);
    this.#tell({ kind: 'refuse' });
    this.#ifAllEnded();
  }

  hangUp(): void {
    for (const running of this.#running) {
      if (running.state !== 'starting') running.hangUp();
    }
  }

  /** Kills all workers and exits: a worker that hangs would not notice that its primary is gone. */
  leaveAtOnce(code: number): void {
    for (const running of this.#running) running.kill();
    process.exit(code);
  }

  #start(worker: number, waits: boolean): void {
    const child: WorkerProcess = startWorker(worker, waits, {
      received: (message) => this.#received(running, message),
      ended: (code, how) => this.#ended(running, code, how),
    });
    const running: RunningWorker = {
      worker,
      startedMs: systemClock.monotonicMs(),
      state: 'starting',
      send: (message) => child.send(message),
      hangUp: () => child.hangUp(),
      kill: () => child.kill(),
    };
    this.#running.add(running);
    // A stop began before it was started, so it has missed `refuse`.
    if (this.#stopping) running.send({ kind: 'refuse' });
  }

  #open(): void {
    this.#opened = true;
    if (this.#stopping) return;
    // The first one may be ready by now: the others join it once they are (worker.ts).
    for (let worker = 2; worker <= this.#count; worker++) this.#start(worker, true);
  }

  #received(from: RunningWorker, message: FromWorker): void {
    switch (message.kind) {
      case 'listens':
        if (from.state === 'starting') from.state = 'listening';
        if (!this.#opened) this.#open();
        return;
      case 'gather': {
        const asked = [...this.#running].filter(({ state }) => state !== 'starting');
        return this.#gathering.gather(message.topic, asked, (told) =>
          from.send({ kind: 'gathered', id: message.id, told }),
        );
      }
      case 'tells':
        return this.#gathering.told(from, message.id, message.answer);
      case 'refuses':
        from.state = 'refusing';
        if ([...this.#running].every(({ state }) => state === 'refusing')) this.#drain();
    }
  }

  #ended(running: RunningWorker, code: number | null, how: string): void {
    const { worker } = running;
    this.#running.delete(running);
    this.#gathering.ended(running);
    if (this.#stopping) {
      if (code !== 0) this.#exitCode = code ?? EXIT.failure;
      return this.#ifAllEnded();
    }
    // The first worker could not start, and has logged why.
    if (!this.#opened) process.exit(code ?? EXIT.failure);
    // The worker was started with settings that the cluster refuses (D12), and so would the others be at a restart.
    // Those that run go on, and the frontend ends with the last of them.
    const isRefused = code === EXIT.config;
    if (isRefused && this.#running.size === 0) process.exit(code);
    const lived = systemClock.monotonicMs() - running.startedMs;
    const soonMs = lived > WELL_MS ? AGAIN_MS_MIN : (this.#againMs.get(worker) ?? AGAIN_MS_MIN);
    const againMs = isRefused ? AGAIN_MS_MAX : soonMs;
    this.#againMs.set(worker, Math.min(AGAIN_MS_MAX, 2 * againMs));
    this.#logger.write('error', 'a worker ended', { worker, how, againMs });
    // No worker listens any more: a worker that is not ready yet should listen, and answer that it is not.
    if (![...this.#running].some(({ state }) => state === 'listening')) {
      this.#tell({ kind: 'listen' });
    }
    setTimeout(() => this.#startAgain(worker), againMs);
  }

  #startAgain(worker: number): void {
    if (this.#stopping) return;
    this.#restarts.add();
    const othersListen = [...this.#running].some(({ state }) => state === 'listening');
    this.#start(worker, othersListen);
  }

  /**
   * Drains all workers once none takes connections: from then on each reply ends its connection, and a client that
   * connects again must not meet a worker that is about to refuse.
   */
  #drain(): void {
    if (this.#drained || !this.#stopping) return;
    this.#drained = true;
    this.#tell({ kind: 'drain', wholeCluster: this.#wholeCluster });
  }

  #tell(message: ToWorker): void {
    for (const running of this.#running) running.send(message);
  }

  #killLate(): void {
    for (const { worker, kill } of this.#running) {
      this.#logger.write('error', 'did not stop in time: killed', { worker });
      kill();
    }
  }

  #ifAllEnded(): void {
    if (this.#running.size === 0) process.exit(this.#exitCode);
    if ([...this.#running].every(({ state }) => state === 'refusing')) this.#drain();
  }
}
