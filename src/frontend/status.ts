// GET /status of a frontend: one object per storage node, keyed by its address, with memcached's names of statistics,
// which tools for memcached know; and `warnings` while a warning check fails. The figures come from the nodes. With
// `?form=full` it has the form that the small file storage service (FILES.md, 4) wanted to have, with this process beside
// the nodes.

import type { ClientRoute } from '../cluster/http/client-route.ts';
import { errorReply } from '../cluster/http/errors.ts';
import { jsonReply, queryOf, type WholeReply } from '../cluster/http/http.ts';
import { JSON_TYPE } from '../cluster/http/route-description.ts';
import type { Routes } from '../cluster/http/routes.ts';
import type { ClusterClock } from '../cluster/model/cluster-clock.ts';
import { NO_MAP, printMapVersion } from '../cluster/model/cluster-map.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { readReply } from '../cluster/peers/calls.ts';
import type { Runtime } from '../cluster/ports.ts';
import { VERSION } from '../cluster/software.ts';
import { parsePairs } from '../cluster/wire/query.ts';
import { dictionary, text } from '../cluster/wire/shapes.ts';
import type { Router } from '../coordinator/router.ts';

export const STATUS_ROUTES = {
  status: {
    path: '/status',
    methods: ['GET'],
    statuses: [200, 503, 504],
    text: 'The storage nodes, each with the figures of its own `/status`; and `warnings`. `?form=full` has this process too.',
    task: 'cluster',
    examples: [{ target: '/status', text: 'All storage nodes, with their figures.' }],
    parameters: [
      {
        name: 'form',
        text: 'With `full` the nodes are in `storages`, and `webserver` has the figures of this process.',
        schema: { type: 'string', enum: ['full'] },
      },
    ],
    replies: { 200: { text: 'An object for each, by its address.', types: [JSON_TYPE] } },
    errors: ['not-ready', 'no-storage'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

const figures = dictionary(text({ min: 0, max: 1000 }), { max: 200 });

type Figures = Readonly<Record<string, string>>;

export interface StatusParts {
  readonly runtime: Runtime;
  readonly router: Router;
  readonly times: Times;
  readonly clock: ClusterClock;
  /** How many requests this process has taken. */
  requests(): number;
}

export function addStatusRoute(routes: Routes, parts: StatusParts): void {
  routes.add(STATUS_ROUTES.status, (request, reply) => {
    const { map } = parts.router;
    const isFull = wantsFull(request.target);
    if (map === undefined) {
      return reply(errorReply(isFull ? 'no-storage' : 'not-ready', 'no cluster map yet'));
    }
    const addresses = Object.values(map.nodes).map((entry) => entry.address);
    askAll(parts, addresses, (told) =>
      reply(isFull ? fullReply(told, parts) : plainReply(told, routes)),
    );
  });
}

type ToldFigures = { readonly figures: Figures } | { readonly silent: string };
/** By address what each node says of itself, or why it says nothing. */
type FiguresOfNodes = ReadonlyMap<Address, ToldFigures>;

function askAll(
  { runtime, times }: StatusParts,
  addresses: readonly Address[],
  callback: (told: FiguresOfNodes) => void,
): void {
  const told = new Map<Address, ToldFigures>();
  // In the order of the map, whoever answers first.
  for (const address of addresses) told.set(address, { silent: '' });
  let open = addresses.length;
  if (open === 0) return callback(told);
  for (const address of addresses) {
    runtime.network.call(
      { address, method: 'GET', path: '/status', timeoutMs: times.controlCallMs },
      (outcome) => {
        const answer = readReply(figures, outcome);
        told.set(
          address,
          answer.kind === 'message' ? { figures: answer.message } : { silent: answer.detail },
        );
        open--;
        if (open === 0) callback(told);
      },
    );
  }
}

function plainReply(told: FiguresOfNodes, routes: Routes): WholeReply {
  const status: Record<string, Figures> = {};
  for (const [address, node] of told) {
    status[address] = 'figures' in node ? node.figures : { error: node.silent };
  }
  const warnings = routes
    .warnings()
    .flatMap(({ name, problem }) => (problem === undefined ? [] : [[name, problem] as const]));
  if (warnings.length > 0) status.warnings = Object.fromEntries(warnings);
  return jsonReply(200, status);
}

function fullReply(told: FiguresOfNodes, parts: StatusParts): WholeReply {
  const nodes = [...told].map(
    ([address, node]) => [address, 'figures' in node ? node.figures : NOTHING] as const,
  );
  if (nodes.every(([, known]) => known === NOTHING)) {
    return errorReply('no-storage', 'no storage node answers');
  }
  const status = { storages: Object.fromEntries(nodes), webserver: ownFigures(parts) };
  return jsonReply(200, status);
}

const NOTHING: Figures = {};

/** Under the names that a storage node has for its own. */
function ownFigures({ runtime, router, clock, requests }: StatusParts): Figures {
  const usage = runtime.host.usage();
  const stats = {
    pid: usage.pid,
    uptime: Math.floor(usage.uptimeSeconds),
    time: Math.floor(clock.wallMs() / 1000),
    version: VERSION,
    rusage_user: usage.userCpuSeconds.toFixed(6),
    rusage_system: usage.systemCpuSeconds.toFixed(6),
    rusage_maxrss: Math.floor(usage.residentBytes / 1024),
    cmd_total: requests(),
    map: printMapVersion(router.map?.version ?? NO_MAP),
  };
  return Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, String(value)]));
}

function wantsFull(target: string): boolean {
  const pairs = parsePairs(queryOf(target)) ?? [];
  return pairs.some(([name, value]) => name === 'form' && value === 'full');
}
