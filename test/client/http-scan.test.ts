// What a scan over HTTP asks frontends for, and what it makes of their lines; without a cluster.

import { describe, expect, test } from 'vitest';
import { HttpScan } from '../../src/client/http-scan.ts';
import { type ScannedEntry, type ScanOptions, VelourError } from '../../src/client/index.ts';
import { deletePrefix, scanned } from '../../src/client/scans.ts';

const ETAG = '"0196c6f1f2c40000-00000001"';
const keyLine = (key: string) => ({ key, etag: ETAG });

/** @param pages the lines of each, as a frontend sends them */
function frontend(...pages: readonly (readonly object[])[]) {
  const asked: string[] = [];
  const listed: string[] = [];
  const scan = (options: ScanOptions = {}): AsyncGenerator<ScannedEntry, void, undefined> =>
    scanned(
      options,
      (checked) =>
        new HttpScan(checked, async ({ path }) => {
          const lines = pages[asked.push(path) - 1];
          if (lines === undefined) throw new Error('nothing more is to be asked');
          return {
            kind: 'answered',
            status: 200,
            header: () => undefined,
            body: Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
          };
        }),
    );
  const list = async (options?: ScanOptions) => {
    for await (const { key } of scan(options)) listed.push(Buffer.from(key).toString());
    return listed;
  };
  return { asked, listed, scan, list };
}

describe('pages', () => {
  test('are bounded in keys and bytes, and go on at the cursor', async () => {
    const { asked, list } = frontend(
      [keyLine('a'), keyLine('b'), { cursor: 'C1' }],
      [{ cursor: 'C2' }],
      [keyLine('c')],
    );
    expect(await list({ prefix: 'a b&' })).toEqual(['a', 'b', 'c']);
    const first = '/v1/scan?prefix=a%20b%26&limit=1000&bytes=1048576';
    expect(asked).toEqual([first, `${first}&cursor=C1`, `${first}&cursor=C2`]);
  });

  test('list no more than the limit', async () => {
    const { asked, list } = frontend(
      [keyLine('a'), keyLine('b'), { cursor: 'C1' }],
      [keyLine('c'), { cursor: 'C2' }],
    );
    expect(await list({ limit: 3, values: false })).toEqual(['a', 'b', 'c']);
    expect(asked.map((path) => /limit=\d+/.exec(path)?.[0])).toEqual(['limit=3', 'limit=1']);
  });

  test('are asked for when the one before was taken, and not after a break', async () => {
    const { asked, scan } = frontend([keyLine('a'), keyLine('b'), { cursor: 'C1' }], []);
    const keys: number[] = [];
    for await (const { key } of scan()) {
      expect(asked).toHaveLength(1);
      if (keys.push(key.length) === 2) break;
    }
    expect(asked).toHaveLength(1);
  });
});

describe('a page that failed in its midst', () => {
  const failed = { error: 'partition-offline', detail: 'nobody is there', cursor: 'C1' };

  test('gives what it has, and the next one goes on at its cursor', async () => {
    const { asked, list } = frontend([keyLine('a'), failed], [keyLine('b')]);
    expect(await list()).toEqual(['a', 'b']);
    expect(asked[1]).toContain('&cursor=C1');
  });

  test('and gets no further is an error with its code', async () => {
    const { list, listed } = frontend([keyLine('a'), failed], [failed]);
    await expect(list()).rejects.toMatchObject({
      code: 'partition-offline',
      message: 'nobody is there',
      retryable: true,
    });
    expect(listed).toEqual(['a']);
  });
});

test.each([
  ['a key of no bytes in UTF-8', { key: '\ud800', etag: ETAG }],
  ['a key without an ETag', { key: 'a' }],
  ['no value', keyLine('a')],
  ['a cursor of another type', { cursor: 7 }],
  ['a cursor that is more of a query', { cursor: 'C&prefix=' }],
  ['nothing that is known', {}],
])('%s is no line of a frontend', async (_what, line) => {
  const { list } = frontend([line, line]);
  await expect(list({ values: true })).rejects.toMatchObject({ code: 'not-a-frontend' });
});

test('deletePrefix of an empty prefix asks for nothing unless it says all', async () => {
  const { asked, scan } = frontend([]);
  const velour = { scan, deleteMany: async () => [] };
  await expect(deletePrefix(velour, '', {})).rejects.toMatchObject({ code: 'bad-parameter' });
  expect(asked).toEqual([]);
  expect(await deletePrefix(velour, '', { all: true })).toBe(0);
  expect(asked).toHaveLength(1);
});

test('deletePrefix ends with the first delete that fails, and says what it was', async () => {
  const { scan } = frontend([keyLine('a'), keyLine('b')]);
  const error = new VelourError('outcome-unknown', 'nobody confirmed');
  const call = deletePrefix(
    {
      scan,
      deleteMany: async (keys) =>
        [...keys].map((key, index) =>
          index === 0
            ? { key, ok: true, value: { version: '0196c6f1f2c40000' } }
            : { key, ok: false, error },
        ),
    },
    'a',
    {},
  );
  await expect(call).rejects.toBe(error);
});
