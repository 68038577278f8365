// Copies the partitions that the map tells this node to join (R8): from one serving member, bucket by bucket, until
// all records are here and as durable as a set. The controller decides which partitions, and whether a copy counts in
// the end. What is done with the records is in transfer.ts.

import {
  answeringMembers,
  type IncarnationId,
  isSameIncarnation,
  type Member,
} from '../../cluster/model/cluster-map.ts';
import type { Epoch } from '../../cluster/model/identity.ts';
import { CHUNK_RECORD_BYTES, type Times } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import { type RecordHead, recordBytes, recordKey } from '../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../cluster/model/version.ts';
import type { MemberAnswer } from '../../cluster/peers/storage-channel.ts';
import type { StorageChannels } from '../../cluster/peers/storage-channels.ts';
import type { Runtime } from '../../cluster/ports.ts';
import { ANSWER_KINDS } from '../../cluster/wire/answer-kinds.ts';
import type { Cursor, Operation } from '../../cluster/wire/operations.ts';
import type { LoggedStore } from '../logged-store.ts';
import { BUCKETS } from '../memory/digest.ts';
import { FIRST } from '../memory/partition-store.ts';
import type { Replica } from './replica.ts';
import { nameOf, Transfer } from './transfer.ts';

/** The pause between dropping two pieces of set-aside records, in which other work gets its turn. */
const PIECE_PAUSE_MS = 1;
/** How often a joiner tries without enough memory, if the controller does not give it up before (R8). */
const NO_MEMORY_TRIES = 10;
/** How often in a row a source that has answered before is asked the same again, before another one is asked for all. */
const TRIES_AGAIN = 5;

export interface JoinerOptions {
  readonly times: Times;
  /** Sends this node's map to a source that seems not to know it. */
  readonly pushTo: (node: IncarnationId) => void;
  /** Called when a copy is complete, or lacks memory: the controller waits for that report. */
  readonly reportSoon: () => void;
}

interface Copy {
  readonly joinEpoch: Epoch;
  /** Everything that the source has is here; records that the source lacks may be here as well. */
  copied: boolean;
  done: boolean;
  /** The bucket that it has come to, at most: a pass that begins anew is no step forward until it is past that. */
  bucket: number;
  /** How many steps forward it has made: buckets, and records that had to be fetched by their heads. */
  steps: number;
  /** How often in a row there was no memory for what came next. */
  failures: number;
  /** A source has answered, so it has the map of this join on its disk (H14). */
  hasSource: boolean;
  /** The highest version that was evicted here since the join began with an empty partition (H40). */
  evicted: Version;
}

/** One attempt of this node to join a partition (H16). */
export interface JoinAttempt {
  readonly partition: PartitionId;
  readonly joinEpoch: Epoch;
}

export interface JoinProgress extends JoinAttempt {
  readonly steps: number;
}

/** One pass over one source, from its first record to its last one. */
interface Job {
  readonly partition: PartitionId;
  readonly copy: Copy;
  readonly transfer: Transfer;
  /** How often the source may be asked once more what it left unanswered. */
  triesLeft: number;
}

export class Joiner {
  readonly #runtime: Runtime;
  readonly #replica: Replica;
  readonly #store: LoggedStore;
  readonly #channels: StorageChannels;
  readonly #options: JoinerOptions;
  readonly #copies = new Map<PartitionId, Copy>();

  constructor(
    runtime: Runtime,
    replica: Replica,
    store: LoggedStore,
    channels: StorageChannels,
    options: JoinerOptions,
  ) {
    this.#runtime = runtime;
    this.#replica = replica;
    this.#store = store;
    this.#channels = channels;
    this.#options = options;
  }

  /** The completed copies to report to the controller, each attempt to join by its partition and epoch (H16). */
  joined(): readonly JoinAttempt[] {
    return this.#attempts(({ done }) => done);
  }

  /** The copies to report for which there is no memory, also not after what could be dropped was dropped. */
  withoutMemory(): readonly JoinAttempt[] {
    return this.#attempts(({ failures }) => failures > 1);
  }

  #attempts(which: (copy: Copy) => boolean): readonly JoinAttempt[] {
    return [...this.#copies]
      .filter(([, copy]) => which(copy))
      .map(([partition, { joinEpoch }]) => ({ partition, joinEpoch }));
  }

  /** How far the copies have come that are not completed, for the controller, which gives up one that is stuck (R8). */
  copying(): readonly JoinProgress[] {
    return [...this.#copies]
      .filter(([, { done }]) => !done)
      .map(([partition, { joinEpoch, steps }]) => ({ partition, joinEpoch, steps }));
  }

  /** Called after each adopted map: begins new copies, and forgets those that are over. */
  mapAdopted(): void {
    for (const [partition, copy] of this.#copies) {
      if (!this.#isCurrent(partition, copy)) this.#copies.delete(partition);
    }
    for (const { partition, member } of this.#replica.memberships) {
      if (member.role !== 'joining' || this.#copies.has(partition)) continue;
      const { joinEpoch } = member;
      const copy: Copy = {
        joinEpoch,
        copied: false,
        done: false,
        bucket: 0,
        steps: 0,
        failures: 0,
        hasSource: false,
        evicted: VERSION_ZERO,
      };
      this.#copies.set(partition, copy);
      this.#begin(partition, copy);
    }
  }

  /**
   * I10: forgets all copies, because their incarnation has ended. Timers and answers that come later find no copy to go on
   * with: the store belongs to the next incarnation by then, which must get nothing from an earlier join (H29, H40).
   */
  stop(): void {
    this.#copies.clear();
  }

  /** H40: a cache evicted a record of this version here, because memory was short. */
  evicted(partition: PartitionId, version: Version): void {
    const copy = this.#copies.get(partition);
    if (copy !== undefined && version > copy.evicted) copy.evicted = version;
  }

  #isCurrent(partition: PartitionId, copy: Copy): boolean {
    if (this.#copies.get(partition) !== copy) return false;
    const member = this.#replica.membership(partition);
    return member?.role === 'joining' && member.joinEpoch === copy.joinEpoch;
  }

  #begin(partition: PartitionId, copy: Copy): void {
    if (this.#copies.get(partition) !== copy) return;
    const source = this.#pickSource(partition);
    if (source === undefined) this.#beginLater(partition, copy);
    else {
      const transfer = new Transfer(this.#store, partition, copy);
      // Until the source has answered, to begin anew with another one costs nothing.
      this.#askFrom(source, { partition, copy, transfer, triesLeft: 0 }, FIRST);
    }
  }

  #beginLater(partition: PartitionId, copy: Copy): void {
    this.#runtime.timers.after(this.#options.times.heartbeatMs, () => this.#begin(partition, copy));
  }

  #pickSource(partition: PartitionId): Member | undefined {
    const sources = this.#answering(partition);
    return sources[this.#runtime.random.below(Math.max(1, sources.length))];
  }

  #answering(partition: PartitionId): readonly Member[] {
    const { map } = this.#replica;
    const entry = map?.partitions[partition];
    return map === undefined || entry === undefined ? [] : answeringMembers(map, entry);
  }

  /**
   * H39b: a source that the map of this node no longer names may be a serialiser that does not know yet that it was
   * removed. What it judged for nobody must not turn up here after all members were asked.
   */
  #isSource(partition: PartitionId, source: Member): boolean {
    const { map } = this.#replica;
    const entry = map?.partitions[partition];
    if (map === undefined || entry === undefined) return false;
    return entry.members.some(
      (member) => isSameIncarnation(member, source) && member.role !== 'joining',
    );
  }

  /** H15: asks only for the heads of records, as long as that spares fetching most of the records themselves. */
  #askFrom(source: Member, job: Job, from: Cursor): void {
    const { partition, copy, transfer } = job;
    const kind = transfer.asksForHeads() ? 'list' : 'copy';
    this.#ask(source, job, { kind, partition, epoch: copy.joinEpoch, from }, (answer) => {
      if (answer.kind === 'heads' || answer.kind === 'records') copy.hasSource = true;
      if (answer.kind === 'heads') {
        return this.#askForMissing(source, job, transfer.applyHeads(answer, from), answer.next);
      }
      // Software that does not know this operation refuses it; then all records are copied.
      if (answer.kind === 'refused' && kind === 'list') {
        transfer.askForRecords();
        return this.#askFrom(source, job, from);
      }
      if (answer.kind !== 'records') return this.#beginLater(partition, copy);
      if (!transfer.apply(answer, from)) {
        return this.#noMemory(partition, copy, () => this.#askFrom(source, job, from));
      }
      return this.#goOn(source, job, answer.next);
    });
  }

  /** Fetches the records with these heads, as many at a time as a copy brings, and then continues the list. */
  #askForMissing(
    source: Member,
    job: Job,
    missing: readonly RecordHead[],
    next: Cursor | undefined,
  ): void {
    const { partition, copy, transfer } = job;
    if (missing.length === 0) return this.#goOn(source, job, next);
    const keys = missing.slice(0, countUpTo(CHUNK_RECORD_BYTES, missing)).map(recordKey);
    const fetch: Operation = { kind: 'fetch', partition, epoch: copy.joinEpoch, keys };
    return this.#ask(source, job, fetch, (answer) => {
      // A store forgets nothing while a member joins (H26), so it still has what it listed: begin anew if not.
      if (answer.kind !== 'records' || answer.records.length === 0) {
        return this.#beginLater(partition, copy);
      }
      const came = new Set(answer.records.map(nameOf));
      if (!transfer.applyFetched(answer)) {
        return this.#noMemory(partition, copy, () =>
          this.#askForMissing(source, job, missing, next),
        );
      }
      copy.steps++;
      const left = missing.filter((head) => !came.has(nameOf(head)));
      return this.#store.durability.whenDurable(() => this.#askForMissing(source, job, left, next));
    });
  }

  #ask(
    source: Member,
    job: Job,
    operation: Operation,
    answered: (answer: MemberAnswer) => void,
  ): void {
    const { partition, copy } = job;
    if (!this.#isCurrent(partition, copy)) return;
    this.#channels.send(source, operation, (answer: MemberAnswer) => {
      if (!this.#isCurrent(partition, copy)) return;
      if (!this.#isSource(partition, source)) return this.#begin(partition, copy);
      const { map, isSilent } = ANSWER_KINDS[answer.kind];
      if (map === 'push') this.#options.pushTo(source);
      if (!isSilent) job.triesLeft = TRIES_AGAIN;
      else if (this.#mayAskAgain(source, job)) {
        job.triesLeft--;
        const again = () => this.#ask(source, job, operation, answered);
        this.#runtime.timers.after(this.#options.times.heartbeatMs, again);
        return;
      }
      answered(answer);
    });
  }

  /**
   * One question that a busy source left unanswered must not cost all that was copied before it. The same question may
   * be asked again at any time: a source that lists changes nothing, and while this member joins it forgets nothing
   * (H26), so that its later answer is as good; what a cache evicts meanwhile is covered by the floor of that answer (H40).
   */
  #mayAskAgain(source: Member, { partition, triesLeft }: Job): boolean {
    if (triesLeft === 0) return false;
    return this.#answering(partition).some((member) => isSameIncarnation(member, source));
  }

  #goOn(source: Member, job: Job, next: Cursor | undefined): void {
    const { copy } = job;
    copy.failures = 0;
    const bucket = next?.bucket ?? BUCKETS;
    if (bucket > copy.bucket) copy.steps++;
    copy.bucket = Math.max(copy.bucket, bucket);
    if (next === undefined) this.#finish(job.partition, copy);
    // Wait until this is durable: a slow disk slows the copy down, instead of filling memory with entries that wait
    // for it.
    else this.#store.durability.whenDurable(() => this.#askFrom(source, job, next));
  }

  /** @param again asks once more for what there was no memory for */
  #noMemory(partition: PartitionId, copy: Copy, again: () => void): void {
    this.#runtime.logger.write('error', 'no memory for a partition that is to be copied here', {
      partition,
    });
    // What was set aside may be dropped next, or memory cleaned, so the first failure proves little.
    if (++copy.failures === 1) {
      this.#runtime.timers.after(this.#options.times.heartbeatMs, again);
      return;
    }
    this.#options.reportSoon();
    // Do not retry soon: everything copied so far would be copied and logged once more.
    const waitMs = this.#options.times.joinLimitMs / NO_MEMORY_TRIES;
    this.#runtime.timers.after(waitMs, () => this.#begin(partition, copy));
  }

  #finish(partition: PartitionId, copy: Copy): void {
    copy.copied = true;
    this.#replica.copied(partition, copy.joinEpoch);
    this.#dropAside(partition, copy, FIRST);
  }

  /** H26: drops what the source did not list, before this copy counts; in pieces, because it may be much. */
  #dropAside(partition: PartitionId, copy: Copy, from: Cursor): void {
    if (!this.#isCurrent(partition, copy)) return;
    const next = this.#replica.dropAside(partition, from, true);
    if (next === undefined) return this.#report(partition, copy);
    this.#store.durability.whenDurable(() => {
      this.#runtime.timers.after(PIECE_PAUSE_MS, () => this.#dropAside(partition, copy, next));
    });
  }

  /** H36: a copy counts only when a crash can no longer take a part of it. */
  #report(partition: PartitionId, copy: Copy): void {
    this.#store.durability.whenDurable(() => {
      copy.done = true;
      this.#options.reportSoon();
      this.#runtime.logger.write('info', 'partition copied', { partition, epoch: copy.joinEpoch });
    });
  }

  /**
   * H29: while memory is short, drops set-aside records, as long as another member answers for the partition. Not
   * before a source has answered: until then, a recovery could find only the map before this join (H32), and have
   * this node serve from those very records.
   */
  reclaim(): boolean {
    const { map } = this.#replica;
    for (const partition of this.#store.reader.asides.partitions()) {
      const [copy, entry] = [this.#copies.get(partition), map?.partitions[partition]];
      if (map === undefined || copy === undefined || entry === undefined) continue;
      if (!copy.hasSource) continue;
      if (answeringMembers(map, entry).length === 0) continue;
      this.#replica.dropAside(partition, FIRST, copy.copied);
      return true;
    }
    return false;
  }
}

/** How many of these records have about `bytes` bytes together; at least one. */
function countUpTo(bytes: number, heads: readonly RecordHead[]): number {
  let sum = 0;
  const end = heads.findIndex((head) => {
    sum += recordBytes(head);
    return sum > bytes;
  });
  return end < 0 ? heads.length : Math.max(1, end);
}
