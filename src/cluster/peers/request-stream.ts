// One stream to one peer (D13): requests with a number each, and their answers back to whoever asked. It is opened with
// the first request, and again with the first one after it broke. What is sent when, and for how long an answer is
// waited for, is storage-channel.ts's and control-client.ts's.

import type { Address } from '../model/identity.ts';
import type { Link, LinkHello, Network } from '../ports.ts';
import { QueueByNumber } from '../queue-by-number.ts';

export interface RequestStreamEvents<Asked> {
  /** @param asked undefined when nobody waits for this answer any more */
  received(asked: Asked | undefined, message: Buffer): void;
  /** See `LinkEvents`. */
  arriving?(): void;
  ready?(): void;
  /**
   * @param unanswered what was sent and has no answer, the oldest first
   * @param opened false: the peer was never reached, and certainly has nothing of it
   */
  closed(unanswered: readonly Asked[], reason: string, opened: boolean): void;
}

export class RequestStream<Asked> {
  /** What was sent and is waited for, in that order, so the first is always the oldest; taken out when it is given up. */
  readonly asked = new QueueByNumber<Asked>();
  readonly #network: Network;
  readonly #address: Address;
  readonly #hello: LinkHello;
  readonly #events: RequestStreamEvents<Asked>;
  #link: Link | undefined;

  constructor(
    network: Network,
    peer: { readonly address: Address; readonly hello: LinkHello },
    events: RequestStreamEvents<Asked>,
  ) {
    this.#network = network;
    this.#address = peer.address;
    this.#hello = peer.hello;
    this.#events = events;
  }

  /** Undefined while there is no stream. */
  get link(): Link | undefined {
    return this.#link;
  }

  /** @returns the stream, opened if there was none; sending may begin at once */
  open(): Link {
    this.#link ??= this.#network.open(this.#address, this.#hello, {
      received: (id, message) => this.#events.received(this.asked.take(id), message),
      arriving: () => this.#events.arriving?.(),
      ready: () => this.#events.ready?.(),
      closed: (reason, opened) => {
        this.#link = undefined;
        this.#events.closed(this.asked.takeAll(), reason, opened);
      },
    });
    return this.#link;
  }

  /** @returns the number under which `asked` waits for its answer */
  send(asked: Asked, head: Uint8Array, body: Uint8Array): number {
    const link = this.open();
    const id = this.asked.add(asked);
    link.send(id, head, body);
    return id;
  }

  close(reason: string): void {
    this.#link?.close(reason);
  }
}
