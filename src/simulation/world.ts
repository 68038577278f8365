// Virtual time: one queue of events in the order of (time, sequence), and the processes that they
// happen to. A process can be paused (its events wait), crash (they are gone) and start again; its
// clocks run a little off, as real ones do.

import { hash } from 'node:crypto';
import { assert } from '../cluster/assert.ts';
import { FatalError } from '../cluster/errors.ts';
import type { Cancel, Clock, Timers } from '../cluster/runtime.ts';
import { SeededRandom } from '../cluster/seeded-random.ts';

interface Event {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

/** Where the virtual wall clocks begin; any time will do that is not near 0. */
const WALL_START_MS = 1_700_000_000_000;
/** Clock rates agree within this share (PROTOCOL, assumptions). */
const DRIFT_MAX = 0.05;

export class World {
  readonly random: SeededRandom;
  readonly #queue = new EventQueue();
  readonly #trace: string[] = [];
  readonly #occurred = new Map<string, number>();
  #nowMs = 0;
  #sequence = 0;
  #events = 0;
  #digest = '';

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get events(): number {
    return this.#events;
  }

  /** The same seed twice must give the same one: everything noted went into it, in order. */
  get digest(): string {
    return this.#digest;
  }

  get trace(): readonly string[] {
    return this.#trace;
  }

  /** A kind of event that a run may be asked for: what never happens is not tested. */
  occur(what: string, times = 1): void {
    this.#occurred.set(what, (this.#occurred.get(what) ?? 0) + times);
  }

  get occurred(): ReadonlyMap<string, number> {
    return this.#occurred;
  }

  at(delayMs: number, run: () => void): void {
    assert(delayMs >= 0, 'nothing happens in the past');
    this.#queue.push({ atMs: this.#nowMs + delayMs, sequence: this.#sequence++, run });
  }

  /** Something worth reading when a run failed. */
  note(text: string): void {
    const line = `${this.#nowMs.toFixed(3).padStart(11)} ${text}`;
    this.#digest = hash('sha1', `${this.#digest}${line}`);
    this.#trace.push(line);
  }

  runUntil(endMs: number): void {
    for (;;) {
      const event = this.#queue.pop(endMs);
      if (event === undefined) break;
      this.#nowMs = event.atMs;
      this.#events++;
      event.run();
    }
    this.#nowMs = endMs;
  }
}

/** A binary heap. What is out of place travels as a gap, which costs half as much as changing places. */
class EventQueue {
  readonly #events: Event[] = [];

  push(event: Event): void {
    const events = this.#events;
    let gap = events.push(event) - 1;
    while (gap > 0) {
      const above = (gap - 1) >> 1;
      const parent = events[above];
      if (parent === undefined || isBefore(parent, event)) break;
      events[gap] = parent;
      gap = above;
    }
    events[gap] = event;
  }

  /** @returns the first event not after `endMs` */
  pop(endMs: number): Event | undefined {
    const first = this.#events[0];
    if (first === undefined || first.atMs > endMs) return undefined;
    const last = this.#events.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    return first;
  }

  /** From the top, where the gap is. */
  #sink(event: Event): void {
    const events = this.#events;
    let gap = 0;
    for (;;) {
      let below = 2 * gap + 1;
      let child = events[below];
      const other = events[below + 1];
      if (child === undefined) break;
      if (other !== undefined && isBefore(other, child)) {
        child = other;
        below++;
      }
      if (isBefore(event, child)) break;
      events[gap] = child;
      gap = below;
    }
    events[gap] = event;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
}

export class SimulatedProcess implements Clock, Timers {
  readonly name: string;
  readonly world: World;
  readonly #rate: number;
  #life = 0;
  #alive = false;
  #paused = false;
  #waiting: { readonly life: number; readonly run: () => void }[] = [];
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

  get paused(): boolean {
    return this.#paused;
  }

  /** Of one life: what belongs to an earlier one must find it changed. */
  get life(): number {
    return this.#life;
  }

  monotonicMs(): number {
    return this.world.nowMs * this.#rate;
  }

  wallMs(): number {
    return WALL_START_MS + this.world.nowMs + this.wallOffsetMs;
  }

  after(milliseconds: number, callback: () => void): Cancel {
    let cancelled = false;
    this.later(milliseconds / this.#rate, () => {
      if (!cancelled) callback();
    });
    return () => {
      cancelled = true;
    };
  }

  /** In true time, in this life only. */
  later(delayMs: number, callback: () => void): void {
    const life = this.#life;
    this.world.at(delayMs, () => this.run(life, callback));
  }

  /** Runs what happens to the given life of this process: now, when it wakes, or never. */
  run(life: number, callback: () => void): void {
    if (!this.#alive || this.#life !== life) return;
    if (this.#paused) {
      this.#waiting.push({ life, run: callback });
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
  }

  crash(): void {
    this.#alive = false;
    this.#paused = false;
    this.#waiting = [];
    this.#life++;
  }

  pause(): void {
    this.#paused = this.#alive;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const { life, run } of this.#waiting.splice(0)) this.run(life, run);
  }
}
