// The routes that every role has. Their handlers are in routes.ts.

import type { ClientRoute } from './client-route.ts';
import { JSON_TYPE, type RouteParameter, TEXT_TYPE } from './route-description.ts';

/** The values of a flag in the query of a health path. */
export const ON = ['', '1', 'true', 'yes', 'on'];
export const OFF = ['0', 'false', 'no', 'off'];

const FLAG = { type: 'string', enum: [...ON, ...OFF] } as const;
const HEALTH_PARAMETERS: readonly RouteParameter[] = [
  { name: 'verbose', text: 'List the checks, also when all is well.', schema: FLAG },
  { name: 'complete', text: 'Let warnings fail the reply as well.', schema: FLAG },
  {
    name: 'exclude',
    text: 'Leave out the check of this name; as often as needed.',
    schema: { type: 'array', items: { type: 'string' } },
  },
];

const READY = {
  methods: ['GET'],
  statuses: [200, 400, 503],
  text: 'Whether the process can do its work; `?verbose`, `complete` and `exclude` say of what.',
  task: 'process',
  parameters: HEALTH_PARAMETERS,
  replies: {
    200: { text: 'It can: `ok`, and with `verbose` a line for each check.', types: [TEXT_TYPE] },
    503: {
      text: 'It cannot: a line for each check.',
      types: [TEXT_TYPE],
      headers: { 'Retry-After': 'Seconds after which to ask again.' },
    },
  },
  errors: ['bad-parameter'],
} as const;

export const COMMON_ROUTES = {
  livez: {
    path: '/livez',
    methods: ['GET'],
    statuses: [200, 400],
    text: 'Whether the process runs.',
    task: 'process',
    examples: [{ target: '/livez' }],
    parameters: HEALTH_PARAMETERS.slice(0, 2),
    replies: { 200: { text: 'It does: `ok`.', types: [TEXT_TYPE] } },
    errors: ['bad-parameter'],
  },
  readyz: {
    path: '/readyz',
    ...READY,
    examples: [
      { target: '/readyz?verbose', text: 'Whether it can do its work, and what is missing.' },
    ],
  },
  healthz: { path: '/healthz', ...READY, examples: [{ target: '/healthz', text: 'The same.' }] },
  metrics: {
    path: '/metrics',
    methods: ['GET'],
    statuses: [200],
    text: 'Its figures, as Prometheus reads them.',
    task: 'process',
    examples: [{ target: '/metrics' }],
    replies: { 200: { text: "Prometheus' text format 0.0.4.", types: [TEXT_TYPE] } },
    errors: [],
  },
  root: {
    path: '/',
    methods: ['GET'],
    statuses: [200],
    text: 'What this process is and which paths it has, as lines for curl, or as a page for browsers.',
    task: 'help',
    examples: [{ target: '/', text: 'This list, or a page of it for browsers.' }],
    parameters: [
      {
        name: 'Accept',
        in: 'header',
        text: 'Who prefers text/html to text/plain gets a page.',
      },
    ],
    replies: { 200: { text: 'A line for each path.', types: [TEXT_TYPE, 'text/html'] } },
    errors: [],
  },
  openapi: {
    path: '/openapi.json',
    methods: ['GET'],
    statuses: [200],
    text: 'Its paths for programs, as OpenAPI 3.1.',
    task: 'help',
    examples: [{ target: '/openapi.json' }],
    replies: { 200: { text: 'An OpenAPI document.', types: [JSON_TYPE] } },
    errors: [],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
