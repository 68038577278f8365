// What is known of each connection between its requests: which of them are in progress, which wait for earlier ones,
// and how long nothing was asked. node:http keeps the order of the answers; the order of what is done is kept here.

import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A request, as far as its place in a row of pipelined ones matters. */
export interface Turn {
  /** Whether the service may be asked for something else of the same connection meanwhile: it changes nothing. */
  mayOverlap(): boolean;
  run(): void;
  /** A part of its body is still to come. */
  readonly isComing: boolean;
  /** Takes nothing more of its body. */
  readonly giveUp: (() => void) | undefined;
}

/** With so many waiting on one connection no more are read. What has been read by then is 64 KiB at most. */
const WAITING_MAX = 32;
/** The same for all that are not answered: gets, which need not wait, may take long. */
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
  /** Requests whose head has come, and whose answer has not left. */
  open = 0;
  /** The last round of `Connections` in which something was in progress. */
  usedInRound: number;
  /** So many bytes had come when nothing was in progress any more; what came since is the head of the next request. */
  #readWhenIdle = 0;
  /** Whose head came last. */
  latest: Turn | undefined;
  /** Handed on, and not answered. */
  #running = 0;
  /** The only one of those; several are there only when all may overlap. */
  #alone: Turn | undefined;
  readonly #waiting: Turn[] = [];
  #isAdvancing = false;
  /** Nothing is read until fewer are open. */
  #isStopped = false;
  /** Nothing is read until the answers that are due have left: node:http has detached its parser. */
  #isHeld = false;
  /** Nothing that comes now is done any more: an answer said that it is the last. */
  #isClosing = false;
  /** What waits for the last answer to leave. */
  #onceIdle: (() => void) | undefined;

  constructor(socket: Socket, round: number) {
    this.socket = socket;
    this.usedInRound = round;
  }

  /** Nothing has come since the last answer. */
  get isQuiet(): boolean {
    return this.socket.bytesRead <= this.#readWhenIdle;
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /**
   * RFC 9112, 9.3.2: what a client pipelines has the effect that it would have one after the other. So a request
   * waits for those before it on its connection, unless none of them changes anything.
   */
  take(turn: Turn): void {
    this.open++;
    if (this.#waiting.length === 0 && this.#isFree(turn)) this.#run(turn);
    else this.#waiting.push(turn);
    if (this.#waiting.length >= WAITING_MAX || this.open >= OPEN_MAX) this.#stopReading();
  }

  /** It is answered, or never will be: those behind it may go on. */
  done(): void {
    this.#running--;
    this.#alone = undefined;
    if (this.#waiting.length > 0) this.#advance();
  }

  /** Its answer has left. */
  ended(round: number): void {
    this.open--;
    this.usedInRound = round;
    this.#readAgain();
    if (this.open > 0) return;
    this.#readWhenIdle = this.socket.bytesRead;
    this.#idle();
  }

  /**
   * RFC 9112, 9.6: what was pipelined behind the last answer is not done.
   * @returns how many waited
   */
  close(): number {
    const waited = this.#waiting.length;
    this.#isClosing = true;
    this.open -= waited;
    this.#waiting.length = 0;
    // What comes behind the last answer is read and dropped, so that the client sees that and no reset.
    if (this.#isHeld) this.#release();
    this.#readAgain();
    return waited;
  }

  /** When all answers that are due have left. */
  onceIdle(callback: () => void): void {
    this.#onceIdle = callback;
    if (this.open === 0) this.#idle();
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

  /** In a loop: many may be answered in the very turn in which they are asked. */
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
    if (!isLittle && !this.#isClosing) return;
    this.#isStopped = false;
    readAgain(this.socket);
  }
}

/**
 * node:http resumes a socket after each request that is whole, whoever paused it, unless that was node:http itself
 * (`_paused`). So resuming is taken from it until there is room.
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

/** Longer than node:http lets a head take, with its two looks a minute. */
const HEAD_MS_MAX = 120_000;
/** How much longer than its time a connection may stay open, as a share of that. */
const LATENESS = 1 / 16;

/**
 * All that are open. Closes those on which nothing was asked for long: node:http can do that too, with a timer for
 * each connection that every request stops and every reply starts again, a fifteenth of what a small get costs. Here
 * one look at all of them, now and then, does.
 */
export class Connections {
  readonly #connections = new Set<Connection>();
  readonly #idleMs: number;
  round = 0;

  /** Nothing of it keeps the process alive. @param idleMs so long a connection stays open at least */
  constructor(server: Server, idleMs: number) {
    this.#idleMs = idleMs;
    server.on('connection', (socket: Socket) => this.#opened(socket));
    const timer = setInterval(() => this.#look(), idleMs * LATENESS);
    timer.unref();
    server.once('close', () => clearInterval(timer));
  }

  #opened(socket: Socket): void {
    // One that goes on after an offer that was not taken up (upgrades.ts) is known.
    if (connectionOf(socket) !== undefined) return;
    const connection = new Connection(socket, this.round);
    (socket as KnownSocket)[CONNECTION] = connection;
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }

  /** It speaks HTTP no longer. */
  forget(socket: Socket): void {
    this.#connections.delete(connectionOf(socket));
  }

  #look(): void {
    this.round++;
    for (const connection of this.#connections) {
      if (connection.open > 0) continue;
      const unusedMs = (this.round - connection.usedInRound) * LATENESS * this.#idleMs;
      // For a head that comes slowly node:http has a time of its own, and an answer; for empty lines it has none.
      const limitMs = connection.isQuiet ? this.#idleMs : Math.max(this.#idleMs, HEAD_MS_MAX);
      if (unusedMs > limitMs) connection.socket.destroy();
    }
  }
}
