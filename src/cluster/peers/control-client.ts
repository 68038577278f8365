// Says control messages to other processes, and hands on what they answer: one stream to each address, whoever lives
// there. A message names whom it is meant for, and each is answered in its own time; none waits for another.

import type { Address } from '../model/identity.ts';
import type { Times } from '../model/limits.ts';
import type { Cancel, Runtime } from '../ports.ts';
import { type CheckedReply, decodeReply, encodeRequest } from '../wire/control-frames.ts';
import type { ControlKind } from '../wire/control-table.ts';
import type { ControlMessage } from '../wire/map-json.ts';
import { RequestStream } from './request-stream.ts';

/** Streams to one address that were given up, and may still bring answers. */
const FORMER_STREAMS_MAX = 4;
/** Silent for so many heartbeats, a stream is opened anew. */
const SILENT_HEARTBEATS = 2;

export interface CallOptions {
  /** Without an answer the call fails, and no sooner. */
  readonly timeoutMs: number;
  /** Whether the peer may take its time: then it is not taken for silent meanwhile. A long poll. */
  readonly isPatient?: boolean;
}

/** Whoever only makes calls, and leaves to others how they travel. */
export interface ControlCaller {
  /** @param callback exactly once, never before this returns */
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
    // A process that got no time for a while has answers in its sockets: it reads them before it calls them late.
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
      // Addresses of nodes that are gone must not pile up over the years.
      const gone = () => this.#peers.delete(address);
      peer = new Peer(this.#runtime, address, silentMs, gone);
      this.#peers.set(address, peer);
    }
    return peer;
  }
}

/** The stream to one address, and those before it. */
class Peer {
  readonly #runtime: Runtime;
  readonly #address: Address;
  readonly #silentMs: number;
  readonly #gone: () => void;
  #stream: ControlStream | undefined;
  /** The oldest first. What they still bring counts: a peer that is slow, and answers, is not to be without an answer. */
  #former: ControlStream[] = [];

  constructor(runtime: Runtime, address: Address, silentMs: number, gone: () => void) {
    this.#runtime = runtime;
    this.#address = address;
    this.#silentMs = silentMs;
    this.#gone = gone;
  }

  /** @returns what to call when nobody waits for the answer any more */
  send(call: Call, head: Uint8Array, body: Uint8Array): () => void {
    const present = this.#stream;
    // A connection that outlived a cut may stay silent for as long as TCP waits to repeat itself, which grows with the
    // cut. A new one works at once.
    if (present !== undefined && present.silentForMs(call.sentMs) >= this.#silentMs) {
      this.#former.push(present);
      this.#stream = undefined;
      while (this.#former.length > FORMER_STREAMS_MAX) this.#former.shift()?.close('silent');
      present.retire();
    }
    this.#stream ??= new ControlStream(this.#runtime, this.#address, (stream) =>
      this.#closed(stream),
    );
    return this.#stream.send(call, head, body);
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
  /** Since when a call that is not patient waits and nothing has come back; minus infinity once one was given up. */
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
      // If nothing has come back since it was sent the next call takes another stream.
      if (this.#heardMs < call.sentMs) this.#silentSinceMs = Number.NEGATIVE_INFINITY;
      this.#stream.asked.take(id);
      this.#closeWhenDone();
    };
  }

  /** Nothing is sent on it any more; it ends when nobody waits for any of its answers. */
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
    // Not in this very step: whoever closed it may be in the middle of a call of its own.
    this.#runtime.timers.after(0, () => {
      for (const call of unanswered) call.failed(reason);
    });
  }
}
