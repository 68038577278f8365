// A file server over real sockets and directories: each of its paths, what it refuses, and what becomes of bodies that
// break off.

import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Files } from '../../src/cluster/files.ts';
import { encodeCheckedJson } from '../../src/cluster/wire/checked-json.ts';
import { BLOCK_BYTES } from '../../src/files/block-checksums.ts';
import { blobOf, commitOf, type TestBlob } from '../helpers/blob-stage.ts';
import { type CallOptions, call } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { startFileServer, type TestFileServer } from '../helpers/file-servers.ts';
import { problemsOf } from '../helpers/openapi-document.ts';
import { routeTables } from '../helpers/route-tables.ts';

let server: TestFileServer;
const started: TestFileServer[] = [];
async function start(...options: Parameters<typeof startFileServer>): Promise<TestFileServer> {
  const one = await startFileServer(...options);
  started.push(one);
  return one;
}
beforeEach(async () => {
  server = await start();
});
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

const ask = (path: string, options?: CallOptions, to = server) => call(to.address, path, options);
const post = (path: string, message: unknown, to = server) =>
  ask(path, { method: 'POST', body: JSON.stringify(message) }, to);
const messageOf = ({ commit }: Pick<TestBlob, 'commit'>) => ({
  size: commit.size,
  crc: commit.crc.toString('base64'),
  sha512: commit.sha512,
  owner: commit.owner.toString('base64'),
  manifest: commit.manifest.toString('base64'),
});
const stage = ({ id, bytes }: TestBlob, to = server) =>
  ask(`/blobs/${id}`, { method: 'PUT', body: bytes }, to);

async function put(blob: TestBlob, to = server): Promise<void> {
  expect((await stage(blob, to)).status).toBe(201);
  expect((await post(`/blobs/${blob.id}/commit`, messageOf(blob), to)).status).toBe(200);
}

async function have(...blobs: readonly TestBlob[]): Promise<readonly boolean[]> {
  const { text } = await post('/blobs/have', { ids: blobs.map(({ id }) => id) });
  const bits = Buffer.from(JSON.parse(text).have, 'base64');
  return blobs.map((_, index) => (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1);
}

describe('a blob', () => {
  const blob = blobOf(1, 3 * BLOCK_BYTES + 77);

  test('is staged, committed, and comes back with its headers', async () => {
    const staged = await stage(blob);
    expect([staged.status, staged.text]).toEqual([201, `{"bytes":${blob.bytes.length}}\n`]);
    expect((await ask(`/blobs/${blob.id}`)).status).toBe(404);
    const committed = await post(`/blobs/${blob.id}/commit`, messageOf(blob));
    expect([committed.status, committed.text]).toEqual([200, '{}\n']);
    const got = await ask(`/blobs/${blob.id}`);
    expect(got.bytes.equals(blob.bytes)).toBe(true);
    const headers = {
      'content-length': String(blob.bytes.length),
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      etag: `"${blob.id}"`,
    };
    expect(got).toMatchObject({ status: 200, headers });
    const head = await ask(`/blobs/${blob.id}`, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, headers, text: '' });
    const { text } = await ask(`/blobs/${blob.id}/meta`);
    expect(JSON.parse(text)).toMatchObject({
      ...messageOf(blob),
      id: blob.id,
      cluster: 'a cluster',
      committedAt: expect.any(Number),
    });
    expect(server.files('incoming')).toEqual([]);
  });

  test.each([
    ['bytes=0-0', 0, 0],
    [`bytes=5-${BLOCK_BYTES + 5}`, 5, BLOCK_BYTES + 5],
    [`bytes=${BLOCK_BYTES}-${2 * BLOCK_BYTES - 1}`, BLOCK_BYTES, 2 * BLOCK_BYTES - 1],
    ['bytes=-3', blob.bytes.length - 3, blob.bytes.length - 1],
  ])('gives the range %s', async (range, first, last) => {
    await put(blob);
    const got = await ask(`/blobs/${blob.id}`, { headers: { range } });
    expect(got.status).toBe(206);
    expect(got.headers['content-range']).toBe(`bytes ${first}-${last}/${blob.bytes.length}`);
    expect(got.bytes.equals(blob.bytes.subarray(first, last + 1))).toBe(true);
  });

  test('gives a range only of what it is meant for, and none beyond its end', async () => {
    await put(blob);
    const part = (headers: Record<string, string>) => ask(`/blobs/${blob.id}`, { headers });
    const beyond = await part({ range: `bytes=${blob.bytes.length}-` });
    expect([beyond.status, beyond.headers['content-range']]).toEqual([
      416,
      `bytes */${blob.bytes.length}`,
    ]);
    const range = 'bytes=1-2';
    expect((await part({ range, 'if-range': '"another"' })).status).toBe(200);
    expect((await part({ range, 'if-range': `"${blob.id}"` })).status).toBe(206);
  });

  test('F6: with a flipped byte breaks off before that block, and is taken away', async () => {
    await put(blob);
    const path = server.files('blobs').find((each) => each.endsWith(blob.id)) ?? '';
    const bytes = readFileSync(path);
    bytes[2 * BLOCK_BYTES + 3] = (bytes[2 * BLOCK_BYTES + 3] ?? 0) ^ 4;
    writeFileSync(path, bytes);
    // What is before it is as it was.
    const range = `bytes=0-${2 * BLOCK_BYTES - 1}`;
    const before = await ask(`/blobs/${blob.id}`, { headers: { range } });
    expect(before.bytes.equals(blob.bytes.subarray(0, 2 * BLOCK_BYTES))).toBe(true);
    await expect(ask(`/blobs/${blob.id}`)).rejects.toThrow();
    // What is asked of one blob is done in turn: it is taken away by then.
    await ask(`/blobs/${blob.id}`, { method: 'DELETE' });
    expect(server.files('corrupt')).toHaveLength(2);
    expect((await ask(`/blobs/${blob.id}`)).status).toBe(404);
    expect(await have(blob)).toEqual([false]);
    const { text } = await ask('/metrics');
    expect(text).toMatch(/^velourfog_wrong_blocks_total [1-9]/m);
    expect(server.logged.join('\n')).toMatch(/error: a block of a blob is wrong.*"block":2/);
    // Another copy may come in its place.
    await put(blob);
    expect((await ask(`/blobs/${blob.id}`)).bytes.equals(blob.bytes)).toBe(true);
  });

  test('that is deleted goes to the trash, and is served to who still asks for it', async () => {
    await put(blob);
    const deleted = () => ask(`/blobs/${blob.id}`, { method: 'DELETE' });
    expect((await deleted()).status).toBe(200);
    expect(await have(blob)).toEqual([false]);
    expect((await ask(`/blobs/${blob.id}`)).bytes.equals(blob.bytes)).toBe(true);
    expect((await ask(`/blobs/${blob.id}/meta`)).status).toBe(404);
    expect((await deleted()).status).toBe(200);
    expect(server.files('trash')).toHaveLength(2);
  });

  test('gets a second id by a link', async () => {
    const [linked, missing] = [blobOf(2), blobOf(3)];
    await put(blob);
    const owner = { owner: 'AAAA', manifest: 'BBBB' };
    const link = (id: string, from: string) => post(`/blobs/${id}/link`, { from, ...owner });
    expect((await link(linked.id, blob.id)).status).toBe(200);
    expect((await link(linked.id, blob.id)).status).toBe(200);
    expect((await link(missing.id, blobOf(4).id)).status).toBe(404);
    expect((await ask(`/blobs/${linked.id}`)).bytes.equals(blob.bytes)).toBe(true);
    expect(JSON.parse((await ask(`/blobs/${linked.id}/meta`)).text)).toMatchObject(owner);
    expect(await have(blob, linked, missing)).toEqual([true, true, false]);
  });
});

describe('an upload', () => {
  const blob = blobOf(1);

  /** Sends a head and a part of a body, and ends the connection. */
  async function cutOff(head: string, part: Buffer): Promise<void> {
    const [host, port] = server.address.split(':');
    const socket = connect({ host: host ?? '', port: Number(port) });
    await once(socket, 'connect');
    socket.write(`PUT /blobs/${blob.id} HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`);
    socket.write(part);
    await until(() => server.files('incoming').length > 0);
    socket.destroy();
  }

  test.each([
    ['Content-Length: 100000', blob.bytes.subarray(0, 1000)],
    ['Transfer-Encoding: chunked', Buffer.from('5\r\nhello\r\n5\r\nhel')],
  ])('whose body is cut off leaves nothing (%s)', async (head, part) => {
    await cutOff(head, part);
    await until(() => server.files('incoming').length === 0);
    expect((await post(`/blobs/${blob.id}/commit`, messageOf(blob))).status).toBe(404);
    await put(blob);
  });

  test('of an id that is taken is refused with 409, staged or committed', async () => {
    expect((await stage(blob)).status).toBe(201);
    const again = await stage(blob);
    expect([again.status, again.headers['x-fog-error']]).toEqual([409, 'blob-taken']);
    await post(`/blobs/${blob.id}/commit`, messageOf(blob));
    expect((await stage(blob)).status).toBe(409);
    expect((await ask(`/blobs/${blob.id}`)).bytes.equals(blob.bytes)).toBe(true);
  });

  test.each([
    ['size', 5],
    ['crc', commitOf(Buffer.alloc(100_000)).crc.toString('base64')],
  ])('is not committed with another %s, and is gone', async (name, value) => {
    await stage(blob);
    const message = { ...messageOf(blob), [name]: value };
    const refused = await post(`/blobs/${blob.id}/commit`, message);
    expect([refused.status, refused.headers['x-fog-error']]).toEqual([409, 'blob-differs']);
    expect(server.files('incoming')).toEqual([]);
    expect((await post(`/blobs/${blob.id}/commit`, messageOf(blob))).status).toBe(404);
  });

  test.each([
    ['a path that is no id', '/blobs/..%2f..%2fetc', { method: 'PUT', body: 'x' }, 400],
    ['an id in upper case', `/blobs/${blob.id.toUpperCase()}`, { method: 'PUT', body: 'x' }, 400],
    ['an id with NUL', `/blobs/${blob.id}%00`, { method: 'PUT', body: 'x' }, 400],
    ['overlong UTF-8', '/blobs/%c0%ae%c0%ae', { method: 'PUT', body: 'x' }, 400],
    [
      'a part of a file',
      `/blobs/${blob.id}`,
      { method: 'PUT', body: 'x', headers: { 'content-range': 'bytes 0-0/9' } },
      400,
    ],
    ['another method', `/blobs/${blob.id}`, { method: 'POST', body: 'x' }, 405],
    ['no JSON', `/blobs/${blob.id}/commit`, { method: 'POST', body: '{' }, 400],
    ['no message', `/blobs/${blob.id}/commit`, { method: 'POST' }, 400],
    ['a wrong message', `/blobs/${blob.id}/commit`, { method: 'POST', body: '{"size":-1}' }, 400],
    ['no address', `/blobs/${blob.id}/pull`, { method: 'POST', body: '{"from":"x"}' }, 400],
    ['too many ids', '/blobs/have', { method: 'POST', body: tooMany() }, 400],
    ['a page of another site', `/blobs/${blob.id}`, FOREIGN, 403],
  ] as const)('with %s is refused', async (_, path, options, status) => {
    const refused = await ask(path, options);
    expect([refused.status, refused.text.split('\n').length]).toEqual([status, 2]);
    expect(server.files('incoming')).toEqual([]);
  });

  test('that does not fit is refused before it is sent', async () => {
    const [host, port] = server.address.split(':');
    const socket = connect({ host: host ?? '', port: Number(port) });
    const head = `Host: a\r\nContent-Length: ${200 * 1024 ** 3}\r\nExpect: 100-continue`;
    socket.write(`PUT /blobs/${blob.id} HTTP/1.1\r\n${head}\r\n\r\n`);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 507 /);
    socket.destroy();
  });
});

const FOREIGN = {
  method: 'DELETE',
  headers: { origin: 'http://evil.example', host: 'other' },
} as const;

function tooMany(): string {
  return JSON.stringify({ ids: Array.from({ length: 1001 }, () => blobOf(1).id) });
}

describe('a pull', () => {
  const blob = blobOf(1, 3 * 1024 * 1024);
  const pull = (id: string, from: TestFileServer) =>
    post(`/blobs/${id}/pull`, { from: from.address });

  test('fetches a blob from another file server, as it is there, and once', async () => {
    const other = await start();
    await put(blob, other);
    expect((await pull(blob.id, other)).status).toBe(200);
    expect((await ask(`/blobs/${blob.id}`)).bytes.equals(blob.bytes)).toBe(true);
    const [mine, its] = [server, other].map((each) => ask(`/blobs/${blob.id}/meta`, {}, each));
    const { committedAt: _, uptimeMs: __, ...meta } = JSON.parse((await mine)?.text ?? '');
    expect(JSON.parse((await its)?.text ?? '')).toMatchObject(meta);
    expect((await pull(blob.id, other)).status).toBe(200);
  });

  test('takes it out of the trash where it is there', async () => {
    const other = await start();
    await put(blob);
    await ask(`/blobs/${blob.id}`, { method: 'DELETE' });
    expect((await pull(blob.id, other)).status).toBe(200);
    expect(await have(blob)).toEqual([true]);
    expect(server.files('trash')).toEqual([]);
  });

  test('fetches it again where only its meta is in the trash, as a crash leaves it', async () => {
    const other = await start();
    await put(blob, other);
    await put(blob);
    await ask(`/blobs/${blob.id}`, { method: 'DELETE' });
    rmSync(join(server.directory, 'trash', blob.id));
    expect((await pull(blob.id, other)).status).toBe(200);
    expect((await ask(`/blobs/${blob.id}`)).bytes.equals(blob.bytes)).toBe(true);
    expect(server.files('trash')).toEqual([]);
  });

  test('F5: does not take a blob for one that is here where its bytes are gone, and fetches it again', async () => {
    const other = await start();
    await put(blob, other);
    await put(blob);
    rmSync(server.files('blobs').find((each) => each.endsWith(blob.id)) ?? '');
    expect((await pull(blob.id, other)).status).toBe(502);
    await until(async () => (await pull(blob.id, other)).status === 200);
    expect((await ask(`/blobs/${blob.id}`)).bytes.equals(blob.bytes)).toBe(true);
    expect(await have(blob)).toEqual([true]);
  });

  test.each([
    ['that has no such blob', async () => start()],
    [
      'of another cluster',
      async () => {
        const other = await start({ cluster: 'another' });
        await put(blob, other);
        return other;
      },
    ],
    [
      'whose copy is spoiled',
      async () => {
        const other = await start();
        await put(blob, other);
        const path = other.files('blobs').find((each) => each.endsWith(blob.id)) ?? '';
        const bytes = readFileSync(path);
        bytes[2_000_000] = (bytes[2_000_000] ?? 0) ^ 1;
        writeFileSync(path, bytes);
        return other;
      },
    ],
    [
      'that says another sha-512',
      async () => {
        const other = await start();
        const lie = { ...blob.commit, sha512: '0'.repeat(128) };
        await put({ ...blob, commit: lie }, other);
        return other;
      },
    ],
    [
      'that is gone',
      async () => {
        const other = await start();
        await other.stop();
        started.splice(started.indexOf(other), 1);
        return other;
      },
    ],
  ])('from one %s fails with 502, and nothing of it is left', async (_, make) => {
    const other = await make();
    const failed = await pull(blob.id, other);
    expect([failed.status, failed.headers['x-fog-error']]).toEqual([502, 'pull-failed']);
    expect(failed.text).toContain(blob.id);
    expect(await have(blob)).toEqual([false]);
    expect([...server.files('incoming'), ...server.files('blobs')]).toEqual([]);
  });

  test('from one that has none fails with that reason', async () => {
    const other = await start();
    expect((await pull(blob.id, other)).text).toMatch(/cannot be fetched from .*: it has none$/m);
  });
});

test('F2: a blob is stamped with the uptime of all lives of its server, also while the controller is away', async () => {
  const uptimeMs = 30 * 24 * 3_600_000;
  const file = encodeCheckedJson(1, { uptimeMs });
  server = await start({ holds: { 'fileserver.uptime': file } });
  const blob = blobOf(1);
  await put(blob);
  const { text } = await ask(`/blobs/${blob.id}/meta`);
  expect(JSON.parse(text).uptimeMs).toBeGreaterThanOrEqual(uptimeMs);
});

test('F2: nothing is taken where nobody can tell how long the server was up', async () => {
  const disk = { isRead: false };
  const wrap = (files: Files): Files => ({
    ...files,
    open: (path, callback) => {
      if (path !== 'fileserver.uptime') return files.open(path, callback);
      disk.isRead = true;
      return callback({ kind: 'failed', fault: 'shortage', detail: 'EMFILE' });
    },
  });
  server = await start({ wrap });
  expect(disk.isRead).toBe(true);
  expect(JSON.parse((await ask('/room')).text).readOnly).toBe(true);
  expect((await stage(blobOf(1))).status).toBe(503);
});

describe('a disk', () => {
  /** The port, of which one kind of call fails when it is told to. */
  function failing(call: 'sync' | 'read', fault: 'broken' | 'full') {
    let isFailing = false;
    const failed = { kind: 'failed', fault, detail: fault === 'full' ? 'ENOSPC' : 'EIO' } as const;
    const wrap = (files: Files): Files => ({
      ...files,
      create: (path, callback) =>
        files.create(path, (created) => {
          if (created.kind === 'failed' || call !== 'sync') return callback(created);
          const { value } = created;
          const sync: typeof value.sync = (synced) =>
            isFailing ? synced(failed) : value.sync(synced);
          return callback({ kind: 'done', value: { ...value, sync } });
        }),
      open: (path, callback) =>
        files.open(path, (opened) => {
          if (opened.kind === 'failed' || call !== 'read') return callback(opened);
          const { value } = opened;
          const read: typeof value.read = (position, into, done) =>
            isFailing && !path.endsWith('.meta') ? done(failed) : value.read(position, into, done);
          return callback({ kind: 'done', value: { ...value, read } });
        }),
    });
    return {
      wrap,
      fail: () => {
        isFailing = true;
      },
    };
  }

  test('that fails makes the file server read-only, and what it has is served', async () => {
    const disk = failing('sync', 'broken');
    server = await start({ wrap: disk.wrap });
    const [first, second, third] = [blobOf(1), blobOf(2), blobOf(3)];
    await put(first);
    await stage(second);
    disk.fail();
    const refused = await post(`/blobs/${second.id}/commit`, messageOf(second));
    expect([refused.status, refused.headers['x-fog-error']]).toEqual([503, 'disk-failed']);
    expect((await stage(third)).headers['x-fog-error']).toBe('disk-failed');
    expect(JSON.parse((await ask('/room')).text).readOnly).toBe(true);
    expect((await ask('/readyz')).status).toBe(503);
    expect((await ask('/metrics')).text).toMatch(/^velourfog_disk_writable 0$/m);
    expect((await ask(`/blobs/${first.id}`)).bytes.equals(first.bytes)).toBe(true);
    expect((await ask(`/blobs/${second.id}`)).status).toBe(404);
  });

  test('that is full refuses what it has no room for, and nothing else', async () => {
    const disk = failing('sync', 'full');
    server = await start({ wrap: disk.wrap });
    const [first, second] = [blobOf(1), blobOf(2)];
    await put(first);
    await stage(second);
    disk.fail();
    const refused = await post(`/blobs/${second.id}/commit`, messageOf(second));
    expect([refused.status, refused.headers['x-fog-error']]).toEqual([507, 'storage-full']);
    expect((await ask('/readyz')).status).toBe(200);
    expect(JSON.parse((await ask('/room')).text).readOnly).toBe(false);
    expect((await ask(`/blobs/${first.id}`, { method: 'DELETE' })).status).toBe(200);
  });

  test('that cannot read a blob breaks the answer, and the blob is one to fetch again', async () => {
    const disk = failing('read', 'broken');
    server = await start({ wrap: disk.wrap });
    const blob = blobOf(1);
    await put(blob);
    disk.fail();
    await expect(ask(`/blobs/${blob.id}`)).rejects.toThrow();
    await until(() => server.files('corrupt').length === 2);
    // F5: nobody may count on what such a disk has.
    expect((await post('/blobs/have', { ids: [blob.id] })).status).toBe(503);
    expect(JSON.parse((await ask('/room')).text).readOnly).toBe(true);
  });
});

test('a disk that hangs takes nothing, until it answers again', async () => {
  const waiting: (() => void)[] = [];
  let hangs = false;
  const wrap = (files: Files): Files => ({
    ...files,
    look: (callback) =>
      files.look((state) => {
        if (hangs) waiting.push(() => callback(state));
        else callback(state);
      }),
  });
  server = await start({ wrap, timeScale: 0.1 });
  const isReadOnly = async () => JSON.parse((await ask('/room')).text).readOnly;
  expect(await isReadOnly()).toBe(false);
  hangs = true;
  await until(isReadOnly);
  expect((await ask('/readyz')).text).toContain('[-]disk failed: the disk does not answer');
  expect((await stage(blobOf(1))).status).toBe(503);
  hangs = false;
  for (const answer of waiting) answer();
  await until(async () => !(await isReadOnly()));
  await put(blobOf(1));
});

test('a stop lets nothing begin, and is over when what has begun is committed', async () => {
  const blob = { ...blobOf(1), commit: commitOf(Buffer.from('hello')) };
  const [host, port] = server.address.split(':');
  const socket = connect({ host: host ?? '', port: Number(port) });
  socket.write(`PUT /blobs/${blob.id} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel`);
  await until(() => server.files('incoming').length > 0);
  let isDone = false;
  const drained = new Promise<void>((resolve) =>
    server.service.drain({ wholeCluster: false, timeoutMs: 600_000 }, () => {
      isDone = true;
      resolve();
    }),
  );
  const refused = await stage(blobOf(2));
  expect([refused.status, refused.headers['x-fog-error']]).toEqual([503, 'not-ready']);
  // For longer than a stop waits for a commit, and by the clock: on a slow machine a number of requests would outlast the patience
  // with a body that does not come.
  for (const beganMs = performance.now(); performance.now() - beganMs < 2500; ) {
    expect((await ask('/readyz')).status).toBe(503);
  }
  expect(isDone).toBe(false);
  socket.write('lo');
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 201 /);
  expect((await post(`/blobs/${blob.id}/commit`, messageOf(blob))).status).toBe(200);
  await drained;
  expect(server.files('blobs')).toHaveLength(2);
  socket.destroy();
});

test('what it says of itself', async () => {
  await put(blobOf(1));
  await stage(blobOf(2));
  await until(async () => JSON.parse((await ask('/status')).text).counted === true);
  const room = JSON.parse((await ask('/room')).text);
  expect(room).toEqual({
    cluster: 'a cluster',
    id: expect.stringContaining('server '),
    store: expect.stringMatching(/^[0-9a-f]{32}$/),
    freeBytes: expect.any(Number),
    busy: 0,
    readOnly: false,
  });
  expect(JSON.parse((await ask('/status')).text)).toMatchObject({
    node: room.id,
    host: 'here',
    cluster: 'a cluster',
    joined: false,
    draining: false,
    left: null,
    blobs: 1,
    bytes: 100_000,
    staged: 1,
    trash: { blobs: 0, bytes: 0 },
    uploads: 0,
  });
  const { text } = await ask('/metrics');
  expect(text).toMatch(/^velourfog_blobs\{state="committed"\} 1$/m);
  // No pass is over yet.
  expect(text).toMatch(/^velourfog_incomplete_blobs 0$/m);
  expect(text).toMatch(/^velourfog_collection_suspended 0$/m);
  expect(text).toMatch(/^velourfog_requests_total\{op="blob-put",code="201"\} 2$/m);
  expect(text).toMatch(/^velourfog_build_info\{version="[^"]+",role="fileserver"\} 1$/m);
  const ready = await ask('/readyz?verbose');
  expect(ready.status).toBe(200);
  // No controller answers, and it serves on as before.
  expect(ready.text).toMatch(/^\[!\]joined warning: controller 127\.0\.0\.1:1/m);
});

test('its document has each route of its table, and is valid OpenAPI', async () => {
  const document = JSON.parse((await ask('/openapi.json')).text);
  expect(problemsOf(document)).toEqual([]);
  const tables = await routeTables();
  const wanted = tables
    .filter(({ role }) => ['all', 'fileserver'].includes(role))
    .map(({ route }) => route.path.replace('...}', '}'));
  expect(Object.keys(document.paths).sort()).toEqual([...new Set(wanted)].sort());
});

test('keys are asked elsewhere', async () => {
  const answer = await ask('/get?key=a');
  expect([answer.status, answer.text]).toEqual([
    404,
    expect.stringContaining('keys and files are asked of a frontend, and this is a file server'),
  ]);
});
