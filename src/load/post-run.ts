// Posts files to one frontend, as fast as some connections allow, and measures that: `velour sfss-post`. Each is sent once,
// by the next free connection. How keys are loaded and verified is load.ts's.

import type { ExchangeAnswer, ExchangeRequest, OpenExchanges } from '../cluster/http/exchange.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Clock, Timers } from '../cluster/ports.ts';
import { LoadConnection } from './load-connection.ts';
import { addTo, nanoseconds, newHistogram, sorted } from './recorder.ts';
import { type Counts, type Latency, latencyOf } from './result.ts';

const CREATED = 201;
const SWEEP_MS_MAX = 100;
/** After so many in a row that nobody answered there is nobody. */
const UNANSWERED_MAX = 50;

export interface PostPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly open: OpenExchanges;
}

export interface PostSettings {
  readonly frontend: Address;
  readonly requests: number;
  readonly connections: number;
  readonly timeoutMs: number;
  /** @param number from 0 */
  requestOf(number: number): ExchangeRequest;
}

export interface PostResult {
  readonly stored: number;
  /** By status and code, or by why there was no answer. */
  readonly errors: Counts;
  readonly seconds: number;
  /** Files stored per second, of the whole time. */
  readonly perSecond: number;
  /** Of the files that were stored; null when none was. */
  readonly latencyMs: Latency | null;
  /** The first answer that was a refusal. */
  readonly refusal: ExchangeAnswer | undefined;
}

export class PostRun {
  readonly #ports: PostPorts;
  readonly #settings: PostSettings;
  readonly #done: (result: PostResult) => void;
  readonly #connections: readonly LoadConnection[];
  readonly #latency = newHistogram();
  readonly #errors = new Map<string, number>();
  #startMs = 0;
  #next = 0;
  #ended = 0;
  #stored = 0;
  #unanswered = 0;
  #refusal: ExchangeAnswer | undefined;
  #lastSweepMs = 0;
  #isOver = false;

  constructor(ports: PostPorts, settings: PostSettings, done: (result: PostResult) => void) {
    const { frontend, requests, connections } = settings;
    this.#ports = ports;
    this.#settings = settings;
    this.#done = done;
    this.#connections = Array.from(
      { length: Math.min(connections, requests) },
      () => new LoadConnection(ports.clock, ports.open(frontend), frontend),
    );
  }

  start(): void {
    this.#startMs = this.#ports.clock.monotonicMs();
    this.#lastSweepMs = this.#startMs;
    for (const connection of this.#connections) this.#post(connection);
    this.#sweep();
  }

  #post(connection: LoadConnection): void {
    const { requests } = this.#settings;
    if (this.#isOver || this.#next >= requests) return;
    const { clock, timers } = this.#ports;
    const sentMs = clock.monotonicMs();
    connection.send(this.#settings.requestOf(this.#next++), (outcome) => {
      if (this.#isOver) return;
      this.#ended++;
      if (outcome.kind === 'answered') {
        this.#unanswered = 0;
        this.#answered(outcome, clock.monotonicMs() - sentMs);
      } else {
        this.#unanswered++;
        addTo(this.#errors, outcome.kind === 'broken' ? outcome.why : outcome.kind);
      }
      if (this.#ended === requests || this.#unanswered >= UNANSWERED_MAX) return this.#end();
      if (connection.restMs === 0) return this.#post(connection);
      timers.after(connection.restMs, () => this.#post(connection));
    });
  }

  #answered(answer: ExchangeAnswer, tookMs: number): void {
    const { status, error } = answer;
    if (status === CREATED) {
      this.#stored++;
      this.#latency.record(nanoseconds(tookMs));
      return;
    }
    this.#refusal ??= answer;
    addTo(this.#errors, error === undefined ? `${status}` : `${status} ${error}`);
  }

  #sweep(): void {
    if (this.#isOver) return;
    const { timeoutMs } = this.#settings;
    // Expire by the time of the last sweep: an answer that arrived while this process was held up is read first.
    for (const connection of this.#connections) connection.expire(this.#lastSweepMs - timeoutMs);
    this.#lastSweepMs = this.#ports.clock.monotonicMs();
    this.#ports.timers.after(Math.min(SWEEP_MS_MAX, timeoutMs / 4), () => this.#sweep());
  }

  #end(): void {
    this.#isOver = true;
    for (const connection of this.#connections) connection.close();
    const ms = this.#ports.clock.monotonicMs() - this.#startMs;
    this.#done({
      stored: this.#stored,
      errors: sorted(this.#errors),
      seconds: Math.round(ms) / 1000,
      perSecond: Math.round((this.#stored * 10_000) / Math.max(ms, 1)) / 10,
      latencyMs: latencyOf(this.#latency),
      refusal: this.#refusal,
    });
  }
}
