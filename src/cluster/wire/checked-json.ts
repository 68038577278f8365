// A small file of one line of JSON, which people can read, with a checksum of everything behind the checksum, so that a
// flipped bit is noticed:
//
//   {"format":3,"crc":"(8 hex digits)",(the fields)}

import { crc32 } from 'node:zlib';
import { integer, isNothing, Malformed, object, type Shape } from './shapes.ts';

/** @param fields an object with at least one field, none of them `format` or `crc` */
export function encodeCheckedJson(format: number, fields: object): Buffer {
  const checked = Buffer.from(`${JSON.stringify(fields).slice(1)}\n`);
  return Buffer.concat([beginningFor(format, checked), checked]);
}

/** Compares bytes rather than fields, so that no byte of the file can change unnoticed. */
export function isSoundJson(format: number, bytes: Buffer): boolean {
  const { length } = beginningFor(format, EMPTY);
  const checked = bytes.subarray(length);
  return bytes.subarray(0, length).equals(beginningFor(format, checked));
}

/** @returns the fields, or a text that says why the bytes are not this */
export function decodeCheckedJson<T>(format: number, shape: Shape<T>, bytes: Buffer): T | string {
  if (isNothing(bytes)) return 'it is empty';
  try {
    const read: unknown = JSON.parse(bytes.toString());
    const { format: given } = anyFormat(read);
    if (given > format) return `it is of format ${given}, and this software reads ${format}`;
    if (!isSoundJson(format, bytes)) return 'its checksum does not match, so the disk changed it';
    return shape(read);
  } catch (error) {
    if (error instanceof SyntaxError) return `it is damaged (${error.message})`;
    if (error instanceof Malformed) return error.message;
    throw error;
  }
}

const EMPTY = Buffer.alloc(0);
const anyFormat = object({ format: integer({ min: 1, max: 1000 }) });

function beginningFor(format: number, checked: Buffer): Buffer {
  const crc = crc32(checked).toString(16).padStart(8, '0');
  return Buffer.from(`{"format":${format},"crc":"${crc}",`);
}
