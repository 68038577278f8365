// GET /status of a frontend: one object per storage node, keyed by its address, with memcached's names of statistics,
// which tools for memcached know; and `warnings` while a warning check fails. The figures come from the nodes.

import type { ClientRoute } from '../cluster/http/client-route.ts';
import { errorReply } from '../cluster/http/errors.ts';
import { jsonReply } from '../cluster/http/http.ts';
import { JSON_TYPE } from '../cluster/http/route-description.ts';
import type { Routes } from '../cluster/http/routes.ts';
import type { Times } from '../cluster/model/limits.ts';
import { readReply } from '../cluster/peers/calls.ts';
import type { Runtime } from '../cluster/ports.ts';
import { dictionary, text } from '../cluster/wire/shapes.ts';
import type { Router } from '../coordinator/router.ts';

export const STATUS_ROUTES = {
  status: {
    path: '/status',
    methods: ['GET'],
    statuses: [200, 503],
    text: 'The storage nodes, each with the figures of its own `/status`; and `warnings`.',
    task: 'cluster',
    examples: [{ target: '/status', text: 'All storage nodes, with their figures.' }],
    replies: { 200: { text: 'An object for each, by its address.', types: [JSON_TYPE] } },
    errors: ['not-ready'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

const stats = dictionary(text({ min: 0, max: 1000 }), { max: 200 });

export function addStatusRoute(
  routes: Routes,
  runtime: Runtime,
  router: Router,
  times: Times,
): void {
  routes.add(STATUS_ROUTES.status, (_request, reply) => {
    const { map } = router;
    if (map === undefined) return reply(errorReply('not-ready', 'no cluster map yet'));
    const addresses = Object.values(map.nodes).map((entry) => entry.address);
    const status: Record<string, Readonly<Record<string, string>>> = {};
    let open = addresses.length;
    const answer = () => {
      const warnings = routes
        .warnings()
        .flatMap(({ name, problem }) => (problem === undefined ? [] : [[name, problem] as const]));
      if (warnings.length > 0) status.warnings = Object.fromEntries(warnings);
      reply(jsonReply(200, status));
    };
    for (const address of addresses) {
      status[address] = {};
      runtime.network.call(
        { address, method: 'GET', path: '/status', timeoutMs: times.controlCallMs },
        (outcome) => {
          const told = readReply(stats, outcome);
          status[address] = told.kind === 'message' ? told.message : { error: told.detail };
          open--;
          if (open === 0) answer();
        },
      );
    }
    if (open === 0) answer();
  });
}
