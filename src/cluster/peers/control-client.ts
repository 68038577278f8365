// Sends control messages to other processes, and returns their replies. There is one stream to each address,
// whichever node is there: where it matters, messages and replies name an incarnation. Replies come in any order, and
// no message waits for the reply to another.

import type { Address } from '../model/identity.ts';
import type { Times } from '../model/limits.ts';
import type { Cancel, Runtime } from '../ports.ts';
import { type CheckedReply, decodeReply, encodeRequest } from '../wire/control-frames.ts';
import type { ControlKind } from '../wire/control-table.ts';
import type { ControlMessage } from '../wire/map-json.ts';
import { RequestStream } from './request-stream.ts';

/** How many silent streams to one address are kept open for replies that may still come. */
const FORMER_STREAMS_MAX = 4;
/** A call opens a new stream when nothing has come on the present one for this many heartbeats. */
const SILENT_HEARTBEATS = 2;

export interface CallOptions {
  /** How long the call waits for its reply before it fails; it fails earlier only when the stream breaks. */
  readonly timeoutMs: number;
  /** Whether the peer may take its time, as for a long poll: this call does not make the stream count as silent. */
  readonly isPatient?: boolean;
}

/** The half of ControlClient for callers that only make calls. */
export interface ControlCaller {
  /** @param callback called exactly once, never before `call` returns */
  call<Request extends ControlMessage, Reply>(
    kind: ControlKind<Request, Reply>,
    to: Address,
    message: Request,
    options: CallOptions,
    callback: (reply: CheckedReply<Reply>) => void,
  ): void;
}

interface Call {
  readonly isPatient: boolean;
  readonly sentMs: number;
  readonly answered: (message: Buffer) => void;
  readonly failed: (detail: string) => void;
}

export class ControlClient implements ControlCaller {
  readonly #runtime: Runtime;
  readonly #times: Pick<Times, 'heartbeatMs'>;
  readonly #peers = new Map<Address, Peer>();

  constructor(runtime: Runtime, times: Pick<Times, 'heartbeatMs'>) {
    this.#runtime = runtime;
    this.#times = times;
  }

  call<Request extends ControlMessage, Reply>(
    kind: ControlKind<Request, Reply>,
    to: Address,
    message: Request,
    { timeoutMs, isPatient = false }: CallOptions,
    callback: (reply: CheckedReply<Reply>) => void,
  ): void {
    let cancel: Cancel | undefined;
    let isOver = false;
    const end = (reply: CheckedReply<Reply>) => {
      if (isOver) return;
      isOver = true;
      cancel?.();
      callback(reply);
    };
    const { timers } = this.#runtime;
    const { head, body } = encodeRequest(kind.code, message);
    const call: Call = {
      isPatient,
      sentMs: this.#runtime.clock.monotonicMs(),
      answered: (bytes) => end(decodeReply(kind, bytes)),
      failed: (detail) => end({ kind: 'failed', detail }),
    };
    const giveUp = this.#peer(to).send(call, head, body);
    // A process that was not scheduled for a while has replies in its sockets: they are read before the call fails.
    cancel = timers.after(timeoutMs, () => {
      cancel = timers.after(0, () => {
        giveUp();
        end({ kind: 'failed', detail: `no answer within ${timeoutMs} ms` });
      });
    });
  }

  #peer(address: Address): Peer {
    let peer = this.#peers.get(address);
    if (peer === undefined) {
      const silentMs = SILENT_HEARTBEATS * this.#times.heartbeatMs;
      // The entry goes with the last stream, or addresses of nodes that are gone would pile up over the years.
      const gone = () => this.#peers.delete(address);
      peer = new Peer(this.#runtime, address, silentMs, gone);
      this.#peers.set(address, peer);
    }
    return peer;
  }
}

/** The present stream to one address, and the former ones that may still bring replies. */
class Peer {
  readonly #runtime: Runtime;
  readonly #address: Address;
  readonly #silentMs: number;
  readonly #gone: () => void;
  #stream: ControlStream | undefined;
  /** The oldest first. Their replies count: otherwise a peer that always replies, but slowly, would never be heard. */
  #former: ControlStream[] = [];

  constructor(runtime: Runtime, address: Address, silentMs: number, gone: () => void) {
    this.#runtime = runtime;
    this.#address = address;
    this.#silentMs = silentMs;
    this.#gone = gone;
  }

  /** @returns a function to call when nobody waits for the reply any more */
  send(call: Call, head: Uint8Array, body: Uint8Array): () => void {
    const present = this.#stream;
    // After a cut, TCP repeats what was lost only after pauses that grow with the cut, so the old connection may stay
    // silent for long. A new one works at once.
    if (present !== undefined && present.silentForMs(call.sentMs) < this.#silentMs) {
      return present.send(call, head, body);
    }
    // In place before the present one closes, as this peer is forgotten with its last stream.
    const next = new ControlStream(this.#runtime, this.#address, (stream) => this.#closed(stream));
    this.#stream = next;
    if (present !== undefined) this.#setAside(present);
    return next.send(call, head, body);
  }

  #setAside(stream: ControlStream): void {
    this.#former.push(stream);
    while (this.#former.length > FORMER_STREAMS_MAX) this.#former.shift()?.close('silent');
    stream.retire();
  }

  #closed(stream: ControlStream): void {
    if (this.#stream === stream) this.#stream = undefined;
    this.#former = this.#former.filter((other) => other !== stream);
    if (this.#stream === undefined && this.#former.length === 0) this.#gone();
  }
}

class ControlStream {
  readonly #runtime: Runtime;
  readonly #stream: RequestStream<Call>;
  readonly #closed: (stream: ControlStream) => void;
  /** Since when a call that is not patient waits and nothing has come; minus infinity once a call was given up. */
  #silentSinceMs: number | undefined;
  #heardMs = Number.NEGATIVE_INFINITY;
  #isRetired = false;

  constructor(runtime: Runtime, address: Address, closed: (stream: ControlStream) => void) {
    this.#runtime = runtime;
    this.#closed = closed;
    const hello = { purpose: 'control' } as const;
    this.#stream = new RequestStream<Call>(
      runtime.network,
      { address, hello },
      {
        received: (call, message) => {
          this.#heard();
          call?.answered(message);
          this.#closeWhenDone();
        },
        arriving: () => this.#heard(),
        closed: (unanswered, reason) => this.#broken(unanswered, reason),
      },
    );
  }

  silentForMs(nowMs: number): number {
    return this.#silentSinceMs === undefined ? 0 : nowMs - this.#silentSinceMs;
  }

  send(call: Call, head: Uint8Array, body: Uint8Array): () => void {
    if (!call.isPatient) this.#silentSinceMs ??= call.sentMs;
    const id = this.#stream.send(call, head, body);
    return () => {
      // When nothing has come since this call was sent, the next call opens another stream.
      if (this.#heardMs < call.sentMs) this.#silentSinceMs = Number.NEGATIVE_INFINITY;
      this.#stream.asked.take(id);
      this.#closeWhenDone();
    };
  }

  /** Takes no further messages, and closes once nobody waits for any of its replies. */
  retire(): void {
    this.#isRetired = true;
    this.#closeWhenDone();
  }

  close(reason: string): void {
    this.#stream.close(reason);
  }

  #heard(): void {
    this.#silentSinceMs = undefined;
    this.#heardMs = this.#runtime.clock.monotonicMs();
  }

  #closeWhenDone(): void {
    if (this.#isRetired && this.#stream.asked.size === 0)
      this.close('another stream took its place');
  }

  #broken(unanswered: readonly Call[], reason: string): void {
    this.#closed(this);
    // Deferred, because the stream may have been closed from within another call.
    this.#runtime.timers.after(0, () => {
      for (const call of unanswered) call.failed(reason);
    });
  }
}
