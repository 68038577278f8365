// A watch of the direct client: the steps of the core, as events.

import {
  isExpired,
  isTombstone,
  type RecordHead,
  recordExpiresAtMs,
  type StoredRecord,
} from '../cluster/model/record.ts';
import { printVersion } from '../cluster/model/version.ts';
import type { Clock } from '../cluster/ports.ts';
import type {
  ChangedKey,
  ClusterWatch,
  WatchStep,
} from '../coordinator/operations/watch/cluster-watch.ts';
import { printPlace } from '../coordinator/operations/watch/place.ts';
import type { Outcome } from './calls.ts';
import { copyOf, storedOf } from './direct-outcomes.ts';
import { VelourError } from './errors.ts';
import type { WatchEvent } from './velour.ts';
import type { CheckedWatch, PlacedEvent, WatchSource } from './watches.ts';

export class DirectWatch implements WatchSource {
  readonly #watch: ClusterWatch;
  readonly #query: CheckedWatch;
  /** The time of the cluster, by which records expire (H31). */
  readonly #clock: Pick<Clock, 'wallMs'>;
  #isBegun = false;

  constructor(watch: ClusterWatch, query: CheckedWatch, clock: Pick<Clock, 'wallMs'>) {
    this.#watch = watch;
    this.#query = query;
    this.#clock = clock;
  }

  next(outcome: Outcome<readonly PlacedEvent[]>): void {
    if (this.#isBegun) return this.#step(outcome);
    this.#isBegun = true;
    return this.#watch.start(() => {
      if (this.#watch.followed === 0) {
        const what = 'no storage node that could tell changes has answered in time';
        return outcome.failed(new VelourError('unanswered', what));
      }
      if (this.#query.since !== undefined) return this.#step(outcome);
      return outcome.done([{ event: { kind: 'begun' }, place: printPlace(this.#watch.place) }]);
    });
  }

  stop(): void {
    this.#watch.stop();
  }

  #step(outcome: Outcome<readonly PlacedEvent[]>): void {
    this.#watch.next((step) => {
      const events = this.#eventsOf(step);
      const place = printPlace(this.#watch.place);
      const last = events.length - 1;
      outcome.done(
        events.map((event, index) => ({ event, place: index === last ? place : undefined })),
      );
    });
  }

  #eventsOf(step: WatchStep): readonly WatchEvent[] {
    if (step.kind === 'missed') return [{ kind: 'missed' }];
    return step.changed.map((changed) => this.#eventOf(changed));
  }

  #eventOf({ key, version, head }: ChangedKey): WatchEvent {
    const named = { key: new Uint8Array(key) };
    const expiresAtMs = head === undefined ? 0 : recordExpiresAtMs(head);
    if (head === undefined || isTombstone(head) || isExpired(head, this.#clock.wallMs())) {
      return { kind: 'delete', ...named, version: printVersion(version) };
    }
    return {
      kind: 'set',
      ...named,
      ...storedOf(head),
      ...(this.#query.values ? { value: copyOf(wholeRecord(head)) } : {}),
      expiresAtMs: expiresAtMs === 0 ? undefined : expiresAtMs,
    };
  }
}

/** A watch with values tells whole records. */
function wholeRecord(head: RecordHead): StoredRecord {
  return head as StoredRecord;
}
