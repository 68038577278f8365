// Parses a request to /get, /set or /delete: what it asks for, or what is wrong with it and which curl line would be
// right. Pure; kv.ts carries it out.

import { assert } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import { type Body, type HttpRequest, hostHeader, queryOf } from '../../../cluster/http/http.ts';
import { KEY_BYTES_MAX, TTL_SECONDS_MAX } from '../../../cluster/model/limits.ts';
import type { Version } from '../../../cluster/model/version.ts';
import { encodeBytes, parseQuery } from '../../../cluster/wire/query.ts';
import { minVersionLine, minVersionOf, WRONG_MIN_VERSION } from '../min-version.ts';

export type Verb = 'get' | 'set' | 'delete';

export type Usage =
  | { readonly kind: 'get'; readonly key: Buffer; readonly minVersion: Version }
  | { readonly kind: 'delete'; readonly key: Buffer }
  | {
      readonly kind: 'set';
      readonly key: Buffer;
      readonly value: Buffer;
      readonly ttlSeconds: number | undefined;
    }
  | {
      readonly kind: 'misuse';
      readonly code: ErrorCode;
      /** One sentence without a full stop. */
      readonly what: string;
      readonly instead: string;
    };

const PARAMETERS: Readonly<Record<Verb, readonly string[]>> = {
  get: ['key'],
  set: ['key', 'value', 'ttl'],
  delete: ['key'],
};
const EMPTY = Buffer.alloc(0);

export function readUsage(verb: Verb, request: HttpRequest): Usage {
  const misuse = (code: ErrorCode, what: string, instead = example(verb, request)): Usage => ({
    kind: 'misuse',
    code,
    what,
    instead,
  });
  const query = parseQuery(queryOf(request.target));
  if (query.kind === 'malformed') return misuse('bad-query', query.reason);
  const { parameters } = query;
  const known = PARAMETERS[verb];
  for (const name of parameters.keys()) {
    // A slip such as `vlaue=1` must not store an empty value.
    if (!known.includes(name)) {
      return misuse('bad-query', `/${verb} takes ${known.join(', ')}, nothing else`);
    }
  }
  const key = parameters.get('key');
  if (key === undefined) return misuse('missing-key', 'the request names no key');
  if (key.length === 0) return misuse('empty-key', 'the key is empty');
  if (key.length > KEY_BYTES_MAX) {
    return misuse(
      'key-too-long',
      `the key has ${key.length} bytes, and ${KEY_BYTES_MAX} are the most`,
    );
  }
  if (verb === 'delete') return { kind: verb, key };

  const shown = () => encodeBytes(key.subarray(0, 64));
  if (verb === 'get') {
    const minVersion = minVersionOf(request);
    if (minVersion !== undefined) return { kind: verb, key, minVersion };
    const instead = minVersionLine(request, `/get?key=${shown()}`);
    return misuse('bad-parameter', WRONG_MIN_VERSION, instead);
  }
  const ttl = parameters.get('ttl')?.toString('latin1');
  const ttlSeconds = ttl === undefined ? undefined : parseTtl(ttl);
  if (ttl !== undefined && ttlSeconds === undefined) {
    return misuse(
      'bad-ttl',
      `ttl is not a whole number of seconds from 1 to ${TTL_SECONDS_MAX}`,
      `curl 'http://${hostHeader(request)}/set?key=${shown()}&value=VALUE&ttl=60'`,
    );
  }
  const { body } = request;
  if (body.kind === 'too-large') {
    const most = `${body.bytesMax} bytes are the most`;
    return misuse(
      'value-too-large',
      `the value is longer than this cluster takes: ${most}`,
      'a shorter value',
    );
  }
  const value = requestedValue(body, request.method, parameters.get('value'));
  if (value === undefined) {
    return misuse(
      'missing-value',
      'the request has no value',
      `curl 'http://${hostHeader(request)}/set?key=${shown()}&value=VALUE'`,
    );
  }
  return { kind: 'set', key, value, ttlSeconds };
}

/** A non-empty body wins over the parameter `value`; an empty body is a value only if the method is not GET. */
function requestedValue(
  body: Exclude<Body, { kind: 'too-large' }>,
  method: string,
  fromQuery: Buffer | undefined,
): Buffer | undefined {
  assert(body.kind !== 'stream', 'a value is taken whole');
  if (body.kind === 'bytes' && body.bytes.length > 0) return body.bytes;
  if (fromQuery !== undefined) return fromQuery;
  return method === 'GET' ? undefined : EMPTY;
}

function parseTtl(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const seconds = Number(text);
  return seconds >= 1 && seconds <= TTL_SECONDS_MAX ? seconds : undefined;
}

function example(verb: Verb, request: HttpRequest): string {
  const value = verb === 'set' ? '&value=VALUE' : '';
  return `curl 'http://${hostHeader(request)}/${verb}?key=KEY${value}'`;
}
