// Tracks each connection: which of its requests are in progress, which wait for earlier ones, and how long it has been
// idle. node:http keeps the order of the replies; the order in which requests are carried out is kept here.

import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { LinkedSet } from '../../linked-set.ts';
import type { Cancel } from '../../ports.ts';
import { BodyPace, type PaceLimits } from './body-pace.ts';

/** A request in its place among the pipelined ones of its connection. */
export interface Turn {
  /** Whether the request changes nothing, so that others of its connection may be in progress at the same time. */
  mayOverlap(): boolean;
  run(): void;
  /** Whether a part of its body is still to come. */
  readonly isComing: boolean;
  /** Whether the server or its service waits for that part: while a service does not read, its client is not slow. */
  readonly isAwaited: boolean;
  /** Stops taking the body; undefined for a request without one. */
  readonly giveUp: (() => void) | undefined;
}

/** Reading stops at this many waiting requests of a connection; at most 64 KiB more have been read by then. */
const WAITING_MAX = 32;
/** Reading stops at this many unanswered requests too: gets do not wait for each other, but may take long. */
const OPEN_MAX = 128;

const CONNECTION = Symbol('what is known of a connection');

interface KnownSocket extends Socket {
  [CONNECTION]: Connection;
}

export function connectionOf(socket: Socket): Connection {
  return (socket as KnownSocket)[CONNECTION];
}

export class Connection {
  readonly socket: Socket;
  /** How many requests have arrived whose reply has not left. */
  open = 0;
  /** The last round of checks of `Connections` in which a request was open. */
  usedInRound: number;
  /** How many bytes had been received when the last request ended; any since are the head of the next one. */
  #readWhenIdle = 0;
  /** The request whose head came last. */
  latest: Turn | undefined;
  /** How many requests were handed to the service and are not answered. */
  #running = 0;
  /** The running request while it runs alone. Invariant: when undefined, all running requests may overlap. */
  #alone: Turn | undefined;
  readonly #waiting: Turn[] = [];
  #isAdvancing = false;
  /** Whether reading has stopped until fewer requests are open. */
  #isStopped = false;
  /** Nothing is read until the replies that are due have left: node:http has detached its parser. */
  #isHeld = false;
  /** Whether the last reply of the connection is on its way: requests that come now are not carried out. */
  #isClosing = false;
  /** Whether a reply was sent that says that it is the last one. */
  #isLastSent = false;
  /** Called when the last reply has left. */
  #onceIdle: (() => void) | undefined;
  /** The pace of the body that was on its way at the last check; most bodies arrive between two checks. */
  #pace: { readonly turn: Turn; readonly pace: BodyPace } | undefined;

  /** Called when nothing more comes. */
  readonly #onceLeft = new LinkedSet<() => void>();
  #listens = false;

  constructor(socket: Socket, round: number) {
    this.socket = socket;
    this.usedInRound = round;
  }

  /** @param callback called at most once, when the client has ended its side of the connection, or that is lost */
  onceLeft(callback: () => void): Cancel {
    if (this.#onceLeft.isEmpty) this.#listenForEnd();
    const entry = this.#onceLeft.add(callback);
    return () => this.#onceLeft.delete(entry);
  }

  /** One listener for all requests of the connection, and none for most connections. */
  #listenForEnd(): void {
    if (!this.#listens) {
      this.#listens = true;
      for (const event of ['end', 'close']) this.socket.once(event, () => this.#left());
    }
    // The end may have come before this request had its turn, or with it.
    if (this.socket.readableEnded || this.socket.destroyed) setImmediate(() => this.#left());
  }

  #left(): void {
    for (const callback of this.#onceLeft.takeAll()) callback();
  }

  /** Whether no byte has come since the last reply left. */
  get isQuiet(): boolean {
    return this.socket.bytesRead <= this.#readWhenIdle;
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** RFC 9112, 9.6: nothing may be sent behind that reply, also not to bytes that are no request. */
  get isLastSent(): boolean {
    return this.#isLastSent;
  }

  /**
   * RFC 9112, 9.3.2: pipelined requests have the same effect as requests sent one after the other. So a request waits
   * for those before it on its connection, unless it and they all change nothing.
   */
  take(turn: Turn): void {
    this.open++;
    if (this.#waiting.length === 0 && this.#isFree(turn)) this.#run(turn);
    else this.#waiting.push(turn);
    if (this.#waiting.length >= WAITING_MAX || this.open >= OPEN_MAX) this.#stopReading();
  }

  /** A running request is answered, or never will be: the requests behind it may go on. */
  done(): void {
    this.#running--;
    this.#alone = undefined;
    if (this.#waiting.length > 0) this.#advance();
  }

  /** The reply to a request has left, or never will. @param round the present one of `Connections` */
  ended(round: number): void {
    this.open--;
    this.usedInRound = round;
    this.#readAgain();
    if (this.open > 0) return;
    this.#readWhenIdle = this.socket.bytesRead;
    this.#idle();
  }

  /**
   * RFC 9112, 9.6: requests pipelined behind the last reply are not carried out. Call when that reply is sent, which is
   * when all requests before its own are answered.
   * @returns how many of them waited
   */
  dropWaiting(): number {
    const waited = this.#waiting.length;
    this.#isLastSent = true;
    this.open -= waited;
    this.#waiting.length = 0;
    this.takeNoMore();
    return waited;
  }

  /** Takes a request back that waits for its turn, because the rest of it will not come. @returns whether it waited */
  takeBack(turn: Turn): boolean {
    const at = this.#waiting.indexOf(turn);
    if (at < 0) return false;
    this.#waiting.splice(at, 1);
    return true;
  }

  /** Nothing that comes from now on is a request; those that wait are still carried out. */
  takeNoMore(): void {
    this.#isClosing = true;
    // What comes behind the last answer is read and dropped, so that the client sees that and no reset.
    if (this.#isHeld) this.#release();
    this.#readAgain();
  }

  /** @param callback called once all replies that are due have left */
  onceIdle(callback: () => void): void {
    this.#onceIdle = callback;
    if (this.open === 0) this.#idle();
  }

  /**
   * @param waitedMs the time since the last check
   * @returns the request whose body comes too slowly, if there is one
   */
  slowBody(limits: PaceLimits, waitedMs: number): Turn | undefined {
    const turn = this.latest;
    if (turn?.isComing !== true) {
      this.#pace = undefined;
      return undefined;
    }
    const { bytesRead } = this.socket;
    if (this.#pace?.turn !== turn) {
      this.#pace = { turn, pace: new BodyPace(limits, bytesRead) };
    } else if (turn.isAwaited && this.#pace.pace.look(waitedMs, bytesRead)) {
      this.#pace = undefined;
      return turn;
    }
    return undefined;
  }

  /**
   * Keeps what comes for `callback`, which is called when all answers that are due have left. node:http has detached
   * its parser from the socket by then, but it still resumes the socket whenever the rest of one of their requests is
   * read or dropped, and what a socket reads while nobody listens is lost.
   * @param callback not called when nothing can be said on the connection any more
   */
  holdUntilIdle(callback: () => void): void {
    const { socket } = this;
    if (this.#isClosing) socket.resume();
    else this.#hold();
    // Wait for the end of the turn too: node:http gives the socket free only then, and a response that it makes before
    // would wait for that for ever.
    this.onceIdle(() =>
      setImmediate(() => {
        if (this.#isHeld) this.#release();
        if (socket.writable && !this.#isClosing) callback();
      }),
    );
  }

  #hold(): void {
    this.#isHeld = true;
    stopReading(this.socket);
    this.socket.on('drain', tellOfDrain);
  }

  /** Resuming takes effect in the next turn: who listens by then misses nothing. */
  #release(): void {
    this.#isHeld = false;
    this.#isStopped = false;
    this.socket.off('drain', tellOfDrain);
    Reflect.deleteProperty(this.socket, 'resume');
    this.socket.resume();
  }

  #idle(): void {
    const callback = this.#onceIdle;
    this.#onceIdle = undefined;
    callback?.();
  }

  #isFree(turn: Turn): boolean {
    if (this.#running === 0) return true;
    return turn.mayOverlap() && (this.#alone === undefined || this.#alone.mayOverlap());
  }

  #run(turn: Turn): void {
    this.#running++;
    this.#alone = this.#running === 1 ? turn : undefined;
    turn.run();
  }

  /** Runs waiting requests in a loop, not by recursion: many may be answered in the same turn. */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    for (let next = this.#waiting[0]; next !== undefined && this.#isFree(next); ) {
      this.#waiting.shift();
      this.#run(next);
      [next] = this.#waiting;
    }
    this.#isAdvancing = false;
    this.#readAgain();
  }

  #stopReading(): void {
    this.#isStopped = true;
    stopReading(this.socket);
  }

  #readAgain(): void {
    if (!this.#isStopped || this.#isHeld) return;
    const isLittle = this.#waiting.length < WAITING_MAX / 2 && this.open < OPEN_MAX / 2;
    // Bytes behind the last reply are read and dropped: unread, they would make the client see a reset, not the reply.
    if (!isLittle && !this.#isClosing) return;
    this.#isStopped = false;
    readAgain(this.socket);
  }
}

/**
 * Pauses the socket and disables its `resume` until there is room: after each complete request node:http resumes a
 * socket that others paused, unless node:http itself had paused it as well (`_paused`).
 */
function stopReading(socket: Socket): void {
  if (Object.hasOwn(socket, 'resume')) return;
  socket.pause();
  socket.resume = () => socket;
}

function readAgain(socket: Socket & { readonly _paused?: boolean }): void {
  if (!Object.hasOwn(socket, 'resume')) return;
  Reflect.deleteProperty(socket, 'resume');
  if (socket._paused !== true) socket.resume();
}

/**
 * A listener of a held socket. node:http tells the response whose turn it is (`_httpMessage`) that there is room again,
 * but not after it has detached its parser.
 */
function tellOfDrain(this: Socket & { readonly _httpMessage?: ServerResponse | null }): void {
  this._httpMessage?.emit('drain');
}

/** Longer than node:http lets the head of a request take, including its delay in noticing: it checks twice a minute. */
const HEAD_MS_MAX = 120_000;
/** The time between two checks, as a share of the shortest limit: an idle connection may stay open that much longer. */
const LATENESS = 1 / 16;

/**
 * All open connections. Closes those that were idle for long. node:http could do so too, but with a timer per
 * connection that every request stops and every reply restarts, a fifteenth of the cost of a small get; here a check of
 * all connections from time to time is enough.
 */
export class Connections {
  readonly #connections = new Set<Connection>();
  readonly #idleMs: number;
  readonly #lookMs: number;
  readonly #paceLimits: PaceLimits;
  round = 0;
  /** Called with each request whose body comes too slowly. */
  onSlow: (turn: Turn) => void = () => undefined;

  /**
   * Starts the checks; their timer does not keep the process alive.
   * @param idleMs how long an idle connection stays open at least
   */
  constructor(server: Server, idleMs: number, paceLimits: PaceLimits) {
    this.#idleMs = idleMs;
    this.#paceLimits = paceLimits;
    this.#lookMs = Math.min(idleMs, paceLimits.idleMs) * LATENESS;
    server.on('connection', (socket: Socket) => this.#opened(socket));
    const timer = setInterval(() => this.#look(), this.#lookMs);
    timer.unref();
    server.once('close', () => clearInterval(timer));
  }

  #opened(socket: Socket): void {
    // A socket comes back here after an ignored offer of an upgrade (upgrades.ts), and is known already.
    if (connectionOf(socket) !== undefined) return;
    const connection = new Connection(socket, this.round);
    (socket as KnownSocket)[CONNECTION] = connection;
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }

  /** Stops checking a connection that speaks HTTP no longer. */
  forget(socket: Socket): void {
    this.#connections.delete(connectionOf(socket));
  }

  #look(): void {
    this.round++;
    for (const connection of this.#connections) {
      if (connection.open > 0) {
        const slow = connection.slowBody(this.#paceLimits, this.#lookMs);
        if (slow !== undefined) this.onSlow(slow);
        continue;
      }
      // It was used at some time after the beginning of that round, so the round itself does not count.
      const unusedMs = (this.round - connection.usedInRound - 1) * this.#lookMs;
      // node:http itself ends a slow head, with a reply, so it is left the time. It never ends a client of empty lines.
      const limitMs = connection.isQuiet ? this.#idleMs : Math.max(this.#idleMs, HEAD_MS_MAX);
      if (unusedMs > limitMs) connection.socket.destroy();
    }
  }
}
