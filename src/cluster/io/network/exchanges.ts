// Implements the port Exchanges, one connection to a frontend, with undici's Client. It is driven by handlers instead
// of promises, because the load generator sends tens of thousands of requests a second. The caller keeps the
// deadlines.

import type { Dispatcher } from 'undici';
import type {
  BreakKind,
  ExchangeOutcome,
  ExchangeRequest,
  Exchanges,
} from '../../http/exchange.ts';
import type { Address } from '../../model/identity.ts';
import { Client } from './undici.ts';

/** Below the 65 s after which our servers close an idle connection, so that no request meets a closing one (H19). */
const KEEP_ALIVE_MS = 60_000;
const VERSION = 'x-fog-version';
const ERROR = 'x-fog-error';
const EMPTY = Buffer.alloc(0);

export function openExchanges(address: Address): Exchanges {
  return new ClientExchanges(`http://${address}`);
}

class ClientExchanges implements Exchanges {
  readonly #origin: string;
  #client: InstanceType<typeof Client> | undefined;
  #current: Exchange | undefined;

  constructor(origin: string) {
    this.#origin = origin;
  }

  send(
    { method, path, body }: ExchangeRequest,
    callback: (outcome: ExchangeOutcome) => void,
  ): void {
    this.#client ??= new Client(this.#origin, {
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: 0 },
    });
    this.#current = new Exchange(callback);
    this.#client.dispatch({ method, path, body: body ?? null }, this.#current);
  }

  giveUp(): void {
    this.#current?.forget();
    this.#current = undefined;
    const client = this.#client;
    this.#client = undefined;
    client?.destroy(() => undefined);
  }
}

/** Collects one answer. This is undici's older form of handler: it gets the headers as raw bytes, not as an object. */
class Exchange implements Dispatcher.DispatchHandler {
  #callback: ((outcome: ExchangeOutcome) => void) | undefined;
  #status = 0;
  #version: string | undefined;
  #error: string | undefined;
  #body: Buffer = EMPTY;
  #chunks: Buffer[] | undefined;

  constructor(callback: (outcome: ExchangeOutcome) => void) {
    this.#callback = callback;
  }

  forget(): void {
    this.#callback = undefined;
  }

  onConnect(): void {}

  onHeaders(status: number, headers: Buffer[]): boolean {
    this.#status = status;
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at];
      if (name === undefined) continue;
      if (is(name, VERSION)) this.#version = headers[at + 1]?.toString('latin1');
      else if (is(name, ERROR)) this.#error = headers[at + 1]?.toString('latin1');
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#chunks !== undefined) this.#chunks.push(chunk);
    else if (this.#body.length === 0) this.#body = chunk;
    else this.#chunks = [this.#body, chunk];
    return true;
  }

  onComplete(): void {
    const body = this.#chunks === undefined ? this.#body : Buffer.concat(this.#chunks);
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.({
      kind: 'answered',
      status: this.#status,
      version: this.#version,
      error: this.#error,
      body,
    });
  }

  onError(error: Error): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.({ kind: 'broken', why: breakKind(error) });
  }
}

/** Compares lengths first: most headers differ in length, and need not be converted to text. */
function is(name: Buffer, expected: string): boolean {
  return name.length === expected.length && name.toString('latin1').toLowerCase() === expected;
}

const BREAKS: Readonly<Record<string, BreakKind>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_INFO: 'reset',
  EMFILE: 'exhausted',
  ENFILE: 'exhausted',
  EADDRNOTAVAIL: 'exhausted',
  EADDRINUSE: 'exhausted',
  EAGAIN: 'exhausted',
  ENOBUFS: 'exhausted',
  ENOMEM: 'exhausted',
};

/** An AggregateError holds one error for each address of the host, in the order of the attempts; the first counts. */
export function breakKind(error: Error): BreakKind {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  const code = String((error as NodeJS.ErrnoException).code ?? (first as { code?: string })?.code);
  if (error.name === 'HTTPParserError' || code.startsWith('UND_ERR_RES')) return 'malformed';
  return BREAKS[code] ?? 'unreachable';
}
