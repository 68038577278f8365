// Checks a node that a frontend reported as unreachable: the controller calls the node itself before the report counts
// (R6), as the reporter may merely have a bad link. At most one check of a node is in progress. What the outcome means
// is decided in failure-detector.ts.

import {
  type ClusterMap,
  type IncarnationId,
  isGranted,
  nodeEntry,
} from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { ControlCaller } from '../../cluster/peers/control-client.ts';
import type { Runtime } from '../../cluster/ports.ts';
import { type CheckedReply, isNobodyThere } from '../../cluster/wire/control-frames.ts';
import { type MapPushReply, NO_MAP_NEWS } from '../../cluster/wire/control-messages.ts';
import { CONTROL } from '../../cluster/wire/control-table.ts';
import type { FailureDetector } from './failure-detector.ts';

export interface Watched {
  readonly detector: FailureDetector;
  readonly times: Times;
  map(): ClusterMap | undefined;
}

export class ReachabilityChecks {
  readonly #runtime: Runtime;
  readonly #client: ControlCaller;
  readonly #watched: Watched;
  /** Nodes with a check in progress; the value is an incarnation that was reported since the check was sent. */
  readonly #underWay = new Map<NodeId, IncarnationId | undefined>();

  constructor(runtime: Runtime, client: ControlCaller, watched: Watched) {
    this.#runtime = runtime;
    this.#client = client;
    this.#watched = watched;
  }

  /** A check in progress was sent before this report, so it proves nothing about it: another check follows. */
  reported(incarnationId: IncarnationId): void {
    if (this.#underWay.has(incarnationId.node))
      this.#underWay.set(incarnationId.node, incarnationId);
    else this.#look(incarnationId);
  }

  #look(incarnationId: IncarnationId): void {
    const { times } = this.#watched;
    const map = this.#watched.map();
    const entry = map === undefined ? undefined : nodeEntry(map, incarnationId.node);
    if (map === undefined || entry === undefined || !isGranted(map, incarnationId)) return;
    const sentMs = this.#nowMs();
    this.#underWay.set(incarnationId.node, undefined);
    const timeoutMs = times.lookMs;
    this.#client.call(CONTROL.pushMap, entry.address, NO_MAP_NEWS, { timeoutMs }, (reply) => {
      this.#judge(incarnationId, sentMs, reply);
      // Reports come in bursts, and a node that refuses would be called again and again: space the checks out.
      const restMs = Math.max(0, sentMs + times.lookMs - this.#nowMs());
      this.#runtime.timers.after(restMs, () => {
        const reported = this.#underWay.get(incarnationId.node);
        this.#underWay.delete(incarnationId.node);
        if (reported !== undefined) this.#look(reported);
      });
    });
  }

  /** An answer by another incarnation counts as a refusal: nobody of this incarnation listens there. */
  #judge(incarnationId: IncarnationId, sentMs: number, reply: CheckedReply<MapPushReply>): void {
    const { detector, times } = this.#watched;
    if (reply.kind === 'message' && reply.message.incarnation === incarnationId.incarnation) {
      detector.answeredLook(incarnationId);
    } else if (reply.kind !== 'failed' || isNobodyThere(reply)) {
      if (this.#nowMs() - sentMs < times.lookMs) detector.refusedLook(incarnationId, sentMs);
    }
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }
}
