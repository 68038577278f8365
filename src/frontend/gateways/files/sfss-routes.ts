// The routes of the small file storage service: files by paths of the client's own. Requests are parsed in sfss-usage.ts and
// carried out in sfss.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import {
  BYTES_TYPE,
  type RouteParameter,
  TEXT_TYPE,
} from '../../../cluster/http/route-description.ts';
import { ETAGS_MAX } from '../../../cluster/model/limits.ts';

/** The original kept files under the base64 of their paths, of 250 characters at most. */
export const PATH_BYTES_MAX = 186;

const ANY_TYPE = '*/*';

const PATH: RouteParameter = {
  name: 'path',
  text: `The path of the file, 1 to ${PATH_BYTES_MAX} bytes; a leading /, // and \\ are refused.`,
  required: true,
  example: 'notes/a.txt',
};
const IF_MATCH: RouteParameter = {
  name: 'If-Match',
  in: 'header',
  text: `Only if the file has one of these ETags, at most ${ETAGS_MAX}; \`*\` stands for any file.`,
};
const IF_NONE_MATCH: RouteParameter = {
  name: 'If-None-Match',
  in: 'header',
  text: 'Only if the file has none of these ETags; `*` asks that there is no file.',
};
const TAGGED = {
  ETag: 'Version and hash of the record of the file, for conditions.',
  'X-Fog-Version': 'The version of the record.',
};
const BODY = {
  text: 'The file; or a form with it, as `curl -F upload_file=@FILE` sends it.',
  types: [BYTES_TYPE, 'multipart/form-data'],
  example: 'any text',
};
const FILE = {
  types: [BYTES_TYPE, ANY_TYPE],
  headers: { ...TAGGED, 'Last-Modified': 'When the content was last changed.' },
};
const ERRORS_OF_ALL: readonly ErrorCode[] = [
  'bad-parameter',
  'condition-failed',
  'cache-has-no-files',
  'no-storage',
];
const WRITE_ERRORS: readonly ErrorCode[] = [
  ...ERRORS_OF_ALL,
  'bad-form',
  'truncated-request',
  'slow-request',
  'value-too-large',
  'outcome-unknown',
  'storage-full',
];

export const SFSS_ROUTES = {
  put: {
    path: '/file',
    methods: ['PUT'],
    otherMethods: 'POST goes to /files, and in place of a DELETE an empty file is stored, by PUT',
    streamsBody: true,
    statuses: [200, 400, 408, 412, 413, 501, 504, 507],
    text: 'Stores the body, or the file of a form, as the file of `?path=`.',
    task: 'files',
    examples: [
      {
        flags: "-X PUT -d 'any text'",
        target: '/file?path=notes/a.txt',
        text: 'Store a file; -T FILE sends one.',
      },
    ],
    parameters: [PATH, IF_MATCH, IF_NONE_MATCH],
    body: BODY,
    replies: { 200: { text: 'It is stored.', types: [], headers: TAGGED } },
    errors: WRITE_ERRORS,
  },
  post: {
    path: '/files',
    methods: ['POST'],
    otherMethods: 'PUT and GET of a file go to /file',
    streamsBody: true,
    statuses: [201, 400, 408, 412, 413, 501, 504, 507],
    text: 'Stores the body, or the file of a form, as the file of `?path=`; one that was there is overwritten.',
    task: 'files',
    examples: [
      {
        flags: "-F 'upload_file=any text'",
        target: '/files?path=notes/b.txt',
        text: 'The same as a form; upload_file=@FILE sends one.',
      },
    ],
    parameters: [PATH, IF_MATCH, IF_NONE_MATCH],
    body: BODY,
    replies: { 201: { text: 'It is stored.', types: [], headers: TAGGED } },
    errors: WRITE_ERRORS,
  },
  get: {
    path: '/file',
    methods: ['GET'],
    judgesAnyMethod: true,
    statuses: [200, 206, 304, 400, 404, 412, 416, 501, 504],
    text: 'The file of `?path=`, or parts of it, with the content type of the end of its path.',
    task: 'files',
    examples: [
      { flags: '-i', target: '/file?path=notes/a.txt', text: 'The file, its type and ETag.' },
    ],
    parameters: [
      PATH,
      IF_MATCH,
      IF_NONE_MATCH,
      {
        name: 'If-Modified-Since',
        in: 'header',
        text: 'Only if the file was changed after this date; without If-None-Match.',
      },
      {
        name: 'If-Unmodified-Since',
        in: 'header',
        text: 'Only if the file was not changed after this date; without If-Match.',
      },
      { name: 'Range', in: 'header', text: 'The bytes that are wanted, up to 16 ranges.' },
      {
        name: 'If-Range',
        in: 'header',
        text: 'The ETag of the version that the ranges are of; of another one the whole is sent.',
      },
    ],
    replies: {
      200: { text: 'The file.', ...FILE },
      206: {
        text: 'The ranges of the file that were asked for.',
        types: [...FILE.types, 'multipart/byteranges'],
        headers: { ...FILE.headers, 'Content-Range': 'Which bytes these are, of how many.' },
      },
      304: { text: 'The file is as the client has it.', types: [], headers: FILE.headers },
      404: { text: 'There is no such file; without X-Fog-Error.', types: [TEXT_TYPE] },
    },
    errors: [...ERRORS_OF_ALL, 'bad-range'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

export type SfssVerb = keyof typeof SFSS_ROUTES;
