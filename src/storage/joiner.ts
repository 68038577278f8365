// Copies the partitions that the map tells this node to join (R8): from one serving member, bucket by
// bucket, until all of it is here and as durable as a set. Which partitions, and whether the copy counts
// in the end, is the controller's.

import { answeringMembers, type Life, type Member } from '../cluster/cluster-map.ts';
import type { Epoch } from '../cluster/identity.ts';
import { CHUNK_RECORD_BYTES, type Times } from '../cluster/limits.ts';
import type { Answer, Cursor } from '../cluster/operations.ts';
import type { PartitionId } from '../cluster/partition.ts';
import { recordKey, recordVersion, type StoredRecord } from '../cluster/record.ts';
import type { Runtime } from '../cluster/runtime.ts';
import type { MemberAnswer } from '../cluster/storage-channel.ts';
import type { StorageChannels } from '../cluster/storage-channels.ts';
import { VERSION_ZERO, type Version } from '../cluster/version.ts';
import type { Durability } from './durability.ts';
import { isListedBefore } from './partition-records.ts';
import { FIRST, type PartitionStore } from './partition-store.ts';
import type { Replica } from './replica.ts';

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
  done: boolean;
  /** The highest version that was evicted here since the wipe (H40). */
  evicted: Version;
}

export class Joiner {
  readonly #runtime: Runtime;
  readonly #replica: Replica;
  readonly #store: PartitionStore;
  readonly #durability: Durability;
  readonly #channels: StorageChannels;
  readonly #options: JoinerOptions;
  readonly #copies = new Map<PartitionId, Copy>();

  constructor(
    runtime: Runtime,
    replica: Replica,
    store: PartitionStore,
    durability: Durability,
    channels: StorageChannels,
    options: JoinerOptions,
  ) {
    this.#runtime = runtime;
    this.#replica = replica;
    this.#store = store;
    this.#durability = durability;
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
      const copy: Copy = { joinEpoch: member.joinEpoch, done: false, evicted: VERSION_ZERO };
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
      const transfer = new Transfer(this.#replica, this.#store, this.#durability, partition, copy);
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

  #askFrom(
    source: Member,
    job: {
      readonly partition: PartitionId;
      readonly copy: Copy;
      readonly transfer: Transfer;
    },
    from: Cursor,
  ): void {
    const { partition, copy, transfer } = job;
    this.#channels.send(
      source,
      { kind: 'copy', partition, epoch: copy.joinEpoch, from },
      (answer: MemberAnswer) => {
        if (this.#copies.get(partition) !== copy || !this.#isCurrent(partition, copy)) return;
        if (answer.kind !== 'records') {
          if (answer.kind === 'behind') this.#options.pushTo(source);
          this.#beginLater(partition, copy);
          return;
        }
        if (!transfer.apply(answer, from)) {
          this.#runtime.log.write('error', 'no memory for a partition that is to be copied here', {
            partition,
          });
          // Not soon: all that was copied by then would be copied and logged once more.
          const waitMs = this.#options.times.joinLimitMs / NO_MEMORY_TRIES;
          this.#runtime.timers.after(waitMs, () => this.#begin(partition, copy));
          return;
        }
        const { next } = answer;
        if (next === undefined) this.#finish(partition, copy);
        // Not before this is down: a slow disk slows the copy, instead of filling memory with what waits for it.
        else this.#durability.whenDown(() => this.#askFrom(source, job, next));
      },
    );
  }

  /** H36: a copy that a crash could take a part of is no copy. */
  #finish(partition: PartitionId, copy: Copy): void {
    this.#durability.whenDown(() => {
      copy.done = true;
      this.#options.joined();
      this.#runtime.log.write('info', 'partition copied', { partition, epoch: copy.joinEpoch });
    });
  }
}

/** One pass over a source: what it lists is applied, and what it must have forgotten is dropped (H26). */
class Transfer {
  readonly #replica: Replica;
  readonly #store: PartitionStore;
  readonly #durability: Durability;
  readonly #partition: PartitionId;
  readonly #copy: Copy;

  constructor(
    replica: Replica,
    store: PartitionStore,
    durability: Durability,
    partition: PartitionId,
    copy: Copy,
  ) {
    this.#replica = replica;
    this.#store = store;
    this.#durability = durability;
    this.#partition = partition;
    this.#copy = copy;
  }

  /**
   * @param from where the source was asked to begin
   * @returns false when there was no memory for all of it: in a store a copy with holes is no copy (R8)
   */
  apply({ floor, records, next }: Extract<Answer, { kind: 'records' }>, from: Cursor): boolean {
    // Before any record: from here on no set below it is accepted. Of a store it is the first answer's to the end
    // (H26). A cache evicts while it is copied, and what it evicted is listed by nobody: only the floor says so (H40).
    this.#raiseFloor(floor);
    for (const record of records) {
      if (this.#isOutlived(record) || this.#replica.applyCopied(this.#partition, record)) continue;
      if (this.#store.whenFull === 'refuse') return false;
      this.#forgo(record);
    }
    // Where nothing was ever forgotten there is nothing to drop, and this takes as long as the copy.
    if (floor !== VERSION_ZERO) {
      this.#dropForgotten(from, next, new Set(records.map(nameOf)), floor);
    }
    return true;
  }

  #raiseFloor(version: Version): void {
    if (version <= this.#store.floor(this.#partition)) return;
    this.#store.raiseFloor(this.#partition, version);
    this.#durability.append({ kind: 'floor', partition: this.#partition, version });
  }

  /**
   * H40: a copied record passes the floor (H27), but not what was evicted here meanwhile:
   * 1. a set of the key is applied here, and is still on its way to the source;
   * 2. it is evicted here;
   * 3. the source, which lists the record before it, gets it, so that it is acknowledged;
   * 4. the list arrives: the record in it is below what was acknowledged.
   */
  #isOutlived(record: StoredRecord): boolean {
    if (recordVersion(record) > this.#copy.evicted) return false;
    return this.#store.peek(this.#partition, recordKey(record)) === undefined;
  }

  /** H40: as if it had come and been evicted at once; what is here of the key is older. */
  #forgo(record: StoredRecord): void {
    this.#raiseFloor(recordVersion(record));
    const present = this.#store.peek(this.#partition, recordKey(record));
    if (present !== undefined) this.#drop(present);
  }

  /** H26: an old set on its way came here before the floor did; the source forgot that it was deleted. */
  #dropForgotten(
    from: Cursor,
    to: Cursor | undefined,
    listed: ReadonlySet<string>,
    floor: Version,
  ): void {
    let at: Cursor | undefined = from;
    while (at !== undefined) {
      const { records, next } = this.#store.list(this.#partition, at, {
        bytes: CHUNK_RECORD_BYTES,
      });
      for (const record of records) {
        // The source lists in the same order, and goes on behind `to` in its next answer.
        if (!isListedBefore(record, to)) return;
        const version = recordVersion(record);
        if (version > floor || listed.has(nameOf(record))) continue;
        this.#drop(record);
      }
      at = next;
    }
  }

  #drop(record: StoredRecord): void {
    const key = Buffer.from(recordKey(record));
    const version = recordVersion(record);
    this.#store.forget(this.#partition, key, version);
    this.#durability.append({ kind: 'forget', partition: this.#partition, key, version });
  }
}

function nameOf(record: StoredRecord): string {
  return recordKey(record).toString('latin1');
}
