// Takes sets and deletes: one of a key is on its way at a time, those that come meanwhile wait, and then the
// newest of them is sent for all (H41). Who is next is coalescing.ts's, the sending round.ts's.

import type { Version } from '../../../cluster/model/version.ts';
import { hashOf } from '../../key-hash.ts';
import { KeyTable } from '../../key-table.ts';
import type { OperationContext } from '../operation-context.ts';
import { KeyQueue, WaitingSet, WaitingSets } from './coalescing.ts';
import type { WriteCallback, WriteOutcome, WriteRequest } from './decision.ts';
import { PendingSet } from './pending-set.ts';
import { lastRoundMs, SetOperation } from './round.ts';

/** Any will do: keys that collide only share a slot. */
const HASH_SEED = 0;

const TOO_LATE: WriteOutcome = {
  kind: 'not-stored',
  code: 'not-stored',
  detail: 'an earlier set of this key took all of its time',
};
const TOO_MANY: WriteOutcome = {
  kind: 'not-stored',
  code: 'overloaded',
  detail: 'too many sets wait for earlier ones of their keys',
};

/** H41: while a set of a key is on its way from here, those that come wait; then the newest of them is sent. */
export class Writer {
  readonly #context: OperationContext;
  /** By key: on its way until its caller is answered. What goes on in the background holds up nobody (D9). */
  readonly #onTheirWay = new KeyTable<SetOperation>();
  readonly #waiting = new WaitingSets();
  #coalesced = 0;
  #watching = false;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /** How many were acknowledged and never sent. */
  get coalesced(): number {
    return this.#coalesced;
  }

  /** How many are not sent yet, or coalesced and not answered yet. */
  get waiting(): number {
    return this.#waiting.count;
  }

  /** @param arrivedMs by the monotonic clock: its deadline counts from here */
  set(
    request: WriteRequest,
    callback: WriteCallback,
    arrivedMs = this.#context.runtime.clock.monotonicMs(),
  ): void {
    this.#context.hotKeys?.noteSet(request.key, request.value);
    const hash = hashOf(request.key, HASH_SEED);
    const ahead = this.#onTheirWay.get(request.key, hash);
    if (ahead === undefined) {
      this.#send(hash, new PendingSet(request, callback, arrivedMs), undefined);
    } else this.#wait(ahead, new WaitingSet(request, callback, arrivedMs));
  }

  #send(hash: number, set: PendingSet, queue: KeyQueue | undefined): void {
    const operation = new SetOperation(this.#context, hash, set, queue, this.#ended);
    this.#onTheirWay.add(operation);
    operation.round();
  }

  #wait(ahead: SetOperation, set: WaitingSet): void {
    ahead.queue ??= new KeyQueue();
    this.#waiting.add(set, ahead.queue);
    while (this.#waiting.isTooMuch) this.#refuseOldest(TOO_MANY);
    this.#watch();
  }

  readonly #ended = (operation: SetOperation, outcome: WriteOutcome): void => {
    const { queue, set } = operation;
    if (queue === undefined) {
      this.#onTheirWay.delete(operation);
      set.answer(outcome);
    } else if (outcome.kind === 'stored') {
      // They are stored with it: from here on nothing can refuse them, however late it is.
      const coalesced = this.#waiting.takeCoalesced(queue);
      // The next one leaves before the answers are written.
      this.#sendNext(operation, queue);
      set.answer(outcome);
      this.#answerCoalesced(coalesced, outcome.version);
    } else {
      // Later, because the next one can be refused before it has left, and so can all others after it.
      this.#context.runtime.timers.after(0, () => this.#sendNext(operation, queue));
      set.answer(outcome);
    }
  };

  #sendNext(before: SetOperation, queue: KeyQueue): void {
    this.#refuseLate();
    this.#onTheirWay.delete(before);
    const next = this.#waiting.takeNext(queue);
    if (next !== undefined) this.#send(before.hash, next, queue);
  }

  /** @param version of the set that coalesced them, which took one for each of them as well */
  #answerCoalesced(coalesced: readonly WaitingSet[], version: Version): void {
    for (const [index, set] of coalesced.entries()) {
      this.#coalesced++;
      const own = version - BigInt(coalesced.length - index);
      set.answer({ kind: 'stored', version: own as Version });
    }
  }

  #refuseOldest(outcome: WriteOutcome): void {
    this.#waiting.takeOldest()?.answer(outcome);
  }

  /** Who could not be stored in time any more is never sent; nothing of it is anywhere. */
  #refuseLate(): void {
    while (this.#msLeft() <= 0) this.#refuseOldest(TOO_LATE);
  }

  /** One timer for all that wait. */
  #watch(): void {
    const msLeft = this.#msLeft();
    if (this.#watching || msLeft === Number.POSITIVE_INFINITY) return;
    const { runtime, times } = this.#context;
    this.#watching = true;
    runtime.timers.after(Math.max(msLeft, times.sweepMs), () => {
      this.#watching = false;
      this.#refuseLate();
      this.#watch();
    });
  }

  /** Until the oldest that waits can no longer be stored in time; infinite when nobody waits. */
  #msLeft(): number {
    const { oldest } = this.#waiting;
    if (oldest === undefined) return Number.POSITIVE_INFINITY;
    const { runtime, times } = this.#context;
    return oldest.arrivedMs + lastRoundMs(times) - runtime.clock.monotonicMs();
  }
}
