// The routes of the API of keys. Requests are parsed in usage.ts and carried out in kv.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';

export const KV_ROUTES = {
  get: {
    path: '/get',
    methods: ['GET'],
    statuses: [200, 404, 501, 503],
    text: 'The value of `?key=`.',
  },
  set: {
    path: '/set',
    methods: ['GET', 'POST', 'PUT'],
    changesByGet: true,
    statuses: [200, 413, 501, 503, 504, 507],
    text: 'Stores `&value=`, or the body, under `?key=`, for `&ttl=` seconds if that is given.',
  },
  delete: {
    path: '/delete',
    methods: ['GET', 'POST', 'DELETE'],
    changesByGet: true,
    statuses: [200, 501, 503, 504, 507],
    text: 'Deletes `?key=`.',
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
