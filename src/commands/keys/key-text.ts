// Keys and values as people and pipes have them: one on a line, as it is where it can be, else in JSON, as the API
// writes it. Every byte sequence has one form, and reading it gives the same bytes again. Pure.

import { isUtf8 } from 'node:buffer';
import { bytesOfText, jsonOfBytes } from '../../cluster/wire/key-text.ts';

/** Control characters, those that reorder text, and separators of lines and paragraphs. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const UNPRINTABLE_BUT_LAYOUT = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * @returns the text of the bytes; JSON where they are no UTF-8, have what would not be seen or would end the line, or
 *   begin as JSON does. It never has a tab or a line feed
 */
export function lineOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(buffer)) {
    const text = buffer.toString('utf8');
    if (!/^["{]/.test(text) && !UNPRINTABLE.test(text)) return text;
  }
  return printableJson(jsonOfBytes(bytes));
}

/** Escapes what a terminal would obey; the JSON means the same. */
export function printableJson(json: string): string {
  return UNPRINTABLE.test(json) ? json.replace(UNPRINTABLE_BUT_LAYOUT, escapedUnits) : json;
}

/**
 * Reads a line of `lineOfBytes`, and one that is an object with a `key`, as scan and the batches of the API have them.
 * @returns a text that says what is wrong with it
 */
export function bytesOfLine(line: Buffer): Buffer | { readonly wrong: string } {
  if (line.length === 0) return { wrong: 'is empty' };
  if (line[0] !== 0x22 && line[0] !== 0x7b) {
    if (!isUtf8(line)) return { wrong: 'is no UTF-8: write such a key as {"base64":"..."}' };
    if (!/\p{Cc}/u.test(line.toString('utf8'))) return line;
    return { wrong: 'has a control character: write such a key as a JSON string' };
  }
  const json = parsed(line.toString('utf8'));
  const bytes = bytesOfText(
    typeof json === 'object' && json !== null && 'key' in json ? json.key : json,
  );
  return (
    bytes ?? {
      wrong: 'begins as JSON does, and is neither a string, {"base64":"..."} nor {"key":...}',
    }
  );
}

/** @returns text that a terminal shows and does not obey; bytes that are no UTF-8 as \xNN */
export function terminalText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(buffer)) return buffer.toString('utf8').replace(UNPRINTABLE_BUT_LAYOUT, escapedUnits);
  return buffer
    .toString('latin1')
    .replace(/[^\n\t\x20-\x7e]/g, (one) => `\\x${hex(one.charCodeAt(0), 2)}`);
}

function escapedUnits(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${hex(character.charCodeAt(at), 4)}`,
  ).join('');
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
