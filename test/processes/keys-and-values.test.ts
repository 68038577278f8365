// Sets through one frontend and gets through another, on a real cluster.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, get, inParallel, set } from '../helpers/client.ts';
import { type LocalCluster, startCluster, until } from '../helpers/cluster.ts';

let cluster: LocalCluster;
let one: string;
let other: string;

beforeAll(async () => {
  // 16 MiB to three nodes take their time on a slow machine; nothing here waits for a deadline.
  cluster = await startCluster({ frontends: 3 });
  [one = '', other = ''] = cluster.frontends;
});
afterAll(() => cluster.stop());

/** What each storage node holds of the key: version and value, undefined where it holds nothing. */
async function replicas(key: string): Promise<(string | undefined)[]> {
  const answers = await Promise.all(
    cluster.storages.map((node) => call(node, `/s/record?key=${encodeURIComponent(key)}`)),
  );
  return answers.map(({ status, headers, text }) =>
    status === 200 ? `${headers['x-fog-version']} ${text}` : undefined,
  );
}

describe('sets and gets', () => {
  test('what one frontend set, another one gets, with and without the trailing slash', async () => {
    expect((await call(one, '/set/?key=a&value=1')).text).toBe('Ok\n');
    expect((await call(other, '/get/?key=a')).text).toBe('1');
    expect((await call(other, '/get?key=a')).text).toBe('1');
    expect((await call(one, '/set?key=b', { method: 'PUT', body: 'by PUT' })).text).toBe('Ok\n');
    expect((await get(other, 'b')).text).toBe('by PUT');
  });

  test('a set is on exactly K storage nodes', async () => {
    await set(one, 'three copies', 'x');
    expect((await replicas('three copies')).filter((copy) => copy !== undefined)).toHaveLength(3);
  });

  test('a key never set is 404, and so is a deleted one, by every method', async () => {
    expect((await get(one, 'never set')).status).toBe(404);
    for (const method of ['GET', 'POST', 'DELETE'] as const) {
      await set(one, 'to delete', 'x');
      expect(await call(other, '/delete?key=to+delete', { method })).toMatchObject({
        status: 200,
        text: 'Ok\n',
      });
      expect((await get(one, 'to delete')).status).toBe(404);
    }
    expect((await call(one, '/delete/?key=was+never+there')).text).toBe('Ok\n');
  });

  test('an expired key is 404, and can be set again', async () => {
    await call(one, '/set?key=short&value=x&ttl=1');
    await call(one, '/set?key=long&value=x&ttl=1000');
    await until(async () => (await get(other, 'short')).status === 404);
    expect((await get(other, 'long')).text).toBe('x');
    await set(one, 'short', 'again');
    expect((await get(other, 'short')).text).toBe('again');
  });

  test('the empty value is a value', async () => {
    await call(one, '/set?key=empty&value=');
    expect(await get(other, 'empty')).toMatchObject({ status: 200, text: '' });
    await set(one, 'empty by POST', '');
    expect(await get(other, 'empty by POST')).toMatchObject({ status: 200, text: '' });
  });

  test('a body wins over a value in the query', async () => {
    await call(one, '/set?key=both&value=query', { method: 'POST', body: 'body' });
    expect((await get(other, 'both')).text).toBe('body');
  });

  test("a form's content type does not make the body a form", async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await call(one, '/set?key=form', { method: 'POST', body: 'a=b+c%20', headers });
    const answer = await get(other, 'form');
    expect(answer.text).toBe('a=b+c%20');
    expect(answer.headers['content-type']).toBe('application/octet-stream');
  });

  test('every byte can be a key and a part of one', async () => {
    const keys = Array.from({ length: 256 }, (_, byte) => Buffer.of(byte, 0x2f, 255 - byte));
    const path = (key: Buffer) =>
      [...key].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    for (let byte = 0; byte < 256; byte++) keys.push(Buffer.of(byte));
    await inParallel(keys, 32, async (key) => {
      const answer = await call(one, `/set?key=${path(key)}`, { method: 'POST', body: key });
      expect(answer.status).toBe(200);
    });
    await inParallel(keys, 32, async (key) => {
      expect((await call(other, `/get?key=${path(key)}`)).bytes).toEqual(key);
    });
  });

  test('a key of 1,024 bytes is taken, one of 1,025 is not', async () => {
    expect((await set(one, 'k'.repeat(1024), 'x')).status).toBe(200);
    expect((await get(other, 'k'.repeat(1024))).text).toBe('x');
    expect((await set(one, 'k'.repeat(1025), 'x')).status).toBe(501);
  });

  test('values of every size around the chunk limits come back byte for byte', async () => {
    const sizes = [1, 65_535 - 64, 65_536 - 30, 65_536, 65_537, 200_000, 1_000_003];
    await inParallel(sizes, 4, async (size) => {
      const value = randomBytes(size);
      expect((await set(one, `size ${size}`, value)).status).toBe(200);
      expect((await get(other, `size ${size}`)).bytes.equals(value)).toBe(true);
    });
  });

  test('16 MiB are taken, one byte more is refused and stores nothing', async () => {
    const largest = randomBytes(16 * 1024 * 1024);
    await inParallel([0, 1, 2, 3, 4, 5], 6, async (index) => {
      expect((await set(one, `largest ${index}`, largest)).status).toBe(200);
    });
    await inParallel([0, 1, 2, 3, 4, 5], 6, async (index) => {
      expect((await get(other, `largest ${index}`)).bytes.equals(largest)).toBe(true);
    });
    const refused = await set(one, 'too large', Buffer.concat([largest, Buffer.of(1)]));
    expect(refused.status).toBe(413);
    expect(refused.text).toMatch(/longer than this cluster takes: 16777216 bytes are the most/);
    expect((await get(other, 'too large')).status).toBe(404);
    const body = Buffer.concat([largest, Buffer.of(1)]);
    const answer = await call(one, '/v1/keys/too-large', { method: 'PUT', body });
    expect(answer.status).toBe(413);
    expect(answer.text).toMatch(/longer than this cluster takes: 16777216 bytes are the most/);
  });

  test('small requests pass while 16 MiB values are on their way', async () => {
    const large = randomBytes(16 * 1024 * 1024);
    const sets = Promise.all([1, 2, 3].map((index) => set(one, `heavy ${index}`, large)));
    for (let index = 0; index < 50; index++) {
      await set(one, 'light', String(index));
      expect((await get(one, 'light')).text).toBe(String(index));
    }
    for (const answer of await sets) expect(answer.status).toBe(200);
  });
});

describe('concurrent writers', () => {
  test('one key set through all frontends at once ends the same on every replica (H18, H20)', async () => {
    for (let round = 0; round < 20; round++) {
      const key = `contended ${round}`;
      await Promise.all(
        Array.from({ length: 30 }, async (_, index) => {
          const frontend = cluster.frontends[index % cluster.frontends.length] ?? '';
          expect((await set(frontend, key, `value ${index}`)).status).toBe(200);
        }),
      );
      const copies = (await replicas(key)).filter((copy) => copy !== undefined);
      expect(copies).toHaveLength(3);
      expect(new Set(copies).size).toBe(1);
      const last = await Promise.all(cluster.frontends.map((frontend) => get(frontend, key)));
      expect(new Set(last.map(({ text }) => text)).size).toBe(1);
    }
  });

  test('a set that starts after another was acknowledged wins, whichever frontends they use (G1)', async () => {
    for (let index = 0; index < 200; index++) {
      const writer = cluster.frontends[index % 3] ?? '';
      const reader = cluster.frontends[(index + 1) % 3] ?? '';
      await set(writer, 'taking turns', String(index));
      expect((await get(reader, 'taking turns')).text).toBe(String(index));
    }
  });
});

const UNICODE_DATA = new URL('../../../shared/data/UnicodeData.txt', import.meta.url);

describe.skipIf(!existsSync(UNICODE_DATA))(
  'the Unicode Character Database (needs its file)',
  () => {
    test('every record set through one frontend is got through another, byte for byte', async () => {
      const lines = readFileSync(UNICODE_DATA, 'latin1').trimEnd().split('\n');
      const codePoint = (line: string) => line.slice(0, line.indexOf(';'));
      expect(lines).toHaveLength(34_924);
      await inParallel(lines, 64, async (line) => {
        const answer = await set(one, codePoint(line), Buffer.from(line, 'latin1'));
        if (answer.status !== 200)
          throw new Error(`${codePoint(line)}: ${answer.status} ${answer.text}`);
      });
      let compared = 0;
      await inParallel(lines, 64, async (line) => {
        const { bytes } = await get(other, codePoint(line));
        if (!bytes.equals(Buffer.from(line, 'latin1')))
          throw new Error(`${codePoint(line)} differs`);
        compared++;
      });
      expect(compared).toBe(34_924);
    });
  },
);
