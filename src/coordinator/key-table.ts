// What goes on for which key, found by the key's bytes. It is for entries that come and go with every request.
// A Map is not: each time it makes room it leaves its old table behind, which in V8 holds the next one, and so
// on, until a collection of the whole heap. Everything that ever was in it is copied and kept until then: 2
// microseconds for each set, where this takes a tenth.

export interface KeyEntry<Entry> {
  readonly key: Buffer;
  readonly hash: number;
  /** The table's. */
  nextInSlot: Entry | undefined;
}

/** Entries that are there at once are about as many as connections; more than this only share slots. */
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

  /** @param entry of a key that has none */
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
    // What is over must not hold what is not.
    entry.nextInSlot = undefined;
  }
}

function slotOf(hash: number): number {
  return hash & (SLOTS - 1);
}
