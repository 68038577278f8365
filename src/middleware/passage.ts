// Carries requests to brokers: a read goes to the next one where one fails before it answers, a write to one that is known to
// be well, once. None waits for ever for a broker. What is asked, and what becomes of an answer, is velour-files.ts's.

import type { KnownFrontend, KnownFrontends, ProbeVerdict } from '../client/frontends.ts';
import type { PoolAnswer, PoolFlow, PoolHead, PoolRequest } from '../cluster/http/http-pool.ts';
import type { Cancel, Timers } from '../cluster/ports.ts';
import { isNoBroker } from './broker-request.ts';
import { followed } from './request-body.ts';

/** A read whose answer does not begin for so long goes to the next broker. */
const BEGIN_MS = 5000;
/**
 * A broker that for so long takes nothing of a body, says nothing of one that it has, or sends nothing of an answer is frozen,
 * or cut off. It is many times what a broker needs to have a file made durable.
 */
export const STILL_MS = 60_000;
/** A broker that says this, or a proxy before it, has done nothing of a read; another one may. */
const ELSEWHERE: readonly number[] = [502, 503, 504];

/** Judges the answer of a probe: a write goes to nothing else than a broker. */
export function brokerVerdict(answer: PoolAnswer): ProbeVerdict {
  if (isNoBroker(answer)) return 'not-a-frontend';
  return answer.status === 200 ? 'well' : 'silent';
}

export function noBroker(url: string): string {
  return `${url} is no broker: name one, by its --broker-port`;
}

/** How far a request has come that fails. */
export type PassageStage =
  /** What is at the address of a broker is none, and was not sent it. */
  | 'no-broker'
  /** No broker had the whole of it, so that none has done it. */
  | 'unsent'
  /** A broker had it: nobody knows what became of it. */
  | 'sent'
  /** Its answer had begun. */
  | 'answered';

export interface PassageEvents {
  /**
   * An answer begins.
   * @param broker the URL of who gives it
   * @returns what takes its pieces
   */
  answering(head: PoolHead, flow: PoolFlow, broker: string): (piece: Buffer) => void;
  /** The answer is whole. */
  whole(): void;
  /** It breaks off, or there is none. */
  failed(error: Error, stage: PassageStage): void;
}

export class Passage {
  readonly #timers: Timers;
  readonly #request: PoolRequest;
  readonly #events: PassageEvents;
  readonly #candidates: readonly KnownFrontend[];
  #next = 0;
  #cancel: Cancel = () => undefined;
  #isOver = false;
  #error: Error;

  constructor(
    { brokers, timers }: { readonly brokers: KnownFrontends; readonly timers: Timers },
    request: PoolRequest,
    events: PassageEvents,
  ) {
    this.#timers = timers;
    this.#request = request;
    this.#events = events;
    this.#candidates = brokers.inOrder();
    const urls = this.#candidates.map(({ url }) => url);
    this.#error = new Error(`no broker answers: ${urls.join(', ')}`);
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
      return this.#events.failed(this.#error, 'unsent');
    }
    if (this.#isRead || broker.isWell) return this.#send(broker);
    // Its body can be sent once only, so it must not go to one that is away; and nothing is stored in what is no broker.
    return broker.probe((verdict) => {
      if (verdict === 'well') return this.#send(broker);
      if (verdict === 'silent' || this.#isOver) return this.#tryNext();
      this.#isOver = true;
      return this.#events.failed(new Error(noBroker(broker.url)), 'no-broker');
    });
  }

  get #isRead(): boolean {
    return this.#request.method === 'GET' || this.#request.method === 'HEAD';
  }

  #send(broker: KnownFrontend): void {
    if (this.#isOver) return;
    let stage: PassageStage = 'unsent';
    let isElsewhere = false;
    let isBegun = false;
    const broken = (error: Error) => {
      if (stage !== 'answered' && this.#isRead) return this.#notThere(broker, error);
      broker.failed();
      this.#isOver = true;
      return this.#events.failed(error, stage);
    };
    const turn = new BrokersTurn(this.#timers, () => {
      cancelRequest();
      if (this.#isOver) return undefined;
      if (isBegun || !broker.isFull) return broken(new Error(`${broker.url} does not answer`));
      // It waits for other clients of this application, and says nothing of the broker by that.
      this.#isOver = true;
      const why = `all connections to ${broker.url} are in use (connections)`;
      return this.#events.failed(new Error(why), 'unsent');
    });
    turn.begins(BEGIN_MS);
    const wholeSent = () => {
      if (stage === 'unsent') stage = 'sent';
      if (!this.#isRead) turn.begins();
    };
    const { body } = this.#request;
    const isStream = body !== undefined && !(body instanceof Uint8Array);
    const request = isStream
      ? { ...this.#request, body: followed(body, { turn, whole: wholeSent }) }
      : this.#request;
    const cancelRequest = broker.send(request, {
      sent: () => {
        isBegun = true;
        if (!this.#isRead) turn.ends();
        if (!isStream || body.length === 0) wholeSent();
      },
      answering: (head, flow) => {
        turn.begins();
        isElsewhere =
          this.#isRead && ELSEWHERE.includes(head.status) && this.#next < this.#candidates.length;
        if (isElsewhere) return () => undefined;
        stage = 'answered';
        const take = this.#events.answering(head, turn.over(flow), broker.url);
        return (piece) => {
          turn.begins();
          take(piece);
        };
      },
      ended: (outcome) => {
        turn.ends();
        if (this.#isOver) return;
        if (isElsewhere) return this.#notThere(broker, new Error(`${broker.url} is not ready`));
        if (outcome.kind === 'broken') {
          const { error } = outcome;
          return broken(new Error(`${broker.url}: ${error.message}`, { cause: error }));
        }
        if (isNoBroker(outcome)) broker.failed();
        else broker.answered();
        this.#isOver = true;
        return this.#events.whole();
      },
    });
    this.#cancel = () => {
      turn.ends();
      cancelRequest();
    };
  }

  #notThere(broker: KnownFrontend, error: Error): void {
    broker.failed();
    this.#error = error;
    this.#tryNext();
  }
}

/** The time in which it is the broker that must do something; it is not while a client is what all wait for. */
class BrokersTurn {
  readonly #timers: Timers;
  readonly #tooLong: () => void;
  #cancel: Cancel = () => undefined;

  constructor(timers: Timers, tooLong: () => void) {
    this.#timers = timers;
    this.#tooLong = tooLong;
  }

  /** Also where it has just done something, and has to go on. */
  begins(milliseconds = STILL_MS): void {
    this.#cancel();
    this.#cancel = this.#timers.after(milliseconds, this.#tooLong);
  }

  ends(): void {
    this.#cancel();
  }

  /** @returns the flow of an answer: what its client does not take is not to come from the broker */
  over(flow: PoolFlow): PoolFlow {
    return {
      pause: () => {
        this.ends();
        flow.pause();
      },
      resume: () => {
        this.begins();
        flow.resume();
      },
    };
  }
}
