// How many items of all batches of a frontend may be under way. Beyond it more of them at a time bring no more answers a
// second: each only takes longer, and what they hold in memory meanwhile is copied by the garbage collector again and
// again, which made a key cost a third more with 64 clients than with 16. Batches that find no room wait in turn.

import { BATCH_ITEMS_TOGETHER_MAX } from '../../../cluster/model/limits.ts';
import { QueueByNumber } from '../../../cluster/queue-by-number.ts';

/** Whose turn it is gets as much room, so that a batch of a hundred is not cut in two. */
const ITEMS_A_TURN = 128;

export class BatchRoom {
  #left: number;
  readonly #waiting = new QueueByNumber<() => void>();
  #isCalling = false;

  constructor(items = BATCH_ITEMS_TOGETHER_MAX) {
    this.#left = items;
  }

  /** Whether an item may be begun now. Nobody overtakes those that wait but by what is left over. */
  get isFree(): boolean {
    return this.#left > 0 && (this.#isCalling || this.#waiting.size === 0);
  }

  take(): void {
    this.#left--;
  }

  /** @param callback called once, when it is the caller's turn */
  wait(callback: () => void): void {
    this.#waiting.add(callback);
  }

  give(): void {
    this.#left++;
    // A loop instead of recursion: who is called may give back at once.
    if (this.#isCalling || this.#left < ITEMS_A_TURN) return;
    this.#isCalling = true;
    while (this.#left >= ITEMS_A_TURN && this.#waiting.size > 0) this.#waiting.shift()?.();
    this.#isCalling = false;
  }
}
