// A store and its log, changed together. Each method here changes the store and appends the change to the log in one
// call, in the order that the rules demand, so that nobody can forget the second half: a change that is missing in
// the log is lost with the next restart, or the records that it dropped come back (D7). Code that changes anything
// gets a LoggedStore; code that only reads gets its `reader`. Only the replay of the log changes the bare store
// (data-directory/recovery.ts).
//
// Two orders matter:
// - Within a call the store changes first, then the log gets the entry. The compaction relies on it: it copies live
//   records, so it may copy a record before the mark that drops it, but never after that mark.
// - A floor is in the log before the first record that it covers is dropped (D7), and the mark of an eviction before
//   the record that needed the room (H40).
//
// When a reply may leave, because what it vouches for is durable enough, is not decided here: see
// log/acknowledgements.ts, and `durability`.

import type { WhenFull } from '../cluster/model/cluster-map.ts';
import type { PartitionId } from '../cluster/model/partition.ts';
import { type RecordHead, recordKey, type StoredRecord } from '../cluster/model/record.ts';
import type { Version } from '../cluster/model/version.ts';
import type { Cursor } from '../cluster/wire/operations.ts';
import { ChangeRing } from './changes/change-ring.ts';
import type { AppendLog, Durability } from './log/durability.ts';
import type { Completeness } from './log/log-entry.ts';
import type { PartitionReader, PartitionStore, PutOutcome } from './memory/partition-store.ts';

/** The incarnation that works with the store: it is asked to free memory, and notified of refusals and evictions. */
export interface StoreOwner {
  /** Called while memory is short, to drop what other nodes have too. @returns whether something was dropped */
  readonly reclaim: () => boolean;
  /** Called for each record that was refused because memory was short. */
  readonly refused: () => void;
  /** Called for each record that a cache evicted, after that was appended to the log (H40). */
  readonly evicted: (partition: PartitionId, version: Version) => void;
}

export class LoggedStore {
  readonly reader: PartitionReader;
  readonly durability: Durability;
  readonly #store: PartitionStore;
  readonly #log: AppendLog;
  readonly #changes: ChangeRing;
  #owner: StoreOwner | undefined;

  /** @param changes notes what clients see change */
  constructor(store: PartitionStore, log: AppendLog, changes = new ChangeRing()) {
    this.reader = store;
    this.durability = log;
    this.#store = store;
    this.#log = log;
    this.#changes = changes;
    store.evicted = (partition, key, version) => this.#evicted(partition, key, version);
  }

  attach(owner: StoreOwner): void {
    this.#owner = owner;
    this.#store.reclaim = owner.reclaim;
    this.#store.refused = owner.refused;
  }

  /** Appends nothing to the log, because the file of the map has this. */
  setWhenFull(whenFull: WhenFull): void {
    this.#store.whenFull = whenFull;
  }

  put(partition: PartitionId, record: StoredRecord): PutOutcome {
    const outcome = this.#store.put(partition, record);
    if (outcome.kind === 'applied') this.#applied(partition, record);
    return outcome;
  }

  /** Stores a record that a member in sync has; it bypasses the floor (H27). */
  putCopied(partition: PartitionId, record: StoredRecord): PutOutcome {
    const outcome = this.#store.putCopied(partition, record);
    if (outcome.kind === 'applied') this.#applied(partition, record);
    return outcome;
  }

  /** Does nothing if the floor is as high already. */
  raiseFloor(partition: PartitionId, version: Version): void {
    if (version <= this.#store.floor(partition)) return;
    this.#store.raiseFloor(partition, version);
    this.#log.append({ kind: 'floor', partition, version });
  }

  /**
   * Drops the record of the key, if it has this version, and raises the floor to the version first (D7). A caller
   * that drops many raises the floor for all of them first, so that the log gets one floor and not one for each.
   */
  forget(partition: PartitionId, key: Buffer, version: Version): void {
    this.raiseFloor(partition, version);
    if (!this.#store.forget(partition, key, version)) return;
    // Without this mark a restart would bring the record back, and need memory for it.
    this.#log.append({ kind: 'forget', partition, key, version });
  }

  /** Does nothing if this is recorded already. */
  setComplete(partition: PartitionId, { epoch, incarnation }: Completeness): void {
    const before = this.#store.completeness(partition);
    if (before?.epoch === epoch && before.incarnation === incarnation) return;
    this.#store.setComplete(partition, { epoch, incarnation });
    this.#log.append({ kind: 'complete', partition, epoch, incarnation });
  }

  /** Drops everything in the partition, its floor too. */
  reset(partition: PartitionId): void {
    this.#store.reset(partition);
    this.#changes.interrupted(partition);
    this.#log.append({ kind: 'reset', partition });
  }

  /**
   * H15: setting records aside, taking them back and restoring them is not logged, so that a crash brings all of them
   * back; only the drop in the end is logged.
   */
  setAside(partition: PartitionId): void {
    this.#store.asides.add(partition);
    this.#changes.interrupted(partition);
  }

  takeBack(partition: PartitionId, head: RecordHead): boolean {
    return this.#store.asides.takeBack(partition, head);
  }

  restoreAside(partition: PartitionId): void {
    this.#store.asides.restore(partition);
    this.#changes.interrupted(partition);
  }

  /**
   * Drops set-aside records from the cursor on, up to about this many bytes. The floor stays: the copy has taken over
   * the floor of the source, which covers what the source has forgotten (H26).
   * @returns where to continue; undefined when nothing is left
   */
  dropAside(partition: PartitionId, from: Cursor, bytes: number): Cursor | undefined {
    const { leftovers, next } = this.#store.asides.drop(partition, from, bytes);
    for (const { key, version, below } of leftovers) {
      this.#log.append({ kind: 'forget', partition, key, version });
      // A replay up to here keeps the dropped record and not this lower one, so append this one again.
      if (below !== undefined) this.#log.append({ kind: 'record', partition, record: below });
    }
    return next;
  }

  #applied(partition: PartitionId, record: StoredRecord): void {
    this.#log.append({ kind: 'record', partition, record });
    this.#changes.changed(partition, recordKey(record));
  }

  #evicted(partition: PartitionId, key: Buffer, version: Version): void {
    this.#log.append({ kind: 'evicted', partition, key, version });
    this.#owner?.evicted(partition, version);
  }
}
