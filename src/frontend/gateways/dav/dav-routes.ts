// The routes of WebDAV, class 1 and 2, at /dav/ of every frontend. Heads of requests are parsed in dav-usage.ts; dav.ts hands them
// to what carries them out.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import {
  BYTES_TYPE,
  type RouteParameter,
  type RouteReply,
  TEXT_TYPE,
} from '../../../cluster/http/route-description.ts';
import { DAV_ROOT } from './dav-path.ts';

/** The XML in the body of a request. */
const XML_BYTES_MAX = 128 * 1024;
const XML = 'application/xml';
const HTML = 'text/html';

const PATH: RouteParameter = {
  name: 'path',
  text: 'Names with slashes between them; a collection may have one at its end.',
};
const IF: RouteParameter = {
  name: 'If',
  in: 'header',
  text: 'Lists of lock tokens and ETags, of which one must hold (RFC 4918, 10.4).',
};
const IF_MATCH: RouteParameter = {
  name: 'If-Match',
  in: 'header',
  text: 'Only if the file has one of these ETags; `*` stands for any resource.',
};
const IF_NONE_MATCH: RouteParameter = {
  name: 'If-None-Match',
  in: 'header',
  text: 'Only if the file has none of these ETags; `*` asks that nothing is there.',
};
const DEPTH: RouteParameter = {
  name: 'Depth',
  in: 'header',
  text: 'How far below the resource: `0`, `1` or `infinity`.',
};
const IF_UNMODIFIED_SINCE: RouteParameter = {
  name: 'If-Unmodified-Since',
  in: 'header',
  text: 'Only if the resource was not modified after this date; it says nothing beside If-Match.',
};
const CONDITIONS = [IF, IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE];
const TAGGED = {
  ETag: 'Of the content, for conditions: neither a lock nor a property changes it.',
  'X-Fog-Version': 'The version of the record.',
};
const OPTIONS_REPLY: RouteReply = {
  text: 'What there is: for OPTIONS.',
  types: [],
  headers: { DAV: 'The classes of WebDAV: `1, 2`.', Allow: 'The methods of the path.' },
};
const MULTISTATUS: RouteReply = {
  text: 'What there is to say of several properties or resources.',
  types: [XML],
};
const PUT_ERRORS: readonly ErrorCode[] = [
  'bad-parameter',
  'path-too-long',
  'condition-failed',
  'locked',
  'no-collection',
  'method-not-allowed',
  'value-too-large',
  'cache-has-no-files',
  'not-ready',
  'partition-offline',
  'unanswered',
  'no-file-server',
  'file-unreadable',
  'overloaded',
  'not-stored',
  'clock-ahead',
  'storage-full',
  'outcome-unknown',
];
const ERRORS_OF_ALL: readonly ErrorCode[] = [
  ...PUT_ERRORS,
  'bad-xml',
  'bad-destination',
  'other-server',
  'infinite-depth',
  'fixed-root',
  'other-lock',
  'unsupported-body',
];
const METHODS = ['OPTIONS', 'PROPFIND', 'PROPPATCH', 'COPY', 'MOVE', 'LOCK', 'UNLOCK'] as const;

export const DAV_ROUTES = {
  options: {
    path: '/',
    methods: ['OPTIONS'],
    statuses: [200],
    text: `Says that WebDAV is here, at ${DAV_ROOT}/, to clients that ask the whole server first.`,
    task: 'files',
    replies: { 200: OPTIONS_REPLY },
    errors: [],
  },
  root: {
    path: DAV_ROOT,
    methods: ['GET', 'DELETE', 'PUT', 'MKCOL', ...METHODS],
    bodyBytesMax: XML_BYTES_MAX,
    statuses: [200, 207, 400, 403, 405, 409, 412, 413, 414, 415, 423, 501, 502, 503, 504, 507],
    text: 'The outermost collection of WebDAV: a page for browsers, and a folder to mount.',
    task: 'files',
    examples: [
      {
        flags: "-X PROPFIND -H 'Depth: 1'",
        target: `${DAV_ROOT}/`,
        text: 'What is in a folder; file managers mount it.',
      },
    ],
    parameters: [DEPTH, ...CONDITIONS],
    replies: {
      200: { text: 'A page with links to the entries.', types: [HTML, '*/*'] },
      207: MULTISTATUS,
    },
    errors: ERRORS_OF_ALL,
  },
  put: {
    path: `${DAV_ROOT}/{path...}`,
    methods: ['PUT'],
    streamsBody: true,
    statuses: [201, 204, 400, 405, 408, 409, 412, 413, 414, 423, 501, 503, 504, 507],
    text: 'Stores the body as a file.',
    task: 'files',
    examples: [
      {
        flags: "-X PUT -d 'any text'",
        target: `${DAV_ROOT}/a.txt`,
        text: 'Store a file; -T FILE sends one.',
      },
    ],
    parameters: [
      { ...PATH, example: 'a.txt' },
      ...CONDITIONS,
      {
        name: 'X-OC-Mtime',
        in: 'header',
        text: 'When the file was changed, in seconds since 1970.',
      },
      { name: 'OC-Checksum', in: 'header', text: '`MD5:` or `SHA1:` and the sum of the body.' },
      { name: 'Content-MD5', in: 'header', text: 'The MD5 of the body in base64.' },
      {
        name: 'Content-Digest',
        in: 'header',
        text: '`sha-512=:BASE64:` of the body; also `sha-256`, `sha` and `md5`.',
      },
      { name: 'Repr-Digest', in: 'header', text: 'The same as `Content-Digest`.' },
    ],
    body: { text: 'The file.', types: [BYTES_TYPE], example: 'any text' },
    replies: {
      201: { text: 'It is stored, and nothing was there before.', types: [], headers: TAGGED },
      204: { text: 'It is stored.', types: [], headers: TAGGED },
    },
    errors: [...PUT_ERRORS, 'truncated-request', 'slow-request'],
  },
  resource: {
    path: `${DAV_ROOT}/{path...}`,
    methods: ['GET', 'DELETE', 'MKCOL', ...METHODS],
    bodyBytesMax: XML_BYTES_MAX,
    statuses: [
      200, 201, 204, 206, 207, 304, 400, 403, 404, 405, 409, 412, 413, 414, 415, 416, 423, 501, 502,
      503, 504, 507,
    ],
    text: 'A file or a collection of files, as RFC 4918 has it: class 1 and 2.',
    task: 'files',
    examples: [{ flags: '-i', target: `${DAV_ROOT}/a.txt`, text: 'The file, its type and ETag.' }],
    parameters: [
      { ...PATH, example: 'a.txt' },
      DEPTH,
      ...CONDITIONS,
      { name: 'Destination', in: 'header', text: 'The URL that COPY and MOVE go to.' },
      {
        name: 'Overwrite',
        in: 'header',
        text: '`F` for COPY and MOVE that are to replace nothing; `T` is the default.',
      },
      { name: 'Timeout', in: 'header', text: 'How long a LOCK is to last, such as `Second-600`.' },
      { name: 'Lock-Token', in: 'header', text: 'The token of the lock that UNLOCK takes away.' },
      {
        name: 'Range',
        in: 'header',
        text: 'The bytes that are wanted of a file, up to 16 ranges.',
      },
    ],
    replies: {
      200: {
        text: 'The file; of a collection a page with links to its entries.',
        types: [BYTES_TYPE, '*/*'],
        headers: TAGGED,
      },
      201: { text: 'It is made where nothing was.', types: [XML] },
      204: { text: 'It is done.', types: [] },
      206: { text: 'The ranges that were asked for.', types: [BYTES_TYPE, '*/*'] },
      207: MULTISTATUS,
      304: { text: 'The file is as the client has it.', types: [], headers: TAGGED },
      404: { text: 'Nothing is at this path; without X-Fog-Error.', types: [TEXT_TYPE] },
    },
    errors: [...ERRORS_OF_ALL, 'bad-range'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
