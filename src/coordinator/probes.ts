// Asks every storage node in the map for its time, on the stream that carries its operations. The times feed the
// cluster clock (cluster/model/cluster-clock.ts, H31); nodes that stay silent for long are reported to the controller
// (H11), even those that no operation is sent to any more.

import {
  type ClusterMap,
  type IncarnationId,
  presentIncarnations,
} from '../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { type Moment, momentOf } from '../cluster/moment.ts';
import type { Runtime } from '../cluster/ports.ts';
import { ANSWER_KINDS } from '../cluster/wire/answer-kinds.ts';
import type { Router } from './router.ts';

/** A frontend that was away for this many probe intervals blames no node for the answers it missed (as H10). */
const AWAY_PROBES = 2.5;

export interface ProbeEvents {
  /**
   * @param wallMs the node's time, milliseconds since 1970
   * @param asked when the probe left, by this process's own clocks
   */
  told(node: NodeId, wallMs: number, asked: Moment): void;
  /** Called before each round. */
  asking(): void;
  /** Called after each round with the nodes that have not answered for `unreachableMs`, possibly none. */
  silent(incarnationIds: readonly IncarnationId[]): void;
}

interface Probed {
  readonly incarnation: Incarnation;
  /** Since when probes go unanswered, monotonic; undefined while the node answers. */
  silentSinceMs: number | undefined;
  hasAnswered: boolean;
}

export class Probes {
  readonly #runtime: Runtime;
  readonly #router: Router;
  readonly #times: Times;
  readonly #events: ProbeEvents;
  #probed = new Map<NodeId, Probed>();
  #roundMs = Number.NEGATIVE_INFINITY;
  #answered = false;

  constructor(runtime: Runtime, router: Router, times: Times, events: ProbeEvents) {
    this.#runtime = runtime;
    this.#router = router;
    this.#times = times;
    this.#events = events;
  }

  start(): void {
    const { map } = this.#router;
    this.#runtime.timers.after(this.#waitMs(), () => this.start());
    if (map !== undefined) this.#round(map);
  }

  /** Whether this incarnation has answered, and has left no probe unanswered for `tryMs`. */
  answers({ node, incarnation }: IncarnationId): boolean {
    const probed = this.#probed.get(node);
    if (probed?.incarnation !== incarnation || !probed.hasAnswered) return false;
    const { silentSinceMs = Number.POSITIVE_INFINITY } = probed;
    return this.#runtime.clock.monotonicMs() - silentSinceMs < this.#times.tryMs;
  }

  /** Probes often until the first answer: nodes may adopt the map a little later, and sets follow soon. */
  #waitMs(): number {
    const { retryMs, heartbeatMs, probeMs } = this.#times;
    if (this.#router.map === undefined) return retryMs;
    return this.#answered ? probeMs : heartbeatMs;
  }

  #round(map: ClusterMap): void {
    this.#events.asking();
    const now = this.#runtime.clock.monotonicMs();
    const wasAway = now - this.#roundMs > AWAY_PROBES * this.#times.probeMs;
    this.#roundMs = now;
    const earlier = this.#probed;
    this.#probed = new Map();
    const silent: IncarnationId[] = [];
    for (const incarnationId of presentIncarnations(map)) {
      const { incarnation } = incarnationId;
      const known = earlier.get(incarnationId.node);
      const probed: Probed =
        known?.incarnation === incarnation && !wasAway
          ? known
          : { incarnation, silentSinceMs: undefined, hasAnswered: false };
      probed.silentSinceMs ??= now;
      if (now - probed.silentSinceMs >= this.#times.unreachableMs) silent.push(incarnationId);
      this.#probed.set(incarnationId.node, probed);
      this.#ask(incarnationId, probed);
    }
    this.#events.silent(silent);
  }

  #ask(incarnationId: IncarnationId, probed: Probed): void {
    const asked = momentOf(this.#runtime.clock);
    this.#router.send(incarnationId, { kind: 'time' }, (answer) => {
      // `overloaded` is no silence: the probe was not even sent, so nothing shows that the node is cut off.
      if (ANSWER_KINDS[answer.kind].isSilent) return;
      probed.silentSinceMs = undefined;
      probed.hasAnswered = true;
      if (answer.kind !== 'time') return;
      this.#answered = true;
      this.#events.told(incarnationId.node, answer.wallMs, asked);
    });
  }
}
