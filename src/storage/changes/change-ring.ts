// The latest changes of a storage node, for those who follow them (H46): which keys were changed, in the order in which that
// was applied. It has no values, because a follower wants what a key has now. Its memory is bounded: the oldest changes
// are forgotten, and who still wants them is told so (gather.ts).

import type { PartitionId } from '../../cluster/model/partition.ts';

const ENTRIES = 32_768;
const KEY_BYTES = 1024 * 1024;
const NO_KEY = Buffer.alloc(0);

export interface RingLimits {
  readonly entries: number;
  readonly keyBytes: number;
}

/** The memory while changes are noted. The change with number n is at n modulo the number of entries. */
interface RingMemory {
  readonly partitions: Uint16Array;
  /** Where each change's key begins: how many bytes of keys were noted before it. */
  readonly starts: Float64Array;
  readonly keys: Buffer;
}

export class ChangeRing {
  readonly #limits: RingLimits;
  /** Undefined while nobody follows: then a change costs nothing. */
  #memory: RingMemory | undefined;
  #first = 1;
  #next = 1;
  #keyBytes = 0;
  /** Called after each change that was noted. */
  noted: () => void = () => undefined;

  constructor(limits: RingLimits = { entries: ENTRIES, keyBytes: KEY_BYTES }) {
    this.#limits = limits;
  }

  /** The number of the oldest change that is still known. */
  get first(): number {
    return this.#first;
  }

  /** The number that the next change gets. */
  get next(): number {
    return this.#next;
  }

  /** Notes changes from now on. */
  begin(): void {
    if (this.#memory !== undefined) return;
    const { entries, keyBytes } = this.#limits;
    this.#memory = {
      partitions: new Uint16Array(entries),
      starts: new Float64Array(entries),
      keys: Buffer.allocUnsafeSlow(keyBytes),
    };
    // What changed since the ring was last noting is in no entry. The number that is left out stands for all of it, so
    // that who followed up to then is told that changes are missing.
    this.#next++;
    this.#first = this.#next;
  }

  /** Forgets all changes, and notes none. */
  end(): void {
    this.#memory = undefined;
    this.#first = this.#next;
  }

  /** Whether all changes from this number on are known. */
  has(from: number): boolean {
    return this.#memory !== undefined && from >= this.#first && from <= this.#next;
  }

  changed(partition: PartitionId, key: Uint8Array): void {
    if (this.#memory !== undefined) this.#note(this.#memory, partition, key);
  }

  /** Notes that so much of the partition changes that no list of keys says it: its records are set aside, or come back. */
  interrupted(partition: PartitionId): void {
    if (this.#memory !== undefined) this.#note(this.#memory, partition, NO_KEY);
  }

  /** @param change a number from `first` on, below `next` */
  partitionOf(change: number): PartitionId {
    return (this.#memory?.partitions[change % this.#limits.entries] ?? 0) as PartitionId;
  }

  /** @param change as in `partitionOf`. @returns a copy; empty where the partition was interrupted */
  keyOf(change: number): Buffer {
    const memory = this.#memory;
    if (memory === undefined) return NO_KEY;
    const from = this.#startOf(memory, change);
    const length = this.#startOf(memory, change + 1) - from;
    const key = Buffer.allocUnsafe(length);
    const at = from % this.#limits.keyBytes;
    const copied = memory.keys.copy(key, 0, at, Math.min(at + length, this.#limits.keyBytes));
    memory.keys.copy(key, copied, 0, length - copied);
    return key;
  }

  #note(memory: RingMemory, partition: PartitionId, key: Uint8Array): void {
    const { entries, keyBytes } = this.#limits;
    const { length } = key;
    if (this.#next - this.#first === entries) this.#first++;
    while (
      this.#first < this.#next &&
      this.#keyBytes + length - this.#startOf(memory, this.#first) > keyBytes
    ) {
      this.#first++;
    }
    const slot = this.#next % entries;
    memory.partitions[slot] = partition;
    memory.starts[slot] = this.#keyBytes;
    const at = this.#keyBytes % keyBytes;
    const fitting = Math.min(length, keyBytes - at);
    memory.keys.set(key.subarray(0, fitting), at);
    memory.keys.set(key.subarray(fitting), 0);
    this.#keyBytes += length;
    this.#next++;
    this.noted();
  }

  #startOf(memory: RingMemory, change: number): number {
    if (change === this.#next) return this.#keyBytes;
    return memory.starts[change % this.#limits.entries] ?? 0;
  }
}
