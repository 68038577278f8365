// Who is silent, who is alive, who is dead (R6, H5, H9 to H11). Silence is a guess from missing
// heartbeats; life is a heartbeat that came; death is proven, by the node itself, its parent, its
// successor or the operator, never by a time-out. All of it is gone with the controller.

import type { Life } from '../../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';

/** A controller that was away for so many heartbeats suspects nobody for what it missed (H10). */
export const AWAY_HEARTBEATS = 2.5;

export interface Death {
  readonly atMs: number;
  /** Until then it may come back with its data, and keeps its place (D4). */
  readonly returnsUntilMs: number;
}

interface Sign {
  readonly incarnation: Incarnation;
  readonly atMs: number;
}

export class FailureDetector {
  readonly #times: Times;
  readonly #heard = new Map<NodeId, Sign>();
  readonly #vouched = new Map<NodeId, Sign>();
  /** When the look was sent that it refused. */
  readonly #refused = new Map<NodeId, Sign>();
  readonly #deaths = new Map<string, Death>();
  readonly #news: () => void;
  /** No silence counts from before. Never a proof of life (H9). */
  #suspectFromMs: number;
  #tickMs: number;
  /** What comes sooner may have waited while this controller was away. */
  #trustFromMs = Number.NEGATIVE_INFINITY;
  /** Heartbeats count from then on. */
  #listensFromMs: number;

  /** @param news is called when something was learned that a decision may follow from */
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

  /** There is a map that names lives: before, no heartbeat was one of theirs. */
  listens(nowMs: number): void {
    this.#listensFromMs = nowMs;
  }

  /** A heartbeat of this very life came. */
  heard({ node, incarnation }: Life, nowMs: number): void {
    this.#heard.set(node, { incarnation, atMs: nowMs });
  }

  heardMs(node: NodeId): number | undefined {
    return this.#heard.get(node)?.atMs;
  }

  /** A witness renewed its lease, so it lives, though it does not reach this controller (H11). */
  vouchedFor({ node, incarnation }: Life, atMs: number): void {
    const known = this.#vouched.get(node);
    if (known?.incarnation === incarnation && known.atMs >= atMs) return;
    this.#vouched.set(node, { incarnation, atMs });
  }

  /**
   * A frontend could not reach it, and a look of the controller's own, sent then, was refused at once: nobody listens
   * there, so suspect it sooner. A look that is merely not answered says no more than a heartbeat that is missing.
   */
  refusedLook({ node, incarnation }: Life, sentMs: number): void {
    this.#refused.set(node, { incarnation, atMs: sentMs });
    this.#news();
  }

  /**
   * It answered a look, so somebody listens, and no more is said: it is no heartbeat. A process that has stopped
   * serving may still answer, and nothing is said of the maps and copies that it has. So it makes up for no missing
   * heartbeat, and is no proof of life (H9, I8).
   */
  answeredLook({ node, incarnation }: Life): void {
    if (this.#refused.get(node)?.incarnation === incarnation) this.#refused.delete(node);
  }

  died(life: Life, nowMs: number, returning: boolean): void {
    if (this.#deaths.has(keyOf(life))) return;
    const returnsUntilMs = returning ? nowMs + this.#times.resumeWindowMs : nowMs;
    this.#deaths.set(keyOf(life), { atMs: nowMs, returnsUntilMs });
    this.#news();
  }

  death(life: Life): Death | undefined {
    return this.#deaths.get(keyOf(life));
  }

  /** Not heard of for too long, directly or through a witness. */
  isSilent(life: Life, nowMs: number): boolean {
    return nowMs > this.silentFromMs(life);
  }

  /** The same, whatever witnesses say of it. */
  isSilentItself(life: Life, nowMs: number): boolean {
    const last = Math.max(this.#suspectFromMs, atOf(this.#heard.get(life.node), life));
    return nowMs - last > this.#times.suspicionMs;
  }

  /** After this moment it is silent for too long, if it is not heard of until then. */
  silentFromMs(life: Life): number {
    const last = Math.max(
      this.#suspectFromMs,
      atOf(this.#heard.get(life.node), life),
      atOf(this.#vouched.get(life.node), life),
    );
    const { suspicionMs, suspicionReportedMs } = this.#times;
    const refused = atOf(this.#refused.get(life.node), life) >= last;
    return last + (refused ? suspicionReportedMs : suspicionMs);
  }

  /**
   * Whether no operator can speak for it or pass it over yet: it was heard of lately, be it through a witness, or this
   * controller had no time to hear it (H10). A command that waited while the controller stood still is heard before the
   * heartbeats that did.
   */
  mayLive(life: Life, nowMs: number): boolean {
    if (this.death(life) !== undefined) return false;
    const hasJustBegun = nowMs - this.#listensFromMs <= this.#times.suspicionMs;
    return this.#isBack(nowMs) || hasJustBegun || !this.isSilent(life, nowMs);
  }

  /**
   * I8: it lives now, as far as this controller knows. While that stood still heartbeats waited for it, also those of
   * lives that are over since: whoever lives is heard again within one heartbeat.
   */
  isAlive(life: Life, nowMs: number): boolean {
    return !this.#isBack(nowMs) && this.isAliveSince(life, this.#trustFromMs, nowMs);
  }

  /** I8: a heartbeat of this life came after the given time, in this life of the controller, and lately. */
  isAliveSince(life: Life, sinceMs: number, nowMs: number): boolean {
    const heardMs = atOf(this.#heard.get(life.node), life);
    const recent = nowMs - heardMs < AWAY_HEARTBEATS * this.#times.heartbeatMs;
    return heardMs >= sinceMs && recent && this.death(life) === undefined;
  }

  /** It was away until now, and has not looked at what it missed. */
  #isBack(nowMs: number): boolean {
    return nowMs - this.#tickMs > AWAY_HEARTBEATS * this.#times.heartbeatMs;
  }
}

function atOf(sign: Sign | undefined, life: Life): number {
  return sign?.incarnation === life.incarnation ? sign.atMs : Number.NEGATIVE_INFINITY;
}

function keyOf({ node, incarnation }: Life): string {
  return `${incarnation} ${node}`;
}
