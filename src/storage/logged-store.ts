// A store and its log, changed together. Each method here changes the store and tells the log of it in one call, in the
// order that the rules demand, so that nobody can forget the second half: a change that is missing in the log is lost
// with the next restart, or what it dropped comes back (D7). Whoever may change anything gets a LoggedStore; whoever
// only reads gets its `reader`. Only the replay of the log changes the bare store (data-directory/recovery.ts).
//
// Two orders matter:
// - Within a call the store changes first and the log is told then. The compaction of the log relies on it: it copies
//   what lives, so it may copy a record before the mark that drops it, but never behind that mark.
// - A floor is in the log before the first record that it covers is dropped (D7), and the mark of an eviction before
//   the record that needed the room (H40).
//
// When an answer may go, because what it vouches for is as durable as it must be, is not decided here: see
// log/acknowledgements.ts, and `durability`.

import type { WhenFull } from '../cluster/model/cluster-map.ts';
import type { PartitionId } from '../cluster/model/partition.ts';
import type { RecordHead, StoredRecord } from '../cluster/model/record.ts';
import type { Version } from '../cluster/model/version.ts';
import type { Cursor } from '../cluster/wire/operations.ts';
import type { AppendLog, Durability } from './log/durability.ts';
import type { Completeness } from './log/log-entry.ts';
import type { PartitionReader, PartitionStore, PutOutcome } from './memory/partition-store.ts';

/** Who works with the store: it is asked for memory, and told what there was none for. */
export interface StoreOwner {
  /** Asked while memory is short to drop something that others have. @returns whether it did */
  readonly reclaim: () => boolean;
  /** Told of each record that was refused for want of memory. */
  readonly refused: () => void;
  /** Told of each record that a cache dropped, when the log has been told (H40). */
  readonly evicted: (partition: PartitionId, version: Version) => void;
}

export class LoggedStore {
  readonly reader: PartitionReader;
  readonly durability: Durability;
  readonly #store: PartitionStore;
  readonly #log: AppendLog;
  #owner: StoreOwner | undefined;

  constructor(store: PartitionStore, log: AppendLog) {
    this.reader = store;
    this.durability = log;
    this.#store = store;
    this.#log = log;
    store.evicted = (partition, key, version) => this.#evicted(partition, key, version);
  }

  attach(owner: StoreOwner): void {
    this.#owner = owner;
    this.#store.reclaim = owner.reclaim;
    this.#store.refused = owner.refused;
  }

  /** The log is not told: what the map says is in the map's file. */
  setWhenFull(whenFull: WhenFull): void {
    this.#store.whenFull = whenFull;
  }

  put(partition: PartitionId, record: StoredRecord): PutOutcome {
    const outcome = this.#store.put(partition, record);
    if (outcome.kind === 'applied') this.#log.append({ kind: 'record', partition, record });
    return outcome;
  }

  /** A record that a member in sync has: it passes the floor (H27). */
  putCopied(partition: PartitionId, record: StoredRecord): PutOutcome {
    const outcome = this.#store.putCopied(partition, record);
    if (outcome.kind === 'applied') this.#log.append({ kind: 'record', partition, record });
    return outcome;
  }

  /** Does nothing where the floor is as high already. */
  raiseFloor(partition: PartitionId, version: Version): void {
    if (version <= this.#store.floor(partition)) return;
    this.#store.raiseFloor(partition, version);
    this.#log.append({ kind: 'floor', partition, version });
  }

  /**
   * Drops the record of the key, if it is of this very version, and raises the floor to it before (D7). Whoever drops
   * many raises the floor for all of them first, so that the log has one floor and not one for each.
   */
  forget(partition: PartitionId, key: Buffer, version: Version): void {
    this.raiseFloor(partition, version);
    if (!this.#store.forget(partition, key, version)) return;
    // Without it a restart would bring the record back, and need memory for it.
    this.#log.append({ kind: 'forget', partition, key, version });
  }

  /** Does nothing where this is known already. */
  setComplete(partition: PartitionId, { epoch, incarnation }: Completeness): void {
    const before = this.#store.completeness(partition);
    if (before?.epoch === epoch && before.incarnation === incarnation) return;
    this.#store.setComplete(partition, { epoch, incarnation });
    this.#log.append({ kind: 'complete', partition, epoch, incarnation });
  }

  /** Drops everything of the partition, its floor too. */
  reset(partition: PartitionId): void {
    this.#store.reset(partition);
    this.#log.append({ kind: 'reset', partition });
  }

  /**
   * H15: the log is not told of what is set aside, of what is taken back, nor of what is restored, and so brings all of
   * it back after a crash; it is told of what is dropped in the end.
   */
  setAside(partition: PartitionId): void {
    this.#store.asides.add(partition);
  }

  takeBack(partition: PartitionId, head: RecordHead): boolean {
    return this.#store.asides.takeBack(partition, head);
  }

  restoreAside(partition: PartitionId): void {
    this.#store.asides.restore(partition);
  }

  /**
   * Drops some of what was set aside, from the place on, up to about so many bytes. The floor stays: the floor of the
   * source, which the copy took over, covers what the source has forgotten (H26).
   * @returns where to go on; undefined when nothing is left
   */
  dropAside(partition: PartitionId, from: Cursor, bytes: number): Cursor | undefined {
    const { leftovers, next } = this.#store.asides.drop(partition, from, bytes);
    for (const { key, version, below } of leftovers) {
      this.#log.append({ kind: 'forget', partition, key, version });
      // A replay would have kept the record that is dropped, and not this one.
      if (below !== undefined) this.#log.append({ kind: 'record', partition, record: below });
    }
    return next;
  }

  #evicted(partition: PartitionId, key: Buffer, version: Version): void {
    this.#log.append({ kind: 'evicted', partition, key, version });
    this.#owner?.evicted(partition, version);
  }
}
