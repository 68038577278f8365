// Workers: processes that are one frontend to everybody outside, at one address. What they say to each other,
// and to the primary process that started them. All are of one program, so nothing of it is checked.

/** Says a worker its number: set by the primary, and by nobody else. */
export const WORKER_VARIABLE = 'VELOUR_WORKER';

/** What each of them knows a part of, and who asks wants all of. */
export type Topic = 'metrics' | 'checks' | 'hot-keys';

export interface WorkerAnswer {
  readonly worker: number;
  /** Undefined: it said nothing in time. */
  readonly answer: unknown;
}

/** The port of a role that shares its address with others of its kind. */
export interface WorkerGroup {
  /** From 1; the one that is started in place of another has its number. */
  readonly worker: number;
  /** What this one tells whoever gathers; before `start`. */
  answer(topic: Topic, tell: () => unknown): void;
  /** Asks all who take connections, this one too; in bounded time, however they are. */
  gather(topic: Topic, callback: (told: readonly WorkerAnswer[]) => void): void;
}

export type ToWorker =
  /** Take connections, ready or not. */
  | { readonly kind: 'listen' }
  /** Not ready any more; go on as before. */
  | { readonly kind: 'retire' }
  /** Take no more of them. */
  | { readonly kind: 'refuse' }
  | { readonly kind: 'drain'; readonly wholeCluster: boolean }
  | { readonly kind: 'tell'; readonly id: number; readonly topic: Topic }
  | { readonly kind: 'gathered'; readonly id: number; readonly told: readonly WorkerAnswer[] };

export type FromWorker =
  /** It takes connections, at all addresses of the frontend. */
  | { readonly kind: 'listens' }
  | { readonly kind: 'refuses' }
  | { readonly kind: 'tells'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'gather'; readonly id: number; readonly topic: Topic };
