// Detects that the storage nodes no longer follow this controller. A node with a newer map shows that the controller's
// state is an old copy. A node that has promised itself to a later recovery ignores this controller's maps and lease
// grants (H32). Whose recovery that is, and whether it will ever publish a map, this controller cannot know.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { askedFor, type ClusterMap, compareGenerations } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import { refuseStaleLineage } from '../map/startup-guard.ts';

/** In suspicion times: within this, a live recovery that finds its nodes has published a newer map than ours. */
const PATIENCE = 3;

/** Since when a node has reported the promise, and when it last did, by the controller's monotonic clock. */
interface Overruled {
  readonly sinceMs: number;
  readonly heardMs: number;
}

export class Followers {
  readonly #patienceMs: number;
  readonly #overruled = new Map<NodeId, Overruled>();

  constructor({ suspicionMs }: Pick<Times, 'suspicionMs'>) {
    this.#patienceMs = PATIENCE * suspicionMs;
  }

  /**
   * Ends this controller when it has been overruled for too long: its next start recovers above the promise.
   * Otherwise a recovery that died before it published anything would leave a cluster without leases, and a
   * controller that notices nothing.
   * @param own the map that this controller published last
   * @param heartbeat of a node that the map names
   * @throws FatalError when the node has a newer map, or has reported the promise for too long
   */
  heard(own: ClusterMap, heartbeat: HeartbeatRequest, nowMs: number): void {
    const { node, mapVersion, obeyedVersion, promised } = heartbeat;
    refuseStaleLineage(own, node, obeyedVersion ?? mapVersion);
    if (promised === undefined || compareGenerations(promised, askedFor(own)) <= 0) {
      this.#overruled.delete(node);
      return;
    }
    const before = this.#overruled.get(node);
    // Begin anew after a gap: the last report may be from long ago, and a recovery may have published in between.
    const isStill = before !== undefined && nowMs - before.heardMs < this.#patienceMs;
    const sinceMs = isStill ? before.sinceMs : nowMs;
    this.#overruled.set(node, { sinceMs, heardMs: nowMs });
    if (nowMs - sinceMs < this.#patienceMs) return;
    throw new FatalError(
      EXIT.failure,
      `node ${node} has promised itself to the recovery of another controller, of generation ${promised.generation}, and follows this one no more: should that one run, stop one of the two; this one goes above it when it is started again`,
    );
  }
}
