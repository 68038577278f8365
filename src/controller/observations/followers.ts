// Whether the storage nodes still follow this controller. Where one has a newer map its state is an old copy; where they
// have promised themselves to a later recovery they follow its maps no more, and its grants are none (H32). Whose that
// recovery is, and whether it will ever publish anything, this one cannot know.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { askedFor, type ClusterMap, compareGenerations } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import { refuseStaleLineage } from '../map/startup-guard.ts';

/** Times the suspicion time: a recovery that lives and finds its nodes has published a newer map than ours by then. */
const PATIENCE = 3;

/** What a node says, by the controller's monotonic clock. */
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
   * Who has been overruled for so long ends: its next life recovers above the promise. Else a recovery that came to its
   * end before it published anything left a cluster without leases behind, and a controller that noticed nothing.
   * @param own the map that this controller published last
   * @param heartbeat of a node that the map names
   * @throws FatalError
   */
  heard(own: ClusterMap, heartbeat: HeartbeatRequest, nowMs: number): void {
    const { node, mapVersion, obeyedVersion, promised } = heartbeat;
    refuseStaleLineage(own, node, obeyedVersion ?? mapVersion);
    if (promised === undefined || compareGenerations(promised, askedFor(own)) <= 0) {
      this.#overruled.delete(node);
      return;
    }
    const before = this.#overruled.get(node);
    // What it said last may be of long ago, and a recovery has published since.
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
