// What the commands of keys read: keys of the command line, and values and lines of keys from standard input.

import { fstatSync, statSync } from 'node:fs';
import { devNull } from 'node:os';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { VALUE_BYTES_MAX_CEILING } from '../../cluster/model/limits.ts';
import { type Arguments, usage } from '../options.ts';
import { bytesOfLine } from './key-text.ts';
import { LineCutter } from './line-cutter.ts';

/** A key in JSON takes at most six characters a byte; a line of a scan also has a value. */
const LINE_BYTES_MAX = 2 * VALUE_BYTES_MAX_CEILING;

const STANDARD_INPUT = 0;

/** The word that stands for standard input, or output. */
export const DASH = '-';

/** @param text as it was typed: its UTF-8 is the key, or with --base64 what it stands for */
export function keyOf(words: Arguments, text: string): Buffer {
  if (text === '') throw usage('a key is empty');
  if (!words.flag('base64')) return typedBytes(text, 'the key', 'give it as --base64');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') === text) return bytes;
  throw usage(`--base64 is given, and the key ${text} is no base64, padded with =`);
}

/**
 * Node puts U+FFFD in the place of what is no UTF-8 on a command line: it would be stored under another key, or as
 * another value, than was typed.
 * @throws FatalError for such a text
 */
export function typedBytes(text: string, what: string, instead: string): Buffer {
  if (!text.includes('\uFFFD')) return Buffer.from(text, 'utf8');
  throw usage(`${what} ${text} is no UTF-8, or has U+FFFD: ${instead}`);
}

/**
 * Node reads a directory as an empty file.
 * @throws FatalError for a directory
 */
export function standardInput(): AsyncIterable<Buffer> {
  if (!fstatSync(STANDARD_INPUT).isDirectory()) return process.stdin;
  throw new FatalError(EXIT.config, 'standard input is a directory');
}

/** Whether standard input is the null device: also where it was closed, as Node opens that in its place. */
export function isInputNull(): boolean {
  const stats = fstatSync(STANDARD_INPUT);
  return stats.isCharacterDevice() && stats.rdev === statSync(devNull).rdev;
}

/** @throws FatalError for what is longer than any value */
export async function readValue(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of standardInput()) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > VALUE_BYTES_MAX_CEILING) {
      throw usage(`standard input has over ${VALUE_BYTES_MAX_CEILING} bytes, the most of a value`);
    }
  }
  return Buffer.concat(chunks, bytes);
}

/**
 * Reads keys from standard input, one on a line, as `velour scan` prints them; empty lines are passed over.
 * @returns them in groups of at most `atOnce`
 * @throws FatalError for a line that is no key
 */
export async function* keysOfInput(atOnce: number): AsyncGenerator<readonly Buffer[]> {
  let number = 0;
  let group: Buffer[] = [];
  for await (const lines of linesOf(standardInput())) {
    for (const line of lines) {
      number++;
      if (line.length === 0) continue;
      const key = bytesOfLine(line);
      if (!Buffer.isBuffer(key)) throw usage(`line ${number} of standard input ${key.wrong}`);
      group.push(key);
      if (group.length < atOnce) continue;
      yield group;
      group = [];
    }
    // Who types keys, or sends some now and some later, is answered now.
    if (group.length > 0) yield group;
    group = [];
  }
}

/** @returns the lines that are whole, for each piece that comes */
export async function* linesOf(
  pieces: AsyncIterable<Buffer>,
  bytesMax = LINE_BYTES_MAX,
): AsyncGenerator<readonly Buffer[]> {
  const cutter = new LineCutter(bytesMax);
  for await (const piece of pieces) {
    const lines = cutter.add(piece);
    if (lines === undefined) throw usage(`a line has over ${bytesMax} bytes`);
    if (lines.length > 0) yield lines;
  }
  const last = cutter.end();
  if (last !== undefined) yield [last];
}

/** All keys that a command is given: its words, or standard input where the only word is `-`. */
export async function* keysGiven(
  words: Arguments,
  atOnce: number,
): AsyncGenerator<readonly Buffer[]> {
  const texts = words.texts('keys');
  if (texts.length === 0) throw usage('name a key, or - to read keys from standard input');
  if (texts.length === 1 && texts[0] === DASH && !words.flag('base64')) {
    return yield* keysOfInput(atOnce);
  }
  if (texts.includes(DASH)) throw usage('- stands for keys from standard input, and goes alone');
  const keys = texts.map((text) => keyOf(words, text));
  for (let at = 0; at < keys.length; at += atOnce) yield keys.slice(at, at + atOnce);
}
