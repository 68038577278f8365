// The broker on real processes, with curl, and with aria2 and davix where they are installed: redirects that are followed, uploads
// that complete themselves, digests that are wrong, copies by type, and a file server that dies while it is read from.

import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../helpers/client.ts';
import { freePorts, type LocalCluster, Started, startCluster, until } from '../helpers/cluster.ts';
import { Fleet } from '../helpers/fleet.ts';

const MEBIBYTE = 1024 * 1024;
/** Longer than what sockets hold, and than what curl sends without asking. */
const LONG_BYTES = 20 * MEBIBYTE;

let cluster: LocalCluster;
let one = '';
let other = '';
let folder = '';

const CONFIG = `
domain {
  domain_name localhost
  type jpg { replicate 3 }
}
domain {
  domain_name *
  type jpg { replicate 3  client_wait_to_finish true }
  type pdf { replicate 1 }
}`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'velour-broker-'));
  const config = join(folder, 'broker.conf');
  writeFileSync(config, CONFIG);
  cluster = await startCluster({ fileservers: 3, words: ['--broker-config', config] });
  [one = '', other = ''] = cluster.brokers;
  // The rules count when the cluster has their classes.
  await until(async () => (await call(one, '/a.jpg', { method: 'PUT' })).status === 307);
  await until(async () => (await call(other, '/a.jpg', { method: 'PUT' })).status === 307);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

const isInstalled = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
const hashOf = (kind: 'md5' | 'sha512', bytes: Buffer) =>
  createHash(kind).update(bytes).digest('hex');

const base64Of = (bytes: Buffer) => createHash('sha512').update(bytes).digest('base64');

let files = 0;
function fileOf(content: Buffer): string {
  const path = join(folder, `file-${++files}`);
  writeFileSync(path, content);
  return path;
}

/** @returns what it prints; it fails where the command does, and where it waits for what never comes */
async function run(command: string, ...words: readonly string[]): Promise<Buffer> {
  const options = { encoding: 'buffer', maxBuffer: 1 << 28, cwd: folder } as const;
  return (await promisify(execFile)(command, words, options)).stdout;
}

/** @returns the status, and how many redirects were followed */
async function curl(...words: readonly string[]): Promise<string> {
  const out = ['-sS', '--max-time', '300', '-o', join(folder, 'answer')];
  return (await run('curl', ...out, '-w', '%{http_code} %{num_redirects}', ...words)).toString();
}

const answered = () => readFileSync(join(folder, 'answer'));

async function download(path: string, address = one): Promise<Buffer> {
  return run('curl', '-sS', '--fail', '-L', '--max-time', '300', `http://${address}${path}`);
}

const describeFile = async (path: string) =>
  JSON.parse((await call(other, `/.broker/files?path=${path}`)).text);

describe('curl', () => {
  test.each([
    ['a byte', 1, []],
    ['what would fit into a record', 60_000, []],
    ['a long body, which curl asks for', LONG_BYTES, []],
    ['a long body that is sent at once', LONG_BYTES, ['-H', 'Expect:']],
    ['a short body that asks', 100, ['-H', 'Expect: 100-continue']],
    ['a body without a length', LONG_BYTES, ['-H', 'Transfer-Encoding: chunked']],
  ])('-L -T stores %s', async (_what, bytes, words) => {
    const content = randomBytes(bytes);
    const path = `/puts/${++files}/x.bin`;
    const put = () => curl('-L', '-T', fileOf(content), ...words, `http://${one}${path}`);
    expect(await put()).toBe('201 1');
    for (const address of [one, other]) {
      expect((await download(path, address)).equals(content)).toBe(true);
    }
    expect(await put()).toBe('204 1');
    // Who follows no redirect gets the same, with the same ETag.
    const proxied = await call(other, `${path}?proxy=1`);
    expect(proxied.bytes.equals(content)).toBe(true);
    const redirect = await call(one, path);
    expect(redirect.status).toBe(302);
    const { pathname, host } = new URL(String(redirect.headers.location));
    const direct = await call(host, pathname);
    expect([direct.status, direct.headers.etag]).toEqual([200, proxied.headers.etag]);
    expect(redirect.headers.etag).toBe(proxied.headers.etag);
    const sha512 = Buffer.from(hashOf('sha512', content), 'hex').toString('base64');
    expect(redirect.headers['repr-digest']).toContain(`sha-512=:${sha512}:`);
  });

  test('has what it says of caching and of the name with each answer', async () => {
    const file = fileOf(randomBytes(100_000));
    const said = [
      '-H',
      'Cache-Control: max-age=60',
      '-H',
      'Content-Disposition: inline; filename="x"',
    ];
    const target = `http://${one}/cached.bin`;
    expect(await curl('-L', '-T', file, ...said, target)).toBe('201 1');
    for (const way of [['-L'], ['-L', '-r', '5-9'], []]) {
      const url = way.length === 0 ? `${target}?proxy=1` : target;
      const heads = (await run('curl', '-sS', '-D', '-', '-o', 'answer', ...way, url)).toString();
      const [last = ''] = heads.trim().split('\r\n\r\n').slice(-1);
      expect(last).toMatch(/^cache-control: max-age=60$/im);
      expect(last).toMatch(/^content-disposition: inline; filename="x"$/im);
    }
  });

  test('stores an empty file, which passes through the broker', async () => {
    expect(await curl('-L', '-T', fileOf(Buffer.alloc(0)), `http://${one}/empty`)).toBe('201 1');
    expect(await curl('-L', `http://${other}/empty`)).toBe('200 0');
    expect(answered()).toHaveLength(0);
  });

  test('-F sends a form to the file server', async () => {
    const content = randomBytes(3 * MEBIBYTE);
    const form = `upload_file=@${fileOf(content)}`;
    expect(await curl('-L', '-F', form, `http://${one}/forms/a.bin`)).toBe('201 1');
    expect((await download('/forms/a.bin', other)).equals(content)).toBe(true);
  });

  test('-C - goes on with a download, and a range is one of the file', async () => {
    const content = randomBytes(LONG_BYTES);
    expect(await curl('-L', '-T', fileOf(content), `http://${one}/parts/a.bin`)).toBe('201 1');
    const part = join(folder, 'part');
    writeFileSync(part, content.subarray(0, 7_654_321));
    await run('curl', '-sS', '--fail', '-L', '-C', '-', '-o', part, `http://${other}/parts/a.bin`);
    expect(readFileSync(part).equals(content)).toBe(true);
  });
});

describe('the message that an upload is complete', () => {
  const issue = async (path: string, content: Buffer) => {
    const issued = JSON.parse((await call(one, path, { method: 'PUT' })).text);
    const { host, pathname } = new URL(issued.upload);
    const stored = await call(host, pathname, { method: 'PUT', body: content });
    expect(stored.status).toBe(201);
    const complete = new URL(issued.complete);
    return (more: string) =>
      call(other, `${complete.pathname}${complete.search}${more}`, { method: 'POST' });
  };

  test('is 200 as often as it is said', async () => {
    const content = randomBytes(100_000);
    const complete = await issue('/done/a.bin', content);
    const [size, md5, sha512] = [content.length, hashOf('md5', content), hashOf('sha512', content)];
    for (let again = 0; again < 3; again++) {
      const told = await complete(`&size=${size}&md5=${md5}`);
      expect([told.status, JSON.parse(told.text)]).toMatchObject([200, { size, md5, sha512 }]);
    }
  });

  test('with a wrong digest leaves nothing, and nothing of another upload goes', async () => {
    const content = randomBytes(100_000);
    const wrong = hashOf('md5', Buffer.from('other'));
    const complete = await issue('/wrong/a.bin', content);
    const told = await complete(`&md5=${wrong}`);
    expect([told.status, told.headers['x-fog-error']]).toEqual([409, 'digest-differs']);
    expect((await call(one, '/wrong/a.bin')).status).toBe(404);
    const late = await issue('/wrong/a.bin', content);
    expect(await curl('-L', '-T', fileOf(content), `http://${one}/wrong/a.bin`)).toBe('204 1');
    expect((await late(`&md5=${wrong}`)).status).toBe(409);
    expect((await download('/wrong/a.bin')).equals(content)).toBe(true);
  });
});

test('a redirect leads to a file server, and no further, whatever it answers', async () => {
  const content = randomBytes(1000);
  await curl('-L', '-T', fileOf(content), `http://${one}/loop/a.bin`);
  const read = new URL(String((await call(one, '/loop/a.bin')).headers.location));
  const write = new URL(
    String((await call(one, '/loop/b.bin', { method: 'PUT' })).headers.location),
  );
  for (const { host, pathname } of [read, write]) {
    for (const path of [pathname, `${pathname}x`, pathname.slice(0, 60), '/t/x/y']) {
      for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] as const) {
        const { status } = await call(host, path, { method });
        expect(status < 300 || status >= 400, `${method} ${path}: ${status}`).toBe(true);
      }
    }
  }
});

describe('copies', () => {
  test.each([
    ['/kinds/a.jpg', 3, 'complete'],
    ['/kinds/a.JPG', 3, 'complete'],
    ['/kinds/a.txt?replicate=3&client_wait_to_finish=true', 3, 'complete'],
  ])(
    '%s is there as often as its rule says when it is acknowledged',
    async (path, copies, state) => {
      expect(await curl('-L', '-T', fileOf(randomBytes(80_000)), `http://${one}${path}`)).toBe(
        '201 1',
      );
      const told = await describeFile(path.replace(/\?.*/, ''));
      expect(told).toMatchObject({ copies, state });
      expect(told.locations).toHaveLength(copies);
    },
  );

  test('follow a number that is changed for one file', async () => {
    const content = randomBytes(80_000);
    await curl('-L', '-T', fileOf(content), `http://${one}/kinds/b.pdf`);
    expect(await describeFile('/kinds/b.pdf')).toMatchObject({ copies: 1, state: 'complete' });
    const amend = (replicate: number | null) =>
      call(other, '/.broker/files?path=/kinds/b.pdf', {
        method: 'PATCH',
        body: JSON.stringify({ replicate }),
      });
    expect((await amend(3)).status).toBe(200);
    await until(async () => (await describeFile('/kinds/b.pdf')).locations.length === 3);
    expect((await amend(null)).status).toBe(200);
    expect(await describeFile('/kinds/b.pdf')).toMatchObject({
      copies: 1,
      class: 'broker:default:pdf',
    });
    expect((await download('/kinds/b.pdf')).equals(content)).toBe(true);
  });
});

test.skipIf(!isInstalled('rclone'))(
  'rclone writes to a domain of its own, and clients are redirected to that',
  async () => {
    const tree = join(folder, 'tree');
    mkdirSync(join(tree, 'ä #?%'), { recursive: true });
    const photo = randomBytes(100_000);
    writeFileSync(join(tree, 'ä #?%', 'a.jpg'), photo);
    writeFileSync(join(tree, 'empty'), '');
    const port = one.split(':')[1];
    const url = `http://localhost:${port}/.broker/dav/`;
    const rclone = (...words: readonly string[]) =>
      run('rclone', '--config', join(folder, 'rclone.conf'), '--webdav-url', url, ...words);
    await rclone('copy', tree, ':webdav:tree');
    await rclone('check', '--download', tree, ':webdav:tree');
    await rclone('moveto', ':webdav:tree', ':webdav:moved');
    const headers = { host: 'localhost' };
    const path = '/moved/%C3%A4%20%23%3F%25/a.jpg';
    const { status, headers: answer } = await call(one, path, { headers });
    expect([status, answer['repr-digest']?.includes(base64Of(photo))]).toEqual([302, true]);
    expect((await call(one, path)).status).toBe(404);
    const asked = `/.broker/files?path=${path}&domain=localhost`;
    const { class: kept } = JSON.parse((await call(one, asked)).text);
    expect(kept).toBe('broker:localhost:jpg');
    await rclone('purge', ':webdav:moved');
    expect((await call(one, path, { headers })).status).toBe(404);
  },
);

test('WebDAV shows what the broker has, and moves it', async () => {
  const content = randomBytes(80_000);
  await curl('-L', '-T', fileOf(content), `http://${one}/tree/x/a.bin`);
  const moved = ['-X', 'MOVE', '-H', `Destination: http://${other}/tree/b.bin`];
  expect(await curl(...moved, `http://${other}/tree/x/a.bin`)).toBe('201 0');
  expect((await call(one, '/tree/x/a.bin')).status).toBe(404);
  expect((await download('/tree/b.bin')).equals(content)).toBe(true);
  const clone = { from: '/tree/b.bin', path: '/tree/y/c.bin' };
  const body = JSON.stringify(clone);
  expect((await call(one, '/.broker/clone', { method: 'POST', body })).status).toBe(201);
  expect((await call(one, '/tree/b.bin', { method: 'DELETE' })).status).toBe(204);
  expect((await download('/tree/y/c.bin', other)).equals(content)).toBe(true);
  // It is the same tree as that of /dav/.
  const [frontend = ''] = cluster.frontends;
  expect((await call(frontend, '/dav/tree/y/c.bin')).bytes.equals(content)).toBe(true);
});

/** How many requests for reading each file server has answered. */
async function readsOf(servers: readonly string[]): Promise<readonly number[]> {
  return Promise.all(
    servers.map(async (address) => {
      const { text } = await call(address, '/metrics');
      const lines = text.matchAll(
        /^velourfog_requests_total\{(?=[^}]*op="ticket-get")(?=[^}]*code="20[06]")[^}]*\} (\d+)$/gm,
      );
      return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
    }),
  );
}

describe.skipIf(!isInstalled('aria2c'))('aria2c', () => {
  const ARIA = ['-q', '-s4', '-x4', '-k1M', '--min-split-size=1M', '--check-integrity=true'];

  test('fetches from several file servers by the Link lines, and checks the digest', async () => {
    const content = randomBytes(LONG_BYTES);
    await curl('-L', '-T', fileOf(content), `http://${one}/aria/a.bin`);
    await run('aria2c', ...ARIA, '-d', folder, '-o', 'aria', `http://${one}/aria/a.bin`);
    expect(readFileSync(join(folder, 'aria')).equals(content)).toBe(true);
    // Which of them aria2 asks, and how often, is its own matter: all are at one host here. That it knows both, it is told here,
    // and the next test shows.
    await until(async () => {
      const { headers } = await call(one, '/aria/a.bin');
      return [headers.link].flat().filter((link) => /rel=duplicate/.test(link ?? '')).length === 2;
    });
  });

  test('goes on while a file server that it reads from is killed', async () => {
    const [port = 0] = await freePorts(1);
    const fleet = await Fleet.start({
      storages: 1,
      frontends: 1,
      redundancy: 1,
      fileservers: 3,
      optionsFor: ({ role }) => (role === 'frontend' ? ['--broker-port', `${port}`] : []),
    });
    try {
      const broker = `127.0.0.1:${port}`;
      const content = randomBytes(LONG_BYTES);
      const url = `http://${broker}/a.bin?replicate=3&client_wait_to_finish=true`;
      await until(async () => (await curl('-L', '-T', fileOf(content), url)) === '201 1');
      const paced = ['--max-overall-download-limit=4M', '-d', folder, '-o', 'killed'];
      const aria = new Started('aria2c', [...ARIA.slice(1), ...paced, `http://${broker}/a.bin`]);
      const addresses = fleet.fileservers.map(({ address }) => address);
      await until(async () => (await readsOf(addresses)).some((count) => count > 0));
      const reads = await readsOf(addresses);
      await fleet.fileserver(reads.findIndex((count) => count > 0)).kill();
      expect(await aria.exit(), aria.stdout).toBe(0);
      expect(readFileSync(join(folder, 'killed')).equals(content)).toBe(true);
    } finally {
      await fleet.stop();
    }
  });
});

describe.skipIf(!isInstalled('davix-get'))('davix', () => {
  test('puts a file, and gets it by its Metalink document', async () => {
    const content = randomBytes(3 * MEBIBYTE);
    await run('davix-put', fileOf(content), `http://${one}/davix/a.bin`);
    const target = join(folder, 'davix');
    await run('davix-get', '--metalink', 'failover', `http://${other}/davix/a.bin`, target);
    expect(readFileSync(target).equals(content)).toBe(true);
  });
});
