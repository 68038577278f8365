// The routes of the API of keys. Requests are parsed in usage.ts and carried out in kv.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import {
  BYTES_TYPE,
  type RouteParameter,
  TEXT_TYPE,
} from '../../../cluster/http/route-description.ts';
import { KEY_BYTES_MAX, TTL_SECONDS_MAX } from '../../../cluster/model/limits.ts';
import { MIN_VERSION } from '../min-version.ts';
import { TIMING } from '../timing.ts';

const KEY: RouteParameter = {
  name: 'key',
  text: `The key, 1 to ${KEY_BYTES_MAX} bytes after decoding.`,
  required: true,
  example: 'a',
};
const VERSION = {
  'X-Fog-Version': 'The version of the record: 12 hex digits of milliseconds, 4 of a counter.',
};
const DONE = {
  text: '`Ok`: all members of the partition have it.',
  types: [TEXT_TYPE],
  headers: VERSION,
};
const UNKNOWN = {
  text: 'Some storage nodes may have it; repeat the request to be sure.',
  types: [TEXT_TYPE],
  headers: VERSION,
};
const KEY_ERRORS = ['missing-key', 'empty-key', 'key-too-long', 'bad-query'] as const;
const WRITE_ERRORS: readonly ErrorCode[] = [
  ...KEY_ERRORS,
  'not-ready',
  'partition-offline',
  'not-stored',
  'overloaded',
  'clock-ahead',
  'storage-full',
  'outcome-unknown',
];

export const KV_ROUTES = {
  set: {
    path: '/set',
    methods: ['GET', 'POST', 'PUT'],
    changesByGet: true,
    statuses: [200, 413, 501, 503, 504, 507],
    text: 'Stores `&value=`, or the body, under `?key=`, for `&ttl=` seconds if that is given.',
    task: 'keys',
    examples: [
      { target: '/set?key=a&value=1', text: 'Store 1 under the key a.' },
      {
        flags: "-d 'any text'",
        target: '/set?key=b',
        text: 'Store the body; -T FILE stores a file.',
      },
      { target: '/set?key=c&value=1&ttl=60', text: 'Store it for a minute.' },
    ],
    parameters: [
      KEY,
      {
        name: 'value',
        text: 'The value, unless there is a body that is not empty; a GET without a body needs it.',
        example: '1',
      },
      {
        name: 'ttl',
        text: 'The seconds after which the value is gone; without it the value stays.',
        schema: { type: 'integer', minimum: 1, maximum: TTL_SECONDS_MAX },
      },
      TIMING,
    ],
    body: { text: 'The value, whatever its content type.' },
    replies: { 200: DONE, 504: UNKNOWN },
    errors: [...WRITE_ERRORS, 'missing-value', 'bad-ttl', 'value-too-large'],
  },
  get: {
    path: '/get',
    methods: ['GET'],
    statuses: [200, 400, 404, 501, 503],
    text: 'The value of `?key=`.',
    task: 'keys',
    examples: [{ target: '/get?key=a', text: 'The value of the key a.' }],
    parameters: [KEY, MIN_VERSION, TIMING],
    replies: {
      200: { text: 'The value.', types: [BYTES_TYPE], headers: VERSION },
      404: {
        text: 'The key is proven absent, or in a cache perhaps evicted; without X-Fog-Error.',
        types: [TEXT_TYPE],
        headers: VERSION,
      },
    },
    errors: [
      ...KEY_ERRORS,
      'bad-parameter',
      'not-ready',
      'partition-offline',
      'unanswered',
      'older-version',
    ],
  },
  delete: {
    path: '/delete',
    methods: ['GET', 'POST', 'DELETE'],
    changesByGet: true,
    statuses: [200, 501, 503, 504, 507],
    text: 'Deletes `?key=`.',
    task: 'keys',
    examples: [{ flags: '-X DELETE', target: '/delete?key=b', text: 'Delete the key b.' }],
    parameters: [KEY, TIMING],
    replies: {
      200: { ...DONE, text: '`Ok`: it is gone, whether or not it was there.' },
      504: UNKNOWN,
    },
    errors: WRITE_ERRORS,
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
