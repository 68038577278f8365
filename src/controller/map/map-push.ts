// Every map goes to every node as soon as it is published. Whoever misses it gets it with its next heartbeat.

import { type ClusterMap, NO_MAP } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import { readReply } from '../../cluster/peers/calls.ts';
import type { Runtime } from '../../cluster/ports.ts';
import { mapPushReply, PATHS } from '../../cluster/wire/control-messages.ts';
import type { Knowledge } from '../observations/observations.ts';
import type { PublishedMap } from './published-map.ts';

/** @param map that was published just now */
export function pushMap(
  runtime: Runtime,
  published: PublishedMap,
  map: ClusterMap,
  { knowledge, times }: { readonly knowledge: Knowledge; readonly times: Times },
): void {
  for (const [id, { address, incarnation: present }] of Object.entries(map.nodes)) {
    const node = id as NodeId;
    const life = { node, incarnation: present };
    const since = knowledge.adopted.of(life) ?? NO_MAP;
    const deltas = knowledge.heartbeats.of(life)?.deltas ?? false;
    runtime.network.call(
      {
        address,
        method: 'POST',
        path: PATHS.storageMap,
        // As far as this controller knows what it has; what it cannot use its next heartbeat mends.
        message: published.newsFor({ since, deltas }),
        timeoutMs: times.controlCallMs,
      },
      (outcome) => {
        const reply = readReply(mapPushReply, outcome);
        if (reply.kind !== 'message') return;
        const { incarnation } = reply.message;
        knowledge.acknowledged({ node, incarnation }, reply.message);
      },
    );
  }
}
