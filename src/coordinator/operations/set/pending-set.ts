// A set or delete of one client, from its arrival to its answer. Where it is in between is decided in writer.ts.

import { assert } from '../../../cluster/assert.ts';
import type { WriteCallback, WriteOutcome, WriteRequest } from './decision.ts';

export class PendingSet {
  readonly request: WriteRequest;
  /** By the monotonic clock; the deadline counts from here. */
  readonly arrivedMs: number;
  /** Undefined once it was called. */
  #callback: WriteCallback | undefined;

  constructor(request: WriteRequest, callback: WriteCallback, arrivedMs: number) {
    this.request = request;
    this.#callback = callback;
    this.arrivedMs = arrivedMs;
  }

  /** Answers the client. The callback is dropped first, so a second answer fails the assertion and reaches nobody. */
  answer(outcome: WriteOutcome): void {
    const callback = this.#callback;
    assert(callback !== undefined, 'a set is answered once');
    this.#callback = undefined;
    callback(outcome);
  }
}
