// Carries requests to brokers: a read goes to the next one where one fails before it answers, a write to one that is known to
// be well, once. What is asked, and what becomes of an answer, is velour-files.ts's.

import type { KnownFrontend, KnownFrontends } from '../client/frontends.ts';
import type { PoolFlow, PoolHead, PoolRequest } from '../cluster/http/http-pool.ts';
import type { Cancel, Timers } from '../cluster/ports.ts';

/** A read whose answer does not begin for so long goes to the next broker. */
const BEGIN_MS = 5000;
/** A broker that says this, or a proxy before it, has done nothing of a read; another one may. */
const ELSEWHERE: readonly number[] = [502, 503, 504];

export interface PassageEvents {
  /** An answer begins. @returns what takes its pieces */
  answering(head: PoolHead, flow: PoolFlow): (piece: Buffer) => void;
  /** The answer is whole. */
  whole(): void;
  /** It breaks off, or there is none: `began` tells which. */
  failed(error: Error, began: boolean): void;
}

export class Passage {
  readonly #timers: Timers;
  readonly #request: PoolRequest;
  readonly #events: PassageEvents;
  readonly #candidates: readonly KnownFrontend[];
  #next = 0;
  #cancel: Cancel = () => undefined;
  #isOver = false;
  #error = new Error('no broker answers');

  constructor(
    { brokers, timers }: { readonly brokers: KnownFrontends; readonly timers: Timers },
    request: PoolRequest,
    events: PassageEvents,
  ) {
    this.#timers = timers;
    this.#request = request;
    this.#events = events;
    this.#candidates = brokers.inOrder();
  }

  begin(): this {
    this.#tryNext();
    return this;
  }

  /** Nobody waits for the answer any more. */
  giveUp(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #tryNext(): void {
    if (this.#isOver) return;
    const broker = this.#candidates[this.#next++];
    if (broker === undefined) {
      this.#isOver = true;
      return this.#events.failed(this.#error, false);
    }
    if (this.#isRead || broker.isWell) return this.#send(broker);
    // Its body can be sent once only, so it must not go to one that is away.
    return broker.probe((verdict) => (verdict === 'well' ? this.#send(broker) : this.#tryNext()));
  }

  get #isRead(): boolean {
    return this.#request.method === 'GET' || this.#request.method === 'HEAD';
  }

  #send(broker: KnownFrontend): void {
    if (this.#isOver) return;
    let began = false;
    let isElsewhere = false;
    const late = () => {
      cancelRequest();
      this.#notThere(broker, new Error(`${broker.url} does not answer`));
    };
    const cancelTimer = this.#isRead ? this.#timers.after(BEGIN_MS, late) : () => undefined;
    const cancelRequest = broker.send(this.#request, {
      answering: (head, flow) => {
        cancelTimer();
        isElsewhere =
          this.#isRead && ELSEWHERE.includes(head.status) && this.#next < this.#candidates.length;
        if (isElsewhere) return () => undefined;
        began = true;
        return this.#events.answering(head, flow);
      },
      ended: (outcome) => {
        cancelTimer();
        if (this.#isOver) return;
        if (isElsewhere) return this.#notThere(broker, new Error(`${broker.url} is not ready`));
        if (outcome.kind === 'broken') {
          if (!began && this.#isRead) return this.#notThere(broker, outcome.error);
          broker.failed();
          this.#isOver = true;
          return this.#events.failed(outcome.error, began);
        }
        broker.answered();
        this.#isOver = true;
        return this.#events.whole();
      },
    });
    this.#cancel = () => {
      cancelTimer();
      cancelRequest();
    };
  }

  #notThere(broker: KnownFrontend, error: Error): void {
    broker.failed();
    this.#error = error;
    this.#tryNext();
  }
}
