// What a storage node may do with a partition: rules R1 and R2, and who may copy from it (R8, R10). It holds the adopted
// map, and answers operations from the partition store. No messages, no sockets: a batch is answered by plain calls.

import { unreachable } from '../../cluster/assert.ts';
import {
  boundBy,
  type ClusterMap,
  compareGenerations,
  compareMapVersions,
  type Generation,
  isFrozen,
  isGranted,
  isOfStaleLineage,
  isPassedOver,
  isSameCluster,
  type Life,
  type MapVersion,
  type Member,
  NO_MAP,
  type PartitionEntry,
  whenFullOf,
} from '../../cluster/model/cluster-map.ts';
import type { Epoch, Incarnation } from '../../cluster/model/identity.ts';
import { VERSION_AHEAD_MS_MAX } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import {
  isExpired,
  isTombstone,
  recordValue,
  recordVersion,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { versionMilliseconds } from '../../cluster/model/version.ts';
import type { Clock } from '../../cluster/ports.ts';
import type { Answer, Cursor, Operation } from '../../cluster/wire/operations.ts';
import type { Lease } from '../lease.ts';
import type { LoggedStore } from '../logged-store.ts';
import { DIGEST_BYTES } from '../memory/digest.ts';
import { Listings } from './listings.ts';
import { Restrictions } from './restrictions.ts';
import { Retained } from './retained.ts';

const NOT_SERVING: Answer = { kind: 'not-serving' };
const STALE: Answer = { kind: 'stale' };
const BEHIND: Answer = { kind: 'behind' };
const NO_MEMORY: Answer = { kind: 'refused', reason: 'no-memory' };
/** Of what was set aside, dropped at once: half a millisecond with small records. */
const ASIDE_BYTES = 64 * 1024;
/** No epoch: nobody knows up to when a copy has everything. */
const UNKNOWN = 0 as Epoch;
const MALFORMED: Answer = { kind: 'refused', reason: 'malformed' };

export interface ReplicaOptions {
  readonly life: Life;
  readonly valueBytesMax: number;
  /** So much of a copy or a pull goes in one answer, but a record at least. */
  readonly copyChunkBytes: number;
  readonly lease: Lease;
  /** Of the newest map that an earlier life of the store adopted (H32). */
  readonly stored?: MapVersion | undefined;
}

export interface Membership {
  readonly partition: PartitionId;
  readonly member: Member;
}

export type Adoption =
  | 'adopted'
  | 'already-newer'
  | 'other-cluster'
  | 'overruled'
  | 'stale-lineage'
  | 'not-promised';

export class Replica {
  readonly lease: Lease;
  readonly retained: Retained;
  readonly #options: ReplicaOptions;
  readonly #store: LoggedStore;
  readonly #listings: Listings;
  readonly #clock: Clock;
  readonly #restrictions: Restrictions;
  #map: ClusterMap | undefined;
  /** This life's membership of each partition, by partition; a map counts only where it names this life. */
  #memberships: readonly (Member | undefined)[] = [];
  #held: readonly Membership[] = [];
  /** R1: not while the own map, or a newer one that was seen, has this life fenced. */
  #granted = false;
  /** Maps and grants of earlier generations are nothing any more (H32). */
  #promised: Generation;
  #stopped = false;

  /** @param clock the time of the cluster, by which records expire and versions are too far ahead (H31) */
  constructor(
    store: LoggedStore,
    clock: Clock,
    options: ReplicaOptions,
    promised: Generation = NO_MAP,
  ) {
    this.#store = store;
    this.#listings = new Listings(store.reader, options.copyChunkBytes);
    this.#clock = clock;
    this.#options = options;
    this.#promised = promised;
    this.#restrictions = new Restrictions(options.life);
    this.lease = options.lease;
    this.retained = new Retained(store, options.life.node);
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  get mapVersion(): MapVersion {
    return this.#map?.version ?? NO_MAP;
  }

  /** The adopted map, and a newer one that was seen: what either of them takes away is gone. */
  get obeyedMaps(): readonly ClusterMap[] {
    return [this.#map, this.#restrictions.map].filter((map) => map !== undefined);
  }

  /** The map that is obeyed, if it is not the adopted one. */
  get obeyedOnly(): ClusterMap | undefined {
    return this.#restrictions.map;
  }

  /** Of the newest map whose restrictions this life keeps to; at least the adopted one's. */
  get obeyedVersion(): MapVersion {
    return this.#restrictions.map?.version ?? this.mapVersion;
  }

  /** For how long it may still answer gets. */
  get leaseMs(): number {
    return this.#granted ? this.lease.remainingMs() : 0;
  }

  get incarnation(): Incarnation {
    return this.#options.life.incarnation;
  }

  get life(): Life {
    return this.#options.life;
  }

  get promised(): Generation {
    return this.#promised;
  }

  /** Every partition that this life is a member of, in their order. */
  get memberships(): readonly Membership[] {
    return this.#held;
  }

  membership(partition: PartitionId): Member | undefined {
    return this.#memberships[partition];
  }

  /** H32: durable before this is called; from now on maps and grants of earlier generations are refused. */
  promise(generation: Generation): void {
    if (compareGenerations(generation, this.#promised) > 0) this.#promised = generation;
  }

  /** H32: whose map this is, was overruled by the recovery that has this node's promise. */
  isOverruled(version: MapVersion | undefined): boolean {
    return version !== undefined && compareGenerations(version, this.#promised) < 0;
  }

  /** To which recovery this node has promised itself, while it knows only maps of before that (H32). */
  get boundTo(): Generation | undefined {
    return boundBy(this.#promised, this.#map?.version ?? this.#options.stored);
  }

  /** What `adopt` would say now. Invariant I1: the versions of adopted maps never fall. */
  judge(map: ClusterMap): Adoption {
    if (this.isOverruled(map.version) || isPassedOver(map, this.boundTo)) return 'overruled';
    if (this.#map === undefined) return 'adopted';
    if (!isSameCluster(map, this.#map)) return 'other-cluster';
    if (isOfStaleLineage(map, this.obeyedVersion)) return 'stale-lineage';
    // H32: what this node knows would be gone before the controller that asks for it was told.
    if (isFrozen(map) && !map.promised?.includes(this.life.node)) return 'not-promised';
    return compareMapVersions(map.version, this.#map.version) > 0 ? 'adopted' : 'already-newer';
  }

  /** @param map that was judged to be adopted, which it is once it is durable, if it ever is */
  obey(map: ClusterMap): void {
    this.#restrictions.see(map);
    this.#granted = this.#isGranted();
  }

  adopt(map: ClusterMap): Adoption {
    const judgement = this.judge(map);
    if (judgement !== 'adopted') return judgement;
    const known = this.#map?.partitions ?? [];
    this.#map = map;
    this.#restrictions.adopted(map);
    this.#store.setWhenFull(whenFullOf(map));
    this.#granted = this.#isGranted();
    const earlier = this.#memberships;
    // H38: what did not change is the very same entry, if the map came as what changed.
    this.#memberships = map.partitions.map((entry, partition) =>
      entry === known[partition] ? earlier[partition] : this.#ownMember(entry),
    );
    this.#held = this.#memberships.flatMap((member, partition) =>
      member === undefined ? [] : [{ partition: partition as PartitionId, member }],
    );
    for (const partition of this.#store.reader.asides.partitions()) {
      // A join that was given up, or begins again: what it had is as good as before (H29).
      if (!isSameAttempt(this.#memberships[partition], earlier[partition])) {
        this.#store.restoreAside(partition);
      }
    }
    for (const [index, member] of this.#memberships.entries()) {
      const partition = index as PartitionId;
      if (member?.role === 'joining' && !isSameAttempt(member, earlier[index])) {
        // H15: in the very step that makes this node accept sets, or the wipe takes some with it.
        this.#begin(partition);
      }
    }
    this.#noteComplete(map, known);
    this.retained.mapAdopted(map);
    return 'adopted';
  }

  /** H29: in the log before any set of the new epoch, so that it is known later until when this copy was complete. */
  #noteComplete(map: ClusterMap, known: readonly PartitionEntry[]): void {
    for (const { partition, member } of this.#held) {
      const entry = map.partitions[partition];
      // While it is frozen nobody knows whether a later entry was acknowledged to (H32).
      if (entry === undefined || entry === known[partition] || entry.frozen) continue;
      if (member.role !== 'joining') this.#setComplete(partition, entry.epoch);
    }
  }

  /**
   * H15: a joiner begins with nothing. What it has it sets aside: the source may have the very same records, or be gone
   * before it listed them. A cache drops it: what it evicts while it copies must not come back (H40).
   */
  #begin(partition: PartitionId): void {
    if (this.#store.reader.whenFull === 'refuse') this.#store.setAside(partition);
    else this.#store.reset(partition);
  }

  /** Everything that was acknowledged is here: a copy at this epoch is complete. */
  copied(partition: PartitionId, epoch: Epoch): void {
    this.#setComplete(partition, epoch);
  }

  /**
   * Drops some of what was set aside. While the copy is not complete, this is for want of memory, and nobody shall take
   * what is left for all that was acknowledged.
   * @returns where to go on; undefined when nothing is left
   */
  dropAside(partition: PartitionId, from: Cursor, copied: boolean): Cursor | undefined {
    if (!copied) this.#setComplete(partition, UNKNOWN);
    return this.#store.dropAside(partition, from, ASIDE_BYTES);
  }

  #setComplete(partition: PartitionId, epoch: Epoch): void {
    this.#store.setComplete(partition, { epoch, incarnation: this.incarnation });
  }

  /** H5b: from now on nothing is answered, and never again in this life. */
  stop(): void {
    this.#stopped = true;
    this.lease.end();
  }

  answer(operation: Operation): Answer {
    if (operation.kind === 'time') {
      return { kind: 'time', wallMs: Math.floor(this.#clock.wallMs()) };
    }
    const { partition } = operation;
    const member = this.#memberships[partition];
    const entry = this.#map?.partitions[partition];
    if (entry === undefined || member === undefined || entry.frozen || this.#stopped) {
      return NOT_SERVING;
    }
    if (this.#restrictions.isFrozen(partition)) return NOT_SERVING;
    const serves = member.role === 'serving' && this.#restrictions.allowsServing(partition);
    switch (operation.kind) {
      case 'get':
        if (!serves || !this.#granted || !this.lease.isLive()) return NOT_SERVING;
        return this.read(operation.partition, operation.key);
      case 'set':
        // R2 in one synchronous step: member, epoch, compare, apply. With anything awaited in between, a
        // set of an old epoch could land behind a copy that has passed its key, and be lost (H14b).
        if (this.#isPast(entry, operation)) return STALE;
        if (operation.epoch > entry.epoch) return BEHIND;
        return this.#write(operation.partition, operation.record, operation.follows === true);
      case 'copy':
      case 'list':
      case 'fetch':
        // H14: at an earlier epoch a set could still be acknowledged here without the joiner.
        if (!serves) return NOT_SERVING;
        if (entry.epoch < operation.epoch) return BEHIND;
        return this.#listings.answer(operation);
      case 'pull':
        if (!serves) return NOT_SERVING;
        if (operation.digest.length !== DIGEST_BYTES) return MALFORMED;
        if (this.#isPast(entry, operation)) return STALE;
        if (operation.epoch > entry.epoch) return BEHIND;
        return this.#listings.answer(operation);
      default:
        return unreachable(operation);
    }
  }

  read(partition: PartitionId, key: Buffer): Answer {
    const { reader } = this.#store;
    const record = reader.get(partition, key);
    if (record === undefined) return { kind: 'absent', version: reader.floor(partition) };
    if (isTombstone(record) || isExpired(record, this.#clock.wallMs())) {
      return { kind: 'absent', version: recordVersion(record) };
    }
    return { kind: 'found', record };
  }

  #isGranted(): boolean {
    return this.obeyedMaps.every((map) => isGranted(map, this.life));
  }

  /** R2: by the adopted map, or by a newer one that this life only knows of so far. */
  #isPast(
    entry: PartitionEntry,
    { partition, epoch }: { readonly partition: PartitionId; readonly epoch: Epoch },
  ): boolean {
    return epoch < entry.epoch || this.#restrictions.isPast(partition, epoch);
  }

  #write(partition: PartitionId, record: StoredRecord, follows: boolean): Answer {
    if (recordValue(record).length > this.#options.valueBytesMax) {
      return { kind: 'refused', reason: 'too-large' };
    }
    // H31: what follows is not the word of one clock alone. This member may not even have what it follows.
    const aheadMs = versionMilliseconds(recordVersion(record)) - this.#clock.wallMs();
    if (aheadMs > VERSION_AHEAD_MS_MAX && !follows) {
      return { kind: 'refused', reason: 'version-too-far-ahead' };
    }
    const reason = this.#store.durability.refusal;
    if (reason !== undefined) return { kind: 'refused', reason };
    const outcome = this.#store.put(partition, record);
    return outcome.kind === 'no-memory' ? NO_MEMORY : outcome;
  }

  /** The map counts only where it names this very incarnation (H6, I10): an empty successor serves nothing. */
  #ownMember(entry: PartitionEntry): Member | undefined {
    const { node, incarnation } = this.life;
    return entry.members.find(
      (member) => member.node === node && member.incarnation === incarnation,
    );
  }
}

function isSameAttempt(member: Member | undefined, earlier: Member | undefined): boolean {
  return (
    member?.role === 'joining' &&
    earlier?.role === 'joining' &&
    member.joinEpoch === earlier.joinEpoch
  );
}
