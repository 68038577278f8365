// One batch from its first byte to its last answer: reads items, has many of them carried out at a time, and hands the
// answers on in the order of the items. A body of any length takes the same little memory: no further item is begun
// while too many are under way or too much waits for the client, and no more is read of the body. So a client has to
// read answers while it sends. What an item means is in batch-operations.ts.

import { assert } from '../../../cluster/assert.ts';
import type { BytePart, ByteStream } from '../../../cluster/http/byte-stream.ts';
import { brokenBodyReply, ERRORS, errorReply } from '../../../cluster/http/errors.ts';
import type { Body, HttpReply } from '../../../cluster/http/http.ts';
import { BATCH_ITEM_BYTES_MAX, BATCH_ITEMS_MAX } from '../../../cluster/model/limits.ts';
import type { AnswerPiece, BatchForm, BatchItem, ItemReader } from './batch-form.ts';
import type { ItemCallback } from './batch-operations.ts';
import type { BatchRoom } from './batch-room.ts';

/** Answers are sent in pieces of about this size. */
const PIECE_BYTES = 64 * 1024;
/** A body up to this length is answered in one piece, if its answers are short as well. */
const SHORT_BODY_BYTES = 64 * 1024;
/** Answers that are longer together are not made one text: a text has a limit, and is copied as a whole. */
const WHOLE_BYTES_MAX = 1024 * 1024;
/**
 * How many items are under way before it is known how long their answers are: twice a hundred, which is what most
 * batches have, and not so many that the longest values fill the memory.
 */
const ITEMS_AT_FIRST = 256;
/** So many bytes of answers are kept: those to the first items where each is as long as a piece. */
const KEPT_BYTES_MAX = ITEMS_AT_FIRST * PIECE_BYTES;
/** By how much each shorter answer lowers the length that further answers are expected to have. */
const FORGETTING = 0.99;

export type Perform = (item: BatchItem, answered: ItemCallback) => void;

export interface BatchEvents {
  /** Called once, with the reply to the request; its body may then be produced for long. */
  replied(reply: HttpReply): void;
  /** Called once for each item, when its answer is known. */
  answered(status: number): void;
  /** Called once, when the last answer was handed over, or nobody is left to take it. */
  over(status: number): void;
}

export class BatchRun implements ByteStream {
  readonly length = undefined;
  readonly #form: BatchForm;
  readonly #perform: Perform;
  readonly #events: BatchEvents;
  readonly #reader: ItemReader;
  readonly #room: BatchRoom;
  #waitsForRoom = false;
  /** The item that waits for room. */
  #next: BatchItem | undefined;
  /** The body; undefined once nothing more is to be read of it. */
  #stream: ByteStream | undefined;
  #isShort = false;
  #isReading = false;
  /** How many items were begun, and of how many the answer has its place in `#ready`. */
  #begun = 0;
  #placed = 0;
  /** By number of the item: answers that wait for those of earlier items. A ring. */
  readonly #early = new Array<AnswerPiece | undefined>(BATCH_ITEMS_MAX).fill(undefined);
  /** How many items were begun and are not answered. */
  #underWay = 0;
  /** Answers in order, which the client has not taken. */
  #ready: AnswerPiece[] = [];
  #readyBytes = 0;
  /** Bytes of items under way and of answers that the client has not taken. */
  #heldBytes = 0;
  /** Answers that wait in `#early`, and those of `#ready`. */
  #answersBytes = 0;
  /** By number: items whose answers were too long to be kept for later; each is asked again when its turn has come. */
  readonly #forgotten = new Map<number, BatchItem>();
  /** How long an answer may be expected to be. */
  #answerBytes = BATCH_ITEM_BYTES_MAX / ITEMS_AT_FIRST;
  /** The item behind which nothing is read; undefined while there is none. */
  #last: BatchItem | undefined;
  #hasReplied = false;
  #isOver = false;
  #isAdvancing = false;
  /** Asks for the next piece of the reply. */
  #wanted: ((part: BytePart) => void) | undefined;

  /** @param room that it shares with the other batches of the frontend */
  constructor(
    form: BatchForm,
    { valueBytesMax, room }: { readonly valueBytesMax: number; readonly room: BatchRoom },
    perform: Perform,
    events: BatchEvents,
  ) {
    this.#form = form;
    this.#perform = perform;
    this.#events = events;
    this.#room = room;
    this.#reader = form.reader(valueBytesMax);
  }

  start(body: Body): void {
    switch (body.kind) {
      case 'stream':
        this.#stream = body.stream;
        this.#isShort = (body.stream.length ?? SHORT_BODY_BYTES + 1) <= SHORT_BODY_BYTES;
        break;
      case 'bytes':
        this.#reader.push(body.bytes);
        break;
      case 'too-large':
        this.#hasReplied = true;
        this.#isOver = true;
        this.#events.replied(brokenBodyReply('too-large'));
        return this.#events.over(ERRORS['value-too-large'].status);
      case 'none':
        break;
    }
    this.#advance();
  }

  read(callback: (part: BytePart) => void): void {
    assert(this.#wanted === undefined, 'one piece of a reply is asked for at a time');
    this.#wanted = callback;
    this.#advance();
  }

  /** The client is gone: what was begun is finished, and nothing more is begun. */
  discard(): void {
    this.#end();
    this.#stopReading();
  }

  /** Begins items, reads on and hands answers over, as far as all that goes now. A loop, as each may help the others. */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    let goesOn = true;
    while (goesOn && !this.#isOver) {
      this.#beginItems();
      goesOn = this.#readOn() || this.#handOver();
    }
    this.#isAdvancing = false;
  }

  #beginItems(): void {
    if (!this.#beginAgain()) return;
    while (this.#hasRoom() && this.#last === undefined) {
      const item = this.#next ?? this.#nextItem();
      if (item === undefined) return;
      this.#next = item;
      if (!this.#room.isFree) return this.#waitForRoom();
      this.#next = undefined;
      this.#begin(item);
    }
  }

  /**
   * Asks again for the answer that all others wait for, once the client has taken those before it.
   * @returns false where there is no room for that
   */
  #beginAgain(): boolean {
    const number = this.#placed;
    const item = this.#forgotten.get(number);
    if (item === undefined || this.#ready.length > 0) return true;
    if (!this.#room.isFree) {
      this.#waitForRoom();
      return false;
    }
    this.#forgotten.delete(number);
    this.#carryOut(number, item);
    return true;
  }

  #nextItem(): BatchItem | undefined {
    const item = this.#reader.next();
    if (item !== undefined || this.#stream !== undefined || this.#isReading) return item;
    // What is left behind the last line feed.
    this.#reader.end();
    return this.#reader.next();
  }

  #waitForRoom(): void {
    if (this.#waitsForRoom) return;
    this.#waitsForRoom = true;
    this.#room.wait(() => {
      this.#waitsForRoom = false;
      this.#advance();
    });
  }

  #hasRoom(): boolean {
    const itemsMax = Math.min(BATCH_ITEMS_MAX, BATCH_ITEM_BYTES_MAX / this.#answerBytes);
    if (this.#begun - this.#placed >= BATCH_ITEMS_MAX) return false;
    return this.#underWay < itemsMax && this.#heldBytes < BATCH_ITEM_BYTES_MAX;
  }

  #begin(item: BatchItem): void {
    if (item.problem?.isLast === true) {
      this.#last = item;
      this.#stopReading();
    }
    this.#carryOut(this.#begun++, item);
  }

  #carryOut(number: number, item: BatchItem): void {
    this.#underWay++;
    this.#room.take();
    this.#heldBytes += bytesOf(item);
    this.#perform(item, (answer, status) => this.#answered(number, item, answer, status));
  }

  #answered(number: number, item: BatchItem, answer: AnswerPiece, status: number): void {
    this.#underWay--;
    const { length } = answer;
    if (this.#isOver) {
      this.#events.answered(status);
      return this.#room.give();
    }
    this.#heldBytes -= bytesOf(item);
    this.#answerBytes = Math.max(1, length, this.#answerBytes * FORGETTING);
    if (this.#isTooMuch(number, length)) this.#forgotten.set(number, item);
    else {
      this.#events.answered(status);
      this.#heldBytes += length;
      this.#answersBytes += length;
      this.#early[number % BATCH_ITEMS_MAX] = answer;
      if (number === this.#placed) this.#place();
    }
    this.#room.give();
    return this.#advance();
  }

  /**
   * Whether an answer is so long that it is not kept. How long values are is known only when they come, and a batch may
   * have asked for hundreds of the longest by then. Only reads have long answers, and asking again changes nothing.
   */
  #isTooMuch(number: number, length: number): boolean {
    if (length < PIECE_BYTES || this.#answersBytes + length <= KEPT_BYTES_MAX) return false;
    return number !== this.#placed || this.#ready.length > 0;
  }

  /** Puts all answers in their order that wait for nothing any more. */
  #place(): void {
    while (this.#placed < this.#begun) {
      const at = this.#placed % BATCH_ITEMS_MAX;
      const answer = this.#early[at];
      if (answer === undefined) return;
      this.#early[at] = undefined;
      this.#placed++;
      this.#ready.push(answer);
      this.#readyBytes += answer.length;
    }
  }

  /** @returns whether something came of the body at once */
  #readOn(): boolean {
    const stream = this.#stream;
    if (stream === undefined || this.#isReading || this.#next !== undefined) return false;
    if (!this.#hasRoom()) return false;
    this.#isReading = true;
    stream.read((part) => {
      this.#isReading = false;
      this.#take(part);
      this.#advance();
    });
    return !this.#isReading;
  }

  #take(part: BytePart): void {
    switch (part.kind) {
      case 'bytes':
        return this.#reader.push(part.bytes);
      case 'end':
        this.#stream = undefined;
        return;
      case 'broken': {
        this.#stream = undefined;
        const code = part.why === 'slow' ? 'slow-request' : 'truncated-request';
        return this.#begin(this.#reader.cut(code, 'the rest of the body did not come'));
      }
    }
  }

  /** @returns whether something was handed over, so that there may be room now */
  #handOver(): boolean {
    const isDone = this.#stream === undefined && !this.#isReading && this.#isAnswered();
    if (!this.#hasReplied) {
      if (!isDone && !this.#isWorthReplying()) return false;
      this.#hasReplied = true;
      if (isDone && this.#readyBytes <= WHOLE_BYTES_MAX) this.#replyWhole();
      else this.#events.replied({ ...this.#head(), body: this, readsRequest: true });
      return true;
    }
    const wanted = this.#wanted;
    if (wanted === undefined) return false;
    if (this.#ready.length === 0) {
      if (!isDone) return false;
      this.#end();
      wanted({ kind: 'end' });
      return false;
    }
    if (!isDone && !this.#isWorthSending()) return false;
    this.#wanted = undefined;
    const bytes = this.#takeReady();
    wanted({ kind: 'bytes', bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes });
    return true;
  }

  /** Whether each item that was read has its answer, and none is left to be read. */
  #isAnswered(): boolean {
    return this.#placed === this.#begun && this.#hasRoom() && this.#next === undefined;
  }

  /** A short body is there in a moment, and then its answers may go in one piece. */
  #isWorthReplying(): boolean {
    if (this.#readyBytes >= PIECE_BYTES) return true;
    return !this.#isShort && this.#isWorthSending();
  }

  /** A piece that is not full is sent when nothing is under way that would soon fill it. */
  #isWorthSending(): boolean {
    if (this.#readyBytes >= PIECE_BYTES) return true;
    return this.#ready.length > 0 && this.#underWay === 0;
  }

  #replyWhole(): void {
    const first = this.#begun === 1 ? this.#last?.problem : undefined;
    const reply =
      first === undefined
        ? { ...this.#head(), body: this.#takeReady() }
        : errorReply(first.code, first.detail);
    this.#end(reply.status);
    this.#events.replied(reply);
  }

  #head(): Pick<HttpReply, 'status' | 'headers'> {
    const headers = { 'content-type': this.#form.contentType, 'cache-control': 'no-store' };
    return { status: 200, headers };
  }

  /** Takes all answers that are due, or as many as have a certain length together. */
  #takeReady(): string | Buffer {
    let count = 0;
    let length = 0;
    while (count < this.#ready.length && length < WHOLE_BYTES_MAX) {
      length += this.#ready[count++]?.length ?? 0;
    }
    const taken = count === this.#ready.length ? this.#ready : this.#ready.slice(0, count);
    this.#ready = count === this.#ready.length ? [] : this.#ready.slice(count);
    this.#readyBytes -= length;
    this.#heldBytes -= length;
    this.#answersBytes -= length;
    return this.#form.join(taken);
  }

  #stopReading(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#isReading = false;
    stream?.discard();
  }

  #end(status = 200): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.over(status);
  }
}

function bytesOf({ key, value }: BatchItem): number {
  return key.length + value.length;
}
