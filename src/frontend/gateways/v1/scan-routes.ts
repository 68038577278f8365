// The routes that concern many keys at once. Requests are parsed in scan-usage.ts, and carried out in scan.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import {
  JSON_TYPE,
  LINES_TYPE,
  type RouteParameter,
} from '../../../cluster/http/route-description.ts';

export const PREFIX: RouteParameter = {
  name: 'prefix',
  text: 'Only keys that begin with these bytes; all keys without it.',
};
export const CURSOR: RouteParameter = {
  name: 'cursor',
  text: 'Where to go on: what an earlier answer ended with.',
};
export const SCAN_ERRORS: readonly ErrorCode[] = [
  'bad-parameter',
  'bad-cursor',
  'not-ready',
  'overloaded',
  'partition-offline',
  'unanswered',
];

export const V1_SCAN_ROUTES = {
  scan: {
    path: '/v1/scan',
    methods: ['GET'],
    statuses: [200, 400, 503],
    text: 'Lists the keys that begin with `?prefix=`, a line each.',
    task: 'many keys',
    examples: [{ target: '/v1/scan?prefix=a&values=1', text: 'Keys that begin with a.' }],
    parameters: [
      PREFIX,
      {
        name: 'limit',
        text: 'How many keys to list.',
        schema: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 1000 },
      },
      {
        name: 'bytes',
        text: 'Ends with the page of keys that brings the answer to so many bytes.',
        schema: { type: 'integer', minimum: 1, maximum: 1_000_000_000 },
      },
      CURSOR,
      {
        name: 'values',
        text: '1: with the values.',
        schema: { type: 'string', enum: ['0', '1'] },
      },
    ],
    replies: {
      200: { text: 'A line for each key, and the cursor if there is more.', types: [LINES_TYPE] },
    },
    errors: SCAN_ERRORS,
  },
  deleteByPrefix: {
    path: '/v1/scan',
    methods: ['DELETE'],
    statuses: [200, 400, 503, 504, 507],
    text: 'Deletes the keys that begin with `?prefix=`.',
    task: 'many keys',
    examples: [
      { flags: '-X DELETE', target: '/v1/scan?prefix=old:', text: 'Delete keys by prefix.' },
    ],
    parameters: [
      { ...PREFIX, text: 'Keys that begin with these bytes.', required: true, example: 'old:' },
      {
        name: 'all',
        text: '1: an empty prefix deletes every key.',
        schema: { type: 'string', enum: ['0', '1'] },
      },
    ],
    replies: {
      200: { text: 'How many are deleted, and how many could not be.', types: [JSON_TYPE] },
    },
    errors: [
      'bad-parameter',
      'not-ready',
      'overloaded',
      'partition-offline',
      'unanswered',
      'not-stored',
      'clock-ahead',
      'outcome-unknown',
      'storage-full',
    ],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
