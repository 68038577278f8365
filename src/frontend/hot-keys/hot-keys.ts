// The hot-key radar of one frontend: which keys are requested most at present. Every get, set and delete is counted, in
// about 0.1 us and without an allocation, and counts fade with time. The counting itself is in heavy-hitters.ts, the
// route that shows the keys in hot-keys-route.ts.

import { KEY_BYTES_MAX } from '../../cluster/model/limits.ts';
import { recordValueBytes, type StoredRecord } from '../../cluster/model/record.ts';
import { userKey } from '../../cluster/model/stored-key.ts';
import type { Clock, Runtime } from '../../cluster/ports.ts';
import type { KeyObserver } from '../../coordinator/operations/operation-context.ts';
import { HeavyHitters } from './heavy-hitters.ts';

/** An operation counts half after this time, and a quarter after twice as long, so that hot means hot now. */
export const HALF_LIFE_SECONDS = 10;
/** Lists every key with a share above 1/256. The keys take up to 512 KiB for gets, and as much for sets. */
const CAPACITY = 512;
/** How long the weight of an operation stays the same; it grows by 1.7 % from one step to the next. */
const STEP_MS = 250;
const HALF_LIFE_STEPS = (HALF_LIFE_SECONDS * 1000) / STEP_MS;
/** Above this weight all counts are scaled down, which is seldom. It is far below where numbers lose precision. */
const WEIGHT_MAX = 2 ** 20;
/** Keys with fewer faded operations than this are not shown: a single one fades to a tenth in half a minute. */
const FADED = 0.1;

/** The faded counts of gets or of sets, as rates per second. */
export interface Heat {
  readonly operations: number;
  readonly bytes: number;
  /** The most `operations` that a key can have that is not in `keys`. */
  readonly unlisted: number;
  readonly keys: readonly HotKey[];
}

export interface HotKey {
  readonly key: Buffer;
  /** An upper bound of the key's rate; `operations` less `error` is a lower bound. */
  readonly operations: number;
  readonly error: number;
  /** The bytes of values, counted since the key was last listed. */
  readonly bytes: number;
}

/**
 * Counts operations of one kind. Counts fade because later operations weigh more (forward decay, Cormode et al. 2009),
 * so that nothing must be updated as time passes, and Space-Saving's bounds hold for faded counts as for plain ones.
 */
export class Radar {
  readonly #sketch: HeavyHitters;
  readonly #startedMs: number;
  #weight = 1;
  #stepEndsMs: number;

  constructor(seed: number, nowMs: number) {
    this.#sketch = new HeavyHitters(CAPACITY, KEY_BYTES_MAX, seed);
    this.#startedMs = nowMs;
    this.#stepEndsMs = nowMs + STEP_MS;
  }

  /** @param bytes the length of the value; 0 if there is none */
  count(key: Uint8Array, bytes: number, nowMs: number): void {
    if (nowMs >= this.#stepEndsMs) this.#step(nowMs);
    this.#sketch.add(key, this.#weight, bytes * this.#weight);
  }

  heat(nowMs: number): Heat {
    if (nowMs >= this.#stepEndsMs) this.#step(nowMs);
    const perSecond = 1 / (this.#weight * this.#windowSeconds(nowMs));
    const { total, totalBytes, unlisted } = this.#sketch;
    const listed = this.#sketch.list().filter(({ count }) => count >= FADED * this.#weight);
    return {
      operations: total >= FADED * this.#weight ? total * perSecond : 0,
      bytes: totalBytes * perSecond,
      unlisted: unlisted * perSecond,
      keys: listed.map(({ key, count, error, bytes }) => ({
        key,
        operations: count * perSecond,
        error: error * perSecond,
        bytes: bytes * perSecond,
      })),
    };
  }

  #step(nowMs: number): void {
    const steps = 1 + Math.floor((nowMs - this.#stepEndsMs) / STEP_MS);
    this.#stepEndsMs += steps * STEP_MS;
    this.#weight *= 2 ** (steps / HALF_LIFE_STEPS);
    if (this.#weight <= WEIGHT_MAX) return;
    // After a long silence all counts have faded away, and the weight may even have become infinite.
    if (this.#weight > WEIGHT_MAX ** 2) this.#sketch.clear();
    else this.#sketch.scale(1 / this.#weight);
    this.#weight = 1;
  }

  /** @returns how many seconds of a steady stream the faded counts amount to; it grows with the age of the radar */
  #windowSeconds(nowMs: number): number {
    const ageSeconds = Math.max(1, (nowMs - this.#startedMs) / 1000);
    return (HALF_LIFE_SECONDS / Math.LN2) * (1 - 2 ** (-ageSeconds / HALF_LIFE_SECONDS));
  }
}

/** Counts users' keys; operations on the cluster's own data are not shown. */
export class HotKeys implements KeyObserver {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #gets: Radar;
  readonly #sets: Radar;

  constructor({ clock, random }: Pick<Runtime, 'clock' | 'random'>) {
    const seed = random.below(2 ** 32);
    this.#clock = clock;
    this.#gets = new Radar(seed, clock.monotonicMs());
    this.#sets = new Radar(seed, clock.monotonicMs());
  }

  noteGet(storedKey: Buffer, found: StoredRecord | undefined): void {
    const key = userKey(storedKey);
    const bytes = found === undefined ? 0 : recordValueBytes(found);
    if (key !== undefined) this.#gets.count(key, bytes, this.#clock.monotonicMs());
  }

  /** Counts a set or a delete. */
  noteSet(storedKey: Buffer, value: Uint8Array): void {
    const key = userKey(storedKey);
    if (key !== undefined) this.#sets.count(key, value.length, this.#clock.monotonicMs());
  }

  heat(op: 'get' | 'set'): Heat {
    return (op === 'get' ? this.#gets : this.#sets).heat(this.#clock.monotonicMs());
  }
}

/** @returns a lower bound of the hottest key's share of all operations, 0 to 1; 0 when there are none */
export function hottestShare({ operations, keys }: Heat): number {
  if (operations === 0) return 0;
  return Math.max(0, ...keys.map((hot) => hot.operations - hot.error)) / operations;
}

/** Combines the heats of several workers; one that does not list a key may still have had up to `unlisted` of it. */
export function heatTogether(heats: readonly Heat[]): Heat {
  const sum = (of: (heat: Heat) => number) => heats.reduce((total, heat) => total + of(heat), 0);
  const unlisted = sum((heat) => heat.unlisted);
  const keys = new Map<string, HotKey>();
  for (const heat of heats) {
    for (const hot of heat.keys) {
      const name = Buffer.from(hot.key).toString('latin1');
      const known = keys.get(name) ?? { ...hot, operations: unlisted, error: unlisted, bytes: 0 };
      keys.set(name, {
        key: hot.key,
        operations: known.operations + hot.operations - heat.unlisted,
        error: known.error + hot.error - heat.unlisted,
        bytes: known.bytes + hot.bytes,
      });
    }
  }
  return {
    operations: sum(({ operations }) => operations),
    bytes: sum(({ bytes }) => bytes),
    unlisted,
    keys: [...keys.values()],
  };
}
