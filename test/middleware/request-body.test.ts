// The body of an application's request, as the body of one to a broker.

import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { BytePart, ByteStream } from '../../src/cluster/http/byte-stream.ts';
import { bodyOf, wasRead } from '../../src/middleware/request-body.ts';

const next = (body: ByteStream) => new Promise<BytePart>((resolve) => body.read(resolve));

async function rest(body: ByteStream) {
  const pieces: Buffer[] = [];
  for (;;) {
    const part = await next(body);
    if (part.kind !== 'bytes') return { part, bytes: Buffer.concat(pieces).toString() };
    pieces.push(part.bytes);
  }
}

test('a body comes as it was sent, before and after it is asked for', async () => {
  const source = new PassThrough();
  const body = bodyOf(source, 9, () => true);
  source.write('abc');
  const first = await next(body);
  const second = rest(body);
  source.write('def');
  source.end('ghi');
  expect(first).toEqual({ kind: 'bytes', bytes: Buffer.from('abc') });
  expect(await second).toEqual({ part: { kind: 'end' }, bytes: 'defghi' });
  expect(body.length).toBe(9);
});

test('an empty body ends', async () => {
  const source = new PassThrough();
  source.end();
  expect(await rest(bodyOf(source, 0, () => true))).toEqual({ part: { kind: 'end' }, bytes: '' });
});

test.each<[string, (source: PassThrough) => void]>([
  ['with an error', (source) => source.destroy(new Error('reset'))],
  ['without one', (source) => source.destroy()],
])('a body that breaks off %s is not whole', async (_how, cut) => {
  const source = new PassThrough();
  const body = bodyOf(source, undefined, () => false);
  source.write('abc');
  await next(body);
  const last = next(body);
  cut(source);
  expect(await last).toEqual({ kind: 'broken', why: 'gone' });
});

test('a body that nobody wants is read to its end, so that the connection can be used again', async () => {
  const source = new PassThrough();
  bodyOf(source, undefined, () => true).discard();
  source.end(Buffer.alloc(1_000_000));
  await new Promise((resolve) => source.once('end', resolve));
  expect(source.readableEnded).toBe(true);
});

test('a body that somebody has decoded as text is as one that was read', () => {
  const source = new PassThrough();
  expect(wasRead(source)).toBe(false);
  source.setEncoding('utf8');
  expect(wasRead(source)).toBe(true);
});
