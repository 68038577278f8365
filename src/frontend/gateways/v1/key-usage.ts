// Parses a request to /v1/keys: what it asks for, or what is wrong with it and which curl line would be right. Pure, and
// looks at everything but the body, so that a request can be refused before its body is sent; keys.ts carries it out.

import { CONTENT_TYPE_BYTES_MAX, isContentType } from '../../../cluster/http/content-types.ts';
import { type HttpRequest, hostHeader, queryOf } from '../../../cluster/http/http.ts';
import { conditionOf, type WrongHead } from '../../../cluster/http/preconditions.ts';
import {
  type Condition,
  type ETag,
  NO_CONDITION,
  parseETag,
} from '../../../cluster/model/condition.ts';
import {
  KEY_BYTES_MAX,
  KEY_WAIT_SECONDS_MAX,
  TTL_SECONDS_MAX,
} from '../../../cluster/model/limits.ts';
import { VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import { parseQuery } from '../../../cluster/wire/query.ts';
import { minVersionLine, minVersionOf, WRONG_MIN_VERSION } from '../min-version.ts';
import type { KeyVerb } from './keys-routes.ts';

export interface KeyUsage {
  readonly key: Buffer;
  readonly condition: Condition;
  /** Of `put` and `getset` alone. */
  readonly ttlSeconds: number | undefined;
  readonly contentType: string | undefined;
  /** Of `incr` alone. */
  readonly by: number;
  /** Of `get` alone: `X-Fog-Read: linearizable` (H21). */
  readonly isLinearizable: boolean;
  /** Of `get` alone: nothing older is answered (H21). */
  readonly minVersion: Version;
  /** Of `get` alone: whether it answers how it came to its answer. */
  readonly explains: boolean;
  /** Of `get` alone; undefined without `?wait=`. */
  readonly wait: KeyWaitUsage | undefined;
}

/** A long poll: what to wait for, and how long. */
export interface KeyWaitUsage {
  readonly seconds: number;
  /** Undefined to wait for any value. */
  readonly newerThan: ETag | undefined;
}

export type ReadKeyUsage = { readonly usage: KeyUsage } | { readonly fault: WrongHead };

type RequestOfKey = Pick<HttpRequest, 'target' | 'header'>;
type Parsed<T> = { readonly value: T } | { readonly fault: WrongHead };

/** The largest number that every program can tell from its neighbours. */
const BY_MAX = Number.MAX_SAFE_INTEGER;

const PARAMETERS: Readonly<Record<KeyVerb, readonly string[]>> = {
  get: ['wait', 'newer-than', 'explain'],
  put: ['ttl'],
  delete: [],
  incr: ['by'],
  append: [],
  getset: ['ttl'],
};

/** @param key as it stands in the path, decoded */
export function readKeyUsage(verb: KeyVerb, request: RequestOfKey, key: Buffer): ReadKeyUsage {
  if (key.length > KEY_BYTES_MAX) {
    const what = `the key has ${key.length} bytes, and ${KEY_BYTES_MAX} are the most`;
    return { fault: { what, instead: 'a shorter key' } };
  }
  const query = parseQuery(queryOf(request.target));
  if (query.kind === 'malformed') return faulty(query.reason, verb, request);
  const { parameters } = query;
  const known = PARAMETERS[verb];
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue;
    // A slip such as `tll=60` must not store a value for ever.
    const taken = known.length === 0 ? 'no parameters' : `${known.join(', ')}, nothing else`;
    return faulty(`this takes ${taken}, behind the ?`, verb, request);
  }
  const parsed = conditionOf(request, shownPath);
  if ('fault' in parsed) return parsed;
  const { condition } = parsed;
  const plain = {
    key,
    condition,
    ttlSeconds: undefined,
    contentType: undefined,
    by: 0,
    isLinearizable: false,
    minVersion: VERSION_ZERO,
    explains: false,
    wait: undefined,
  };
  switch (verb) {
    case 'get': {
      const asked = request.header('x-fog-read');
      if (asked !== undefined && asked !== 'linearizable') {
        return faulty('X-Fog-Read takes linearizable, nothing else', verb, request);
      }
      const minVersion = minVersionOf(request);
      if (minVersion === undefined) {
        const instead = minVersionLine(request, shownPath(request.target));
        return { fault: { what: WRONG_MIN_VERSION, instead } };
      }
      const explain = parameters.get('explain')?.toString('latin1');
      if (explain !== undefined && explain !== '1') {
        return faulty('explain takes 1, nothing else', verb, request, '?explain=1');
      }
      // The answer would be no document, or one that says nothing of the condition.
      if (explain !== undefined && condition !== NO_CONDITION) {
        const what = 'a read that explains itself takes no If-Match and no If-None-Match';
        return faulty(what, verb, request, '?explain=1');
      }
      const wait = waitOf(request, parameters);
      if ('fault' in wait) return wait;
      if (explain !== undefined && wait.value !== undefined) {
        return faulty('explain goes without wait', verb, request, '?explain=1');
      }
      return {
        usage: {
          ...plain,
          isLinearizable: asked !== undefined,
          minVersion,
          explains: explain !== undefined,
          wait: wait.value,
        },
      };
    }
    case 'delete':
      return { usage: plain };
    case 'incr': {
      const by = byOf(parameters.get('by')?.toString('latin1') ?? '1');
      if (by === undefined) {
        return faulty(`by is not a whole number from -${BY_MAX} to ${BY_MAX}`, verb, request);
      }
      return keepsTtl(request) ?? { usage: { ...plain, by } };
    }
    case 'append':
      return keepsTtl(request) ?? { usage: plain };
    case 'put':
    case 'getset': {
      if (request.header('content-range') !== undefined) {
        return faulty('a value is stored whole, and Content-Range is of a part', verb, request);
      }
      const ttl = ttlOf(verb, request, parameters.get('ttl')?.toString('latin1'));
      if ('fault' in ttl) return ttl;
      const contentType = contentTypeOf(verb, request);
      if ('fault' in contentType) return contentType;
      return { usage: { ...plain, ttlSeconds: ttl.value, contentType: contentType.value } };
    }
  }
}

function waitOf(
  request: RequestOfKey,
  parameters: ReadonlyMap<string, Buffer>,
): Parsed<KeyWaitUsage | undefined> {
  const wait = parameters.get('wait')?.toString('latin1');
  const newer = parameters.get('newer-than')?.toString('latin1');
  if (wait === undefined) {
    if (newer === undefined) return { value: undefined };
    return faulty('newer-than goes with wait', 'get', request, '?wait=30');
  }
  const seconds = /^\d{1,2}$/.test(wait) ? Number(wait) : 0;
  if (seconds < 1 || seconds > KEY_WAIT_SECONDS_MAX) {
    const what = `wait is not a whole number of seconds from 1 to ${KEY_WAIT_SECONDS_MAX}`;
    return faulty(what, 'get', request, '?wait=30');
  }
  if (newer === undefined) return { value: { seconds, newerThan: undefined } };
  // Its quotes are often lost on the way through a shell.
  const newerThan = parseETag(newer.startsWith('"') ? newer : `"${newer}"`);
  if (newerThan !== undefined) return { value: { seconds, newerThan } };
  return faulty('newer-than is no ETag that this server has sent', 'get', request, '?wait=30');
}

/** @returns undefined where the request says nothing of a ttl, as it should */
function keepsTtl(request: RequestOfKey): { readonly fault: WrongHead } | undefined {
  if (request.header('x-fog-ttl') === undefined) return undefined;
  const instead = 'the same without X-Fog-Ttl';
  return { fault: { what: 'this leaves the ttl of the key as it is', instead } };
}

function ttlOf(
  verb: KeyVerb,
  request: RequestOfKey,
  asked: string | undefined,
): Parsed<number | undefined> {
  const header = request.header('x-fog-ttl');
  if (asked === undefined && header === undefined) return { value: undefined };
  const seconds = [asked, header].flatMap((text) => (text === undefined ? [] : [secondsOf(text)]));
  if (seconds.includes(undefined)) {
    const what = `the ttl is not a whole number of seconds from 1 to ${TTL_SECONDS_MAX}`;
    return faulty(what, verb, request, '?ttl=60');
  }
  if (seconds.length === 2 && seconds[0] !== seconds[1]) {
    return faulty('?ttl= and X-Fog-Ttl say different things', verb, request, '?ttl=60');
  }
  return { value: seconds[0] };
}

function secondsOf(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const seconds = Number(text);
  return seconds >= 1 && seconds <= TTL_SECONDS_MAX ? seconds : undefined;
}

function contentTypeOf(verb: KeyVerb, request: RequestOfKey): Parsed<string | undefined> {
  const text = request.header('content-type');
  if (text === undefined || text === '') return { value: undefined };
  if (isContentType(text)) return { value: text };
  const what = `the Content-Type is not printable ASCII of at most ${CONTENT_TYPE_BYTES_MAX} bytes`;
  return faulty(what, verb, request);
}

function byOf(text: string): number | undefined {
  if (!/^-?\d{1,16}$/.test(text)) return undefined;
  const by = Number(text);
  // A zero with a sign is zero.
  return Math.abs(by) <= BY_MAX ? by + 0 : undefined;
}

/** @returns the path of the request, or another one where it could break the line that it is shown in */
function shownPath(target: string): string {
  const [path = ''] = target.split('?');
  return /^[\w/.~%-]{1,200}$/.test(path) ? path : '/v1/keys/KEY';
}

const EXAMPLES: Readonly<Record<KeyVerb, string>> = {
  get: 'curl',
  put: 'curl -T FILE',
  delete: 'curl -X DELETE',
  incr: 'curl -X POST',
  append: 'curl --data-binary TEXT',
  getset: 'curl --data-binary TEXT',
};

function faulty(
  what: string,
  verb: KeyVerb,
  request: RequestOfKey,
  query = '',
): { readonly fault: WrongHead } {
  const shown = verb === 'incr' ? '?by=1' : query;
  const url = `http://${hostHeader(request)}${shownPath(request.target)}${shown}`;
  return { fault: { what, instead: `${EXAMPLES[verb]} '${url}'` } };
}
