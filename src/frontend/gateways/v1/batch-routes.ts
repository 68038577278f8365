// The routes of batches: many keys in one request. How they are carried out is in batch.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';

/** A batch is read, done and answered piece by piece, so its length takes no memory. */
const BODY_BYTES_MAX = Number.MAX_SAFE_INTEGER;

export const V1_BATCH_ROUTES = {
  mget: {
    path: '/v1/mget',
    methods: ['POST'],
    streamsBody: true,
    bodyBytesMax: BODY_BYTES_MAX,
    statuses: [200, 400, 408, 413],
    text: 'The values of many keys, one a line of the body.',
  },
  mset: {
    path: '/v1/mset',
    methods: ['POST'],
    streamsBody: true,
    bodyBytesMax: BODY_BYTES_MAX,
    statuses: [200, 400, 408, 413],
    text: 'Stores many keys, one a line of the body with its value.',
  },
  mdelete: {
    path: '/v1/mdelete',
    methods: ['POST'],
    streamsBody: true,
    bodyBytesMax: BODY_BYTES_MAX,
    statuses: [200, 400, 408, 413],
    text: 'Deletes many keys, one a line of the body.',
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

export type BatchVerb = keyof typeof V1_BATCH_ROUTES;
