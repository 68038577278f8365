// Sets of one key that come while one of it is on its way from this frontend (H41): which of them goes next,
// which are overtaken, and how much may wait. Pure; sending and answering is writer.ts's.
//
// Why an overtaken set may be acknowledged with the newer one: it takes effect just before it. The newer one
// began after it and is on all members before either is answered, so that this instant is inside the time of
// both; nobody can have read what was there for no time; and a set that was acknowledged before it began has
// lost to the newer one, so it has lost to both.

import { WAITING_SETS_BYTES_MAX, WAITING_SETS_MAX } from '../cluster/limits.ts';
import type { PendingSet } from './write.ts';

export interface WaitingSet extends PendingSet {
  readonly bytes: number;
  readonly queue: KeyQueue;
  /** Beside it in the order of arrival, of whatever key. */
  older: WaitingSet | undefined;
  newer: WaitingSet | undefined;
}

/** What waits behind the set of one key that is on its way. */
export class KeyQueue {
  /** By the set on its way, the oldest first. They are kept in case it is refused. */
  #overtaken: WaitingSet[] = [];
  /** Came after it was sent, the oldest first. */
  #later: WaitingSet[] = [];

  get overtaken(): number {
    return this.#overtaken.length;
  }

  add(set: WaitingSet): void {
    this.#later.push(set);
  }

  /**
   * The set on its way has ended. The newest is sent next and overtakes all others: also those that wait
   * because one in between, which had overtaken them, was not stored. When nothing newer came, it is one of these.
   */
  next(): WaitingSet | undefined {
    const next = this.#later.pop() ?? this.#overtaken.pop();
    this.#overtaken =
      this.#overtaken.length === 0 ? this.#later : this.#overtaken.concat(this.#later);
    this.#later = [];
    return next;
  }

  /** The set on its way is stored. @returns whom it had overtaken, the oldest first */
  takeOvertaken(): readonly WaitingSet[] {
    const taken = this.#overtaken;
    this.#overtaken = [];
    return taken;
  }

  removeOldest(): void {
    if (this.#overtaken.shift() === undefined) this.#later.shift();
  }
}

/** All that wait in this frontend, of any key, in the order in which they came; and their bound. */
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

  add(set: WaitingSet): void {
    set.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = set;
    else this.#newest.newer = set;
    this.#newest = set;
    this.#count++;
    this.#bytes += set.bytes;
  }

  /** @param set that waits */
  delete(set: WaitingSet): void {
    const { older, newer } = set;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // What is over must not hold what is not (key-table.ts).
    set.older = undefined;
    set.newer = undefined;
    this.#count--;
    this.#bytes -= set.bytes;
  }
}
