// Requests on one stream to one peer (D13): numbers them, and matches each answer to its request. The stream opens
// with the first request, and anew with the first one after it broke. When to send, and how long to wait for an
// answer, is decided in storage-channel.ts and control-client.ts.

import type { Address } from '../model/identity.ts';
import type { Link, LinkHello, Network } from '../ports.ts';
import { QueueByNumber } from '../queue-by-number.ts';

export interface RequestStreamEvents<Asked> {
  /** @param asked the request answered; undefined when nobody waits for it any more */
  received(asked: Asked | undefined, message: Buffer): void;
  /** As in `LinkEvents`. */
  arriving?(id: number): void;
  ready?(): void;
  /**
   * @param unanswered the requests that were sent and have no answer, the oldest first
   * @param opened false when the peer was never reached, so that it has certainly received none of them
   */
  closed(unanswered: readonly Asked[], reason: string, opened: boolean): void;
}

export class RequestStream<Asked> {
  /**
   * The requests that were sent and wait for an answer, in that order, the oldest first; a request that is given up
   * is taken out.
   */
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

  /** Opens the stream if there is none. @returns the stream; sending may begin at once */
  open(): Link {
    this.#link ??= this.#network.open(this.#address, this.#hello, {
      received: (id, message) => this.#events.received(this.asked.take(id), message),
      arriving: (id) => this.#events.arriving?.(id),
      ready: () => this.#events.ready?.(),
      closed: (reason, opened) => {
        this.#link = undefined;
        this.#events.closed(this.asked.takeAll(), reason, opened);
      },
    });
    return this.#link;
  }

  /** @returns the number under which the request waits in `asked` */
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
