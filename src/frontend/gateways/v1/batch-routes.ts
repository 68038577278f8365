// The routes of batches: many keys in one request. How they are carried out is in batch.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';
import { LINES_TYPE } from '../../../cluster/http/route-description.ts';
import { TIMING } from '../timing.ts';

/** A batch of this content type is in the binary form; any other one is lines. */
export const BINARY_CONTENT_TYPE = 'application/vnd.velour.batch';

const BATCH = {
  methods: ['POST'],
  streamsBody: true,
  // A batch is read, done and answered piece by piece, so its length takes no memory.
  bodyBytesMax: Number.MAX_SAFE_INTEGER,
  statuses: [200, 400, 408, 413],
  task: 'many keys',
  parameters: [TIMING],
  replies: {
    200: {
      text: 'An answer for each key, in the order asked, each with a status of its own.',
      types: [LINES_TYPE, BINARY_CONTENT_TYPE],
    },
  },
  errors: ['bad-item', 'bad-parameter', 'truncated-request', 'slow-request', 'value-too-large'],
} as const;

const KEYS = {
  text: 'A line `{"key":K}` for each key.',
  types: [LINES_TYPE, BINARY_CONTENT_TYPE],
  example: '{"key":"a"}',
};

export const V1_BATCH_ROUTES = {
  mset: {
    path: '/v1/mset',
    ...BATCH,
    text: 'Stores many keys, one a line of the body with its value.',
    examples: [
      { flags: `-d '{"key":"a","value":"1"}'`, target: '/v1/mset', text: 'A line for each key.' },
    ],
    body: {
      text: 'A line `{"key":K,"value":V}` for each key; with `ttl`, `ifMatch` or `ifNoneMatch` where wanted.',
      types: [LINES_TYPE, BINARY_CONTENT_TYPE],
      example: '{"key":"a","value":"1"}',
    },
  },
  mget: {
    path: '/v1/mget',
    ...BATCH,
    text: 'The values of many keys, one a line of the body.',
    examples: [{ flags: `-d '{"key":"a"}'`, target: '/v1/mget', text: 'A line for each key.' }],
    body: {
      ...KEYS,
      text: 'A line `{"key":K}` for each key; with `minVersion` where wanted.',
    },
  },
  mdelete: {
    path: '/v1/mdelete',
    ...BATCH,
    text: 'Deletes many keys, one a line of the body.',
    body: KEYS,
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

export type BatchVerb = keyof typeof V1_BATCH_ROUTES;
