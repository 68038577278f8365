// What people can ask a storage node: its status, its figures, what it holds of a key. Nothing here is a
// way to read the cluster.

import { NO_MAP, printMapVersion } from '../cluster/cluster-map.ts';
import { type HttpReply, type HttpRequest, jsonReply, queryOf } from '../cluster/http.ts';
import type { NodeId } from '../cluster/identity.ts';
import type { Metrics } from '../cluster/metrics.ts';
import { partitionOf } from '../cluster/partition.ts';
import { parseQuery } from '../cluster/query.ts';
import { isTombstone, recordValue, recordVersion } from '../cluster/record.ts';
import { type Routes, refusalReply } from '../cluster/routes.ts';
import type { Runtime } from '../cluster/runtime.ts';
import { VERSION } from '../cluster/software.ts';
import { printVersion } from '../cluster/version.ts';
import type { AnswerCounters } from './counters.ts';
import type { PartitionStore } from './partition-store.ts';
import type { Replica } from './replica.ts';

export interface Inspected {
  readonly runtime: Runtime;
  readonly store: PartitionStore;
  readonly answers: AnswerCounters;
  node(): NodeId;
  links(): number;
  replica(): Replica | undefined;
}

export function inspect(routes: Routes, metrics: Metrics, node: Inspected): void {
  routes.add(['GET'], '/s/record', (request, reply) => reply(showRecord(request, node)));
  routes.add(['GET'], '/status', (_request, reply) => reply(jsonReply(200, status(node))));
  metrics.gauge('velourfog_items', 'Records held, tombstones included.', () => node.store.items());
  metrics.gauge('velourfog_payload_bytes', 'Bytes of the records held.', () =>
    node.store.payloadBytes(),
  );
  const { store } = node;
  metrics.gauge(
    'velourfog_memory_limit_bytes',
    'What --memory allows.',
    () => store.memory().limit,
  );
  metrics.gauge(
    'velourfog_memory_bytes',
    'Taken by segments, large records and indexes.',
    () => store.memory().used,
  );
  metrics.gauge('velourfog_index_bytes', 'Taken by indexes.', () => store.memory().index);
  metrics.gauge(
    'velourfog_segments',
    'Segments that hold something.',
    () => store.memory().segments,
  );
  metrics.gauge(
    'velourfog_moved_bytes',
    'Records moved since the start, so that a segment became free.',
    () => store.memory().moved,
  );
  metrics.gauge('velourfog_links', 'Open streams of operations.', () => node.links());
}

/** What this replica holds of a key, for people and tests. */
function showRecord(request: HttpRequest, { store, replica }: Inspected): HttpReply {
  const query = parseQuery(queryOf(request.target));
  const key = query.kind === 'query' ? query.parameters.get('key') : undefined;
  const { map, incarnation } = replica() ?? {};
  if (key === undefined) return refusalReply('missing-key', 'the request names no key');
  if (map === undefined) return refusalReply('not-ready', 'no cluster map adopted yet');
  const own = { 'x-fog-incarnation': String(incarnation) };
  const partition = partitionOf(key, map.digits);
  const record = store.get(partition, key);
  if (record === undefined) {
    const { headers, ...none } = refusalReply('unknown-path', 'this node has no such record');
    const floor = printVersion(store.floor(partition));
    return { ...none, headers: { ...headers, ...own, 'x-fog-floor': floor } };
  }
  return {
    status: 200,
    headers: {
      ...own,
      'x-fog-version': printVersion(recordVersion(record)),
      'x-fog-tombstone': String(isTombstone(record)),
    },
    body: Buffer.from(recordValue(record)),
  };
}

/** memcached's stat names and its texts for numbers, as the seed's small-file service shows them. */
function status(node: Inspected): Readonly<Record<string, string>> {
  const { runtime, store, answers } = node;
  const replica = node.replica();
  const usage = runtime.host.usage();
  const stats = {
    pid: usage.pid,
    uptime: Math.floor(usage.uptimeSeconds),
    time: Math.floor(runtime.clock.wallMs() / 1000),
    version: VERSION,
    rusage_user: usage.userCpuSeconds.toFixed(6),
    rusage_system: usage.systemCpuSeconds.toFixed(6),
    rusage_maxrss: Math.floor(usage.residentBytes / 1024),
    curr_connections: node.links(),
    cmd_get: answers.total('get'),
    cmd_set: answers.total('set'),
    get_hits: answers.of('get', 'found'),
    get_misses: answers.of('get', 'absent'),
    curr_items: store.items(),
    bytes: store.payloadBytes(),
    limit_maxbytes: store.memory().limit,
    node: node.node(),
    incarnation: replica?.incarnation ?? 0,
    lease_ms: Math.floor(replica?.lease.remainingMs() ?? 0),
    map: printMapVersion(replica?.mapVersion ?? NO_MAP),
  };
  return Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, String(value)]));
}
