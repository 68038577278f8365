// Sets of one key that come while one of it is on its way from this frontend (H41): which of them goes next,
// which are coalesced, and how much may wait. Sending and answering is writer.ts's.
//
// Why an coalesced set may be acknowledged with the newer one: it takes effect just before it. The newer one
// began after it and is on all members before either is answered, so that this instant is inside the time of
// both; nobody can have read what was there for no time; and a set that was acknowledged before it began has
// lost to the newer one, so it has lost to both.

import { assert } from '../../../cluster/assert.ts';
import { WAITING_SETS_BYTES_MAX, WAITING_SETS_MAX } from '../../../cluster/model/limits.ts';
import type { WriteCallback, WriteRequest } from './decision.ts';
import { PendingSet } from './pending-set.ts';

/** A set that waits, or has waited. Only WaitingSets changes it. */
export class WaitingSet extends PendingSet {
  readonly bytes: number;
  /** Of its key. Invariant: undefined exactly while it is neither in a queue nor beside others. */
  queue: KeyQueue | undefined;
  /** Beside it in the order of arrival, of whatever key. */
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

/** What waits behind the set of one key that is on its way. Only WaitingSets changes it. */
export class KeyQueue {
  /** The oldest first. */
  readonly sets: WaitingSet[] = [];
  /** So many of them, the oldest, are coalesced by the set on its way. They are kept in case it is refused. */
  coalesced = 0;
}

const NONE: readonly WaitingSet[] = [];

/**
 * All that wait in this frontend: each in the queue of its key and, beside those of all other keys, in the order in
 * which they came, which is that of their deadlines. A set enters both by one call and leaves both by one call, so
 * that whoever took it from here is the only one who can answer it.
 */
export class WaitingSets {
  /** The one whose deadline comes first. */
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

  /** A single one may be longer than all together. */
  get isTooMuch(): boolean {
    const isTooLong = this.#bytes > WAITING_SETS_BYTES_MAX && this.#count > 1;
    return isTooLong || this.#count > WAITING_SETS_MAX;
  }

  add(set: WaitingSet, queue: KeyQueue): void {
    assert(set.queue === undefined, 'a set waits in one queue');
    set.queue = queue;
    queue.sets.push(set);
    set.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = set;
    else this.#newest.newer = set;
    this.#newest = set;
    this.#count++;
    this.#bytes += set.bytes;
  }

  /**
   * The set on its way has ended. The newest is sent next and coalesces all others: also those that wait
   * because one in between, which had coalesced them, was not stored. When nothing newer came, it is one of these.
   */
  takeNext(queue: KeyQueue): WaitingSet | undefined {
    const next = queue.sets.pop();
    queue.coalesced = queue.sets.length;
    if (next !== undefined) this.#left(next, queue);
    return next;
  }

  /** The set on its way is stored. @returns whom it had coalesced, the oldest first */
  takeCoalesced(queue: KeyQueue): readonly WaitingSet[] {
    if (queue.coalesced === 0) return NONE;
    const taken = queue.sets.splice(0, queue.coalesced);
    queue.coalesced = 0;
    for (const set of taken) this.#left(set, queue);
    return taken;
  }

  /** Of all keys. */
  takeOldest(): WaitingSet | undefined {
    const oldest = this.#oldest;
    const queue = oldest?.queue;
    if (oldest === undefined || queue === undefined) return undefined;
    assert(queue.sets.shift() === oldest, 'the oldest of all is the oldest of its key');
    if (queue.coalesced > 0) queue.coalesced--;
    this.#left(oldest, queue);
    return oldest;
  }

  /** @param queue that it was taken from just now */
  #left(set: WaitingSet, queue: KeyQueue): void {
    assert(set.queue === queue, 'a set leaves the queue that it waits in, once');
    const { older, newer } = set;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // What is over must not hold what is not (key-table.ts).
    set.queue = undefined;
    set.older = undefined;
    set.newer = undefined;
    this.#count--;
    this.#bytes -= set.bytes;
  }
}
