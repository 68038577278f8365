// Counts and times the requests of one verb of a gateway or a file server, as `velourfog_requests_total` and
// `velourfog_request_duration_seconds`.

import type { Clock } from '../ports.ts';
import type { Counter, DurationHistogram, Metrics } from './metrics.ts';
import type { ReplyCallback } from './routes.ts';

export class Measure {
  readonly #verb: string;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #durations: DurationHistogram;
  readonly #ok: Counter;
  readonly #byStatus = new Map<number, Counter>();

  /** @param verb is the label `op`; each verb of a process has its own */
  constructor(verb: string, metrics: Metrics, clock: Clock) {
    this.#verb = verb;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#durations = metrics.durations(
      'velourfog_request_duration_seconds',
      'From the complete request to its reply.',
      { op: verb },
    );
    this.#ok = this.#counter(200);
  }

  begin(reply: ReplyCallback): ReplyCallback {
    const startedMs = this.#clock.monotonicMs();
    return (answer) => {
      this.#durations.observeMs(this.#clock.monotonicMs() - startedMs);
      (answer.status === 200 ? this.#ok : this.#counter(answer.status)).add();
      reply(answer);
    };
  }

  #counter(status: number): Counter {
    let counter = this.#byStatus.get(status);
    if (counter === undefined) {
      counter = this.#metrics.counter('velourfog_requests_total', 'Requests by verb and status.', {
        op: this.#verb,
        code: String(status),
      });
      this.#byStatus.set(status, counter);
    }
    return counter;
  }
}
