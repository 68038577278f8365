// Worker processes that share one port: node:cluster, as the primary and as a worker see it. Their messages are
// defined in http/worker-group.ts; commands/workers.ts decides when a worker starts and stops.

import type { ChildProcess } from 'node:child_process';
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
 * A worker's first message: from now on it takes messages. node:cluster itself listens in a worker from its start, so
 * what is sent before the worker's own code listens would be lost: such a stop left a worker running until it was
 * killed.
 */
const HEARS = 'hears';

export interface WorkerEvents {
  received(message: FromWorker): void;
  /** Called once, and nothing is received afterwards. */
  ended(code: number | null, how: string): void;
}

export interface WorkerProcess {
  readonly pid: number;
  send(message: ToWorker): void;
  /** Lets it read files of the operator again. */
  hangUp(): void;
  kill(): void;
}

/**
 * Forks a worker. The primary accepts connections and deals them out in turn (SCHED_RR). If the system distributes
 * them (SCHED_NONE), the worker that wakes first takes what there is: of 64 lasting connections to four workers one
 * had 44, of eight workers one had none, and the worker with the most limits all. Dealt out in turn, the most was 22
 * of 64. That costs each connection 0.1 to 0.2 ms of CPU time in the primary, which a client that keeps its
 * connections pays once. SO_REUSEPORT would avoid both, but needs Node 22.12.
 * @param waits the worker takes connections only once it is ready, no other one is, or it is asked to
 */
export function startWorker(number: number, waits: boolean, events: WorkerEvents): WorkerProcess {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  // Messages contain keys, which are bytes, and JSON cannot carry bytes.
  cluster.setupPrimary({ serialization: 'advanced' });
  const worker = cluster.fork({
    [WORKER_VARIABLE]: String(number),
    [WAITS_VARIABLE]: waits ? '1' : '',
  });
  closeUntaken(worker.process);
  let ended = false;
  const end = (code: number | null, how: string) => {
    if (!ended) events.ended(code, how);
    ended = true;
  };
  const pass = (message: ToWorker) => {
    if (worker.isConnected()) worker.send(message, () => undefined);
  };
  /** Messages held back until the worker's first one: a starting worker is asked nothing, so it is a stop at most. */
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
    // Without a pid the worker could not be started; otherwise its `exit` event follows.
    if (worker.process.pid === undefined) end(null, error.message);
  });
  return {
    pid: worker.process.pid ?? 0,
    send: (message) => {
      if (held === undefined) pass(message);
      else held.push(message);
    },
    hangUp: () => worker.process.kill('SIGHUP'),
    kill: () => worker.process.kill('SIGKILL'),
  };
}

/** What node:cluster sends a worker with a connection, and what the worker answers once it has taken or refused it. */
interface DealtConnection {
  readonly cmd?: string;
  readonly act?: string;
  readonly seq?: number;
}
interface ConnectionTaken {
  readonly cmd?: string;
  readonly ack?: number;
}

/**
 * Ends the connections that were dealt to a worker which died before it took them. node:cluster closes its side of a
 * connection when the worker has answered, and waits for that answer for ever: the connection stayed open in the
 * primary, with nobody to serve it, and its client hung (21 workers killed under 24 clients left 19 of them so). The
 * messages are Node's own, and the same from Node 20 to 24; workers.test.ts kills workers for the day they are not.
 */
function closeUntaken(worker: ChildProcess): void {
  const untaken = new Map<number, { close(): void }>();
  const send = worker.send.bind(worker) as (...words: unknown[]) => boolean;
  worker.send = (...words: unknown[]) => {
    const [{ cmd, act, seq }, handle] = words as [DealtConnection, { close(): void }?];
    const isDealt = cmd === 'NODE_CLUSTER' && act === 'newconn' && seq !== undefined;
    if (isDealt && handle !== undefined) untaken.set(seq, handle);
    return send(...words);
  };
  worker.on('internalMessage', ({ cmd, ack }: ConnectionTaken) => {
    if (cmd === 'NODE_CLUSTER' && ack !== undefined) untaken.delete(ack);
  });
  // Once the process has ended and its channel is read out: a connection that it refused before is dealt to another worker.
  // Neither `exit` nor `disconnect` says both: the first may come before the end of the channel where several processes
  // end at once, and then the second never comes while a connection is on its way.
  worker.once('close', () => {
    for (const handle of untaken.values()) handle.close();
    untaken.clear();
  });
}

export type Demand = Extract<ToWorker, { kind: 'listen' | 'retire' | 'refuse' | 'drain' }>;

/** The primary, as a worker sees it. */
export class Primary implements WorkerGroup {
  readonly worker: number;
  readonly waits: boolean;
  readonly #tells = new Map<Topic, () => unknown>();
  readonly #gathering = new Map<number, (told: readonly WorkerAnswer[]) => void>();
  #nextId = 1;
  /** Demands that came while the role was still being loaded. */
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
    // If the primary is gone, this process is about to end as well.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }

  answer(topic: Topic, tell: () => unknown): void {
    this.#tells.set(topic, tell);
  }

  /** What this worker itself answers on the topic. */
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

/** @returns undefined in the primary */
export function openPrimary(): Primary | undefined {
  if (cluster.isPrimary) return undefined;
  return new Primary(
    Number(process.env[WORKER_VARIABLE]),
    (process.env[WAITS_VARIABLE] ?? '') !== '',
  );
}
