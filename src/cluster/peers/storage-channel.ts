// Sends operations to one storage node, and returns each answer to its caller. Batches form by themselves: operations
// that come while an exchange with the node is under way go together as the next batch. What waits is bounded in
// number, bytes and time, and no operation waits for the answer to another.

import type { Member, NodeEntry } from '../model/cluster-map.ts';
import type { ClusterId } from '../model/identity.ts';
import {
  BATCH_BYTES_MAX,
  type Times,
  WAITING_BYTES_MAX,
  WAITING_OPERATIONS_MAX,
} from '../model/limits.ts';
import type { Link, Runtime } from '../ports.ts';
import { isNoLater, QueueByNumber } from '../queue-by-number.ts';
import { decodeAnswer } from '../wire/answers.ts';
import {
  type Answer,
  encodeOperation,
  type Operation,
  operationBytes,
} from '../wire/operations.ts';
import { RequestStream } from './request-stream.ts';

/** The result of asking one member: its answer, or why there is none. */
export type MemberAnswer =
  | Answer
  /** The operation was certainly not delivered. */
  | { readonly kind: 'unreachable'; readonly detail: string }
  /** The operation may have been delivered, and may have been done. */
  | { readonly kind: 'unanswered'; readonly detail: string }
  /** The operation was not sent, because too many wait for this node. */
  | { readonly kind: 'overloaded' };

export type AnswerCallback = (answer: MemberAnswer) => void;

interface Asker {
  readonly callback: AnswerCallback;
  /** Called at most once, when the answer is slow; the exchange goes on. */
  slow: (() => void) | undefined;
}

interface PendingOperation extends Asker {
  readonly operation: Operation;
  readonly startedMs: number;
  /** When the node was last seen to be at work for it: the start, or the last sweep that found its turn coming. */
  heardMs: number;
  /** Callers with the same get, which share the answer. */
  more: Asker[] | undefined;
}

/** How well an operation fits the next batch to this node, the lower the better: a get chooses among members by it. */
export type Readiness = 0 | 1 | 2;
/** A batch is being gathered, and has room. */
export const GATHERING: Readiness = 0;
/** Nothing is queued or under way: the operation would be a batch of its own. */
export const IDLE: Readiness = 1;
/** The operation would have to wait for an exchange, or join a batch that is long already. */
export const BUSY: Readiness = 2;

/** A longer batch counts as BUSY, so that other nodes take the next gets and work at the same time: some 40 gets. */
const BATCH_BYTES_GOOD = 2048;

const OVERLOADED: MemberAnswer = { kind: 'overloaded' };

/** The stream to one incarnation of one storage node, which is opened again when it breaks (D13). */
export class StorageChannel {
  readonly #runtime: Runtime;
  readonly #times: Times;
  readonly #member: Pick<Member, 'node' | 'incarnation'>;
  readonly #stream: RequestStream<PendingOperation>;
  /** Operations that were not sent yet, the oldest first. */
  readonly #waiting = new QueueByNumber<PendingOperation>();
  #waitingBytes = 0;
  /** Gets that were not sent yet, by key: an equal get that comes meanwhile shares their answer. */
  #gets = new Map<string, PendingOperation>();
  /** The link's `batchesLeft` when `#gets` was begun. */
  #getsBatch = 0;
  #failedMs = Number.NEGATIVE_INFINITY;
  #failure = '';
  /** Since when something is unanswered and nothing has come from the node; undefined while everything is answered. */
  #silentSinceMs: number | undefined;
  /** Whether anything came since the last sweep. Reading the clock for each answer would cost more than it is worth. */
  #heard = false;
  /** Of the long answers of which parts came since the last sweep, the one that was asked for first. */
  #arriving: number | undefined;
  #sweeping = false;
  #retired = false;

  constructor(
    runtime: Runtime,
    times: Times,
    target: { cluster: ClusterId; member: Pick<Member, 'node' | 'incarnation'>; entry: NodeEntry },
  ) {
    this.#runtime = runtime;
    this.#times = times;
    this.#member = target.member;
    const { node, incarnation } = target.member;
    const { cluster } = target;
    const { address } = target.entry;
    const hello = {
      purpose: 'operations',
      cluster,
      node,
      incarnation,
      timeScale: times.scale,
    } as const;
    this.#stream = new RequestStream<PendingOperation>(
      runtime.network,
      { address, hello },
      {
        received: (exchange, message) => this.#received(exchange, message),
        arriving: (id) => {
          this.#heard = true;
          if (this.#arriving === undefined || isNoLater(id, this.#arriving)) this.#arriving = id;
        },
        ready: () => this.#ready(),
        closed: (sent, reason, opened) => this.#closed(sent, reason, opened),
      },
    );
  }

  /**
   * @param callback called exactly once; before `send` returns only if nothing could be sent
   * @param slow called at most once, when there is no answer after the hedge time
   */
  send(operation: Operation, callback: AnswerCallback, slow?: () => void): void {
    const now = this.#runtime.clock.monotonicMs();
    // A node that could not be reached a moment ago is not tried again, or every get would open a socket.
    if (this.#stream.link === undefined && now - this.#failedMs < this.#times.retryMs) {
      return callback({ kind: 'unreachable', detail: this.#failure });
    }
    const link = this.#stream.open();
    const isGet = operation.kind === 'get';
    const name = isGet ? operation.key.toString('latin1') : '';
    const known = isGet ? this.#equalGet(link, name) : undefined;
    if (known !== undefined) return join(known, { callback, slow });
    const exchange: PendingOperation = {
      operation,
      callback,
      startedMs: now,
      heardMs: now,
      slow,
      more: undefined,
    };
    if (isGet) this.#gets.set(name, exchange);
    if (this.#waiting.size === 0 && hasRoom(link, operation)) this.#put(exchange);
    else this.#wait(exchange);
    this.#silentSinceMs ??= now;
    this.#sweepLater();
  }

  /** Joins only gets that were not sent yet: a sent one may predate a set acknowledged since (I5). */
  #equalGet(link: Link, name: string): PendingOperation | undefined {
    const batch = link.batchesLeft();
    if (batch !== this.#getsBatch) {
      this.#getsBatch = batch;
      // A new Map, because one that grows and shrinks all the time leaks (queue-by-number.ts).
      this.#gets = new Map();
    }
    return this.#gets.size === 0 ? undefined : this.#gets.get(name);
  }

  #put(exchange: PendingOperation): void {
    const { head, body } = encodeOperation(exchange.operation);
    this.#stream.send(exchange, head, body);
  }

  /** Beyond the bounds the oldest is given up first, because its deadline is the nearest anyway. */
  #wait(exchange: PendingOperation): void {
    this.#waiting.add(exchange);
    this.#waitingBytes += operationBytes(exchange.operation);
    while (this.#waiting.size > 1) {
      const isFull = this.#waiting.size > WAITING_OPERATIONS_MAX;
      if (!isFull && this.#waitingBytes <= WAITING_BYTES_MAX) break;
      const oldest = this.#nextWaiting();
      if (oldest !== undefined) this.#giveUp(oldest, OVERLOADED);
    }
  }

  /** Takes the oldest operation out of the waiting ones. */
  #nextWaiting(): PendingOperation | undefined {
    const oldest = this.#waiting.shift();
    if (oldest !== undefined) this.#waitingBytes -= operationBytes(oldest.operation);
    return oldest;
  }

  /** Ends the exchange without the node's answer; equal gets can no longer join it. */
  #giveUp(exchange: PendingOperation, answer: MemberAnswer): void {
    const { operation } = exchange;
    const key = operation.kind === 'get' ? operation.key.toString('latin1') : '';
    if (this.#gets.get(key) === exchange) this.#gets.delete(key);
    tell(exchange, answer);
  }

  /** The node has sent something, so the waiting operations become the next batch. */
  #ready(): void {
    for (let next = this.#waiting.first(); next !== undefined; next = this.#waiting.first()) {
      const { link } = this.#stream;
      if (link === undefined || !hasRoom(link, next.operation)) return;
      this.#nextWaiting();
      this.#put(next);
    }
  }

  readiness(): Readiness {
    const { link } = this.#stream;
    if (link === undefined || link.isUnderWay()) return BUSY;
    const queuedBytes = link.queuedBytes();
    if (queuedBytes === 0) return IDLE;
    return queuedBytes < BATCH_BYTES_GOOD ? GATHERING : BUSY;
  }

  /**
   * Closes the stream, as the map no longer names this incarnation or the asking one has ended; operations that were
   * sent end unanswered.
   */
  retire(): void {
    this.#retired = true;
    this.#stream.close('between these incarnations nothing is asked any more');
  }

  #received(exchange: PendingOperation | undefined, message: Buffer): void {
    this.#heard = true;
    if (this.#stream.asked.size === 0 && this.#waiting.size === 0) this.#silentSinceMs = undefined;
    // The answer came too late: the exchange was given up before.
    if (exchange === undefined) return;
    const answer = decodeAnswer(message);
    if (typeof answer === 'string') {
      this.#runtime.logger.write('warn', 'answer refused', {
        node: this.#member.node,
        reason: answer,
      });
      tell(exchange, { kind: 'unanswered', detail: answer });
    } else tell(exchange, answer);
  }

  #closed(sent: readonly PendingOperation[], reason: string, opened: boolean): void {
    this.#silentSinceMs = undefined;
    this.#arriving = undefined;
    this.#failure = reason;
    this.#failedMs = this.#runtime.clock.monotonicMs();
    if (!this.#retired) {
      this.#runtime.logger.write('debug', 'link closed', { node: this.#member.node, reason });
    }
    const waiting = this.#waiting.takeAll();
    this.#waitingBytes = 0;
    const unreachable: MemberAnswer = { kind: 'unreachable', detail: reason };
    const answer = opened ? { kind: 'unanswered' as const, detail: reason } : unreachable;
    this.#gets = new Map();
    for (const exchange of sent) tell(exchange, answer);
    for (const exchange of waiting) tell(exchange, unreachable);
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#runtime.timers.after(this.#times.sweepMs, () => {
      this.#sweeping = false;
      this.#sweep();
      if (this.#silentSinceMs !== undefined) this.#sweepLater();
    });
  }

  /** One timer checks for slow and overdue exchanges, instead of one timer for each exchange. */
  #sweep(): void {
    const now = this.#runtime.clock.monotonicMs();
    // After a cut, TCP repeats what was lost only after pauses that grow with the cut, so the old connection may stay
    // silent for long. A new one works at once.
    if (this.#heard && this.#silentSinceMs !== undefined) this.#silentSinceMs = now;
    this.#heard = false;
    if (
      this.#silentSinceMs !== undefined &&
      now - this.#silentSinceMs > this.#times.linkSilenceMs
    ) {
      this.#stream.close('silent for too long');
      return;
    }
    const { hedgeMs, tryMs } = this.#times;
    const arriving = this.#arriving;
    this.#arriving = undefined;
    this.#stream.asked.visit((exchange, id) => {
      if (arriving !== undefined && waitsForItsTurn(exchange, id, arriving)) exchange.heardMs = now;
      else if (now - exchange.startedMs < hedgeMs) return arriving !== undefined;
      const elapsedMs = now - exchange.heardMs;
      if (elapsedMs < hedgeMs) return true;
      if (elapsedMs < tryMs) askElsewhere(exchange);
      else if (this.#stream.asked.take(id) !== undefined) {
        this.#giveUp(exchange, { kind: 'unanswered', detail: 'no answer in time' });
      }
      return true;
    });
    this.#waiting.visit((exchange) => {
      const elapsedMs = now - exchange.startedMs;
      if (elapsedMs < hedgeMs) return false;
      if (elapsedMs < tryMs) askElsewhere(exchange);
      // The sweep has given up all older ones, so this one is the first.
      else if (this.#waiting.first() === exchange) {
        this.#nextWaiting();
        this.#giveUp(exchange, { kind: 'unreachable', detail: 'not sent in time' });
      }
      return true;
    });
  }
}

/** Operations whose answers have records. */
const MAY_BE_LONG: readonly Operation['kind'][] = ['get', 'gets', 'scan', 'peek', 'judge'];

/**
 * While parts of its own answer arrive, or of one asked for before it, an operation that asks for as much waits for its
 * turn among them. Asking another node for as much would slow down the answers under way, and giving it up would waste
 * what was already sent for it (H19). What was asked for later says nothing of this turn: answers that need nothing but
 * the memory come in the order of their questions, while one that waits for a log which hangs would wait for ever, as
 * long as others read long values. What was asked for before comes to an end.
 */
function waitsForItsTurn({ operation }: PendingOperation, id: number, arriving: number): boolean {
  return MAY_BE_LONG.includes(operation.kind) && isNoLater(arriving, id);
}

/** Whether the operation can join the batch that is being gathered; one longer than a batch goes alone. */
function hasRoom(link: Link, operation: Operation): boolean {
  if (link.isUnderWay()) return false;
  const queuedBytes = link.queuedBytes();
  return queuedBytes === 0 || queuedBytes + operationBytes(operation) <= BATCH_BYTES_MAX;
}

function join(exchange: PendingOperation, asker: Asker): void {
  exchange.more ??= [];
  exchange.more.push(asker);
}

function tell({ callback, more }: PendingOperation, answer: MemberAnswer): void {
  callback(answer);
  if (more !== undefined) for (const asker of more) asker.callback(answer);
}

function askElsewhere(exchange: PendingOperation): void {
  const { more } = exchange;
  slowFor(exchange);
  if (more !== undefined) for (const asker of more) slowFor(asker);
}

function slowFor(asker: Asker): void {
  const { slow } = asker;
  asker.slow = undefined;
  slow?.();
}
