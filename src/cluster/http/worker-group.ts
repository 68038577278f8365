// The messages between the workers of a frontend, several processes that share one address and appear as one, and the
// primary process that starts them. All run the same program, so the messages' shapes are not checked. The processes
// themselves are in io/process/workers.ts and commands/workers.ts.

/** The environment variable with a worker's number, which only the primary sets. */
export const WORKER_VARIABLE = 'VELOUR_WORKER';

/** A subject on which each worker knows a part of the whole answer. */
export type Topic = 'metrics' | 'checks' | 'hot-keys';

export interface WorkerAnswer {
  readonly worker: number;
  /** Undefined when the worker did not answer in time. */
  readonly answer: unknown;
}

/** The port through which a role reaches the other workers at its address. */
export interface WorkerGroup {
  /** This worker's number, from 1; a worker that replaces another one gets its number. */
  readonly worker: number;
  /** Registers this worker's answer on a topic; called before `start`. */
  answer(topic: Topic, tell: () => unknown): void;
  /** Asks all workers that take connections, this one included. @param callback called in bounded time, always */
  gather(topic: Topic, callback: (told: readonly WorkerAnswer[]) => void): void;
}

export type ToWorker =
  /** Take connections, even if not ready. */
  | { readonly kind: 'listen' }
  /** Report not ready from now on, but go on serving. */
  | { readonly kind: 'retire' }
  /** Take no more connections. */
  | { readonly kind: 'refuse' }
  | { readonly kind: 'drain'; readonly wholeCluster: boolean }
  | { readonly kind: 'tell'; readonly id: number; readonly topic: Topic }
  | { readonly kind: 'gathered'; readonly id: number; readonly told: readonly WorkerAnswer[] };

export type FromWorker =
  /** The worker takes connections, at all addresses of the frontend. */
  | { readonly kind: 'listens' }
  | { readonly kind: 'refuses' }
  | { readonly kind: 'tells'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'gather'; readonly id: number; readonly topic: Topic };
