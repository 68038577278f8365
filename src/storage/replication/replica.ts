// Decides what a storage node may do with a partition: rules R1 and R2, and who may copy from it (R8, R10). The
// replica holds the adopted map, and answers operations from the partition store. It knows no messages and no
// sockets: each operation of a batch is answered by a plain call.

import { unreachable } from '../../cluster/assert.ts';
import {
  boundBy,
  type ClusterMap,
  compareGenerations,
  compareMapVersions,
  type Generation,
  type IncarnationId,
  isFrozen,
  isGranted,
  isOfStaleLineage,
  isPassedOver,
  isSameCluster,
  isSameIncarnation,
  type MapVersion,
  type Member,
  NO_MAP,
  type PartitionEntry,
  serialiserOf,
  whenFullOf,
} from '../../cluster/model/cluster-map.ts';
import type { Epoch, Incarnation } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { Clock } from '../../cluster/ports.ts';
import type { Answer, Cursor, Operation } from '../../cluster/wire/operations.ts';
import type { Lease } from '../lease.ts';
import type { LoggedStore } from '../logged-store.ts';
import { DIGEST_BYTES } from '../memory/digest.ts';
import { Listings } from './listings.ts';
import { RecordAnswers } from './record-answers.ts';
import { Restrictions } from './restrictions.ts';
import { Retained } from './retained.ts';

const NOT_SERVING: Answer = { kind: 'not-serving' };
const STALE: Answer = { kind: 'stale' };
const BEHIND: Answer = { kind: 'behind' };
/** Bytes of set-aside records dropped at a time: half a millisecond with small records. */
const ASIDE_BYTES = 64 * 1024;
/** Stands for no epoch: nobody knows up to when the copy has everything. */
const UNKNOWN = 0 as Epoch;
const MALFORMED: Answer = { kind: 'refused', reason: 'malformed' };

export interface ReplicaOptions {
  readonly incarnationId: IncarnationId;
  readonly valueBytesMax: number;
  /** The bytes of records that one answer to a copy or pull may have; at least one record is sent. */
  readonly copyChunkBytes: number;
  readonly lease: Lease;
  /** The version of the newest map that an earlier incarnation adopted, from the data directory (H32). */
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
  readonly records: RecordAnswers;
  readonly #options: ReplicaOptions;
  readonly #store: LoggedStore;
  readonly #listings: Listings;
  readonly #clock: Clock;
  readonly #restrictions: Restrictions;
  #map: ClusterMap | undefined;
  /** By partition: this incarnation's membership. An entry of the map counts only if it names this incarnation. */
  #memberships: readonly (Member | undefined)[] = [];
  #held: readonly Membership[] = [];
  /** R1: false while the adopted map, or a newer one that was seen, says that this incarnation is fenced. */
  #granted = false;
  /** Maps and grants of earlier generations are ignored (H32). */
  #promised: Generation;
  #stopped = false;

  /**
   * @param clock the time of the cluster, by which records expire and versions are too far ahead (H31)
   * @param promised the generation to which the data directory says that this node has promised itself
   */
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
    this.#restrictions = new Restrictions(options.incarnationId);
    this.lease = options.lease;
    this.retained = new Retained(store, options.incarnationId.node);
    this.records = new RecordAnswers(store, clock, options);
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  get mapVersion(): MapVersion {
    return this.#map?.version ?? NO_MAP;
  }

  /** The adopted map, and a newer one that was seen: a right that either of them takes away is gone. */
  get obeyedMaps(): readonly ClusterMap[] {
    return [this.#map, this.#restrictions.map].filter((map) => map !== undefined);
  }

  /** The newer map that was seen, if its restrictions apply and it is not adopted yet. */
  get obeyedOnly(): ClusterMap | undefined {
    return this.#restrictions.map;
  }

  /** The version of the newest map whose restrictions this incarnation obeys; never below the adopted map's. */
  get obeyedVersion(): MapVersion {
    return this.#restrictions.map?.version ?? this.mapVersion;
  }

  /** Milliseconds for which this node may still answer gets. */
  get leaseMs(): number {
    return this.#granted ? this.lease.remainingMs() : 0;
  }

  get incarnation(): Incarnation {
    return this.#options.incarnationId.incarnation;
  }

  get incarnationId(): IncarnationId {
    return this.#options.incarnationId;
  }

  get promised(): Generation {
    return this.#promised;
  }

  /** The memberships of this incarnation, ordered by partition. */
  get memberships(): readonly Membership[] {
    return this.#held;
  }

  membership(partition: PartitionId): Member | undefined {
    return this.#memberships[partition];
  }

  /** H32: called once the promise is durable; from now on maps and grants of earlier generations are refused. */
  promise(generation: Generation): void {
    if (compareGenerations(generation, this.#promised) > 0) this.#promised = generation;
  }

  /** H32: whether the recovery that has this node's promise overrules the controller of a map with this version. */
  isOverruled(version: MapVersion | undefined): boolean {
    return version !== undefined && compareGenerations(version, this.#promised) < 0;
  }

  /** The recovery to which this node has promised itself, while it knows only earlier maps (H32). */
  get boundTo(): Generation | undefined {
    return boundBy(this.#promised, this.#map?.version ?? this.#options.stored);
  }

  /** Returns what `adopt` would return now. Invariant I1: the versions of adopted maps never fall. */
  judge(map: ClusterMap): Adoption {
    if (this.isOverruled(map.version) || isPassedOver(map, this.boundTo)) return 'overruled';
    if (this.#map === undefined) return 'adopted';
    if (!isSameCluster(map, this.#map)) return 'other-cluster';
    if (isOfStaleLineage(map, this.obeyedVersion)) return 'stale-lineage';
    // H32: the recovery that froze partitions has not heard this node yet, and adopting its map would overwrite the
    // very map that it is going to ask for.
    if (isFrozen(map) && !map.promised?.includes(this.incarnationId.node)) return 'not-promised';
    return compareMapVersions(map.version, this.#map.version) > 0 ? 'adopted' : 'already-newer';
  }

  /** @param map judged as one to adopt: its restrictions apply from now on, even if it never becomes durable */
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
    // H38: a map that arrived as a delta shares each unchanged entry object with the map before.
    this.#memberships = map.partitions.map((entry, partition) =>
      entry === known[partition] ? earlier[partition] : this.#ownMember(entry),
    );
    this.#held = this.#memberships.flatMap((member, partition) =>
      member === undefined ? [] : [{ partition: partition as PartitionId, member }],
    );
    for (const partition of this.#store.reader.asides.partitions()) {
      // If a join was given up or begins again, what the node had before it is as good as before (H29).
      if (!isSameAttempt(this.#memberships[partition], earlier[partition])) {
        this.#store.restoreAside(partition);
      }
    }
    for (const [index, member] of this.#memberships.entries()) {
      const partition = index as PartitionId;
      if (member?.role === 'joining' && !isSameAttempt(member, earlier[index])) {
        // H15: in the same step that lets this node accept sets; a later wipe would take some of them with it.
        this.#begin(partition);
      }
    }
    this.#noteComplete(map, known);
    this.retained.mapAdopted(map);
    return 'adopted';
  }

  /** H29: logs the epoch before any set of it, so that it is known later up to which epoch this copy was complete. */
  #noteComplete(map: ClusterMap, known: readonly PartitionEntry[]): void {
    for (const { partition, member } of this.#held) {
      const entry = map.partitions[partition];
      // While an entry is frozen, sets may have been acknowledged under a later entry that nobody knows of (H32).
      if (entry === undefined || entry === known[partition] || entry.frozen) continue;
      if (member.role !== 'joining') this.#setComplete(partition, entry.epoch);
    }
  }

  /**
   * H15: a joiner begins with an empty partition. A store sets aside what it has: the source may have the identical
   * records, or disappear before it has listed them. A cache drops it: records must not come back that it evicts
   * during the copy (H40).
   */
  #begin(partition: PartitionId): void {
    if (this.#store.reader.whenFull === 'refuse') this.#store.setAside(partition);
    else this.#store.reset(partition);
  }

  /** Called when the copy for the join at this epoch has everything that was acknowledged up to the epoch. */
  copied(partition: PartitionId, epoch: Epoch): void {
    this.#setComplete(partition, epoch);
  }

  /**
   * Drops some set-aside records. Before the copy is complete that is done because memory is short; then the rest
   * must not be taken for everything that was acknowledged.
   * @returns where to continue; undefined when nothing is left
   */
  dropAside(partition: PartitionId, from: Cursor, copied: boolean): Cursor | undefined {
    if (!copied) this.#setComplete(partition, UNKNOWN);
    return this.#store.dropAside(partition, from, ASIDE_BYTES);
  }

  #setComplete(partition: PartitionId, epoch: Epoch): void {
    this.#store.setComplete(partition, { epoch, incarnation: this.incarnation });
  }

  /** H5b: from now on this incarnation never answers anything again. */
  stop(): void {
    this.#stopped = true;
    this.lease.end();
  }

  /** R1: whether this incarnation may answer gets of the partition now. */
  isServing(partition: PartitionId): boolean {
    return this.#granted && this.lease.isLive() && this.#servesByMap(partition);
  }

  #servesByMap(partition: PartitionId): boolean {
    const entry = this.#map?.partitions[partition];
    const isFrozenHere = entry?.frozen === true || this.#restrictions.isFrozen(partition);
    if (entry === undefined || isFrozenHere || this.#stopped) return false;
    if (this.#memberships[partition]?.role !== 'serving') return false;
    return this.#restrictions.allowsServing(partition);
  }

  answer(operation: Operation): Answer {
    if (operation.kind === 'time') {
      return { kind: 'time', wallMs: Math.floor(this.#clock.wallMs()) };
    }
    if (operation.kind === 'gets') {
      // R1 for each of the keys.
      const isGranted = this.#granted && this.lease.isLive();
      return this.records.readMany(operation.keys, (each) => isGranted && this.#servesByMap(each));
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
      case 'scan':
        if (!serves || !this.#granted || !this.lease.isLive()) return NOT_SERVING;
        return operation.kind === 'get'
          ? this.records.read(partition, operation.key)
          : this.#listings.scan(operation, this.#clock.wallMs());
      case 'set':
        // R2 in one synchronous step: member, epoch, compare, apply. With an await in between, a set of an old epoch
        // could be applied after a copy has passed its key, and be lost (H14b).
        if (this.#isPast(entry, operation)) return STALE;
        if (operation.epoch > entry.epoch) return BEHIND;
        return this.records.write(partition, operation.record, operation.follows === true);
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
      case 'judge':
      case 'peek':
        if (this.#isPast(entry, operation)) return STALE;
        if (operation.epoch > entry.epoch) return BEHIND;
        return this.#judgeOrPeek(entry, operation);
      default:
        return unreachable(operation);
    }
  }

  /**
   * H39a: of the serialiser R1's lease is asked for, of the other members none. Members that an operator gave up may not
   * know it (H29), and would read and judge among themselves what others have taken over; but nobody takes over before
   * all their leases have lapsed (I7).
   */
  #judgeOrPeek(
    entry: PartitionEntry,
    operation: Extract<Operation, { kind: 'judge' | 'peek' }>,
  ): Answer {
    const serialiser = serialiserOf(entry);
    const isSerialiser =
      serialiser !== undefined && isSameIncarnation(serialiser, this.incarnationId);
    if (isSerialiser && (!this.#granted || !this.lease.isLive())) return NOT_SERVING;
    if (operation.kind === 'peek') return this.records.peek(operation.partition, operation.key);
    return isSerialiser ? this.records.judge(operation, operation) : NOT_SERVING;
  }

  #isGranted(): boolean {
    return this.obeyedMaps.every((map) => isGranted(map, this.incarnationId));
  }

  /** R2: whether the epoch is past by the adopted map, or by a newer one that this node has only seen so far. */
  #isPast(
    entry: PartitionEntry,
    { partition, epoch }: { readonly partition: PartitionId; readonly epoch: Epoch },
  ): boolean {
    return epoch < entry.epoch || this.#restrictions.isPast(partition, epoch);
  }

  /** An entry counts only if it names this very incarnation (H6, I10): an empty successor must not serve anything. */
  #ownMember(entry: PartitionEntry): Member | undefined {
    const { node, incarnation } = this.incarnationId;
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
