// A clock and timers that a test turns itself, and connections whose answers it decides: for what measures time, a
// test must not depend on the machine's.

import type {
  ExchangeOutcome,
  ExchangeRequest,
  Exchanges,
} from '../../src/cluster/http/exchange.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import type { Clock, Timers } from '../../src/cluster/ports.ts';

interface Timer {
  atMs: number;
  order: number;
  readonly callback: () => void;
}

export class VirtualTime implements Clock, Timers {
  #nowMs = 0;
  #order = 0;
  readonly #due = new Set<Timer>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  /** How many callbacks are still to come. */
  get timers(): number {
    return this.#due.size;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, milliseconds), order: this.#order++, callback };
    this.#due.add(timer);
    return () => {
      this.#due.delete(timer);
    };
  }

  /**
   * Nothing happens until then, as in a process that is stopped. What was due comes late: first the timers that were
   * set last, so that what an answer brings (its own timer was set before) comes after whoever looks for it.
   */
  standStill(untilMs: number): void {
    this.#nowMs = untilMs;
    for (const timer of this.#due) {
      if (timer.atMs > untilMs) continue;
      timer.atMs = untilMs;
      timer.order = -timer.order;
    }
  }

  /** Everything up to that time happens. */
  runTo(untilMs: number): void {
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.atMs > untilMs) break;
      this.#due.delete(next);
      this.#nowMs = next.atMs;
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#due) {
      const isSooner =
        next === undefined ||
        timer.atMs < next.atMs ||
        (timer.atMs === next.atMs && timer.order < next.order);
      if (isSooner) next = timer;
    }
    return next;
  }
}

/** What a frontend says, and after how long; undefined for never. */
export type Behaviour = (
  request: ExchangeRequest,
  nowMs: number,
  address: Address,
) => { readonly outcome: ExchangeOutcome; readonly afterMs: number } | undefined;

/** Connections to frontends that behave so. */
export function scripted(time: VirtualTime, behaviour: Behaviour) {
  const requests: {
    readonly request: ExchangeRequest;
    readonly atMs: number;
    readonly address: Address;
  }[] = [];
  const open = (address: Address): Exchanges => {
    let cancel: (() => void) | undefined;
    return {
      send(request, callback) {
        requests.push({ request, atMs: time.monotonicMs(), address });
        const answer = behaviour(request, time.monotonicMs(), address);
        if (answer !== undefined) {
          cancel = time.after(answer.afterMs, () => callback(answer.outcome));
        }
      },
      giveUp: () => cancel?.(),
    };
  };
  return { open, requests };
}

export function answered(
  status: number,
  more: { version?: string; error?: string; body?: Buffer } = {},
): ExchangeOutcome {
  const { version, error, body = Buffer.alloc(0) } = more;
  return { kind: 'answered', status, version, error, body };
}
