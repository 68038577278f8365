// What is in progress, by a number that rises: in a ring, because a Map that grows and shrinks all the time
// leaves tables behind that point at each other, and one of them in V8's old generation keeps all that came
// after it, with everything in it, until the next full collection.

const CAPACITY_MIN = 64;
/** After this one numbers begin again, at 0. */
const NUMBER_MAX = 0xffffffff;

export class QueueByNumber<T> {
  #slots: (T | undefined)[] = new Array(CAPACITY_MIN).fill(undefined);
  /** Of the oldest one that may still be here. */
  #oldest: number;
  /** That the next one gets. */
  #next: number;
  #size = 0;

  /** @param first number that is given out */
  constructor(first = 1) {
    this.#oldest = first;
    this.#next = first;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns the number that it has from now on */
  add(item: T): number {
    if (this.#span() === this.#slots.length) this.#grow();
    const number = this.#next;
    this.#slots[number & (this.#slots.length - 1)] = item;
    this.#next = following(number);
    this.#size++;
    return number;
  }

  /** @returns what had that number, if it is still here; it is not any more */
  take(number: number): T | undefined {
    // What was here before the numbers began again, or will come, is not.
    if ((number - this.#oldest) >>> 0 >= this.#span()) return undefined;
    const at = number & (this.#slots.length - 1);
    const item = this.#slots[at];
    if (item === undefined) return undefined;
    this.#slots[at] = undefined;
    this.#size--;
    this.#skip();
    return item;
  }

  /** The one with the least number. */
  first(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#oldest & (this.#slots.length - 1)];
  }

  shift(): T | undefined {
    return this.#size === 0 ? undefined : this.take(this.#oldest);
  }

  /** In the order of their numbers, until `visit` returns false; it may take what it is shown, and add. */
  visit(visit: (item: T, number: number) => boolean): void {
    const end = this.#next;
    for (let number = this.#oldest; number !== end; number = following(number)) {
      if ((number - this.#oldest) >>> 0 >= this.#span()) continue;
      const item = this.#slots[number & (this.#slots.length - 1)];
      if (item !== undefined && !visit(item, number)) return;
    }
  }

  /** @returns all, in the order of their numbers; none is left */
  takeAll(): T[] {
    const all: T[] = [];
    for (let item = this.shift(); item !== undefined; item = this.shift()) all.push(item);
    return all;
  }

  #span(): number {
    return (this.#next - this.#oldest) >>> 0;
  }

  /** What was answered out of order leaves holes behind the oldest. */
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

function following(number: number): number {
  return number === NUMBER_MAX ? 0 : number + 1;
}
