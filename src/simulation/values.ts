// Values of any length, each with a name: a history keeps and compares only names, so a long value costs bytes only
// while it travels. A value is its name and a filler whose bytes depend on the value and on their place, so mixed or
// truncated values are recognised.

import type { HttpRequest } from '../cluster/http/http.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import { requestOf } from './requests.ts';

export interface Value {
  readonly name: string;
  /** Makes its bytes. */
  body(): Buffer;
}

/** Lengths in bytes of middle values; in segments of 512 bytes (cluster.ts) the longer ones are stored on their own. */
const MIDDLE_BYTES = [100, 3000] as const;
/** Lengths in bytes of long values: more than one chunk, and more than one reply of a copy (D13). */
const LONG_BYTES = [66_000, 150_000] as const;
const NAME = /^value (\d+) (\d+);/;
const NAME_BYTES_MAX = 40;
/** How many offsets in the pattern fillers begin at. */
const SHIFTS = 997;
const pattern = Buffer.from(
  Array.from(
    { length: LONG_BYTES[1] + SHIFTS },
    (_, at) => (Math.imul(at + 1, 2654435761) >>> 24) & 0xff,
  ),
);

export class Values {
  #made = 0;

  /** @param bytes the length of the value; a longer name exceeds it */
  next(bytes = 0): Value {
    const number = ++this.#made;
    const name = `value ${number} ${bytes};`;
    return {
      name,
      body: () => Buffer.concat([Buffer.from(name), fillerOf(number, bytes - name.length)]),
    };
  }

  /** @param longShare the share of long values; each costs a run as much time as about a hundred short ones */
  draw(random: SeededRandom, longShare: number): Value {
    if (random.chance(longShare)) return this.next(Math.floor(random.between(...LONG_BYTES)));
    return this.next(random.chance(0.1) ? Math.floor(random.between(...MIDDLE_BYTES)) : 0);
  }
}

/** @returns the name of the value; for bytes that no set wrote, a text that says what is wrong with them */
export function nameOf(body: Buffer): string {
  const head = body.toString('latin1', 0, NAME_BYTES_MAX);
  const [name = '', number, bytes] = NAME.exec(head) ?? [];
  if (name === '') return `no value: ${head}`;
  const length = Math.max(Number(bytes), name.length);
  if (body.length !== length) return `${name} of ${body.length} bytes`;
  const filler = body.subarray(name.length);
  return filler.equals(fillerOf(Number(number), filler.length)) ? name : `${name} with other bytes`;
}

/** A request that sets the value, in its body: a URL has at most 16 KiB. */
export function setRequest(key: string, { body }: Value, ttlSeconds?: number): HttpRequest {
  const ttl = ttlSeconds === undefined ? '' : `&ttl=${ttlSeconds}`;
  const target = `/set?key=${encodeURIComponent(key)}${ttl}`;
  return requestOf('POST', target, { kind: 'bytes', bytes: body() });
}

function fillerOf(number: number, bytes: number): Buffer {
  const from = number % SHIFTS;
  return pattern.subarray(from, from + Math.max(0, bytes));
}
