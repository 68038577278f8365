// The port of the HTTP client: any number of requests at once to one frontend, over connections that are kept. Nodes send
// the same requests to each other (`Network.request` in ports.ts) where bytes of files stream. The load generator, which
// counts its connections, has another port (exchange.ts).

import type { ByteStream } from './byte-stream.ts';

export interface PoolRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** The path and query, in ASCII. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * A stream is read as fast as the server takes it, and discarded when the request is over. One that breaks off breaks the
   * connection, so that the server sees that the body is not whole.
   */
  readonly body: Uint8Array | ByteStream | undefined;
}

export interface PoolHead {
  readonly status: number;
  /** By names in lower case; undefined where the answer has none of that name. */
  header(name: string): string | undefined;
}

export interface PoolAnswer extends PoolHead {
  readonly kind: 'answered';
  /** Empty where the pieces were handed over as they came. */
  readonly body: Buffer;
}

/** Holds back the pieces of a body that nobody can take now. */
export interface PoolFlow {
  pause(): void;
  resume(): void;
}

export type PoolOutcome = PoolAnswer | { readonly kind: 'broken'; readonly error: Error };

export interface PoolEvents {
  /** The request is about to be written to a connection: from now on the server may have it. */
  sent?(): void;
  /** The head of the answer has come. @returns what takes the pieces of its body; by default `ended` gets them all */
  answering?(head: PoolHead, flow: PoolFlow): ((piece: Buffer) => void) | undefined;
  /** A piece of a body has come that `ended` gets as a whole. */
  received?(): void;
  /** Called once, unless the request is cancelled before. */
  ended(outcome: PoolOutcome): void;
}

export interface HttpPool {
  /** Whether each connection that there may be has a request, so that the next one waits. */
  readonly isFull?: boolean;
  /** @returns what gives the request up: its connection is closed, and none of its events follows */
  send(request: PoolRequest, events: PoolEvents): () => void;
  /** Closes all connections; no event follows. */
  close(): void;
}

/** @param origin such as `http://127.0.0.1:12080` */
export type OpenHttpPool = (origin: string) => HttpPool;
