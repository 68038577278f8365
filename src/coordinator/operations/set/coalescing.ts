// The queue of sets that arrive while an earlier set of the same key is in flight from this frontend (H41): which one
// goes next, which are coalesced, and how much may wait. Sending and answering is in writer.ts.
//
// Why a coalesced set may be acknowledged together with the newer one: it counts as taking effect just before the
// newer one. The newer one began after it and is on all members before either is answered, so that instant lies within
// both. Nobody can have read a value that was there for no time. And a set that was acknowledged before the coalesced
// one began has lost to the newer one, so it has lost to both.

import { assert } from '../../../cluster/assert.ts';
import { WAITING_SETS_BYTES_MAX, WAITING_SETS_MAX } from '../../../cluster/model/limits.ts';
import type { WriteCallback, WriteRequest } from './decision.ts';
import { PendingSet } from './pending-set.ts';

/** A set that waits, or has waited. Only WaitingSets changes it. */
export class WaitingSet extends PendingSet {
  readonly bytes: number;
  /**
   * The queue of its key. Invariant: undefined exactly while it is neither in a queue nor in the list over all keys.
   */
  queue: KeyQueue | undefined;
  /** Neighbours in the order of deadlines over all keys. */
  older: WaitingSet | undefined;
  newer: WaitingSet | undefined;

  constructor(request: WriteRequest, callback: WriteCallback, arrivedMs: number) {
    super(request, callback, arrivedMs);
    this.bytes = request.key.length + request.value.length;
    this.queue = undefined;
    this.older = undefined;
    this.newer = undefined;
  }
}

/** The sets that wait behind the set in flight of one key. Only WaitingSets changes it. */
export class KeyQueue {
  /** In the order in which they came to wait. */
  readonly sets: WaitingSet[] = [];
  /** How many of the first waiting sets the set in flight supersedes; they stay queued in case it is refused. */
  coalesced = 0;
}

const NONE: readonly WaitingSet[] = [];

/**
 * All sets that wait in this frontend. Each is in the queue of its key, in the order in which they came to wait, and in
 * one list over all keys, in the order of arrival, which is the order of deadlines. The two orders differ where a set
 * with a ttl had to wait for the time of the cluster before it came here (H31). A set enters both by one call and
 * leaves both by one call, so only the code that took it out can answer it.
 */
export class WaitingSets {
  /** Its deadline is the earliest of all. */
  #oldest: WaitingSet | undefined;
  #newest: WaitingSet | undefined;
  #count = 0;
  #bytes = 0;

  get oldest(): WaitingSet | undefined {
    return this.#oldest;
  }

  get count(): number {
    return this.#count;
  }

  /** True beyond a bound on number or bytes; a single set may exceed the bound on bytes. */
  get isTooMuch(): boolean {
    const isTooLong = this.#bytes > WAITING_SETS_BYTES_MAX && this.#count > 1;
    return isTooLong || this.#count > WAITING_SETS_MAX;
  }

  add(set: WaitingSet, queue: KeyQueue): void {
    assert(set.queue === undefined, 'a set waits in one queue');
    set.queue = queue;
    queue.sets.push(set);
    let older = this.#newest;
    while (older !== undefined && older.arrivedMs > set.arrivedMs) older = older.older;
    const newer = older === undefined ? this.#oldest : older.newer;
    set.older = older;
    set.newer = newer;
    if (older === undefined) this.#oldest = set;
    else older.newer = set;
    if (newer === undefined) this.#newest = set;
    else newer.older = set;
    this.#count++;
    this.#bytes += set.bytes;
  }

  /**
   * Call when the set in flight has ended: takes the last set that came to wait, to be sent next, which coalesces all others
   * of its key. Those include sets that an earlier one had coalesced before it was refused; if nothing newer came,
   * the one taken is one of them.
   */
  takeNext(queue: KeyQueue): WaitingSet | undefined {
    const next = queue.sets.pop();
    queue.coalesced = queue.sets.length;
    if (next !== undefined) this.#left(next, queue);
    return next;
  }

  /** Call when the set in flight is stored. @returns the sets that it had coalesced, in the order of the queue */
  takeCoalesced(queue: KeyQueue): readonly WaitingSet[] {
    if (queue.coalesced === 0) return NONE;
    const taken = queue.sets.splice(0, queue.coalesced);
    queue.coalesced = 0;
    for (const set of taken) this.#left(set, queue);
    return taken;
  }

  /** Takes the oldest set over all keys. */
  takeOldest(): WaitingSet | undefined {
    const oldest = this.#oldest;
    const queue = oldest?.queue;
    if (oldest === undefined || queue === undefined) return undefined;
    const index = queue.sets.indexOf(oldest);
    assert(index >= 0, 'a set that waits is in the queue of its key');
    queue.sets.splice(index, 1);
    if (index < queue.coalesced) queue.coalesced--;
    this.#left(oldest, queue);
    return oldest;
  }

  /** Unlinks a set. @param queue from which the set was removed just before */
  #left(set: WaitingSet, queue: KeyQueue): void {
    assert(set.queue === queue, 'a set leaves the queue that it waits in, once');
    const { older, newer } = set;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // Clear the links: a finished set must not keep others from being collected (key-table.ts).
    set.queue = undefined;
    set.older = undefined;
    set.newer = undefined;
    this.#count--;
    this.#bytes -= set.bytes;
  }
}
