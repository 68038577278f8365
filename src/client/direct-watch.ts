// A watch of the direct client: the steps of the core, as events.

import {
  isExpired,
  isTombstone,
  type RecordHead,
  recordExpiresAtMs,
  type StoredRecord,
} from '../cluster/model/record.ts';
import { printVersion } from '../cluster/model/version.ts';
import type { Cancel, Clock, Timers } from '../cluster/ports.ts';
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

/** How often it is looked whether any storage node is followed. */
const LOOK_MS = 1000;

export interface DirectWatchParts {
  /** The time of the cluster, by which records expire (H31). */
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly timers: Timers;
  readonly timeoutMs: number;
}

export class DirectWatch implements WatchSource {
  readonly #watch: ClusterWatch;
  readonly #query: CheckedWatch;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #timers: Timers;
  /** For how long no storage node may be followed. */
  readonly #timeoutMs: number;
  #isBegun = false;
  #cancelLook: Cancel = () => undefined;

  constructor(
    watch: ClusterWatch,
    query: CheckedWatch,
    { clock, timers, timeoutMs }: DirectWatchParts,
  ) {
    this.#watch = watch;
    this.#query = query;
    this.#clock = clock;
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
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
    this.#cancelLook();
    this.#watch.stop();
  }

  #step(outcome: Outcome<readonly PlacedEvent[]>): void {
    this.#lookAfter(Math.min(this.#timeoutMs, LOOK_MS), 0, outcome);
    this.#watch.next((step) => {
      this.#cancelLook();
      const events = this.#eventsOf(step);
      const place = printPlace(this.#watch.place);
      const last = events.length - 1;
      outcome.done(
        events.map((event, index) => ({ event, place: index === last ? place : undefined })),
      );
    });
  }

  /** Nothing comes of a cluster that is gone, and nobody says so. */
  #lookAfter(ms: number, silentMs: number, outcome: Outcome<readonly PlacedEvent[]>): void {
    this.#cancelLook = this.#timers.after(ms, () => {
      const nextMs = this.#watch.followed > 0 ? 0 : silentMs + ms;
      if (nextMs < this.#timeoutMs) return this.#lookAfter(ms, nextMs, outcome);
      this.#watch.stop();
      return outcome.failed(new VelourError('unreachable', 'no storage node tells changes'));
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
