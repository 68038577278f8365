// A part of a process that can end before the process does: wraps a runtime, and ends everything that was begun on it,
// timers, calls and streams, as the end of a process would. What is left makes no call, hears none, and can be collected.

import type { PoolEvents, PoolRequest } from '../cluster/http/http-pool.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Cancel, Link, LinkEvents, Runtime } from '../cluster/ports.ts';

const NOTHING: Cancel = () => undefined;
/** What is opened by callbacks of others when all is over. */
const CLOSED: Link = {
  send: NOTHING,
  isUnderWay: () => false,
  batchesLeft: () => 0,
  queuedBytes: () => 0,
  close: NOTHING,
};

export class Lifetime {
  /** The runtime that was given, as long as this has not ended. */
  readonly runtime: Runtime;
  readonly #own: Runtime;
  readonly #timers = new Set<Cancel>();
  readonly #links = new Set<Link>();
  readonly #requests = new Set<Cancel>();
  #isOver = false;

  constructor(own: Runtime) {
    this.#own = own;
    this.runtime = {
      ...own,
      timers: { after: (milliseconds, callback) => this.#after(milliseconds, callback) },
      network: {
        call: (call, callback) => {
          if (this.#isOver) return;
          own.network.call(call, (outcome) => {
            if (!this.#isOver) callback(outcome);
          });
        },
        open: (address, hello, events) => {
          if (this.#isOver) return CLOSED;
          const link = own.network.open(
            address,
            hello,
            this.#whileItLasts(events, () => this.#links.delete(link)),
          );
          this.#links.add(link);
          return link;
        },
        request: (address, request, events) => this.#request(address, request, events),
      },
    };
  }

  /** Nothing that was begun calls back any more, not even to say that it is over. */
  end(): void {
    this.#isOver = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    for (const link of this.#links) link.close('closed by its user');
    this.#links.clear();
    for (const cancel of this.#requests) cancel();
    this.#requests.clear();
  }

  #after(milliseconds: number, callback: () => void): Cancel {
    if (this.#isOver) return NOTHING;
    const cancel = this.#own.timers.after(milliseconds, () => {
      this.#timers.delete(cancel);
      callback();
    });
    this.#timers.add(cancel);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }

  #request(address: Address, request: PoolRequest, events: PoolEvents): Cancel {
    if (this.#isOver) return NOTHING;
    let isEnded = false;
    let cancel = NOTHING;
    const giveUp = () => {
      this.#requests.delete(giveUp);
      cancel();
    };
    cancel = this.#own.network.request(address, request, {
      ...events,
      ended: (outcome) => {
        isEnded = true;
        this.#requests.delete(giveUp);
        events.ended(outcome);
      },
    });
    if (!isEnded) this.#requests.add(giveUp);
    return giveUp;
  }

  #whileItLasts(events: LinkEvents, closed: () => void): LinkEvents {
    const { tooLong } = events;
    return {
      received: (id, message) => {
        if (!this.#isOver) events.received(id, message);
      },
      // A link without this handler closes where it would be called.
      ...(tooLong === undefined ? {} : { tooLong: (id: number) => tooLong(id) }),
      arriving: (id) => {
        if (!this.#isOver) events.arriving?.(id);
      },
      ready: () => {
        if (!this.#isOver) events.ready?.();
      },
      closed: (reason, opened) => {
        if (this.#isOver) return;
        closed();
        events.closed(reason, opened);
      },
    };
  }
}
