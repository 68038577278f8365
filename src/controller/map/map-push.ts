// Sends every map to every node as soon as it is published. A node that misses one gets it with the reply to its next
// heartbeat.

import { type ClusterMap, NO_MAP } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { ControlCaller } from '../../cluster/peers/control-client.ts';
import { CONTROL } from '../../cluster/wire/control-table.ts';
import type { Observations } from '../observations/observations.ts';
import type { PublishedMap } from './published-map.ts';

/** @param map the one that was just published */
export function pushMap(
  client: ControlCaller,
  published: PublishedMap,
  map: ClusterMap,
  { observations, times }: { readonly observations: Observations; readonly times: Times },
): void {
  for (const [id, { address, incarnation: present }] of Object.entries(map.nodes)) {
    const node = id as NodeId;
    const incarnationId = { node, incarnation: present };
    const since = observations.adopted.of(incarnationId) ?? NO_MAP;
    const deltas = observations.heartbeats.of(incarnationId)?.deltas ?? false;
    // Send the news since the map that the node last reported. If a delta does not fit what it has, its next heartbeat
    // gets the right one.
    const message = published.newsFor({ since, deltas });
    const timeoutMs = times.controlCallMs;
    client.call(CONTROL.pushMap, address, message, { timeoutMs }, (reply) => {
      if (reply.kind !== 'message') return;
      const { incarnation } = reply.message;
      observations.acknowledged({ node, incarnation }, reply.message);
    });
  }
}
