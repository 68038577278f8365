// A listing goes on where a frontend broke off, is whole only with its last line, and takes nobody for a frontend who is
// none.

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { listed } from '../../../src/commands/keys/listing.ts';

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

async function keysOf(endpoints: readonly string[]) {
  const keys: string[] = [];
  for await (const part of listed({ endpoints, pathFrom, from: undefined })) {
    keys.push(...part.records.map((line) => JSON.parse(String(line)).key));
    if (part.cursor !== undefined) keys.push(part.cursor);
  }
  return keys;
}

const pathFrom = (from: string | undefined) => `/list${from === undefined ? '' : `?${from}`}`;

describe('a listing', () => {
  test('ends with its last line', async () => {
    const { url, asked } = await frontend(
      whole(lines(record('a'), record('b'), cursor('C1'), record('c'), cursor(null))),
    );
    expect(await keysOf([url])).toEqual(['a', 'b', 'C1', 'c']);
    expect(asked).toEqual(['/list']);
  });

  test('goes on at the last cursor when it broke off, elsewhere', async () => {
    const second = await frontend(whole(lines(record('c'), record('d'), cursor(null))));
    const first = await frontend(cut(`${lines(record('a'), cursor('C1'), record('c'))}{"key":"dd`));
    expect(await keysOf([first.url, second.url])).toEqual(['a', 'C1', 'c', 'c', 'd']);
    expect(second.asked).toEqual(['/list?C1']);
  });

  test('is not whole without its last line', async () => {
    const { url, asked } = await frontend(
      whole(lines(record('a'), cursor('C1'), record('b'))),
      whole(lines(record('b'), cursor('C2'), cursor(null))),
    );
    expect(await keysOf([url])).toEqual(['a', 'C1', 'b', 'b', 'C2']);
    expect(asked).toEqual(['/list', '/list?C1']);
  });

  test('goes on at the cursor of an error', async () => {
    const error = '{"error":"unanswered","detail":"nobody answers","cursor":"C9"}';
    const { url, asked } = await frontend(
      whole(lines(record('a'), error)),
      whole(lines(record('b'), cursor(null))),
    );
    expect(await keysOf([url])).toEqual(['a', 'C9', 'b']);
    expect(asked).toEqual(['/list', '/list?C9']);
  });

  test('gives up where it gets no further, though something comes each time', async () => {
    const error = '{"error":"unanswered","detail":"nobody answers","cursor":"C9"}';
    const stuck = whole(lines(record('a'), error));
    const { url, asked } = await frontend(...Array.from({ length: 50 }, () => stuck));
    await expect(keysOf([url])).rejects.toMatchObject({ code: 'unanswered' });
    expect(asked.length).toBeLessThan(10);
  });

  test('is refused by what is no frontend, and by nobody', async () => {
    const other = await frontend((response) => response.end('<html>'));
    await expect(keysOf([other.url])).rejects.toMatchObject({ code: 'not-a-frontend' });
    const liar = await frontend(whole('hello\n'));
    await expect(keysOf([liar.url])).rejects.toMatchObject({ code: 'not-a-frontend' });
    const gone = await frontend();
    await expect(keysOf([gone.url])).rejects.toMatchObject({ code: 'unreachable' });
    expect(gone.asked).toHaveLength(1);
  });

  test('is not taken up again where it is refused', async () => {
    const { url, asked } = await frontend((response) =>
      response.writeHead(400, { 'x-fog-error': 'bad-cursor' }).end('no such cursor\n'),
    );
    const refused = { code: 'bad-cursor', message: 'no such cursor' };
    await expect(keysOf([url])).rejects.toMatchObject(refused);
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
    for await (const part of listed({ endpoints: [url], pathFrom, from: undefined })) {
      expect(part.records).toHaveLength(1);
      break;
    }
    while (!isClosed) await new Promise((resolve) => setTimeout(resolve, 10));
  });
});
