// Versions: a hybrid logical clock of 48 bits of milliseconds and 16 of counter, as one 64-bit number (Kulkarni et
// al., "Logical Physical Clocks", 2014). A JavaScript number holds 53 bits, too few (H20), so a version is a bigint
// here; storage compares its eight bytes inside the record instead.

import { assert } from '../assert.ts';
import type { Clock } from '../ports.ts';
import { VERSION_OBSERVED_AHEAD_MS_MAX } from './limits.ts';

export type Version = bigint & { readonly brand: 'Version' };

export const VERSION_ZERO = 0n as Version;
const MILLISECONDS_MAX = 2 ** 48 - 1;
const COUNTER_BITS = 16n;
export const COUNTERS = 65_536;

export function versionAt(milliseconds: number): Version {
  assert(milliseconds >= 0, 'a version is not before 1970');
  assert(milliseconds <= MILLISECONDS_MAX, 'a version fits 48 bits of milliseconds');
  return (BigInt(Math.floor(milliseconds)) << COUNTER_BITS) as Version;
}

export function versionMilliseconds(version: Version): number {
  return Number(version >> COUNTER_BITS);
}

/** 16 lower-case hex digits. */
export function printVersion(version: Version): string {
  return version.toString(16).padStart(16, '0');
}

export function parseVersion(text: string): Version | undefined {
  return /^[0-9a-f]{16}$/.test(text) ? (BigInt(`0x${text}`) as Version) : undefined;
}

/**
 * Mints versions for sets. They always rise while the wall clock is about right: when it steps back, the counter goes
 * on, and `observe` raises the clock to the versions that others stamped, so that what was read is below what is set
 * next (H31: harmless for order). A version far ahead of the wall clock was stamped by a wrong clock, this one or
 * another, and must not raise the versions of all keys. A set of the key that has it is refused once, as superseded,
 * and then takes the version just above.
 */
export class HybridClock {
  readonly #clock: Pick<Clock, 'wallMs'>;
  #last: Version = VERSION_ZERO;
  /**
   * The counter of the last version minted above a far-ahead one; it rises so that no two are the same until it
   * wraps.
   */
  #farCounter: number;

  /**
   * @param farCounter where that counter begins: each frontend draws it at random, or two of them would give one
   * version to two sets above one that is far ahead (seed 49245151)
   */
  constructor(clock: Pick<Clock, 'wallMs'>, farCounter = 0) {
    this.#clock = clock;
    this.#farCounter = farCounter;
  }

  /** @param above the highest version that the key, or the floor of its partition, is known to have */
  next(above: Version = VERSION_ZERO): Version {
    return this.nextOf(1, above);
  }

  /** Reserves `count` consecutive versions. @returns the highest of them */
  nextOf(count: number, above: Version = VERSION_ZERO): Version {
    const wallMs = this.#clock.wallMs();
    // Twice the bound of `observe`: consecutive sets of one millisecond count up from an observed version.
    if (isAhead(this.#last, wallMs, 2 * VERSION_OBSERVED_AHEAD_MS_MAX)) this.#last = VERSION_ZERO;
    if (isAhead(above, wallMs, VERSION_OBSERVED_AHEAD_MS_MAX)) return this.#above(above, count);
    const now = versionAt(wallMs);
    const following = ((this.#last > above ? this.#last : above) + 1n) as Version;
    const lowest = now > following ? now : following;
    this.#last = (lowest + BigInt(count - 1)) as Version;
    return this.#last;
  }

  /** Takes every version that a storage node answers with, so that the next minted one is above it. */
  observe(version: Version): void {
    if (version <= this.#last) return;
    if (isAhead(version, this.#clock.wallMs(), VERSION_OBSERVED_AHEAD_MS_MAX)) return;
    this.#last = version;
  }

  #above(version: Version, count: number): Version {
    if (this.#farCounter + count >= COUNTERS) this.#farCounter = 0;
    this.#farCounter += count;
    const ms = versionMilliseconds(version);
    const inSameMs = this.#farAt(ms);
    return inSameMs - BigInt(count) >= version ? inSameMs : this.#farAt(ms + 1);
  }

  #farAt(milliseconds: number): Version {
    return (versionAt(milliseconds) + BigInt(this.#farCounter)) as Version;
  }
}

function isAhead(version: Version, wallMs: number, byMs: number): boolean {
  return versionMilliseconds(version) - wallMs > byMs;
}
