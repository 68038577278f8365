// How a batch runs: the order of its answers, how much is under way, and what a reader that stops and a body that breaks
// off do to it. What is asked and answered is played by hand.

import { describe, expect, test } from 'vitest';
import type { BytePart, ByteStream } from '../../../../src/cluster/http/byte-stream.ts';
import { type HttpReply, isWhole } from '../../../../src/cluster/http/http.ts';
import { BATCH_ITEM_BYTES_MAX, BATCH_ITEMS_MAX } from '../../../../src/cluster/model/limits.ts';
import { BinaryForm } from '../../../../src/frontend/gateways/v1/batch-binary.ts';
import type { BatchForm, BatchItem } from '../../../../src/frontend/gateways/v1/batch-form.ts';
import { LineForm } from '../../../../src/frontend/gateways/v1/batch-lines.ts';
import type { ItemCallback } from '../../../../src/frontend/gateways/v1/batch-operations.ts';
import { BatchRoom } from '../../../../src/frontend/gateways/v1/batch-room.ts';
import { BatchRun } from '../../../../src/frontend/gateways/v1/batch-run.ts';
import { UnfinishedItems } from '../../../../src/frontend/gateways/v1/unfinished-items.ts';

/** A body that is handed over by hand. */
class HandFed implements ByteStream {
  readonly length: number | undefined;
  callback: ((part: BytePart) => void) | undefined;
  reads = 0;
  isDiscarded = false;

  constructor(length?: number) {
    this.length = length;
  }

  read(callback: (part: BytePart) => void): void {
    this.reads++;
    this.callback = callback;
  }

  discard(): void {
    this.isDiscarded = true;
  }

  get isAwaited(): boolean {
    return this.callback !== undefined;
  }

  give(part: string | BytePart): void {
    const { callback } = this;
    if (callback === undefined) throw new Error('nothing was asked for');
    this.callback = undefined;
    callback(typeof part === 'string' ? { kind: 'bytes', bytes: Buffer.from(part) } : part);
  }
}

const END: BytePart = { kind: 'end' };

interface Asked {
  readonly item: BatchItem;
  readonly answer: (text: string, status?: number) => void;
}

function played(
  length?: number,
  form: BatchForm = new LineForm('mget'),
  room = new BatchRoom(),
  unfinished = new UnfinishedItems(100_000),
) {
  const body = new HandFed(length);
  const asked: Asked[] = [];
  const replies: HttpReply[] = [];
  const over: number[] = [];
  const statuses: number[] = [];
  const perform = (item: BatchItem, answered: ItemCallback) => {
    const piece = (text: string) => (form instanceof BinaryForm ? Buffer.from(text) : text);
    if (item.problem !== undefined) return answered(piece(`${item.problem.code}\n`), 400);
    asked.push({ item, answer: (text, status = 200) => answered(piece(text), status) });
    return undefined;
  };
  const operations = { perform, waiting: 0, flush: () => undefined };
  const run = new BatchRun(form, { valueBytesMax: 100_000, room, unfinished }, operations, {
    replied: (reply) => replies.push(reply),
    answered: (status) => statuses.push(status),
    over: (status) => over.push(status),
  });
  run.start({ kind: 'stream', stream: body });
  /** Asks for one part of the reply. @returns what comes of it now */
  const read = () => {
    const parts: string[] = [];
    const [reply] = replies;
    if (reply === undefined || isWhole(reply)) throw new Error('no streamed reply');
    reply.body.read((part) =>
      parts.push(part.kind === 'bytes' ? part.bytes.toString() : part.kind),
    );
    return parts;
  };
  const wholeText = () => {
    const [reply] = replies;
    return reply !== undefined && isWhole(reply) ? reply.body.toString() : undefined;
  };
  return { run, body, asked, replies, over, statuses, read, wholeText };
}

const linesOf = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => `{"key":"k${first + index}"}\n`).join('');

describe('items that go together', () => {
  const together = () => {
    const groups: ((text: string) => void)[][] = [];
    let waiting: ((text: string) => void)[] = [];
    const operations = {
      perform: (_: BatchItem, answered: ItemCallback) => {
        waiting.push((text) => answered(text, 200));
      },
      get waiting() {
        return waiting.length;
      },
      flush: () => {
        if (waiting.length > 0) groups.push(waiting);
        waiting = [];
      },
    };
    const parts = {
      valueBytesMax: 100_000,
      room: new BatchRoom(),
      unfinished: new UnfinishedItems(1e6),
    };
    const body = new HandFed(undefined);
    const run = new BatchRun(new LineForm('mget'), parts, operations, {
      replied: () => undefined,
      answered: () => undefined,
      over: () => undefined,
    });
    run.start({ kind: 'stream', stream: body });
    return { body, sizes: () => groups.map(({ length }) => length), groups };
  };

  test('are carried out when nothing else is under way, or when they are many', () => {
    const { body, groups, sizes } = together();
    body.give(linesOf(3));
    expect(sizes()).toEqual([3]);
    body.give(linesOf(2, 3));
    expect(sizes()).toEqual([3]);
    for (const answer of groups[0] ?? []) answer('x\n');
    expect(sizes()).toEqual([3, 2]);
    body.give(linesOf(99, 5));
    expect(sizes()).toEqual([3, 2]);
    body.give(linesOf(1, 104));
    expect(sizes()).toEqual([3, 2, 100]);
    for (const answer of groups[1] ?? []) answer('x\n');
    body.give(linesOf(1, 105));
    expect(sizes()).toEqual([3, 2, 100]);
    for (const answer of groups[2] ?? []) answer('x\n');
    expect(sizes()).toEqual([3, 2, 100, 1]);
  });
});

describe('a short batch', () => {
  test('is answered whole, in the order asked, whatever the order of the answers', () => {
    const { body, asked, wholeText, over, statuses } = played(33);
    body.give(linesOf(3));
    for (const index of [2, 0, 1]) {
      expect(wholeText()).toBeUndefined();
      asked[index]?.answer(`${index}\n`);
    }
    expect(wholeText()).toBeUndefined();
    body.give(END);
    expect(wholeText()).toBe('0\n1\n2\n');
    expect([over, statuses]).toEqual([[200], [200, 200, 200]]);
  });

  test('of nothing is answered by nothing', () => {
    const { body, wholeText } = played(0);
    body.give(END);
    expect(wholeText()).toBe('');
  });

  test('has an answer for each line, wrong ones in their places', () => {
    const { body, asked, wholeText } = played(10);
    body.give('{"key":"a"}\nno\n{"key":"b"}');
    body.give(END);
    expect(asked.map(({ item }) => item.key.toString())).toEqual(['a', 'b']);
    asked[1]?.answer('b\n');
    asked[0]?.answer('a\n');
    expect(wholeText()).toBe('a\nbad-item\nb\n');
  });

  test('whose answers are long is answered piece by piece', () => {
    const { body, asked, replies, read } = played(100);
    body.give(linesOf(4));
    body.give(END);
    const long = `${'x'.repeat(50_000)}\n`;
    for (const { answer } of asked.slice(0, 3)) answer(long);
    expect(replies).toHaveLength(1);
    expect(read()).toEqual([long + long + long]);
    asked[3]?.answer('short\n');
    expect(read()).toEqual(['short\n']);
    expect(read()).toEqual(['end']);
  });
});

describe('a long batch', () => {
  test('has no more under way than its bound, and goes on when the first is answered', () => {
    const { body, asked, read } = played();
    const count = 3 * BATCH_ITEMS_MAX;
    body.give(linesOf(count));
    let answered = 0;
    const mostUnderWay: number[] = [];
    for (let next = asked[0]; next !== undefined; next = asked[++answered]) {
      mostUnderWay.push(asked.length - answered);
      next.answer('x\n');
    }
    expect(answered).toBe(count);
    expect(Math.max(...mostUnderWay)).toBe(BATCH_ITEMS_MAX);
    expect(read().join('')).toBe('x\n'.repeat(count));
  });

  test('begins nothing that an unanswered first item would hold up in memory', () => {
    const { body, asked } = played();
    body.give(linesOf(5 * BATCH_ITEMS_MAX));
    for (let index = 1; index < asked.length; index++) asked[index]?.answer('x\n');
    expect(asked).toHaveLength(BATCH_ITEMS_MAX);
    expect(body.isAwaited).toBe(false);
  });

  test('has few under way whose answers are long', () => {
    const { body, asked, read } = played();
    body.give(linesOf(BATCH_ITEMS_MAX));
    const atFirst = asked.length;
    expect(atFirst).toBeLessThan(BATCH_ITEMS_MAX);
    const long = 'x'.repeat(BATCH_ITEM_BYTES_MAX / 2);
    asked[0]?.answer(long);
    expect(read()).toEqual([long]);
    for (let index = 1; index < atFirst; index++) asked[index]?.answer('x');
    expect(asked.length - atFirst).toBeLessThan(100);
  });

  test('whose client does not read is read no further, and goes on when it does', () => {
    const { body, asked, replies, read } = played();
    const answer = 'x'.repeat(BATCH_ITEM_BYTES_MAX / 64);
    let answered = 0;
    const answerAll = () => {
      for (; answered < asked.length; answered++) asked[answered]?.answer(answer);
    };
    let given = 0;
    for (; body.isAwaited && given < 1000; given++) {
      body.give(linesOf(8));
      answerAll();
    }
    expect(given).toBeLessThan(20);
    expect(replies).toHaveLength(1);
    let received = 0;
    while (!body.isAwaited) {
      received += read().join('').length;
      answerAll();
    }
    expect(received).toBeGreaterThan(0);
    body.give(END);
  });

  test('answers what is answered before the next line comes', () => {
    const { body, asked, read } = played();
    body.give(linesOf(1));
    asked[0]?.answer('first\n');
    expect(read()).toEqual(['first\n']);
    body.give(linesOf(1, 1));
    const parts = read();
    expect(parts).toEqual([]);
    asked[1]?.answer('second\n');
    expect(parts).toEqual(['second\n']);
    body.give(END);
    expect(read()).toEqual(['end']);
  });

  test('whose client goes away finishes what was begun, and begins nothing more', () => {
    const { run, body, asked, over, statuses } = played();
    body.give(linesOf(2));
    asked[0]?.answer('first\n');
    run.discard();
    expect(body.isDiscarded).toBe(true);
    asked[1]?.answer('second\n');
    expect([statuses, over]).toEqual([[200, 200], [200]]);
  });
});

describe('a body that breaks off', () => {
  test('is answered as far as it was whole, and with the error', () => {
    const { body, asked, wholeText } = played(1000);
    body.give('{"key":"a"}\n{"key":"b');
    body.give({ kind: 'broken', why: 'gone' });
    expect(asked).toHaveLength(1);
    asked[0]?.answer('a\n');
    expect(wholeText()).toBe('a\ntruncated-request\n');
  });

  test.each([
    ['slow', 408],
    ['gone', 400],
  ] as const)('before its first line, %s, is an error as a whole', (why, status) => {
    const { body, replies, over } = played(1000);
    body.give('{"key"');
    body.give({ kind: 'broken', why });
    expect(replies[0]?.status).toBe(status);
    expect(over).toEqual([status]);
  });

  test('while its reply is read ends that with the error', () => {
    const { body, asked, read } = played();
    body.give(linesOf(1));
    asked[0]?.answer('a\n');
    expect(read()).toEqual(['a\n']);
    const parts = read();
    body.give({ kind: 'broken', why: 'slow' });
    expect(parts).toEqual(['slow-request\n']);
    expect(read()).toEqual(['end']);
  });
});

describe('several batches', () => {
  test('share their room in turn, and none is forgotten', () => {
    const room = new BatchRoom(256);
    const batches = Array.from({ length: 5 }, () => played(10_000, undefined, room));
    for (const { body } of batches) body.give(linesOf(200));
    const underWay = () => batches.map(({ asked }) => asked.length);
    expect(underWay()).toEqual([200, 56, 0, 0, 0]);
    const answer = (index: number, count: number) => {
      const one = batches[index];
      for (const { answer } of one?.asked.slice(done[index], (done[index] ?? 0) + count) ?? []) {
        answer('x\n');
        done[index] = (done[index] ?? 0) + 1;
      }
      if (one?.body.isAwaited) one.body.give(END);
    };
    const done = batches.map(() => 0);
    // The second waited first; what it leaves of a turn's room is for the next one.
    answer(0, 128);
    expect(underWay()).toEqual([200, 184, 0, 0, 0]);
    answer(0, 72);
    expect(batches[0]?.wholeText()).toBe('x\n'.repeat(200));
    for (let round = 0; round < 100; round++) for (const index of [1, 2, 3, 4]) answer(index, 20);
    expect(batches.map(({ wholeText }) => wholeText()?.length)).toEqual([400, 400, 400, 400, 400]);
  });

  test('give their room back when their clients are gone', () => {
    const room = new BatchRoom(128);
    const [gone, other] = [played(10_000, undefined, room), played(10_000, undefined, room)];
    gone.body.give(linesOf(128));
    other.body.give(linesOf(1));
    expect(other.asked).toHaveLength(0);
    gone.run.discard();
    for (const { answer } of gone.asked) answer('x\n');
    expect(other.asked).toHaveLength(1);
  });
});

describe('bytes', () => {
  const item = Buffer.of(0, 1, 97);
  const give = (body: HandFed, ...pieces: Buffer[]) =>
    body.give({ kind: 'bytes', bytes: Buffer.concat(pieces) });

  test('that are no item are an error as a whole where they come first', () => {
    const { body, replies, asked } = played(1000, new BinaryForm('mget'));
    give(body, item.subarray(0, 2));
    body.give(END);
    expect(replies[0]?.status).toBe(400);
    expect(asked).toEqual([]);
  });

  test('that are no item are the last answer behind others, and the rest is not read', () => {
    const form = new BinaryForm('mset');
    const { body, asked, wholeText, over } = played(undefined, form);
    give(body, item, Buffer.alloc(8), item, Buffer.from('ffffffff00000000', 'hex'));
    expect(asked).toHaveLength(1);
    expect(body.isDiscarded).toBe(true);
    asked[0]?.answer('a\n');
    expect(wholeText()).toBe('a\nvalue-too-large\n');
    expect(over).toEqual([200]);
  });
});

describe('answers that are much longer than was expected', () => {
  const LONG = 4 * 1024 * 1024;

  test('are forgotten beyond some, and asked for again when their turn has come', () => {
    const { run, body, asked, replies, read, statuses } = played();
    body.give(linesOf(40));
    body.give(END);
    expect(asked).toHaveLength(40);
    // The first one comes last, so that all others would have to wait.
    for (const { item, answer } of asked.slice(1)) answer(item.label.padEnd(LONG));
    expect(statuses).toHaveLength(4);
    expect(replies).toEqual([]);
    asked[0]?.answer('first'.padEnd(LONG));
    expect(replies).toHaveLength(1);
    let came = '';
    for (let reads = 0; !came.endsWith('end'); reads++) {
      expect(reads).toBeLessThan(300);
      // What is asked for again is one at a time.
      const before = asked.length;
      came += read().join('').replaceAll(/ +/g, ' ');
      for (const { item, answer } of asked.slice(before)) answer(item.label.padEnd(LONG));
      expect(asked.length - before).toBeLessThanOrEqual(1);
    }
    const others = Array.from({ length: 39 }, (_, index) => `"key":"k${index + 1}" `);
    expect(came).toBe(`first ${others.join('')}end`);
    expect(statuses).toHaveLength(40);
    run.discard();
  });

  test('are never made one text that is longer than a text can be', () => {
    const { body, asked, replies, read } = played(100);
    body.give(linesOf(20));
    body.give(END);
    const longest = 'x'.repeat(800_000);
    for (const { answer } of asked.toReversed()) answer(longest);
    expect(replies).toHaveLength(1);
    const lengths: number[] = [];
    for (let part = ''; part !== 'end'; part = read().join('')) lengths.push(part.length);
    expect(Math.max(...lengths)).toBe(1_600_000);
    expect(lengths.reduce((sum, length) => sum + length)).toBe(16_000_000);
  });
});

describe('the beginnings of long items of many batches', () => {
  const part = `{"key":"${'x'.repeat(69_000)}`;
  const binaryPart = Buffer.concat([
    Buffer.from([0, 1, 97, 0, 1, 134, 160, 0, 0, 0, 0]),
    Buffer.alloc(69_000),
  ]);

  test.each<[string, BatchForm, Buffer]>([
    ['lines', new LineForm('mset'), Buffer.from(part)],
    ['bytes', new BinaryForm('mset'), binaryPart],
  ])('have one limit, beyond which the oldest is refused: %s', (_what, form, bytes) => {
    const unfinished = new UnfinishedItems(150_000);
    const batches = Array.from({ length: 3 }, () => played(undefined, form, undefined, unfinished));
    for (const { body } of batches) body.give({ kind: 'bytes', bytes });
    const statusesOf = () => batches.map(({ replies }) => replies.map(({ status }) => status));
    expect(statusesOf()).toEqual([[503], [], []]);
    expect(batches.map(({ body }) => body.isDiscarded)).toEqual([true, false, false]);
    // Who has gone, or has sent all of it, gives room.
    batches[1]?.run.discard();
    batches[2]?.body.give(
      form instanceof BinaryForm ? { kind: 'bytes', bytes: Buffer.alloc(31_000) } : '"}\n',
    );
    const later = [
      played(undefined, form, undefined, unfinished),
      played(undefined, form, undefined, unfinished),
    ];
    for (const { body } of later) body.give({ kind: 'bytes', bytes });
    expect(later.map(({ replies }) => replies)).toEqual([[], []]);
  });

  test('are refused behind what was read whole', () => {
    const unfinished = new UnfinishedItems(100_000);
    const first = played(undefined, undefined, undefined, unfinished);
    first.body.give(linesOf(2) + part);
    const second = played(undefined, undefined, undefined, unfinished);
    second.body.give(part);
    for (const { item, answer } of first.asked) answer(`${item.label}\n`);
    expect(first.body.isDiscarded).toBe(true);
    expect(first.wholeText() ?? first.read().join('')).toBe('"key":"k0"\n"key":"k1"\noverloaded\n');
  });
});
