// Operations for which a full cache must evict more records than one turn of the event loop may (H40). The oldest is tried
// again in each turn, which evicts some more, so that heartbeats are sent and gets are answered meanwhile.

import type { Timers } from '../cluster/ports.ts';

/** What waits here is held in memory beside that of the records; a longer value alone may wait. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

interface WaitingOperation {
  readonly bytes: number;
  /** Returns whether the operation was answered. */
  readonly attempt: () => boolean;
}

export class RoomQueue {
  readonly #timers: Timers;
  readonly #waiting: WaitingOperation[] = [];
  #waitingBytes = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /**
   * @param attempt called in turns of its own until it returns true
   * @returns false when too much waits already
   */
  add(bytes: number, attempt: () => boolean): boolean {
    if (!this.isEmpty && this.#waitingBytes + bytes > WAITING_BYTES_MAX) return false;
    this.#waiting.push({ bytes, attempt });
    this.#waitingBytes += bytes;
    if (this.#waiting.length === 1) this.#tryLater();
    return true;
  }

  #tryLater(): void {
    this.#timers.after(0, () => {
      const [first] = this.#waiting;
      if (first?.attempt() === true) {
        this.#waiting.shift();
        this.#waitingBytes -= first.bytes;
      }
      if (!this.isEmpty) this.#tryLater();
    });
  }
}
