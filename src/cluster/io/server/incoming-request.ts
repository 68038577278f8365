// One request on a connection: what its service sees of it, and what is needed to reply. Its place among the pipelined
// requests is kept in connections.ts.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Body, HttpRequest } from '../../http/http.ts';
import type { Cancel, HttpService, RequestTraits } from '../../ports.ts';
import type { BodyReader } from './body-reader.ts';
import type { Connection, Turn } from './connections.ts';
import { originForm } from './request-forms.ts';

const NO_BODY: Body = { kind: 'none' };

export class IncomingRequest implements HttpRequest, Turn {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  readonly method: string;
  readonly target: string;
  body: Body = NO_BODY;
  isAnswered = false;
  /** Whether its reply has left, or never will: it no longer counts as open. */
  isEnded = false;
  /** Whether its reply has begun, and its service reads on in its body. */
  readsOn = false;
  /** Called once when its reply has left, or never will; undefined where the reply itself lets others go on. */
  onceEnded: (() => void) | undefined;
  /** Stops taking the body; undefined for a request without one. */
  giveUp: (() => void) | undefined;
  /** The body that the service reads piece by piece; undefined when the body is read whole. */
  stream: BodyReader | undefined;
  readonly #service: HttpService;
  readonly run: () => void;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
    service: HttpService,
    run: () => void,
  ) {
    this.request = request;
    this.response = response;
    this.connection = connection;
    this.method = request.method ?? '';
    this.target = originForm(request.url ?? '');
    this.#service = service;
    this.run = run;
  }

  get isComing(): boolean {
    return this.giveUp !== undefined && !this.request.complete;
  }

  get isAwaited(): boolean {
    if (!this.isComing || (this.isAnswered && !this.readsOn)) return false;
    // Its client still reads earlier replies: `100 Continue` waits behind them, and node:http may have stopped reading.
    if (this.response.socket === null) return false;
    // A body that is taken whole is waited for until its service has it, or knows that it is too large.
    return this.stream?.isAwaited ?? this.body === NO_BODY;
  }

  get traits(): RequestTraits {
    return this.#service.traits(this);
  }

  mayOverlap(): boolean {
    return !this.traits.changes;
  }

  get clientAddress(): string {
    return this.request.socket.remoteAddress ?? '';
  }

  get fromLoopback(): boolean {
    return isLoopback(this.clientAddress);
  }

  onceLeft(callback: () => void): Cancel {
    return this.connection.onceLeft(callback);
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  headerLines(name: string): readonly string[] {
    return this.request.headersDistinct[name] ?? [];
  }
}

/** Whether the address is in 127.0.0.0/8, also in its form within IPv6, or is ::1. */
function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

/**
 * Tells a client that asks first to send its body. While earlier replies are due it has to wait: node:http would put it
 * behind the head of its own response, where it is a part of the body. That response may also come before.
 */
export function sendContinue(response: ServerResponse): void {
  const send = () => {
    if (!response.headersSent) response.writeContinue();
  };
  if (response.socket === null) response.once('socket', send);
  else send();
}

/** Reads and drops what is still to come of a body that its service reads no more. */
export function dropRest({ stream, request }: IncomingRequest): void {
  stream?.discard();
  request.resume();
}

/** Whether the request certainly has no body, so that it is handled in the turn in which it came. */
export function bodyless(request: IncomingMessage): boolean {
  const method = request.method;
  if (method !== 'GET' && method !== 'HEAD' && method !== 'DELETE') return false;
  const { headers } = request;
  return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
}
