// Metrics of a storage node: its answers to operations, its answers as a witness to requests for leases, and the
// duration of its syncs. All other metrics are in inspection.ts.

import type { Counter, DurationHistogram, Metrics } from '../cluster/http/metrics.ts';
import { GRANT_ANSWERS, type GrantAnswer } from '../cluster/wire/control-messages.ts';
import type { Answer, Operation } from '../cluster/wire/operations.ts';

/** Counts operations by kind and answer. */
export class AnswerCounters {
  readonly #counters = new Map<Operation['kind'], Map<Answer['kind'], Counter>>();
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    for (const answer of ['found', 'absent', 'not-serving'] as const) this.#counter('get', answer);
    for (const answer of ['records', 'heads', 'not-serving'] as const)
      this.#counter('scan', answer);
    for (const answer of [
      'applied',
      'equal',
      'superseded',
      'floor',
      'stale',
      'behind',
      'not-serving',
      'refused',
    ] as const) {
      this.#counter('set', answer);
    }
    this.#counter('copy', 'records');
    this.#counter('pull', 'records');
    this.#counter('list', 'heads');
    this.#counter('fetch', 'records');
    this.#counter('time', 'time');
  }

  count(operation: Operation['kind'], answer: Answer): void {
    this.#counter(operation, answer.kind).add();
  }

  of(operation: 'get' | 'set', answer: Answer['kind']): number {
    return this.#counter(operation, answer).value;
  }

  total(operation: 'get' | 'set'): number {
    let total = 0;
    for (const counter of this.#counters.get(operation)?.values() ?? []) total += counter.value;
    return total;
  }

  #counter(operation: Operation['kind'], answer: Answer['kind']): Counter {
    let ofOperation = this.#counters.get(operation);
    if (ofOperation === undefined) {
      ofOperation = new Map();
      this.#counters.set(operation, ofOperation);
    }
    let counter = ofOperation.get(answer);
    if (counter === undefined) {
      counter = this.#metrics.counter(
        'velourfog_operations_total',
        'Operations by kind and answer.',
        {
          operation,
          answer,
        },
      );
      ofOperation.set(answer, counter);
    }
    return counter;
  }
}

export class GrantCounters {
  readonly #counters: ReadonlyMap<GrantAnswer, Counter>;

  constructor(metrics: Metrics) {
    this.#counters = new Map(
      GRANT_ANSWERS.map((answer) => [
        answer,
        metrics.counter(
          'velourfog_grants_total',
          'Renewals of leases that were asked of this node as a witness, by the answer.',
          { answer },
        ),
      ]),
    );
  }

  count(answer: GrantAnswer): void {
    this.#counters.get(answer)?.add();
  }
}

export function syncTimes(metrics: Metrics): DurationHistogram {
  return metrics.durations('velourfog_fsync_duration_seconds', 'How long syncs of the log took.');
}
