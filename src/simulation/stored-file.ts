// One file on a simulated disk: the bytes that the processes of its machine see, and what a loss of power, a failed
// sync or rot makes of them. The buffer grows in place: a log that is never compacted gets a thousand appends.

import { assert } from '../cluster/assert.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';

export type FileKind = 'log' | 'state';

/** The range of bytes that one call appended. */
interface Appended {
  readonly from: number;
  readonly to: number;
}

export class StoredFile {
  readonly kind: FileKind;
  #memory: Buffer;
  #length: number;
  #syncedLength: number;
  /** Ranges of the whole appends that are still intact, in order. */
  readonly #appended: Appended[] = [];
  /** An unsynced truncation and the bytes it cut off: a loss of power may undo it. */
  #cutOff: { readonly at: number; readonly bytes: Buffer } | undefined;
  /** A range that only the page cache has, yet the system counts it as written: no sync brings it to the disk. */
  #onlyInMemory: Appended | undefined;
  #isRotten = false;

  /** @param bytes the content, already synced */
  constructor(kind: FileKind, bytes: Buffer = Buffer.alloc(0)) {
    this.kind = kind;
    this.#memory = Buffer.from(bytes);
    this.#length = bytes.length;
    this.#syncedLength = bytes.length;
  }

  /** A view, valid until the file is changed. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** Whether bits of it were flipped, so that its bytes are not what was written. */
  get isRotten(): boolean {
    return this.#isRotten;
  }

  append(bytes: Buffer): void {
    const from = this.#length;
    this.appendPart(bytes);
    this.#appended.push({ from, to: this.#length });
  }

  /** Appends what a crash or a full disk left of an append. */
  appendPart(bytes: Buffer): void {
    this.write(this.#length, bytes);
  }

  /** Writes at any position; the gap between the old end and the position becomes zero. */
  write(position: number, bytes: Buffer): void {
    const end = position + bytes.length;
    if (end > this.#memory.length) {
      const grown = Buffer.alloc(2 * end);
      this.bytes.copy(grown);
      this.#memory = grown;
    }
    if (position > this.#length) this.#memory.fill(0, this.#length, position);
    bytes.copy(this.#memory, position);
    this.#length = Math.max(this.#length, end);
    this.#syncedLength = Math.min(this.#syncedLength, position);
  }

  /** Writes bytes again that the file has: the next sync writes them also where the system thinks it need not. */
  rewrite(position: number, bytes: Buffer): void {
    const end = position + bytes.length;
    assert(this.bytes.subarray(position, end).equals(bytes), 'what is rewritten is there');
    const range = this.#onlyInMemory;
    if (range === undefined || position > range.from || end < range.to) return;
    this.#onlyInMemory = undefined;
    this.#syncedLength = Math.min(this.#syncedLength, range.from);
  }

  truncate(length: number): void {
    if (length >= this.#length) return;
    if (length < this.#syncedLength) {
      const bytes = this.#memory.subarray(length, this.#syncedLength);
      const cutBefore = this.#cutOff?.bytes ?? Buffer.alloc(0);
      this.#cutOff = { at: length, bytes: Buffer.concat([bytes, cutBefore]) };
    }
    this.#shorten(length);
  }

  /** @param length the length when the sync began; later appends are not synced */
  sync(length = this.#length): void {
    this.#syncedLength = Math.max(this.#syncedLength, Math.min(length, this.#length));
    this.#cutOff = undefined;
  }

  /**
   * A sync failed, and the system dropped the unsynced pages: it loses all of them, or some, which read as zero from
   * now on; or it keeps them in memory and counts them as written. It reports this once: the next sync succeeds without
   * writing them.
   */
  loseUnsynced(random: SeededRandom): void {
    const outcome = random.pick(['nothing is left', 'some is zero', 'only memory has it'] as const);
    if (outcome === 'nothing is left') this.#shorten(this.#syncedLength);
    else if (outcome === 'some is zero') this.#loseSome(random);
    else if (this.#length > this.#syncedLength) {
      const from = Math.min(this.#syncedLength, this.#onlyInMemory?.from ?? this.#length);
      this.#onlyInMemory = { from, to: this.#length };
    }
  }

  /**
   * The machine lost power: some prefix of the unsynced bytes is left, perhaps with holes, since pages reach the disk
   * in any order. What is left now also survives the next loss.
   */
  losePower(random: SeededRandom): void {
    this.#loseMemory();
    const cutOff = this.#cutOff;
    if (cutOff !== undefined && random.chance(0.5)) {
      this.#shorten(cutOff.at);
      this.appendPart(cutOff.bytes);
    } else {
      const unsynced = this.#length - this.#syncedLength;
      this.#shorten(this.#syncedLength + random.below(unsynced + 1));
      if (this.#length > this.#syncedLength && random.chance(0.5)) this.#loseSome(random);
    }
    this.sync();
  }

  /**
   * In a log, rot before this offset can be told from an interrupted append, because a synced append follows it that no
   * crash takes away.
   * @returns undefined where there is no such append
   */
  lastSyncedAppend(): number | undefined {
    return this.#appended.findLast(({ to }) => to <= this.#syncedLength)?.from;
  }

  get syncedLength(): number {
    return this.#syncedLength;
  }

  /** Whether all its bytes are on the disk. */
  get survives(): boolean {
    return this.#syncedLength === this.#length && this.#onlyInMemory === undefined;
  }

  /** Flips bits among the first `bytes` bytes. */
  rot(bytes: number, bits: number, random: SeededRandom): void {
    for (let left = bits; left > 0; left--) {
      const at = random.below(bytes);
      this.#memory[at] = (this.#memory[at] ?? 0) ^ (1 << random.below(8));
    }
    this.#isRotten = true;
  }

  #loseMemory(): void {
    const range = this.#onlyInMemory;
    if (range === undefined) return;
    this.#memory.fill(0, range.from, range.to);
    this.#forgetAppended(range.from);
    this.#onlyInMemory = undefined;
  }

  #shorten(length: number): void {
    this.#length = Math.min(this.#length, length);
    this.#syncedLength = Math.min(this.#syncedLength, this.#length);
    this.#forgetAppended(this.#length);
    const range = this.#onlyInMemory;
    if (range === undefined || range.to <= this.#length) return;
    this.#onlyInMemory =
      range.from < this.#length ? { from: range.from, to: this.#length } : undefined;
  }

  /** Forgets appends that end behind this offset: their bytes are no longer intact. */
  #forgetAppended(length: number): void {
    while ((this.#appended.at(-1)?.to ?? 0) > length) this.#appended.pop();
  }

  #loseSome(random: SeededRandom): void {
    const unsynced = this.#length - this.#syncedLength;
    if (unsynced === 0) return;
    const from = this.#syncedLength + random.below(unsynced);
    this.#memory.fill(0, from, from + 1 + random.below(this.#length - from));
    this.#forgetAppended(from);
  }
}
