// How many copies the files of each class have, and had at any time: while a number is being changed, the lesser one counts.

import { DEFAULT_COPIES } from '../files/classes.ts';
import { DEFAULT_CLASS, type ReplicationClass } from '../files/file-key.ts';

interface ToldCopies {
  readonly sinceMs: number;
  /** Undefined where nobody can tell any more, and will again. */
  readonly copies: number | undefined;
}

export class ClassCopies {
  readonly #told = new Map<ReplicationClass, ToldCopies[]>([
    [DEFAULT_CLASS, [{ sinceMs: 0, copies: DEFAULT_COPIES }]],
  ]);

  /** @param copies undefined where the record of the class is lost, for good */
  set(name: ReplicationClass, copies: number | undefined, sinceMs: number): void {
    const told = this.#told.get(name) ?? [];
    this.#told.set(name, told);
    const last = told.at(-1);
    if (last === undefined || last.copies !== undefined) told.push({ sinceMs, copies });
  }

  /** @returns undefined where nobody can tell */
  now(name: ReplicationClass): number | undefined {
    return this.#told.get(name)?.at(-1)?.copies;
  }

  /** @returns the least number since then; undefined where nobody can tell */
  fewestSince(name: ReplicationClass, sinceMs: number): number | undefined {
    const told = this.#told.get(name) ?? [];
    const first = told.findLastIndex((each) => each.sinceMs <= sinceMs);
    const lately = told.slice(Math.max(0, first)).map(({ copies }) => copies);
    const known = lately.filter((copies) => copies !== undefined);
    return lately.length === 0 || known.length < lately.length ? undefined : Math.min(...known);
  }
}
