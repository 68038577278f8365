// Parses what is asked below /.broker/: paths and domains in queries and in JSON. Pure.

import type { ErrorCode } from '../../../../cluster/http/errors.ts';
import { type HttpRequest, queryOf } from '../../../../cluster/http/http.ts';
import { STORED_KEY_BYTES_MAX } from '../../../../cluster/model/limits.ts';
import { encodeBytes, parseQuery } from '../../../../cluster/wire/query.ts';
import {
  dictionary,
  integer,
  Malformed,
  Misshapen,
  object,
  optional,
  type Shape,
  type ShapeOf,
  text,
} from '../../../../cluster/wire/shapes.ts';
import type { Cursor } from '../../../../cluster/wire/transfer-parts.ts';
import { COPIES_MAX } from '../../../../files/classes.ts';
import { isServedValue, SERVED_CHARACTERS_MAX } from '../../../../files/http/served-headers.ts';
import { FILE_ATTRIBUTES_BYTES_MAX, FILE_ATTRIBUTES_MAX } from '../../../../files/manifest.ts';
import { type DavPath, type DavSpace, readDavPath } from '../../dav/dav-path.ts';
import { readIfHeader, tokensIn } from '../../dav/if-header.ts';
import { unknownWord } from '../known-words.ts';

export interface RestFault {
  readonly code: ErrorCode;
  /** One sentence without a full stop. */
  readonly what: string;
}

/** The value, or null for what is to be as if it was never set; undefined is left as it is. */
function settable<T>(shape: Shape<T>): Shape<T | null | undefined> {
  return (value) => (value === undefined || value === null ? value : shape(value));
}

const servedValue: Shape<string> = (value) => {
  if (typeof value === 'string' && isServedValue(value)) return value;
  throw new Misshapen(
    `is no header of up to ${SERVED_CHARACTERS_MAX} characters; in a name, others than Latin-1 are written as filename*=UTF-8''...`,
  );
};

const path = text({ max: 4096 });
const amendFields = {
  attributes: optional(
    dictionary(settable(text({ min: 0, max: FILE_ATTRIBUTES_BYTES_MAX })), {
      max: FILE_ATTRIBUTES_MAX,
    }),
  ),
  replicate: settable(integer({ min: 1, max: COPIES_MAX })),
  type: optional(text({ max: 255 })),
  cache_control: settable(servedValue),
  content_disposition: settable(servedValue),
};
const cloneFields = { from: path, path, domain: optional(text({ max: 255 })) };
/** As COPY and others call where something goes. */
const MEANT_OF_CLONE = new Map([
  ['to', 'path'],
  ['destination', 'path'],
  ['target', 'path'],
  ['source', 'from'],
]);
const amendShape = object(amendFields);
const cloneShape = object(cloneFields);

export type AmendRequest = ShapeOf<typeof amendShape>;
export type CloneRequest = ShapeOf<typeof cloneShape>;

/** @param known those that there are, beside `domain`, which all take */
export function readParameters(
  { target }: Pick<HttpRequest, 'target'>,
  known: readonly string[],
): ReadonlyMap<string, Buffer> | RestFault {
  const query = parseQuery(queryOf(target));
  if (query.kind === 'malformed') return wrong(query.reason);
  const unknown = unknownWord('parameter', query.parameters.keys(), [...known, 'domain']);
  return unknown === undefined ? query.parameters : wrong(unknown);
}

export function readAmend(body: HttpRequest['body']): AmendRequest | RestFault {
  return readJson(body, amendShape, Object.keys(amendFields));
}

export function readClone(body: HttpRequest['body']): CloneRequest | RestFault {
  return readJson(body, cloneShape, Object.keys(cloneFields), MEANT_OF_CLONE);
}

/** @param known its fields: shapes take others for those of a newer sender, but here a person may have misspelt one */
function readJson<T>(
  body: HttpRequest['body'],
  shape: Shape<T>,
  known: readonly string[],
  meant?: ReadonlyMap<string, string>,
): T | RestFault {
  if (body.kind === 'too-large') {
    return { code: 'value-too-large', what: `the body is longer than ${body.bytesMax} bytes` };
  }
  const bytes = body.kind === 'bytes' ? body.bytes : Buffer.alloc(0);
  try {
    const json: unknown = JSON.parse(bytes.toString());
    // First, for a field that is missing is often the one that was misspelt.
    const fields = typeof json === 'object' && !Array.isArray(json) ? Object.keys(json ?? {}) : [];
    const unknown = unknownWord('field', fields, known, meant);
    return unknown === undefined ? shape(json) : wrong(unknown);
  } catch (error) {
    if (error instanceof SyntaxError) return wrong('the body is no JSON');
    if (error instanceof Malformed) return wrong(`the body: ${error.message}`);
    throw error;
  }
}

/** @returns the tokens of locks that an If header submits: they count for all that the request changes, whatever URL it is */
export function readSubmitted(
  request: Pick<HttpRequest, 'header'>,
): { readonly submitted: ReadonlySet<string> } | RestFault {
  const lists = readIfHeader(request.header('if'));
  return 'fault' in lists ? wrong(lists.fault) : { submitted: tokensIn(lists.lists) };
}

/** @param bytes a path as it is, without escapes; it may leave its first slash out */
export function readPlainPath(
  bytes: Buffer,
  space: DavSpace,
): { readonly path: DavPath } | RestFault {
  const begin = bytes[0] === SLASH ? '' : '/';
  const escaped = encodeBytes(bytes).replaceAll('%2F', '/').replaceAll('%2f', '/');
  const read = readDavPath(`${begin}${escaped}`, space);
  return 'fault' in read ? read.fault : read;
}

const SLASH = 0x2f;
/** A cursor has one byte for it. */
const BUCKET_MAX = 255;
const CURSOR = /^(\d{1,3})\.([\w-]{0,4096})$/;

export function printListCursor({ bucket, afterKey }: Cursor): string {
  return `${bucket}.${afterKey.toString('base64url')}`;
}

/** @returns undefined for what no list has ended with */
export function parseListCursor(given: string): Cursor | undefined {
  const [, bucket, key] = CURSOR.exec(given) ?? [];
  if (bucket === undefined || key === undefined || Number(bucket) > BUCKET_MAX) return undefined;
  const afterKey = Buffer.from(key, 'base64url');
  // A storage node refuses a longer one as no place at all, which would be asked again and again.
  if (afterKey.length > STORED_KEY_BYTES_MAX) return undefined;
  return { bucket: Number(bucket), afterKey };
}

function wrong(what: string): RestFault {
  return { code: 'bad-parameter', what };
}
