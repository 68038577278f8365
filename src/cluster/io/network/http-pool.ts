// Implements the port HttpPool with undici's Pool, and requests with streamed bodies for it and for nodes. The caller keeps
// the deadlines.

import type { Dispatcher } from 'undici';
import type { ByteStream } from '../../http/byte-stream.ts';
import type {
  HttpPool,
  OpenHttpPool,
  PoolEvents,
  PoolHead,
  PoolRequest,
} from '../../http/http-pool.ts';
import { LinkedSet } from '../../linked-set.ts';
import { readableOf } from './readable-body.ts';
import { Pool } from './undici.ts';

/** Below the 65 s after which our servers close an idle connection, so that no request meets a closing one (H19). */
const KEEP_ALIVE_MS = 60_000;
/** Whoever waits for a connection goes elsewhere after a second; this only ends attempts that nobody waits for. */
const CONNECT_MS = 5000;

/** @param connections how many a pool may have, each with one request at a time */
export function poolsOf(connections: number): OpenHttpPool {
  return (origin) => new UndiciPool(origin, connections);
}

class UndiciPool implements HttpPool {
  readonly #pool: InstanceType<typeof Pool>;
  readonly #exchanges = new LinkedSet<PooledExchange>();
  readonly #connections: number;

  constructor(origin: string, connections: number) {
    this.#connections = connections;
    this.#pool = new Pool(origin, {
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: CONNECT_MS },
    });
  }

  get isFull(): boolean {
    return this.#pool.stats.running >= this.#connections;
  }

  send(request: PoolRequest, events: PoolEvents): () => void {
    const exchange = new PooledExchange(events, () => this.#exchanges.delete(entry));
    const entry = this.#exchanges.add(exchange);
    this.#pool.dispatch(optionsOf(request), exchange);
    return () => exchange.cancel();
  }

  close(): void {
    for (const exchange of this.#exchanges.takeAll()) exchange.forget();
    this.#pool.destroy().catch(() => undefined);
  }
}

/** @param origin such as `http://127.0.0.1:12080` @returns what gives the request up */
export function dispatch(
  dispatcher: Dispatcher,
  origin: string,
  request: PoolRequest,
  events: PoolEvents,
): () => void {
  const exchange = new PooledExchange(events, () => undefined);
  dispatcher.dispatch({ origin, ...optionsOf(request) }, exchange);
  return () => exchange.cancel();
}

function optionsOf({ method, path, headers, body }: PoolRequest) {
  const sent = body === undefined ? null : isStream(body) ? readableOf(body) : body;
  return { method, path, headers, body: sent };
}

function isStream(body: Uint8Array | ByteStream): body is ByteStream {
  return !(body instanceof Uint8Array);
}

class PooledExchange implements Dispatcher.DispatchHandler {
  /** Undefined once it has ended, or nobody waits for it. */
  #events: PoolEvents | undefined;
  readonly #over: () => void;
  #controller: Dispatcher.DispatchController | undefined;
  #isCancelled = false;
  #head: PoolHead = { status: 0, header: () => undefined };
  #takePiece: ((piece: Buffer) => void) | undefined;
  readonly #chunks: Buffer[] = [];

  constructor(events: PoolEvents, over: () => void) {
    this.#events = events;
    this.#over = over;
  }

  forget(): void {
    this.#events = undefined;
  }

  cancel(): void {
    if (this.#events === undefined) return;
    this.#events = undefined;
    this.#isCancelled = true;
    this.#over();
    this.#controller?.abort(new Error('nobody waits for the answer any more'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It was cancelled while it waited for a connection: nothing of it may be sent now.
    if (this.#isCancelled) controller.abort(new Error('nobody waits for the answer any more'));
    else this.#events?.sent?.();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // An interim answer, such as 103, is followed by the answer.
    if (status < 200) return;
    this.#head = {
      status,
      header(name) {
        const value = headers[name];
        return typeof value === 'object' ? value.join(', ') : value;
      },
    };
    this.#takePiece = this.#events?.answering?.(this.#head, controller);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#takePiece === undefined) {
      this.#chunks.push(chunk);
      this.#events?.received?.();
    } else if (this.#events !== undefined) this.#takePiece(chunk);
  }

  onResponseEnd(): void {
    this.#end()?.ended({ kind: 'answered', ...this.#head, body: joined(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end()?.ended({ kind: 'broken', error });
  }

  #end(): PoolEvents | undefined {
    const events = this.#events;
    this.#events = undefined;
    this.#over();
    return events;
  }
}

/** The bytes have memory of their own: neither the buffer of a socket, nor the pool of small Buffers is kept with them. */
function joined(chunks: readonly Buffer[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(bytes, at);
  return bytes;
}
