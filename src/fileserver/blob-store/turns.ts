// What is asked about one blob is done one after the other: a commit and a delete of the same id never meet.

export class Turns<Key> {
  readonly #waiting = new Map<Key, (() => void)[]>();

  /** @param work called when its turn comes, at once if nobody has it; it says once that it is done */
  take(key: Key, work: (done: () => void) => void): void {
    const run = () => {
      let isDone = false;
      work(() => {
        if (isDone) return;
        isDone = true;
        this.#next(key);
      });
    };
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.push(run);
      return;
    }
    this.#waiting.set(key, []);
    run();
  }

  #next(key: Key): void {
    const next = this.#waiting.get(key)?.shift();
    if (next === undefined) this.#waiting.delete(key);
    else next();
  }
}
