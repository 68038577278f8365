// Which keys are asked for most just now: the hot-key radar of one frontend. Every get and every set is
// counted, in about 0.1 us and without an allocation; what was counted fades. The counting itself is
// heavy-hitters.ts's, the path that shows it hot-keys-route.ts's.

import { KEY_BYTES_MAX } from '../../cluster/model/limits.ts';
import { recordValueBytes, type StoredRecord } from '../../cluster/model/record.ts';
import type { Clock, Runtime } from '../../cluster/ports.ts';
import type { KeyObserver } from '../../coordinator/operations/operation-context.ts';
import { HeavyHitters } from './heavy-hitters.ts';

/** An operation counts half after so long, a quarter after twice as long: hot means hot now. */
export const HALF_LIFE_SECONDS = 10;
/** Every key with a larger share than a 256th is listed; 512 KiB for keys, of gets and of sets each. */
const CAPACITY = 512;
/** So long all that is counted has the same weight: 1.7 % between two such steps. */
const STEP_MS = 250;
const HALF_LIFE_STEPS = (HALF_LIFE_SECONDS * 1000) / STEP_MS;
/** Beyond it everything is scaled down, which is seldom; far below where numbers lose digits. */
const WEIGHT_MAX = 2 ** 20;
/** What so few operations are left of is not shown: a tenth of one, after half a minute. */
const FADED = 0.1;

/** Of gets or of sets, each figure a second. */
export interface Heat {
  readonly operations: number;
  readonly bytes: number;
  /** The most that a key can have that is not among these. */
  readonly unlisted: number;
  readonly keys: readonly HotKey[];
}

export interface HotKey {
  readonly key: Buffer;
  /** Certainly not more than this, and not less than this without `error`. */
  readonly operations: number;
  readonly error: number;
  /** Of values, since the key is listed. */
  readonly bytes: number;
}

/**
 * Counts fade by letting later ones weigh more (forward decay, Cormode et al. 2009), so nothing has to be
 * touched as time passes, and Space-Saving's bounds hold of faded counts as of plain ones.
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

  /** @param bytes of the value; 0 where there is none */
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
    // After long silence nothing is left, and the weight could be beyond all numbers.
    if (this.#weight > WEIGHT_MAX ** 2) this.#sketch.clear();
    else this.#sketch.scale(1 / this.#weight);
    this.#weight = 1;
  }

  /** How many seconds' worth of a steady stream the faded counts are; fewer than later while all is young. */
  #windowSeconds(nowMs: number): number {
    const ageSeconds = Math.max(1, (nowMs - this.#startedMs) / 1000);
    return (HALF_LIFE_SECONDS / Math.LN2) * (1 - 2 ** (-ageSeconds / HALF_LIFE_SECONDS));
  }
}

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

  noteGet(key: Uint8Array, found: StoredRecord | undefined): void {
    const bytes = found === undefined ? 0 : recordValueBytes(found);
    this.#gets.count(key, bytes, this.#clock.monotonicMs());
  }

  /** Or a delete. */
  noteSet(key: Uint8Array, value: Uint8Array): void {
    this.#sets.count(key, value.length, this.#clock.monotonicMs());
  }

  heat(op: 'get' | 'set'): Heat {
    return (op === 'get' ? this.#gets : this.#sets).heat(this.#clock.monotonicMs());
  }
}

/** The share of all operations that one key has at least; 0 when there are none. */
export function hottestShare({ operations, keys }: Heat): number {
  if (operations === 0) return 0;
  return Math.max(0, ...keys.map((hot) => hot.operations - hot.error)) / operations;
}

/** Of several that counted apart: a key may have gone through those, too, that do not list it. */
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
