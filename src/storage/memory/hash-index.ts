// The index of one partition: from the hash of a key to the location of its record. It uses open addressing in typed
// arrays, so an item costs no object; it grows a few slots with each change, so no set waits for it. The bytes of the
// records are segments.ts's.
//
// The lowest bits of a key's hash give its home slot, and the keys of one piece of a bucket have some of the lowest
// bits in common: their home slots are at a fixed stride, so a piece is found without inspecting the others. Keys
// that arrive piece after piece, as in a copy or a replay, still spread over a table of any size; if slots followed
// the order of the listing they would pile up, and each insert would search through all the earlier ones.

import { assert } from '../../cluster/assert.ts';
import { BUCKETS, type KeyHash, reverseBits } from './digest.ts';
import type { KeyIn } from './key-in.ts';
import type { Location, Segments } from './segments.ts';

const EMPTY = 0;
/** The slot was in use: searches continue behind it. */
const REMOVED = 1;
const NOWHERE = -1;
/** Bytes of a location and a tag. */
const SLOT_BYTES = 6;
const SLOTS_MIN = 2 * BUCKETS;
/** The share of non-empty slots at which the table is full; a search for an absent key then inspects eight of them. */
const FULL = 0.75;
/** Bytes that an index takes for each of its keys when it is as full as it can be. */
export const INDEX_BYTES_LEAST = SLOT_BYTES / FULL;
/** A new table is at most this full; as sizes are powers of two, a table that grew is at least half as full. */
const FULL_AT_FIRST = 0.4;
/** The share of the slots that is still to be filled when a full table counts as due soon. */
const SOON = 0.1;
/** Below this share of keys a table is rebuilt smaller. */
const SPARSE = 0.1;
/** Shrink at most fourfold: the new table takes inserts while the old one drains 16 slots a change. */
const SHRINK_MOST = 4;
const MOVED_WHEN_IDLE = 1024;
/** Slots moved with each change, which adds at most one key: the old table is empty long before the new one is full. */
const MOVED_AT_ONCE = 16;
/**
 * Bits of a tag: `PERISHABLE` marks a delete or a record that expires, `ACCESSED` one that was asked for since it
 * came.
 */
const PERISHABLE = 0x8000;
const ACCESSED = 0x4000;
/** Above the bucket's bits a tag has the highest eight bits of the hash, so hardly any key is compared in vain. */
const BUCKET_IN_TAG = BUCKETS - 1;
const HASH_IN_TAG = 0x3fff;

class SlotTable {
  /** The number of slots, a power of two. */
  readonly size: number;
  readonly slots: Uint32Array;
  /** For each slot 14 bits of the hash, and two about the record. */
  readonly tags: Uint16Array;
  /** How many slots are not empty. */
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
      // In a table without slots this reads undefined, which counts as empty.
      const found = this.slots[slot] ?? EMPTY;
      if (found === location) return slot;
      if (found === EMPTY) return NOWHERE;
    }
  }

  /** @param tag the whole tag, with its two bits about the record */
  insert(hash: KeyHash, location: Location, tag: number): void {
    let slot = this.#home(hash);
    while ((this.slots[slot] ?? EMPTY) > REMOVED) slot = this.#after(slot);
    if (this.slots[slot] === EMPTY) this.used++;
    this.slots[slot] = location;
    this.tags[slot] = tag;
  }

  /**
   * Removes the key in the slot. Removed slots before an empty one become empty: searches need not pass them, and
   * they would fill the table.
   */
  clear(slot: number): void {
    this.slots[slot] = REMOVED;
    if (this.slots[this.#after(slot)] !== EMPTY) return;
    for (let last = slot; this.slots[last] === REMOVED; last = (last - 1) & (this.size - 1)) {
      this.slots[last] = EMPTY;
      this.used--;
    }
  }

  /** @param flags bits that a tag must have for its location to be found */
  collect({ bucket, ofBucket, count }: Piece, flags: number, found: Location[]): void {
    const mask = BUCKET_IN_TAG | flags;
    const wanted = bucket | flags;
    const stride = BUCKETS * count;
    const first = bucket + BUCKETS * (reverseBits(ofBucket) >>> (32 - Math.log2(count)));
    let next = first;
    for (let own = first; own < this.size; own += stride) {
      // A key whose home slot was taken is behind that slot, before the next empty one.
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

/** A piece of a bucket: the keys whose ranks lie in one of `count` equal ranges. */
export interface Piece {
  readonly bucket: number;
  /** Which of the `count` pieces of its bucket this is; `count` is a power of two. */
  readonly ofBucket: number;
  readonly count: number;
}

/** The bytes that all indexes of a store take together. */
export interface IndexAccount {
  bytes: number;
}

export class HashIndex {
  readonly #segments: Segments;
  readonly #account: IndexAccount;
  /** Has no slots until there is a key. */
  #table = new SlotTable(0);
  /** The previous table while the index is rebuilt; `#nextMoved` is its first slot that is still to be moved. */
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

  /** Finds a key as `get` does, and records that it was asked for. */
  access(hash: KeyHash, key: KeyIn): Location | undefined {
    const { table, slot } = this.#find(hash, key) ?? {};
    if (table === undefined || slot === undefined) return undefined;
    table.tags[slot] = (table.tags[slot] ?? 0) | ACCESSED;
    return table.slots[slot] as Location;
  }

  /** Adds a key that is not there yet. */
  add(hash: KeyHash, location: Location, perishable: boolean): void {
    this.#move();
    if (this.#isFullWith(1)) this.#rebuild(this.#nextSize(this.#count + 1));
    this.#table.insert(hash, location, tagOf(hash) | (perishable ? PERISHABLE : 0));
    this.#count++;
  }

  /** How many bytes of memory another key takes: none, unless the index must grow for it. */
  bytesToAdd(): number {
    return this.#isFullWith(1) ? SLOT_BYTES * this.#nextSize(this.#count + 1) : 0;
  }

  /** How many bytes one of the next keys will take, so that there is time to make room for them. */
  bytesToAddSoon(): number {
    const soon = SOON * this.#table.size;
    return this.#isFullWith(soon) ? SLOT_BYTES * this.#nextSize(this.#count + 1) : 0;
  }

  /** Points a present key from the record at `from` to the one at `to`; that counts as an access. */
  replace(hash: KeyHash, from: Location, to: Location, perishable: boolean): void {
    const { table, slot } = this.#slotOf(hash, from) ?? {};
    assert(table !== undefined && slot !== undefined, 'what is replaced is there');
    table.slots[slot] = to;
    table.tags[slot] = tagOf(hash) | ACCESSED | (perishable ? PERISHABLE : 0);
  }

  has(hash: KeyHash, location: Location): boolean {
    return this.#slotOf(hash, location) !== undefined;
  }

  /**
   * @param move moves the record and returns its new location; called only if this index has it at `from`
   * @returns whether this index had the record
   */
  move(hash: KeyHash, from: Location, move: () => Location): boolean {
    const { table, slot } = this.#slotOf(hash, from) ?? {};
    if (table === undefined || slot === undefined) return false;
    table.slots[slot] = move();
    return true;
  }

  /** Continues a rebuild by 1,024 slots. @returns whether there was one to continue */
  work(): boolean {
    const isGrowing = this.#old !== undefined;
    for (let times = 0; times < MOVED_WHEN_IDLE / MOVED_AT_ONCE; times++) this.#move();
    return isGrowing;
  }

  /** Clears the mark that the record was asked for. @returns whether the record is there and had the mark */
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
    // Otherwise each listing would walk through all the slots that the partition once needed.
    const { size } = this.#table;
    const isSparse = size > SLOTS_MIN && this.#count < SPARSE * size;
    if (isSparse && this.#old === undefined) this.#rebuild(this.#nextSize(this.#count));
  }

  /**
   * Removes a key as `remove` does, but from the index of a dropped partition, where it may be gone already.
   * @returns whether it was there
   */
  forget(hash: KeyHash, location: Location): boolean {
    const { table, slot } = this.#slotOf(hash, location) ?? {};
    if (table === undefined || slot === undefined) return false;
    table.clear(slot);
    this.#count--;
    return true;
  }

  /** The number of pieces of at least `slots` slots into which a bucket can be cut now; a power of two. */
  piecesOfBucket(slots: number): number {
    const size = Math.min(this.#table.size, this.#old?.size ?? this.#table.size);
    return Math.max(1, 2 ** Math.floor(Math.log2(size / BUCKETS / slots)));
  }

  /** Locations of the records of a piece, in no order, possibly with some of other pieces. */
  locations(piece: Piece, onlyPerishable = false): readonly Location[] {
    const found: Location[] = [];
    const flags = onlyPerishable ? PERISHABLE : 0;
    this.#table.collect(piece, flags, found);
    this.#old?.collect(piece, flags, found);
    return found;
  }

  /**
   * Removes the keys in up to `slots` slots; an index that becomes empty gives its memory back.
   * @returns the locations of the removed records
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

  /** Gives the index's memory back. */
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

  /** The size for a rebuild: larger than now, the same when many keys were removed, or smaller. */
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
