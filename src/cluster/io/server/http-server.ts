// The one HTTP server: node:http around a Service. Reads bodies up to the role's limit, keeps the order of what one
// connection asks, hands links over, answers what the parser refuses, and drains. No role is known here.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { assert } from '../../assert.ts';
import { errorReply } from '../../http/errors.ts';
import type { Body, HttpReply } from '../../http/http.ts';
import {
  BUFFERED_BODIES_MIN,
  BUFFERED_BYTES_MAX,
  REQUEST_HEAD_BYTES_MAX,
} from '../../model/limits.ts';
import type { Service } from '../../ports.ts';
import { type Connection, Connections, connectionOf } from './connections.ts';
import { Incoming } from './incoming.ts';
import { type Listeners, openListeners } from './listeners.ts';
import { refusalOf, refuse } from './refusals.ts';
import { isLong, sendReply } from './replies.ts';
import { RequestBodies } from './request-bodies.ts';
import { wrongForm } from './request-forms.ts';
import { UnreadReplies } from './unread-replies.ts';
import { acceptLink, ignoreOffer, onceIdle, shouldUpgradeCallback, streamOf } from './upgrades.ts';

export interface HttpServerOptions {
  /** An address or a name: all addresses that it has are listened on. */
  readonly host: string;
  readonly port: number;
  /** A longer body reaches the service as `too-large`. */
  readonly bodyBytesMax: number;
  readonly valueBytesMax: number;
  /** Of all bodies of requests in progress together, and of all replies that were not read; by default from limits.ts. */
  readonly bufferedBytesMax?: number;
  /** So long a connection stays open on which nothing is asked; by default 65 s. */
  readonly idleMs?: number;
  /** A client that took nothing for so long is cut off when room is needed; by default 10 s. */
  readonly stalledMs?: number;
}

export interface HttpServer extends Pick<Listeners, 'port' | 'addresses' | 'missing'> {
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
const STALLED_MS = 10_000;
const DRAIN_CHECK_MS = 20;

/** @throws CannotListen, with the code of the system (EADDRINUSE, EACCES, ENOTFOUND ...) */
export async function startHttpServer(
  service: Service,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const server = createServer({
    maxHeaderSize: REQUEST_HEAD_BYTES_MAX,
    // See connections.ts.
    keepAliveTimeout: 0,
    headersTimeout: KEEP_ALIVE_MS + 5000,
    requestTimeout: 300_000,
    noDelay: true,
    // Both are answered here, in words (request-forms.ts).
    requireHostHeader: false,
    ...{ shouldUpgradeCallback },
  });
  // How many there may be says the limit of their bytes. Beyond a number node:http would drop them without a word, a
  // Content-Length or an Origin among them.
  server.maxHeadersCount = 0;
  // Who has sent all of it may close that side, as `nc -N` does, and still wants the answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  const connections = new Connections(server, options.idleMs ?? KEEP_ALIVE_MS);
  const requests = new Requests(service, connections, options);
  const begin = (request: IncomingMessage, response: ServerResponse) =>
    requests.begin(request, response, false);
  server.on('request', begin);
  server.on('checkContinue', (request, response) => requests.begin(request, response, true));
  server.on('checkExpectation', (request, response) =>
    requests.refuse(
      request,
      response,
      errorReply('unknown-expectation', 'the only Expect that is known is 100-continue'),
    ),
  );
  server.on('clientError', (error, socket) => requests.broken(error, socket as Socket));
  server.on('connect', (_request, socket) =>
    onceIdle(socket as Socket, () =>
      refuse(
        socket as Socket,
        errorReply('method-not-allowed', 'this is no proxy: it takes no CONNECT'),
      ),
    ),
  );
  server.on('upgrade', (request, socket, head) => {
    const protocol = streamOf(request);
    if (protocol === undefined) return ignoreOffer(server, request, socket as Socket, head);
    // Answers that are due on the connection come before the first byte of the stream.
    return onceIdle(socket as Socket, () => {
      connections.forget(socket as Socket);
      const offer = { request, socket: socket as Socket, head };
      acceptLink(service, protocol, offer, options.valueBytesMax);
    });
  });
  const listeners = await openListeners(server, options);
  return {
    ...listeners,
    drain: (timeoutMs, quietMs) => requests.drain(server, listeners, timeoutMs, quietMs),
  };
}

const NO_ROOM = errorReply(
  'overloaded',
  'too many bodies are under way; those that come slowly make room',
);
const UNREAD = errorReply(
  'overloaded',
  'too many answers are under way to clients that read slowly; this one was not begun',
);

/** Requests between their first byte and their last answered one. */
class Requests {
  readonly #service: Service;
  readonly #connections: Connections;
  readonly #bodies: RequestBodies;
  readonly #unread: UnreadReplies;
  readonly #bodyBytesMax: number;
  /** The header: how long a client may keep its connection. */
  readonly #keepAlive: string;
  #open = 0;
  #begun = 0;
  #draining = false;

  constructor(service: Service, connections: Connections, options: HttpServerOptions) {
    const { bodyBytesMax, stalledMs = STALLED_MS } = options;
    const bufferedBytesMax =
      options.bufferedBytesMax ?? Math.max(BUFFERED_BYTES_MAX, BUFFERED_BODIES_MIN * bodyBytesMax);
    this.#service = service;
    this.#connections = connections;
    this.#bodyBytesMax = bodyBytesMax;
    const idleSeconds = Math.floor((options.idleMs ?? KEEP_ALIVE_MS) / 1000);
    this.#keepAlive = `timeout=${idleSeconds}`;
    this.#unread = new UnreadReplies(bufferedBytesMax, stalledMs);
    this.#bodies = new RequestBodies(bodyBytesMax, bufferedBytesMax);
  }

  begin(request: IncomingMessage, response: ServerResponse, asksFirst: boolean): void {
    const connection = connectionOf(request.socket);
    if (connection.isClosing) return;
    const wrong = wrongForm(request);
    if (wrong !== undefined) return this.refuse(request, response, wrong);
    this.#open++;
    this.#begun++;
    const incoming: Incoming = new Incoming(request, response, connection, this.#service, () =>
      this.#run(incoming, asksFirst),
    );
    connection.latest = incoming;
    connection.take(incoming);
  }

  /** Before anything of it is looked at. */
  refuse(request: IncomingMessage, response: ServerResponse, reply: HttpReply): void {
    const connection = connectionOf(request.socket);
    if (connection.isClosing) return;
    this.#open++;
    this.#begun++;
    connection.open++;
    const incoming = new Incoming(request, response, connection, this.#service, () => undefined);
    connection.latest = incoming;
    this.#send(incoming, reply, true);
  }

  /** The parser gave up. What is due on the connection comes first: it was done. */
  broken(error: NodeJS.ErrnoException, socket: Socket): void {
    // More than the last request that its client announced: the answer to that one ends the connection.
    if (error.code === 'HPE_CLOSED_CONNECTION') return;
    const connection = connectionOf(socket);
    const refusal = refusalOf(error, socket);
    if (refusal === undefined) {
      socket.destroy();
      return;
    }
    // It is this one's body that is broken.
    const { latest } = connection;
    if (latest?.isComing) latest.giveUp?.();
    if (connection.isClosing) return;
    if (latest?.isComing) this.#ended(connection);
    // node:http would end the connection with the next answer, and there may be more to say.
    socket.removeAllListeners('end');
    this.#open -= connection.close();
    connection.onceIdle(() => refuse(socket, refusal));
  }

  #run(incoming: Incoming, asksFirst: boolean): void {
    const { request, response } = incoming;
    if (bodyless(request)) return this.#handle(incoming, incoming.body);
    if (request.destroyed) {
      // It waited for its turn, and its connection is gone meanwhile, with what was not read of it (H22).
      this.#ended(incoming.connection);
      return incoming.connection.done();
    }
    // `curl -T` and `curl -d` of over 1 MiB ask first; a too large body is refused before it is sent.
    if (asksFirst && Number(request.headers['content-length'] ?? 0) <= this.#bodyBytesMax) {
      response.writeContinue();
    }
    const giveUp = this.#bodies.read(
      request,
      (body) => {
        if (body.kind === 'shed') this.#answer(incoming, NO_ROOM, true);
        else this.#handle(incoming, body);
      },
      // It never gets to a reply.
      () => this.#ended(incoming.connection),
    );
    // A body that is refused at once has been answered by now.
    if (giveUp !== undefined) incoming.giveUp = giveUp;
    return undefined;
  }

  #handle(incoming: Incoming, body: Body): void {
    incoming.body = body;
    this.#service.handle(incoming, (reply) => {
      assert(!incoming.isAnswered, 'a request is answered once');
      this.#answer(incoming, reply, body.kind === 'too-large');
      if (body.kind === 'bytes') this.#bodies.release(body.bytes.length);
    });
  }

  #answer(incoming: Incoming, reply: HttpReply, last: boolean): void {
    // Before it counts as answered: this throws where a reply cannot be sent, and another one may take its place.
    this.#send(
      incoming,
      reply,
      last || (this.#draining && incoming.connection.latest === incoming),
    );
    incoming.isAnswered = true;
    incoming.connection.done();
  }

  #send(incoming: Incoming, reply: HttpReply, last: boolean): void {
    const { request, response, connection } = incoming;
    const { socket } = request;
    if (socket.destroyed) return this.#ended(incoming.connection);
    if (last) this.#open -= connection.close();
    const hasRoom = !isLong(reply) || this.#unread.hasRoom(reply.body.length);
    sendReply(request, response, hasRoom ? reply : UNREAD, last ? 'last' : this.#keepAlive);
    if (last) incoming.giveUp = () => response.end();
    // Mostly the socket took it at once.
    if (response.writableFinished || response.closed) return this.#ended(incoming.connection);
    return this.#unread.add(socket, response, reply.body.length, () =>
      this.#ended(incoming.connection),
    );
  }

  #ended(connection: Connection): void {
    connection.ended(this.#connections.round);
    this.#open--;
  }

  async drain(
    server: Server,
    listeners: Listeners,
    timeoutMs: number,
    quietMs: number,
  ): Promise<void> {
    this.#draining = true;
    listeners.refuse();
    const deadline = performance.now() + timeoutMs;
    let begun = this.#begun;
    let quietSince = performance.now();
    while (performance.now() < deadline) {
      if (this.#open > 0 || this.#begun !== begun) quietSince = performance.now();
      begun = this.#begun;
      if (this.#open === 0 && performance.now() - quietSince >= quietMs) break;
      if ((await listeners.connections()) === 0) break;
      await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
      // After a pause of this process timers come first: read what clients sent meanwhile before it counts as silence.
      await new Promise((resolve) => setImmediate(resolve));
    }
    server.closeAllConnections();
  }
}

/** Without a body nothing has to be waited for: the request is handled in the turn it came in. */
function bodyless(request: IncomingMessage): boolean {
  const method = request.method;
  if (method !== 'GET' && method !== 'HEAD' && method !== 'DELETE') return false;
  const { headers } = request;
  return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
}
