// The callbacks that wait until the entries appended before them are durable, called in the order in which they came.
// When entries are durable is decided in log.ts.

interface LogWaiter {
  /** How many entries, counted from the log's opening, must be durable. */
  readonly entries: number;
  readonly callback: () => void;
  readonly failed: ((failure: string) => void) | undefined;
}

export class LogWaiters {
  readonly #waiters: LogWaiter[] = [];

  /**
   * @param failed if given, called instead of `callback` as soon as the log cannot be written; without it the waiter
   *   stays
   */
  add(entries: number, callback: () => void, failed?: (failure: string) => void): void {
    this.#waiters.push({ entries, callback, failed });
  }

  /** Calls everyone who waits for no more than this number of durable entries. */
  answer(down: number): void {
    const waiting = this.#waiters.findIndex(({ entries }) => entries > down);
    const answered = this.#waiters.splice(0, waiting < 0 ? this.#waiters.length : waiting);
    for (const { callback } of answered) callback();
  }

  refuse(failure: string): void {
    const waiting = this.#waiters.splice(0);
    this.#waiters.push(...waiting.filter(({ failed }) => failed === undefined));
    for (const { failed } of waiting) failed?.(failure);
  }

  clear(): void {
    this.#waiters.length = 0;
  }
}
