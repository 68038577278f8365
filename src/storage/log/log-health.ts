// Whether a log can be written (H35): not while a write or a sync hangs, not while the disk is full or another shortage
// lasts, and never again once the log has failed. It also decides when the log tries again after a shortage. The writing
// itself is in log.ts.

import type { Cancel, Runtime } from '../../cluster/ports.ts';
import { GrowingPause } from '../../cluster/shortage.ts';
import { type LogProblem, STALLED_MS } from './durability.ts';

/**
 * The pauses between attempts to write. They grow, because after the first success the cluster counts on this node
 * again, and that must not flap.
 */
const SHORTAGE_PAUSE = { firstMs: 250, longestMs: 10_000, forgottenMs: 60_000 };

export class LogHealth {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly #changed: (problem: LogProblem | undefined) => void;
  readonly #pause = new GrowingPause(SHORTAGE_PAUSE);
  #problem: LogProblem | undefined;
  /** How many of the writes and syncs under way take too long. */
  #stalled = 0;
  #endWatch: Cancel = () => undefined;

  /** @param changed called when a problem begins, changes or ends */
  constructor(
    runtime: Pick<Runtime, 'clock' | 'timers'>,
    changed: (problem: LogProblem | undefined) => void,
  ) {
    this.#runtime = runtime;
    this.#changed = changed;
  }

  get problem(): LogProblem | undefined {
    return this.#problem;
  }

  /** True after a final problem: nothing is written until the process is restarted. */
  get hasFailed(): boolean {
    return this.#problem?.isFinal === true;
  }

  get isStalled(): boolean {
    return this.#stalled > 0;
  }

  /**
   * Starts the watch over one write or sync: when it takes too long the disk hangs, which may pass.
   * @returns ends the watch
   */
  watch(stalledMs = STALLED_MS): Cancel {
    let isStalled = false;
    const cancel = this.#runtime.timers.after(stalledMs, () => {
      isStalled = true;
      this.#stalled++;
    });
    return () => {
      cancel();
      if (isStalled) this.#stalled--;
      isStalled = false;
    };
  }

  writing(): void {
    this.#endWatch = this.watch();
  }

  written(): void {
    this.#endWatch();
    this.#tell(undefined);
  }

  /** @param again repeats the attempt that failed, after a pause */
  isShort(problem: LogProblem, again: () => void): void {
    this.#endWatch();
    this.#tell(problem);
    this.#runtime.timers.after(this.#pause.take(this.#runtime.clock.monotonicMs()), again);
  }

  /** A first final problem is not replaced by a later one. */
  fail(problem: LogProblem): void {
    this.#endWatch();
    this.#tell(problem);
  }

  #tell(problem: LogProblem | undefined): void {
    const before = this.#problem;
    // A write that was under way when a sync failed may succeed, but that repairs nothing (H8).
    if (before?.isFinal) return;
    this.#problem = problem;
    const isSame =
      before?.what === problem?.what &&
      before?.detail === problem?.detail &&
      before?.isFinal === problem?.isFinal;
    if (!isSame) this.#changed(problem);
  }
}
