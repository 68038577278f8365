// The routes of the broker, at a port of its own: all paths of the domains' files, from the first slash on. What a query means is
// broker-usage.ts's; it is carried out from broker.ts on.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import {
  BYTES_TYPE,
  JSON_TYPE,
  type RouteParameter,
  TEXT_TYPE,
} from '../../../cluster/http/route-description.ts';
import { DAV_ROUTES } from '../dav/dav-routes.ts';
import { METALINK_TYPE } from './file-links.ts';

const HTML = 'text/html';
const PATH: RouteParameter = {
  name: 'path',
  text: 'Names with slashes between them; the domain is that of the Host.',
  example: 'notes/b.txt',
};
const PROXY: RouteParameter = {
  name: 'proxy',
  text: '`1`: the bytes pass through the broker, for clients that follow no redirect.',
};
const REPLICATE: RouteParameter = {
  name: 'replicate',
  text: 'How many copies this file is to have, whatever its type.',
  schema: { type: 'integer', minimum: 1, maximum: 16 },
};
const WAIT: RouteParameter = {
  name: 'client_wait_to_finish',
  text: '`true`: it is stored when all of its copies are there.',
};
const DOMAIN_ERRORS: readonly ErrorCode[] = [
  'bad-parameter',
  'path-too-long',
  'unknown-domain',
  'unknown-path',
  'cache-has-no-files',
  'not-ready',
  'partition-offline',
  'unanswered',
  'internal',
];
const UPLOAD_ERRORS: readonly ErrorCode[] = [
  ...DOMAIN_ERRORS,
  'locked',
  'no-collection',
  'method-not-allowed',
  'no-file-server',
  'not-stored',
  'clock-ahead',
  'storage-full',
];
const LINKED = {
  Location: 'The file at a file server that has it; the URL ends within an hour.',
  Link: 'One line for each of up to four copies, `rel=duplicate`, and one for the Metalink document.',
  'Repr-Digest': 'The SHA-512 of the file; `Digest` says the same to older clients.',
  ETag: 'Of the content, as the file server has it.',
};
const ISSUED = {
  text: 'The body goes to another URL, with the same method: the ticket, and that URL.',
  types: [JSON_TYPE],
  headers: {
    Location: 'Where a file server takes the body, once, within an hour.',
    'X-Fog-Ticket': 'The ticket, for the message that the upload is complete.',
  },
};

export const BROKER_ROUTES = {
  root: {
    ...DAV_ROUTES.root,
    path: '/',
    methods: [
      'DELETE',
      'PUT',
      'MKCOL',
      'OPTIONS',
      'PROPFIND',
      'PROPPATCH',
      'COPY',
      'MOVE',
      'LOCK',
      'UNLOCK',
    ],
    statuses: [...DAV_ROUTES.root.statuses, 404, 421].sort((a, b) => a - b),
    text: 'The outermost collection of a domain, for WebDAV.',
    examples: [
      {
        flags: "-X PROPFIND -H 'Depth: 1'",
        target: '/',
        text: 'What is in the domain of the Host.',
      },
    ],
    errors: [...DAV_ROUTES.root.errors, 'unknown-domain'],
  },
  put: {
    path: '/{path...}',
    methods: ['PUT'],
    streamsBody: true,
    statuses: [
      201, 204, 307, 400, 404, 405, 408, 409, 412, 413, 414, 415, 421, 423, 500, 501, 503, 504, 507,
    ],
    text: 'Says where the body is to be sent; with `proxy=1` stores it as WebDAV does.',
    task: 'files',
    examples: [
      {
        flags: "-L -X PUT -d 'any text'",
        target: '/notes/b.txt',
        text: 'Store a file; -L -T FILE sends one.',
      },
    ],
    parameters: [PATH, PROXY, REPLICATE, WAIT],
    body: { text: 'The file.', types: [BYTES_TYPE], example: 'any text' },
    replies: {
      ...DAV_ROUTES.put.replies,
      307: ISSUED,
    },
    errors: [...new Set([...DAV_ROUTES.put.errors, ...UPLOAD_ERRORS, 'unsupported-body' as const])],
  },
  get: {
    path: '/{path...}',
    methods: ['GET'],
    statuses: [200, 206, 302, 304, 400, 404, 405, 412, 414, 416, 421, 500, 501, 503],
    text: 'Says where the file is; with `proxy=1`, or where no file server has it, the file itself.',
    task: 'files',
    examples: [
      { flags: '-L', target: '/notes/b.txt', text: 'The file, from a file server.' },
      { flags: '-i', target: '/notes/b.txt', text: 'Where it is, and its digest.' },
      { target: '/notes/b.txt?metalink', text: 'The same as a Metalink document.' },
    ],
    parameters: [
      PATH,
      PROXY,
      { name: 'metalink', text: 'Asks for the Metalink document (RFC 5854) of the file.' },
    ],
    replies: {
      200: {
        text: 'The file, the Metalink document, or the page of a collection.',
        types: [BYTES_TYPE, METALINK_TYPE, HTML, '*/*'],
      },
      206: { text: 'The ranges that were asked for.', types: [BYTES_TYPE, '*/*'] },
      302: { text: 'It is there.', types: [HTML], headers: LINKED },
      304: { text: 'The file is as the client has it.', types: [] },
      404: { text: 'Nothing is at this path.', types: [TEXT_TYPE] },
    },
    errors: [
      ...DOMAIN_ERRORS,
      'method-not-allowed',
      'condition-failed',
      'bad-range',
      'file-unreadable',
      'overloaded',
    ],
  },
  post: {
    path: '/{path...}',
    methods: ['POST'],
    streamsBody: true,
    statuses: [200, 307, 400, 403, 404, 405, 409, 410, 414, 421, 423, 500, 501, 503, 504, 507],
    text: 'A form: says where it is to be sent. With `ticket` and `complete`: whether the upload is stored as the client has sent it.',
    task: 'files',
    parameters: [
      PATH,
      { name: 'ticket', text: 'The ticket of the upload.' },
      { name: 'complete', text: 'Says that the upload is over.' },
      { name: 'size', text: 'How many bytes were sent.', schema: { type: 'integer', minimum: 0 } },
      { name: 'md5', text: 'The MD5 of what was sent, in hexadecimal.' },
      { name: 'sha512', text: 'The SHA-512 of what was sent, in hexadecimal.' },
      { name: 'Repr-Digest', in: 'header', text: '`sha-512=:BASE64:` of what was sent.' },
      { name: 'redirect', text: 'The URL that a browser goes to once its form is stored.' },
      REPLICATE,
      WAIT,
    ],
    replies: {
      200: { text: 'It is stored as it was sent: its size and digests.', types: [JSON_TYPE] },
      307: ISSUED,
    },
    errors: [
      ...UPLOAD_ERRORS,
      'forged-ticket',
      'expired-ticket',
      'unused-ticket',
      'used-ticket',
      'digest-differs',
      'outcome-unknown',
    ],
  },
  resource: {
    ...DAV_ROUTES.resource,
    path: '/{path...}',
    methods: [
      'DELETE',
      'MKCOL',
      'OPTIONS',
      'PROPFIND',
      'PROPPATCH',
      'COPY',
      'MOVE',
      'LOCK',
      'UNLOCK',
    ],
    statuses: [...DAV_ROUTES.resource.statuses, 421].sort((a, b) => a - b),
    text: 'A file or a collection of the domain, as WebDAV has it.',
    examples: [{ flags: '-X DELETE', target: '/notes/b.txt', text: 'Delete the file.' }],
    parameters: [PATH, ...DAV_ROUTES.resource.parameters.slice(1)],
    errors: [...DAV_ROUTES.resource.errors, 'unknown-domain', 'unknown-path'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
