// Values of any length, each with a name: a history keeps and compares names, and a long value costs a run its
// bytes only where they travel. A value is its name and a filler that says of each byte whose it is and where
// it belongs, so that two values that were mixed, or one that was cut off, have no name.

import type { HttpRequest } from '../cluster/http/http.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import { requestOf } from './requests.ts';

export interface Value {
  readonly name: string;
  /** Its bytes, made when they are asked for. */
  body(): Buffer;
}

/** Of short ones, which are sent with the URL, and of those that are moved, copied and logged on their own. */
const MIDDLE_BYTES = [100, 3000] as const;
/** More than one chunk, and more than one answer of a copy (D13). */
const LONG_BYTES = [66_000, 150_000] as const;
const NAME = /^value (\d+) (\d+);/;
const NAME_BYTES_MAX = 40;
/** Values begin at different places of it. */
const SHIFTS = 997;
const pattern = Buffer.from(
  Array.from(
    { length: LONG_BYTES[1] + SHIFTS },
    (_, at) => (Math.imul(at + 1, 2654435761) >>> 24) & 0xff,
  ),
);

export class Values {
  #made = 0;

  /** @param bytes at least */
  next(bytes = 0): Value {
    const number = ++this.#made;
    const name = `value ${number} ${bytes};`;
    return {
      name,
      body: () => Buffer.concat([Buffer.from(name), fillerOf(number, bytes - name.length)]),
    };
  }

  /** @param longShare of long values; each costs about as much as a hundred others */
  draw(random: SeededRandom, longShare: number): Value {
    if (random.chance(longShare)) return this.next(Math.floor(random.between(...LONG_BYTES)));
    return this.next(random.chance(0.1) ? Math.floor(random.between(...MIDDLE_BYTES)) : 0);
  }
}

/** @returns the name of a value; what no set has written is named by what is wrong with it */
export function nameOf(body: Buffer): string {
  const head = body.toString('latin1', 0, NAME_BYTES_MAX);
  const [name = '', number, bytes] = NAME.exec(head) ?? [];
  if (name === '') return `no value: ${head}`;
  const length = Math.max(Number(bytes), name.length);
  if (body.length !== length) return `${name} of ${body.length} bytes`;
  const filler = body.subarray(name.length);
  return filler.equals(fillerOf(Number(number), filler.length)) ? name : `${name} with other bytes`;
}

/** With the value as its body: a URL has 16 KiB. */
export function setRequest(key: string, { body }: Value, ttlSeconds?: number): HttpRequest {
  const ttl = ttlSeconds === undefined ? '' : `&ttl=${ttlSeconds}`;
  const target = `/set?key=${encodeURIComponent(key)}${ttl}`;
  return requestOf('POST', target, { kind: 'bytes', bytes: body() });
}

function fillerOf(number: number, bytes: number): Buffer {
  const from = number % SHIFTS;
  return pattern.subarray(from, from + Math.max(0, bytes));
}
