// Whether a log can be written (H35): not while a write hangs, not while the disk is full or another shortage lasts,
// and not any more once it has failed. When a shortage lets the log try again is decided here, too.

import type { Cancel, Runtime } from '../../cluster/ports.ts';
import { GrowingPause } from '../../cluster/shortage.ts';
import { type LogProblem, STALLED_MS } from './durability.ts';

/** Between attempts. Its cluster counts on the node again after the first that succeeds, so that may not flap. */
const SHORTAGE_PAUSE = { firstMs: 250, longestMs: 10_000, forgottenMs: 60_000 };

export class LogHealth {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly #changed: (problem: LogProblem | undefined) => void;
  readonly #pause = new GrowingPause(SHORTAGE_PAUSE);
  #problem: LogProblem | undefined;
  #stalled = false;
  #cancelWatch: Cancel = () => undefined;

  /** @param changed is told when a problem begins, changes or ends */
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

  /** Nothing is written any more, whatever happens. */
  get hasFailed(): boolean {
    return this.#problem?.isFinal === true;
  }

  get isStalled(): boolean {
    return this.#stalled;
  }

  /** A write that takes too long is one of a disk that hangs; it may come back. */
  writing(): void {
    this.#cancelWatch = this.#runtime.timers.after(STALLED_MS, () => {
      this.#stalled = true;
    });
  }

  written(): void {
    this.#ended();
    this.#tell(undefined);
  }

  /** @param again tries the same once more */
  isShort(problem: LogProblem, again: () => void): void {
    this.#ended();
    this.#tell(problem);
    this.#runtime.timers.after(this.#pause.take(this.#runtime.clock.monotonicMs()), again);
  }

  /** The first reason stays. */
  fail(problem: LogProblem): void {
    this.#cancelWatch();
    this.#tell(problem);
  }

  #ended(): void {
    this.#cancelWatch();
    this.#stalled = false;
  }

  #tell(problem: LogProblem | undefined): void {
    const before = this.#problem;
    // A write that was under way as a sync failed may end well: that mends nothing (H8).
    if (before?.isFinal) return;
    this.#problem = problem;
    const isSame =
      before?.what === problem?.what &&
      before?.detail === problem?.detail &&
      before?.isFinal === problem?.isFinal;
    if (!isSame) this.#changed(problem);
  }
}
