// Repair between replicas (R10): now and then each serving member pulls the records that another member has and it
// lacks, and finds out which deletes all members know. It only pulls, and merges an answer only into the state in
// which it asked (H28): a pushed or late record could bring back what was deleted. replica.ts decides who may pull.

import type { Member } from '../../cluster/model/cluster-map.ts';
import type { Epoch } from '../../cluster/model/identity.ts';
import { type Times, VERSION_OBSERVED_AHEAD_MS_MAX } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import {
  compareRecords,
  isTombstone,
  recordExpiresAtMs,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { VERSION_ZERO, type Version, versionMilliseconds } from '../../cluster/model/version.ts';
import type { MemberAnswer } from '../../cluster/peers/storage-channel.ts';
import type { StorageChannels } from '../../cluster/peers/storage-channels.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { Answer, Cursor } from '../../cluster/wire/operations.ts';
import type { LoggedStore } from '../logged-store.ts';
import { bucketOf, DIGEST_OF_NOTHING } from '../memory/digest.ts';
import { type Due, FIRST } from '../memory/partition-store.ts';
import type { Replica } from './replica.ts';
import { type Graces, Retention } from './retention.ts';

/** Deletes and expired records inspected or forgotten in one slice, which takes about two milliseconds. */
const PER_SLICE = 1024;
const SLICES_PER_ROUND = 64;
/** Records that one round tries to forget; the others get their turn in the next round. */
const FOUND_PER_ROUND = 16 * PER_SLICE;
/** The pause between two slices, in which other work gets its turn. */
const SLICE_PAUSE_MS = 1;
/** Shortens the wait by this factor after a round that found more than it could take: a load of short-lived keys. */
const SOONER = 8;
/**
 * Shortens the wait by this factor while memory is short: all partitions get their turn while a delete waits for
 * room.
 */
const URGENT = 16;

const NOBODY: readonly Member[] = [];

type RecordsAnswer = Extract<Answer, { kind: 'records' }>;

export class AntiEntropy {
  readonly #runtime: Runtime;
  readonly #replica: Replica;
  readonly #store: LoggedStore;
  readonly #channels: StorageChannels;
  readonly #times: Times;
  readonly #retention: Retention;
  /** By partition: why the last round could not forget what is due, because it could not ask some member. */
  readonly #obstacles = new Map<PartitionId, string>();
  /** By partition: how many records the last round found elsewhere and had no memory for. */
  readonly #unrepaired = new Map<PartitionId, number>();
  /** By partition: the highest floor that another member reported; new sets must be above it in any case (H25). */
  readonly #floors = new Map<PartitionId, Version>();
  #running = false;
  /** Cuts the wait for the next round short; undefined during a round, or if the next one comes as soon as it may. */
  #hurry: (() => void) | undefined;
  /** Whether the last round left something for the next. */
  #behind = false;
  #last = -1 as PartitionId;

  constructor(
    runtime: Runtime,
    replica: Replica,
    store: LoggedStore,
    channels: StorageChannels,
    times: Times,
  ) {
    this.#runtime = runtime;
    this.#replica = replica;
    this.#store = store;
    this.#channels = channels;
    this.#times = times;
    this.#retention = new Retention(runtime.clock, store.reader, times);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#later();
  }

  stop(): void {
    this.#running = false;
    this.#hurry = undefined;
  }

  /** A record was refused because memory was short: start the next round soon, to forget what can be forgotten. */
  memoryRefused(): void {
    this.#retention.refused();
    this.#hurry?.();
  }

  /** One text for each partition whose due records cannot be forgotten: the member that this waits for, and why. */
  get obstacles(): readonly string[] {
    return this.#serving().flatMap((partition) => this.#obstacles.get(partition) ?? []);
  }

  /** Records of other members that this one has no memory for: whether a get finds them depends on whom it asks. */
  get unrepaired(): number {
    return this.#serving().reduce((sum, each) => sum + (this.#unrepaired.get(each) ?? 0), 0);
  }

  /** Visits one partition after the other, so that each gets its turn once in `antiEntropyMs`. */
  #later(): void {
    const serving = this.#serving().length;
    const { isUrgent } = this.#retention;
    const sooner = isUrgent ? URGENT : this.#behind ? SOONER : 1;
    const waitMs = this.#times.antiEntropyMs / Math.max(1, serving) / sooner;
    const cancel = this.#runtime.timers.after(Math.max(waitMs, this.#times.sweepMs), () => {
      this.#hurry = undefined;
      if (!this.#running) return;
      const partition = this.#next();
      if (partition === undefined) this.#later();
      else this.#pull(partition, () => this.#later());
    });
    // Cut the wait short only once: otherwise a stream of refused records would restart it again and again.
    if (isUrgent) return;
    this.#hurry = () => {
      this.#hurry = undefined;
      cancel();
      this.#later();
    };
  }

  #serving(): readonly PartitionId[] {
    return this.#replica.memberships
      .filter(({ member }) => member.role === 'serving')
      .map(({ partition }) => partition);
  }

  #next(): PartitionId | undefined {
    const serving = this.#serving();
    const next = serving.find((partition) => partition > this.#last) ?? serving[0];
    if (next !== undefined) this.#last = next;
    return next;
  }

  #pull(partition: PartitionId, done: () => void): void {
    const entry = this.#replica.map?.partitions[partition];
    if (entry === undefined) return done();
    const { node } = this.#replica.incarnationId;
    const { graces } = this.#retention;
    const floorOfOthers = this.#floors.get(partition) ?? VERSION_ZERO;
    const options = { partition, epoch: entry.epoch, graces, floorOfOthers };
    const round = new RepairRound(this.#replica, this.#store, options);
    const others = this.#asksOthers()
      ? entry.members.filter((member) => member.node !== node)
      : NOBODY;
    const askNext = (left: readonly Member[]) => {
      const [member, ...rest] = left;
      if (member === undefined) return this.#forget(round, done);
      round.begin();
      return this.#ask(member, round, FIRST, (complete) => {
        this.#unrepaired.set(partition, round.unrepaired);
        if (complete) askNext(rest);
        else done();
      });
    };
    const slices = this.#store.reader.slicesOfDue(partition, PER_SLICE);
    this.#collect(round, Math.min(slices, SLICES_PER_ROUND), () => askNext(others));
  }

  /**
   * H40: a cache pulls nothing. What another member has and this one lacks was evicted here and comes back with the
   * next set; a pull could restore a record older than one that was evicted everywhere. For the same reason a cache
   * asks nobody before it forgets what is due: that is evicted, and the floor then answers for it, to joiners too.
   */
  #asksOthers(): boolean {
    return this.#store.reader.whenFull === 'refuse';
  }

  #collect(round: RepairRound, slices: number, done: () => void): void {
    if (slices > 0) round.collect(this.#runtime.clock.wallMs());
    this.#behind = round.found >= FOUND_PER_ROUND;
    if (slices > 1 && !this.#behind) {
      return this.#nextSlice(() => this.#collect(round, slices - 1, done));
    }
    return done();
  }

  #nextSlice(slice: () => void): void {
    this.#runtime.timers.after(SLICE_PAUSE_MS, () => {
      if (this.#running) slice();
    });
  }

  /** @param done with false when the round ends here, because a member could not be asked or something changed */
  #ask(member: Member, round: RepairRound, from: Cursor, done: (complete: boolean) => void): void {
    const endAt = (obstacle: string) => {
      if (round.found > 0) this.#obstacles.set(round.partition, `${member.node} ${obstacle}`);
      return done(false);
    };
    // H26, H28: a joiner's state proves nothing, and nothing may be forgotten before the joiner has all of it.
    if (member.role !== 'serving') return endAt(member.role);
    const { partition, epoch, digest } = round;
    return this.#channels.send(
      member,
      { kind: 'pull', partition, epoch, from, digest },
      (answer: MemberAnswer) => {
        if (answer.kind !== 'records') return endAt(answer.kind);
        const heard = this.#floors.get(partition) ?? VERSION_ZERO;
        if (answer.floor > heard) this.#floors.set(partition, answer.floor);
        if (!this.#running || !round.isCurrent()) return done(false);
        round.merge(answer, this.#runtime.clock.wallMs());
        if (answer.next !== undefined) return this.#ask(member, round, answer.next, done);
        return done(true);
      },
    );
  }

  /** D7, D15: raises one floor for all records to be forgotten, and logs it before the first of them is gone. */
  #forget(round: RepairRound, done: () => void): void {
    const { partition } = round;
    this.#obstacles.delete(partition);
    const records = round.forgettable();
    let floor = VERSION_ZERO;
    for (const { version } of records) if (version > floor) floor = version;
    if (records.length === 0 || !round.isSameEpoch()) return done();
    this.#store.raiseFloor(partition, floor);
    this.#runtime.logger.write('debug', 'deletes forgotten', {
      partition,
      records: records.length,
    });
    return this.#forgetFrom(0, records, round, done);
  }

  #forgetFrom(first: number, records: readonly Due[], round: RepairRound, done: () => void): void {
    // H26: at the next epoch there may be a joiner, which must receive every delete that is still here.
    if (first >= records.length || !round.isSameEpoch()) return done();
    const { partition } = round;
    const end = first + PER_SLICE;
    for (const { key, version } of records.slice(first, end)) {
      this.#store.forget(partition, key, version);
    }
    return this.#nextSlice(() => this.#forgetFrom(end, records, round, done));
  }
}

interface RoundOptions {
  readonly partition: PartitionId;
  readonly epoch: Epoch;
  readonly graces: Graces;
  readonly floorOfOthers: Version;
}

/** The pulls of one partition from all other members, at one epoch and floor. */
class RepairRound {
  readonly partition: PartitionId;
  readonly epoch: Epoch;
  digest = DIGEST_OF_NOTHING;
  /** Records that another member has and for which there was no memory. */
  unrepaired = 0;
  readonly #replica: Replica;
  readonly #store: LoggedStore;
  readonly #floor: Version;
  readonly #graces: Graces;
  /** The highest floor of all members, as far as this one knows: new sets must be above it. */
  readonly #highestFloor: Version;
  /** By key: records that may be forgotten once every other member is known to have the same or a greater one. */
  readonly #candidates = new Map<string, Due>();
  /** By key: the records that the member being asked has listed. */
  #listed = new Map<string, StoredRecord>();

  constructor(replica: Replica, store: LoggedStore, options: RoundOptions) {
    const { partition, epoch, graces, floorOfOthers } = options;
    this.#replica = replica;
    this.#store = store;
    this.partition = partition;
    this.epoch = epoch;
    this.#graces = graces;
    this.#floor = store.reader.floor(partition);
    this.#highestFloor = this.#floor > floorOfOthers ? this.#floor : floorOfOthers;
  }

  /**
   * While a member joins, no record at or below the floor comes by a pull. A set of it is answered `floor` (H24), so what
   * this member has of such records stays as it was before the join, and a joiner gets it with its copy (everywhere.ts).
   */
  get #hasJoiner(): boolean {
    const members = this.#replica.map?.partitions[this.partition]?.members ?? [];
    return members.some(({ role }) => role === 'joining');
  }

  /** Collects a slice of the records that may be forgotten. */
  collect(wallMs: number): void {
    const isDueNow = (record: StoredRecord) =>
      isDue(record, wallMs, this.#highestFloor, this.#graces);
    const limits = { found: PER_SLICE, lookedAt: PER_SLICE };
    for (const due of this.#store.reader.nextDue(this.partition, isDueNow, limits)) {
      this.#candidates.set(due.key.toString('latin1'), due);
    }
  }

  /** Prepares for asking another member. */
  begin(): void {
    this.digest = this.#store.reader.digest(this.partition);
    this.#listed = new Map();
  }

  isSameEpoch(): boolean {
    const epoch = this.#replica.map?.partitions[this.partition]?.epoch;
    return epoch === this.epoch && this.#replica.membership(this.partition)?.role === 'serving';
  }

  /** H28: an answer is merged only into the state in which it was asked for. */
  isCurrent(): boolean {
    return this.isSameEpoch() && this.#store.reader.floor(this.partition) === this.#floor;
  }

  /** @param wallMs the time of the cluster (H31) */
  merge({ floor, records, differing, next }: RecordsAnswer, wallMs: number): void {
    for (const record of records) {
      const name = nameOf(record);
      if (this.#candidates.has(name)) this.#listed.set(name, record);
      const key = recordKey(record);
      if (this.#mayStayForgotten(record, wallMs)) {
        if (this.#store.reader.peek(this.partition, key) === undefined) continue;
      }
      if (this.#hasJoiner && recordVersion(record) <= this.#floor) continue;
      const { kind } = this.#store.putCopied(this.partition, record);
      if (kind === 'no-memory') this.unrepaired++;
    }
    if (next !== undefined) return;
    for (const [name, due] of this.#candidates) {
      if (!differing.has(bucketOf(due.key))) continue;
      const other = this.#listed.get(name);
      const isKnown = other === undefined ? floor >= due.version : this.#hasAtLeast(other, due);
      if (!isKnown) this.#candidates.delete(name);
    }
  }

  /**
   * R10: the floor protects from late sets as a delete would, or a record that expired long ago, so a key without a
   * record needs none. Where this member is short of memory it forgets such a record minutes before others do; taken
   * back with each pull, it would be forgotten and pulled all that time (seed 110000092).
   */
  #mayStayForgotten(record: StoredRecord, wallMs: number): boolean {
    if (recordVersion(record) > this.#floor) return false;
    return isTombstone(record) || isDue(record, wallMs, this.#highestFloor, this.#graces);
  }

  /** Whether the other member's record covers the due one. If a newer record has come here, the due version is gone. */
  #hasAtLeast(other: StoredRecord, { key, version }: Due): boolean {
    const present = this.#store.reader.peek(this.partition, key);
    if (present === undefined || recordVersion(present) !== version) return false;
    return compareRecords(other, present) >= 0;
  }

  /** How many candidates there are. */
  get found(): number {
    return this.#candidates.size;
  }

  forgettable(): readonly Due[] {
    return [...this.#candidates.values()];
  }
}

/**
 * Whether a record is old enough to be forgotten: a delete after its grace, an expired record after a shorter one
 * (D15, H30). A record whose version is far ahead of the clock is kept if forgetting it would raise the floor as far:
 * then every set in the partition would need a version above it (H31). If the floor of some member is as far ahead
 * already, there is nothing to protect; but such a version does not tell a delete's age, so the delete is kept until
 * memory is short, or until the clock has caught up and the grace is over.
 */
function isDue(record: StoredRecord, wallMs: number, floor: Version, graces: Graces): boolean {
  const expiresAtMs = recordExpiresAtMs(record);
  const versionMs = versionMilliseconds(recordVersion(record));
  const isFarAhead = versionMs - wallMs > VERSION_OBSERVED_AHEAD_MS_MAX;
  const aboveFloorMs = versionMs - versionMilliseconds(floor);
  if (isFarAhead && aboveFloorMs > VERSION_OBSERVED_AHEAD_MS_MAX) return false;
  if (expiresAtMs !== 0 && wallMs > expiresAtMs + graces.expiryMs) return true;
  if (!isTombstone(record)) return false;
  return isFarAhead ? graces.areShort : wallMs - versionMs > graces.tombstoneMs;
}

function nameOf(record: StoredRecord): string {
  return recordKey(record).toString('latin1');
}
