// The client `webdav` of npm, which applications and their storage layers use, on a real cluster: whatever of it does not ask for
// what no RFC has.

import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, type FileStat, type WebDAVClient } from 'webdav';
import { inParallel } from '../../test/helpers/client.ts';
import { type LocalCluster, startCluster } from '../../test/helpers/cluster.ts';

let cluster: LocalCluster;
let one: WebDAVClient;
let other: WebDAVClient;

beforeAll(async () => {
  cluster = await startCluster({ frontends: 2, storages: 3, redundancy: 2, fileservers: 2 });
  const [first = '', second = ''] = cluster.frontends;
  one = createClient(`http://${first}/dav/`);
  other = createClient(`http://${second}/dav/`);
});
afterAll(() => cluster.stop());

/** In a record, and on file servers. */
const LENGTHS = [0, 1000, 65_537] as const;

async function contentAt(client: WebDAVClient, path: string): Promise<Buffer> {
  return Buffer.from((await client.getFileContents(path)) as Buffer);
}

async function listed(client: WebDAVClient, path: string): Promise<readonly FileStat[]> {
  return (await client.getDirectoryContents(path)) as FileStat[];
}

describe('webdav', () => {
  test.each(LENGTHS)('stores %d bytes, and the other frontend has them', async (length) => {
    const content = randomBytes(length);
    const path = `/file ${length} ü&#+%.png`;
    expect(await one.putFileContents(path, content)).toBe(true);
    expect((await contentAt(other, path)).equals(content)).toBe(true);
    expect(await other.stat(path)).toMatchObject({
      filename: path,
      basename: path.slice(1),
      type: 'file',
      size: length,
      // That is what this client says of it.
      mime: 'application/octet-stream',
    });
    expect(await other.putFileContents(path, 'another', { overwrite: false })).toBe(false);
    expect((await contentAt(one, path)).equals(content)).toBe(true);
    await other.deleteFile(path);
    expect(await one.exists(path)).toBe(false);
    await expect(one.stat(path)).rejects.toMatchObject({ status: 404 });
  });

  test('takes and gives a tree of 2,000 files', async () => {
    const nameOf = (index: number) => `/tree/d${index % 9}/e${index % 5}/file ${index} ü.bin`;
    const contentOf = (index: number) =>
      Buffer.alloc(index % 100 === 0 ? 70_000 : index % 700, `${index} `);
    for (let d = 0; d < 9; d++) {
      for (let e = 0; e < 5; e++)
        await one.createDirectory(`/tree/d${d}/e${e}`, { recursive: true });
    }
    const indices = [...Array(2000).keys()];
    await inParallel(indices, 16, async (index) => {
      await one.putFileContents(nameOf(index), contentOf(index));
    });
    const found: string[] = [];
    const walk = async (path: string): Promise<void> => {
      for (const { filename, type } of await listed(other, path)) {
        if (type === 'directory') await walk(filename);
        else found.push(filename);
      }
    };
    await walk('/tree');
    expect(found.sort()).toEqual(indices.map(nameOf).sort());
    await inParallel(indices, 16, async (index) => {
      expect((await contentAt(other, nameOf(index))).equals(contentOf(index))).toBe(true);
    });
    await one.moveFile('/tree', '/moved');
    expect(await other.exists('/tree')).toBe(false);
    expect(await listed(other, '/moved/d0')).toHaveLength(5);
    await other.deleteFile('/moved');
    expect(await one.exists('/moved')).toBe(false);
  });

  test('streams a file up and down, and a part of it', async () => {
    const content = randomBytes(300_000);
    await new Promise<void>((resolve) => {
      const up = one.createWriteStream('/streamed', {}, () => resolve());
      for (const at of [0, 100_000, 200_000]) up.write(content.subarray(at, at + 100_000));
      up.end();
    });
    const read = (options = {}) => buffer(other.createReadStream('/streamed', options) as Readable);
    expect((await read()).equals(content)).toBe(true);
    const part = await read({ range: { start: 100, end: 199 } });
    expect(part.equals(content.subarray(100, 200))).toBe(true);
  });

  test('copies and moves, over what is there only where it is told to', async () => {
    await one.putFileContents('/a', 'of a');
    await one.putFileContents('/b', 'of b');
    await one.copyFile('/a', '/c');
    expect((await contentAt(other, '/c')).toString()).toBe('of a');
    const refused = other.moveFile('/a', '/b', { overwrite: false });
    await expect(refused).rejects.toMatchObject({ status: 412 });
    await other.moveFile('/a', '/b');
    expect([await one.exists('/a'), (await contentAt(one, '/b')).toString()]).toEqual([
      false,
      'of a',
    ]);
  });

  test('locks: whoever has no token is refused by every frontend', async () => {
    await one.putFileContents('/locked', 'before');
    const { token } = await one.lock('/locked', { timeout: 'Second-600' });
    await expect(other.putFileContents('/locked', 'passed')).rejects.toMatchObject({ status: 423 });
    await expect(other.deleteFile('/locked')).rejects.toMatchObject({ status: 423 });
    const headers = { If: `(<${token}>)` };
    expect(await other.putFileContents('/locked', 'after', { headers })).toBe(true);
    await one.unlock('/locked', token);
    expect(await other.putFileContents('/locked', 'free')).toBe(true);
    expect((await contentAt(one, '/locked')).toString()).toBe('free');
  });

  test('finds out what the server is, and says where it has no answer', async () => {
    expect((await one.getDAVCompliance('/')).compliance).toEqual(['1', '2']);
    // A quota is nobody's here, and a collection is listed level by level (RFC 4918, 9.1).
    expect(await one.getQuota()).toBeNull();
    const deep = one.getDirectoryContents('/', { deep: true });
    await expect(deep).rejects.toMatchObject({ status: 403 });
  });
});
