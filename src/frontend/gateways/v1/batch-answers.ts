// The answers of one batch: puts them in the order of the items, and keeps those that the client has not taken. How long
// values are is known only when they come, and a batch may have asked for hundreds of the longest by then: beyond some
// bytes long answers are forgotten, and asked for again when their turn has come. Only reads have long answers, and
// asking again changes nothing.

import { BATCH_ITEMS_MAX } from '../../../cluster/model/limits.ts';
import type { AnswerPiece, BatchItem } from './batch-form.ts';

/** A shorter answer is always kept. */
const LONG_BYTES = 64 * 1024;
/** So many bytes of answers are kept: of the first 256 items all that are not long. */
const KEPT_BYTES_MAX = 256 * LONG_BYTES;
/** Answers are taken up to about this length: a text has a limit, and is copied as a whole. */
const TAKEN_BYTES_MAX = 1024 * 1024;

export class BatchAnswers {
  /** How many answers have their place in `#ready`. */
  #placed = 0;
  /** By number of the item: answers that wait for those of earlier items. A ring. */
  readonly #early = new Array<AnswerPiece | undefined>(BATCH_ITEMS_MAX).fill(undefined);
  /** By number: items whose answers were forgotten. */
  readonly #forgotten = new Map<number, BatchItem>();
  #ready: AnswerPiece[] = [];
  #readyBytes = 0;
  #bytes = 0;

  get placed(): number {
    return this.#placed;
  }

  /** Bytes of the answers that are next. */
  get readyBytes(): number {
    return this.#readyBytes;
  }

  /** Bytes of all answers that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get isNoneReady(): boolean {
    return this.#ready.length === 0;
  }

  /** @returns whether the answer is kept; else its item comes back from `takeForgotten` */
  add(number: number, item: BatchItem, answer: AnswerPiece): boolean {
    const { length } = answer;
    const isMuch = length >= LONG_BYTES && this.#bytes + length > KEPT_BYTES_MAX;
    if (isMuch && (number !== this.#placed || this.#ready.length > 0)) {
      this.#forgotten.set(number, item);
      return false;
    }
    this.#bytes += length;
    this.#early[number % BATCH_ITEMS_MAX] = answer;
    this.#place();
    return true;
  }

  /** @returns an item for whose answer all others wait, once those before it are taken: it is to be asked again */
  get forgotten(): BatchItem | undefined {
    return this.#ready.length > 0 ? undefined : this.#forgotten.get(this.#placed);
  }

  takeForgotten(): void {
    this.#forgotten.delete(this.#placed);
  }

  /** Takes the answers that are next, some of them if they are long. */
  take(): readonly AnswerPiece[] {
    let count = 0;
    let length = 0;
    while (count < this.#ready.length && length < TAKEN_BYTES_MAX) {
      length += this.#ready[count++]?.length ?? 0;
    }
    const taken = this.#ready;
    this.#ready = taken.splice(count);
    this.#readyBytes -= length;
    this.#bytes -= length;
    return taken;
  }

  /** Puts all answers in their order that wait for nothing any more. */
  #place(): void {
    for (;;) {
      const at = this.#placed % BATCH_ITEMS_MAX;
      const answer = this.#early[at];
      if (answer === undefined) return;
      this.#early[at] = undefined;
      this.#placed++;
      this.#ready.push(answer);
      this.#readyBytes += answer.length;
    }
  }
}
