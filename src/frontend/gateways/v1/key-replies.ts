// Makes replies of /v1/keys from what a read or write came to. Pure.

import { typeHeaders } from '../../../cluster/http/content-types.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import {
  JSON_HEADERS,
  type ReplyHeaders,
  textReply,
  type WholeReply,
} from '../../../cluster/http/http.ts';
import { isRecordTag, judgeRead, tagHeaders } from '../../../cluster/http/preconditions.ts';
import { etagOf } from '../../../cluster/model/condition.ts';
import {
  ATTRIBUTE_CONTENT_TYPE,
  printRecordVersion,
  recordAttributes,
  recordExpiresAtMs,
  recordValue,
  type StoredRecord,
} from '../../../cluster/model/record.ts';
import { printVersion, VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import type { ConditionalOutcome } from '../../../coordinator/operations/conditional/decision.ts';
import type { Explanation } from '../../../coordinator/operations/get/explanation.ts';
import type { WriteOutcome, WriteRequest } from '../../../coordinator/operations/set/decision.ts';
import { storedRecordOf } from '../../../coordinator/operations/set/set-record.ts';
import type { KeyUsage } from './key-usage.ts';
import type { KeyVerb } from './keys-routes.ts';

const NO_STORE = { 'cache-control': 'no-store' };
/** How much of a value that is no number an error shows. */
const SHOWN_BYTES_MAX = 32;
const NOBODY_KNOWS = 'not every storage node confirmed in time: it may or may not take effect';

/** @param wallMs the time of the cluster, by which the record expires */
export function readReply(
  record: StoredRecord,
  { condition }: Pick<KeyUsage, 'condition'>,
  wallMs: number,
): WholeReply {
  const etag = etagOf(record);
  const verdict = judgeRead(condition, isRecordTag(etag));
  if (verdict === 'unmet') return unmetReply(record);
  const headers = { 'cache-control': freshness(record, wallMs), ...tagHeaders(etag) };
  if (verdict === 'not-modified') return { status: 304, headers, body: '' };
  return {
    status: 200,
    headers: { ...typeHeaders(contentTypeIn(record)), ...headers },
    body: recordValue(record),
  };
}

/** What a client waited for has not come: it has the present record already. */
export function unchangedReply(record: StoredRecord): WholeReply {
  return { status: 304, headers: { ...NO_STORE, ...tagHeaders(etagOf(record)) }, body: '' };
}

/** Every answer about a key has its version, also where nothing is known of it. */
export function absentReply(absence: string, version: Version): WholeReply {
  return textReply(404, absence, { 'x-fog-version': printVersion(version) });
}

/** The status is that of the read itself. There is no ETag: it would be taken for that of the document. */
export function explainedReply(explanation: Explanation): WholeReply {
  const { status, version, error, detail = '' } = explanation;
  const headers =
    error === undefined ? { 'x-fog-version': version ?? '' } : errorReply(error, detail).headers;
  // Indented, as people read it in a terminal.
  const body = `${JSON.stringify(explanation, null, 2)}\n`;
  return { status, headers: { ...headers, ...JSON_HEADERS }, body };
}

export function writtenReply(
  verb: 'put' | 'delete',
  request: WriteRequest,
  outcome: WriteOutcome,
): WholeReply {
  switch (outcome.kind) {
    case 'stored': {
      if (verb === 'delete') {
        return doneReply(204, { 'x-fog-version': printVersion(outcome.version) });
      }
      const etag = etagOf(storedRecordOf(request, outcome));
      return doneReply(outcome.created ? 201 : 204, tagHeaders(etag));
    }
    case 'not-stored':
      return errorReply(outcome.code, `${outcome.detail}; nothing was stored`);
    case 'unknown':
      return unknownReply(verb, outcome.version);
  }
}

export function conditionalReply(
  verb: Exclude<KeyVerb, 'get'>,
  { condition }: Pick<KeyUsage, 'condition'>,
  outcome: ConditionalOutcome,
  absence: string,
): WholeReply {
  switch (outcome.kind) {
    case 'stored':
      return storedReply(verb, outcome);
    case 'unmet':
      // What is to be deleted if it is still as it was, and is gone, needs not be read again.
      if (verb === 'delete' && outcome.record === undefined && condition.ifMatch !== undefined) {
        return absentReply(absence, VERSION_ZERO);
      }
      return notChangedReply(outcome);
    case 'not-stored':
      return errorReply(outcome.code, `${outcome.detail}; nothing was stored`);
    case 'unknown':
      return unknownReply(verb, outcome.version);
  }
}

function storedReply(
  verb: Exclude<KeyVerb, 'get'>,
  { record, previous, created }: Extract<ConditionalOutcome, { kind: 'stored' }>,
): WholeReply {
  const headers = tagHeaders(etagOf(record));
  switch (verb) {
    case 'put':
      return doneReply(created ? 201 : 204, headers);
    case 'delete':
      return doneReply(204, { 'x-fog-version': printRecordVersion(record) });
    case 'incr':
    case 'append':
      return valueReply(record, headers);
    case 'getset':
      return previous === undefined ? doneReply(204, headers) : valueReply(previous, headers);
  }
}

function notChangedReply({
  why,
  record,
}: Extract<ConditionalOutcome, { kind: 'unmet' }>): WholeReply {
  const headers = record === undefined ? {} : tagHeaders(etagOf(record));
  switch (why) {
    case 'condition':
      return unmetReply(record);
    case 'not-a-number': {
      const what = `the value is ${shownValue(record)}, and incr adds to a whole decimal number`;
      return errorReply('not-a-number', what, { headers });
    }
    case 'overflow': {
      const what = `the value is ${shownValue(record)}, and the sum would be beyond 2^53 - 1, or below its negative`;
      return errorReply('overflow', what, { headers });
    }
    case 'too-large':
      return errorReply('value-too-large', 'the value would be longer than this cluster takes', {
        headers,
      });
  }
}

/** The version of the present record tells a client at once with what it can try again. */
function unmetReply(record: StoredRecord | undefined): WholeReply {
  return record === undefined
    ? errorReply('condition-failed', 'the key has no value, and the request wants one')
    : errorReply('condition-failed', 'the key has a value that the request does not want', {
        headers: tagHeaders(etagOf(record)),
      });
}

function unknownReply(verb: Exclude<KeyVerb, 'get'>, version: Version | undefined): WholeReply {
  const headers = version === undefined ? {} : { 'x-fog-version': printVersion(version) };
  return verb === 'incr' || verb === 'append'
    ? errorReply(
        'effect-unknown',
        `${NOBODY_KNOWS}; look at the key before you send it again, or it may take effect twice`,
        { headers },
      )
    : errorReply('outcome-unknown', `${NOBODY_KNOWS}; look at the key, or send it again`, {
        headers,
      });
}

function doneReply(status: 201 | 204, headers: ReplyHeaders): WholeReply {
  return { status, headers: { ...NO_STORE, ...headers }, body: '' };
}

function valueReply(record: StoredRecord, headers: ReplyHeaders): WholeReply {
  return {
    status: 200,
    headers: { ...typeHeaders(contentTypeIn(record)), ...NO_STORE, ...headers },
    body: recordValue(record),
  };
}

function contentTypeIn(record: StoredRecord): string | undefined {
  const attribute = recordAttributes(record).find(({ type }) => type === ATTRIBUTE_CONTENT_TYPE);
  return attribute === undefined ? undefined : Buffer.from(attribute.bytes).toString('latin1');
}

function freshness(record: StoredRecord, wallMs: number): string {
  const expiresAtMs = recordExpiresAtMs(record);
  if (expiresAtMs === 0) return 'no-cache';
  return `max-age=${Math.max(0, Math.floor((expiresAtMs - wallMs) / 1000))}`;
}

function shownValue(record: StoredRecord | undefined): string {
  if (record === undefined) return 'absent';
  const value = recordValue(record);
  const text = JSON.stringify(value.subarray(0, SHOWN_BYTES_MAX).toString('latin1'));
  const shown = text.replace(/[^\x20-\x7e]/g, '?');
  return value.length > SHOWN_BYTES_MAX ? `${shown} and so on, ${value.length} bytes` : shown;
}
