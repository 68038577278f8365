// The clock by which a frontend stamps sets and their expiry (H31): its own, unless that is far off the
// median of the storage nodes' clocks. Who asks them is probes.ts's.

import type { NodeId } from '../cluster/identity.ts';
import { FRONTEND_CLOCK_OFF_MS_MAX } from '../cluster/limits.ts';
import type { Clock, Log } from '../cluster/runtime.ts';

/** A node that has told nothing for so long does not count beside others that have. */
const SAMPLE_MS_MAX = 60_000;

interface Sample {
  /**
   * What the node's clock said, less the own monotonic time of then: so it goes on with the monotonic
   * clock, and a jump of the own wall clock does not move it.
   */
  readonly base: number;
  readonly atMs: number;
}

export class FrontendClock implements Clock {
  readonly #own: Clock;
  readonly #log: Log;
  /** The latest of each node. */
  readonly #samples = new Map<NodeId, Sample>();
  /** The bases in the middle, which are one if their number is odd; undefined before the first. */
  #middle: readonly [number, number] | undefined;
  #follows = false;

  constructor(own: Clock, log: Log) {
    this.#own = own;
    this.#log = log;
  }

  /** Whether any storage node has told its time yet. */
  get isChecked(): boolean {
    return this.#middle !== undefined;
  }

  monotonicMs(): number {
    return this.#own.monotonicMs();
  }

  wallMs(): number {
    const ownMs = this.#own.wallMs();
    const aheadMs = this.#aheadMs(ownMs);
    return Math.abs(aheadMs) > FRONTEND_CLOCK_OFF_MS_MAX ? Math.floor(ownMs - aheadMs) : ownMs;
  }

  /** How far the own clock is ahead of the median; negative when it is behind. */
  aheadMs(): number {
    return this.#aheadMs(this.#own.wallMs());
  }

  heard(node: NodeId, wallMs: number): void {
    const now = this.#own.monotonicMs();
    this.#samples.set(node, { base: wallMs - now, atMs: now });
    for (const [other, { atMs }] of this.#samples) {
      if (now - atMs > SAMPLE_MS_MAX) this.#samples.delete(other);
    }
    const bases = [...this.#samples.values()].map(({ base }) => base).sort((a, b) => a - b);
    const low = bases[(bases.length - 1) >> 1];
    const high = bases[bases.length >> 1];
    if (low !== undefined && high !== undefined) this.#middle = [low, high];
    this.#report();
  }

  #aheadMs(ownMs: number): number {
    if (this.#middle === undefined) return 0;
    const [low, high] = this.#middle;
    const base = ownMs - this.#own.monotonicMs();
    // Of an even number of clocks any between the middle ones is a median; the nearest one is taken.
    return base > high ? base - high : Math.min(0, base - low);
  }

  /** When it begins and when it ends. */
  #report(): void {
    const aheadMs = this.aheadMs();
    const follows = Math.abs(aheadMs) > FRONTEND_CLOCK_OFF_MS_MAX;
    if (follows === this.#follows) return;
    this.#follows = follows;
    if (!follows) this.#log.write('info', 'the own clock is right again');
    else {
      this.#log.write(
        'warn',
        'the own clock is off; the median of the storage nodes counts instead',
        { aheadMs: Math.round(aheadMs) },
      );
    }
  }
}
