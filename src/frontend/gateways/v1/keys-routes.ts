// The routes of /v1/keys. Requests are parsed in key-usage.ts and carried out in keys.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import {
  BYTES_TYPE,
  JSON_TYPE,
  type RouteParameter,
} from '../../../cluster/http/route-description.ts';
import {
  ETAGS_MAX,
  KEY_BYTES_MAX,
  KEY_WAIT_SECONDS_MAX,
  TTL_SECONDS_MAX,
} from '../../../cluster/model/limits.ts';
import { MIN_VERSION } from '../min-version.ts';
import { TIMING } from '../timing.ts';

const PATH = '/v1/keys/{key...}';
const ANY_TYPE = '*/*';

const KEY: RouteParameter = {
  name: 'key',
  text: `The key, 1 to ${KEY_BYTES_MAX} bytes after decoding; it may have slashes.`,
  example: 'counters/a',
};
const IF_MATCH: RouteParameter = {
  name: 'If-Match',
  in: 'header',
  text: `Only if the value has one of these ETags, at most ${ETAGS_MAX}; \`*\` stands for any value.`,
};
const IF_NONE_MATCH: RouteParameter = {
  name: 'If-None-Match',
  in: 'header',
  text: 'Only if the value has none of these ETags; `*` asks that there is no value.',
};
const TTL: readonly RouteParameter[] = [
  {
    name: 'ttl',
    text: 'The seconds after which the value is gone; without it the value stays.',
    schema: { type: 'integer', minimum: 1, maximum: TTL_SECONDS_MAX },
  },
  { name: 'X-Fog-Ttl', in: 'header', text: 'The same as `ttl`.' },
];
/** The headers that every request of a key takes. */
const HEADERS = [IF_MATCH, IF_NONE_MATCH, TIMING];

const VERSION = { 'X-Fog-Version': 'The version of the record.' };
const TAGGED = { ...VERSION, ETag: 'Version and hash of the record, for conditions.' };
const ABSENT = {
  text: 'The key is proven absent, or in a cache perhaps evicted; without X-Fog-Error.',
  types: ['text/plain'],
  headers: VERSION,
};
const DELETED = { text: 'It is gone, whether or not it was there.', types: [], headers: VERSION };
const VALUE = { types: [BYTES_TYPE, ANY_TYPE], headers: TAGGED };

const READ_ERRORS: readonly ErrorCode[] = [
  'bad-parameter',
  'condition-failed',
  'not-ready',
  'partition-offline',
  'unanswered',
  'older-version',
];
const WRITE_ERRORS: readonly ErrorCode[] = [
  'bad-parameter',
  'condition-failed',
  'not-ready',
  'partition-offline',
  'not-stored',
  'overloaded',
  'clock-ahead',
  'storage-full',
];

export const V1_KEYS_ROUTES = {
  put: {
    path: PATH,
    methods: ['PUT'],
    statuses: [201, 204, 400, 412, 413, 503, 504, 507],
    text: 'Stores the body with its content type, for `?ttl=` seconds if that is given.',
    task: 'keys',
    examples: [
      {
        flags: "-X PUT -H 'Content-Type: application/json' -d '[1]'",
        target: '/v1/keys/docs/a',
        text: 'Store it with its type.',
      },
    ],
    parameters: [KEY, ...TTL, ...HEADERS],
    body: { text: 'The value; it keeps its content type.', example: '1' },
    replies: {
      201: { text: 'It is stored, and nothing was there before.', types: [], headers: TAGGED },
      204: { text: 'It is stored in the place of another value.', types: [], headers: TAGGED },
    },
    errors: [...WRITE_ERRORS, 'value-too-large', 'outcome-unknown'],
  },
  get: {
    path: PATH,
    methods: ['GET'],
    statuses: [200, 304, 400, 404, 412, 503],
    text: 'The value of the key, with its content type and `ETag`; `?wait=` waits for a newer one.',
    task: 'keys',
    examples: [
      { flags: '-i', target: '/v1/keys/docs/a', text: 'The value, its type and ETag.' },
      { target: '/v1/keys/docs/a?explain=1', text: 'Who has it, in which version.' },
    ],
    parameters: [
      KEY,
      ...HEADERS,
      {
        name: 'X-Fog-Read',
        in: 'header',
        text: 'With `linearizable` every member of the partition is asked.',
        schema: { type: 'string', enum: ['linearizable'] },
      },
      MIN_VERSION,
      {
        name: 'explain',
        text: 'With `1` the answer is not the value, but a JSON document: who was asked, and what each told.',
        schema: { type: 'string', enum: ['1'] },
      },
      {
        name: 'wait',
        text: 'How many seconds to wait for a value, or for one that is newer than `newer-than`.',
        schema: { type: 'integer', minimum: 1, maximum: KEY_WAIT_SECONDS_MAX },
        example: '1',
      },
      {
        name: 'newer-than',
        text: 'With `wait`: the ETag of the value that the client has.',
      },
    ],
    replies: {
      200: { text: 'The value; with `?explain=1` how the read came to it.', ...VALUE },
      304: {
        text: 'The value has one of the ETags of If-None-Match, or none came that is newer than `newer-than`.',
        types: [],
        headers: TAGGED,
      },
      404: { ...ABSENT, types: [...ABSENT.types, JSON_TYPE] },
    },
    errors: READ_ERRORS,
  },
  delete: {
    path: PATH,
    methods: ['DELETE'],
    statuses: [204, 400, 404, 412, 503, 504, 507],
    text: 'Deletes the key.',
    task: 'keys',
    parameters: [KEY, ...HEADERS],
    replies: {
      204: DELETED,
      404: { ...ABSENT, text: 'There is no value, and If-Match wanted one; without X-Fog-Error.' },
    },
    errors: [...WRITE_ERRORS, 'outcome-unknown'],
  },
  incr: {
    path: `${PATH}/incr`,
    methods: ['POST'],
    statuses: [200, 400, 409, 412, 503, 504, 507],
    text: 'Adds `?by=` to the number that is the value, and answers the sum.',
    task: 'keys',
    examples: [{ flags: '-X POST', target: '/v1/keys/counters/a/incr', text: 'Count.' }],
    parameters: [
      KEY,
      {
        name: 'by',
        text: 'What is added; it may be negative.',
        schema: { type: 'integer', default: 1 },
      },
      ...HEADERS,
    ],
    replies: { 200: { text: 'The sum.', ...VALUE } },
    errors: [...WRITE_ERRORS, 'not-a-number', 'overflow', 'effect-unknown'],
  },
  append: {
    path: `${PATH}/append`,
    methods: ['POST'],
    statuses: [200, 400, 412, 413, 503, 504, 507],
    text: 'Adds the body behind the value, and answers the whole.',
    task: 'keys',
    parameters: [KEY, ...HEADERS],
    body: { text: 'What is added.', example: '1' },
    replies: { 200: { text: 'The whole value.', ...VALUE } },
    errors: [...WRITE_ERRORS, 'value-too-large', 'effect-unknown'],
  },
  getset: {
    path: `${PATH}/getset`,
    methods: ['POST'],
    statuses: [200, 204, 400, 412, 413, 503, 504, 507],
    text: 'Stores the body as a PUT does, and answers the value of before.',
    task: 'keys',
    parameters: [KEY, ...TTL, ...HEADERS],
    body: { text: 'The value; it keeps its content type.', example: '1' },
    replies: {
      200: { text: 'The value of before.', ...VALUE },
      204: { text: 'There was no value before.', types: [], headers: TAGGED },
    },
    errors: [...WRITE_ERRORS, 'value-too-large', 'outcome-unknown'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

export type KeyVerb = keyof typeof V1_KEYS_ROUTES;
