// A set or delete of one client, from its arrival to its answer. Where it is meanwhile is writer.ts's.

import { assert } from '../../../cluster/assert.ts';
import type { WriteCallback, WriteOutcome, WriteRequest } from './decision.ts';

export class PendingSet {
  readonly request: WriteRequest;
  /** Of the monotonic clock: its deadline counts from here. */
  readonly arrivedMs: number;
  /** Undefined once it was called. */
  #callback: WriteCallback | undefined;

  constructor(request: WriteRequest, callback: WriteCallback, arrivedMs: number) {
    this.request = request;
    this.#callback = callback;
    this.arrivedMs = arrivedMs;
  }

  /** Takes the callback, so that a second answer is a bug that is seen at once and reaches nobody. */
  answer(outcome: WriteOutcome): void {
    const callback = this.#callback;
    assert(callback !== undefined, 'a set is answered once');
    this.#callback = undefined;
    callback(outcome);
  }
}
