// One batch from its first byte to its last answer: reads items, has many of them carried out at a time, and hands the
// answers on in the order of the items. A body of any length takes the same little memory: no further item is begun
// while too many are under way or too much waits for the client, and no more is read of the body. So a client has to
// read answers while it sends. What an item means is in batch-operations.ts.

import { assert } from '../../../cluster/assert.ts';
import type { BytePart, ByteStream } from '../../../cluster/http/byte-stream.ts';
import { brokenBodyReply, ERRORS, errorReply } from '../../../cluster/http/errors.ts';
import type { Body, HttpReply } from '../../../cluster/http/http.ts';
import { BATCH_ITEM_BYTES_MAX, BATCH_ITEMS_MAX } from '../../../cluster/model/limits.ts';
import { BatchAnswers } from './batch-answers.ts';
import {
  type AnswerPiece,
  type BatchForm,
  type BatchItem,
  type ItemReader,
  problemItem,
} from './batch-form.ts';
import type { ItemCallback } from './batch-operations.ts';
import type { BatchRoom } from './batch-room.ts';
import type { ItemHolder, UnfinishedItems } from './unfinished-items.ts';

/** Answers are sent in pieces of about this size. */
const PIECE_BYTES = 64 * 1024;
/** A body up to this length is answered in one piece, if its answers are short as well. */
const SHORT_BODY_BYTES = 64 * 1024;
/** Answers that are longer together go piece by piece. */
const WHOLE_BYTES_MAX = 1024 * 1024;
/**
 * How many items are under way before it is known how long their answers are: twice a hundred, which is what most
 * batches have, and not so many that the longest values fill the memory.
 */
const ITEMS_AT_FIRST = 256;
/** So many items that may go together are not kept waiting for more. */
const TOGETHER = 100;
/** By how much each shorter answer lowers the length that further answers are expected to have. */
const FORGETTING = 0.99;
const SHED = {
  code: 'overloaded',
  detail: 'too many long items are under way; those that come slowly make room',
} as const;

/** What carries items out; some of them wait for others of this turn, and then go together. */
export interface ItemOperations {
  perform(item: BatchItem, answered: ItemCallback): void;
  /** How many items wait, those of other batches included. */
  readonly waiting: number;
  /** Carries out those that wait; in the next turn this happens by itself. */
  flush(): void;
}

export interface BatchEvents {
  /** Called once, with the reply to the request; its body may then be produced for long. */
  replied(reply: HttpReply): void;
  /** Called once for each item, when its answer is known. */
  answered(status: number): void;
  /** Called once, when the last answer was handed over, or nobody is left to take it. */
  over(status: number): void;
}

/** What a batch shares with the other ones of its frontend. */
export interface SharedByBatches {
  readonly room: BatchRoom;
  readonly unfinished: UnfinishedItems;
}

export class BatchRun implements ByteStream, ItemHolder {
  readonly length = undefined;
  readonly #form: BatchForm;
  readonly #operations: ItemOperations;
  readonly #events: BatchEvents;
  #reader: ItemReader;
  readonly #room: BatchRoom;
  readonly #unfinished: UnfinishedItems;
  /** Whether what its reader holds is noted among the unfinished items. */
  #isNoted = false;
  #waitsForRoom = false;
  /** The item that waits for room. */
  #next: BatchItem | undefined;
  /** The body; undefined once nothing more is to be read of it. */
  #stream: ByteStream | undefined;
  #isShort = false;
  #isReading = false;
  /** How many items were begun. */
  #begun = 0;
  readonly #answers = new BatchAnswers();
  /** How many items were begun and are not answered. */
  #underWay = 0;
  /** Bytes of the items under way. */
  #itemBytes = 0;
  /** How long an answer may be expected to be. */
  #answerBytes = BATCH_ITEM_BYTES_MAX / ITEMS_AT_FIRST;
  /** The item behind which nothing is read; undefined while there is none. */
  #last: BatchItem | undefined;
  #hasReplied = false;
  #isOver = false;
  #isAdvancing = false;
  /** Whether something has come since the loop of `#advance` last began items. */
  #goesOn = false;
  /** Asks for the next piece of the reply. */
  #wanted: ((part: BytePart) => void) | undefined;

  constructor(
    form: BatchForm,
    { valueBytesMax, room, unfinished }: SharedByBatches & { readonly valueBytesMax: number },
    operations: ItemOperations,
    events: BatchEvents,
  ) {
    this.#form = form;
    this.#operations = operations;
    this.#events = events;
    this.#room = room;
    this.#unfinished = unfinished;
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

  /** The item that was to come next is refused, and nothing behind it is read. */
  shed(): void {
    const next = this.#next;
    const problem = { ...SHED, isLast: true } as const;
    this.#next =
      next === undefined
        ? this.#reader.cut(SHED.code, SHED.detail)
        : problemItem(next.label, problem);
    this.#reader = this.#form.reader(0);
    this.#stopReading();
    this.#note();
    this.#advance();
  }

  /** Begins items, reads on and hands answers over, as far as all that goes now. A loop, as each may help the others. */
  #advance(): void {
    this.#goesOn = true;
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    while (this.#goesOn && !this.#isOver) {
      this.#goesOn = false;
      this.#beginItems();
      this.#flush();
      // What was answered at once, or was given room, lets further items begin: those are not answered yet.
      if (!this.#goesOn) this.#goesOn = this.#readOn() || this.#handOver();
    }
    this.#isAdvancing = false;
    this.#note();
  }

  /**
   * Answers come one after the other, and each makes room for the next item: these go together once they are many, or
   * once nothing else is under way whose answer would make them more, or else in the next turn.
   */
  #flush(): void {
    const { waiting } = this.#operations;
    if (waiting >= TOGETHER || waiting >= this.#underWay) this.#operations.flush();
  }

  /** Notes what its reader holds, unless that is little. */
  #note(): void {
    const bytes = this.#isOver || this.#last !== undefined ? 0 : this.#reader.heldBytes;
    const isMuch = bytes > SHORT_BODY_BYTES;
    if (!isMuch && !this.#isNoted) return;
    this.#isNoted = isMuch;
    this.#unfinished.note(this, isMuch ? bytes : 0);
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
    const item = this.#answers.forgotten;
    if (item === undefined) return true;
    if (!this.#room.isFree) {
      this.#waitForRoom();
      return false;
    }
    this.#answers.takeForgotten();
    this.#carryOut(this.#answers.placed, item);
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
    if (this.#begun - this.#answers.placed >= BATCH_ITEMS_MAX) return false;
    const heldBytes = this.#itemBytes + this.#answers.bytes;
    return this.#underWay < itemsMax && heldBytes < BATCH_ITEM_BYTES_MAX;
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
    this.#itemBytes += bytesOf(item);
    this.#operations.perform(item, (answer, status) =>
      this.#answered(number, item, answer, status),
    );
  }

  #answered(number: number, item: BatchItem, answer: AnswerPiece, status: number): void {
    this.#underWay--;
    this.#itemBytes -= bytesOf(item);
    this.#answerBytes = Math.max(1, answer.length, this.#answerBytes * FORGETTING);
    const isKept = this.#isOver || this.#answers.add(number, item, answer);
    if (isKept) this.#events.answered(status);
    this.#room.give();
    this.#advance();
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
      if (isDone && this.#answers.readyBytes <= WHOLE_BYTES_MAX) this.#replyWhole();
      else this.#events.replied({ ...this.#head(), body: this, readsRequest: true });
      return true;
    }
    const wanted = this.#wanted;
    if (wanted === undefined) return false;
    if (this.#answers.isNoneReady) {
      if (!isDone) return false;
      this.#end();
      wanted({ kind: 'end' });
      return false;
    }
    if (!isDone && !this.#isWorthSending()) return false;
    this.#wanted = undefined;
    const bytes = this.#form.join(this.#answers.take());
    wanted({ kind: 'bytes', bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes });
    return true;
  }

  /** Whether each item that was read has its answer, and none is left to be read. */
  #isAnswered(): boolean {
    return this.#answers.placed === this.#begun && this.#hasRoom() && this.#next === undefined;
  }

  /** A short body is there in a moment, and then its answers may go in one piece. */
  #isWorthReplying(): boolean {
    if (this.#answers.readyBytes >= PIECE_BYTES) return true;
    return !this.#isShort && this.#isWorthSending();
  }

  /** A piece that is not full is sent when nothing is under way that would soon fill it. */
  #isWorthSending(): boolean {
    if (this.#answers.readyBytes >= PIECE_BYTES) return true;
    return !this.#answers.isNoneReady && this.#underWay === 0;
  }

  #replyWhole(): void {
    const first = this.#begun === 1 ? this.#last?.problem : undefined;
    const reply =
      first === undefined
        ? { ...this.#head(), body: this.#form.join(this.#answers.take()) }
        : errorReply(first.code, first.detail);
    this.#end(reply.status);
    this.#events.replied(reply);
  }

  #head(): Pick<HttpReply, 'status' | 'headers'> {
    const headers = { 'content-type': this.#form.contentType, 'cache-control': 'no-store' };
    return { status: 200, headers };
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
    this.#note();
    this.#events.over(status);
  }
}

function bytesOf({ key, value }: BatchItem): number {
  return key.length + value.length;
}
