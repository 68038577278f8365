// The paths at which clients read and store files with tickets, mostly because a broker has sent them there. The ticket is in the path, and is
// all that they need.

import type { ClientRoute } from '../../cluster/http/client-route.ts';
import type { ErrorCode } from '../../cluster/http/errors.ts';
import {
  BYTES_TYPE,
  type RouteParameter,
  type RouteReply,
  TEXT_TYPE,
} from '../../cluster/http/route-description.ts';
import { FILE_BYTES_MAX } from '../../files/manifest.ts';

const PATH = '/t/{token}/{name...}';
const FORM = 'multipart/form-data';
const OF_TICKET: readonly ErrorCode[] = [
  'forged-ticket',
  'expired-ticket',
  'unanswered',
  'partition-offline',
  'not-stored',
  'internal',
];
const BUSY: readonly ErrorCode[] = ['not-ready', 'overloaded', 'disk-failed'];
const TICKET: readonly RouteParameter[] = [
  { name: 'token', text: 'The ticket, as a broker has issued it.' },
  { name: 'name', text: 'For people, and for what saves the file.' },
];
const CONDITIONS: readonly RouteParameter[] = [
  { name: 'If-Match', in: 'header', text: 'Only if the file has one of these ETags.' },
  {
    name: 'If-None-Match',
    in: 'header',
    text: 'Only if it has none of these; `*` stands for any file.',
  },
];
const SUMS: readonly RouteParameter[] = [
  { name: 'Content-MD5', in: 'header', text: 'Of the body, in base64: other bytes are refused.' },
  { name: 'Repr-Digest', in: 'header', text: '`sha-512=:BASE64:`, `sha-256`, `md5`: the same.' },
];
const TAGGED = { ETag: 'Of the content.', 'Repr-Digest': 'SHA-512 and MD5 of the content.' };
const STORED: RouteReply = { text: 'Stored, where nothing was.', types: [], headers: TAGGED };
const UPLOAD_STATUSES = [201, 400, 403, 405, 408, 409, 410, 412, 413, 423, 500, 501, 503, 504, 507];
const UPLOAD_ERRORS: readonly ErrorCode[] = [
  ...OF_TICKET,
  ...BUSY,
  'used-ticket',
  'bad-parameter',
  'truncated-request',
  'slow-request',
  'value-too-large',
  'condition-failed',
  'locked',
  'no-collection',
  'method-not-allowed',
  'cache-has-no-files',
  'no-file-server',
  'clock-ahead',
  'outcome-unknown',
  'storage-full',
];

export const DOOR_ROUTES = {
  get: {
    path: PATH,
    methods: ['GET'],
    statuses: [200, 206, 304, 400, 403, 410, 412, 416, 500, 503],
    text: 'The content for which the ticket is, as far as it is asked for.',
    task: 'blobs',
    parameters: [
      ...TICKET,
      ...CONDITIONS,
      { name: 'If-Modified-Since', in: 'header', text: 'Only if it was modified later.' },
      { name: 'If-Unmodified-Since', in: 'header', text: 'Only if it was not modified later.' },
      { name: 'Range', in: 'header', text: '`bytes=`, up to 16 ranges.' },
      { name: 'If-Range', in: 'header', text: 'The ETag for which the ranges are meant.' },
    ],
    replies: {
      200: { text: 'All of it.', types: ['*/*'], headers: TAGGED },
      206: {
        text: 'The ranges.',
        types: ['*/*', 'multipart/byteranges'],
        headers: { ...TAGGED, 'Content-Range': 'Of one range: which of the bytes these are.' },
      },
      304: { text: 'The client has it.', types: [], headers: TAGGED },
    },
    errors: [
      ...OF_TICKET,
      ...BUSY,
      'bad-parameter',
      'condition-failed',
      'bad-range',
      'file-unreadable',
    ],
  },
  put: {
    path: PATH,
    methods: ['PUT'],
    streamsBody: true,
    forAnyPage: true,
    bodyBytesMax: FILE_BYTES_MAX,
    statuses: [...UPLOAD_STATUSES, 204, 415],
    text: 'Stores the body as the file for which the ticket is, once.',
    task: 'blobs',
    parameters: [
      ...TICKET,
      ...CONDITIONS,
      ...SUMS,
      { name: 'OC-Checksum', in: 'header', text: '`MD5:HEX` or `SHA1:HEX`: the same.' },
      {
        name: 'X-OC-Mtime',
        in: 'header',
        text: 'When the file was changed, in seconds since 1970.',
      },
    ],
    body: { text: 'The file.', types: [BYTES_TYPE] },
    replies: {
      201: STORED,
      204: { text: 'Stored, in place of another one.', types: [], headers: TAGGED },
    },
    errors: [...UPLOAD_ERRORS, 'unsupported-body'],
  },
  post: {
    path: PATH,
    methods: ['POST'],
    streamsBody: true,
    forAnyPage: true,
    bodyBytesMax: FILE_BYTES_MAX,
    statuses: [...UPLOAD_STATUSES, 303],
    text: 'Stores the file in a form, once.',
    task: 'blobs',
    parameters: [
      ...TICKET,
      ...CONDITIONS,
      { name: 'redirect', text: 'Where a browser goes when the file is stored.' },
    ],
    body: {
      text: 'A form, with one file: its part `file`, or the first with a file name.',
      types: [FORM],
    },
    replies: {
      201: { ...STORED, text: 'Stored.', types: [TEXT_TYPE] },
      303: {
        text: 'Stored, and on to the page of `redirect`.',
        types: [TEXT_TYPE],
        headers: { ...TAGGED, Location: 'That page.' },
      },
    },
    errors: [...UPLOAD_ERRORS, 'bad-form'],
  },
  options: {
    path: PATH,
    methods: ['OPTIONS'],
    statuses: [204],
    text: 'Tells browsers that pages of any origin may send and read with a ticket.',
    task: 'blobs',
    parameters: TICKET,
    replies: { 204: { text: 'What may be asked.', types: [], headers: { Allow: 'The methods.' } } },
    errors: [],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
