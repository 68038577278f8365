// Takes sets and deletes, and keeps at most one of each key in flight: those that come meanwhile wait, and then the
// newest of them is sent for all (H41). Which one is next is in coalescing.ts, the sending in round.ts.

import type { Version } from '../../../cluster/model/version.ts';
import type { Cancel } from '../../../cluster/ports.ts';
import { hashOf } from '../../key-hash.ts';
import { KeyTable } from '../../key-table.ts';
import type { OperationContext } from '../operation-context.ts';
import { KeyQueue, WaitingSet, WaitingSets } from './coalescing.ts';
import type { WriteCallback, WriteOutcome, WriteRequest } from './decision.ts';
import { PendingSet } from './pending-set.ts';
import { lastRoundMs, SetOperation } from './round.ts';

type StoredOutcome = Extract<WriteOutcome, { kind: 'stored' }>;

/** Any seed will do: keys with equal hashes merely share a slot. */
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

export class Writer {
  readonly #context: OperationContext;
  /** The set in flight of each key, until its client is answered; background rounds hold up no other set (D9). */
  readonly #onTheirWay = new KeyTable<SetOperation>();
  readonly #waiting = new WaitingSets();
  #coalesced = 0;
  /** When the timer of the waiting sets is due, by the monotonic clock; infinite without one. */
  #watchesAtMs = Number.POSITIVE_INFINITY;
  #cancelWatch: Cancel = () => undefined;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /** How many sets were acknowledged without being sent themselves. */
  get coalesced(): number {
    return this.#coalesced;
  }

  /** How many sets are not sent yet, or coalesced and not answered yet. */
  get waiting(): number {
    return this.#waiting.count;
  }

  /**
   * @param callback is called exactly once
   * @param arrivedMs by the monotonic clock; the deadline counts from here
   */
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
      // The coalesced sets are stored too: take them before `#refuseLate` can refuse one that is past its deadline.
      const coalesced = this.#waiting.takeCoalesced(queue);
      // Send the next set before writing the answers, so that its round trip starts at once.
      this.#sendNext(operation, queue);
      // The coalesced sets count as taking effect before this one, so what the newest of them left was there.
      const before = coalesced.at(-1)?.request;
      set.answer(before === undefined ? outcome : { ...outcome, created: before.tombstone });
      this.#answerCoalesced(coalesced, outcome);
    } else {
      // Send the next set in a new turn: it may fail before it is sent, as may all that follow, in ever deeper calls.
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

  /** @param sent what became of the set that coalesced them; it reserved one version below its own for each of them */
  #answerCoalesced(coalesced: readonly WaitingSet[], sent: StoredOutcome): void {
    let { created } = sent;
    for (const [index, set] of coalesced.entries()) {
      this.#coalesced++;
      const own = sent.version - BigInt(coalesced.length - index);
      set.answer({ kind: 'stored', version: own as Version, created, record: undefined });
      created = set.request.tombstone;
    }
  }

  #refuseOldest(outcome: WriteOutcome): void {
    this.#waiting.takeOldest()?.answer(outcome);
  }

  /** Refuses waiting sets that could no longer be stored in time; nothing of them was sent to any member. */
  #refuseLate(): void {
    while (this.#msLeft() <= 0) this.#refuseOldest(TOO_LATE);
  }

  /** Keeps one timer for all waiting sets. It is set anew only where a set comes that is due before all others. */
  #watch(): void {
    const { runtime, times } = this.#context;
    const afterMs = Math.max(this.#msLeft(), times.sweepMs);
    const atMs = runtime.clock.monotonicMs() + afterMs;
    if (atMs >= this.#watchesAtMs) return;
    this.#cancelWatch();
    this.#watchesAtMs = atMs;
    this.#cancelWatch = runtime.timers.after(afterMs, () => {
      this.#watchesAtMs = Number.POSITIVE_INFINITY;
      this.#refuseLate();
      this.#watch();
    });
  }

  /** Time until the oldest waiting set can no longer be stored in time; infinite when none waits. */
  #msLeft(): number {
    const { oldest } = this.#waiting;
    if (oldest === undefined) return Number.POSITIVE_INFINITY;
    const { runtime, times } = this.#context;
    return oldest.arrivedMs + lastRoundMs(times) - runtime.clock.monotonicMs();
  }
}
