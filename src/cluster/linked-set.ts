// A set of items that come and go all the time, some of which stay for long. It is a list of linked entries, because a Set
// that grows and shrinks leaves old tables behind that keep each other, and with them all items of the past
// (queue-by-number.ts says more); and a ring by numbers would grow while an old item stays.

export interface LinkedEntry<T> {
  readonly item: T;
  /** Both undefined once it was taken out: a dead entry must not keep others. */
  before: LinkedEntry<T> | undefined;
  after: LinkedEntry<T> | undefined;
}

export class LinkedSet<T> {
  #first: LinkedEntry<T> | undefined;
  #last: LinkedEntry<T> | undefined;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** @returns what `delete` takes */
  add(item: T): LinkedEntry<T> {
    const entry: LinkedEntry<T> = { item, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.after = entry;
    this.#last = entry;
    return entry;
  }

  /** Does nothing for an entry that is not there any more. */
  delete(entry: LinkedEntry<T>): void {
    const { before, after } = entry;
    if (before === undefined && this.#first !== entry) return;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    entry.before = undefined;
    entry.after = undefined;
  }

  /** Takes all items out. @returns them in the order in which they came */
  takeAll(): readonly T[] {
    const items: T[] = [];
    for (let entry = this.#first; entry !== undefined; entry = this.#first) {
      items.push(entry.item);
      this.delete(entry);
    }
    return items;
  }
}
