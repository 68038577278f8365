// Virtual time: one queue of events in the order of (time, sequence), and the trace, digest and counts of a run. The
// processes that the events belong to are process.ts's.

import { hash } from 'node:crypto';
import { assert } from '../cluster/assert.ts';
import { SeededRandom } from '../cluster/seeded-random.ts';

interface Event {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

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

  /** A hash over every noted line, in order: two runs of one seed must have the same digest. */
  get digest(): string {
    return this.#digest;
  }

  get trace(): readonly string[] {
    return this.#trace;
  }

  /** Counts an event of this kind. Runs are asked for what they produced: a state never reached is not tested. */
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

  /** Adds a line to the trace, which is printed when a run fails, and to the digest. */
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

/** A binary heap. A displaced event is written only at its final place: half the cost of swapping. */
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

  /** Puts the event in its place, from the root down: `pop` left a gap there. */
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
