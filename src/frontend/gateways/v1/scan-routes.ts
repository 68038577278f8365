// The routes that concern many keys at once. Requests are parsed in scan-usage.ts, and carried out in scan.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';

export const V1_SCAN_ROUTES = {
  scan: {
    path: '/v1/scan',
    methods: ['GET'],
    statuses: [200, 400, 503],
    text: 'Lists the keys that begin with `?prefix=`, a line each.',
  },
  deleteByPrefix: {
    path: '/v1/scan',
    methods: ['DELETE'],
    statuses: [200, 400, 503, 504, 507],
    text: 'Deletes the keys that begin with `?prefix=`.',
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
