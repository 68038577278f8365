// What the controller knows beyond the map at one moment, as the decisions ask for it. The decisions are
// pure: the same map and the same view give the same next map.

import type { ClusterMap, Life, MapVersion, Member } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import type { FailureDetector } from './failure-detector.ts';
import type { NodeClocks } from './node-clocks.ts';
import { canBlock, isAtLeast, type LatestReport, type Pending, type Since } from './pending.ts';
import type { Reachability } from './reachability.ts';

/** Four such replicas take as long to copy as the map that moves them costs. */
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
      readonly decidedMs: number;
    },
    nowMs: number,
  ) {
    this.#times = observations.times;
    this.#detector = observations.detector;
    this.#pending = observations.pending;
    this.#reachability = observations.reachability;
    this.#clocks = observations.clocks;
    this.#heartbeats = observations.heartbeats;
    this.#adopted = observations.adopted;
    this.#obeyed = observations.obeyed;
    this.#decidedMs = observations.decidedMs;
    this.#nowMs = nowMs;
  }

  /**
   * Silent for too long; and a fence of it could be acknowledged, or it would only cost availability. The
   * dead acknowledge every fence (D2); who can store no map, and says nothing of obeying one, never does (H35).
   */
  isSuspect(map: ClusterMap, life: Life): boolean {
    const acknowledges = (other: Life) =>
      this.isDead(other) ||
      (this.isHeard(other) && (this.isWritable(other) || this.#tellsObeyed(other)));
    const isGone = !this.isHeard(life) || this.#isOutOfReach(life);
    return isGone && canBlock(map, life, acknowledges);
  }

  /**
   * H11: nobody hears it but a witness, and that is not enough. It would give up what it has as soon as it is asked, and
   * cannot say so; every set of its partitions would wait for it until its links are mended (seed 72000017 of the long
   * runs).
   */
  #isOutOfReach(life: Life): boolean {
    const isHeardItself = !this.#detector.isSilentItself(life, this.#nowMs);
    return this.#reachability.isAvoided(life) && !isHeardItself;
  }

  /** Directly, or through a witness, not long ago. */
  isHeard(life: Life): boolean {
    return !this.#detector.isSilent(life, this.#nowMs);
  }

  /**
   * Whether it is time for a map that only moves replicas. Who drains a node waits for it; and where partitions are
   * large, copying them costs more than the maps, and is not to wait for these.
   */
  mayMove(map: ClusterMap): boolean {
    if (this.#nowMs - this.#decidedMs >= this.#times.moveMs) return true;
    if (Object.values(map.nodes).some(({ draining }) => draining)) return true;
    return this.#bytesOfReplica(map) > LARGE_REPLICA_BYTES;
  }

  /** On average, as the nodes said last. */
  #bytesOfReplica({ nodes, partitions }: ClusterMap): number {
    let bytes = 0;
    for (const [node, { incarnation }] of Object.entries(nodes)) {
      bytes += this.#heartbeats.of({ node: node as NodeId, incarnation })?.payloadBytes ?? 0;
    }
    return bytes / partitions.reduce((replicas, { members }) => replicas + members.length, 0);
  }

  isDead(life: Life): boolean {
    return this.#detector.death(life) !== undefined;
  }

  /** D4: it stopped, and is expected back with its data. */
  mayReturn(life: Life): boolean {
    const death = this.#detector.death(life);
    return death !== undefined && this.#nowMs < death.returnsUntilMs;
  }

  isAlive(life: Life): boolean {
    return this.#detector.isAlive(life, this.#nowMs);
  }

  /** I8. */
  isAliveSince(life: Life, sinceMs: number): boolean {
    return this.#detector.isAliveSince(life, sinceMs, this.#nowMs);
  }

  fencedSince(life: Life): Since | undefined {
    return this.#pending.fence(life);
  }

  /** I7: since when it is certain that this life answers no get any more; undefined while it is not. */
  lapsedSinceMs(life: Life): number | undefined {
    const death = this.#detector.death(life);
    if (death !== undefined) return death.atMs;
    const blockedMs = this.#pending.fence(life)?.blockedMs;
    return blockedMs !== undefined && this.#nowMs - blockedMs >= this.#times.fenceWaitMs
      ? blockedMs
      : undefined;
  }

  /** It lapsed so long ago that nobody waits for it any more. */
  isLongGone(life: Life): boolean {
    const lapsedMs = this.lapsedSinceMs(life);
    if (lapsedMs === undefined || this.mayReturn(life)) return false;
    return this.#nowMs - lapsedMs > this.#times.goneMs;
  }

  /** R8: silence alone took its place, and it may be heard again soon: what it holds need not be copied elsewhere. */
  isAwaited(life: Life): boolean {
    const lapsedMs = this.lapsedSinceMs(life);
    if (lapsedMs === undefined || this.isDead(life)) return false;
    return this.#nowMs - lapsedMs < this.#times.replaceAfterMs;
  }

  /** It has the map on its disk: for what the map gives, and for whoever must be able to go on with it. */
  hasAdopted(life: Life, version: MapVersion): boolean {
    return isAtLeast(this.#adopted.of(life), version);
  }

  /** It has given up what the map takes away, be it that it cannot store the map. */
  obeys(life: Life, version: MapVersion): boolean {
    return isAtLeast(this.#obeyed.of(life), version);
  }

  #tellsObeyed(life: Life): boolean {
    return this.#heartbeats.of(life)?.obeyedVersion !== undefined;
  }

  leavingSince(partition: PartitionId, life: Life): Since | undefined {
    return this.#pending.leaving(partition, life);
  }

  /** It hears and answers, and for long does not obey the map in which it leaves. */
  isLateToLeave(partition: PartitionId, life: Life): boolean {
    const since = this.leavingSince(partition, life);
    if (since === undefined || this.obeys(life, since.version)) return false;
    return this.#nowMs - since.atMs > this.#times.suspicionMs;
  }

  witnessesChangingSince(map: ClusterMap): Since | undefined {
    return this.#pending.witnesses(map);
  }

  /** H16: its copy is complete, in this very attempt. */
  hasJoined(partition: PartitionId, member: Member): boolean {
    if (member.role !== 'joining') return false;
    const joined = this.#heartbeats.of(member)?.joined ?? [];
    return joined.some(
      (copy) => copy.partition === partition && copy.joinEpoch === member.joinEpoch,
    );
  }

  isStuck(partition: PartitionId, member: Member): boolean {
    if (member.role !== 'joining') return false;
    const since = this.#pending.joining(partition, member, member.joinEpoch);
    return since !== undefined && this.#nowMs - since.atMs > this.#times.joinLimitMs;
  }

  /** Whether replicas may be placed on it: it can write (H35), frontends reach it (H11), its clock is right (H31). */
  isFit(life: Life): boolean {
    if (this.#reachability.isAvoided(life) || this.#clocks.isOff(life)) return false;
    return this.isWritable(life);
  }

  /** H35: its log and its map can be written. */
  isWritable(life: Life): boolean {
    return this.#heartbeats.of(life)?.writable ?? true;
  }
}
