// How many blobs a file server holds, and how many bytes they have, for people and metrics: nothing is decided by it. The
// count begins with a census of what is on the disk, while blobs come and go. Each folder counts from when it was gone
// through; one that changed meanwhile is gone through again.

export interface BlobCount {
  readonly blobs: number;
  readonly bytes: number;
}

export class BlobCounts {
  #blobs = 0;
  #bytes = 0;
  readonly #counted = new Set<string>();
  /** Folders in which something changed that are not counted yet. */
  readonly #touched = new Set<string>();
  /** How many changes of each folder are under way: a listing may see them or not. */
  readonly #changing = new Map<string, number>();
  #isComplete = false;

  get count(): BlobCount {
    return { blobs: this.#blobs, bytes: this.#bytes };
  }

  /** Whether the census is over; until then the count is of a part. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /**
   * A blob is about to come to a folder, or to leave it.
   * @returns what takes, once, the change that has come of it; undefined where none did
   */
  changing(folder: string): (change: BlobCount | undefined) => void {
    this.#changing.set(folder, (this.#changing.get(folder) ?? 0) + 1);
    return (change) => {
      const others = (this.#changing.get(folder) ?? 0) - 1;
      if (others > 0) this.#changing.set(folder, others);
      else this.#changing.delete(folder);
      if (change === undefined) return;
      if (this.#isComplete || this.#counted.has(folder)) this.#add(change);
      else this.#touched.add(folder);
    };
  }

  /** The census goes through this folder from now on. */
  begin(folder: string): void {
    this.#touched.delete(folder);
  }

  /**
   * @param isLast whether the count is taken as it is, whatever changed meanwhile
   * @returns whether it was taken: otherwise something changed, and the folder must be gone through again
   */
  end(folder: string, count: BlobCount, isLast: boolean): boolean {
    const isSure = !this.#touched.has(folder) && !this.#changing.has(folder);
    if (!isSure && !isLast) return false;
    this.#touched.delete(folder);
    this.#counted.add(folder);
    this.#add(count);
    return true;
  }

  /** @returns a folder in which something changed, and which the census has not met */
  get missed(): string | undefined {
    const [first] = this.#touched;
    return first;
  }

  complete(): void {
    this.#isComplete = true;
    this.#counted.clear();
    this.#touched.clear();
  }

  #add({ blobs, bytes }: BlobCount): void {
    this.#blobs += blobs;
    this.#bytes += bytes;
  }
}
