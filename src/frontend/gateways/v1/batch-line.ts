// Parses one line of a batch: a JSON object with the key and, in a batch of sets, value, ttl and conditions. Pure. Lines
// of the plainest form never come here: batch-lines.ts takes them apart itself.

import type { Condition } from '../../../cluster/model/condition.ts';
import { parseETag } from '../../../cluster/model/condition.ts';
import { KEY_BYTES_MAX, TTL_SECONDS_MAX } from '../../../cluster/model/limits.ts';
import { parseVersion, VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import { bytesOfText, jsonOfBytes } from '../../../cluster/wire/key-text.ts';
import { type BatchItem, NO_BYTES, problemItem } from './batch-form.ts';
import type { BatchVerb } from './batch-routes.ts';

const FIELDS: Readonly<Record<BatchVerb, readonly string[]>> = {
  mget: ['key', 'minVersion'],
  mset: ['key', 'value', 'ttl', 'ifMatch', 'ifNoneMatch'],
  mdelete: ['key'],
};
/** A key that is much too long is not sent back. */
const SHOWN_KEY_BYTES_MAX = 4 * KEY_BYTES_MAX;

/** @param line without its line feed @param number counts lines from 1 */
export function parseLine(verb: BatchVerb, line: string, number: number): BatchItem {
  const bad = (detail: string): BatchItem =>
    problemItem(lineLabel(number), { code: 'bad-item', detail });
  const fields = parseObject(line);
  if (fields === undefined) return bad('the line is no JSON object');
  const stranger = Object.keys(fields).find((name) => !FIELDS[verb].includes(name));
  // A slip such as `vlaue` must not store anything.
  if (stranger !== undefined) {
    return bad(`a line of ${verb} takes ${FIELDS[verb].join(', ')}, nothing else`);
  }
  const key = bytesOfText(fields.key);
  if (key === undefined) return bad('`key` is no text, and no {"base64":"..."} either');
  const label = key.length > SHOWN_KEY_BYTES_MAX ? lineLabel(number) : keyLabel(key);
  if (!isKeyLength(key.length)) return wrongKey(label, key.length);
  if (verb !== 'mset') {
    const minVersion = minVersionIn(fields.minVersion);
    if (minVersion === undefined) {
      return bad('`minVersion` is not 16 hex digits in lower case, as X-Fog-Version has them');
    }
    return {
      label,
      key,
      value: NO_BYTES,
      ttlSeconds: 0,
      condition: undefined,
      minVersion,
      problem: undefined,
    };
  }
  if (!('value' in fields)) return bad('it has no `value`');
  const value = bytesOfText(fields.value);
  if (value === undefined) return bad('`value` is no text, and no {"base64":"..."} either');
  const { ttl } = fields;
  if (ttl !== undefined && !isTtl(ttl)) return wrongTtl(label);
  const condition = parseCondition(fields.ifMatch, fields.ifNoneMatch);
  if (condition === 'malformed') return bad('`ifMatch` and `ifNoneMatch` are an ETag or "*"');
  return {
    label,
    key,
    value,
    ttlSeconds: ttl ?? 0,
    condition,
    minVersion: VERSION_ZERO,
    problem: undefined,
  };
}

export function isKeyLength(length: number): boolean {
  return length >= 1 && length <= KEY_BYTES_MAX;
}

export function wrongKey(label: string, length: number): BatchItem {
  return length === 0
    ? problemItem(label, { code: 'empty-key', detail: 'the key is empty' })
    : problemItem(label, {
        code: 'key-too-long',
        detail: `the key has ${length} bytes, and ${KEY_BYTES_MAX} are the most`,
      });
}

export function wrongTtl(label: string): BatchItem {
  return problemItem(label, {
    code: 'bad-ttl',
    detail: `ttl is not a whole number of seconds from 1 to ${TTL_SECONDS_MAX}`,
  });
}

export function lineLabel(number: number): string {
  return `"line":${number}`;
}

export function keyLabel(key: Buffer): string {
  return `"key":${jsonOfBytes(key)}`;
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  return isObject ? (parsed as Readonly<Record<string, unknown>>) : undefined;
}

function isTtl(ttl: unknown): ttl is number {
  return Number.isInteger(ttl) && Number(ttl) >= 1 && Number(ttl) <= TTL_SECONDS_MAX;
}

/** @returns undefined for what is no version; the lowest one where none is demanded */
function minVersionIn(field: unknown): Version | undefined {
  if (field === undefined) return VERSION_ZERO;
  return typeof field === 'string' ? parseVersion(field) : undefined;
}

function parseCondition(
  ifMatch: unknown,
  ifNoneMatch: unknown,
): Condition | undefined | 'malformed' {
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
  const match = parseTags(ifMatch);
  const noneMatch = parseTags(ifNoneMatch);
  if (match === 'malformed' || noneMatch === 'malformed') return 'malformed';
  return { ifMatch: match, ifNoneMatch: noneMatch };
}

/** RFC 9110, 8.8.3, without weak ones. */
const ENTITY_TAG = /^"[\x21\x23-\x7e\x80-\xff]*"$/;

function parseTags(text: unknown): Condition['ifMatch'] | 'malformed' {
  if (text === undefined) return undefined;
  if (text === '*') return 'any';
  // An ETag of another server matches nothing, as in /v1/keys.
  if (typeof text !== 'string' || !ENTITY_TAG.test(text)) return 'malformed';
  const tag = parseETag(text);
  return tag === undefined ? [] : [tag];
}
