// The routes that carry records from one cluster to another. Requests are parsed in transfer-usage.ts, and carried out
// in transfer.ts.

import type { ClientRoute } from '../../../../cluster/http/client-route.ts';
import { JSON_TYPE, LINES_TYPE } from '../../../../cluster/http/route-description.ts';
import { CURSOR, PREFIX, SCAN_ERRORS } from '../scan-routes.ts';

const COUNTS = {
  text: 'How many records were stored, skipped and refused, of how many lines.',
  types: [JSON_TYPE],
};

export const V1_TRANSFER_ROUTES = {
  export: {
    path: '/v1/export',
    methods: ['GET'],
    statuses: [200, 400, 503],
    text: 'The records of the keys that begin with `?prefix=`, whole, a line each.',
    task: 'many keys',
    examples: [{ target: '/v1/export?prefix=a', text: 'Records, to keep or to import.' }],
    parameters: [
      PREFIX,
      {
        name: 'since',
        text: 'Only what came or was deleted since: a version, or milliseconds since 1970.',
      },
      CURSOR,
    ],
    replies: {
      200: { text: 'A line for each record, and a cursor behind each page.', types: [LINES_TYPE] },
    },
    errors: SCAN_ERRORS,
  },
  import: {
    path: '/v1/import',
    methods: ['POST'],
    streamsBody: true,
    // However much there is: it is read line by line, and a line has its own limit.
    bodyBytesMax: Number.MAX_SAFE_INTEGER,
    statuses: [200, 400, 408, 503, 504, 507],
    text: 'Stores the records of the lines of the body, as an export has them.',
    task: 'many keys',
    parameters: [
      {
        name: 'as-new',
        text: '1: each record takes a version of now, whatever is there.',
        schema: { type: 'string', enum: ['0', '1'] },
      },
    ],
    body: {
      text: 'Lines as an export has them.',
      types: [LINES_TYPE],
      example: '{"key":"imported","value":"1","version":"0000000000000001"}',
    },
    replies: {
      200: COUNTS,
      503: COUNTS,
      504: COUNTS,
      507: COUNTS,
    },
    errors: [
      'bad-parameter',
      'bad-line',
      'slow-request',
      'not-ready',
      'overloaded',
      'partition-offline',
      'not-stored',
      'outcome-unknown',
      'storage-full',
    ],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
