// The small file storage service on real processes: the lines of the original's document, as curl sends them, and what is
// wrong on sockets: bodies that stop half-way, heads that are refused before their bodies are sent.

import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call } from '../helpers/client.ts';
import { freePorts, type LocalCluster, startCluster, until, velour } from '../helpers/cluster.ts';
import { Fleet } from '../helpers/fleet.ts';

let cluster: LocalCluster;
let one = '';
let other = '';
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'velour-sfss-'));
  cluster = await startCluster({ fileservers: 2 });
  [one = '', other = ''] = cluster.frontends;
});
afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

/** A file of its own with random bytes, which every form and every parser may stumble over. */
function fileOf(bytes: number): { readonly path: string; readonly content: Buffer } {
  const content = randomBytes(bytes);
  const path = join(folder, `${bytes}-${content.toString('hex', 0, 4)}`);
  writeFileSync(path, content);
  return { path, content };
}

async function curl(...words: string[]): Promise<Buffer> {
  const options = { encoding: 'buffer', maxBuffer: 1 << 24 } as const;
  return (await promisify(execFile)('curl', ['-sS', '--max-time', '300', ...words], options))
    .stdout;
}
const STATUS = ['-o', '/dev/null', '-w', '%{http_code} %{size_download} %{content_type}'];

describe("the lines of the original's document", () => {
  // What is longer than a record takes is with the file servers; the last one is as long as a file may be.
  test.each([0, 1, 65_536, 65_537, 2_097_152])(
    'a file of %d bytes, by POST and PUT',
    async (bytes) => {
      const [first, second] = [fileOf(bytes), fileOf(bytes)];
      const target = `path=file/path/to/save-${bytes}.jpg`;
      const form = (path: string) => ['-F', `upload_file=@${path}`];
      const text = async (...words: string[]) => (await curl(...STATUS, ...words)).toString();
      expect(await text(...form(first.path), '-X', 'POST', `http://${one}/files?${target}`)).toBe(
        '201 0 ',
      );
      expect(await curl(`http://${other}/file?${target}`)).toEqual(first.content);
      expect(await text(...form(second.path), '-X', 'PUT', `http://${other}/file?${target}`)).toBe(
        '200 0 ',
      );
      expect(await curl(`http://${one}/file?${target}`)).toEqual(second.content);
      expect(await text(`http://${one}/file?${target}`)).toBe(`200 ${bytes} image/jpeg`);
      const status = JSON.parse((await curl(`http://${one}/status`)).toString());
      expect(Object.keys(status).sort()).toEqual([...cluster.storages].sort());
    },
  );

  test('a plain body, of a length that is told or not', async () => {
    const { path, content } = fileOf(50_000);
    for (const words of [
      ['-T', path],
      ['-T', path, '-H', 'Transfer-Encoding: chunked'],
    ]) {
      expect((await curl(...STATUS, ...words, `http://${one}/file?path=plain`)).toString()).toMatch(
        /^200 /,
      );
      expect(await curl(`http://${other}/file?path=plain`)).toEqual(content);
    }
    expect(
      (
        await curl(...STATUS, '--data-binary', `@${path}`, `http://${one}/files?path=posted`)
      ).toString(),
    ).toMatch(/^201 /);
    expect(await curl(`http://${other}/file?path=posted`)).toEqual(content);
  });

  test('a download goes on where it was cut', async () => {
    const { path, content } = fileOf(600_000);
    await curl('-T', path, `http://${one}/file?path=resumed`);
    const part = join(folder, 'part');
    writeFileSync(part, content.subarray(0, 300_001));
    await curl('-C', '-', '-o', part, `http://${other}/file?path=resumed`);
    expect(spawnSync('cmp', [part, path]).status).toBe(0);
  });

  test('names as they are: spaces, letters of any language, dots that walk nowhere', async () => {
    const paths = [
      'a b+c',
      'fotos/größe.jpg',
      '../../etc/passwd',
      '..',
      'a/../b',
      './b',
      'b',
      'b/',
    ];
    for (const path of paths) {
      const target = `/files?path=${encodeURIComponent(path)}`;
      expect((await call(one, target, { method: 'POST', body: `of ${path}` })).status).toBe(201);
    }
    for (const path of paths) {
      const { text } = await call(other, `/file?path=${encodeURIComponent(path)}`);
      expect(text).toBe(`of ${path}`);
    }
    // No key of /get and /set is a file, and no file a key.
    expect((await call(one, '/get?key=b')).status).toBe(404);
    const scanned = await call(one, '/v1/scan');
    expect(scanned.text).not.toContain('passwd');
  });
});

/** Sends bytes on a connection of their own. @returns what is answered until it is over */
async function raw(
  bytes: Buffer | string,
  ending: (socket: Socket) => void = () => undefined,
): Promise<string> {
  const [host = '', port = ''] = one.split(':');
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  let text = '';
  socket.on('data', (piece) => {
    text += piece.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.on('end', () => socket.end());
  socket.write(bytes, () => ending(socket));
  await once(socket, 'close');
  return text;
}

const head = (line: string, ...fields: string[]) =>
  [`${line} HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n');

describe('what is refused before its body is sent', () => {
  const first = async (line: string, ...fields: string[]) => {
    const [host = '', port = ''] = one.split(':');
    const socket = connect(Number(port), host);
    socket.on('error', () => undefined);
    socket.write(head(line, 'Expect: 100-continue', ...fields));
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return bytes.toString('latin1').split('\r\n')[0];
  };

  test.each<readonly [string, string, readonly string[]]>([
    ['100 Continue', 'PUT /file?path=a', ['Content-Length: 2097152']],
    ['413 Payload Too Large', 'PUT /file?path=a', ['Content-Length: 2097153']],
    ['413 Payload Too Large', 'POST /files?path=a', ['Content-Length: 9999999999']],
    [
      '413 Payload Too Large',
      'POST /files?path=a',
      ['Content-Length: 2197153', 'Content-Type: multipart/form-data; boundary=x'],
    ],
    [
      '100 Continue',
      'POST /files?path=a',
      ['Content-Length: 2097353', 'Content-Type: multipart/form-data; boundary=x'],
    ],
    [
      '400 Bad Request',
      'POST /files?path=a',
      ['Content-Length: 9', 'Content-Type: multipart/form-data'],
    ],
    ['400 Bad Request', 'PUT /file?path=/a', ['Content-Length: 9']],
    ['400 Bad Request', 'DELETE /file', ['Content-Length: 9']],
    ['405 Method Not Allowed', 'DELETE /file?path=a', ['Content-Length: 9']],
    ['405 Method Not Allowed', 'PUT /files', ['Content-Length: 9']],
    ['403 Forbidden', 'PUT /file?path=a', ['Content-Length: 9', 'Origin: http://elsewhere']],
  ])('%s: %s %j', async (status, line, fields) => {
    expect(await first(line, ...fields)).toBe(`HTTP/1.1 ${status}`);
  });
});

describe('a body that stops half-way', () => {
  const form = 'Content-Type: multipart/form-data; boundary=xYz';
  const part = '--xYz\r\nContent-Disposition: form-data; name="upload_file"; filename="f"\r\n\r\n';

  test.each<readonly [string, readonly string[], string, number]>([
    ['plain', ['Content-Length: 100'], 'half', 400],
    ['chunked', ['Transfer-Encoding: chunked'], '4\r\nhalf\r\n', 400],
    ['a form', ['Content-Length: 300', form], `${part}half`, 400],
    ['a form at its end', ['Content-Length: 300', form], `${part}half\r\n--xYz-`, 400],
    // Here the body is whole, and the form in it is not.
    ['a form without its end', [`Content-Length: ${part.length + 4}`, form], `${part}half`, 400],
    ['no form', ['Content-Length: 4', form], 'half', 400],
  ])('leaves what was there: %s', async (name, fields, sent, status) => {
    const target = `/file?path=half/${encodeURIComponent(name)}`;
    await call(one, target, { method: 'PUT', body: 'before' });
    const request = head(`PUT ${target.replaceAll(' ', '%20')}`, ...fields) + sent;
    // The client has ended its side, and waits for what it is told.
    expect(await raw(request, (socket) => socket.end())).toMatch(
      new RegExp(`^HTTP/1.1 ${status} `),
    );
    expect((await call(other, target)).text).toBe('before');
    // The client is gone.
    expect(await raw(request, (socket) => socket.resetAndDestroy())).toBe('');
    expect((await call(other, target)).text).toBe('before');
  });

  test('of a file that is too long is 413, whoever says how long it is', async () => {
    const target = '/file?path=long';
    await call(one, target, { method: 'PUT', body: 'before' });
    const pieces = Array.from({ length: 40 }, () => `10000\r\n${'x'.repeat(65_536)}\r\n`).join('');
    const chunked = await raw(
      `${head(`PUT ${target}`, 'Transfer-Encoding: chunked')}${pieces}`,
      (socket) => socket.end(),
    );
    expect(chunked).toMatch(/^HTTP\/1.1 413 /);
    const told = await raw(head(`PUT ${target}`, 'Content-Length: 2097153'), (socket) =>
      socket.end(),
    );
    expect(told).toMatch(/^HTTP\/1.1 413 /);
    expect(told).toContain('2097152 bytes are the most');
    expect((await call(other, target)).text).toBe('before');
  });
});

test('what is pipelined is done in its order, files beside keys', async () => {
  const put = (path: string, body: string) =>
    head(`PUT /file?path=${path}`, `Content-Length: ${body.length}`) + body;
  const get = (path: string) => head(`GET /file?path=${path}`);
  const all = `${put('p', 'one')}${get('p')}${put('p', 'two')}${get('p')}${head('GET /get?key=nothing', 'Connection: close')}`;
  const text = await raw(all);
  const bodies = text.split(/HTTP\/1\.1 \d+ [\s\S]*?\r\n\r\n/).slice(1);
  expect(bodies).toEqual(['', 'one', '', 'two', 'no such key\n']);
});

test('uploads of one path at once leave one of them, as a whole', async () => {
  const target = '/file?path=contended';
  const contents = Array.from({ length: 16 }, (_, number) => `${number}`.repeat(20_000));
  const digest = (text: string) => createHash('sha1').update(text).digest('hex');
  const answers: Answer[] = [];
  await Promise.all(
    contents.map(async (body, number) => {
      const frontend = number % 2 === 0 ? one : other;
      answers.push(await call(frontend, target, { method: 'PUT', body }));
      const { text } = await call(frontend, target);
      expect(contents.map(digest)).toContain(digest(text));
    }),
  );
  expect(answers.map(({ status }) => status)).toEqual(contents.map(() => 200));
  const [here, there] = [await call(one, target), await call(other, target)];
  expect(digest(here.text)).toBe(digest(there.text));
  expect(answers.map(({ headers }) => headers.etag)).toContain(here.headers.etag);
  const [first, ...others] = await Promise.all(
    contents.map((body) =>
      call(one, '/file?path=once', { method: 'PUT', body, headers: { 'if-none-match': '*' } }),
    ),
  ).then((all) => all.map(({ status }) => status).sort());
  expect([first, new Set(others)]).toEqual([200, new Set([412])]);
});

describe('velour sfss-post', () => {
  const run = async (...words: string[]) => runWith({}, ...words);
  const runWith = async (env: Readonly<Record<string, string>>, ...words: string[]) => {
    const started = velour(['sfss-post', ...words], env);
    const code = await started.exit();
    return { code, stdout: started.stdout, stderr: started.stderr };
  };

  test('posts a file, and says nothing', async () => {
    const { path, content } = fileOf(3000);
    const [host = '', port = ''] = one.split(':');
    const words = ['--path', 'folder/größe 1.ext', '--filepath', path];
    const expected = { code: 0, stdout: '', stderr: '' };
    expect(await run('--host', host, '--port', port, ...words)).toEqual(expected);
    const target = `/file?path=${encodeURIComponent('folder/größe 1.ext')}`;
    expect((await call(other, target)).bytes).toEqual(content);
    // The host may have the port in it, as there.
    expect(await run('--host', one, ...words)).toEqual(expected);
  });

  test('finds a frontend as the commands of keys do, unless it is told another one', async () => {
    const { path } = fileOf(10);
    const words = ['--path', 'endpoint', '--filepath', path];
    const [nowhere = 0] = await freePorts(1);
    const nobody = `http://127.0.0.1:${nowhere}`;
    const env = { VELOUR_ENDPOINT: `http://${one}/, ${nobody}` };
    expect((await runWith(env, ...words)).code).toBe(0);
    expect((await run('--endpoint', one, ...words)).code).toBe(0);
    for (const over of [
      ['--host', one],
      ['--endpoint', one],
    ]) {
      expect((await runWith({ VELOUR_ENDPOINT: nobody }, ...over, ...words)).code).toBe(0);
    }
    const both = await run('--endpoint', one, '--host', one, ...words);
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('one of them')]);
    for (const endpoint of ['https://a:1', 'http://a:1/b']) {
      const refused = await run('--endpoint', endpoint, ...words);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(endpoint)]);
    }
  });

  test('says what is wrong: 1 a refusal, 2 the words, 69 nobody', async () => {
    const { path } = fileOf(10);
    const [nowhere = 0] = await freePorts(1);
    expect(await run('--host', one, '--path', '/x', '--filepath', path)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('400 bad-parameter: the path begins with a slash'),
    });
    const nobody = `127.0.0.1:${nowhere}`;
    expect(await run('--host', nobody, '--path', 'x', '--filepath', path)).toMatchObject({
      code: 69,
      stderr: expect.stringContaining(`${nobody} did not answer`),
    });
    expect(await run('--path', 'x', '--filepath', join(folder, 'none'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('ENOENT'),
    });
    expect((await run('--path', 'x', '--filepath', folder)).code).toBe(2);
    expect((await run('--filepath', path)).code).toBe(2);
    expect((await run('--host', 'a/b', '--path', 'x', '--filepath', path)).code).toBe(2);
  });

  test('measures posts of many files, each to a path of its own', async () => {
    const { path, content } = fileOf(2000);
    const words = ['--host', one, '--path', 'bench/a.jpg', '--filepath', path];
    const told = await run(...words, '--requests', '40', '--connections', '4', '--json');
    expect([told.code, told.stderr]).toEqual([0, '']);
    expect(JSON.parse(told.stdout)).toMatchObject({
      bytes: 2000,
      stored: 40,
      errors: {},
      latencyMs: { p50: expect.any(Number), p99: expect.any(Number) },
    });
    for (const number of [0, 17, 39]) {
      expect((await call(other, `/file?path=bench/a-${number}.jpg`)).bytes).toEqual(content);
    }
    expect((await call(other, '/file?path=bench/a-40.jpg')).status).toBe(404);
    const shown = await run(...words, '--requests', '5');
    expect(shown.stdout).toMatch(
      /^5 files of 2,000 bytes in .* files\/s, p50 .*, p99 .*, max .*\n$/,
    );
    const refused = ['--host', one, '--path', '/x', '--filepath', path];
    const failing = await run(...refused, '--requests', '3');
    expect(failing.code).toBe(1);
    expect(failing.stdout).toContain(`errors: 3 400 bad-parameter, of ${one}\n`);
  });
});

test('--sfss-max is how long a file may be, up to its last byte', async () => {
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const frontend = velour(['frontend', cluster.controller, address], { VELOUR_SFSS_MAX: '1KiB' });
  try {
    await until(
      async () => (await call(address, '/readyz').catch(() => undefined))?.status === 200,
    );
    const put = (bytes: number) =>
      call(address, '/file?path=max', { method: 'PUT', body: Buffer.alloc(bytes) });
    expect([(await put(1024)).status, (await put(1025)).status]).toEqual([200, 413]);
  } finally {
    await frontend.stop();
  }
  for (const [size, text] of [
    ['0', 'sfss-max is 0'],
    ['2MB', 'sfss-max is 2MB'],
    ['257GiB', 'must be from 1B to 256GiB'],
  ] as const) {
    const refused = velour(['frontend', cluster.controller, address, '--sfss-max', size]);
    expect(await refused.exit()).toBe(2);
    expect(refused.stderr).toContain(text);
  }
});

describe('without what a file needs', () => {
  test('is 504 where no storage node answers', async () => {
    const fleet = await Fleet.start({ storages: 1, frontends: 1, redundancy: 1 });
    try {
      const { address } = fleet.frontend(0);
      await call(address, '/file?path=a', { method: 'PUT', body: 'x' });
      for (const node of fleet.storages) await node.kill();
      for (const [method, target] of [
        ['GET', '/file?path=a'],
        ['PUT', '/file?path=a'],
        ['POST', '/files?path=b'],
        ['GET', '/status?form=full'],
      ] as const) {
        const answer = await call(address, target, method === 'GET' ? {} : { method, body: 'y' });
        expect([target, answer.status]).toEqual([target, 504]);
        expect(['no-storage', 'outcome-unknown']).toContain(answer.headers['x-fog-error']);
      }
    } finally {
      await fleet.stop();
    }
  });

  test('is 504 without a file server, but for what a record takes', async () => {
    const fleet = await Fleet.start({ storages: 1, frontends: 1, redundancy: 1 });
    try {
      const { address } = fleet.frontend(0);
      const put = (bytes: number) =>
        call(address, '/file?path=a', { method: 'PUT', body: Buffer.alloc(bytes, 'x') });
      expect((await put(65_536)).status).toBe(200);
      const refused = await put(65_537);
      expect([refused.status, refused.headers['x-fog-error']]).toEqual([504, 'no-storage']);
      expect(refused.text).toContain('no file server');
      expect((await call(address, '/file?path=a')).bytes).toHaveLength(65_536);
    } finally {
      await fleet.stop();
    }
  });

  test('is 501 in a cache, which keeps no files', async () => {
    const fleet = await Fleet.start({
      storages: 1,
      frontends: 1,
      redundancy: 1,
      optionsFor: ({ role }) => (role === 'controller' ? ['--when-full', 'evict'] : []),
    });
    try {
      const { address } = fleet.frontend(0);
      for (const [method, target] of [
        ['GET', '/file?path=a'],
        ['PUT', '/file?path=a'],
        ['POST', '/files?path=a'],
      ] as const) {
        const answer = await call(address, target, method === 'GET' ? {} : { method, body: 'y' });
        expect([answer.status, answer.headers['x-fog-error']]).toEqual([501, 'cache-has-no-files']);
      }
    } finally {
      await fleet.stop();
    }
  });
});
