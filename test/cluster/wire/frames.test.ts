// Frames: messages of any length over one stream cut anywhere, short ones between the chunks of long
// ones, and nothing malformed let through.

import { describe, expect, test } from 'vitest';
import { FrameReader, FrameWriter, FramingBroken } from '../../../src/cluster/wire/frames.ts';
import { SeededRandom } from '../../helpers/random.ts';

const MEBIBYTE = 2 ** 20;
const EMPTY = Buffer.alloc(0);

function takeAll(writer: FrameWriter): Buffer {
  const blocks: Buffer[] = [];
  for (let taken = writer.take(); taken.length > 0; taken = writer.take()) {
    blocks.push(...taken);
  }
  return Buffer.concat(blocks);
}

describe('a stream', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('carries random messages, cut anywhere, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const writer = new FrameWriter();
    const sent = new Map<number, Buffer>();
    for (let id = 1; id <= 60; id++) {
      const long = random.chance(0.15);
      const head = random.bytes(random.below(20));
      const body = Buffer.alloc(long ? random.whole(65_000, 400_000) : random.below(3000), id);
      writer.add(id, head, body);
      sent.set(id, Buffer.concat([head, body]));
    }
    const stream = takeAll(writer);
    const received = new Map<number, Buffer>();
    const reader = new FrameReader(MEBIBYTE, (id, message) =>
      received.set(id, Buffer.from(message)),
    );
    for (let offset = 0; offset < stream.length; ) {
      const piece = random.chance(0.3) ? random.whole(1, 20) : random.whole(1, 100_000);
      reader.push(stream.subarray(offset, offset + piece));
      offset += piece;
    }
    expect(received.size).toBe(sent.size);
    for (const [id, message] of sent) expect(received.get(id)?.equals(message)).toBe(true);
    expect(writer.pendingBytes).toBe(0);
  });

  test.each([65_535, 65_536, 65_537, 300_000])('carries a head of %i bytes', (length) => {
    const writer = new FrameWriter();
    const head = Buffer.alloc(length, 'h');
    const body = Buffer.from('body');
    writer.add(1, head, EMPTY);
    writer.add(2, head, body);
    const received: Buffer[] = [];
    const reader = new FrameReader(MEBIBYTE, (_, message) => received.push(Buffer.from(message)));
    reader.push(takeAll(writer));
    expect(received.map((message) => message.length)).toEqual([length, length + body.length]);
    expect(received[1]?.equals(Buffer.concat([head, body]))).toBe(true);
  });

  test('short messages keep their order', () => {
    const writer = new FrameWriter();
    for (let id = 1; id <= 1000; id++) writer.add(id, EMPTY, Buffer.alloc(100));
    const order: number[] = [];
    new FrameReader(MEBIBYTE, (id) => order.push(id)).push(takeAll(writer));
    expect(order).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
  });

  test('a short message passes a 16 MiB one that is under way (D13)', () => {
    const writer = new FrameWriter();
    writer.add(1, EMPTY, Buffer.alloc(16 * MEBIBYTE));
    const order: number[] = [];
    const reader = new FrameReader(17 * MEBIBYTE, (id) => order.push(id));
    reader.push(Buffer.concat(writer.take()));
    writer.add(2, EMPTY, Buffer.from('short'));
    reader.push(Buffer.concat(writer.take()));
    expect(order).toEqual([2]);
    reader.push(takeAll(writer));
    expect(order).toEqual([2, 1]);
  });

  test('more long messages than may be in progress wait their turn', () => {
    const writer = new FrameWriter();
    for (let id = 1; id <= 10; id++) writer.add(id, EMPTY, Buffer.alloc(200_000, id));
    const order: number[] = [];
    const reader = new FrameReader(MEBIBYTE, (id, message) => {
      expect(message.every((byte) => byte === id)).toBe(true);
      order.push(id);
    });
    reader.push(takeAll(writer));
    expect(order).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test.each([1, 2])('messages around the length of a chunk come as they were, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const lengths = random.shuffled([-10, -9, -8, -1, 0, 1, 9, 65_535, 65_536, 65_537]);
    const writer = new FrameWriter();
    const bodies = lengths.map((more) => random.bytes(65_536 + more));
    for (const [id, body] of bodies.entries()) writer.add(id, EMPTY, body);
    const received = new Map<number, Buffer>();
    const reader = new FrameReader(MEBIBYTE, (id, message) =>
      received.set(id, Buffer.from(message)),
    );
    reader.push(takeAll(writer));
    for (const [id, body] of bodies.entries()) {
      expect(received.get(id)?.equals(body), `${body.length} bytes`).toBe(true);
    }
  });

  test('what was taken stays as it is while more is added', () => {
    const writer = new FrameWriter();
    writer.add(1, EMPTY, Buffer.from('first'));
    const taken = writer.take();
    const before = Buffer.concat(taken);
    for (let id = 2; id < 5000; id++) writer.add(id, EMPTY, Buffer.alloc(100, 0xff));
    expect(Buffer.concat(taken).equals(before)).toBe(true);
  });

  test.each([1, 2, 3, 4])(
    'memory is used again when it was sent, and not before, seed %i',
    (seed) => {
      const random = new SeededRandom(seed);
      const writer = new FrameWriter();
      const unsent: { readonly pieces: Buffer[]; readonly before: Buffer }[] = [];
      const memory = new Set<ArrayBufferLike>();
      const stream: Buffer[] = [];
      const messages: Buffer[] = [];
      for (let round = 0; round < 3000; round++) {
        for (let more = random.below(4); more > 0; more--) {
          const length = random.chance(0.02) ? 100_000 : random.whole(1, random.pick([50, 20_000]));
          const body = Buffer.alloc(length, messages.length);
          messages.push(body);
          writer.add(messages.length, EMPTY, body);
        }
        if (random.chance(0.6)) {
          const pieces = writer.take();
          if (pieces.length > 0) unsent.push({ pieces, before: Buffer.concat(pieces) });
          for (const { buffer, byteLength } of pieces) if (byteLength > 20) memory.add(buffer);
        }
        while (unsent.length > random.below(4)) {
          const { pieces, before } = unsent.shift() ?? { pieces: [], before: EMPTY };
          expect(Buffer.concat(pieces).equals(before)).toBe(true);
          stream.push(before);
          writer.sent();
        }
      }
      for (const { before } of unsent) stream.push(before);
      stream.push(takeAll(writer));
      const received = new Map<number, Buffer>();
      const reader = new FrameReader(MEBIBYTE, (id, bytes) => received.set(id, Buffer.from(bytes)));
      reader.push(Buffer.concat(stream));
      for (const [index, message] of messages.entries()) {
        expect(received.get(index + 1)?.equals(message)).toBe(true);
      }
      // Long messages are sent from where they are.
      const long = messages.filter(({ length }) => length === 100_000).length;
      expect(memory.size - long).toBeLessThan(60);
      expect(stream.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(20_000_000);
    },
  );

  test('what was pushed may be overwritten, with half a frame in it or not', () => {
    const writer = new FrameWriter();
    writer.add(1, EMPTY, Buffer.alloc(100_000, 1));
    writer.add(2, EMPTY, Buffer.from('short'));
    const stream = takeAll(writer);
    const messages: Buffer[] = [];
    const reader = new FrameReader(MEBIBYTE, (_id, message) => messages.push(Buffer.from(message)));
    const socket = Buffer.alloc(1000);
    for (let offset = 0; offset < stream.length; offset += socket.length) {
      const length = stream.copy(socket, 0, offset);
      reader.push(socket.subarray(0, length));
      socket.fill(0xee);
    }
    expect(messages.map(String)).toEqual(['short', String(Buffer.alloc(100_000, 1))]);
  });

  test('what is taken at once has the short messages first (D13)', () => {
    const writer = new FrameWriter();
    for (const id of [1, 2, 3]) writer.add(id, EMPTY, Buffer.alloc(MEBIBYTE));
    writer.add(4, EMPTY, Buffer.from('short'));
    const order: number[] = [];
    const reader = new FrameReader(MEBIBYTE, (id) => order.push(id));
    reader.push(Buffer.concat(writer.take()).subarray(0, 14));
    expect(order).toEqual([4]);
  });

  test('the head may be reused as soon as it was added', () => {
    const writer = new FrameWriter();
    const head = Buffer.from('one');
    writer.add(1, head, Buffer.alloc(100_000));
    head.write('two');
    writer.add(2, head, EMPTY);
    head.write('xxx');
    const heads: string[] = [];
    const reader = new FrameReader(MEBIBYTE, (_id, message) =>
      heads.push(message.toString('utf8', 0, 3)),
    );
    reader.push(takeAll(writer));
    expect(heads.sort()).toEqual(['one', 'two']);
  });
});

test('each part of a long message but the last one is told, with the id of its message', () => {
  const writer = new FrameWriter();
  writer.add(1, EMPTY, Buffer.alloc(200_000));
  writer.add(2, EMPTY, Buffer.alloc(100));
  writer.add(3, EMPTY, Buffer.alloc(100_000));
  const told: string[] = [];
  const received = (id: number) => told.push(`all of ${id}`);
  const arriving = (id: number) => told.push(`part of ${id}`);
  new FrameReader(MEBIBYTE, received, undefined, arriving).push(takeAll(writer));
  const first = ['all of 2', 'part of 1', 'part of 3'];
  expect(told).toEqual([...first, 'part of 1', 'all of 3', 'part of 1', 'all of 1']);
});

test('a message above the limit goes by, is named once all of it came, and takes nothing along', () => {
  const writer = new FrameWriter();
  writer.add(1, EMPTY, Buffer.alloc(3 * MEBIBYTE));
  writer.add(2, EMPTY, Buffer.alloc(MEBIBYTE, 7));
  writer.add(3, EMPTY, Buffer.from('short'));
  const happened: string[] = [];
  const reader = new FrameReader(
    MEBIBYTE,
    (id, message) => happened.push(`${id}: ${message.length} of ${message.at(-1)}`),
    (id) => happened.push(`${id} is too long`),
  );
  reader.push(takeAll(writer));
  expect(happened).toEqual([`3: 5 of 116`, `2: ${MEBIBYTE} of 7`, '1 is too long']);
  // Its id is free again.
  writer.add(1, EMPTY, Buffer.alloc(100_000));
  reader.push(takeAll(writer));
  expect(happened.slice(3)).toEqual(['1: 100000 of 0']);
});

describe('malformed frames break the stream', () => {
  const frame = (length: number, kind: number, id: number, ...rest: number[]) => {
    const header = Buffer.alloc(9);
    header.writeUInt32BE(length, 0);
    header[4] = kind;
    header.writeUInt32BE(id, 5);
    return Buffer.concat([header, Buffer.from(rest)]);
  };
  const first = (total: number, id = 1) => frame(1, 1, id, ...numbers(total), 7);
  const numbers = (value: number) => [
    value >>> 24,
    (value >>> 16) & 255,
    (value >>> 8) & 255,
    value & 255,
  ];

  test.each([
    ['a frame longer than a chunk', [frame(65_537, 0, 1)]],
    ['an unknown kind', [frame(1, 3, 1, 0)]],
    ['a message above the limit', [first(2000)]],
    ['a first chunk that is all', [first(1)]],
    ['a chunk of no message', [frame(1, 2, 1, 0)]],
    ['a message begun twice', [first(100), first(100)]],
    ['more bytes than announced', [first(2), frame(2, 2, 1, 0, 0)]],
    ['too many long messages at once', [1, 2, 3, 4, 5].map((id) => first(100, id))],
  ])('%s', (_what, frames) => {
    const received: number[] = [];
    const reader = new FrameReader(1000, (id) => received.push(id));
    expect(() => reader.push(Buffer.concat(frames))).toThrow(FramingBroken);
    expect(received).toEqual([]);
  });

  test.each([1, 2, 3])('random bytes break it or wait, and never hang, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 200; round++) {
      const reader = new FrameReader(1000, () => undefined);
      try {
        reader.push(random.bytes(random.below(200)));
      } catch (error) {
        expect(error).toBeInstanceOf(FramingBroken);
      }
    }
  });
});
