// The one binary form of a stored item, on the wire, in memory and in the log. A record is a Buffer that came from
// `encodeRecord` or passed `parseRecord`; the readers below do not check it again. Integers are big-endian.
//
//   offset  bytes
//        0      4  length of the whole record
//        4      4  CRC-32 of everything from offset 8
//        8      8  version
//       16      6  expiresAt, milliseconds since 1970; 0 = never
//       22      1  flags: bit 0 tombstone, others 0
//       23      1  form, 1
//       24      2  length of the key
//       26      2  length of the attribute block
//       28         key, attributes, value
//
// The attribute block is entries back to back, ordered by type: type (1), length (2), bytes.

import { crc32 } from 'node:zlib';
import { assert } from '../assert.ts';
import {
  ATTRIBUTES_BYTES_MAX,
  EXPIRES_AT_MS_MAX,
  STORED_KEY_BYTES_MAX,
  VALUE_BYTES_MAX_CEILING,
} from './limits.ts';
import type { Version } from './version.ts';

export type StoredRecord = Buffer & { readonly brand: 'StoredRecord' };

/** A record up to the end of its key, without attributes and value. Its CRC is in it, so it identifies the record. */
export type RecordHead = Buffer & { readonly brand: 'StoredRecord' | 'RecordHead' };

export const RECORD_HEADER_BYTES = 28;
/** Offset of the key's length, a 16-bit integer. */
export const RECORD_KEY_LENGTH_AT = 24;
/** The most that a record adds to its value; it bounds every frame that carries a record. */
export const RECORD_OVERHEAD_BYTES_MAX =
  RECORD_HEADER_BYTES + STORED_KEY_BYTES_MAX + ATTRIBUTES_BYTES_MAX;
const RECORD_BYTES_MAX = RECORD_OVERHEAD_BYTES_MAX + VALUE_BYTES_MAX_CEILING;
const CRC_FROM = 8;
const FORM = 1;
const FLAG_TOMBSTONE = 1;
const EMPTY = Buffer.alloc(0);

export const ATTRIBUTE_CONTENT_TYPE = 1;
/** Marks a record that was judged (H39); conditional-mark.ts has its bytes. */
export const ATTRIBUTE_CONDITIONAL = 2;

/** Type and length, which stand before the bytes of an attribute. */
export const ATTRIBUTE_HEAD_BYTES = 3;

export interface Attribute {
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface RecordFields {
  readonly key: Uint8Array;
  readonly version: Version;
  readonly tombstone?: boolean;
  /** Milliseconds since 1970; 0 = never (H30). */
  readonly expiresAtMs?: number;
  readonly attributes?: readonly Attribute[];
  readonly value: Uint8Array;
}

export function encodeRecord(fields: RecordFields): StoredRecord {
  const { key, value } = fields;
  const tombstone = fields.tombstone ?? false;
  const expiresAtMs = fields.expiresAtMs ?? 0;
  const attributes = encodeAttributes(fields.attributes ?? []);
  assert(
    key.length >= 1 && key.length <= STORED_KEY_BYTES_MAX,
    'a key has 1 to STORED_KEY_BYTES_MAX bytes',
  );
  assert(!tombstone || value.length === 0, 'a tombstone has no value');
  assert(expiresAtMs >= 0 && expiresAtMs <= EXPIRES_AT_MS_MAX, 'expiry fits 48 bits');
  const length = RECORD_HEADER_BYTES + key.length + attributes.length + value.length;
  const record = Buffer.allocUnsafe(length) as StoredRecord;
  record.writeUInt32BE(length, 0);
  record.writeBigUInt64BE(fields.version, 8);
  record.writeUIntBE(Math.floor(expiresAtMs), 16, 6);
  record[22] = tombstone ? FLAG_TOMBSTONE : 0;
  record[23] = FORM;
  record.writeUInt16BE(key.length, 24);
  record.writeUInt16BE(attributes.length, 26);
  record.set(key, RECORD_HEADER_BYTES);
  record.set(attributes, RECORD_HEADER_BYTES + key.length);
  record.set(value, RECORD_HEADER_BYTES + key.length + attributes.length);
  record.writeUInt32BE(crc32(record.subarray(CRC_FROM)), 4);
  return record;
}

export type ParsedRecord =
  | { readonly kind: 'record'; readonly record: StoredRecord }
  /** The bytes end before the record does. */
  | { readonly kind: 'short' }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Checks the record at `offset` completely. @returns it as a view on the same memory */
export function parseRecord(bytes: Buffer, offset = 0): ParsedRecord {
  const available = bytes.length - offset;
  if (available < RECORD_HEADER_BYTES) return SHORT;
  const length = bytes.readUInt32BE(offset);
  if (length < RECORD_HEADER_BYTES) return malformed(`length ${length} is below the header's`);
  if (length > RECORD_BYTES_MAX) return malformed(`length ${length} is above every record's`);
  if (bytes[offset + 23] !== FORM) return malformed(`form ${bytes[offset + 23]} is not known`);
  const flags = bytes[offset + 22] ?? 0;
  if ((flags & ~FLAG_TOMBSTONE) !== 0) return malformed(`flags ${flags} are not known`);
  const keyLength = bytes.readUInt16BE(offset + 24);
  if (keyLength < 1 || keyLength > STORED_KEY_BYTES_MAX)
    return malformed(`key of ${keyLength} bytes`);
  const attributesLength = bytes.readUInt16BE(offset + 26);
  if (attributesLength > ATTRIBUTES_BYTES_MAX) return malformed('attributes too long');
  const valueLength = length - RECORD_HEADER_BYTES - keyLength - attributesLength;
  if (valueLength < 0) return malformed('key and attributes exceed the record');
  if (flags === FLAG_TOMBSTONE && valueLength > 0) return malformed('a tombstone with a value');
  if (length > available) return SHORT;
  const record = bytes.subarray(offset, offset + length) as StoredRecord;
  if (crc32(record.subarray(CRC_FROM)) !== record.readUInt32BE(4)) return malformed('CRC differs');
  if (attributesLength > 0 && decodeAttributes(recordAttributeBytes(record)) === undefined) {
    return malformed('attribute block');
  }
  return { kind: 'record', record };
}

/** A view on the record up to the end of its key. */
export function recordHead(record: StoredRecord): RecordHead {
  return record.subarray(0, RECORD_HEADER_BYTES + recordKeyBytes(record)) as RecordHead;
}

/** @returns a view on the head at `offset`; undefined when the bytes there cannot be one */
export function parseRecordHead(bytes: Buffer, offset: number): RecordHead | undefined {
  if (bytes.length - offset < RECORD_HEADER_BYTES) return undefined;
  const keyLength = bytes.readUInt16BE(offset + RECORD_KEY_LENGTH_AT);
  const end = offset + RECORD_HEADER_BYTES + keyLength;
  const isHead = keyLength >= 1 && keyLength <= STORED_KEY_BYTES_MAX && end <= bytes.length;
  return isHead ? (bytes.subarray(offset, end) as RecordHead) : undefined;
}

/** Whether `head` is the head of `record`: the key and the CRC are the same. */
export function isSameHead(record: StoredRecord, head: RecordHead): boolean {
  return record.length >= head.length && record.compare(head, 0, head.length, 0, head.length) === 0;
}

/** The length of the whole record in bytes, which is the first field of its head. */
export function recordBytes(head: RecordHead): number {
  return head.readUInt32BE(0);
}

const SHORT: ParsedRecord = { kind: 'short' };

function malformed(reason: string): ParsedRecord {
  return { kind: 'malformed', reason };
}

export function recordVersion(record: RecordHead): Version {
  return record.readBigUInt64BE(8) as Version;
}

/** The milliseconds of the version; avoids the cost of a bigint. */
export function recordVersionMs(record: StoredRecord): number {
  return record.readUIntBE(8, 6);
}

/** The CRC-32 of the record, which covers everything from offset 8. */
export function recordChecksum(record: StoredRecord): number {
  return record.readUInt32BE(4);
}

/** The text that `printVersion` gives, without the cost of a bigint. */
export function printRecordVersion(record: RecordHead): string {
  return record.toString('hex', 8, 16);
}

export function isTombstone(record: RecordHead): boolean {
  return ((record[22] ?? 0) & FLAG_TOMBSTONE) !== 0;
}

/** Milliseconds since 1970; 0 = never. */
export function recordExpiresAtMs(record: RecordHead): number {
  return record.readUIntBE(16, 6);
}

export function isExpired(record: RecordHead, wallMs: number): boolean {
  const expiresAtMs = recordExpiresAtMs(record);
  return expiresAtMs !== 0 && expiresAtMs <= wallMs;
}

export function recordKey(record: RecordHead): Buffer {
  return record.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + record.readUInt16BE(24));
}

/** The length of the key in bytes. */
export function recordKeyBytes(record: RecordHead): number {
  return record.readUInt16BE(24);
}

export function recordHasKey(record: StoredRecord, key: Uint8Array): boolean {
  const { length } = key;
  const end = RECORD_HEADER_BYTES + length;
  return (
    record.readUInt16BE(24) === length &&
    record.compare(key, 0, length, RECORD_HEADER_BYTES, end) === 0
  );
}

/** Whether the record's key begins with these bytes. */
export function recordKeyBeginsWith(record: StoredRecord, prefix: Uint8Array): boolean {
  const { length } = prefix;
  if (length === 0) return true;
  const end = RECORD_HEADER_BYTES + length;
  return (
    record.readUInt16BE(24) >= length &&
    record.compare(prefix, 0, length, RECORD_HEADER_BYTES, end) === 0
  );
}

/** Whether time makes the record go: it is a delete, or it expires. */
export function isPerishable(record: StoredRecord): boolean {
  return isTombstone(record) || recordExpiresAtMs(record) !== 0;
}

function recordAttributeBytes(record: StoredRecord): Buffer {
  const from = RECORD_HEADER_BYTES + record.readUInt16BE(24);
  return record.subarray(from, from + record.readUInt16BE(26));
}

export function recordAttributes(record: StoredRecord): readonly Attribute[] {
  const attributes = decodeAttributes(recordAttributeBytes(record));
  assert(attributes !== undefined, 'the attribute block was checked when the record came in');
  return attributes;
}

export function recordValue(record: StoredRecord): Buffer {
  return record.subarray(RECORD_HEADER_BYTES + record.readUInt16BE(24) + record.readUInt16BE(26));
}

/** The length of the value in bytes. */
export function recordValueBytes(record: StoredRecord): number {
  return record.length - RECORD_HEADER_BYTES - record.readUInt16BE(24) - record.readUInt16BE(26);
}

/** Makes the ETag together with the version, which alone does not suffice: two frontends can mint one version (D10). */
export function recordHash(record: RecordHead): number {
  return record.readUInt32BE(4);
}

/**
 * The total order of H20 and D10: version, tombstone, expiry, attributes, value bytes. Every replica, repair and copy
 * uses this one function, so that replicas end with the same bytes whatever the order of arrival.
 * @returns negative, zero or positive; zero only for identical records of one key
 */
export function compareRecords(a: StoredRecord, b: StoredRecord): number {
  return (
    a.compare(b, 8, 16, 8, 16) ||
    Number(isTombstone(a)) - Number(isTombstone(b)) ||
    a.compare(b, 16, 22, 16, 22) ||
    recordAttributeBytes(a).compare(recordAttributeBytes(b)) ||
    recordValue(a).compare(recordValue(b))
  );
}

function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  if (attributes.length === 0) return EMPTY;
  const ordered = [...attributes].sort((a, b) => a.type - b.type);
  const parts: Uint8Array[] = [];
  let previous = -1;
  for (const { type, bytes } of ordered) {
    assert(type > previous && type <= 0xff, 'attribute types are distinct bytes');
    previous = type;
    parts.push(Uint8Array.of(type, bytes.length >>> 8, bytes.length & 0xff), bytes);
  }
  const block = Buffer.concat(parts);
  assert(block.length <= ATTRIBUTES_BYTES_MAX, 'the attribute block is within its limit');
  return block;
}

/** How many bytes these take in a record. */
export function attributesBytes(attributes: readonly Attribute[]): number {
  return attributes.reduce((sum, { bytes }) => sum + ATTRIBUTE_HEAD_BYTES + bytes.length, 0);
}

const NO_ATTRIBUTES: readonly Attribute[] = [];

function decodeAttributes(block: Buffer): readonly Attribute[] | undefined {
  if (block.length === 0) return NO_ATTRIBUTES;
  const attributes: Attribute[] = [];
  let previous = -1;
  let offset = 0;
  while (offset < block.length) {
    if (offset + ATTRIBUTE_HEAD_BYTES > block.length) return undefined;
    const type = block.readUInt8(offset);
    const end = offset + ATTRIBUTE_HEAD_BYTES + block.readUInt16BE(offset + 1);
    if (type <= previous || end > block.length) return undefined;
    attributes.push({ type, bytes: block.subarray(offset + ATTRIBUTE_HEAD_BYTES, end) });
    previous = type;
    offset = end;
  }
  return attributes;
}
