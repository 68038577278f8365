// The blob service on real processes, as curl and the scripts of the original use it: its JSON byte for byte, names,
// switches and marks, downloads that go on, and two frontends that have the same content at once.

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../helpers/client.ts';
import { freePorts, type LocalCluster, startCluster, until, velour } from '../helpers/cluster.ts';
import { Fleet } from '../helpers/fleet.ts';

let cluster: LocalCluster;
let one = '';
let other = '';
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'velour-dtfc-'));
  cluster = await startCluster({ fileservers: 2, words: ['--deny', join(folder, 'deny')] });
  [one = '', other = ''] = cluster.blobs;
});
afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

const hashOf = (bytes: Buffer | string) => createHash('sha512').update(bytes).digest('hex');
const NOT_FOUND = '404 Not Found.\n';
/** As long as that of the original's scripts. */
const TEXT = Buffer.from('a licence of so many bytes. '.repeat(39)).subarray(0, 1076);

function fileOf(content: Buffer): string {
  const path = join(folder, hashOf(content).slice(0, 16));
  writeFileSync(path, content);
  return path;
}

/** @returns what curl prints; it fails where curl does, and where it waits for what never comes */
async function curl(...words: string[]): Promise<Buffer> {
  const options = { encoding: 'buffer', maxBuffer: 1 << 28 } as const;
  const line = ['-sS', '--max-time', '300', ...words];
  return (await promisify(execFile)('curl', line, options)).stdout;
}

const put = (name: string, body: Buffer | string, address = one) =>
  call(address, `/${name}`, { method: 'PUT', body });

describe("the lines of the original's scripts", () => {
  test('store a text at one node, and every node has it', async () => {
    expect((await curl('-X', 'GET', `http://${one}/health.html`)).toString()).toBe(
      'All systems go.',
    );
    const words = ['-X', 'PUT', '--data-binary', `@${fileOf(TEXT)}`, `http://${one}/license.txt`];
    expect((await curl(...words)).toString()).toBe(
      `{"sha512":"${hashOf(TEXT)}","filename":"license.txt","length":1076,"content_type":"text/plain; charset=utf-8","stub":true}`,
    );
    for (const address of [one, other]) {
      expect(await curl('-X', 'GET', `http://${address}/${hashOf(TEXT)}`)).toEqual(TEXT);
      // It would wait for a body that never comes, if the connection did not end.
      const head = await curl('-i', '-X', 'HEAD', `http://${address}/${hashOf(TEXT)}`);
      expect(head.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n/);
      expect(head.toString()).not.toMatch(/content-length/i);
      const gone = await curl('-i', '-X', 'HEAD', `http://${address}/${hashOf('nothing')}`);
      expect(gone.toString()).toMatch(/^HTTP\/1\.1 404 /);
    }
    expect((await curl('-X', 'GET', `http://${other}/404`)).toString()).toBe(NOT_FOUND);
  });

  test('delete it for all nodes, until somebody stores it again', async () => {
    const text = 'deleted and stored';
    const hash = hashOf(text);
    await put('a.txt', text);
    const deleted = await call(other, `/${hash}`, { method: 'DELETE' });
    expect([deleted.status, deleted.headers['content-type'], deleted.text]).toEqual([
      200,
      'text/plain',
      `{"deleted":true,"sha512":"${hash}","filename":"a.txt","length":18,"content_type":"text/plain","stub":true}`,
    ]);
    for (const address of [one, other]) {
      expect((await call(address, `/${hash}`)).text).toBe(NOT_FOUND);
      expect((await call(address, `/${hash}`, { method: 'DELETE' })).status).toBe(404);
    }
    await put('a.txt', text, other);
    expect((await call(one, `/${hash}`)).text).toBe(text);
  });
});

test.each([0, 1, 65_536, 65_537, 3_000_000])(
  'a blob of %d bytes is read as it was sent',
  async (bytes) => {
    const content = randomBytes(bytes);
    const told = JSON.parse((await curl('-T', fileOf(content), `http://${one}/p.JPG`)).toString());
    expect(told).toEqual({
      sha512: hashOf(content),
      filename: 'p.jpg',
      length: bytes,
      content_type: 'image/jpeg',
      stub: true,
    });
    const answer = await call(other, `/${hashOf(content).toUpperCase()}`);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'image/jpeg']);
    expect(answer.headers['content-disposition']).toBe('attachment; filename="p.jpg"');
    expect(answer.bytes.equals(content)).toBe(true);
    // Once more, without a length beforehand: the last name counts, and there is one content.
    const chunked = ['-H', 'Transfer-Encoding: chunked', '-T', fileOf(content)];
    await curl(...(bytes === 0 ? ['-X', 'PUT'] : chunked), `http://${other}/q.png`);
    const again = await call(one, `/${hashOf(content)}/no-such-option`);
    expect(again.headers['content-disposition']).toBe('attachment; filename="q.png"');
    expect(again.bytes.equals(content)).toBe(true);
  },
);

test('the same content stored again keeps its blob and its ETag, and is refused if it is to be new', async () => {
  const content = randomBytes(200_000);
  const hash = hashOf(content);
  const source = fileOf(content);
  const blobNow = async () => {
    const words = ['files', 'stat', '--space', 'b', hash, '--json'];
    const started = velour([...words, '--controller', cluster.controller]);
    expect(await started.exit(), started.stderr).toBe(0);
    return JSON.parse(started.stdout).blob;
  };
  await curl('-T', source, `http://${one}/first.bin`);
  const blob = await blobNow();
  expect(blob).toMatch(/^[0-9a-f]{32}$/);
  for (const [address, name] of [
    [other, 'second.bin'],
    [one, 'third.bin'],
  ] as const) {
    await curl('-T', source, `http://${address}/${name}`);
    const { headers } = await call(one, `/${hash}`, { method: 'HEAD' });
    expect([headers.etag, headers['content-disposition']]).toEqual([
      `"${hash}"`,
      `attachment; filename="${name}"`,
    ]);
    expect(await blobNow()).toBe(blob);
  }
  const words = ['-w', ' %{http_code}', '-T', source, '-H', `If-None-Match: "${hash}"`];
  expect((await curl(...words, `http://${other}/fourth.bin`)).toString()).toMatch(/ 412$/);
  expect(await blobNow()).toBe(blob);
  // Of what was deleted nothing is left that could be named again.
  expect((await call(one, `/${hash}`, { method: 'DELETE' })).status).toBe(200);
  expect((await curl(...words, `http://${other}/fourth.bin`)).toString()).toMatch(/ 200$/);
  expect(await blobNow()).not.toBe(blob);
  expect((await call(one, `/${hash}`)).bytes.equals(content)).toBe(true);
});

test('a download that was cut goes on with curl -C -', async () => {
  const content = randomBytes(100_000_000);
  const source = fileOf(content);
  await curl('-T', source, `http://${one}/film.mp4`);
  const part = join(folder, 'part');
  writeFileSync(part, content.subarray(0, 41_234_567));
  const words = ['-C', '-', '-o', part, '-w', '%{http_code} %{size_download}'];
  const told = await curl(...words, `http://${other}/${hashOf(content)}`);
  expect(told.toString()).toBe('206 58765433');
  expect(readFileSync(part).equals(content)).toBe(true);
  truncateSync(part, 0);
});

test.each([
  ['My%20Photo.JPG', 'my-photo.jpg', 'image/jpeg'],
  ['%C3%84rger%20%26%20Gr%C3%B6%C3%9Fe.txt', 'arger-grosse.txt', 'text/plain; charset=utf-8'],
  ['a_b=c+d:e', 'a-b-c-d-e', 'application/octet-stream'],
  ['metrics', 'metrics', 'application/octet-stream'],
  ['health.html', 'health.html', 'text/html; charset=utf-8'],
  ['%22%0d%0aSet-Cookie%3a%20a', 'set-cookie-a', 'application/octet-stream'],
  ['%E5%86%99%E7%9C%9F', '', 'application/octet-stream'],
])('the name %s is kept as %s', async (given, filename, type) => {
  const told = JSON.parse((await put(given, `of ${given}`)).text);
  expect([told.filename, told.content_type]).toEqual([filename, type]);
  const { headers } = await call(other, `/${told.sha512}`);
  expect(headers['content-disposition']).toBe(`attachment; filename="${filename}"`);
});

test.each([
  ['PUT', '/a/b'],
  ['PUT', '/a%2Fb'],
  ['GET', '/x'],
  ['GET', `/${'a'.repeat(127)}`],
  ['GET', `/${'a'.repeat(129)}`],
  ['GET', `/${'g'.repeat(128)}`],
  ['GET', `/${'a'.repeat(128)}`],
  ['GET', `/${'a'.repeat(128)}/`],
  ['GET', `/${'a'.repeat(128)}/nopeerload/x`],
  ['GET', '/%zz'],
  ['GET', '/%00'],
  ['DELETE', '/../../etc/passwd'],
] as const)('%s %s is 404, with the words of the original', async (method, path) => {
  const answer = await call(one, path, method === 'PUT' ? { method, body: 'x' } : { method });
  expect([answer.status, answer.text]).toEqual([404, NOT_FOUND]);
});

test('a DELETE with an option that is none deletes nothing', async () => {
  await put('b.txt', 'stays');
  const hash = hashOf('stays');
  expect((await call(one, `/${hash}/allpers`, { method: 'DELETE' })).status).toBe(404);
  expect((await call(one, `/${hash}`)).text).toBe('stays');
});

test('a body that stops half-way, and a part of a file, store nothing', async () => {
  const content = randomBytes(200_000);
  const head = `PUT /half HTTP/1.1\r\nhost: x\r\ncontent-length: ${content.length}\r\n\r\n`;
  const { connect } = await import('node:net');
  const [host = '', port = ''] = one.split(':');
  const socket = connect({ host, port: Number(port) });
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    socket.on('error', () => undefined);
    socket.write(Buffer.concat([Buffer.from(head), content.subarray(0, 150_000)]), () =>
      socket.destroy(),
    );
  });
  for (const bytes of [content, content.subarray(0, 150_000)]) {
    expect((await call(other, `/${hashOf(bytes)}`)).status).toBe(404);
  }
  const headers = { 'content-range': 'bytes 0-99/200000' };
  const part = await call(one, '/part', { method: 'PUT', body: 'x', headers });
  expect([part.status, part.headers['x-fog-error']]).toEqual([400, 'bad-parameter']);
});

test('--deny: a file switches a method off, and on again when it is gone', async () => {
  await put('c.txt', 'denied');
  const path = `/${hashOf('denied')}`;
  const ask = async (method: 'GET' | 'HEAD' | 'PUT' | 'DELETE') =>
    (await call(one, path, method === 'PUT' ? { method, body: 'denied' } : { method })).status;
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'] as const) {
    const file = join(folder, `deny${method.toLowerCase()}`);
    writeFileSync(file, '');
    const statuses: Record<string, number> = {};
    for (const each of ['GET', 'HEAD', 'PUT', 'DELETE'] as const) {
      if (each === method || method === 'DELETE' || each !== 'DELETE') {
        statuses[each] = await ask(each);
      }
    }
    const { [method]: refused, ...others } = statuses;
    expect([method, refused]).toEqual([method, 403]);
    expect(new Set(Object.values(others))).toEqual(new Set([200]));
    expect((await call(one, '/health.html')).status).toBe(200);
    rmSync(file);
  }
  expect(await ask('DELETE')).toBe(200);
  writeFileSync(join(folder, 'denyget'), '');
  const refusal = await call(other, path);
  expect([refusal.text, refusal.headers['x-fog-error']]).toEqual(['403 Forbidden.\n', 'denied']);
  rmSync(join(folder, 'denyget'));
});

test('velour blobs mark: 403 and 404 win over what is stored, and over a PUT', async () => {
  const text = 'marked';
  const hash = hashOf(text);
  const mark = async (...words: string[]) => {
    const started = velour(['blobs', 'mark', hash, ...words, '--controller', cluster.controller]);
    expect(await started.exit(), started.stderr).toBe(0);
    return started.stdout.trim();
  };
  expect(await mark()).toBe('none');
  for (const [name, status, body] of [
    ['403', 403, '403 Forbidden.\n'],
    ['404', 404, NOT_FOUND],
  ] as const) {
    expect(await mark(name)).toBe(name);
    // Also before it is stored.
    for (const stored of [false, true]) {
      if (stored) expect((await put('m.txt', text)).status).toBe(200);
      for (const address of [one, other]) {
        const got = await call(address, `/${hash}`);
        expect([got.status, got.text]).toEqual([status, body]);
        expect((await call(address, `/${hash}`, { method: 'HEAD' })).status).toBe(status);
      }
    }
    expect(await mark()).toBe(name);
  }
  expect(await mark('none')).toBe('none');
  expect((await call(other, `/${hash}`)).text).toBe(text);
  const wrong = velour(['blobs', 'mark', 'abc', '403']);
  expect([await wrong.exit(), wrong.stderr]).toEqual([2, expect.stringContaining('128 hex')]);
});

describe('velour blobs', () => {
  const run = async (...words: string[]) => {
    const started = velour(['blobs', ...words, '--blobs', one]);
    const code = await started.exit();
    return { code, stdout: started.stdout, stderr: started.stderr };
  };

  test('puts, gets and removes what it names by its SHA-512', async () => {
    const content = randomBytes(300_000);
    const hash = hashOf(content);
    const source = fileOf(content);
    expect(await run('put', source, '--name', 'Ein Bild.png')).toEqual({
      code: 0,
      stdout: `${hash}\n`,
      stderr: '',
    });
    expect(JSON.parse((await run('put', source, '--json')).stdout).sha512).toBe(hash);
    const target = join(folder, 'got');
    expect((await run('get', hash, '-o', target)).code).toBe(0);
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(await run('rm', hash, '--all-peers')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\{"deleted":true,.*"peers":\[\]\}\n$/),
    });
    rmSync(target);
    expect(await run('get', hash, '-o', target)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('404 Not Found.'),
    });
    expect(existsSync(target) || existsSync(`${target}.partial`)).toBe(false);
  });

  test('says what is wrong: 1 a refusal, 2 the words, 69 nobody', async () => {
    const [nowhere = 0] = await freePorts(1);
    const hash = hashOf('none of these');
    expect((await run('rm', hash)).code).toBe(1);
    expect((await run('get', 'abc')).code).toBe(2);
    expect((await run('put', join(folder, 'no-such-file'))).code).toBe(2);
    expect((await run('put', folder)).code).toBe(2);
    const nobody = velour(['blobs', 'get', hash, '--blobs', `127.0.0.1:${nowhere}`]);
    expect(await nobody.exit()).toBe(69);
    expect(nobody.stderr).toContain(`127.0.0.1:${nowhere}`);
  });

  test('another port of the cluster is named, and what it answered is not shown', async () => {
    const file = fileOf(TEXT);
    for (const [address = '', what] of [
      [cluster.brokers[0], 'a broker'],
      [cluster.frontends[0], 'a frontend'],
      [cluster.controller, 'a controller'],
    ] as const) {
      const wrong = velour(['blobs', 'put', file, '--blobs', address]);
      expect(await wrong.exit()).toBe(69);
      // Of the answer of a broker it would be a ticket.
      expect(wrong.stderr).toBe(
        `velour: what answers at http://${address} is ${what}, and no blob service; name one with --blobs or VELOUR_BLOBS\n`,
      );
    }
  });
});

const hasFfmpeg = ['ffmpeg', 'ffprobe'].every(
  (name) => spawnSync(name, ['-version'], { stdio: 'ignore' }).status === 0,
);

describe('/ffmetadata', () => {
  test.skipIf(!hasFfmpeg)('is what ffprobe says of a film, and 422 of what is none', async () => {
    const film = join(folder, 'film.mp4');
    const words = [
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      'testsrc=duration=2:size=64x48:rate=5',
      film,
    ];
    execFileSync('ffmpeg', words, { stdio: 'pipe' });
    const content = readFileSync(film);
    await put('Mein%20Film.mp4', content);
    const answer = await call(other, `/${hashOf(content)}/ffmetadata`);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
    const { streams, format } = JSON.parse(answer.text);
    expect(streams[0]).toMatchObject({ codec_type: 'video', width: 64, height: 48 });
    expect(format).toMatchObject({ filename: 'mein-film.mp4', size: `${content.length}` });
    // A list of other addresses is opened by nobody.
    const list = `#EXTM3U\n#EXTINF:2,\nhttp://${one}/${hashOf(content)}\n#EXT-X-ENDLIST\n`;
    for (const text of ['no film', list, `ffconcat version 1.0\nfile http://${one}/x\n`]) {
      await put('list.m3u8', text);
      const refused = await call(one, `/${hashOf(text)}/ffmetadata`);
      expect([refused.status, refused.headers['x-fog-error']]).toEqual([422, 'no-media']);
    }
    expect((await call(one, `/${hashOf('none')}/ffmetadata`)).text).toBe(NOT_FOUND);
  });

  test('is 501 where there is no ffprobe; and --blobs-rate limits each address', async () => {
    const [port = 0, blobsPort = 0] = await freePorts(2);
    const words = ['frontend', cluster.controller, `127.0.0.1:${port}`, '--blobs-rate', '5'];
    const frontend = velour([...words, '--blobs-port', `${blobsPort}`], { PATH: folder });
    const blobs = `127.0.0.1:${blobsPort}`;
    try {
      await until(
        async () =>
          (await call(blobs, '/health.html').catch(() => undefined))?.text === 'All systems go.',
      );
      await put('a', 'no probe');
      const answer = await call(blobs, `/${hashOf('no probe')}/ffmetadata`);
      expect([answer.status, answer.headers['x-fog-error']]).toEqual([501, 'no-ffprobe']);
      let limited = await call(blobs, '/x');
      while (limited.status !== 429) {
        const many = await Promise.all(Array.from({ length: 30 }, () => call(blobs, '/x')));
        limited = many.find(({ status }) => status === 429) ?? limited;
      }
      expect([limited.headers['retry-after'], limited.text]).toEqual([
        '1',
        '429 Too Many Requests.\n',
      ]);
    } finally {
      await frontend.stop();
    }
  });
});

test('the port says what it is, and its metrics are those of the frontend', async () => {
  const sheet = await call(one, '/');
  expect(sheet.text).toMatch(/^velour-fog blobs at .*, ready\n/);
  expect((await call(one, '/readyz?verbose')).text).toContain('[+]map ok');
  const { text } = await call(one, '/metrics');
  const names = text.match(/^velourfog_build_info\{.*\}/gm);
  expect(names).toEqual([expect.stringContaining('role="frontend"')]);
  expect(text).toMatch(/^velourfog_requests_total\{op="dtfc-get",code="200"\} [1-9]/m);
  expect((await call(one, '/x', { method: 'POST', body: 'x' })).headers.allow).toBe(
    'PUT, GET, HEAD, DELETE',
  );
});

test('workers share the port of the blob service too', async () => {
  const [port = 0, blobsPort = 0] = await freePorts(2);
  const address = `127.0.0.1:${port}`;
  const words = ['frontend', cluster.controller, address, '--workers', '2'];
  const frontend = velour([...words, '--blobs-port', `${blobsPort}`]);
  try {
    await until(
      async () => (await call(address, '/readyz').catch(() => undefined))?.status === 200,
    );
    const blobs = `127.0.0.1:${blobsPort}`;
    expect((await put('w.txt', 'by workers', blobs)).status).toBe(200);
    expect((await call(one, `/${hashOf('by workers')}`)).text).toBe('by workers');
    expect((await call(blobs, '/health.html')).text).toBe('All systems go.');
  } finally {
    expect(await frontend.stop()).toBe(0);
  }
  const taken = velour(['frontend', cluster.controller, address, '--blobs-port', one.slice(10)]);
  expect([await taken.exit(), taken.stderr]).toEqual([
    69,
    expect.stringContaining(`port ${one.slice(10)} on 127.0.0.1 is in use`),
  ]);
});

test('without file servers only what a record takes is kept, and a cache keeps nothing', async () => {
  for (const isCache of [false, true]) {
    const [port = 0] = await freePorts(1);
    const fleet = await Fleet.start({
      storages: 1,
      frontends: 1,
      redundancy: 1,
      optionsFor: ({ role }) => {
        if (role === 'frontend') return ['--blobs-port', `${port}`];
        return role === 'controller' && isCache ? ['--when-full', 'evict'] : [];
      },
    });
    try {
      const blobs = `127.0.0.1:${port}`;
      const small = await put('a', Buffer.alloc(65_536), blobs);
      expect(small.status).toBe(isCache ? 501 : 200);
      const long = await put('b', Buffer.alloc(65_537), blobs);
      expect([long.status, long.headers['x-fog-error']]).toEqual(
        isCache ? [501, 'cache-has-no-files'] : [503, 'no-file-server'],
      );
      for (const node of fleet.storages) await node.kill();
      const read = await call(blobs, `/${hashOf(Buffer.alloc(65_536))}`);
      expect([read.status, read.headers['retry-after']]).toEqual(
        isCache ? [501, undefined] : [503, '1'],
      );
    } finally {
      await fleet.stop();
    }
  }
});
