// The index of one partition: from the hash of a key to where its record is. Open addressing in typed
// arrays, so an item costs no object; it grows a few slots with each change, so no set waits for it.
//
// A key's own slot is given by the lowest bits of its hash, and a piece of a bucket is what has some of the
// lowest bits in common: every so many-th slot, so it is found without looking at the others. What comes
// piece after piece, as a copy or a replay does, still has slots all over the table at any size of it; in
// slots that follow the order of the listing it would pile up, and each key would search through all before.

import { assert } from '../../cluster/assert.ts';
import { BUCKETS, type KeyHash, reverseBits } from './digest.ts';
import type { KeyIn } from './key-in.ts';
import type { Location, Segments } from './segments.ts';

const EMPTY = 0;
/** Was in use: searches go on behind it. */
const REMOVED = 1;
const NOWHERE = -1;
/** A location and a tag. */
const SLOT_BYTES = 6;
const SLOTS_MIN = 2 * BUCKETS;
/** Of the slots that are not empty: a search for what is not there then looks at eight of them. */
const FULL = 0.75;
/** What an index takes for each of its keys, if it is as full as it gets. */
export const INDEX_BYTES_LEAST = SLOT_BYTES / FULL;
/** So a new table is begun between a fifth and two fifths full. */
const FULL_AT_FIRST = 0.4;
/** The share of its slots before it is full. */
const SOON = 0.1;
/** Below this a table is rebuilt smaller. */
const SPARSE = 0.1;
/** A new one is no smaller than a quarter: it takes what comes in while the old one, 16 slots a change, is emptied. */
const SHRINK_MOST = 4;
const MOVED_WHEN_IDLE = 1024;
/** Slots moved with each change, which adds one at most: the old table is empty long before the new is full. */
const MOVED_AT_ONCE = 16;
/** Of a tag: what time takes away, and what was asked for since it came. */
const PERISHABLE = 0x8000;
const ACCESSED = 0x4000;
/** Above the bucket's bits are the highest eight of the hash, so that hardly a key is compared in vain. */
const BUCKET_IN_TAG = BUCKETS - 1;
const HASH_IN_TAG = 0x3fff;

class SlotTable {
  /** A power of two. */
  readonly size: number;
  readonly slots: Uint32Array;
  /** Bits of the hash, and two about the record. */
  readonly tags: Uint16Array;
  /** Slots that are not empty. */
  used = 0;

  constructor(size: number) {
    this.size = size;
    this.slots = new Uint32Array(size);
    this.tags = new Uint16Array(size);
  }

  find(hash: KeyHash, key: KeyIn, segments: Segments): number {
    const tag = tagOf(hash);
    for (let slot = this.#home(hash); ; slot = this.#after(slot)) {
      const location = this.slots[slot] ?? EMPTY;
      if (location === EMPTY) return NOWHERE;
      if (location === REMOVED || ((this.tags[slot] ?? 0) & HASH_IN_TAG) !== tag) continue;
      if (segments.hasKey(location as Location, key)) return slot;
    }
  }

  findLocation(hash: KeyHash, location: Location): number {
    for (let slot = this.#home(hash); ; slot = this.#after(slot)) {
      // A table without slots has none that is not empty.
      const found = this.slots[slot] ?? EMPTY;
      if (found === location) return slot;
      if (found === EMPTY) return NOWHERE;
    }
  }

  /** @param tag all of it */
  insert(hash: KeyHash, location: Location, tag: number): void {
    let slot = this.#home(hash);
    while ((this.slots[slot] ?? EMPTY) > REMOVED) slot = this.#after(slot);
    if (this.slots[slot] === EMPTY) this.used++;
    this.slots[slot] = location;
    this.tags[slot] = tag;
  }

  /** Nobody must search on behind it when nothing is: or a table would fill with what was removed. */
  clear(slot: number): void {
    this.slots[slot] = REMOVED;
    if (this.slots[this.#after(slot)] !== EMPTY) return;
    for (let last = slot; this.slots[last] === REMOVED; last = (last - 1) & (this.size - 1)) {
      this.slots[last] = EMPTY;
      this.used--;
    }
  }

  /** @param flags of the tags that are looked for */
  collect({ bucket, ofBucket, count }: Piece, flags: number, found: Location[]): void {
    const mask = BUCKET_IN_TAG | flags;
    const wanted = bucket | flags;
    const stride = BUCKETS * count;
    const first = bucket + BUCKETS * (reverseBits(ofBucket) >>> (32 - Math.log2(count)));
    let next = first;
    for (let own = first; own < this.size; own += stride) {
      // What found its own slot taken is behind it, up to the first that is empty.
      for (next = Math.max(next, own); ; next++) {
        const slot = next & (this.size - 1);
        const location = this.slots[slot] ?? EMPTY;
        if (location === EMPTY || (next >= this.size && slot === first)) break;
        if (location > REMOVED && ((this.tags[slot] ?? 0) & mask) === wanted) {
          found.push(location as Location);
        }
      }
    }
  }

  #home(hash: KeyHash): number {
    return hash & (this.size - 1);
  }

  #after(slot: number): number {
    return (slot + 1) & (this.size - 1);
  }
}

interface Found {
  readonly table: SlotTable;
  readonly slot: number;
}

/** A piece of a bucket: the keys of some ranks. */
export interface Piece {
  readonly bucket: number;
  /** Which one of the `count` that its bucket has; `count` is a power of two. */
  readonly ofBucket: number;
  readonly count: number;
}

/** What all indexes of a store take of its memory. */
export interface IndexAccount {
  bytes: number;
}

export class HashIndex {
  readonly #segments: Segments;
  readonly #account: IndexAccount;
  /** Without a slot until there is a key. */
  #table = new SlotTable(0);
  /** While the index grows: the table before, and the first slot of it that is still to be moved. */
  #old: SlotTable | undefined;
  #nextMoved = 0;
  #count = 0;

  constructor(segments: Segments, account: IndexAccount) {
    this.#segments = segments;
    this.#account = account;
  }

  get count(): number {
    return this.#count;
  }

  get(hash: KeyHash, key: KeyIn): Location | undefined {
    const { table, slot } = this.#find(hash, key) ?? {};
    return table === undefined || slot === undefined ? undefined : (table.slots[slot] as Location);
  }

  /** As `get`, and remembers that it was asked for. */
  access(hash: KeyHash, key: KeyIn): Location | undefined {
    const { table, slot } = this.#find(hash, key) ?? {};
    if (table === undefined || slot === undefined) return undefined;
    table.tags[slot] = (table.tags[slot] ?? 0) | ACCESSED;
    return table.slots[slot] as Location;
  }

  /** For a key that is not there. */
  add(hash: KeyHash, location: Location, perishable: boolean): void {
    this.#move();
    if (this.#isFullWith(1)) this.#rebuild(this.#nextSize(this.#count + 1));
    this.#table.insert(hash, location, tagOf(hash) | (perishable ? PERISHABLE : 0));
    this.#count++;
  }

  /** What another key takes of the memory: nothing, unless the index must grow for it. */
  bytesToAdd(): number {
    return this.#isFullWith(1) ? SLOT_BYTES * this.#nextSize(this.#count + 1) : 0;
  }

  /** What one of the next keys takes, so that there is time to make room for it. */
  bytesToAddSoon(): number {
    const soon = SOON * this.#table.size;
    return this.#isFullWith(soon) ? SLOT_BYTES * this.#nextSize(this.#count + 1) : 0;
  }

  /** Of a key that is there, from the record at `from` to the one at `to`; that counts as an access. */
  replace(hash: KeyHash, from: Location, to: Location, perishable: boolean): void {
    const { table, slot } = this.#slotOf(hash, from) ?? {};
    assert(table !== undefined && slot !== undefined, 'what is replaced is there');
    table.slots[slot] = to;
    table.tags[slot] = tagOf(hash) | ACCESSED | (perishable ? PERISHABLE : 0);
  }

  has(hash: KeyHash, location: Location): boolean {
    return this.#slotOf(hash, location) !== undefined;
  }

  /** @param move gives the record its new place; only called when one here is at `from`. @returns whether it is */
  move(hash: KeyHash, from: Location, move: () => Location): boolean {
    const { table, slot } = this.#slotOf(hash, from) ?? {};
    if (table === undefined || slot === undefined) return false;
    table.slots[slot] = move();
    return true;
  }

  /** While it grows: some more of what it has to move. @returns whether there was any */
  work(): boolean {
    const isGrowing = this.#old !== undefined;
    for (let times = 0; times < MOVED_WHEN_IDLE / MOVED_AT_ONCE; times++) this.#move();
    return isGrowing;
  }

  /** Forgets that it was asked for. @returns whether a record is there that was */
  takeAccess(hash: KeyHash, location: Location): boolean {
    const { table, slot } = this.#slotOf(hash, location) ?? {};
    if (table === undefined || slot === undefined) return false;
    const tag = table.tags[slot] ?? 0;
    table.tags[slot] = tag & ~ACCESSED;
    return (tag & ACCESSED) !== 0;
  }

  remove(hash: KeyHash, location: Location): void {
    const { table, slot } = this.#slotOf(hash, location) ?? {};
    assert(table !== undefined && slot !== undefined, 'what is removed is there');
    table.clear(slot);
    this.#count--;
    this.#move();
    // Or everybody who lists it would walk through what it once had.
    const { size } = this.#table;
    const isSparse = size > SLOTS_MIN && this.#count < SPARSE * size;
    if (isSparse && this.#old === undefined) this.#rebuild(this.#nextSize(this.#count));
  }

  /** As `remove`, of an index that is dropped: of what may be gone. @returns whether it was there */
  forget(hash: KeyHash, location: Location): boolean {
    const { table, slot } = this.#slotOf(hash, location) ?? {};
    if (table === undefined || slot === undefined) return false;
    table.clear(slot);
    this.#count--;
    return true;
  }

  /** Into so many pieces of at least `slots` slots each bucket can be cut now; a power of two. */
  piecesOfBucket(slots: number): number {
    const size = Math.min(this.#table.size, this.#old?.size ?? this.#table.size);
    return Math.max(1, 2 ** Math.floor(Math.log2(size / BUCKETS / slots)));
  }

  /** Where the records of a piece are, in no order, and maybe some of other pieces. */
  locations(piece: Piece, onlyPerishable = false): readonly Location[] {
    const found: Location[] = [];
    const flags = onlyPerishable ? PERISHABLE : 0;
    this.#table.collect(piece, flags, found);
    this.#old?.collect(piece, flags, found);
    return found;
  }

  /**
   * Forgets where the records of some slots are. @returns where they were
   * @param slots to look at, at most; when the index is empty it is done
   */
  drain(slots: number): readonly Location[] {
    const found: Location[] = [];
    for (let looked = 0; looked < slots && this.#count > 0; looked++) {
      const table = this.#old ?? this.#table;
      const location = table.slots[this.#nextMoved] ?? EMPTY;
      if (location > REMOVED) {
        table.slots[this.#nextMoved] = REMOVED;
        found.push(location as Location);
        this.#count--;
      }
      this.#nextMoved++;
      if (this.#nextMoved < table.size) continue;
      this.#discardOld();
      this.#nextMoved = 0;
    }
    if (this.#count === 0) this.discard();
    return found;
  }

  /** Gives its memory back. */
  discard(): void {
    this.#discardOld();
    this.#account.bytes -= SLOT_BYTES * this.#table.size;
    this.#table = new SlotTable(0);
  }

  #find(hash: KeyHash, key: KeyIn): Found | undefined {
    const slot = this.#table.find(hash, key, this.#segments);
    if (slot !== NOWHERE) return { table: this.#table, slot };
    if (this.#old === undefined) return undefined;
    const oldSlot = this.#old.find(hash, key, this.#segments);
    return oldSlot === NOWHERE ? undefined : { table: this.#old, slot: oldSlot };
  }

  #slotOf(hash: KeyHash, location: Location): Found | undefined {
    let table = this.#table;
    let slot = table.findLocation(hash, location);
    if (slot === NOWHERE && this.#old !== undefined) {
      table = this.#old;
      slot = table.findLocation(hash, location);
    }
    return slot === NOWHERE ? undefined : { table, slot };
  }

  #isFullWith(more: number): boolean {
    return this.#old === undefined && this.#table.used + more >= FULL * this.#table.size;
  }

  /** Larger than before, the same when much was removed, or smaller. */
  #nextSize(count: number): number {
    let size = Math.max(SLOTS_MIN, this.#table.size / SHRINK_MOST);
    while (count > FULL_AT_FIRST * size) size *= 2;
    return size;
  }

  #rebuild(size: number): void {
    this.#old = this.#table.size === 0 ? undefined : this.#table;
    this.#nextMoved = 0;
    this.#table = new SlotTable(size);
    this.#account.bytes += SLOT_BYTES * size;
  }

  #move(): void {
    const old = this.#old;
    if (old === undefined) return;
    const end = Math.min(old.size, this.#nextMoved + MOVED_AT_ONCE);
    for (; this.#nextMoved < end; this.#nextMoved++) {
      const location = (old.slots[this.#nextMoved] ?? EMPTY) as Location;
      if (location <= REMOVED) continue;
      old.slots[this.#nextMoved] = REMOVED;
      const hash = this.#segments.keyHashAt(location);
      this.#table.insert(hash, location, old.tags[this.#nextMoved] ?? 0);
    }
    if (this.#nextMoved === old.size) this.#discardOld();
  }

  #discardOld(): void {
    this.#account.bytes -= SLOT_BYTES * (this.#old?.size ?? 0);
    this.#old = undefined;
  }
}

function tagOf(hash: KeyHash): number {
  return (hash & BUCKET_IN_TAG) | ((hash >>> 24) << 6);
}
