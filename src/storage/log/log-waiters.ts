// Who waits until what was appended to a log is down, in the order in which it was asked.

interface LogWaiter {
  /** The number of entries that must be down. */
  readonly entries: number;
  readonly callback: () => void;
  readonly failed: ((failure: string) => void) | undefined;
}

export class LogWaiters {
  readonly #waiters: LogWaiter[] = [];

  /** @param failed who gives it waits no longer than until the log cannot be written; all others wait on */
  add(entries: number, callback: () => void, failed?: (failure: string) => void): void {
    this.#waiters.push({ entries, callback, failed });
  }

  /** So many entries are down. */
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
