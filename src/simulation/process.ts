// A simulated process: it can be paused (its events wait), crash (they are dropped) and start again. Its clocks run a
// little fast or slow, as real ones do, may jump, and may stand still with its machine.

import { assert } from '../cluster/assert.ts';
import { FatalError } from '../cluster/http/errors.ts';
import type { Cancel, Clock, Timers } from '../cluster/ports.ts';
import type { World } from './world.ts';

/** Where the virtual wall clocks begin; any time far from 0 will do. */
export const WALL_START_MS = 1_700_000_000_000;
/** Clock rates agree within this share (docs/protocol.md, leases and witnesses). */
const DRIFT_MAX = 0.05;
/** Rounding may leave a timer this much early: less than any clock shows, so it is not waited for. */
const NOTHING_MS = 1e-6;

export class SimulatedProcess implements Clock, Timers {
  readonly name: string;
  readonly world: World;
  readonly #rate: number;
  #incarnation = 0;
  #alive = false;
  #paused = false;
  #suspended = false;
  /** World time at which it last woke from a pause or a suspension; oracles count its deadlines from then. */
  #awakeSinceMs = 0;
  /** The monotonic clock showed `monotonicMs` when the world's time was `worldMs`. */
  #monotonicFrom = { worldMs: 0, monotonicMs: 0 };
  #suspendedSinceMs = 0;
  #waiting: { readonly incarnation: number; readonly run: () => void }[] = [];
  /** How far the wall clock is off; a nemesis may change it at any time. */
  wallOffsetMs = 0;
  /** Called when the process ends itself by a FatalError. */
  onFatal: (error: FatalError) => void = () => undefined;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.#rate = 1 + world.random.between(-DRIFT_MAX, DRIFT_MAX);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Whether its events wait, because of SIGSTOP or because its machine is suspended. */
  get paused(): boolean {
    return this.#paused || this.#suspended;
  }

  get awakeSinceMs(): number {
    return this.#awakeSinceMs;
  }

  /** The number of the present incarnation; a crash changes it, so callbacks of an earlier one can be dropped. */
  get incarnation(): number {
    return this.#incarnation;
  }

  monotonicMs(): number {
    const { worldMs, monotonicMs } = this.#monotonicFrom;
    return this.#suspended ? monotonicMs : monotonicMs + (this.world.nowMs - worldMs) * this.#rate;
  }

  wallMs(): number {
    return WALL_START_MS + this.world.nowMs + this.wallOffsetMs;
  }

  /** Waits by the monotonic clock, so a timer takes longer when its machine is suspended meanwhile. */
  after(milliseconds: number, callback: () => void): Cancel {
    let cancelled = false;
    const dueMs = this.monotonicMs() + milliseconds;
    const wait = (leftMs: number) =>
      this.later(leftMs / this.#rate, () => {
        if (cancelled) return;
        const restMs = dueMs - this.monotonicMs();
        if (restMs > NOTHING_MS) wait(restMs);
        else callback();
      });
    wait(milliseconds);
    return () => {
      cancelled = true;
    };
  }

  /** Runs the callback after so much world time, unless this incarnation has ended by then. */
  later(delayMs: number, callback: () => void): void {
    const incarnation = this.#incarnation;
    this.world.at(delayMs, () => this.run(incarnation, callback));
  }

  /** Runs a callback of the given incarnation: now, when the process wakes, or never if that incarnation is over. */
  run(incarnation: number, callback: () => void): void {
    if (!this.#alive || this.#incarnation !== incarnation) return;
    if (this.paused) {
      this.#waiting.push({ incarnation, run: callback });
      return;
    }
    try {
      callback();
    } catch (error) {
      if (!(error instanceof FatalError)) throw error;
      this.world.note(`${this.name} ended itself: ${error.message}`);
      this.crash();
      this.onFatal(error);
    }
  }

  start(): void {
    assert(!this.#alive, 'a process starts once a life');
    this.#alive = true;
    this.#awakeSinceMs = this.world.nowMs;
  }

  crash(): void {
    this.#alive = false;
    this.#paused = false;
    if (this.#suspended) this.#runClock();
    this.#waiting = [];
    this.#incarnation++;
  }

  /** SIGSTOP: events wait, the clocks run on. */
  pause(): void {
    this.#paused = this.#alive;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wake();
  }

  /** Its machine is suspended: events wait, and the monotonic clock stands still. */
  suspend(): void {
    if (this.#suspended || !this.#alive) return;
    this.#monotonicFrom = { worldMs: this.world.nowMs, monotonicMs: this.monotonicMs() };
    this.#suspended = true;
    this.#suspendedSinceMs = this.world.nowMs;
  }

  /**
   * @param seen false: the hypervisor hid the suspension, so the wall clock stood still as well and is late from now on
   */
  endSuspension(seen: boolean): void {
    if (!this.#suspended) return;
    if (!seen) this.wallOffsetMs -= this.world.nowMs - this.#suspendedSinceMs;
    this.#runClock();
    this.#wake();
  }

  #runClock(): void {
    this.#suspended = false;
    this.#monotonicFrom = {
      worldMs: this.world.nowMs,
      monotonicMs: this.#monotonicFrom.monotonicMs,
    };
  }

  #wake(): void {
    if (this.paused) return;
    this.#awakeSinceMs = this.world.nowMs;
    for (const { incarnation, run } of this.#waiting.splice(0)) this.run(incarnation, run);
  }
}
