// The paths of a file server. Frontends and other file servers use them, and anybody with curl: who may not should not
// reach the port.

import type { ClientRoute } from '../cluster/http/client-route.ts';
import type { ErrorCode } from '../cluster/http/errors.ts';
import {
  BYTES_TYPE,
  JSON_TYPE,
  LINES_TYPE,
  type RouteReply,
  TEXT_TYPE,
} from '../cluster/http/route-description.ts';
import { FILE_BYTES_MAX } from '../files/manifest.ts';
import { COMMIT_BYTES_MAX } from './blob-store/blob-meta.ts';

/** An id, and the content of examples: five bytes, `hello`. */
const ID = '0198c0de000000112233445566778899';
const LINKED = '0198c0de000100112233445566778899';
const HELLO = {
  size: 5,
  crc: 'NhCmhg==',
  sha512:
    '9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043',
  owner: '/2ZzAGhlbGxv',
  manifest: 'e30=',
};
const OWNER = { owner: HELLO.owner, manifest: HELLO.manifest };

const JSON_FLAG = '-X POST -d';
const ABSENT: RouteReply = { text: 'There is no such blob here.', types: [TEXT_TYPE] };
const DONE: RouteReply = { text: '`{}`', types: [JSON_TYPE] };
const BUSY: readonly ErrorCode[] = ['not-ready', 'overloaded', 'disk-failed'];
const IDENTIFIED = [{ name: 'id', text: '32 hexadecimal digits in lower case.', example: ID }];

export const FILESERVER_ROUTES = {
  put: {
    path: '/blobs/{id}',
    methods: ['PUT'],
    streamsBody: true,
    bodyBytesMax: FILE_BYTES_MAX,
    statuses: [201, 400, 408, 409, 413, 503, 507],
    text: 'Stages the bytes of a blob: nobody gets them before the commit.',
    task: 'blobs',
    examples: [
      { target: `/blobs/${ID}`, flags: '-X PUT --data-binary hello', text: 'Stage five bytes.' },
    ],
    parameters: IDENTIFIED,
    body: { text: 'The bytes, of any length.', types: [BYTES_TYPE], example: 'hello' },
    replies: { 201: { text: '`{"bytes":N}`', types: [JSON_TYPE] } },
    errors: [
      'bad-parameter',
      'truncated-request',
      'slow-request',
      'value-too-large',
      'blob-taken',
      'storage-full',
      ...BUSY,
    ],
  },
  commit: {
    path: '/blobs/{id}/commit',
    methods: ['POST'],
    bodyBytesMax: COMMIT_BYTES_MAX,
    statuses: [200, 400, 404, 409, 413, 503, 507],
    text: 'Makes a blob of what was staged, if it is what the message says, and brings it to the disk.',
    task: 'blobs',
    examples: [
      {
        target: `/blobs/${ID}/commit`,
        flags: `${JSON_FLAG} '${JSON.stringify(HELLO)}'`,
        text: 'Make a blob of them.',
      },
    ],
    parameters: IDENTIFIED,
    body: {
      text: 'JSON: `size`; `crc`, base64 of a CRC-32 in 4 bytes for each 256 KiB; `sha512` in hexadecimal; `owner` and `manifest` in base64.',
      types: [JSON_TYPE],
      example: JSON.stringify(HELLO),
    },
    replies: { 200: DONE, 404: { text: 'Nothing is staged under this id.', types: [TEXT_TYPE] } },
    errors: [
      'malformed-message',
      'bad-parameter',
      'blob-taken',
      'blob-differs',
      'value-too-large',
      'storage-full',
      ...BUSY,
    ],
  },
  get: {
    path: '/blobs/{id}',
    methods: ['GET'],
    statuses: [200, 206, 400, 404, 416, 503],
    text: 'The bytes of a blob, or with `Range` a part of them; none of a block whose checksum is wrong.',
    task: 'blobs',
    examples: [
      { target: `/blobs/${ID}`, text: 'Its bytes.' },
      { target: `/blobs/${ID}`, flags: "-H 'Range: bytes=1-3'", text: 'Three of them.' },
    ],
    parameters: [
      ...IDENTIFIED,
      { name: 'Range', in: 'header', text: '`bytes=FIRST-LAST`: one range.' },
      { name: 'If-Range', in: 'header', text: 'The ETag for which the range is meant.' },
    ],
    replies: {
      200: { text: 'All bytes.', types: [BYTES_TYPE], headers: { ETag: 'The id.' } },
      206: {
        text: 'The range.',
        types: [BYTES_TYPE],
        headers: { 'Content-Range': 'Which of the bytes these are.' },
      },
      404: ABSENT,
      416: {
        text: 'The range begins behind the last byte.',
        types: [TEXT_TYPE],
        headers: { 'Content-Range': 'How many bytes there are.' },
      },
    },
    errors: ['bad-parameter', ...BUSY],
  },
  delete: {
    path: '/blobs/{id}',
    methods: ['DELETE'],
    statuses: [200, 400, 503],
    text: 'Says that nobody will name the blob: what is staged goes, what is committed goes to the trash.',
    task: 'blobs',
    parameters: IDENTIFIED,
    replies: { 200: DONE },
    errors: ['bad-parameter', ...BUSY],
  },
  unstage: {
    path: '/blobs/{id}/stage',
    methods: ['DELETE'],
    statuses: [200, 400, 503],
    text: 'Removes what is staged; what is committed stays.',
    task: 'blobs',
    parameters: IDENTIFIED,
    replies: { 200: DONE },
    errors: ['bad-parameter', ...BUSY],
  },
  meta: {
    path: '/blobs/{id}/meta',
    methods: ['GET'],
    statuses: [200, 400, 404, 503],
    text: 'What its commit said of a blob, the cluster that it is of, and when it was committed here.',
    task: 'blobs',
    examples: [{ target: `/blobs/${ID}/meta`, text: 'What is known of it.' }],
    parameters: IDENTIFIED,
    replies: {
      200: { text: 'The fields of the commit, and more.', types: [JSON_TYPE] },
      404: ABSENT,
    },
    errors: ['bad-parameter', ...BUSY],
  },
  pull: {
    path: '/blobs/{id}/pull',
    methods: ['POST'],
    statuses: [200, 400, 409, 502, 503, 507],
    text: 'Fetches a blob from another file server, checks all of it, and commits it here.',
    task: 'blobs',
    parameters: IDENTIFIED,
    body: {
      text: 'JSON: `from`, HOST:PORT of that file server.',
      types: [JSON_TYPE],
      example: '{"from":"127.0.0.1:1"}',
    },
    replies: { 200: { text: '`{}`; also where the blob was here already.', types: [JSON_TYPE] } },
    errors: [
      'malformed-message',
      'bad-parameter',
      'blob-taken',
      'pull-failed',
      'storage-full',
      ...BUSY,
    ],
  },
  link: {
    path: '/blobs/{id}/link',
    methods: ['POST'],
    bodyBytesMax: COMMIT_BYTES_MAX,
    statuses: [200, 400, 404, 409, 413, 503, 507],
    text: 'Gives the bytes of a blob that is here another id and owner; none of them is copied.',
    task: 'blobs',
    examples: [
      {
        target: `/blobs/${LINKED}/link`,
        flags: `${JSON_FLAG} '${JSON.stringify({ from: ID, ...OWNER })}'`,
        text: 'The same bytes under another id.',
      },
      { target: `/blobs/${LINKED}`, flags: '-X DELETE', text: 'Put that one into the trash.' },
    ],
    parameters: [{ name: 'id', text: 'The new id.', example: LINKED }],
    body: {
      text: 'JSON: `from`, an id; `owner` and `manifest` in base64.',
      types: [JSON_TYPE],
      example: JSON.stringify({ from: ID, ...OWNER }),
    },
    replies: { 200: DONE, 404: ABSENT },
    errors: [
      'malformed-message',
      'bad-parameter',
      'blob-taken',
      'value-too-large',
      'storage-full',
      ...BUSY,
    ],
  },
  check: {
    path: '/blobs/{id}/check',
    methods: ['POST'],
    statuses: [202, 400],
    text: 'Says that the blob may lack copies, or that nobody names it any more: it is looked at soon.',
    task: 'blobs',
    examples: [{ target: `/blobs/${ID}/check`, flags: '-X POST', text: 'Look at it soon.' }],
    parameters: IDENTIFIED,
    replies: { 202: DONE },
    errors: ['bad-parameter'],
  },
  have: {
    path: '/blobs/have',
    methods: ['POST'],
    statuses: [200, 400, 503],
    text: 'Which of up to 1,000 blobs are committed here, and not in the trash.',
    task: 'blobs',
    examples: [
      {
        target: '/blobs/have',
        flags: `${JSON_FLAG} '${JSON.stringify({ ids: [ID, LINKED] })}'`,
        text: 'Which of two are here.',
      },
    ],
    body: {
      text: 'JSON: `ids`, a list.',
      types: [JSON_TYPE],
      example: JSON.stringify({ ids: [ID] }),
    },
    replies: {
      200: {
        text: '`{"have":BITS}`: base64 of one bit for each id, the least significant of the first byte first; and `"map":VERSION`, by which blobs are placed here.',
        types: [JSON_TYPE],
      },
    },
    errors: ['malformed-message', 'not-ready', 'overloaded'],
  },
  list: {
    path: '/blobs',
    methods: ['GET'],
    statuses: [200, 400, 503],
    text: 'What is known of all blobs, a page at a time: from this the records of files could be set anew.',
    task: 'blobs',
    examples: [{ target: '/blobs?limit=10', text: 'What is known of the first ten.' }],
    parameters: [
      { name: 'after', text: 'The `cursor` of the page before.', example: ID },
      { name: 'limit', text: 'How many, 1 to 1,000; by default 100.', example: '10' },
    ],
    replies: {
      200: {
        text: 'A line for each as of `/blobs/{id}/meta`, without `crc`; then `{"cursor":ID}`, null behind the last one.',
        types: [LINES_TYPE],
      },
    },
    errors: ['bad-parameter', ...BUSY],
  },
  rebuilt: {
    path: '/rebuilt',
    methods: ['POST'],
    statuses: [200, 400, 409, 503],
    text: 'Says that the records of files were set anew from the blobs: what no record names may be collected again.',
    task: 'blobs',
    body: {
      text: 'JSON: `cluster`, of this file server; `upTo`, the version of the map with which the rebuild began; `clusters`, whose blobs are of this cluster by now.',
      types: [JSON_TYPE],
      example: '{"cluster":"0123","upTo":{"generation":1,"number":1},"clusters":[]}',
    },
    replies: { 200: DONE },
    errors: ['malformed-message', 'other-cluster', 'not-ready'],
  },
  collect: {
    path: '/collect',
    methods: ['POST'],
    statuses: [200, 503],
    text: 'Says that so many files were really deleted: the next pass collects what no file names, however much that is.',
    task: 'blobs',
    replies: { 200: DONE },
    errors: ['not-ready'],
  },
  room: {
    path: '/room',
    methods: ['GET'],
    statuses: [200, 503],
    text: 'What others choose a file server by: what it may still write, and how busy it is.',
    task: 'process',
    examples: [{ target: '/room', text: 'What may still be written, and how busy it is.' }],
    replies: {
      200: {
        text: '`cluster`, `id`, `store`, `freeBytes`, `busy`, `readOnly`, `mapVersion`; `publicAddress` where it has one.',
        types: [JSON_TYPE],
      },
    },
    errors: ['not-ready'],
  },
  status: {
    path: '/status',
    methods: ['GET'],
    statuses: [200, 503],
    text: 'Who the file server is, and what it holds and does.',
    task: 'process',
    examples: [{ target: '/status', text: 'Who it is, and what it holds and does.' }],
    replies: { 200: { text: 'The figures.', types: [JSON_TYPE] } },
    errors: ['not-ready'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
