// A map by paths that also knows the names in each folder, in the order in which the map has them: a file server lists a folder far
// more often than there are paths in it. What paths stand for is file-tree.ts's.

export class FolderMap<Value> {
  readonly #values = new Map<string, Value>();
  /** The names in each folder that has any. A name that is set again keeps its place, as in the map. */
  readonly #names = new Map<string, Set<string>>();

  static copyOf<Value>(other: FolderMap<Value>): FolderMap<Value> {
    const copy = new FolderMap<Value>();
    for (const [path, value] of other.byPath) copy.set(path, value);
    return copy;
  }

  get byPath(): ReadonlyMap<string, Value> {
    return this.#values;
  }

  get(path: string): Value | undefined {
    return this.#values.get(path);
  }

  has(path: string): boolean {
    return this.#values.has(path);
  }

  set(path: string, value: Value): void {
    this.#values.set(path, value);
    // The top is in no folder.
    if (path === '') return;
    const folder = parentOf(path);
    const names = this.#names.get(folder);
    if (names === undefined) this.#names.set(folder, new Set([nameOf(path)]));
    else names.add(nameOf(path));
  }

  delete(path: string): void {
    if (!this.#values.delete(path)) return;
    const folder = parentOf(path);
    const names = this.#names.get(folder);
    names?.delete(nameOf(path));
    if (names?.size === 0) this.#names.delete(folder);
  }

  clear(): void {
    this.#values.clear();
    this.#names.clear();
  }

  namesIn(folder: string): Iterable<string> {
    return this.#names.get(folder) ?? [];
  }
}

/** @returns the folder that a path is in; empty for the top */
export function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
