// Versions: a hybrid logical clock of 48 bits of milliseconds and 16 of counter, as one 64-bit number
// (Kulkarni et al., "Logical Physical Clocks", 2014). A number of JavaScript holds 53 bits, too few
// (H20), so a version is a bigint; storage compares its eight bytes inside the record instead.

import { assert } from './assert.ts';

export type Version = bigint & { readonly brand: 'Version' };

export const VERSION_ZERO = 0n as Version;
const VERSION_MAX = (1n << 64n) - 1n;
const MILLISECONDS_MAX = 2 ** 48 - 1;
const COUNTER_BITS = 16n;

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
 * Mints versions that rise, whatever the wall clock does: backward steps only stop it, forward steps
 * of others drag it along through `observe` (H31: harmless for order).
 */
export class HybridClock {
  #last: Version = VERSION_ZERO;

  /** @param wallMs the wall clock, milliseconds since 1970. */
  next(wallMs: number): Version {
    const now = versionAt(wallMs);
    const following = (this.#last + 1n) as Version;
    assert(following <= VERSION_MAX, 'the clock does not overflow');
    this.#last = now > following ? now : following;
    return this.#last;
  }

  /** So many in a row that nobody else is given. @returns the highest */
  nextOf(count: number, wallMs: number): Version {
    const highest = (this.next(wallMs) + BigInt(count - 1)) as Version;
    assert(highest <= VERSION_MAX, 'the clock does not overflow');
    this.#last = highest;
    return highest;
  }

  /** Every version that comes back from a storage node passes here, so that the next one is above it. */
  observe(version: Version): void {
    if (version > this.#last) this.#last = version;
  }
}
