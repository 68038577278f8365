// A record as a line of JSON, in an export and in an import. Everything that a record has is in its line, so a cluster
// that imports it has the very same record, with the same ETag. Pure.
//
//   {"key":K,"value":V,"version":"16 hex digits","expiresAt":ms?,"contentType":T?,"attributes":{"TYPE":"base64"}?}
//   {"key":K,"deleted":true,"version":"16 hex digits"}

import {
  ATTRIBUTES_BYTES_MAX,
  EXPIRES_AT_MS_MAX,
  KEY_BYTES_MAX,
  MARK_BYTES_MAX,
} from '../../../../cluster/model/limits.ts';
import {
  ATTRIBUTE_CONDITIONAL,
  ATTRIBUTE_CONTENT_TYPE,
  type Attribute,
  attributesBytes,
  isTombstone,
  printRecordVersion,
  recordAttributes,
  recordExpiresAtMs,
  recordValue,
  type StoredRecord,
} from '../../../../cluster/model/record.ts';
import { parseVersion, type Version } from '../../../../cluster/model/version.ts';
import { bytesOfText, jsonOfBytes } from '../../../../cluster/wire/key-text.ts';

/** @param key the user's, of which the record has the stored form */
export function printRecordLine(key: Uint8Array, record: StoredRecord): string {
  const content = isTombstone(record)
    ? '"deleted":true'
    : `"value":${compactJson(recordValue(record))}`;
  const expiresAtMs = recordExpiresAtMs(record);
  const expiresAt = expiresAtMs === 0 ? '' : `,"expiresAt":${expiresAtMs}`;
  const version = `"version":"${printRecordVersion(record)}"`;
  const attributes = attributesJson(recordAttributes(record));
  return `{"key":${jsonOfBytes(key)},${content},${version}${expiresAt}${attributes}}\n`;
}

/** @returns base64 where text would take more than twice its bytes, as control characters do: lines have a limit */
function compactJson(value: Buffer): string {
  const json = jsonOfBytes(value);
  if (Buffer.byteLength(json) <= 2 * value.length + 2) return json;
  return JSON.stringify({ base64: value.toString('base64') });
}

function attributesJson(attributes: readonly Attribute[]): string {
  let contentType: string | undefined;
  const others: Record<string, string> = {};
  for (const { type, bytes } of attributes) {
    const json = type === ATTRIBUTE_CONTENT_TYPE ? jsonOfBytes(bytes) : '';
    if (json.startsWith('"')) contentType = json;
    else others[type] = Buffer.from(bytes).toString('base64');
  }
  const named = contentType === undefined ? '' : `,"contentType":${contentType}`;
  const count = Object.keys(others).length;
  return count === 0 ? named : `${named},"attributes":${JSON.stringify(others)}`;
}

export interface LineRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly tombstone: boolean;
  /** Milliseconds since 1970; 0 = never. */
  readonly expiresAtMs: number;
  readonly attributes: readonly Attribute[];
  /** Undefined where the line names none. */
  readonly version: Version | undefined;
}

export type ReadLine =
  | { readonly kind: 'record'; readonly record: LineRecord }
  /** A line between the records, with a cursor. */
  | {
      readonly kind: 'cursor';
      /** The line with which a whole export ends. */
      readonly isLast: boolean;
    }
  | { readonly kind: 'wrong'; readonly detail: string };

const EMPTY = Buffer.alloc(0);
/** A conditional write keeps the attributes of the record, and adds its mark to them. */
const ATTRIBUTES_BYTES_WITHOUT_MARK = ATTRIBUTES_BYTES_MAX - MARK_BYTES_MAX;
/** `etag` is what a scan has in its lines. It follows from the record, so it is not looked at. */
const FIELDS: readonly string[] = [
  'key',
  'value',
  'deleted',
  'version',
  'expiresAt',
  'contentType',
  'attributes',
  'etag',
];

export function readRecordLine(line: string): ReadLine {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return wrong('it is no JSON; a line that was cut off looks like that');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return wrong('it is no object');
  }
  const fields: Readonly<Record<string, unknown>> = { ...json };
  if (typeof fields.error === 'string') {
    return wrong(`the export ended here, with ${fields.error}: go on at its cursor`);
  }
  if ('cursor' in fields) return { kind: 'cursor', isLast: fields.cursor === null };
  return readFields(fields);
}

function readFields(fields: Readonly<Record<string, unknown>>): ReadLine {
  const unknown = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) return wrong(`it has an unknown field ${JSON.stringify(unknown)}`);
  const key = bytesOfText(fields.key);
  if (key === undefined) return wrong('key is neither text nor {"base64":"..."}');
  if (key.length < 1 || key.length > KEY_BYTES_MAX) return wrong(`the key has ${key.length} bytes`);
  const tombstone = fields.deleted === true;
  if (!tombstone && fields.deleted !== undefined) return wrong('deleted is true, or left out');
  if (tombstone && fields.value !== undefined) return wrong('a delete has no value');
  const value = tombstone ? EMPTY : bytesOfText(fields.value);
  if (value === undefined) return wrong('value is neither text nor {"base64":"..."}');
  const version = versionOf(fields.version);
  if (version === 'wrong') return wrong('version is not 16 hex digits');
  const expiresAtMs = expiryOf(fields.expiresAt);
  if (expiresAtMs === undefined) return wrong('expiresAt is not milliseconds since 1970');
  const attributes = attributesOf(fields.contentType, fields.attributes);
  if (typeof attributes === 'string') return wrong(attributes);
  return { kind: 'record', record: { key, value, tombstone, expiresAtMs, attributes, version } };
}

function versionOf(json: unknown): Version | undefined | 'wrong' {
  if (json === undefined) return undefined;
  const version = typeof json === 'string' ? parseVersion(json) : undefined;
  return version ?? 'wrong';
}

function expiryOf(json: unknown): number | undefined {
  if (json === undefined) return 0;
  const isTime = typeof json === 'number' && Number.isInteger(json);
  return isTime && json > 0 && json <= EXPIRES_AT_MS_MAX ? json : undefined;
}

/** @returns for what are no attributes, a text that says what is wrong */
function attributesOf(contentType: unknown, others: unknown): readonly Attribute[] | string {
  const attributes: Attribute[] = [];
  if (contentType !== undefined) {
    const bytes = typeof contentType === 'string' ? bytesOfText(contentType) : undefined;
    if (bytes === undefined) return 'contentType is no text';
    attributes.push({ type: ATTRIBUTE_CONTENT_TYPE, bytes });
  }
  if (others !== undefined) {
    if (typeof others !== 'object' || others === null) return 'attributes are no object';
    for (const [name, base64] of Object.entries(others)) {
      const bytes = bytesOfText({ base64 });
      const isType = /^(0|[1-9]\d{0,2})$/.test(name) && Number(name) <= 0xff;
      if (!isType || bytes === undefined) return 'attributes are no base64 by their number';
      attributes.push({ type: Number(name), bytes });
    }
  }
  if (new Set(attributes.map(({ type }) => type)).size < attributes.length) {
    return 'the content type is given twice';
  }
  const bytes = attributesBytes(attributes);
  const kept = attributesBytes(attributes.filter(({ type }) => type !== ATTRIBUTE_CONDITIONAL));
  const isShort = bytes <= ATTRIBUTES_BYTES_MAX && kept <= ATTRIBUTES_BYTES_WITHOUT_MARK;
  return isShort ? attributes : `the attributes have ${bytes} bytes`;
}

function wrong(detail: string): ReadLine {
  return { kind: 'wrong', detail };
}
