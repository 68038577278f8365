// Which nodes are silent, alive or dead (R6, H5, H9 to H11). Silence is a guess from missing heartbeats. Alive means
// that a heartbeat came. Death is proven by the node itself, its parent, its successor or the operator, never by a
// time-out. Nothing is stored: a restarted controller begins anew.

import type { IncarnationId } from '../../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';

/** A controller that was paused for this many heartbeats suspects no node for the ones it missed (H10). */
export const AWAY_HEARTBEATS = 2.5;

export interface Death {
  readonly atMs: number;
  /** D4: until then the node may come back with its data, and keeps its place. */
  readonly returnsUntilMs: number;
}

interface Sighting {
  readonly incarnation: Incarnation;
  readonly atMs: number;
}

export class FailureDetector {
  readonly #times: Times;
  readonly #heard = new Map<NodeId, Sighting>();
  readonly #vouched = new Map<NodeId, Sighting>();
  /** When the check was sent that the node refused. */
  readonly #refused = new Map<NodeId, Sighting>();
  readonly #deaths = new Map<string, Death & IncarnationId>();
  readonly #news: () => void;
  /** Silence counts only from here on. Never a proof of life (H9). */
  #suspectFromMs: number;
  #tickMs: number;
  /** Heartbeats that arrive earlier may have waited while this controller was paused. */
  #trustFromMs = Number.NEGATIVE_INFINITY;
  /** Heartbeats count from here on: earlier there was no map that named their senders. */
  #listensFromMs: number;

  /** @param news is called when something was learned that may lead to a decision */
  constructor(times: Times, nowMs: number, news: () => void = () => undefined) {
    this.#times = times;
    this.#news = news;
    this.#listensFromMs = nowMs;
    this.#suspectFromMs = nowMs;
    this.#tickMs = nowMs;
  }

  tick(nowMs: number): void {
    if (this.#isBack(nowMs)) {
      this.suspectNobody(nowMs);
      this.#trustFromMs = nowMs + this.#times.heartbeatMs;
    }
    this.#tickMs = nowMs;
  }

  suspectNobody(nowMs: number): void {
    this.#suspectFromMs = nowMs;
  }

  /** Call when the first map is published: no earlier heartbeat was of an incarnation in a map. */
  listens(nowMs: number): void {
    this.#listensFromMs = nowMs;
  }

  /** Call when a heartbeat of this incarnation came. */
  heard({ node, incarnation }: IncarnationId, nowMs: number): void {
    this.#heard.set(node, { incarnation, atMs: nowMs });
  }

  heardMs(node: NodeId): number | undefined {
    return this.#heard.get(node)?.atMs;
  }

  /** H11: a witness renewed the lease of this incarnation, so it is alive, though it does not reach this controller. */
  vouchedFor({ node, incarnation }: IncarnationId, atMs: number): void {
    const known = this.#vouched.get(node);
    if (known?.incarnation === incarnation && known.atMs >= atMs) return;
    this.#vouched.set(node, { incarnation, atMs });
  }

  /**
   * A frontend could not reach the node, and the controller's own check, sent at `sentMs`, was refused at once:
   * nobody listens there, so suspect the node sooner. A check without an answer proves no more than a missing
   * heartbeat.
   */
  refusedLook({ node, incarnation }: IncarnationId, sentMs: number): void {
    this.#refused.set(node, { incarnation, atMs: sentMs });
    this.#news();
  }

  /**
   * The node answered a check, which only shows that somebody listens. It counts neither as a heartbeat nor as a
   * proof of life (H9, I8): a process that has stopped serving may still answer, and the answer does not report which
   * maps and copies it has.
   */
  answeredLook({ node, incarnation }: IncarnationId): void {
    if (this.#refused.get(node)?.incarnation === incarnation) this.#refused.delete(node);
  }

  died(incarnationId: IncarnationId, nowMs: number, returning: boolean): void {
    if (this.#deaths.has(keyOf(incarnationId))) return;
    const returnsUntilMs = returning ? nowMs + this.#times.resumeWindowMs : nowMs;
    const { node, incarnation } = incarnationId;
    this.#deaths.set(keyOf(incarnationId), { node, incarnation, atMs: nowMs, returnsUntilMs });
    this.#news();
  }

  /** Forgets the deaths of incarnations that the map does not name any more. */
  forgetDeaths(isNamed: (incarnationId: IncarnationId) => boolean): void {
    for (const [key, death] of this.#deaths) if (!isNamed(death)) this.#deaths.delete(key);
  }

  death(incarnationId: IncarnationId): Death | undefined {
    return this.#deaths.get(keyOf(incarnationId));
  }

  /** Silent beyond the suspicion time, both directly and through witnesses. */
  isSilent(incarnationId: IncarnationId, nowMs: number): boolean {
    return nowMs > this.silentFromMs(incarnationId);
  }

  /** The same by the node's own heartbeats alone, without those of witnesses. */
  isSilentItself(incarnationId: IncarnationId, nowMs: number): boolean {
    const last = Math.max(
      this.#suspectFromMs,
      atOf(this.#heard.get(incarnationId.node), incarnationId),
    );
    return nowMs - last > this.#times.suspicionMs;
  }

  /** The time after which the node is silent for too long, unless it is heard until then. */
  silentFromMs(incarnationId: IncarnationId): number {
    const last = Math.max(
      this.#suspectFromMs,
      atOf(this.#heard.get(incarnationId.node), incarnationId),
      atOf(this.#vouched.get(incarnationId.node), incarnationId),
    );
    const { suspicionMs, suspicionReportedMs } = this.#times;
    const refused = atOf(this.#refused.get(incarnationId.node), incarnationId) >= last;
    return last + (refused ? suspicionReportedMs : suspicionMs);
  }

  /**
   * Whether it is too early for an operator to declare the node dead or pass it over: it was heard lately, directly
   * or through a witness, or this controller had no time to hear it (H10). An operator's command that waited while
   * the controller was paused is handled before the heartbeats that waited.
   */
  mayBeAlive(incarnationId: IncarnationId, nowMs: number): boolean {
    if (this.death(incarnationId) !== undefined) return false;
    const hasJustBegun = nowMs - this.#listensFromMs <= this.#times.suspicionMs;
    return this.#isBack(nowMs) || hasJustBegun || !this.isSilent(incarnationId, nowMs);
  }

  /**
   * I8: alive now, as far as this controller knows. Heartbeats that waited through a pause may be of nodes that are
   * dead by now; a node that is alive is heard again within one heartbeat.
   */
  isAlive(incarnationId: IncarnationId, nowMs: number): boolean {
    return !this.#isBack(nowMs) && this.isAliveSince(incarnationId, this.#trustFromMs, nowMs);
  }

  /** I8: a heartbeat of this incarnation came after the given time, to this controller process, and lately. */
  isAliveSince(incarnationId: IncarnationId, sinceMs: number, nowMs: number): boolean {
    const heardMs = atOf(this.#heard.get(incarnationId.node), incarnationId);
    const recent = nowMs - heardMs < AWAY_HEARTBEATS * this.#times.heartbeatMs;
    return heardMs >= sinceMs && recent && this.death(incarnationId) === undefined;
  }

  /** True when the controller was paused until now, and has not ticked since. */
  #isBack(nowMs: number): boolean {
    return nowMs - this.#tickMs > AWAY_HEARTBEATS * this.#times.heartbeatMs;
  }
}

function atOf(sign: Sighting | undefined, incarnationId: IncarnationId): number {
  return sign?.incarnation === incarnationId.incarnation ? sign.atMs : Number.NEGATIVE_INFINITY;
}

function keyOf({ node, incarnation }: IncarnationId): string {
  return `${incarnation} ${node}`;
}
