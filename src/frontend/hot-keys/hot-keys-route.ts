// GET /v1/hotkeys of a frontend, and the metric of the hottest key's share. Keys are percent-encoded, as in a query
// string; they never become labels of metrics. The counting is in hot-keys.ts.

import type { ClientRoute } from '../../cluster/http/client-route.ts';
import { errorReply } from '../../cluster/http/errors.ts';
import {
  type HttpReply,
  type HttpRequest,
  hostHeader,
  jsonReply,
  queryOf,
} from '../../cluster/http/http.ts';
import type { Metrics } from '../../cluster/http/metrics.ts';
import { JSON_TYPE } from '../../cluster/http/route-description.ts';
import type { Routes } from '../../cluster/http/routes.ts';
import type { WorkerGroup } from '../../cluster/http/worker-group.ts';
import { encodeBytes, parseQuery } from '../../cluster/wire/query.ts';
import {
  HALF_LIFE_SECONDS,
  type Heat,
  type HotKeys,
  heatTogether,
  hottestShare,
} from './hot-keys.ts';

const LIMIT_DEFAULT = 10;
const LIMIT_MAX = 100;

export const HOT_KEYS_ROUTES = {
  hotKeys: {
    path: '/v1/hotkeys',
    methods: ['GET'],
    statuses: [200, 501],
    text: 'The keys that are asked for most, `?limit=` of them.',
    task: 'cluster',
    examples: [{ target: '/v1/hotkeys', text: 'The keys that are asked for most here.' }],
    parameters: [
      {
        name: 'limit',
        text: 'The most keys of gets, and of sets, that are listed.',
        schema: { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT },
      },
    ],
    replies: { 200: { text: '`gets` and `sets`, the hottest keys first.', types: [JSON_TYPE] } },
    errors: ['bad-query'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

interface Heats {
  readonly gets: Heat;
  readonly sets: Heat;
}

export function addHotKeys(
  routes: Routes,
  metrics: Metrics,
  hotKeys: HotKeys,
  workerGroup: WorkerGroup | undefined,
): void {
  const heats = (): Heats => ({ gets: hotKeys.heat('get'), sets: hotKeys.heat('set') });
  workerGroup?.answer('hot-keys', heats);
  routes.add(HOT_KEYS_ROUTES.hotKeys, (request, reply) => {
    const limit = limitOf(request);
    if (typeof limit !== 'number') {
      const instead = `curl 'http://${hostHeader(request)}/v1/hotkeys?limit=${LIMIT_DEFAULT}'`;
      return reply(errorReply('bad-query', limit.wrong, { instead }));
    }
    if (workerGroup === undefined) return reply(heatsReply([heats()], limit));
    return workerGroup.gather('hot-keys', (told) => {
      const those = told.flatMap(({ answer }) => (answer === undefined ? [] : [answer as Heats]));
      reply(heatsReply(those, limit));
    });
  });
  for (const op of ['get', 'set'] as const) {
    metrics.gauge(
      'velourfog_hottest_key_share',
      'The share of all gets, or sets, that one key has at least; 0 to 1.',
      () => hottestShare(hotKeys.heat(op)),
      { op },
    );
  }
}

function limitOf(request: HttpRequest): number | { readonly wrong: string } {
  const query = parseQuery(queryOf(request.target));
  if (query.kind === 'malformed') return { wrong: query.reason };
  for (const name of query.parameters.keys()) {
    if (name !== 'limit') return { wrong: '/v1/hotkeys takes limit, nothing else' };
  }
  const text = query.parameters.get('limit')?.toString('latin1') ?? String(LIMIT_DEFAULT);
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIMIT_MAX) return limit;
  return { wrong: `limit is not a whole number from 1 to ${LIMIT_MAX}` };
}

function heatsReply(heats: readonly Heats[], limit: number): HttpReply {
  return jsonReply(200, {
    halfLifeSeconds: HALF_LIFE_SECONDS,
    gets: shown(heatTogether(heats.map(({ gets }) => gets)), limit),
    sets: shown(heatTogether(heats.map(({ sets }) => sets)), limit),
  });
}

/** The figures of the reply, the hottest keys first. */
function shown({ operations, bytes, keys }: Heat, limit: number) {
  const hottest = [...keys].sort((a, b) => b.operations - a.operations).slice(0, limit);
  return {
    perSecond: rounded(operations),
    bytesPerSecond: rounded(bytes),
    keys: hottest.map((hot) => ({
      key: encodeBytes(hot.key),
      perSecond: rounded(hot.operations),
      errorPerSecond: rounded(hot.error),
      share: rounded(hot.operations / operations),
      bytesPerSecond: rounded(hot.bytes),
    })),
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
