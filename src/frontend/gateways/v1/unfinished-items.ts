// What has come of items of batches that have not begun: the beginning of a long line or value. All batches of a frontend
// share one limit, as bodies that are taken whole do (cluster/io/server/request-bodies.ts): clients that send the
// beginnings of many long items, and no more, must not fill the memory.

/** Who has read a part of an item. */
export interface ItemHolder {
  /** Drops the part, and reads no more. */
  shed(): void;
}

export class UnfinishedItems {
  readonly #bytesMax: number;
  #bytes = 0;
  /** Who has had something for longest comes first. */
  readonly #holders = new Map<ItemHolder, number>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @param bytes how much the holder has now; beyond the limit of all together the oldest is shed, which notes 0 */
  note(holder: ItemHolder, bytes: number): void {
    this.#bytes += bytes - (this.#holders.get(holder) ?? 0);
    if (bytes === 0) this.#holders.delete(holder);
    else this.#holders.set(holder, bytes);
    while (this.#bytes > this.#bytesMax) {
      const [oldest] = this.#holders.keys();
      if (oldest === undefined) return;
      oldest.shed();
    }
  }
}
