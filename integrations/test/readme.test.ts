// The examples of README.md are programs that work, and so is the one for Python.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { pidOf } from '../../test/helpers/backups.ts';
import { freePorts, ROOT, Started, until } from '../../test/helpers/cluster.ts';
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
