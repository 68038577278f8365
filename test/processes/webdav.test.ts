// WebDAV on real processes, with clients that nobody here wrote, as far as they are installed: litmus, rclone, lftp, cadaver,
// davfs2, duplicity; and clients of our own that lock, write and move through several frontends at once.

import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { inParallel } from '../helpers/client.ts';
import { type LocalCluster, ROOT, startCluster } from '../helpers/cluster.ts';
import { dav, lockInfo } from '../helpers/dav-client.ts';

let cluster: LocalCluster;
let one = '';
let other = '';
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'velour-webdav-'));
  cluster = await startCluster({ storages: 3, redundancy: 2, fileservers: 2 });
  [one = '', other = ''] = cluster.frontends;
});
afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

const isInstalled = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;

/** @returns what it printed; whatever it ends with other than 0 fails the test */
async function run(command: string, ...words: readonly string[]): Promise<string> {
  const options = {
    cwd: folder,
    maxBuffer: 1 << 24,
    // Of a home of its own: nobody's settings count.
    env: { ...process.env, HOME: folder, RCLONE_CONFIG: join(folder, 'rclone.conf') },
  };
  const { stdout, stderr } = await promisify(execFile)(command, words, options);
  return stdout + stderr;
}

/** Files of all lengths in a few folders; some are longer than what a record takes. */
function plant(name: string, count: number): string {
  const path = join(folder, name);
  for (let index = 0; index < count; index++) {
    const inner = join(path, `d${index % 9}`, `ü ${index % 5}`);
    mkdirSync(inner, { recursive: true });
    const length = index % 100 === 0 ? 100_000 : index % 700;
    writeFileSync(join(inner, `file ${index} +&#.bin`), randomBytes(length));
  }
  return path;
}

describe.skipIf(!isInstalled('litmus'))('litmus', () => {
  test('finds nothing wrong in any of its suites, and leaves none out', async () => {
    // Its exit code says nothing with -k, and without the suites behind one that fails are not played.
    const said = await run('litmus', '-k', `http://${one}/dav/`);
    for (const suite of ['basic', 'copymove', 'props', 'locks', 'http']) {
      expect(said).toMatch(new RegExp(`summary for \`${suite}'.*, 0 failed`));
    }
    expect(said).not.toMatch(/FAIL|WARNING|SKIPPED|warning/);
  });
});

describe.skipIf(!isInstalled('rclone'))('rclone', () => {
  const at = (address: string, path: string) =>
    `:webdav,url='http://${address}/dav/',vendor=owncloud:${path}`;

  test('copies 2,000 files both ways, and finds no difference', async () => {
    const tree = plant('tree', 2000);
    await run('rclone', 'copy', '--transfers', '16', tree, at(one, 'tree'));
    expect(await run('rclone', 'check', tree, at(other, 'tree'))).toContain('0 differences found');
    expect(await run('rclone', 'check', '--download', tree, at(other, 'tree'))).toContain(
      '2000 matching files',
    );
    const again = await run('rclone', 'sync', '-vv', tree, at(other, 'tree'));
    expect(again).toContain('There was nothing to transfer');
    // A byte that changes neither length nor time: only the sums tell.
    const changed = join(tree, 'd1', 'ü 1', 'file 1 +&#.bin');
    const time = new Date(1_700_000_000_000);
    utimesSync(changed, time, time);
    await run('rclone', 'sync', tree, at(one, 'tree'));
    writeFileSync(changed, 'x');
    utimesSync(changed, time, time);
    const synced = await run('rclone', 'sync', '-v', '--checksum', tree, at(one, 'tree'));
    expect(synced.match(/: Copied/g)).toHaveLength(1);
    await run('rclone', 'copy', '--transfers', '16', at(other, 'tree'), join(folder, 'back'));
    expect(spawnSync('diff', ['-r', tree, join(folder, 'back')]).status).toBe(0);
  });

  test('sends what has no length beforehand, moves, and deletes', async () => {
    const sent = 'head -c 200000 /dev/zero | rclone rcat --streaming-upload-cutoff 0 "$0"';
    await run('sh', '-c', sent, at(one, 'streamed'));
    await run('rclone', 'moveto', at(one, 'streamed'), at(one, 'moved'));
    const got = await run('rclone', 'lsl', at(other, 'moved'));
    expect(got).toMatch(/^ *200000 .* moved$/m);
    await run('rclone', 'deletefile', at(one, 'moved'));
    expect((await dav(other, 'GET', '/dav/moved')).status).toBe(404);
  });
});

test.skipIf(!isInstalled('lftp'))('lftp mirrors a tree there and back', async () => {
  const tree = plant('mirrored', 45);
  // It waits half a minute before it connects again, which it does for each file.
  const settings = [
    'net:reconnect-interval-base 1',
    'net:reconnect-interval-multiplier 1',
    'http:use-propfind yes',
    'http:use-mkcol yes',
  ].map((setting) => `set ${setting}; `);
  const mirrors = `mirror -R --parallel=8 ${tree} lftp; mirror --parallel=8 lftp ${tree}-back`;
  await run('lftp', '-c', `${settings.join('')}open http://${one}/dav/; ${mirrors}`);
  expect(spawnSync('diff', ['-r', tree, `${tree}-back`]).status).toBe(0);
});

describe.skipIf(!isInstalled('mount.davfs'))('davfs2', () => {
  test('is a file system of 2,000 files, at one frontend and at the other', async ({ skip }) => {
    const tree = plant('mounted', 2000);
    const at = join(folder, 'mount');
    // It becomes another user before it makes its cache.
    const cache = mkdtempSync(join(tmpdir(), 'velour-davfs2-'));
    chmodSync(cache, 0o777);
    onTestFinished(() => rmSync(cache, { recursive: true }));
    const settings = ['ask_auth 0', 'buf_size 64', `cache_dir ${cache}`];
    writeFileSync(join(folder, 'davfs2.conf'), `${settings.join('\n')}\n`);
    mkdirSync(at);
    const options = `conf=${join(folder, 'davfs2.conf')},uid=0,gid=0`;
    const mount = (address: string) =>
      spawnSync('mount', ['-t', 'davfs', '-o', options, `http://${address}/dav/`, at]);
    const { status, stderr } = mount(one);
    if (status !== 0) return skip(`nothing can be mounted here: ${stderr}`);
    // It sends what was written a while later, at the latest when it is unmounted.
    try {
      await run('cp', '-r', tree, join(at, 'mounted'));
    } finally {
      await run('umount', at);
    }
    expect(mount(other).status).toBe(0);
    try {
      expect(await run('diff', '-r', tree, join(at, 'mounted'))).toBe('');
    } finally {
      await run('umount', at);
    }
  });
});

test.skipIf(!isInstalled('cadaver'))('cadaver does all that it can', async () => {
  const file = join(folder, 'sent');
  writeFileSync(file, 'by cadaver');
  const lines = [
    'mkcol cadaver',
    'cd cadaver',
    `put ${file} a`,
    'copy a b',
    'move b c',
    'lock c',
    'discover c',
    'unlock c',
    'propset c author somebody',
    'propget c author',
    `get c ${file}-back`,
    'delete c',
    'ls',
    'cd ..',
    'rmcol cadaver',
    'quit',
  ];
  const said = await run(
    'sh',
    '-c',
    `printf '%s\\n' "$@" | cadaver http://${one}/dav/`,
    'sh',
    ...lines,
  );
  // It always ends with 0.
  expect(said).not.toMatch(/failed|Failed|error/);
  expect(said.match(/succeeded/g)?.length).toBeGreaterThanOrEqual(10);
  expect(said).toContain('Value of author is: somebody');
  expect(readFileSync(`${file}-back`, 'utf8')).toBe('by cadaver');
});

test.skipIf(!isInstalled('duplicity'))('duplicity backs up, and verifies what it has', async () => {
  const tree = plant('backed-up', 45);
  const words = ['--no-encryption', '--archive-dir', join(folder, 'duplicity')];
  await run('duplicity', 'full', ...words, tree, `webdav://u:p@${one}/dav/duplicity`);
  const verified = ['--compare-data', `webdav://u:p@${other}/dav/duplicity`, tree];
  expect(await run('duplicity', 'verify', ...words, ...verified)).toContain('0 differences found');
});

describe('several frontends', () => {
  test('give a lock to one of those that ask at the same time', async () => {
    for (let round = 0; round < 20; round++) {
      const path = `/dav/raced-${round}`;
      if (round % 2 === 0) await dav(one, 'PUT', path, {}, 'x');
      const asked = await Promise.all(
        [one, other, one, other].map((address) => dav(address, 'LOCK', path, {}, lockInfo())),
      );
      const statuses = asked.map(({ status }) => status).sort();
      expect(statuses).toEqual([round % 2 === 0 ? 200 : 201, 423, 423, 423]);
    }
  });

  test('store what is sent under a lock that is refreshed meanwhile, and keep it locked', async () => {
    const path = '/dav/refreshed';
    const content = randomBytes(200_000);
    const locked = await dav(one, 'LOCK', path, { timeout: 'Second-600' }, lockInfo());
    const held = { if: `(${locked.headers['lock-token']})` };
    async function* sent() {
      yield content.subarray(0, 100_000);
      const refreshed = await dav(other, 'LOCK', path, { ...held, timeout: 'Second-1200' });
      expect(refreshed.status).toBe(200);
      yield content.subarray(100_000);
    }
    const headers = { ...held, 'if-match': `${locked.headers.etag}` };
    const url = `http://${one}${path}`;
    const stored = await request(url, { method: 'PUT', headers, body: Readable.from(sent()) });
    expect([stored.statusCode, await stored.body.text()]).toEqual([204, '']);
    const got = await request(`http://${other}${path}`);
    expect(Buffer.from(await got.body.arrayBuffer()).equals(content)).toBe(true);
    expect(got.headers.etag).toBe(stored.headers.etag);
    expect((await dav(other, 'PUT', path, {}, 'x')).status).toBe(423);
  });

  test('let no write pass a lock: what eight clients count is counted', async () => {
    const path = '/dav/counter';
    await dav(one, 'PUT', path, {}, '0');
    const errors: string[] = [];
    await inParallel([...Array(8).keys()], 8, async (client) => {
      const [near, far] = client % 2 === 0 ? [one, other] : [other, one];
      for (let round = 0; round < 5; ) {
        const locked = await dav(near, 'LOCK', path, { timeout: 'Second-600' }, lockInfo());
        if (locked.status !== 200) {
          // 503 says that others were faster again and again.
          if (![423, 503].includes(locked.status)) errors.push(`LOCK ${locked.status}`);
          continue;
        }
        const token = String(locked.headers['lock-token']);
        // The lock holds from this moment on, at every frontend.
        const { text } = await dav(far, 'GET', path);
        for (const method of ['PUT', 'DELETE', 'LOCK']) {
          const body = method === 'LOCK' ? lockInfo() : method === 'PUT' ? 'passed' : '';
          const passed = await dav(far, method, path, {}, body);
          if (passed.status !== 423) errors.push(`${method} ${passed.status} in spite of a lock`);
        }
        const put = await dav(far, 'PUT', path, { if: `(${token})` }, String(Number(text) + 1));
        if (put.status !== 204) errors.push(`PUT ${put.status} ${put.text}`);
        const unlocked = await dav(near, 'UNLOCK', path, { 'lock-token': token });
        if (unlocked.status !== 204) errors.push(`UNLOCK ${unlocked.status}`);
        round++;
      }
    });
    expect(errors).toEqual([]);
    expect((await dav(one, 'GET', path)).text).toBe('40');
  });
});

test('all lines of docs/webdav.md work, in their order, as far as their programs are installed', async () => {
  const lines = [
    ...readFileSync(join(ROOT, 'docs/webdav.md'), 'utf8').matchAll(/^```sh\n(.*?)^```/gms),
  ].flatMap(([, block = '']) => block.trimEnd().split('\n'));
  expect(lines.filter((line) => line.startsWith('curl ')).length).toBeGreaterThanOrEqual(9);
  writeFileSync(join(folder, 'README.md'), 'a file of some length\n'.repeat(10_000));
  mkdirSync(join(folder, 'notes'));
  writeFileSync(join(folder, 'notes', 'a.txt'), 'any text');
  for (const line of lines) {
    const [program = ''] = /\b(?:rclone|lftp|cadaver)\b/.exec(line) ?? [];
    if (program !== '' && !isInstalled(program)) continue;
    const here = line
      .replaceAll('127.0.0.1:12080', one)
      .replaceAll('127.0.0.1:12081', other)
      .replace(/^curl /, 'curl --silent --show-error --fail ');
    await run('bash', '-c', `set -o pipefail; ${here}`);
  }
});

test('names come back as they went, in every script and normal form', async () => {
  const names = [
    'größe',
    'u\u0308 and \u00fc',
    'документ.txt',
    '文件 名',
    'ملف',
    '👩‍🚀.png',
    'ends with dot.',
    'ends with space ',
    'CON',
    'a&b<c>"d\'e;f:g=h+i%j#k?l\\m|n*o',
    '\u0001\u001f',
    'x'.repeat(255),
    'ü'.repeat(127),
  ];
  await dav(one, 'MKCOL', '/dav/names/');
  const pathOf = (name: string) => `/dav/names/${encodeURIComponent(name)}`;
  for (const name of names) {
    expect((await dav(one, 'PUT', pathOf(name), {}, `of ${name}`)).status, name).toBe(201);
  }
  const { text } = await dav(other, 'PROPFIND', '/dav/names/', { depth: '1' });
  const hrefs = [...text.matchAll(/<D:href>\/dav\/names\/([^<]+)<\/D:href>/g)];
  expect(hrefs.map(([, href = '']) => decodeURIComponent(href)).sort()).toEqual([...names].sort());
  const page = await dav(other, 'GET', '/dav/names/');
  for (const [, href = ''] of page.text.matchAll(/<a href="(\/dav\/names\/[^"]+)"/g)) {
    const got = await dav(other, 'GET', href);
    expect(got.text).toBe(`of ${decodeURIComponent(href.slice('/dav/names/'.length))}`);
  }
});

test('a tree with long files is copied and moved, and no byte is another one', async () => {
  const content = randomBytes(300_000);
  const sum = (text: Buffer) => createHash('sha256').update(text).digest('hex');
  await dav(one, 'MKCOL', '/dav/long/');
  for (const name of ['a', 'b']) {
    await request(`http://${one}/dav/long/${name}`, { method: 'PUT', body: content });
  }
  const to = (path: string) => ({ destination: `http://${one}${path}` });
  expect((await dav(one, 'COPY', '/dav/long', to('/dav/copied'))).status).toBe(201);
  expect((await dav(one, 'MOVE', '/dav/long', to('/dav/moved'))).status).toBe(201);
  expect((await dav(other, 'GET', '/dav/long/a')).status).toBe(404);
  for (const path of ['/dav/copied/a', '/dav/copied/b', '/dav/moved/a', '/dav/moved/b']) {
    const reply = await request(`http://${other}${path}`);
    expect(sum(Buffer.from(await reply.body.arrayBuffer())), path).toBe(sum(content));
  }
  expect((await dav(other, 'DELETE', '/dav/copied')).status).toBe(204);
  const reply = await request(`http://${one}/dav/moved/a`, { headers: { range: 'bytes=299990-' } });
  expect(Buffer.from(await reply.body.arrayBuffer())).toEqual(content.subarray(299_990));
});
