// The fill, which YCSB calls the load phase: sets every record once, as fast as the connections allow. A failed set is
// tried again. The fill ends early when no record was stored for one request timeout, or when an error makes retries
// useless.

import { ERRORS } from '../cluster/http/errors.ts';
import type { Clock, Timers } from '../cluster/ports.ts';
import type { LoadConnection } from './load-connection.ts';
import type { Operations } from './operations.ts';
import { addTo, sorted } from './recorder.ts';
import type { FillResult } from './result.ts';

/** The rest of a connection after a refused set. */
const REFUSED_REST_MS = 100;
const SWEEP_MS_MAX = 100;

export interface FillOptions {
  readonly records: number;
  readonly timeoutMs: number;
}

export class Fill {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #connections: readonly LoadConnection[];
  readonly #operations: Operations;
  readonly #options: FillOptions;
  readonly #done: (result: FillResult) => void;
  readonly #startMs: number;
  readonly #again: number[] = [];
  readonly #errors = new Map<string, number>();
  #next = 0;
  #stored = 0;
  #lastStoredMs: number;
  #lastSweepMs: number;
  #over = false;

  constructor(
    { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
    connections: readonly LoadConnection[],
    operations: Operations,
    options: FillOptions,
    done: (result: FillResult) => void,
  ) {
    this.#clock = clock;
    this.#timers = timers;
    this.#connections = connections;
    this.#operations = operations;
    this.#options = options;
    this.#done = done;
    this.#startMs = clock.monotonicMs();
    this.#lastStoredMs = this.#startMs;
    this.#lastSweepMs = this.#startMs;
  }

  get stored(): number {
    return this.#stored;
  }

  start(): void {
    for (const connection of this.#connections) this.#go(connection);
    this.#sweep();
  }

  end(problem: string | null): void {
    if (this.#over) return;
    this.#over = true;
    for (const connection of this.#connections) if (connection.isBusy) connection.close();
    const seconds = Math.round(this.#clock.monotonicMs() - this.#startMs) / 1000;
    this.#done({ stored: this.#stored, seconds, errors: sorted(this.#errors), problem });
  }

  #go(connection: LoadConnection): void {
    if (this.#over || connection.isBusy) return;
    const record = this.#again.pop() ?? this.#fresh();
    if (record === undefined) return;
    this.#operations.set(connection, record, (ending) => {
      if (ending.kind === 'done') {
        this.#stored++;
        this.#lastStoredMs = this.#clock.monotonicMs();
        if (this.#stored === this.#options.records) this.end(null);
        else this.#go(connection);
        return;
      }
      const { error } = ending;
      addTo(this.#errors, error);
      if (!mayHelpAgain(error)) return this.end(`a set was refused: ${error}`);
      this.#again.push(record);
      this.#timers.after(Math.max(REFUSED_REST_MS, connection.restMs), () => this.#go(connection));
    });
  }

  #fresh(): number | undefined {
    return this.#next < this.#options.records ? this.#next++ : undefined;
  }

  #sweep(): void {
    if (this.#over) return;
    const { timeoutMs } = this.#options;
    // Expire by the time of the last sweep: an answer that arrived while this process was held up is read first.
    for (const connection of this.#connections) connection.expire(this.#lastSweepMs - timeoutMs);
    if (this.#lastSweepMs - this.#lastStoredMs > timeoutMs) {
      return this.end(`no record could be stored for ${timeoutMs / 1000} s`);
    }
    this.#lastSweepMs = this.#clock.monotonicMs();
    // Connections that ran out of records take those that others failed to store.
    if (this.#again.length > 0) {
      for (const connection of this.#connections) if (connection.restMs === 0) this.#go(connection);
    }
    this.#timers.after(Math.min(SWEEP_MS_MAX, timeoutMs / 4), () => this.#sweep());
  }
}

/**
 * @param error an error as the recorder names it: a word, or a status and perhaps a code
 * @returns whether another attempt may succeed
 */
function mayHelpAgain(error: string): boolean {
  const [status = '', code = ''] = error.split(' ');
  if (!/^\d/.test(status)) return true;
  return code in ERRORS ? ERRORS[code as keyof typeof ERRORS].retryable : Number(status) >= 500;
}
