// Worker processes that share one port: node:cluster, seen from the primary and from a worker. What they say to
// each other is worker-group.ts's, when one is started or stopped commands/workers.ts's.

import cluster from 'node:cluster';
import { unreachable } from '../../assert.ts';
import {
  type FromWorker,
  type Topic,
  type ToWorker,
  WORKER_VARIABLE,
  type WorkerAnswer,
  type WorkerGroup,
} from '../../http/worker-group.ts';

const WAITS_VARIABLE = 'VELOUR_WORKER_WAITS';

/**
 * A worker's first word: it hears. node:cluster itself listens in a worker from its start, so what is sent before the
 * worker does would be taken as heard, and lost: a stop that came then left it running until it was killed.
 */
const HEARS = 'hears';

export interface WorkerEvents {
  received(message: FromWorker): void;
  /** Once, and nothing after it. */
  ended(code: number | null, how: string): void;
}

export interface WorkerProcess {
  readonly pid: number;
  send(message: ToWorker): void;
  kill(): void;
}

/**
 * The primary accepts connections and deals them out in turn (SCHED_RR). Left to the system (SCHED_NONE) whoever
 * wakes first takes what there is: of 64 lasting connections to four workers one had 44, of eight one had none,
 * and whoever has too many is the limit of all. Dealt out, the most was 22 of 64. It costs each connection 0.1 to
 * 0.2 ms of CPU time in the primary, which a client that keeps its connections pays once. SO_REUSEPORT, which
 * would do both, needs Node 22.12.
 * @param waits it takes connections only once it is ready, or is told to
 */
export function startWorker(number: number, waits: boolean, events: WorkerEvents): WorkerProcess {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  // Keys are bytes, which JSON has not.
  cluster.setupPrimary({ serialization: 'advanced' });
  const worker = cluster.fork({
    [WORKER_VARIABLE]: String(number),
    [WAITS_VARIABLE]: waits ? '1' : '',
  });
  let ended = false;
  const end = (code: number | null, how: string) => {
    if (!ended) events.ended(code, how);
    ended = true;
  };
  const pass = (message: ToWorker) => {
    if (worker.isConnected()) worker.send(message, () => undefined);
  };
  /** What waits for the worker's first word: of one that starts nothing is asked, so it is a stop at the most. */
  let held: ToWorker[] | undefined = [];
  worker.on('message', (message: FromWorker | typeof HEARS) => {
    if (message !== HEARS) return events.received(message);
    for (const waiting of held ?? []) pass(waiting);
    held = undefined;
  });
  worker.on('exit', (code: number | null, signal: string | null) =>
    end(code, signal ?? `exit code ${code}`),
  );
  worker.on('error', (error) => {
    // It could not be started, or not be reached, and then its end is on its way.
    if (worker.process.pid === undefined) end(null, error.message);
  });
  return {
    pid: worker.process.pid ?? 0,
    send: (message) => {
      if (held === undefined) pass(message);
      else held.push(message);
    },
    kill: () => worker.process.kill('SIGKILL'),
  };
}

export type Demand = Extract<ToWorker, { kind: 'listen' | 'retire' | 'refuse' | 'drain' }>;

/** The primary as a worker has it. */
export class Primary implements WorkerGroup {
  readonly worker: number;
  readonly waits: boolean;
  readonly #tells = new Map<Topic, () => unknown>();
  readonly #gathering = new Map<number, (told: readonly WorkerAnswer[]) => void>();
  #nextId = 1;
  /** What came while the role was still being loaded. */
  readonly #early: Demand[] = [];
  #asked: (what: Demand) => void = (what) => this.#early.push(what);

  constructor(worker: number, waits: boolean) {
    this.worker = worker;
    this.waits = waits;
    process.on('message', (message: ToWorker) => this.#received(message));
    if (process.connected) process.send?.(HEARS, undefined, undefined, () => undefined);
  }

  onAsked(asked: (what: Demand) => void): void {
    this.#asked = asked;
    for (const what of this.#early.splice(0)) asked(what);
  }

  send(message: FromWorker): void {
    // Without the primary this process is about to end.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }

  answer(topic: Topic, tell: () => unknown): void {
    this.#tells.set(topic, tell);
  }

  /** What this worker itself would tell. */
  own(topic: Topic): unknown {
    return this.#tells.get(topic)?.();
  }

  gather(topic: Topic, callback: (told: readonly WorkerAnswer[]) => void): void {
    const id = this.#nextId++;
    this.#gathering.set(id, callback);
    this.send({ kind: 'gather', id, topic });
  }

  #received(message: ToWorker): void {
    switch (message.kind) {
      case 'tell':
        return this.send({ kind: 'tells', id: message.id, answer: this.own(message.topic) });
      case 'gathered': {
        const callback = this.#gathering.get(message.id);
        this.#gathering.delete(message.id);
        return callback?.(message.told);
      }
      case 'listen':
      case 'retire':
      case 'refuse':
      case 'drain':
        return this.#asked(message);
      default:
        return unreachable(message);
    }
  }
}

/** Undefined in the primary. */
export function openPrimary(): Primary | undefined {
  if (cluster.isPrimary) return undefined;
  return new Primary(
    Number(process.env[WORKER_VARIABLE]),
    (process.env[WAITS_VARIABLE] ?? '') !== '',
  );
}
