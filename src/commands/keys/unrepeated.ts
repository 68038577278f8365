// Keeps a listing that broke off and went on from listing a key twice: the lines since the last cursor come again then.
// It remembers the keys of one page. Pure.

export class Unrepeated {
  /** Keys listed since the last cursor. */
  readonly #page = new Set<string>();
  /** Keys listed before a break that have not come again yet. */
  readonly #repeats = new Set<string>();

  /** @returns whether the key was not listed before, as far as this may still come */
  isNew(key: string): boolean {
    const isRepeated = this.#repeats.delete(key);
    this.#page.add(key);
    return !isRepeated;
  }

  cursorCame(): void {
    this.#page.clear();
  }

  broke(): void {
    for (const key of this.#page) this.#repeats.add(key);
    this.#page.clear();
  }
}
