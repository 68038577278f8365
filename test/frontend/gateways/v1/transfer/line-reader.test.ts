// Lines of a body that comes piece by piece: the same lines however it is cut, and no memory for one that is too long.

import { expect, test } from 'vitest';
import type { BytePart, ByteStream } from '../../../../../src/cluster/http/byte-stream.ts';
import {
  type LinePart,
  LineReader,
} from '../../../../../src/frontend/gateways/v1/transfer/line-reader.ts';
import { SeededRandom } from '../../../../helpers/random.ts';

class Pieces implements ByteStream {
  readonly length = undefined;
  reads = 0;
  readonly #parts: BytePart[];

  constructor(pieces: readonly Buffer[], last: BytePart = { kind: 'end' }) {
    this.#parts = [...pieces.map((bytes) => ({ kind: 'bytes', bytes }) as const), last];
  }

  read(callback: (part: BytePart) => void): void {
    this.reads++;
    callback(this.#parts.shift() ?? { kind: 'broken', why: 'failed' });
  }

  discard(): void {}
}

function partsOf(stream: ByteStream, lineBytesMax = 1000): readonly LinePart[] {
  const reader = new LineReader(stream, lineBytesMax);
  const parts: LinePart[] = [];
  for (;;) {
    reader.next((part) => parts.push(part));
    const last = parts.at(-1);
    if (last === undefined || last.kind === 'end' || last.kind === 'broken') return parts;
  }
}

const textsOf = (parts: readonly LinePart[]) =>
  parts.map((part) => (part.kind === 'line' ? part.text : part.kind));

test('the lines are the same, however the body is cut', () => {
  const random = new SeededRandom(1);
  const whole = Buffer.from('one\n\nzwei größer\n🙂\r\nlast');
  for (let round = 0; round < 500; round++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < whole.length; ) {
      const end = Math.min(whole.length, at + random.whole(1, 9));
      pieces.push(whole.subarray(at, end));
      at = end;
    }
    const parts = partsOf(new Pieces(pieces));
    expect(textsOf(parts)).toEqual(['one', '', 'zwei größer', '🙂\r', 'last', 'end']);
    expect(parts.map((part) => ('number' in part ? part.number : 0))).toEqual([1, 2, 3, 4, 5, 0]);
  }
});

test('a line feed at the end begins no line', () => {
  expect(textsOf(partsOf(new Pieces([Buffer.from('a\n')])))).toEqual(['a', 'end']);
  expect(textsOf(partsOf(new Pieces([])))).toEqual(['end']);
});

test('a line that is too long is counted, and the next one is read', () => {
  const long = [Buffer.alloc(800, 'x'), Buffer.alloc(800, 'x'), Buffer.from('x\nnext\n')];
  expect(partsOf(new Pieces(long))).toEqual([
    { kind: 'too-long', number: 1, bytes: 1601 },
    { kind: 'line', number: 2, text: 'next', bytes: 4 },
    { kind: 'end' },
  ]);
  expect(textsOf(partsOf(new Pieces([Buffer.alloc(1000, 'x')])))).toEqual([
    'x'.repeat(1000),
    'end',
  ]);
});

test('a line that is no UTF-8 is named, for its bytes would be changed', () => {
  const parts = partsOf(new Pieces([Buffer.from('a\n\xff\nb', 'latin1')]));
  expect(textsOf(parts)).toEqual(['a', 'not-utf8', 'b', 'end']);
});

test('the line under way is dropped where the body breaks off', () => {
  const stream = new Pieces([Buffer.from('a\nhal')], { kind: 'broken', why: 'gone' });
  expect(textsOf(partsOf(stream))).toEqual(['a', 'broken']);
});

test('no piece is asked for while lines of the last one are left', () => {
  const stream = new Pieces([Buffer.from('a\nb\nc\n')]);
  const reader = new LineReader(stream, 1000);
  for (let line = 0; line < 3; line++) reader.next(() => undefined);
  expect(stream.reads).toBe(1);
});
