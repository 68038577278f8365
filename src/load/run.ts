// Warm-up and measured time: which connection gets the next operation and when. In a closed loop a connection sends as
// soon as its last operation ended; in an open loop an operation is sent at its intended time, or once a connection is
// free.

import type { Cancel, Clock, Timers } from '../cluster/ports.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import { type ArrivalKind, Arrivals } from './arrivals.ts';
import type { LoadConnection } from './load-connection.ts';
import type { Operations } from './operations.ts';
import { Recorder, UNSENT } from './recorder.ts';
import { nextKind, type Workload } from './workload.ts';

const SWEEP_MS_MAX = 50;
/** How many overdue requests one sweep may give up: with a sweep each 50 ms more than the highest rate brings. */
const GIVEN_UP_AT_ONCE = 20_000;

export interface LoadRunOptions {
  readonly workload: Workload;
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly timeoutMs: number;
  /** Undefined means a closed loop. */
  readonly rate: { readonly kind: ArrivalKind; readonly perSecond: number } | undefined;
}

export interface RunPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: SeededRandom;
}

export class LoadRun {
  readonly recorder: Recorder;
  unsent = 0;
  readonly #ports: RunPorts;
  readonly #connections: readonly LoadConnection[];
  readonly #operations: Operations;
  readonly #options: LoadRunOptions;
  readonly #done: () => void;
  readonly #measuredFromMs: number;
  readonly #endMs: number;
  readonly #arrivals: Arrivals | undefined;
  readonly #idle: LoadConnection[];
  #underWay = 0;
  #lastSweepMs: number;
  #cancelArrival: Cancel | undefined;
  #over = false;

  constructor(
    ports: RunPorts,
    connections: readonly LoadConnection[],
    operations: Operations,
    options: LoadRunOptions,
    done: () => void,
  ) {
    const { clock, random } = ports;
    const { rate, warmUpMs, durationMs } = options;
    const startMs = clock.monotonicMs();
    this.#ports = ports;
    this.#connections = connections;
    this.#operations = operations;
    this.#options = options;
    this.#done = done;
    this.#measuredFromMs = startMs + warmUpMs;
    this.#endMs = this.#measuredFromMs + durationMs;
    this.#idle = [...connections];
    this.#lastSweepMs = startMs;
    this.#arrivals =
      rate === undefined
        ? undefined
        : new Arrivals(random, { ...rate, startMs, endMs: this.#endMs });
    this.recorder = new Recorder({
      open: rate !== undefined,
      startMs: this.#measuredFromMs,
      endMs: this.#endMs,
    });
  }

  get isWarmingUp(): boolean {
    return this.#ports.clock.monotonicMs() < this.#measuredFromMs;
  }

  /** The measured time so far in ms; negative during the warm-up. */
  get measuredMs(): number {
    return this.#ports.clock.monotonicMs() - this.#measuredFromMs;
  }

  /** How many due requests of an open loop wait for a free connection. */
  get waiting(): number {
    return this.#arrivals?.waiting(this.#ports.clock.monotonicMs()) ?? 0;
  }

  start(): void {
    this.#pump();
    this.#sweep();
  }

  /** Ends the measurement now, without waiting for operations in flight. */
  stop(): void {
    if (this.#over) return;
    const nowMs = this.#ports.clock.monotonicMs();
    this.recorder.cut(Math.max(nowMs, this.#measuredFromMs));
    this.#finish();
  }

  /**
   * Begins as many due operations as there are idle connections.
   * @param freed 1 when a connection became free just now: it is the last of the idle ones
   */
  #pump(freed: 0 | 1 = 0): void {
    if (this.#over) return;
    const nowMs = this.#ports.clock.monotonicMs();
    this.#giveUpWaiting(nowMs);
    // These connections were idle since the last `#pump`, so an operation that one gets now could have been sent when
    // it was due: its delay is the generator's.
    const wereIdle = this.#idle.length - freed;
    let taken = 0;
    for (; taken < this.#idle.length; taken++) {
      const connection = this.#idle[taken];
      const intendedMs = this.#takeDue(nowMs);
      if (connection === undefined || intendedMs === undefined) break;
      if (taken < wereIdle) this.recorder.sentLate({ intendedMs, sentMs: nowMs });
      this.#begin(connection, intendedMs);
    }
    if (taken > 0) this.#idle.splice(0, taken);
    const nextMs = this.#nextArrival(nowMs);
    // Wait for the end even if no operation is in flight: only then the last second is whole.
    const isOver = this.#underWay === 0 && nextMs === undefined && nowMs >= this.#endMs;
    if (isOver) this.#finish();
    else if (nextMs !== undefined && this.#arrivals !== undefined) this.#arm(nextMs - nowMs);
  }

  /** @returns the intended time of the operation to begin now, in ms; undefined when none is due */
  #takeDue(nowMs: number): number | undefined {
    if (this.#arrivals === undefined) return nowMs < this.#endMs ? nowMs : undefined;
    const intendedMs = this.#arrivals.next();
    if (intendedMs === undefined || intendedMs > nowMs) return undefined;
    this.#arrivals.take();
    return intendedMs;
  }

  /** @returns the intended time of the next operation; undefined when no more will begin */
  #nextArrival(nowMs: number): number | undefined {
    if (this.#arrivals !== undefined) return this.#arrivals.next();
    return nowMs < this.#endMs ? nowMs : undefined;
  }

  #arm(inMs: number): void {
    // An operation that is due waits for a connection, not for the timer.
    if (this.#cancelArrival !== undefined || inMs <= 0) return;
    this.#cancelArrival = this.#ports.timers.after(inMs, () => {
      this.#cancelArrival = undefined;
      this.#pump();
    });
  }

  #begin(connection: LoadConnection, intendedMs: number): void {
    const { clock, timers, random } = this.#ports;
    const kind = nextKind(this.#options.workload, random);
    const sentMs = clock.monotonicMs();
    this.#underWay++;
    this.#operations.perform(kind, connection, (ending) => {
      if (this.#over) return;
      this.#underWay--;
      this.recorder.record(kind, ending, { intendedMs, sentMs, endedMs: clock.monotonicMs() });
      if (connection.restMs === 0) this.#idle.push(connection);
      else {
        timers.after(connection.restMs, () => {
          this.#idle.push(connection);
          this.#pump(1);
        });
      }
      this.#pump(connection.restMs === 0 ? 1 : 0);
    });
  }

  /** Gives up operations that waited for a connection as long as a request may take; they count as `unsent`. */
  #giveUpWaiting(nowMs: number): void {
    if (this.#arrivals === undefined) return;
    const { workload, timeoutMs } = this.#options;
    for (let left = GIVEN_UP_AT_ONCE; left > 0; left--) {
      const intendedMs = this.#arrivals.next();
      if (intendedMs === undefined || intendedMs >= nowMs - timeoutMs) return;
      this.#arrivals.take();
      if (intendedMs >= this.#measuredFromMs) this.unsent++;
      const kind = nextKind(workload, this.#ports.random);
      const ending = { kind: 'failed', error: UNSENT, waited: true } as const;
      this.recorder.record(kind, ending, { intendedMs, sentMs: nowMs, endedMs: nowMs });
    }
  }

  #sweep(): void {
    if (this.#over) return;
    const { timeoutMs } = this.#options;
    // Expire by the time of the last sweep: an answer that arrived while this process was held up is read first.
    for (const connection of this.#connections) connection.expire(this.#lastSweepMs - timeoutMs);
    this.#lastSweepMs = this.#ports.clock.monotonicMs();
    this.#pump();
    if (this.#over) return;
    this.#ports.timers.after(Math.min(SWEEP_MS_MAX, timeoutMs / 4), () => this.#sweep());
  }

  #finish(): void {
    this.#over = true;
    this.#cancelArrival?.();
    this.#done();
  }
}
