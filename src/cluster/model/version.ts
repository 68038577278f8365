// Versions: a hybrid logical clock of 48 bits of milliseconds and 16 of counter, as one 64-bit number
// (Kulkarni et al., "Logical Physical Clocks", 2014). A number of JavaScript holds 53 bits, too few
// (H20), so a version is a bigint; storage compares its eight bytes inside the record instead.

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
 * Mints versions for sets. They rise while the wall clock is about right: backward steps only stop it, and what
 * others have stamped drags it along through `observe`, so that what was read is below what is set next (H31:
 * harmless for order). Neither lasts for ever: what is far ahead of the wall clock was stamped by a clock that was
 * wrong, be it another's or the own one, and must not take all keys along. A set of a key that has such a version is
 * refused as superseded once, and then takes the one above it.
 */
export class HybridClock {
  readonly #clock: Pick<Clock, 'wallMs'>;
  #last: Version = VERSION_ZERO;
  /** Of the last version that was minted above a far one: no two have the same, until it begins anew. */
  #farCounter: number;

  /**
   * @param farCounter where those begin: drawn by each frontend, or two of them would give one version to two sets
   * above one that is far ahead (seed 49245151)
   */
  constructor(clock: Pick<Clock, 'wallMs'>, farCounter = 0) {
    this.#clock = clock;
    this.#farCounter = farCounter;
  }

  /** @param above what the key, or the floor of its partition, is known to have */
  next(above: Version = VERSION_ZERO): Version {
    return this.nextOf(1, above);
  }

  /** So many in a row that nobody else is given. @returns the highest */
  nextOf(count: number, above: Version = VERSION_ZERO): Version {
    const wallMs = this.#clock.wallMs();
    // Twice as far as is observed: sets that follow one another in one millisecond count up from there.
    if (isAhead(this.#last, wallMs, 2 * VERSION_OBSERVED_AHEAD_MS_MAX)) this.#last = VERSION_ZERO;
    if (isAhead(above, wallMs, VERSION_OBSERVED_AHEAD_MS_MAX)) return this.#above(above, count);
    const now = versionAt(wallMs);
    const following = ((this.#last > above ? this.#last : above) + 1n) as Version;
    const lowest = now > following ? now : following;
    this.#last = (lowest + BigInt(count - 1)) as Version;
    return this.#last;
  }

  /** Every version that comes back from a storage node passes here, so that the next one is above it. */
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
