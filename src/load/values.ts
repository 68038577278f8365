// The values that the generator stores. Each names its key and which of the generator's sets wrote it, so that a value
// that was never stored under a key is recognised. A value is the first bytes of
//
//   KEY SEQUENCE LENGTH\n and letters that follow from KEY and SEQUENCE
//
// so one that is shorter than its first line proves less, and a person can read any of them.

import { SeededRandom } from '../cluster/seeded-random.ts';

/** The letters are a piece of one block, so that making and checking them is one copy and one comparison. */
const BLOCK_BYTES = 64 * 1024;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
/** The two numbers of at most 16 digits, and the characters between them. */
const NUMBERS_BYTES_MAX = 2 * 16 + 3;

const block = Buffer.alloc(BLOCK_BYTES);
{
  // All generators use the same seed, so that they can check each other's values.
  const random = new SeededRandom(1);
  for (let at = 0; at < BLOCK_BYTES; at++) block[at] = LETTERS.charCodeAt(random.below(32));
}

export function makeValue(key: string, of: { sequence: number; bytes: number }): Buffer {
  const value = Buffer.allocUnsafe(of.bytes);
  const head = `${key} ${of.sequence} ${of.bytes}\n`;
  let at = value.write(head, 'latin1');
  let from = letterOf(key, of.sequence);
  while (at < of.bytes) {
    at += block.copy(value, at, from);
    from = 0;
  }
  return value;
}

/** Whether a generator made this value for this key, as far as its length can tell. */
export function isValueOf(key: string, value: Buffer): boolean {
  const headBytes = Math.min(value.length, key.length + NUMBERS_BYTES_MAX);
  const head = value.toString('latin1', 0, headBytes);
  if (!head.startsWith(`${key} `)) return `${key} `.startsWith(head) && value.length > 0;
  const end = head.indexOf('\n');
  const numbers = head.slice(key.length + 1, end < 0 ? undefined : end);
  // The value is too short for its first line.
  if (end < 0) return value.length === headBytes && /^\d*(?: \d*)?$/.test(numbers);
  const match = /^(\d{1,16}) (\d{1,16})$/.exec(numbers);
  if (match === null || Number(match[2]) !== value.length) return false;
  let at = end + 1;
  let from = letterOf(key, Number(match[1]));
  while (at < value.length) {
    const length = Math.min(value.length - at, BLOCK_BYTES - from);
    if (block.compare(value, at, at + length, from, from + length) !== 0) return false;
    at += length;
    from = 0;
  }
  return true;
}

/** @returns where in the block the letters of this set begin */
function letterOf(key: string, sequence: number): number {
  let hash = sequence >>> 0;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 15)) & (BLOCK_BYTES - 1);
}
