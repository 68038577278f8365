// The routes of the blob service, at a port of its own: blobs by the SHA-512 of their content. What a path means is
// dtfc-usage.ts's, and it is carried out in dtfc.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import {
  BYTES_TYPE,
  type RouteParameter,
  TEXT_TYPE,
} from '../../../cluster/http/route-description.ts';

const ANY_TYPE = '*/*';
/** That of `any text`, for the examples. */
const EXAMPLE_HASH =
  'e75b5fe2ad911e3dba48b11af01869cd003d3aa835daefa5e306709d7dd447031aedb956d22868b814b867b7dda338746a5e159a4613c51e37ba73fcab5d9fac';

const BLOB: RouteParameter = {
  name: 'name',
  text: 'The SHA-512 of the content, 128 hexadecimal digits; behind it may stand a slash and an option.',
  example: EXAMPLE_HASH,
};
const NOT_FOUND = {
  text: 'There is no such blob, or no such path; without X-Fog-Error.',
  types: [TEXT_TYPE],
};
const READ_ERRORS: readonly ErrorCode[] = [
  'bad-parameter',
  'denied',
  'too-many-requests',
  'cache-has-no-files',
  'not-ready',
  'partition-offline',
  'unanswered',
  'internal',
];

/** Of content that a peer has. */
const LOAD_ERRORS: readonly ErrorCode[] = [
  'loading',
  'no-file-server',
  'not-stored',
  'clock-ahead',
  'storage-full',
];

export const DTFC_ROUTES = {
  put: {
    path: '/{name...}',
    methods: ['PUT'],
    otherMethods:
      'a blob is sent as it is, and not as a form: curl -T FILE, with a name in the URL',
    streamsBody: true,
    statuses: [200, 400, 403, 404, 408, 412, 413, 429, 500, 501, 503, 504, 507],
    text: 'Stores the body as a blob of this name, and answers its SHA-512, by which it is read.',
    task: 'blobs',
    examples: [
      {
        flags: "-X PUT -d 'any text'",
        target: '/notes.txt',
        text: 'Store a blob; -T FILE sends one.',
      },
    ],
    parameters: [
      {
        name: 'name',
        text: 'The name of the blob, one segment of up to 1,024 bytes.',
        example: 'notes.txt',
      },
      {
        name: 'If-None-Match',
        in: 'header',
        text: 'Only if the content is not here yet: `*`, or the SHA-512 of it in double quotes.',
      },
      {
        name: 'If-Match',
        in: 'header',
        text: 'Only if the content is here, as one of these ETags says.',
      },
    ],
    body: { text: 'The content, byte by byte.', types: [BYTES_TYPE], example: 'any text' },
    replies: {
      200: { text: 'It is stored: one JSON object, without a line feed.', types: [TEXT_TYPE] },
      404: { text: 'The name has a slash; without X-Fog-Error.', types: [TEXT_TYPE] },
    },
    errors: [
      ...READ_ERRORS,
      'condition-failed',
      'truncated-request',
      'slow-request',
      'value-too-large',
      'no-file-server',
      'not-stored',
      'clock-ahead',
      'outcome-unknown',
      'storage-full',
    ],
  },
  get: {
    path: '/{name...}',
    methods: ['GET'],
    statuses: [200, 206, 304, 400, 403, 404, 412, 416, 422, 429, 500, 501, 503, 507],
    text: 'The blob with this SHA-512, or parts of it. HEAD ends the connection, and has no Content-Length.',
    task: 'blobs',
    examples: [
      { target: `/${EXAMPLE_HASH}`, text: 'The blob, by its SHA-512.' },
      { flags: '-I', target: `/${EXAMPLE_HASH}`, text: 'Whether it is there.' },
    ],
    parameters: [
      BLOB,
      { name: 'Range', in: 'header', text: 'The bytes that are wanted, up to 16 ranges.' },
      { name: 'If-None-Match', in: 'header', text: 'Only if the blob has none of these ETags.' },
      { name: 'If-Match', in: 'header', text: 'Only if the blob has one of these ETags.' },
    ],
    replies: {
      200: {
        text: 'The blob.',
        types: [BYTES_TYPE, ANY_TYPE],
        headers: {
          'Content-Disposition': 'The name that it was stored by last.',
          ETag: 'The SHA-512 in double quotes: the content of a URL never changes.',
          'Last-Modified': 'When it was stored.',
        },
      },
      206: {
        text: 'The ranges that were asked for.',
        types: [BYTES_TYPE, ANY_TYPE, 'multipart/byteranges'],
        headers: { 'Content-Range': 'Which bytes these are, of how many.' },
      },
      304: { text: 'The blob is as the client has it.', types: [] },
      404: NOT_FOUND,
    },
    errors: [
      ...READ_ERRORS,
      ...LOAD_ERRORS,
      'condition-failed',
      'bad-range',
      'file-unreadable',
      'no-ffprobe',
      'no-media',
      'overloaded',
    ],
  },
  refresh: {
    path: '/refreshpeers.html',
    methods: ['PUT'],
    statuses: [200, 403, 429, 503],
    text: 'Reads the list of peers, which is read whenever they are asked as well.',
    task: 'blobs',
    examples: [{ flags: '-X PUT', target: '/refreshpeers.html' }],
    replies: { 200: { text: 'It could be read; empty.', types: [TEXT_TYPE] } },
    errors: ['denied', 'too-many-requests', 'not-ready'],
  },
  delete: {
    path: '/{name...}',
    methods: ['DELETE'],
    statuses: [200, 400, 403, 404, 412, 429, 500, 501, 503, 504, 507],
    text: 'Deletes the blob with this SHA-512, until somebody stores it again.',
    task: 'blobs',
    examples: [{ flags: '-X DELETE', target: `/${EXAMPLE_HASH}`, text: 'Delete it.' }],
    parameters: [
      BLOB,
      {
        name: 'If-Unmodified-Since',
        in: 'header',
        text: 'Only if nobody has stored it after this date.',
      },
      { name: 'If-Match', in: 'header', text: 'Only if it is here, as one of these ETags says.' },
      { name: 'If-None-Match', in: 'header', text: 'Only if it has none of these ETags.' },
    ],
    replies: {
      200: { text: 'It was deleted: one JSON object, without a line feed.', types: [TEXT_TYPE] },
      404: NOT_FOUND,
    },
    errors: [
      ...READ_ERRORS,
      'condition-failed',
      'not-stored',
      'clock-ahead',
      'outcome-unknown',
      'storage-full',
    ],
  },
  health: {
    path: '/health.html',
    methods: ['GET'],
    statuses: [200, 503],
    text: 'Whether the frontend can do its work: `All systems go.`',
    task: 'process',
    examples: [
      { target: '/health.html', text: 'Whether it can do its work, as the original says it.' },
    ],
    replies: {
      200: { text: 'It can.', types: [TEXT_TYPE] },
    },
    errors: ['not-ready'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
