// The one HTTP server: node:http around a Service. Reads bodies up to the role's limit, turns upgrades
// into links, answers what the parser refuses, and drains. No role and no path is known here.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { assert } from '../assert.ts';
import { type ErrorCode, errorReply } from '../errors.ts';
import type { Body, HttpReply, HttpRequest } from '../http.ts';
import type { ClusterId, Incarnation, NodeId } from '../identity.ts';
import {
  BUFFERED_BODIES_MIN,
  BUFFERED_BYTES_MAX,
  CONNECTIONS_MAX,
  REQUEST_HEAD_BYTES_MAX,
} from '../limits.ts';
import type { Service } from '../runtime.ts';
import { IdleConnections } from './idle-connections.ts';
import { SocketLink } from './link.ts';
import { LINK_HEADERS, LINK_PROTOCOL, linkMessageBytesMax } from './network.ts';
import { sendReply } from './replies.ts';
import { RequestBodies } from './request-bodies.ts';
import { UnreadReplies } from './unread-replies.ts';

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  /** A longer body reaches the service as `too-large`. */
  readonly bodyBytesMax: number;
  readonly valueBytesMax: number;
  /** Of all bodies of requests in progress together, and of all replies that were not read; by default from limits.ts. */
  readonly bufferedBytesMax?: number;
  /** So long a connection stays open on which nothing is asked; by default 65 s. */
  readonly idleMs?: number;
}

export interface HttpServer {
  readonly port: number;
  /** New connections, as soon as those that were accepted have been handed on. */
  refuse(): void;
  /**
   * Refuses new connections, answers what is in progress with `Connection: close`, and resolves when
   * nothing is left or `timeoutMs` have passed.
   * @param quietMs so long an idle connection stays open: a client may be sending on it just now
   */
  drain(timeoutMs: number, quietMs: number): Promise<void>;
}

/** Above undici's 4 s, so that the client closes an idle connection first and no request meets a reset (H19). */
const KEEP_ALIVE_MS = 65_000;
const DRAIN_CHECK_MS = 20;

/** @throws the error of `listen`, with its code (EADDRINUSE, EACCES, ENOTFOUND ...) */
export async function startHttpServer(
  service: Service,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const server = createServer({
    maxHeaderSize: REQUEST_HEAD_BYTES_MAX,
    // See idle-connections.ts.
    keepAliveTimeout: 0,
    headersTimeout: KEEP_ALIVE_MS + 5000,
    requestTimeout: 300_000,
    noDelay: true,
  });
  server.maxConnections = CONNECTIONS_MAX;
  const idle = new IdleConnections(server, options.idleMs ?? KEEP_ALIVE_MS);
  const exchanges = new Exchanges(
    service,
    idle,
    options.bodyBytesMax,
    options.bufferedBytesMax ??
      Math.max(BUFFERED_BYTES_MAX, BUFFERED_BODIES_MIN * options.bodyBytesMax),
  );
  server.on('request', (request, response) => exchanges.begin(request, response));
  server.on('checkContinue', (request, response) => {
    // `curl -T` and `curl -d` of over 1 MiB ask first; a too large body is refused before it is sent.
    if (Number(request.headers['content-length'] ?? 0) <= options.bodyBytesMax) {
      response.writeContinue();
    }
    exchanges.begin(request, response);
  });
  server.on('clientError', refuseBytes);
  server.on('upgrade', (request, socket, head) => {
    idle.forget(socket as Socket);
    upgrade(service, request, socket as Socket, head, options.valueBytesMax);
  });
  await listen(server, options);
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : options.port,
    refuse: () => refuse(server),
    drain: (timeoutMs, quietMs) => exchanges.drain(server, timeoutMs, quietMs),
  };
}

function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

const NO_BODY: Body = { kind: 'none' };
const NO_ROOM = errorReply(
  'overloaded',
  'too many bodies are under way; those that come slowly make room',
);

/** Requests between their first byte and their last answered one. */
class Exchanges {
  readonly #service: Service;
  readonly #idle: IdleConnections;
  readonly #bodies: RequestBodies;
  readonly #unread: UnreadReplies;
  #open = 0;
  #begun = 0;
  #draining = false;

  constructor(
    service: Service,
    idle: IdleConnections,
    bodyBytesMax: number,
    bufferedBytesMax: number,
  ) {
    this.#service = service;
    this.#idle = idle;
    this.#unread = new UnreadReplies(bufferedBytesMax);
    this.#bodies = new RequestBodies(bodyBytesMax, bufferedBytesMax);
  }

  begin(request: IncomingMessage, response: ServerResponse): void {
    this.#open++;
    this.#idle.requestBegan(request.socket);
    this.#begun++;
    if (bodyless(request)) return this.#handle(request, response, NO_BODY);
    return this.#bodies.read(
      request,
      (body) => {
        if (body.kind === 'shed') this.#reply(request, response, NO_ROOM, true);
        else this.#handle(request, response, body);
      },
      // It never gets to a reply.
      () => this.#ended(request),
    );
  }

  #handle(request: IncomingMessage, response: ServerResponse, body: Body): void {
    let isAnswered = false;
    this.#service.handle(new Incoming(request, body), (reply) => {
      assert(!isAnswered, 'a request is answered once');
      // Before it counts as answered: this throws where a reply cannot be sent, and another one may take its place.
      this.#reply(request, response, reply, this.#draining || body.kind === 'too-large');
      isAnswered = true;
      if (body.kind === 'bytes') this.#bodies.release(body.bytes.length);
    });
  }

  #reply(
    request: IncomingMessage,
    response: ServerResponse,
    reply: HttpReply,
    last: boolean,
  ): void {
    const { socket } = request;
    if (socket.destroyed) return this.#ended(request);
    sendReply(request, response, reply, last);
    // Mostly the socket took it at once.
    if (response.writableFinished || response.closed) return this.#ended(request);
    return this.#unread.add(socket, response, reply.body.length, () => this.#ended(request));
  }

  #ended(request: IncomingMessage): void {
    this.#idle.requestEnded(request.socket);
    this.#open--;
  }

  async drain(server: Server, timeoutMs: number, quietMs: number): Promise<void> {
    this.#draining = true;
    refuse(server);
    const deadline = performance.now() + timeoutMs;
    let begun = this.#begun;
    let quietSince = performance.now();
    while (performance.now() < deadline) {
      if (this.#open > 0 || this.#begun !== begun) quietSince = performance.now();
      begun = this.#begun;
      if (this.#open === 0 && performance.now() - quietSince >= quietMs) break;
      if ((await connections(server)) === 0) break;
      await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
    }
    server.closeAllConnections();
  }
}

/** Not `server.close()`, which closes idle connections as well, also those that a request is coming on. */
function refuse(server: Server): void {
  NetServer.prototype.close.call(server);
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );
}

/** Without a body nothing has to be waited for: the request is handled in the turn it came in. */
function bodyless(request: IncomingMessage): boolean {
  const method = request.method;
  if (method !== 'GET' && method !== 'HEAD' && method !== 'DELETE') return false;
  const { headers } = request;
  return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
}

class Incoming implements HttpRequest {
  readonly method: string;
  readonly target: string;
  readonly body: Body;
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage, body: Body) {
    this.method = request.method ?? '';
    this.target = request.url ?? '';
    this.body = body;
    this.#request = request;
  }

  get fromLoopback(): boolean {
    return isLoopback(this.#request.socket.remoteAddress ?? '');
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }
}

/** IPv4's 127.0.0.0/8, also as IPv6 writes it, and ::1. */
function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

const PARSER_ERRORS: Readonly<Record<string, { code: ErrorCode; line: string; instead?: string }>> =
  {
    HPE_HEADER_OVERFLOW: {
      code: 'head-too-large',
      line: `request line and headers exceed ${REQUEST_HEAD_BYTES_MAX} bytes; send the value as the body`,
      instead: "curl --data-binary @FILE 'http://HOST:PORT/set?key=KEY'",
    },
    HPE_INVALID_EOF_STATE: {
      code: 'truncated-request',
      line: 'the connection was closed before the whole request had come; nothing was stored',
    },
    ERR_HTTP_REQUEST_TIMEOUT: {
      code: 'slow-request',
      line: 'the request did not arrive within its time; nothing was stored',
    },
  };

/** What Node's parser refuses never becomes a request; the reply is written by hand. */
function refuseBytes(error: NodeJS.ErrnoException, socket: NodeJS.WritableStream & Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const known = PARSER_ERRORS[error.code ?? ''];
  const reply = errorReply(
    known?.code ?? 'bad-request',
    known?.line ?? 'this is not an HTTP request',
    known?.instead === undefined ? {} : { instead: known.instead },
  );
  const headers = Object.entries({
    ...reply.headers,
    'content-length': Buffer.byteLength(reply.body as string),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${reply.status} Refused\r\n${headers.join('')}\r\n${reply.body}`);
}

function upgrade(
  service: Service,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  valueBytesMax: number,
): void {
  const refuse = (status: string, reason: string) =>
    socket.end(
      `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: ${reason.length + 1}\r\n\r\n${reason}\n`,
    );
  socket.on('error', () => socket.destroy());
  const { headers } = request;
  if (headers.upgrade !== LINK_PROTOCOL) {
    const reason = `this node speaks ${LINK_PROTOCOL}, and was asked for another protocol: the two run different versions of velour-fog`;
    return void refuse('400 Bad Request', reason);
  }
  const timeScale = headers[LINK_HEADERS.timeScale];
  const hello = {
    cluster: String(headers[LINK_HEADERS.cluster]) as ClusterId,
    node: String(headers[LINK_HEADERS.node]) as NodeId,
    incarnation: Number(headers[LINK_HEADERS.incarnation]) as Incarnation,
    timeScale: timeScale === undefined ? undefined : Number(timeScale),
  };
  const link = new SocketLink('answers', linkMessageBytesMax(valueBytesMax));
  const accepted = service.accept(hello, link);
  if ('refused' in accepted) return void refuse('409 Conflict', accepted.refused);
  link.listen(accepted);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${LINK_PROTOCOL}\r\n\r\n`,
  );
  link.attach(socket, head);
}
