// A hash table from a key's bytes to what is in progress for that key, made for entries that come and go with every
// request. A Map costs ten times as much here, 2 microseconds per set: when V8 rehashes a Map, the old table keeps a
// reference to the new one, so every table and every entry since then is copied and kept alive until a collection of
// the whole heap.

export interface KeyEntry<Entry> {
  readonly key: Buffer;
  readonly hash: number;
  /** Next entry in the same slot; only the table sets it. */
  nextInSlot: Entry | undefined;
}

/** About one entry per connection exists at a time; more than 4,096 share slots, which only makes lookups slower. */
const SLOTS = 4096;

export class KeyTable<Entry extends KeyEntry<Entry>> {
  readonly #slots = new Array<Entry | undefined>(SLOTS).fill(undefined);

  get(key: Buffer, hash: number): Entry | undefined {
    let entry = this.#slots[slotOf(hash)];
    while (entry !== undefined && !(entry.hash === hash && entry.key.equals(key))) {
      entry = entry.nextInSlot;
    }
    return entry;
  }

  /** @param entry whose key has no entry in the table yet */
  add(entry: Entry): void {
    const slot = slotOf(entry.hash);
    entry.nextInSlot = this.#slots[slot];
    this.#slots[slot] = entry;
  }

  delete(entry: Entry): void {
    const slot = slotOf(entry.hash);
    let before: Entry | undefined;
    let found = this.#slots[slot];
    while (found !== undefined && found !== entry) {
      before = found;
      found = found.nextInSlot;
    }
    if (found === undefined) return;
    if (before === undefined) this.#slots[slot] = entry.nextInSlot;
    else before.nextInSlot = entry.nextInSlot;
    // Clear the link: a finished entry must not keep a live one from being collected.
    entry.nextInSlot = undefined;
  }
}

function slotOf(hash: number): number {
  return hash & (SLOTS - 1);
}
