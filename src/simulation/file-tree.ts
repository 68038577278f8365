// The names of a simulated directory tree with links: several names may stand for one file. Every process of the machine
// sees a change at once; a loss of power undoes any of those that were not settled, each as a whole, so that a file that
// is moved is never at neither of its two names.

import type { FileEntry } from '../cluster/files.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import { FolderMap, parentOf } from './folder-map.ts';
import type { StoredFile } from './stored-file.ts';

/** One step of the file system's journal: it reaches the disk as a whole, or not at all. */
export interface NameChange {
  readonly paths: readonly string[];
  apply(files: FolderMap<StoredFile>): void;
}

/** A system writes its journal out by itself in the end: changes older than this are not undone, in ms. */
const UNSETTLED_MS = 30_000;

export class FileTree {
  #files = new FolderMap<StoredFile>();
  /** What is there after a loss of power, whatever it undoes. */
  readonly #durable = new FolderMap<StoredFile>();
  readonly #directories = new FolderMap<true>();
  readonly #unsettledDirectories = new Set<string>();
  readonly #now: () => number;
  /** The changes that may be undone, the oldest first. */
  #journal: { readonly change: NameChange; readonly atMs: number }[] = [];

  /** @param now in ms */
  constructor(now: () => number) {
    this.#now = now;
    this.#directories.set('', true);
  }

  get files(): ReadonlyMap<string, StoredFile> {
    return this.#files.byPath;
  }

  /** @returns the file that has this name whatever happens, if its bytes survive as well */
  survivor(path: string): StoredFile | undefined {
    const file = this.#durable.get(path);
    return file?.survives === true && this.#files.get(path) === file ? file : undefined;
  }

  hasDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  makeDirectory(path: string): void {
    for (let each = path; each !== ''; each = parentOf(each)) {
      if (this.#directories.has(each)) continue;
      this.#directories.set(each, true);
      this.#unsettledDirectories.add(each);
    }
  }

  settleDirectory(path: string): void {
    for (let each = path; each !== ''; each = parentOf(each)) {
      this.#unsettledDirectories.delete(each);
    }
  }

  put(path: string, file: StoredFile): NameChange {
    return this.#change({ paths: [path], apply: (files) => files.set(path, file) });
  }

  unlink(path: string): NameChange {
    return this.#change({ paths: [path], apply: (files) => files.delete(path) });
  }

  move(from: string, to: string, file: StoredFile): NameChange {
    return this.#change({
      paths: [from, to],
      apply: (files) => {
        files.delete(from);
        files.set(to, file);
      },
    });
  }

  /** All changes so far of names in this directory survive from now on. */
  settleNamesIn(folder: string): void {
    const isInside = ({ paths }: NameChange) => paths.some((path) => parentOf(path) === folder);
    this.settle(this.#journal.map(changeOf).filter(isInside));
  }

  /** From now on these survive, and with them all earlier changes of the same names, and so on. */
  settle(changes: readonly NameChange[]): void {
    const paths = new Set(changes.flatMap((change) => change.paths));
    const settled = new Set<NameChange>();
    let isBefore = false;
    for (const { change } of [...this.#journal].reverse()) {
      isBefore ||= changes.includes(change);
      if (!isBefore || !change.paths.some((path) => paths.has(path))) continue;
      settled.add(change);
      for (const path of change.paths) paths.add(path);
    }
    this.#write(settled);
  }

  losePower(random: SeededRandom): void {
    this.#settleOld();
    for (const { change } of this.#journal) {
      if (random.chance(0.5)) change.apply(this.#durable);
    }
    this.#journal = [];
    for (const path of this.#unsettledDirectories) {
      if (random.chance(0.5)) this.#loseDirectory(path);
    }
    this.#unsettledDirectories.clear();
    this.#files = FolderMap.copyOf(this.#durable);
    for (const file of new Set(this.files.values())) file.losePower(random);
  }

  clear(): void {
    this.#files.clear();
    this.#durable.clear();
    this.#journal = [];
    this.#directories.clear();
    this.#directories.set('', true);
    this.#unsettledDirectories.clear();
  }

  entriesIn(folder: string): readonly FileEntry[] {
    const entries = (names: Iterable<string>, isDirectory: boolean) =>
      [...names].map((name) => ({ name, isDirectory }));
    return [
      ...entries(this.#directories.namesIn(folder), true),
      ...entries(this.#files.namesIn(folder), false),
    ];
  }

  #change(change: NameChange): NameChange {
    change.apply(this.#files);
    this.#settleOld();
    this.#journal.push({ change, atMs: this.#now() });
    return change;
  }

  #settleOld(): void {
    const untilMs = this.#now() - UNSETTLED_MS;
    this.#write(new Set(this.#journal.filter(({ atMs }) => atMs <= untilMs).map(changeOf)));
  }

  #write(settled: ReadonlySet<NameChange>): void {
    if (settled.size === 0) return;
    for (const { change } of this.#journal) if (settled.has(change)) change.apply(this.#durable);
    this.#journal = this.#journal.filter(({ change }) => !settled.has(change));
  }

  #loseDirectory(folder: string): void {
    const isInside = (path: string) => path === folder || path.startsWith(`${folder}/`);
    for (const path of [...this.#directories.byPath.keys()])
      if (isInside(path)) this.#directories.delete(path);
    for (const path of [...this.#durable.byPath.keys()])
      if (isInside(path)) this.#durable.delete(path);
  }
}

function changeOf({ change }: { readonly change: NameChange }): NameChange {
  return change;
}
