// The controller's view of the cluster for people: `/status`, and its metrics. What operators may change is in
// admin.ts.

import type { ClientRoute } from '../../cluster/http/client-route.ts';
import { jsonReply } from '../../cluster/http/http.ts';
import type { Metrics } from '../../cluster/http/metrics.ts';
import { JSON_TYPE } from '../../cluster/http/route-description.ts';
import type { Routes } from '../../cluster/http/routes.ts';
import { addTimeMetrics } from '../../cluster/model/cluster-clock.ts';
import {
  type ClusterMap,
  type IncarnationId,
  type MemberRole,
  type NodeEntry,
  offlinePartitions,
  printMapVersion,
  type WhenFull,
  whenFullOf,
} from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { Runtime } from '../../cluster/ports.ts';
import { VERSION } from '../../cluster/software.ts';
import { spentShare } from '../decisions/epochs.ts';
import type { Observations } from '../observations/observations.ts';
import { describeFrozen } from './frozen.ts';
import { offlineStatus } from './offline.ts';

export const CONTROLLER_ROUTES = {
  status: {
    path: '/status',
    methods: ['GET'],
    statuses: [200],
    text: 'The cluster as its controller sees it: map, storage nodes, file servers, frontends, what is offline and what it waits for.',
    task: 'cluster',
    examples: [{ target: '/status', text: 'The cluster: its map, nodes and frontends.' }],
    replies: { 200: { text: 'The cluster.', types: [JSON_TYPE] } },
    errors: [],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

export interface InspectedController {
  readonly runtime: Runtime;
  readonly redundancy: number;
  readonly timeScale: number;
  /** From the command line; shown only while there is no map, whose value counts otherwise. */
  readonly whenFull: WhenFull | undefined;
  readonly observations: Observations;
  map(): ClusterMap | undefined;
  waitingFor(): string | undefined;
  /** Why no map can be stored, and so none be published; undefined when one can. */
  stateProblem(): string | undefined;
  /** The partitions that wait for a promise, by the node that has to give it; undefined without a recovery. */
  frozenFor(map: ClusterMap): ReadonlyMap<NodeId, readonly PartitionId[]> | undefined;
  candidates(): ReadonlyMap<NodeId, NodeEntry>;
  /** The addresses of frontends that polled for a map lately. */
  frontends(): readonly string[];
}

export function inspect(routes: Routes, metrics: Metrics, controller: InspectedController): void {
  routes.add(CONTROLLER_ROUTES.status, (_request, reply) =>
    reply(jsonReply(200, status(controller))),
  );
  const map = () => controller.map();
  addTimeMetrics(metrics, controller.observations.clocks.time, controller.timeScale);
  metrics.gauge(
    'velourfog_storage_nodes',
    'Storage nodes in the map.',
    () => Object.keys(map()?.nodes ?? {}).length,
  );
  metrics.gauge(
    'velourfog_file_servers',
    'File servers in the map, up or not.',
    () => Object.keys(map()?.fileServers ?? {}).length,
  );
  metrics.gauge(
    'velourfog_frontends',
    'Frontends that polled lately.',
    () => controller.frontends().length,
  );
  metrics.gauge(
    'velourfog_offline_partitions',
    'Partitions that nobody may answer gets for.',
    () => {
      const current = map();
      return current === undefined ? 0 : offlinePartitions(current);
    },
  );
  metrics.gauge(
    'velourfog_unwritable_storage_nodes',
    'Storage nodes that say that they cannot write to their disks.',
    () => {
      const { heartbeats } = controller.observations;
      const nodes = Object.entries(map()?.nodes ?? {});
      return nodes.filter(
        ([id, entry]) => heartbeats.of(incarnationIdOf(id, entry))?.writable === false,
      ).length;
    },
  );
  metrics.gauge(
    'velourfog_full_storage_nodes',
    'Storage nodes that had no memory for a copy lately: none is placed on them.',
    () => {
      const view = controller.observations.at(controller.runtime.clock.monotonicMs());
      const nodes = Object.entries(map()?.nodes ?? {});
      return nodes.filter(([id, entry]) => view.lacksMemory(incarnationIdOf(id, entry))).length;
    },
  );
  metrics.gauge('velourfog_state_writable', '0 while the last map could not be stored.', () =>
    controller.stateProblem() === undefined ? 1 : 0,
  );
  metrics.gauge(
    'velourfog_epochs_spent_ratio',
    'How much of all epochs the partition has spent that spent most.',
    () => {
      const current = map();
      return current === undefined ? 0 : spentShare(current);
    },
  );
  metrics.gauge(
    'velourfog_map_number',
    'Number of the map within its generation.',
    () => map()?.version.number ?? 0,
  );
}

function status(controller: InspectedController): unknown {
  const { runtime, observations, redundancy, whenFull } = controller;
  const map = controller.map();
  const now = runtime.clock.monotonicMs();
  const frozen = map === undefined ? undefined : controller.frozenFor(map);
  const clockAheadMs = (incarnationId: IncarnationId) => {
    const aheadMs = observations.clocks.aheadMs(incarnationId);
    return aheadMs === undefined ? undefined : Math.round(aheadMs);
  };
  const endOf = (incarnationId: IncarnationId) => {
    const death = observations.detector.death(incarnationId);
    if (death === undefined) return undefined;
    return now < death.returnsUntilMs ? 'returning' : 'gone';
  };
  const nodes = map?.nodes ?? Object.fromEntries(controller.candidates());
  return {
    version: VERSION,
    timeScale: controller.timeScale,
    timeMs: Math.round(observations.clocks.time.wallMs()),
    ready: map !== undefined,
    waitingFor: controller.waitingFor(),
    cluster: map?.cluster,
    map: map === undefined ? undefined : printMapVersion(map.version),
    partitions: map?.partitions.length,
    redundancy: map?.redundancy ?? redundancy,
    whenFull: map === undefined ? whenFull : whenFullOf(map),
    offlinePartitions: map === undefined ? undefined : offlinePartitions(map),
    offline: map === undefined ? undefined : offlineStatus(map),
    stateProblem: controller.stateProblem(),
    frozen:
      frozen === undefined || frozen.size === 0
        ? undefined
        : {
            waitingFor: Object.fromEntries(frozen),
            help: describeFrozen(frozen),
          },
    storage: Object.fromEntries(
      Object.entries(nodes).map(([id, entry]) => [
        id,
        {
          address: entry.address,
          incarnation: entry.incarnation,
          fenced: entry.fenced,
          draining: entry.draining,
          partitions: map === undefined ? undefined : countRoles(map, id as NodeId),
          clockAheadMs: clockAheadMs(incarnationIdOf(id, entry)),
          ended: endOf(incarnationIdOf(id, entry)),
          diskProblem: observations.heartbeats.of(incarnationIdOf(id, entry))?.diskProblem,
          lacksMemory: observations.at(now).lacksMemory(incarnationIdOf(id, entry)),
          heardMsAgo: Math.round(now - (observations.detector.heardMs(id as NodeId) ?? Number.NaN)),
        },
      ]),
    ),
    fileServers: map === undefined ? undefined : (map.fileServers ?? {}),
    frontends: controller.frontends(),
  };
}

function incarnationIdOf(id: string, { incarnation }: NodeEntry): IncarnationId {
  return { node: id as NodeId, incarnation };
}

function countRoles(map: ClusterMap, id: NodeId): Readonly<Record<MemberRole, number>> {
  const counts = { serving: 0, joining: 0, leaving: 0 };
  for (const { members } of map.partitions) {
    for (const { node, role } of members) if (node === id) counts[role]++;
  }
  return counts;
}
