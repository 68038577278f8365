// What /v1/keys changes only on a condition, or by what was there before, on a real cluster with many clients at once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type CallOptions, call } from '../helpers/client.ts';
import { type LocalCluster, startCluster, until } from '../helpers/cluster.ts';

let cluster: LocalCluster;
let frontends: readonly string[];

beforeAll(async () => {
  cluster = await startCluster({ frontends: 3 });
  ({ frontends } = cluster);
});
afterAll(() => cluster.stop());

/** Through the frontends in turn. */
let turn = 0;
const ask = (path: string, options: CallOptions = {}): Promise<Answer> =>
  call(frontends[turn++ % frontends.length] ?? '', `/v1/keys/${path}`, options);
const put = (key: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  ask(key, { method: 'PUT', body, headers });
const post = (path: string, options: CallOptions = {}) => ask(path, { ...options, method: 'POST' });
const many = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));
const statusesOf = (answers: readonly Answer[]) => answers.map(({ status }) => status).sort();

describe('If-None-Match: *', () => {
  test('of many that create one key at once, one does, and the others learn of it', async () => {
    for (let round = 0; round < 5; round++) {
      const key = `create/${round}`;
      const answers = await many(12, (index) => put(key, `${index}`, { 'if-none-match': '*' }));
      expect(statusesOf(answers)).toEqual([201, ...Array(11).fill(412)]);
      const winner = answers.findIndex(({ status }) => status === 201);
      const { text, headers } = await ask(key);
      expect([text, headers.etag]).toEqual([`${winner}`, answers[winner]?.headers.etag]);
      for (const { status, headers: told } of answers) {
        if (status === 412)
          expect(told).toMatchObject({ 'x-fog-error': 'condition-failed', etag: headers.etag });
      }
    }
  });

  test('creates a key again that was deleted, or has expired', async () => {
    await put('again', 'x');
    expect((await put('again', 'y', { 'if-none-match': '*' })).status).toBe(412);
    await ask('again', { method: 'DELETE' });
    expect((await put('again', 'y', { 'if-none-match': '*' })).status).toBe(201);
    await put('expires?ttl=1', 'x');
    await until(async () => (await put('expires', 'y', { 'if-none-match': '*' })).status === 201);
  });
});

describe('If-Match', () => {
  test('many clients that read, add and write if nobody else did lose no addition', async () => {
    await put('sum', '0');
    const clients = 6;
    const additions = 10;
    await many(clients, async () => {
      for (let done = 0; done < additions; ) {
        const { text, headers } = await ask('sum');
        const { status } = await put('sum', `${Number(text) + 1}`, {
          'if-match': String(headers.etag),
        });
        expect([204, 412]).toContain(status);
        if (status === 204) done++;
      }
    });
    expect((await ask('sum')).text).toBe(`${clients * additions}`);
  });

  test('is 412 with the present ETag where it does not hold, and 412 without one where nothing is', async () => {
    const first = await put('matched', '1');
    const second = await put('matched', '2', { 'if-match': String(first.headers.etag) });
    expect(second.status).toBe(204);
    const late = await put('matched', '3', { 'if-match': String(first.headers.etag) });
    expect(late).toMatchObject({ status: 412, headers: { etag: second.headers.etag } });
    const nothing = await put('never-there', '1', { 'if-match': '*' });
    expect([nothing.status, nothing.headers.etag]).toEqual([412, undefined]);
    expect((await put('matched', '4', { 'if-match': '*' })).status).toBe(204);
    expect((await ask('matched')).text).toBe('4');
    // A tag of another server matches nothing.
    expect((await put('matched', '5', { 'if-match': '"x"' })).status).toBe(412);
    expect((await put('matched', '5', { 'if-none-match': '"x"' })).status).toBe(204);
  });

  test('keeps a delete from what it does not know', async () => {
    const { headers } = await put('deleted', '1');
    await put('deleted', '2');
    const match = { 'if-match': String(headers.etag) };
    expect((await ask('deleted', { method: 'DELETE', headers: match })).status).toBe(412);
    const present = { 'if-match': String((await ask('deleted')).headers.etag) };
    expect((await ask('deleted', { method: 'DELETE', headers: present })).status).toBe(204);
    const gone = await ask('deleted', { method: 'DELETE', headers: present });
    expect([gone.status, gone.headers['x-fog-error']]).toEqual([404, undefined]);
    expect((await ask('deleted')).status).toBe(404);
  });

  test('both conditions must hold', async () => {
    const { headers } = await put('both', '1');
    const etag = String(headers.etag);
    expect((await put('both', '2', { 'if-match': etag, 'if-none-match': etag })).status).toBe(412);
    expect((await put('both', '2', { 'if-match': etag, 'if-none-match': '"x"' })).status).toBe(204);
  });
});

describe('incr', () => {
  test('of many clients sums up, and each sees a number of its own', async () => {
    const numbers = (await many(60, () => post('count/incr'))).map(({ text }) => Number(text));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect((await post('count/incr?by=-100')).text).toBe('-40');
    expect((await ask('count')).text).toBe('-40');
  });

  test('keeps ttl and content type, and has the ETag of what it stored', async () => {
    await put('typed?ttl=1000', '5', { 'content-type': 'text/plain' });
    const { status, text, headers } = await post('typed/incr?by=3');
    expect([status, text, headers['content-type']]).toEqual([200, '8', 'text/plain']);
    const read = await ask('typed');
    expect(read.headers).toMatchObject({ etag: headers.etag, 'content-type': 'text/plain' });
    expect(read.headers['cache-control']).toMatch(/^max-age=\d+$/);
  });

  test('of what is no number, or beyond all numbers, is 409 that says what is there', async () => {
    await put('word', 'five');
    const word = await post('word/incr');
    expect(word).toMatchObject({ status: 409, headers: { 'x-fog-error': 'not-a-number' } });
    expect(word.text).toContain('"five"');
    await put('huge', `${Number.MAX_SAFE_INTEGER}`);
    const huge = await post('huge/incr');
    expect(huge).toMatchObject({ status: 409, headers: { 'x-fog-error': 'overflow' } });
    expect((await ask('huge')).text).toBe(`${Number.MAX_SAFE_INTEGER}`);
  });

  test('with a condition adds only if it holds', async () => {
    expect((await post('new/incr', { headers: { 'if-match': '*' } })).status).toBe(412);
    const { headers } = await post('new/incr', { headers: { 'if-none-match': '*' } });
    const match = { 'if-match': String(headers.etag) };
    expect((await post('new/incr', { headers: match })).text).toBe('2');
    expect((await post('new/incr', { headers: match })).status).toBe(412);
  });

  test('of a key with slashes, also one that ends like a verb', async () => {
    expect((await post('a/b/incr')).text).toBe('1');
    expect((await ask('a/b')).text).toBe('1');
    expect((await post('a/incr/incr')).text).toBe('1');
    expect((await ask('a/incr')).text).toBe('1');
    expect((await ask('a')).status).toBe(404);
  });
});

describe('append', () => {
  test('of many clients loses nothing, and cuts nothing in two', async () => {
    const words = Array.from({ length: 40 }, (_, index) => `word ${index};`);
    const answers = await Promise.all(words.map((body) => post('text/append', { body })));
    expect(statusesOf(answers)).toEqual(Array(40).fill(200));
    const { text } = await ask('text');
    expect(text.split(/(?<=;)/).sort()).toEqual([...words].sort());
    for (const [index, answer] of answers.entries()) {
      // Each saw what was there then, with its own at the end.
      expect(text.startsWith(answer.text)).toBe(true);
      expect(answer.text.endsWith(words[index] ?? '')).toBe(true);
    }
  });
});

describe('getset', () => {
  test('answers what was there, with its type, and leaves what it stored', async () => {
    const first = await post('swapped/getset', {
      body: 'one',
      headers: { 'content-type': 'text/one' },
    });
    expect([first.status, first.text]).toEqual([204, '']);
    const second = await post('swapped/getset?ttl=1000', { body: 'two' });
    expect([second.status, second.text]).toEqual([200, 'one']);
    expect(second.headers['content-type']).toBe('text/one');
    const read = await ask('swapped');
    expect(read).toMatchObject({ text: 'two', headers: { etag: second.headers.etag } });
    expect(read.headers['cache-control']).toMatch(/^max-age=/);
  });

  test('of many clients each value is taken by exactly one', async () => {
    const values = Array.from({ length: 30 }, (_, index) => `value ${index}`);
    const taken = await Promise.all(values.map((body) => post('baton/getset', { body })));
    const last = await ask('baton');
    const seen = [...taken.filter(({ status }) => status === 200), last].map(({ text }) => text);
    expect(seen.sort()).toEqual([...values].sort());
  });
});

test('a conditional write and blind ones of the same key: what is there is the ETag of somebody', async () => {
  const answers = await many(60, (index) =>
    put('mixed', `${index}`, index % 3 === 0 ? { 'if-match': '*' } : {}),
  );
  const { text, headers } = await ask('mixed');
  expect(answers[Number(text)]?.headers.etag).toBe(headers.etag);
});

test('values that take many frames are read, changed and exchanged as short ones are', async () => {
  const [first, second] = ['a'.repeat(300_000), 'b'.repeat(300_000)];
  await put('long', first);
  const read = await ask('long', { headers: { 'x-fog-read': 'linearizable' } });
  expect([read.status, read.text === first]).toEqual([200, true]);
  const unmet = await put('long', 'x', { 'if-none-match': '*' });
  expect([unmet.status, unmet.headers.etag]).toEqual([412, read.headers.etag]);
  expect((await post('long/incr')).status).toBe(409);
  const appended = await post('long/append', { body: '.' });
  expect([appended.status, appended.text === `${first}.`]).toEqual([200, true]);
  const swapped = await post('long/getset', { body: second });
  expect([swapped.status, swapped.text === `${first}.`]).toEqual([200, true]);
  expect((await ask('long')).text === second).toBe(true);
});
