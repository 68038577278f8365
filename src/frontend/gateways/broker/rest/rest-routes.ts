// What a broker says of files, tickets, domains and file servers, and what of a file can be changed beside its content: JSON below
// /.broker/, on every domain. Requests are parsed in rest-usage.ts, and carried out from rest.ts on.

import type { ClientRoute } from '../../../../cluster/http/client-route.ts';
import type { ErrorCode } from '../../../../cluster/http/errors.ts';
import {
  JSON_TYPE,
  type RouteParameter,
  TEXT_TYPE,
} from '../../../../cluster/http/route-description.ts';

export const LISTED_MAX = 1000;
const BODY_BYTES_MAX = 128 * 1024;

const DOMAIN: RouteParameter = {
  name: 'domain',
  text: 'The domain, by any of its names; that of the Host by default.',
};
const PATH: RouteParameter = {
  name: 'path',
  text: 'The path of the file, from the first slash on.',
  example: '/notes/b.txt',
};
const READ_ERRORS: readonly ErrorCode[] = [
  'bad-parameter',
  'path-too-long',
  'unknown-domain',
  'cache-has-no-files',
  'not-ready',
  'partition-offline',
  'unanswered',
  'file-unreadable',
  'internal',
];
const WRITE_ERRORS: readonly ErrorCode[] = [
  ...READ_ERRORS,
  'value-too-large',
  'locked',
  'not-stored',
  'clock-ahead',
  'storage-full',
  'outcome-unknown',
];
const CLONE_ERRORS: readonly ErrorCode[] = [
  ...WRITE_ERRORS,
  'no-collection',
  'method-not-allowed',
  'no-file-server',
];
const NOTHING = { text: 'Nothing is at this path.', types: [TEXT_TYPE] };
const CHANGE = '{"attributes":{"owner":"alice"},"replicate":3}';

export const BROKER_REST_ROUTES = {
  files: {
    path: '/.broker/files',
    methods: ['GET'],
    statuses: [200, 400, 404, 414, 421, 500, 501, 503],
    text: 'What there is to know of the file of `?path=`, or the files whose paths begin with `?prefix=`.',
    task: 'files',
    examples: [
      { target: '/.broker/files?path=/notes/b.txt', text: 'What there is to know of a file.' },
      { target: '/.broker/files?prefix=/notes/', text: 'What is in a folder.' },
    ],
    parameters: [
      PATH,
      { name: 'prefix', text: 'Lists the entries of a collection whose paths begin so.' },
      {
        name: 'limit',
        text: 'About how many of them.',
        schema: { type: 'integer', minimum: 1, maximum: LISTED_MAX, default: LISTED_MAX },
      },
      { name: 'cursor', text: 'Where the list goes on: what the one before ended with.' },
      DOMAIN,
    ],
    replies: { 200: { text: 'The file, or the list.', types: [JSON_TYPE] }, 404: NOTHING },
    errors: READ_ERRORS,
  },
  amend: {
    path: '/.broker/files',
    methods: ['PATCH'],
    bodyBytesMax: BODY_BYTES_MAX,
    statuses: [200, 400, 404, 413, 414, 421, 423, 500, 501, 503, 504, 507],
    text: 'Changes the attributes, the type, or the number of copies of the file of `?path=`.',
    task: 'files',
    examples: [
      {
        flags: `-X PATCH -d '${CHANGE}'`,
        target: '/.broker/files?path=/notes/b.txt',
        text: 'Give a file an attribute, and three copies.',
      },
    ],
    parameters: [PATH, DOMAIN],
    body: {
      text: '`attributes`, texts by their names, null for one that goes; `replicate`, null for the rule of its type; `type`; `cache_control` and `content_disposition`, null for none.',
      types: [JSON_TYPE],
      example: CHANGE,
    },
    replies: { 200: { text: 'The file as it is now.', types: [JSON_TYPE] }, 404: NOTHING },
    errors: WRITE_ERRORS,
  },
  clone: {
    path: '/.broker/clone',
    methods: ['POST'],
    bodyBytesMax: BODY_BYTES_MAX,
    statuses: [201, 204, 400, 404, 405, 409, 413, 414, 421, 423, 500, 501, 503, 504, 507],
    text: 'Makes a second file of the same content, in this domain or another one; no bytes are moved.',
    task: 'files',
    examples: [
      {
        flags: `-d '{"from":"/notes/b.txt","path":"/notes/c.txt"}'`,
        target: '/.broker/clone',
        text: 'Clone a file.',
      },
    ],
    parameters: [DOMAIN],
    body: {
      text: '`from`, a path of the domain; `path`, and `domain` where it is another one.',
      types: [JSON_TYPE],
      example: '{"from":"/notes/b.txt","path":"/notes/c.txt"}',
    },
    replies: {
      201: { text: 'It is made, where nothing was.', types: [] },
      204: { text: 'It is made, in place of what was there.', types: [] },
      404: { text: 'Nothing is at the path that it is to be made from.', types: [TEXT_TYPE] },
    },
    errors: CLONE_ERRORS,
  },
  domains: {
    path: '/.broker/domains',
    methods: ['GET'],
    statuses: [200, 400],
    text: 'The domains, with their hosts, rules and shares.',
    task: 'files',
    examples: [{ target: '/.broker/domains', text: 'The domains and their rules.' }],
    replies: { 200: { text: 'A list.', types: [JSON_TYPE] } },
    errors: ['bad-parameter'],
  },
  ticket: {
    path: '/.broker/tickets/{id}',
    methods: ['GET'],
    statuses: [200, 400, 403, 500, 503],
    text: 'What has become of a ticket, by its id or by the ticket itself.',
    task: 'files',
    parameters: [
      { name: 'id', text: 'The id of a ticket, or the ticket.', example: '0'.repeat(32) },
    ],
    replies: {
      200: { text: '`state` is `unused`, `used`, `stored` or `expired`.', types: [JSON_TYPE] },
    },
    errors: [
      'bad-parameter',
      'forged-ticket',
      'not-ready',
      'partition-offline',
      'unanswered',
      'not-stored',
      'internal',
    ],
  },
  servers: {
    path: '/.broker/servers',
    methods: ['GET'],
    statuses: [200, 400],
    text: 'The file servers: whether each is up, and what room it has.',
    task: 'files',
    examples: [{ target: '/.broker/servers', text: 'Which file servers are up.' }],
    replies: { 200: { text: 'A list.', types: [JSON_TYPE] } },
    errors: ['bad-parameter'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
