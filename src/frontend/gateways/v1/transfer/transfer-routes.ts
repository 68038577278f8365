// The routes that carry records from one cluster to another. Requests are parsed in transfer-usage.ts, and carried out
// in transfer.ts.

import type { ClientRoute } from '../../../../cluster/http/client-route.ts';

export const V1_TRANSFER_ROUTES = {
  export: {
    path: '/v1/export',
    methods: ['GET'],
    statuses: [200, 400, 503],
    text: 'The records of the keys that begin with `?prefix=`, whole, a line each.',
  },
  import: {
    path: '/v1/import',
    methods: ['POST'],
    streamsBody: true,
    // However much there is: it is read line by line, and a line has its own limit.
    bodyBytesMax: Number.MAX_SAFE_INTEGER,
    statuses: [200, 400, 408, 503, 504, 507],
    text: 'Stores the records of the lines of the body, as an export has them.',
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
