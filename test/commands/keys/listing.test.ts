// A listing goes on where a frontend broke off, lists no key twice, and takes nobody for a frontend who is none.

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type ListedPart, listed } from '../../../src/commands/keys/listing.ts';
import { Unrepeated } from '../../../src/commands/keys/unrepeated.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

type Answer = (response: ServerResponse) => void;

/** A frontend that gives these answers, one after the other, and tells what it was asked. */
async function frontend(...answers: readonly Answer[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const answer = answers[asked.push(request.url ?? '') - 1];
    if (answer === undefined) response.destroy();
    else answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const lines = (...texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
const record = (key: string) => `{"key":"${key}"}`;
const cursor = (text: string | null) => JSON.stringify({ cursor: text });

const whole =
  (text: string): Answer =>
  (response) =>
    response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(text);
const cut =
  (text: string): Answer =>
  (response) =>
    response
      .writeHead(200, { 'content-type': 'application/x-ndjson' })
      .write(text, () => setImmediate(() => response.destroy()));

async function keysOf(endpoints: readonly string[], isPaged: boolean) {
  const unrepeated = new Unrepeated();
  const keys: string[] = [];
  const pathFrom = (from: string | undefined) => `/list${from === undefined ? '' : `?${from}`}`;
  const parts: AsyncIterable<ListedPart> = listed({
    endpoints,
    pathFrom,
    isPaged,
    from: undefined,
  });
  for await (const part of parts) {
    if (part.isAgain) unrepeated.broke();
    for (const line of part.records) {
      const { key } = JSON.parse(String(line));
      if (unrepeated.isNew(key)) keys.push(key);
    }
    if (part.cursor !== undefined) unrepeated.cursorCame();
  }
  return keys;
}

describe('a listing', () => {
  test('follows the cursors of pages to the one that has none', async () => {
    const { url, asked } = await frontend(
      whole(lines(record('a'), record('b'), cursor('C1'))),
      whole(lines(cursor('C2'))),
      whole(lines(record('c'))),
    );
    expect(await keysOf([url], true)).toEqual(['a', 'b', 'c']);
    expect(asked).toEqual(['/list', '/list?C1', '/list?C2']);
  });

  test('goes on at the last cursor when it broke off, elsewhere, and lists no key twice', async () => {
    const second = await frontend(
      whole(lines(record('c'), record('b2'), record('d'), cursor('C2'))),
      whole(lines(record('e'))),
    );
    const first = await frontend(
      whole(lines(record('a'), cursor('C1'))),
      cut(`${lines(record('b2'), record('c'), record('x'))}{"key":"dd`),
    );
    expect(await keysOf([first.url, second.url], true)).toEqual(['a', 'b2', 'c', 'x', 'd', 'e']);
    expect(first.asked.slice(0, 2)).toEqual(['/list', '/list?C1']);
    expect(second.asked[0]).toBe('/list?C1');
  });

  test('of one answer ends with its last line alone', async () => {
    const { url, asked } = await frontend(
      whole(lines(record('a'), cursor('C1'), record('b'))),
      whole(lines(record('b'), cursor('C2'), cursor(null))),
    );
    expect(await keysOf([url], false)).toEqual(['a', 'b']);
    expect(asked).toEqual(['/list', '/list?C1']);
  });

  test('goes on at the cursor of an error', async () => {
    const error = '{"error":"unanswered","detail":"nobody answers","cursor":"C9"}';
    const { url, asked } = await frontend(
      whole(lines(record('a'), error)),
      whole(lines(record('b'))),
    );
    expect(await keysOf([url], true)).toEqual(['a', 'b']);
    expect(asked).toEqual(['/list', '/list?C9']);
  });

  test('gives up where it gets no further, though something comes each time', async () => {
    const error = '{"error":"unanswered","detail":"nobody answers","cursor":"C9"}';
    const stuck = whole(lines(record('a'), error));
    const { url, asked } = await frontend(...Array.from({ length: 50 }, () => stuck));
    await expect(keysOf([url], true)).rejects.toMatchObject({ code: 'unanswered' });
    expect(asked.length).toBeLessThan(10);
  });

  test('is refused by what is no frontend, and by nobody', async () => {
    const other = await frontend((response) => response.end('<html>'));
    await expect(keysOf([other.url], true)).rejects.toMatchObject({ code: 'not-a-frontend' });
    const liar = await frontend(whole('hello\n'));
    await expect(keysOf([liar.url], true)).rejects.toMatchObject({ code: 'not-a-frontend' });
    const gone = await frontend();
    await expect(keysOf([gone.url], true)).rejects.toMatchObject({ code: 'unreachable' });
    expect(gone.asked).toHaveLength(1);
  });

  test('is not taken up again where it is refused', async () => {
    const { url, asked } = await frontend((response) =>
      response.writeHead(400, { 'x-fog-error': 'bad-cursor' }).end('no such cursor\n'),
    );
    const refused = { code: 'bad-cursor', message: 'no such cursor' };
    await expect(keysOf([url], true)).rejects.toMatchObject(refused);
    expect(asked).toHaveLength(1);
  });

  test('closes its connection when nobody wants more', async () => {
    let isClosed = false;
    const { url } = await frontend((response) => {
      response.on('close', () => {
        isClosed = true;
      });
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(lines(record('a')));
    });
    const pathFrom = () => '/list';
    for await (const part of listed({
      endpoints: [url],
      pathFrom,
      isPaged: true,
      from: undefined,
    })) {
      expect(part.records).toHaveLength(1);
      break;
    }
    while (!isClosed) await new Promise((resolve) => setTimeout(resolve, 10));
  });
});
