// One file on a simulated disk: what the processes of its machine see of it, and what a loss of power, a
// failed sync or time may make of that. It grows in place: a log that is never compacted is appended to a
// thousand times.

import { assert } from '../cluster/assert.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';

export type FileKind = 'log' | 'state';

/** What one call appended. */
interface Appended {
  readonly from: number;
  readonly to: number;
}

export class StoredFile {
  readonly kind: FileKind;
  #memory: Buffer;
  #length: number;
  #syncedLength: number;
  /** What was appended whole and is still there, in its order. */
  readonly #appended: Appended[] = [];
  /** A truncation that was not synced: a loss of power may undo it. */
  #cutOff: { readonly at: number; readonly bytes: Buffer } | undefined;
  /** Only memory has this range, though the system calls it written: no sync brings it to the disk. */
  #onlyInMemory: Appended | undefined;
  #isRotten = false;

  /** @param bytes survive the machine */
  constructor(kind: FileKind, bytes: Buffer = Buffer.alloc(0)) {
    this.kind = kind;
    this.#memory = Buffer.from(bytes);
    this.#length = bytes.length;
    this.#syncedLength = bytes.length;
  }

  /** A view, which holds until the file is changed. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** Bits of it turned over, and nobody may take what it says for what was written. */
  get isRotten(): boolean {
    return this.#isRotten;
  }

  append(bytes: Buffer): void {
    const from = this.#length;
    this.appendPart(bytes);
    this.#appended.push({ from, to: this.#length });
  }

  /** What a crash or a full disk left of it. */
  appendPart(bytes: Buffer): void {
    this.write(this.#length, bytes);
  }

  /** Anywhere; what is between the end and there is zero. */
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

  /** These bytes are there already; the next sync brings them to the disk, whatever the system calls written. */
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

  /** @param length what was there when the sync began */
  sync(length = this.#length): void {
    this.#syncedLength = Math.max(this.#syncedLength, Math.min(length, this.#length));
    this.#cutOff = undefined;
  }

  /**
   * A sync failed, and the system dropped what it could not write: all of it, or some pages, which are zero from
   * now on; or it keeps all of it in memory, and calls it written. It says so once: the next sync succeeds, and
   * brings nothing to the disk.
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
   * The machine lost its power: of what was not synced some prefix is there, and of that not always all, for pages
   * go to the disk in any order. What is there now survives the next loss as well.
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
   * Whoever finds one of the bytes before here changed, in a log, can tell it from a write that never ended: an
   * append is behind it that no crash takes away.
   * @returns undefined where there is no such append
   */
  lastSyncedAppend(): number | undefined {
    return this.#appended.findLast(({ to }) => to <= this.#syncedLength)?.from;
  }

  get syncedLength(): number {
    return this.#syncedLength;
  }

  /** Some bits of the first so many bytes turn over. */
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

  /** What ends behind this place is no longer what was appended. */
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
