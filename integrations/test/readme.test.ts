// The examples of README.md are programs that work, and so is the one for Python.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { pidOf } from '../../test/helpers/backups.ts';
import { freePorts, ROOT, Started, startCluster, until } from '../../test/helpers/cluster.ts';
import { clients } from './clients.ts';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const has = clients();

/** @returns the example below this heading, on the cluster of the tests */
function example(heading: string, replacements: Readonly<Record<string, string>> = {}): Started {
  const text = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  const [, block] = new RegExp(`^## ${heading}\n.*?^\`\`\`js\n(.*?)^\`\`\``, 'ms').exec(text) ?? [];
  if (block === undefined) throw new Error(`README.md has no example below ${heading}`);
  const { controller, frontends } = has.cluster;
  const all = {
    "'velour-fog/middleware'": `'${pathToFileURL(join(ROOT, 'dist/middleware/index.js')).href}'`,
    "'velour-fog'": `'${pathToFileURL(join(ROOT, 'dist/client/index.js')).href}'`,
    '127.0.0.1:12080': frontends[0] ?? '',
    '127.0.0.1:12081': frontends[1] ?? '',
    '127.0.0.1:12000': controller,
    ...replacements,
  };
  let program = block;
  for (const [find, replace] of Object.entries(all)) program = program.replaceAll(find, replace);
  // In this folder, because that is where the program looks for packages, this one among them.
  const words = [process.execPath, '--input-type=module', '-e', program];
  return new Started('sh', ['-c', 'cd "$0" && exec "$@"', FOLDER, ...words]);
}

test('installed as is said, a store finds what its project has installed, also after another one is', () => {
  const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  const [, config = ''] = /^```sh\n(npm config .*)\nnpm install DIRECTORY /m.exec(readme) ?? [];
  const project = mkdtempSync(join(tmpdir(), 'velour-project-'));
  const run = (command: string): string => {
    const ran = spawnSync('sh', ['-ec', command], { cwd: project, encoding: 'utf8' });
    expect(ran.status, `${command}: ${ran.stderr}`).toBe(0);
    return ran.stdout.trim();
  };
  /** Of this machine: tests ask no registry. */
  const install = (path: string) =>
    run(`npm install --offline --no-audit --no-fund ${JSON.stringify(path)}`);
  try {
    writeFileSync(join(project, 'package.json'), '{"type":"module"}');
    run(config);
    install(FOLDER);
    const session = join(project, 'its-own');
    mkdirSync(session);
    const text = JSON.stringify({ name: 'express-session', version: '1.18.0' });
    writeFileSync(join(session, 'package.json'), text);
    writeFileSync(join(session, 'index.js'), 'exports.Store = class OfTheProject {};\n');
    install(session);
    // A link would lead to the one that is installed here for these tests, or to none.
    const program = `import { VelourSessionStore } from 'velour-fog-integrations/express-session';
      console.log(Object.getPrototypeOf(VelourSessionStore).name);`;
    writeFileSync(join(project, 'program.js'), program);
    expect(run('node program.js')).toBe('OfTheProject');
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
});

test('Keyv', async () => {
  const program = example('Keyv');
  expect(await program.exit()).toBe(0);
  expect(program.stderr).toBe('');
  const [first, many, ...listed] = program.stdout.trimEnd().split('\n');
  expect(first).toBe("{ name: 'Ada' }");
  expect(many).toBe("[ { name: 'Ada' }, { name: 'Grace' }, undefined ]");
  expect(listed.sort()).toEqual(['user:1 Ada', 'user:2 Grace']);
});

test('unstorage', async () => {
  const program = example('unstorage');
  expect(await program.exit()).toBe(0);
  expect(program.stderr).toBe('');
  const [first, etag] = program.stdout.split('\n');
  expect(first).toBe("{ name: 'Ada' } [ 'users:1', 'users:2' ]");
  expect(etag).toMatch(/^"[0-9a-f]{16}-[0-9a-f]{8}"$/);
});

test('webdav', async () => {
  const program = example('webdav');
  expect(await program.exit()).toBe(0);
  expect([program.stderr, program.stdout]).toEqual(['', "any text\n[ '/moved/a.txt' ]\n"]);
});

test('express-session', async () => {
  const [port = 0] = await freePorts(1);
  const program = example('express-session', { '8080': String(port) });
  const ask = (cookie = '') => fetch(`http://127.0.0.1:${port}/`, { headers: { cookie } });
  await until(() =>
    ask().then(
      () => true,
      () => program.ended,
    ),
  );
  const first = await ask();
  expect(await first.text()).toBe('1\n');
  const [cookie = ''] = first.headers.getSetCookie();
  const second = await ask(cookie.split(';')[0]);
  expect(await second.text()).toBe('2\n');
  await program.stop();
  expect(program.stderr).toBe('');
});

test('Express', async () => {
  const cluster = await startCluster({ frontends: 2, storages: 3, fileservers: 2 });
  const [one = '', other = ''] = cluster.brokers;
  const [port = 0] = await freePorts(1);
  const brokers = { '127.0.0.1:12280': one, '127.0.0.1:12281': other };
  const program = example('Express', { ...brokers, '8080': String(port) });
  const url = `http://127.0.0.1:${port}`;
  const ask = (path: string, options: RequestInit = {}) => fetch(`${url}${path}`, options);
  await until(() =>
    ask('/').then(
      () => true,
      () => program.ended,
    ),
  );
  const content = randomBytes(300_000);
  const upload = { method: 'PUT', body: content, headers: { 'x-token': 'change me' } };
  expect((await ask('/upload/a/b.jpg', { ...upload, headers: {} })).status).toBe(403);
  expect((await ask('/media/a/b.jpg')).status).toBe(404);
  expect((await ask('/upload/a/b.jpg', upload)).status).toBe(201);
  const read = await ask('/media/a/b.jpg', { headers: { range: 'bytes=5-9' } });
  expect([read.status, read.headers.get('content-type')]).toEqual([206, 'image/jpeg']);
  expect(Buffer.from(await read.arrayBuffer()).equals(content.subarray(5, 10))).toBe(true);
  const aside = await ask('/download/a/b.jpg');
  expect(cluster.fileservers).toContain(new URL(aside.url).host);
  expect(Buffer.from(await aside.arrayBuffer()).equals(content)).toBe(true);
  const told = await ask('/upload-there/c.jpg', { ...upload, redirect: 'manual' });
  const there = told.headers.get('location') ?? '';
  expect([told.status, cluster.fileservers]).toEqual([
    307,
    expect.arrayContaining([new URL(there).host]),
  ]);
  expect((await fetch(there, { method: 'PUT', body: 'text' })).status).toBe(201);
  expect(await (await ask('/media/c.jpg')).text()).toBe('text');
  await program.stop();
  expect(program.stderr).toBe('');
  await cluster.stop();
});

const PYTHON = (() => {
  const { status } = spawnSync('python3', [
    '-c',
    'import requests, sys; sys.exit(sys.version_info < (3, 10))',
  ]);
  if (status !== 0)
    console.warn('skipped: there is no Python 3.10 with requests, for which the example is');
  return status === 0;
})();

test.runIf(PYTHON)('Python, also where the first frontend is gone', async () => {
  const expected = [
    'grüß dich',
    '(None, None)',
    'True',
    'None',
    'None',
    "{'py/document': b'2', b'py/\\xff &?#%2F': b'\\x00\\xff'}",
    '1 42',
    "[b'py/document', b'py/greeting', b'py/visits', b'py/\\xff &?#%2F']",
    "{b'py/document': b'2'}",
    '[]',
  ];
  const urls = has.cluster.frontends.map((address) => `http://${address}`);
  const run = async () => {
    const program = new Started('python3', [join(FOLDER, 'python/velour.py'), ...urls], {
      PYTHONIOENCODING: 'utf8',
    });
    expect([await program.exit(), program.stderr]).toEqual([0, '']);
    expect(program.stdout.trimEnd().split('\n')).toEqual(expected);
  };
  await run();
  process.kill(pidOf(has.cluster, has.cluster.frontends[0] ?? ''), 'SIGKILL');
  await run();
});
