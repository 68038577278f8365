// The primary process of a frontend with several workers: starts them, starts those again that end, passes on
// what they ask each other, and stops them all. It takes no request itself.

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

/** Before a worker that ended is started again; doubled each time, up to the most. */
const AGAIN_MS_MIN = 100;
const AGAIN_MS_MAX = 10_000;
/** Who lived so long is well, and the next wait is the shortest again. */
const WELL_MS = 60_000;
/** How long a worker that hangs can hold up that the others finish their requests. */
const REFUSE_MS = 1000;
/** Above the workers' own drain timeout, after which they leave by themselves. */
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
  workers.start();
}

interface RunningWorker {
  readonly worker: number;
  readonly startedMs: number;
  state: 'starting' | 'listening' | 'refusing';
  send(message: ToWorker): void;
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
  /** The first one listens: the address can be had, and all others are started. */
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

  /** One first: what keeps it from listening keeps all, and is to be said once. */
  start(): void {
    this.#start(1, false);
  }

  /** @param delayMs in which they take connections still, though none is ready */
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

  /** One that hangs would not notice that the primary is gone. */
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
      kill: () => child.kill(),
    };
    this.#running.add(running);
    // It was started when a stop was on its way.
    if (this.#stopping) running.send({ kind: 'refuse' });
  }

  #open(): void {
    this.#opened = true;
    if (this.#stopping) return;
    for (let worker = 2; worker <= this.#count; worker++) this.#start(worker, false);
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
    // It has said why.
    if (!this.#opened) process.exit(code ?? EXIT.failure);
    // It is refused as it was started (D12), and so are the others when they are started again. Those that run go
    // on, for as long as one of them is left.
    const isRefused = code === EXIT.config;
    if (isRefused && this.#running.size === 0) process.exit(code);
    const lived = systemClock.monotonicMs() - running.startedMs;
    const soonMs = lived > WELL_MS ? AGAIN_MS_MIN : (this.#againMs.get(worker) ?? AGAIN_MS_MIN);
    const againMs = isRefused ? AGAIN_MS_MAX : soonMs;
    this.#againMs.set(worker, Math.min(AGAIN_MS_MAX, 2 * againMs));
    this.#logger.write('error', 'a worker ended', { worker, how, againMs });
    // Nobody who listens is left: one that cannot serve yet is better, it says so.
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
   * Only when nobody takes connections any more: each answer from now on ends its connection, and a client that
   * comes again would meet a worker that is just about to refuse.
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
