// A view of what the controller knows beyond the map at one moment, in the form of questions that the decisions ask.
// The decisions are pure: the same map and the same view give the same next map.

import type {
  ClusterMap,
  IncarnationId,
  MapVersion,
  Member,
} from '../../cluster/model/cluster-map.ts';
import type { Epoch, NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import type { FailureDetector } from './failure-detector.ts';
import type { NodeClocks } from './node-clocks.ts';
import { canBlock, isAtLeast, type LatestReport, type Pending, type Since } from './pending.ts';
import type { Reachability } from './reachability.ts';

/** Copying four replicas of this size takes as long as handling the map that moves them. */
const LARGE_REPLICA_BYTES = 256 * 1024;

export class View {
  readonly #times: Times;
  readonly #nowMs: number;
  readonly #detector: FailureDetector;
  readonly #pending: Pending;
  readonly #reachability: Reachability;
  readonly #clocks: NodeClocks;
  readonly #heartbeats: LatestReport<HeartbeatRequest>;
  readonly #adopted: LatestReport<MapVersion>;
  readonly #obeyed: LatestReport<MapVersion>;
  readonly #shortMs: LatestReport<number>;
  readonly #decidedMs: number;

  constructor(
    observations: {
      readonly times: Times;
      readonly detector: FailureDetector;
      readonly pending: Pending;
      readonly reachability: Reachability;
      readonly clocks: NodeClocks;
      readonly heartbeats: LatestReport<HeartbeatRequest>;
      readonly adopted: LatestReport<MapVersion>;
      readonly obeyed: LatestReport<MapVersion>;
      readonly shortMs: LatestReport<number>;
      readonly decidedMs: number;
    },
    nowMs: number,
  ) {
    this.#times = observations.times;
    this.#detector = observations.detector;
    this.#pending = observations.pending;
    this.#reachability = observations.reachability;
    this.#clocks = observations.clocks;
    this.#shortMs = observations.shortMs;
    this.#heartbeats = observations.heartbeats;
    this.#adopted = observations.adopted;
    this.#obeyed = observations.obeyed;
    this.#decidedMs = observations.decidedMs;
    this.#nowMs = nowMs;
  }

  /**
   * Whether a node has been silent for too long and fencing it would help: a fence that cannot be acknowledged by
   * enough witnesses only costs availability. The dead count as acknowledging (D2). A node that can store no map, and
   * does not report `obeyedVersion`, never acknowledges (H35).
   */
  isSuspect(map: ClusterMap, incarnationId: IncarnationId): boolean {
    const acknowledges = (other: IncarnationId) =>
      this.isDead(other) ||
      (this.isHeard(other) && (this.isWritable(other) || this.#tellsObeyed(other)));
    const isGone = !this.isHeard(incarnationId) || this.#isOutOfReach(incarnationId);
    return isGone && canBlock(map, incarnationId, acknowledges);
  }

  /**
   * H11: only a witness hears the node, and frontends do not reach it. It would give up its replicas if asked, but
   * cannot acknowledge that, so every set of its partitions would wait until its links are mended (seed 72000017 of
   * the long runs).
   */
  #isOutOfReach(incarnationId: IncarnationId): boolean {
    const isHeardItself = !this.#detector.isSilentItself(incarnationId, this.#nowMs);
    return this.#reachability.isAvoided(incarnationId) && !isHeardItself;
  }

  /** Heard within the suspicion time, directly or through a witness. */
  isHeard(incarnationId: IncarnationId): boolean {
    return !this.#detector.isSilent(incarnationId, this.#nowMs);
  }

  /**
   * Whether a map that only moves replicas may be published now. Do not delay a drain, for which an operator waits,
   * nor moves of large partitions: copying those costs more than the maps do.
   */
  mayMove(map: ClusterMap): boolean {
    if (this.#nowMs - this.#decidedMs >= this.#times.moveMs) return true;
    if (Object.values(map.nodes).some(({ draining }) => draining)) return true;
    return this.#bytesOfReplica(map) > LARGE_REPLICA_BYTES;
  }

  /** Average size of a replica in bytes, from the latest heartbeats. */
  #bytesOfReplica({ nodes, partitions }: ClusterMap): number {
    let bytes = 0;
    for (const [node, { incarnation }] of Object.entries(nodes)) {
      bytes += this.#heartbeats.of({ node: node as NodeId, incarnation })?.payloadBytes ?? 0;
    }
    return bytes / partitions.reduce((replicas, { members }) => replicas + members.length, 0);
  }

  isDead(incarnationId: IncarnationId): boolean {
    return this.#detector.death(incarnationId) !== undefined;
  }

  /** D4: the node has stopped, and is expected back with its data. */
  mayReturn(incarnationId: IncarnationId): boolean {
    const death = this.#detector.death(incarnationId);
    return death !== undefined && this.#nowMs < death.returnsUntilMs;
  }

  isAlive(incarnationId: IncarnationId): boolean {
    return this.#detector.isAlive(incarnationId, this.#nowMs);
  }

  /** I8: heard since the given time, and lately. */
  isAliveSince(incarnationId: IncarnationId, sinceMs: number): boolean {
    return this.#detector.isAliveSince(incarnationId, sinceMs, this.#nowMs);
  }

  fencedSince(incarnationId: IncarnationId): Since | undefined {
    return this.#pending.fence(incarnationId);
  }

  /** I7: since when this incarnation certainly answers no gets any more; undefined while it may. */
  lapsedSinceMs(incarnationId: IncarnationId): number | undefined {
    const death = this.#detector.death(incarnationId);
    if (death !== undefined) return death.atMs;
    const blockedMs = this.#pending.fence(incarnationId)?.blockedMs;
    return blockedMs !== undefined && this.#nowMs - blockedMs >= this.#times.fenceWaitMs
      ? blockedMs
      : undefined;
  }

  /** Lapsed longer than `goneMs` ago, so that its return is no longer expected. */
  isLongGone(incarnationId: IncarnationId): boolean {
    const lapsedMs = this.lapsedSinceMs(incarnationId);
    if (lapsedMs === undefined || this.mayReturn(incarnationId)) return false;
    return this.#nowMs - lapsedMs > this.#times.goneMs;
  }

  /** R8: the node lost its place through silence alone and may be back soon: do not copy its replicas elsewhere yet. */
  isAwaited(incarnationId: IncarnationId): boolean {
    const lapsedMs = this.lapsedSinceMs(incarnationId);
    if (lapsedMs === undefined || this.isDead(incarnationId)) return false;
    return this.#nowMs - lapsedMs < this.#times.replaceAfterMs;
  }

  /** The node has this map on disk: it can go on by it, and has what the map gives it. */
  hasAdopted(incarnationId: IncarnationId, version: MapVersion): boolean {
    return isAtLeast(this.#adopted.of(incarnationId), version);
  }

  /** The node has given up what this map takes from it, even if it cannot store the map. */
  obeys(incarnationId: IncarnationId, version: MapVersion): boolean {
    return isAtLeast(this.#obeyed.of(incarnationId), version);
  }

  #tellsObeyed(incarnationId: IncarnationId): boolean {
    return this.#heartbeats.of(incarnationId)?.obeyedVersion !== undefined;
  }

  leavingSince(partition: PartitionId, incarnationId: IncarnationId): Since | undefined {
    return this.#pending.leaving(partition, incarnationId);
  }

  /** Whether a leaving node has not reported for longer than the suspicion time that it obeys the map of its leave. */
  isLateToLeave(partition: PartitionId, incarnationId: IncarnationId): boolean {
    const since = this.leavingSince(partition, incarnationId);
    if (since === undefined || this.obeys(incarnationId, since.version)) return false;
    return this.#nowMs - since.atMs > this.#times.suspicionMs;
  }

  witnessesChangingSince(map: ClusterMap): Since | undefined {
    return this.#pending.witnesses(map);
  }

  /** H16: the copy is complete, and belongs to this very attempt to join. */
  hasJoined(partition: PartitionId, member: Member): boolean {
    if (member.role !== 'joining') return false;
    const joined = this.#heartbeats.of(member)?.joined ?? [];
    return joined.some((copy) => isAttempt(copy, partition, member.joinEpoch));
  }

  /**
   * R8: whether the copy of a joiner does not get on, or there is no memory for it. Without memory deletes could fail: each
   * needs the joiner, which has none for a tombstone of what it never had, and so no room could be made (R10).
   */
  isStuck(partition: PartitionId, member: Member): boolean {
    if (member.role !== 'joining') return false;
    const { withoutMemory = [] } = this.#heartbeats.of(member) ?? {};
    if (withoutMemory.some((copy) => isAttempt(copy, partition, member.joinEpoch))) return true;
    const since = this.#pending.joining(partition, member, member.joinEpoch);
    return since !== undefined && this.#nowMs - since.atMs > this.#times.joinLimitMs;
  }

  /** Whether replicas may be placed on it: frontends reach it (H11), its clock is right (H31), it can write (H35). */
  isFit(incarnationId: IncarnationId): boolean {
    if (this.#reachability.isAvoided(incarnationId) || this.#clocks.isOff(incarnationId))
      return false;
    return this.isWritable(incarnationId);
  }

  /** Whether the node had no memory for a copy lately: a further one would not fit either (R8). */
  lacksMemory(incarnationId: IncarnationId): boolean {
    const shortMs = this.#shortMs.of(incarnationId);
    return shortMs !== undefined && this.#nowMs - shortMs < this.#times.rejoinBarMs;
  }

  /** H35: the node can write its log and its map. */
  isWritable(incarnationId: IncarnationId): boolean {
    return this.#heartbeats.of(incarnationId)?.writable ?? true;
  }
}

/** H16: whether a report is of this very attempt to join. */
function isAttempt(
  report: HeartbeatRequest['joined'][number],
  partition: PartitionId,
  joinEpoch: Epoch,
): boolean {
  return report.partition === partition && report.joinEpoch === joinEpoch;
}
