// Makes the requests of /v1/keys from checked arguments. Pure.

import type { PoolRequest } from '../cluster/http/http-pool.ts';
import { encodeBytes } from '../cluster/wire/query.ts';
import type { CheckedCondition } from './arguments.ts';
import type { ExplainOptions, GetOptions, SetOptions } from './velour.ts';

/** Errors as problems: they say whether they are retryable, also those that this client does not know. */
const PROBLEM = { accept: 'application/problem+json' };

export type KeyPost = 'incr' | 'append' | 'getset';

export function readRequest(
  key: Buffer,
  { linearizable, minVersion }: Pick<GetOptions, 'linearizable' | 'minVersion'>,
): PoolRequest {
  const headers = {
    ...PROBLEM,
    ...(linearizable === true ? { 'x-fog-read': 'linearizable' } : {}),
    ...(minVersion === undefined ? {} : { 'x-fog-min-version': minVersion }),
  };
  return { method: 'GET', path: pathOf(key), headers, body: undefined };
}

export function explainRequest(key: Buffer, options: ExplainOptions): PoolRequest {
  const request = readRequest(key, options);
  return { ...request, path: `${request.path}?explain=1` };
}

export function putRequest(
  key: Buffer,
  value: Buffer,
  condition: CheckedCondition | undefined,
  { ttl, contentType }: SetOptions,
): PoolRequest {
  return {
    method: 'PUT',
    path: `${pathOf(key)}${ttlOf(ttl)}`,
    headers: { ...headersOf(condition), ...typeOf(contentType) },
    body: value,
  };
}

export function deleteRequest(key: Buffer, condition: CheckedCondition | undefined): PoolRequest {
  return { method: 'DELETE', path: pathOf(key), headers: headersOf(condition), body: undefined };
}

export function postRequest(
  verb: KeyPost,
  key: Buffer,
  condition: CheckedCondition | undefined,
  { by, value, options = {} }: { by?: number; value?: Buffer; options?: SetOptions },
): PoolRequest {
  const query = by === undefined ? ttlOf(options.ttl) : `?by=${by}`;
  return {
    method: 'POST',
    path: `${pathOf(key)}/${verb}${query}`,
    headers: { ...headersOf(condition), ...typeOf(options.contentType) },
    body: value,
  };
}

/** Slashes and dots are encoded too: what stands in between could take them for folders. */
function pathOf(key: Buffer): string {
  return `/v1/keys/${encodeBytes(key).replaceAll('.', '%2E')}`;
}

function ttlOf(ttl: number | undefined): string {
  return ttl === undefined ? '' : `?ttl=${ttl}`;
}

function typeOf(contentType: string | undefined): Readonly<Record<string, string>> {
  return contentType === undefined ? {} : { 'content-type': contentType };
}

function headersOf(condition: CheckedCondition | undefined): Readonly<Record<string, string>> {
  const { ifMatch, ifNoneMatch } = condition ?? {};
  return {
    ...PROBLEM,
    ...(ifMatch === undefined ? {} : { 'if-match': listOf(ifMatch) }),
    ...(ifNoneMatch === undefined ? {} : { 'if-none-match': listOf(ifNoneMatch) }),
  };
}

function listOf(tags: '*' | readonly string[]): string {
  return tags === '*' ? tags : tags.join(', ');
}
