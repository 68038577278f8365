// The HTTP server of every role: node:http around an HttpService. Reads bodies up to the role's limit, keeps the order of
// requests on a connection, hands over links, replies to what the parser refuses, and drains. It knows no role.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { assert } from '../../assert.ts';
import { brokenBodyReply, errorReply } from '../../http/errors.ts';
import { type Body, closes, type HttpReply, isWhole, readsRequest } from '../../http/http.ts';
import {
  BUFFERED_BODIES_MIN,
  BUFFERED_BYTES_MAX,
  REQUEST_HEAD_BYTES_MAX,
} from '../../model/limits.ts';
import type { HttpService } from '../../ports.ts';
import { PACE_LIMITS, type PaceLimits } from './body-pace.ts';
import { BodyReader } from './body-reader.ts';
import { Connections, connectionOf } from './connections.ts';
import { bodyless, dropRest, IncomingRequest, sendContinue } from './incoming-request.ts';
import { type Listeners, openListeners } from './listeners.ts';
import { refusalOf, refuse } from './refusals.ts';
import { bufferedBytes, SHORT_REPLY_BYTES_MAX, sendReply } from './replies.ts';
import { endsConnection, ReplyStream } from './reply-stream.ts';
import { RequestBodies } from './request-bodies.ts';
import { wrongForm } from './request-forms.ts';
import { UnreadReplies } from './unread-replies.ts';
import { acceptLink, ignoreOffer, onceIdle, shouldUpgradeCallback, streamOf } from './upgrades.ts';

export interface HttpServerOptions {
  /** An address or a name; the server listens on all of its addresses. */
  readonly host: string;
  readonly port: number;
  /** A longer body reaches the service as `too-large`. */
  readonly bodyBytesMax: number;
  readonly valueBytesMax: number;
  /** For the bodies of all open requests together, and again for all unread replies; by default from limits.ts. */
  readonly bufferedBytesMax?: number;
  /** How long an idle connection stays open; by default 65 s. */
  readonly idleMs?: number;
  /**
   * A client that has read nothing for so long is cut off when memory is needed; by default 10 s. A client that gets a
   * streamed reply is cut off after `idleMs` in any case, because the producer waits for it.
   */
  readonly stalledMs?: number;
  /** How slowly bodies may come; by default PACE_LIMITS. */
  readonly paceLimits?: PaceLimits;
}

export interface HttpServer extends Pick<Listeners, 'port' | 'addresses' | 'missing'> {
  /** Takes no new connections; those already accepted are still served. */
  refuse(): void;
  /**
   * Refuses new connections, answers open requests with `Connection: close`, then closes all connections and resolves:
   * once none is left, or all were idle for `quietMs`, or `timeoutMs` have passed.
   * @param quietMs an idle client may be sending a request just now, so its connection stays open for this long
   */
  drain(timeoutMs: number, quietMs: number): Promise<void>;
}

/** Above undici's 4 s, so that the client closes an idle connection first and no request meets a reset (H19). */
const KEEP_ALIVE_MS = 65_000;
const STALLED_MS = 10_000;
const DRAIN_CHECK_MS = 20;

/** @throws CannotListen, with the code of the system (EADDRINUSE, EACCES, ENOTFOUND ...) */
export async function startHttpServer(
  service: HttpService,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const server = createServer({
    maxHeaderSize: REQUEST_HEAD_BYTES_MAX,
    // Idle connections are closed in connections.ts, more cheaply.
    keepAliveTimeout: 0,
    headersTimeout: KEEP_ALIVE_MS + 5000,
    // A body may take any time if it comes fast enough, which body-pace.ts judges.
    requestTimeout: 0,
    noDelay: true,
    // The header is required in request-forms.ts instead, whose reply says what is wrong.
    requireHostHeader: false,
    ...{ shouldUpgradeCallback },
  });
  // The limit on the bytes of the head limits the headers too. Beyond a maximum count node:http would silently drop
  // headers, such as a Content-Length or an Origin.
  server.maxHeadersCount = 0;
  // A client may close its sending side after the request, as `nc -N` does, and still wait for the reply.
  Object.assign(server, { httpAllowHalfOpen: true });
  const { idleMs = KEEP_ALIVE_MS, paceLimits = PACE_LIMITS } = options;
  const connections = new Connections(server, idleMs, paceLimits);
  const requests = new Requests(service, connections, options);
  connections.onSlow = (turn) => requests.tooSlow(turn as IncomingRequest);
  server.on('request', (request, response) => requests.begin(request, response, false));
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
    // Replies due on the connection must leave before the first byte of the stream.
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

const NO_ROOM_TEXT = 'too many bodies are under way; those that come slowly make room';
const NO_ROOM = errorReply('overloaded', NO_ROOM_TEXT);
const TOO_SLOW = brokenBodyReply('slow');
const UNREAD_TEXT =
  'too many answers are under way to clients that read slowly; this one was not begun';
const UNREAD = errorReply('overloaded', UNREAD_TEXT);

/** The requests of all connections, from the complete head until the reply has left. */
class Requests {
  readonly #service: HttpService;
  readonly #connections: Connections;
  readonly #bodies: RequestBodies;
  readonly #unread: UnreadReplies;
  readonly #bodyBytesMax: number;
  /** The header Keep-Alive: how long a client may keep its connection idle. */
  readonly #keepAlive: string;
  #open = 0;
  #begun = 0;
  #draining = false;

  constructor(service: HttpService, connections: Connections, options: HttpServerOptions) {
    const { bodyBytesMax, stalledMs = STALLED_MS, idleMs = KEEP_ALIVE_MS } = options;
    const bufferedBytesMax =
      options.bufferedBytesMax ?? Math.max(BUFFERED_BYTES_MAX, BUFFERED_BODIES_MIN * bodyBytesMax);
    this.#service = service;
    this.#connections = connections;
    this.#bodyBytesMax = bodyBytesMax;
    this.#keepAlive = `timeout=${Math.floor(idleMs / 1000)}`;
    this.#unread = new UnreadReplies(bufferedBytesMax, { stalledMs, idleMs });
    this.#bodies = new RequestBodies(bufferedBytesMax);
  }

  begin(request: IncomingMessage, response: ServerResponse, asksFirst: boolean): void {
    const connection = connectionOf(request.socket);
    if (connection.isClosing) return;
    const wrong = wrongForm(request);
    if (wrong !== undefined) return this.refuse(request, response, wrong);
    this.#open++;
    this.#begun++;
    const incoming: IncomingRequest = new IncomingRequest(
      request,
      response,
      connection,
      this.#service,
      () => this.#run(incoming, asksFirst),
    );
    connection.latest = incoming;
    connection.take(incoming);
  }

  /** Replies to a request that is wrong in its form, without asking the service. */
  refuse(request: IncomingMessage, response: ServerResponse, reply: HttpReply): void {
    const connection = connectionOf(request.socket);
    if (connection.isClosing) return;
    this.#open++;
    this.#begun++;
    // In its turn: requests before it may still wait for theirs.
    const incoming: IncomingRequest = new IncomingRequest(
      request,
      response,
      connection,
      this.#service,
      () => this.#answer(incoming, reply, true),
    );
    connection.latest = incoming;
    connection.take(incoming);
  }

  /** The parser gave up on a connection. Replies due on it are sent first, since their requests were carried out. */
  broken(error: NodeJS.ErrnoException, socket: Socket): void {
    // Bytes came behind a request that announced itself as the last one; the reply to it ends the connection.
    if (error.code === 'HPE_CLOSED_CONNECTION') return;
    const connection = connectionOf(socket);
    const refusal = refusalOf(error, socket);
    if (refusal === undefined) {
      socket.destroy();
      return;
    }
    // If a part of the latest request's body is still to come, it is that body that is broken.
    const latest = connection.latest as IncomingRequest | undefined;
    const { isClosing } = connection;
    if (latest?.isComing === true) {
      // A part of its reply has left already, behind which no refusal would be understood.
      if (latest.readsOn) {
        socket.destroy();
        return;
      }
      // Ended before its service is told: the refusal below is the reply, and the service's own is dropped.
      if (!isClosing) this.#ended(latest);
      latest.giveUp?.();
    } else if (latest?.request.complete === false && connection.takeBack(latest)) {
      this.#ended(latest);
    }
    if (isClosing) return;
    // When the client ends its side, node:http would end the connection with the next reply; more may be due.
    socket.removeAllListeners('end');
    connection.takeNoMore();
    connection.onceIdle(() => connection.isLastSent || refuse(socket, refusal));
  }

  /** The body of a request comes too slowly, while the server or its service waits for it. */
  tooSlow(incoming: IncomingRequest): void {
    if (incoming.stream !== undefined) return incoming.stream.fail('slow');
    incoming.giveUp?.();
    return this.#answer(incoming, TOO_SLOW, true);
  }

  #run(incoming: IncomingRequest, asksFirst: boolean): void {
    const { request, response } = incoming;
    if (bodyless(request)) return this.#handle(incoming, incoming.body);
    if (request.destroyed) {
      // While the request waited for its turn, its connection was lost, with the unread part of its body (H22).
      this.#ended(incoming);
      return incoming.connection.done();
    }
    const { judge, body: trait } = incoming.traits;
    const { kind, bytesMax = this.#bodyBytesMax } = trait;
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > bytesMax) return this.#handle(incoming, { kind: 'too-large', bytesMax });
    // `curl -T`, and `curl -d` of over 1 MiB, ask first: what is refused in any case is not sent then.
    const refusal = asksFirst ? judge?.(incoming) : undefined;
    if (refusal !== undefined) return this.#answer(incoming, refusal, true);
    if (kind === 'streamed') return this.#handleStream(incoming, bytesMax, asksFirst);
    if (asksFirst) sendContinue(response);
    incoming.giveUp = this.#bodies.read(
      request,
      bytesMax,
      (body) => {
        if (body.kind === 'shed') this.#answer(incoming, NO_ROOM, true);
        else this.#handle(incoming, body);
      },
      // The connection was lost, so the service never sees this request.
      () => this.#ended(incoming),
    );
    return undefined;
  }

  #handle(incoming: IncomingRequest, body: Body): void {
    incoming.body = body;
    this.#service.handle(incoming, (reply) => {
      assert(!incoming.isAnswered, 'a request is answered once');
      switch (body.kind) {
        case 'none':
          return this.#answer(incoming, reply, false);
        case 'too-large':
          return this.#answer(incoming, reply, true);
        case 'bytes':
          this.#answer(incoming, reply, false);
          return this.#bodies.release(body.bytes.length);
        case 'stream': {
          if (readsRequest(reply)) return this.#answer(incoming, reply, false);
          // The unread rest of the body is dropped; if it has not all arrived, the connection ends with this reply.
          const { request } = incoming;
          body.stream.discard();
          this.#answer(incoming, reply, !request.complete);
          request.resume();
        }
      }
    });
  }

  #handleStream(incoming: IncomingRequest, bytesMax: number, asksFirst: boolean): void {
    const { request, response } = incoming;
    const stream = new BodyReader(request, bytesMax, {
      begin: () => {
        if (asksFirst) sendContinue(response);
      },
      gone: () => this.#ended(incoming),
    });
    incoming.stream = stream;
    incoming.giveUp = () => stream.fail('gone');
    return this.#handle(incoming, { kind: 'stream', stream });
  }

  #answer(incoming: IncomingRequest, reply: HttpReply, last: boolean): void {
    if (incoming.isEnded) {
      // The connection was lost, or the parser gave up within the body and refused the request itself.
      if (!isWhole(reply)) reply.body.discard();
      incoming.isAnswered = true;
      return incoming.connection.done();
    }
    // Sent before it counts as answered: if this throws because the reply cannot be sent, another may take its place.
    this.#send(
      incoming,
      reply,
      last || closes(reply) || (this.#draining && incoming.connection.latest === incoming),
    );
    incoming.isAnswered = true;
    if (!incoming.readsOn || incoming.isEnded) return incoming.connection.done();
    // RFC 9112, 9.3.2: what the service still reads of this request has its effect before the next request has.
    incoming.onceEnded = () => incoming.connection.done();
    return undefined;
  }

  #send(incoming: IncomingRequest, reply: HttpReply, mustBeLast: boolean): void {
    const { request, response, connection } = incoming;
    const { socket } = request;
    if (socket.destroyed) {
      if (!isWhole(reply)) reply.body.discard();
      return this.#ended(incoming);
    }
    const bytes = bufferedBytes(reply);
    const isStream = !isWhole(reply);
    const isBegun = isStream && this.#unread.hasRoom(bytes);
    incoming.readsOn = isBegun && readsRequest(reply);
    const isCutShort = isStream && !isBegun && readsRequest(reply) && !request.complete;
    const last = mustBeLast || isCutShort || (isStream && endsConnection(request, response, reply));
    if (last) this.#open -= connection.dropWaiting();
    const keepAlive = last ? 'last' : this.#keepAlive;
    let sending: ReplyStream | undefined;
    if (isStream && isBegun) {
      const early = incoming.readsOn ? () => this.#endsEarly(incoming) : undefined;
      sending = new ReplyStream(request, response, reply, keepAlive, early);
    } else {
      const hasRoom = !isStream && (bytes <= SHORT_REPLY_BYTES_MAX || this.#unread.hasRoom(bytes));
      if (isStream) reply.body.discard();
      sendReply(request, response, hasRoom ? reply : UNREAD, keepAlive);
      if (isCutShort) dropRest(incoming);
    }
    // A service that reads on is still told when the body breaks off.
    if (last && !incoming.readsOn) {
      incoming.giveUp = () => (sending === undefined ? response.end() : sending.requestBroke());
    }
    // Usually the socket has taken the whole reply already.
    if (response.writableFinished || response.closed) return this.#ended(incoming);
    const over = () => {
      sending?.gone();
      this.#ended(incoming);
    };
    const charge = this.#unread.add(socket, response, isStream ? 0 : bytes, over);
    return sending?.onWaiting(charge);
  }

  /** A reply ended before its request: what comes behind that is no request any more. */
  #endsEarly(incoming: IncomingRequest): void {
    incoming.stream?.discard();
    this.#open -= incoming.connection.dropWaiting();
  }

  /** Counts a request as over, once: its reply has left, or never will. */
  #ended(incoming: IncomingRequest): void {
    if (incoming.isEnded) return;
    incoming.isEnded = true;
    incoming.connection.ended(this.#connections.round);
    this.#open--;
    incoming.onceEnded?.();
    incoming.onceEnded = undefined;
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
      // After a pause of this process its timers fire first: read what clients sent meanwhile before judging silence.
      await new Promise((resolve) => setImmediate(resolve));
    }
    server.closeAllConnections();
  }
}
