// A body on its way to undici: at the pace of the socket, and harmless where it breaks off while nobody listens.

import { expect, test } from 'vitest';
import type { BytePart, ByteStream } from '../../../../src/cluster/http/byte-stream.ts';
import { readableOf } from '../../../../src/cluster/io/network/readable-body.ts';

function streamOf(...parts: readonly BytePart[]) {
  const left = [...parts];
  const stream: ByteStream & { discarded: number } = {
    length: undefined,
    discarded: 0,
    read: (callback) => callback(left.shift() ?? { kind: 'end' }),
    discard() {
      stream.discarded++;
    },
  };
  return stream;
}

test('what is read of it is what its producer gives', async () => {
  const pieces = ['ab', 'c'].map((text) => ({ kind: 'bytes', bytes: Buffer.from(text) }) as const);
  const read: Buffer[] = [];
  for await (const piece of readableOf(streamOf(...pieces))) read.push(piece as Buffer);
  expect(Buffer.concat(read).toString()).toBe('abc');
});

test('one that breaks off before anybody listens, or after, throws nowhere', async () => {
  const stream = streamOf({ kind: 'broken', why: 'gone' });
  const body = readableOf(stream);
  // As undici does before it listens, to see whether the body is empty.
  body.read(0);
  // Not its `close`, which never comes where the error is thrown instead.
  await new Promise(setImmediate);
  expect([stream.discarded, body.errored?.message]).toEqual([1, 'the body broke off: gone']);
  expect(() => body.emit('error', new Error('late'))).not.toThrow();
});
