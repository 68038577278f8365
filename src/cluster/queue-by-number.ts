// A queue of items in progress, each under a number; numbers rise. It is a ring, because a Map that grows and shrinks
// all the time leaves old tables behind that point to the next one: one of them in V8's old generation keeps all
// later ones, with everything in them, until the next full collection.

const CAPACITY_MIN = 64;
/** The last number before they start again at 0. */
const NUMBER_MAX = 0xffffffff;

export class QueueByNumber<T> {
  #slots: (T | undefined)[] = new Array(CAPACITY_MIN).fill(undefined);
  /** The lowest number that may still have an item. */
  #oldest: number;
  /** The number that the next item gets. */
  #next: number;
  #size = 0;

  /** @param first the number of the first item */
  constructor(first = 1) {
    this.#oldest = first;
    this.#next = first;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns the number under which the item is kept */
  add(item: T): number {
    if (this.#span() === this.#slots.length) this.#grow();
    const number = this.#next;
    this.#slots[number & (this.#slots.length - 1)] = item;
    this.#next = following(number);
    this.#size++;
    return number;
  }

  /** Takes the item with that number out of the queue. @returns undefined when it is not there (any more) */
  take(number: number): T | undefined {
    // The number is not from `#oldest` up to `#next`, with the wrap-around: its item was taken, or is yet to come.
    if ((number - this.#oldest) >>> 0 >= this.#span()) return undefined;
    const at = number & (this.#slots.length - 1);
    const item = this.#slots[at];
    if (item === undefined) return undefined;
    this.#slots[at] = undefined;
    this.#size--;
    this.#skip();
    return item;
  }

  /** The item with the lowest number, which stays. */
  first(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#oldest & (this.#slots.length - 1)];
  }

  shift(): T | undefined {
    return this.#size === 0 ? undefined : this.take(this.#oldest);
  }

  /**
   * Shows the items in the order of their numbers, until `visit` returns false. `visit` may take the item it is
   * shown, and add items, which are not shown.
   */
  visit(visit: (item: T, number: number) => boolean): void {
    const end = this.#next;
    for (let number = this.#oldest; number !== end; number = following(number)) {
      if ((number - this.#oldest) >>> 0 >= this.#span()) continue;
      const item = this.#slots[number & (this.#slots.length - 1)];
      if (item !== undefined && !visit(item, number)) return;
    }
  }

  /** Takes all items. @returns them in the order of their numbers */
  takeAll(): T[] {
    const all: T[] = [];
    for (let item = this.shift(); item !== undefined; item = this.shift()) all.push(item);
    return all;
  }

  #span(): number {
    return (this.#next - this.#oldest) >>> 0;
  }

  /** Moves on to the oldest item that is left; items taken out of order have left holes behind it. */
  #skip(): void {
    while (this.#oldest !== this.#next) {
      if (this.#slots[this.#oldest & (this.#slots.length - 1)] !== undefined) return;
      this.#oldest = following(this.#oldest);
    }
  }

  #grow(): void {
    const slots: (T | undefined)[] = new Array(2 * this.#slots.length).fill(undefined);
    for (let number = this.#oldest; number !== this.#next; number = following(number)) {
      slots[number & (slots.length - 1)] = this.#slots[number & (this.#slots.length - 1)];
    }
    this.#slots = slots;
  }
}

/** Whether the number was given before the other one, or is the same; they must not be two billion apart. */
export function isNoLater(number: number, other: number): boolean {
  return (other - number) >>> 0 <= NUMBER_MAX >>> 1;
}

function following(number: number): number {
  return number === NUMBER_MAX ? 0 : number + 1;
}
