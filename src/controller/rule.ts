// Whether the storage nodes still follow this controller. Where one has a newer map its state is an old copy; where they
// have promised themselves to a later recovery they follow its maps no more, and its grants are none (H32). Whose that
// recovery is, and whether it will ever publish anything, this one cannot know.

import {
  askedFor,
  type ClusterMap,
  compareGenerations,
  type Generation,
} from '../cluster/cluster-map.ts';
import { EXIT, FatalError } from '../cluster/errors.ts';
import type { Times } from '../cluster/limits.ts';
import type { HeartbeatRequest } from '../cluster/messages.ts';
import { refuseYesterday } from './opening.ts';

/** Times the suspicion time: a recovery that lives and finds its nodes has published a newer map than ours by then. */
const PATIENCE = 3;

/** By the controller's monotonic clock. */
interface Overruled {
  readonly by: Generation;
  readonly sinceMs: number;
  readonly heardMs: number;
}

export class Rule {
  readonly #patienceMs: number;
  #overruled: Overruled | undefined;

  constructor({ suspicionMs }: Pick<Times, 'suspicionMs'>) {
    this.#patienceMs = PATIENCE * suspicionMs;
  }

  /**
   * Who has been overruled for so long ends: its next life recovers above the promise. Else a recovery that came to its
   * end before it published anything left a cluster without leases behind, and a controller that noticed nothing.
   * @param own the map that this controller published last
   * @throws FatalError
   */
  heard(own: ClusterMap, heartbeat: HeartbeatRequest, nowMs: number): void {
    const { node, mapVersion, obeyedVersion, promised } = heartbeat;
    refuseYesterday(own, node, obeyedVersion ?? mapVersion);
    if (promised === undefined || compareGenerations(promised, askedFor(own)) <= 0) return;
    const before = this.#overruled;
    const isSame = before !== undefined && compareGenerations(before.by, promised) === 0;
    // Who said so once and never again, such as a heartbeat that came late, proves nothing about now.
    const isStill = isSame && nowMs - before.heardMs < this.#patienceMs;
    const sinceMs = isStill ? before.sinceMs : nowMs;
    this.#overruled = { by: promised, sinceMs, heardMs: nowMs };
    if (nowMs - sinceMs < this.#patienceMs) return;
    throw new FatalError(
      EXIT.failure,
      `node ${node} has promised itself to the recovery of another controller, of generation ${promised.generation}, and follows this one no more: should that one run, stop one of the two; this one goes above it when it is started again`,
    );
  }
}
