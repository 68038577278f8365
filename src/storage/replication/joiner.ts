// Copies the partitions that the map tells this node to join (R8): from one serving member, bucket by
// bucket, until all of it is here and as durable as a set. Which partitions, and whether the copy counts
// in the end, is the controller's.

import { answeringMembers, type Life, type Member } from '../../cluster/model/cluster-map.ts';
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
import { FIRST } from '../memory/partition-store.ts';
import type { Replica } from './replica.ts';
import { nameOf, Transfer } from './transfer.ts';

/** Between two pieces of what is dropped others have their turn. */
const PIECE_PAUSE_MS = 1;
/** Before a joiner without memory for its copy is given up (R8). */
const NO_MEMORY_TRIES = 10;

export interface JoinerOptions {
  readonly times: Times;
  /** Asked to show a source the map that it seems not to know. */
  readonly pushTo: (node: Life) => void;
  /** A copy is complete: the controller waits to hear of it. */
  readonly joined: () => void;
}

interface Copy {
  readonly joinEpoch: Epoch;
  /** Everything that the source has is here; something that it has not may be here as well. */
  copied: boolean;
  done: boolean;
  /** A source has answered, and so has the map of this join on its disk (H14). */
  hasSource: boolean;
  /** The highest version that was evicted here since the wipe (H40). */
  evicted: Version;
}

interface Job {
  readonly partition: PartitionId;
  readonly copy: Copy;
  readonly transfer: Transfer;
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

  /** What the controller is told: each attempt to join by its partition and epoch (H16). */
  joined(): readonly { readonly partition: PartitionId; readonly joinEpoch: Epoch }[] {
    return [...this.#copies]
      .filter(([, { done }]) => done)
      .map(([partition, { joinEpoch }]) => ({ partition, joinEpoch }));
  }

  /** After each adopted map: begins what is new, forgets what is over. */
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
        hasSource: false,
        evicted: VERSION_ZERO,
      };
      this.#copies.set(partition, copy);
      this.#begin(partition, copy);
    }
  }

  /** H40: there was no memory for a record of the partition. */
  evicted(partition: PartitionId, version: Version): void {
    const copy = this.#copies.get(partition);
    if (copy !== undefined && version > copy.evicted) copy.evicted = version;
  }

  #isCurrent(partition: PartitionId, copy: Copy): boolean {
    const member = this.#replica.membership(partition);
    return member?.role === 'joining' && member.joinEpoch === copy.joinEpoch;
  }

  #begin(partition: PartitionId, copy: Copy): void {
    if (this.#copies.get(partition) !== copy) return;
    const source = this.#pickSource(partition);
    if (source === undefined) this.#beginLater(partition, copy);
    else {
      const transfer = new Transfer(this.#store, partition, copy);
      this.#askFrom(source, { partition, copy, transfer }, FIRST);
    }
  }

  #beginLater(partition: PartitionId, copy: Copy): void {
    this.#runtime.timers.after(this.#options.times.heartbeatMs, () => this.#begin(partition, copy));
  }

  #pickSource(partition: PartitionId): Member | undefined {
    const { map } = this.#replica;
    const entry = map?.partitions[partition];
    if (map === undefined || entry === undefined) return undefined;
    const sources = answeringMembers(map, entry);
    return sources[this.#runtime.random.below(Math.max(1, sources.length))];
  }

  /** H15: what this node has already is only asked about, as long as that spares most of the records. */
  #askFrom(source: Member, job: Job, from: Cursor): void {
    const { partition, copy, transfer } = job;
    const kind = transfer.asksForHeads() ? 'list' : 'copy';
    this.#ask(source, job, { kind, partition, epoch: copy.joinEpoch, from }, (answer) => {
      if (answer.kind === 'heads' || answer.kind === 'records') copy.hasSource = true;
      if (answer.kind === 'heads') {
        return this.#askForMissing(source, job, transfer.applyHeads(answer, from), answer.next);
      }
      // Software without this operation refuses it: then all records are copied.
      if (answer.kind === 'refused' && kind === 'list') {
        transfer.askForRecords();
        return this.#askFrom(source, job, from);
      }
      if (answer.kind !== 'records') return this.#beginLater(partition, copy);
      if (!transfer.apply(answer, from)) return this.#noMemory(partition, copy);
      return this.#goOn(source, job, answer.next);
    });
  }

  /** Asks for the records of these heads, as many at once as a copy brings; then it goes on with the list. */
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
      // A store forgets nothing while somebody joins (H26), so what it listed it has.
      if (answer.kind !== 'records' || answer.records.length === 0) {
        return this.#beginLater(partition, copy);
      }
      const came = new Set(answer.records.map(nameOf));
      if (!transfer.applyFetched(answer)) return this.#noMemory(partition, copy);
      const left = missing.filter((head) => !came.has(nameOf(head)));
      return this.#store.durability.whenDown(() => this.#askForMissing(source, job, left, next));
    });
  }

  #ask(
    source: Member,
    { partition, copy }: Job,
    operation: Operation,
    answered: (answer: MemberAnswer) => void,
  ): void {
    this.#channels.send(source, operation, (answer: MemberAnswer) => {
      if (this.#copies.get(partition) !== copy || !this.#isCurrent(partition, copy)) return;
      if (ANSWER_KINDS[answer.kind].map === 'push') this.#options.pushTo(source);
      answered(answer);
    });
  }

  #goOn(source: Member, job: Job, next: Cursor | undefined): void {
    if (next === undefined) this.#finish(job.partition, job.copy);
    // Not before this is down: a slow disk slows the copy, instead of filling memory with what waits for it.
    else this.#store.durability.whenDown(() => this.#askFrom(source, job, next));
  }

  #noMemory(partition: PartitionId, copy: Copy): void {
    this.#runtime.logger.write('error', 'no memory for a partition that is to be copied here', {
      partition,
    });
    // Not soon: all that was copied by then would be copied and logged once more.
    const waitMs = this.#options.times.joinLimitMs / NO_MEMORY_TRIES;
    this.#runtime.timers.after(waitMs, () => this.#begin(partition, copy));
  }

  #finish(partition: PartitionId, copy: Copy): void {
    copy.copied = true;
    this.#replica.copied(partition, copy.joinEpoch);
    this.#dropAside(partition, copy, FIRST);
  }

  /** H26: what the source did not list goes, before this copy counts; a piece at a time, for it may be much. */
  #dropAside(partition: PartitionId, copy: Copy, from: Cursor): void {
    if (this.#copies.get(partition) !== copy || !this.#isCurrent(partition, copy)) return;
    const next = this.#replica.dropAside(partition, from, true);
    if (next === undefined) return this.#report(partition, copy);
    this.#store.durability.whenDown(() => {
      this.#runtime.timers.after(PIECE_PAUSE_MS, () => this.#dropAside(partition, copy, next));
    });
  }

  /** H36: a copy that a crash could take a part of is no copy. */
  #report(partition: PartitionId, copy: Copy): void {
    this.#store.durability.whenDown(() => {
      copy.done = true;
      this.#options.joined();
      this.#runtime.logger.write('info', 'partition copied', { partition, epoch: copy.joinEpoch });
    });
  }

  /**
   * H29: while memory is short, what was set aside goes, as long as somebody else answers for the partition; and not
   * before one of them did, for a recovery could find only the map before this join (H32), and have this node serve.
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

/** How many of these records are about so long together; one at least. */
function countUpTo(bytes: number, heads: readonly RecordHead[]): number {
  let sum = 0;
  const end = heads.findIndex((head) => {
    sum += recordBytes(head);
    return sum > bytes;
  });
  return end < 0 ? heads.length : Math.max(1, end);
}
