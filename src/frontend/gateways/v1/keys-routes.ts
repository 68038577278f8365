// The routes of /v1/keys. Requests are parsed in key-usage.ts and carried out in keys.ts.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';

const PATH = '/v1/keys/{key...}';

export const V1_KEYS_ROUTES = {
  get: {
    path: PATH,
    methods: ['GET'],
    statuses: [200, 304, 400, 404, 412, 503],
    text: 'The value of the key, with its content type and `ETag`.',
  },
  put: {
    path: PATH,
    methods: ['PUT'],
    statuses: [201, 204, 400, 412, 413, 503, 504, 507],
    text: 'Stores the body with its content type, for `?ttl=` seconds if that is given.',
  },
  delete: {
    path: PATH,
    methods: ['DELETE'],
    statuses: [204, 400, 404, 412, 503, 504, 507],
    text: 'Deletes the key.',
  },
  incr: {
    path: `${PATH}/incr`,
    methods: ['POST'],
    statuses: [200, 400, 409, 412, 503, 504, 507],
    text: 'Adds `?by=` to the number that is the value, and answers the sum.',
  },
  append: {
    path: `${PATH}/append`,
    methods: ['POST'],
    statuses: [200, 400, 412, 413, 503, 504, 507],
    text: 'Adds the body behind the value, and answers the whole.',
  },
  getset: {
    path: `${PATH}/getset`,
    methods: ['POST'],
    statuses: [200, 204, 400, 412, 413, 503, 504, 507],
    text: 'Stores the body as a PUT does, and answers the value of before.',
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

export type KeyVerb = keyof typeof V1_KEYS_ROUTES;
