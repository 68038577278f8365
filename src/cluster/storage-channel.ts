// Operations on their way to one storage node: an id for each, its answer back to whoever asked, a
// bound on how many bytes wait and how long. What one turn of the event loop brings goes out as one
// batch (the link gathers it); no operation waits for another's answer.

import type { Member, NodeEntry } from './cluster-map.ts';
import type { ClusterId } from './identity.ts';
import { LINK_QUEUE_BYTES_MAX, type Times } from './limits.ts';
import { type Answer, decodeAnswer, encodeOperation, type Operation } from './operations.ts';
import type { Link, Runtime } from './runtime.ts';

/** What came of asking one member: its answer, or why there is none. */
export type MemberAnswer =
  | Answer
  /** Certainly not delivered. */
  | { readonly kind: 'unreachable'; readonly detail: string }
  /** Perhaps delivered, perhaps done. */
  | { readonly kind: 'unanswered'; readonly detail: string }
  /** Not sent, because too much waits for this node already. */
  | { readonly kind: 'overloaded' };

export type AnswerCallback = (answer: MemberAnswer) => void;

interface Exchange {
  readonly callback: AnswerCallback;
  readonly sentMs: number;
  /** Called once when the answer is slow; the exchange goes on. */
  slow: (() => void) | undefined;
}

/** Of an operation that could go to any of several nodes: which of their next batches it costs least to join. */
export type Readiness = 0 | 1 | 2;
/** It leaves at the end of this turn anyway, and has room. */
export const GATHERING: Readiness = 0;
/** Nothing is under way: a batch of its own. */
export const IDLE: Readiness = 1;
/** It must wait for an exchange. */
export const BUSY: Readiness = 2;

/** A batch that is longer leaves others to other nodes, so that they work at the same time: some 40 gets. */
const BATCH_BYTES_GOOD = 2048;

const OVERLOADED: MemberAnswer = { kind: 'overloaded' };
const ID_MAX = 0xffffffff;

/** The stream to one incarnation of one storage node, opened again when it broke (D13). */
export class StorageChannel {
  readonly #runtime: Runtime;
  readonly #times: Times;
  readonly #cluster: ClusterId;
  readonly #member: Pick<Member, 'node' | 'incarnation'>;
  readonly #entry: NodeEntry;
  /** In the order of sending, so the first is always the oldest. */
  readonly #exchanges = new Map<number, Exchange>();
  #link: Link | undefined;
  #failedMs = Number.NEGATIVE_INFINITY;
  #failure = '';
  /** Since when something was sent that nothing has come back for; undefined while all is answered. */
  #silentSinceMs: number | undefined;
  #lastId = 0;
  #sweeping = false;
  #retired = false;

  constructor(
    runtime: Runtime,
    times: Times,
    target: { cluster: ClusterId; member: Pick<Member, 'node' | 'incarnation'>; entry: NodeEntry },
  ) {
    this.#runtime = runtime;
    this.#times = times;
    this.#cluster = target.cluster;
    this.#member = target.member;
    this.#entry = target.entry;
  }

  /**
   * @param callback exactly once, never before this returns unless nothing could be sent
   * @param slow at most once, when the answer is not there after the hedge time
   */
  send(operation: Operation, callback: AnswerCallback, slow?: () => void): void {
    const now = this.#runtime.clock.monotonicMs();
    // A node that just refused to be reached is not asked again at once, or every get would open a socket.
    if (this.#link === undefined && now - this.#failedMs < this.#times.retryMs) {
      return callback({ kind: 'unreachable', detail: this.#failure });
    }
    const link = this.#link ?? this.#open();
    if (link.queuedBytes() > LINK_QUEUE_BYTES_MAX) return callback(OVERLOADED);
    const id = this.#nextId();
    this.#exchanges.set(id, { callback, sentMs: now, slow });
    this.#silentSinceMs ??= now;
    const { head, body } = encodeOperation(operation);
    link.send(id, head, body);
    this.#sweepLater();
  }

  readiness(): Readiness {
    const link = this.#link;
    if (link === undefined || link.isUnderWay()) return BUSY;
    const queuedBytes = link.queuedBytes();
    if (queuedBytes === 0) return IDLE;
    return queuedBytes < BATCH_BYTES_GOOD ? GATHERING : BUSY;
  }

  /** The map no longer names this incarnation; what is under way gets its answer or none. */
  retire(): void {
    this.#retired = true;
    this.#link?.close('the map names another incarnation');
  }

  #open(): Link {
    const { node, incarnation } = this.#member;
    const link = this.#runtime.network.open(
      this.#entry.address,
      { cluster: this.#cluster, node, incarnation },
      {
        received: (id, message) => this.#received(id, message),
        closed: (reason, opened) => this.#closed(reason, opened),
      },
    );
    this.#link = link;
    return link;
  }

  #received(id: number, message: Buffer): void {
    this.#silentSinceMs = this.#exchanges.size > 1 ? this.#runtime.clock.monotonicMs() : undefined;
    const exchange = this.#exchanges.get(id);
    // Answered after its time: the one who asked has long been told.
    if (exchange === undefined) return;
    this.#exchanges.delete(id);
    const answer = decodeAnswer(message);
    if (typeof answer === 'string') {
      this.#runtime.log.write('warn', 'answer refused', {
        node: this.#member.node,
        reason: answer,
      });
      exchange.callback({ kind: 'unanswered', detail: answer });
    } else exchange.callback(answer);
  }

  #closed(reason: string, opened: boolean): void {
    this.#link = undefined;
    this.#silentSinceMs = undefined;
    this.#failure = reason;
    this.#failedMs = this.#runtime.clock.monotonicMs();
    if (!this.#retired) {
      this.#runtime.log.write('debug', 'link closed', { node: this.#member.node, reason });
    }
    const orphans = [...this.#exchanges.values()];
    this.#exchanges.clear();
    const answer: MemberAnswer = { kind: opened ? 'unanswered' : 'unreachable', detail: reason };
    for (const { callback } of orphans) callback(answer);
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

  /** One timer for all exchanges, instead of one each. */
  #sweep(): void {
    const now = this.#runtime.clock.monotonicMs();
    // A connection that outlived a cut may stay silent for as long as TCP waits to repeat itself, which
    // grows with the cut. A new one works at once.
    if (
      this.#silentSinceMs !== undefined &&
      now - this.#silentSinceMs > this.#times.linkSilenceMs
    ) {
      this.#link?.close('silent for too long');
      return;
    }
    const { hedgeMs, tryMs } = this.#times;
    for (const [id, exchange] of this.#exchanges) {
      const elapsedMs = now - exchange.sentMs;
      if (elapsedMs < hedgeMs) break;
      if (elapsedMs < tryMs) {
        const { slow } = exchange;
        exchange.slow = undefined;
        slow?.();
      } else {
        this.#exchanges.delete(id);
        exchange.callback({ kind: 'unanswered', detail: 'no answer in time' });
      }
    }
  }

  #nextId(): number {
    do {
      this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1;
    } while (this.#exchanges.has(this.#lastId));
    return this.#lastId;
  }
}
