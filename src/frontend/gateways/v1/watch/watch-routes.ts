// The route that follows changes. Its requests are parsed in watch-usage.ts, and carried out in watch.ts.

import type { ClientRoute } from '../../../../cluster/http/client-route.ts';
import { PREFIX } from '../scan-routes.ts';
import { FOR_SECONDS_MAX } from './watch-usage.ts';

export const EVENTS_TYPE = 'text/event-stream';

export const V1_WATCH_ROUTES = {
  watch: {
    path: '/v1/watch',
    methods: ['GET'],
    statuses: [200, 400, 503],
    text: 'Tells what changes, as server-sent events.',
    task: 'many keys',
    examples: [
      { flags: '-N', target: '/v1/watch?prefix=a&for=1', text: 'What changes in the next second.' },
    ],
    parameters: [
      PREFIX,
      {
        name: 'since',
        text: 'Where to go on: the id of the last event of an earlier watch; Last-Event-ID goes before it.',
      },
      {
        name: 'values',
        text: '1: with the values.',
        schema: { type: 'string', enum: ['0', '1'] },
      },
      {
        name: 'for',
        text: 'How many seconds the watch lasts; without it as long as the client stays.',
        schema: { type: 'integer', minimum: 1, maximum: FOR_SECONDS_MAX },
        example: '1',
      },
      { name: 'Last-Event-ID', in: 'header', text: 'What a browser sends when it comes back.' },
    ],
    replies: {
      200: {
        text: 'Events `set`, `delete`, and `missed` where changes may be missing.',
        types: [EVENTS_TYPE],
      },
    },
    errors: ['bad-parameter', 'bad-cursor', 'not-ready', 'overloaded', 'unanswered'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;
