// Keys and values in JSON: text where the bytes are UTF-8, and `{"base64":"..."}` in its place where they are not. Every
// byte sequence has one form, and reading it gives the same bytes again. Pure.

import { isUtf8 } from 'node:buffer';

/** What stands for some bytes in a value that is made JSON later. */
export type BytesText = string | { readonly base64: string };

export function textOfBytes(bytes: Uint8Array): BytesText {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return isUtf8(buffer) ? buffer.toString('utf8') : { base64: buffer.toString('base64') };
}

/** @returns JSON that stands for the bytes, without a line feed in it */
export function jsonOfBytes(bytes: Uint8Array): string {
  return JSON.stringify(textOfBytes(bytes));
}

/**
 * Accepts base64 of any bytes, also of those that are UTF-8, so that a program may send base64 always.
 * @param json a value that JSON.parse has returned
 * @returns undefined for what stands for no bytes: another type, another field besides `base64`, base64 that is not
 *   padded or has other characters, and text with half a surrogate pair, which has no bytes in UTF-8
 */
export function bytesOfText(json: unknown): Buffer | undefined {
  if (typeof json === 'string') {
    return /\p{Surrogate}/u.test(json) ? undefined : Buffer.from(json, 'utf8');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const fields = Object.entries(json);
  const [field] = fields;
  if (fields.length !== 1 || field?.[0] !== 'base64' || typeof field[1] !== 'string') {
    return undefined;
  }
  // Node skips what is no base64; text that does not come back was not what it seemed.
  const bytes = Buffer.from(field[1], 'base64');
  return bytes.toString('base64') === field[1] ? bytes : undefined;
}
