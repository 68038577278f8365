// One connection of the generator: one request at a time, each with a deadline. After a failure it rests, so that a
// frontend that is gone is not asked in a busy loop.

import type { ExchangeOutcome, ExchangeRequest, Exchanges } from '../cluster/http/exchange.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Clock } from '../cluster/ports.ts';

/** The first rest after a failure; doubled with each further failure in a row. */
const REST_MS_FIRST = 20;
const REST_MS_MAX = 1000;

export type ConnectionOutcome = ExchangeOutcome | { readonly kind: 'timeout' };

const TIMEOUT: ConnectionOutcome = { kind: 'timeout' };

export class LoadConnection {
  readonly address: Address;
  readonly #clock: Clock;
  readonly #exchanges: Exchanges;
  #sentMs = 0;
  #callback: ((outcome: ConnectionOutcome) => void) | undefined;
  #restMs = 0;

  constructor(clock: Clock, exchanges: Exchanges, address: Address) {
    this.#clock = clock;
    this.#exchanges = exchanges;
    this.address = address;
  }

  get isBusy(): boolean {
    return this.#callback !== undefined;
  }

  /** How long the caller must leave the connection alone after its last outcome, in ms; 0 after an answer. */
  get restMs(): number {
    return this.#restMs;
  }

  send(request: ExchangeRequest, callback: (outcome: ConnectionOutcome) => void): void {
    this.#sentMs = this.#clock.monotonicMs();
    this.#callback = callback;
    this.#exchanges.send(request, (outcome) => this.#end(outcome));
  }

  /** Gives up the request if it was sent before this monotonic time; its outcome is `timeout`. */
  expire(beforeMs: number): void {
    if (!this.isBusy || this.#sentMs >= beforeMs) return;
    this.#exchanges.giveUp();
    this.#end(TIMEOUT);
  }

  /** Gives up the request in flight without calling its callback. */
  close(): void {
    this.#callback = undefined;
    this.#exchanges.giveUp();
  }

  #end(outcome: ConnectionOutcome): void {
    const callback = this.#callback;
    this.#callback = undefined;
    this.#restMs =
      outcome.kind === 'answered'
        ? 0
        : Math.min(REST_MS_MAX, Math.max(REST_MS_FIRST, 2 * this.#restMs));
    callback?.(outcome);
  }
}
