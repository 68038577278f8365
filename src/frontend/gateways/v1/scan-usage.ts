// Parses the requests that concern many keys: what they ask for, or what is wrong with them and which curl line would be
// right. Pure.

import { type ErrorCode, errorReply } from '../../../cluster/http/errors.ts';
import {
  type HttpRequest,
  hostHeader,
  queryOf,
  type WholeReply,
} from '../../../cluster/http/http.ts';
import { KEY_BYTES_MAX } from '../../../cluster/model/limits.ts';
import { parseQuery } from '../../../cluster/wire/query.ts';
import { parseCursor, type ScanPosition } from '../../../coordinator/operations/scan/position.ts';

export interface Misuse {
  readonly kind: 'misuse';
  readonly code: ErrorCode;
  /** One sentence without a full stop. */
  readonly what: string;
  /** The curl line that would be right, behind `curl` and the address. */
  readonly instead: string;
}

export type ScanUsage =
  | {
      readonly kind: 'scan';
      readonly prefix: Buffer;
      /** Undefined at the beginning. */
      readonly from: ScanPosition | undefined;
      readonly limit: number;
      /** The answer ends with the page of keys that brings it to so many; infinite where nobody minds. */
      readonly bytes: number;
      readonly values: boolean;
    }
  | Misuse;

export type DeleteUsage = { readonly kind: 'delete'; readonly prefix: Buffer } | Misuse;

export const SCAN_LIMIT_DEFAULT = 1000;
export const SCAN_LIMIT_MAX = 1_000_000;
export const SCAN_BYTES_MAX = 1_000_000_000;
const NOTHING = Buffer.alloc(0);
const SCAN_INSTEAD = "'/v1/scan?prefix=user:&limit=100'";
const DELETE_INSTEAD = "-X DELETE '/v1/scan?prefix=user:'";

/** @param digits of the cluster, which a cursor must have */
export function readScan(request: HttpRequest, digits: number): ScanUsage {
  const read = readParameters(
    request,
    ['prefix', 'cursor', 'limit', 'bytes', 'values'],
    SCAN_INSTEAD,
  );
  if (read.kind === 'misuse') return read;
  const { parameters } = read;
  const prefix = readPrefix(parameters, SCAN_INSTEAD);
  if ('kind' in prefix) return prefix;
  const cursor = readCursor(parameters, digits);
  if (cursor.kind === 'misuse') return cursor;
  const limit = readCount(parameters, 'limit', {
    byDefault: SCAN_LIMIT_DEFAULT,
    max: SCAN_LIMIT_MAX,
  });
  if (typeof limit !== 'number') return limit;
  const bytes = readCount(parameters, 'bytes', {
    byDefault: Number.POSITIVE_INFINITY,
    max: SCAN_BYTES_MAX,
  });
  if (typeof bytes !== 'number') return bytes;
  const values = readSwitch(parameters, 'values');
  if (values === undefined) return misuse('values is 1 or 0', "'/v1/scan?prefix=user:&values=1'");
  return { kind: 'scan', prefix, from: cursor.from, limit, bytes, values };
}

export function readDelete(request: HttpRequest): DeleteUsage {
  const read = readParameters(request, ['prefix', 'all'], DELETE_INSTEAD);
  if (read.kind === 'misuse') return read;
  const { parameters } = read;
  const prefix = readPrefix(parameters, DELETE_INSTEAD);
  if ('kind' in prefix) return prefix;
  const all = readSwitch(parameters, 'all');
  // A slip, such as a variable of a script that is empty, must not delete everything.
  if (!parameters.has('prefix')) return misuse('the request names no prefix', DELETE_INSTEAD);
  if (prefix.length === 0 && all !== true) {
    return misuse(
      'an empty prefix means every key of this cluster; to delete all of them, say all=1',
      "-X DELETE '/v1/scan?prefix=&all=1'",
    );
  }
  if (prefix.length > 0 && parameters.has('all')) {
    return misuse('all goes with an empty prefix only', DELETE_INSTEAD);
  }
  return { kind: 'delete', prefix };
}

export type QueryParameters = ReadonlyMap<string, Buffer>;

export function readParameters(
  request: HttpRequest,
  known: readonly string[],
  instead: string,
): { readonly kind: 'parameters'; readonly parameters: QueryParameters } | Misuse {
  const query = parseQuery(queryOf(request.target));
  if (query.kind === 'malformed') return misuse(query.reason, instead);
  for (const name of query.parameters.keys()) {
    if (!known.includes(name))
      return misuse(`this path takes ${known.join(', ')}, nothing else`, instead);
  }
  return { kind: 'parameters', parameters: query.parameters };
}

/** @returns the prefix, empty without the parameter */
export function readPrefix(parameters: QueryParameters, instead: string): Buffer | Misuse {
  const prefix = parameters.get('prefix') ?? NOTHING;
  if (prefix.length <= KEY_BYTES_MAX) return prefix;
  return misuse(
    `the prefix has ${prefix.length} bytes, and a key ${KEY_BYTES_MAX} at most`,
    instead,
  );
}

export function readCursor(
  parameters: QueryParameters,
  digits: number,
): { readonly kind: 'place'; readonly from: ScanPosition | undefined } | Misuse {
  if (!parameters.has('cursor')) return { kind: 'place', from: undefined };
  const from = parseCursor(textOf(parameters, 'cursor'), digits);
  if (from !== undefined) return { kind: 'place', from };
  return {
    kind: 'misuse',
    code: 'bad-cursor',
    what: 'the cursor is none that a frontend of this cluster has sent',
    instead: SCAN_INSTEAD,
  };
}

/** @returns false without the parameter, undefined for what is neither 0 nor 1 */
export function readSwitch(parameters: QueryParameters, name: string): boolean | undefined {
  if (!parameters.has(name)) return false;
  const text = textOf(parameters, name);
  if (text === '1') return true;
  return text === '0' ? false : undefined;
}

export function textOf(parameters: QueryParameters, name: string): string {
  return parameters.get(name)?.toString('latin1') ?? '';
}

export function misuse(what: string, instead: string): Misuse {
  return { kind: 'misuse', code: 'bad-parameter', what, instead };
}

export function misuseReply(request: HttpRequest, { code, what, instead }: Misuse): WholeReply {
  const line = `curl ${instead.replace("'/", `'http://${hostHeader(request)}/`)}`;
  return errorReply(code, what, { instead: line });
}

function readCount(
  parameters: QueryParameters,
  name: string,
  { byDefault, max }: { readonly byDefault: number; readonly max: number },
): number | Misuse {
  if (!parameters.has(name)) return byDefault;
  const text = textOf(parameters, name);
  const count = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= max) return count;
  return misuse(`${name} is not a whole number from 1 to ${max}`, SCAN_INSTEAD);
}
