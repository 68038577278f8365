// Where people run the command: an old Node.js, a symbolic link, NODE_ENV=production. And where tests run it: nothing
// that somebody has exported reaches it, and it ends with its test.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLI, isAlive, ROOT, Started, until } from '../helpers/cluster.ts';

const SCRIPT = join(ROOT, 'scripts/runlocal.sh');

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

test.each(['18.20.8', '20.18.3', '16.0.0'])(
  'Node.js %s is refused in one line',
  async (version) => {
    const preload = join(directory, `${version}.cjs`);
    const versions = `{ ...process.versions, node: '${version}' }`;
    writeFileSync(preload, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
    const started = new Started(process.execPath, ['-r', preload, CLI, '--help']);
    expect(await started.exit()).toBe(78);
    expect(started.stderr).toBe(
      `velour: this is Node.js ${version}, and velour needs 20.19 or newer; see https://nodejs.org\n`,
    );
  },
);

test('the file that checks it loads nothing before', () => {
  expect(readFileSync(CLI, 'utf8')).not.toMatch(
    /^\s*(?:import\s+[\w{*'"]|export\s+(?!\{\};))|await/m,
  );
});

test('runlocal.sh works by symbolic links, also relative ones to others', async () => {
  mkdirSync(join(directory, 'bin'));
  symlinkSync(SCRIPT, join(directory, 'absolute'));
  symlinkSync('../absolute', join(directory, 'bin/relative'));
  const started = new Started(join(directory, 'bin/relative'), ['--help']);
  expect(await started.exit()).toBe(0);
  expect(started.stdout).toContain('velour local');
});

test('runlocal.sh installs the compiler, whatever NODE_ENV says, and when it is missing', async () => {
  const bin = join(directory, 'production/bin');
  const root = join(directory, 'production');
  for (const folder of ['bin', 'scripts', 'node_modules'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'scripts/runlocal.sh'), readFileSync(SCRIPT), { mode: 0o755 });
  writeFileSync(join(root, 'package-lock.json'), '{}');
  // As an installation without development dependencies left it.
  writeFileSync(join(root, 'node_modules/.package-lock.json'), '{}');
  for (const command of ['npm', 'node']) {
    writeFileSync(join(bin, command), `#!/bin/sh\necho ${command} "$@"\n`, { mode: 0o755 });
  }
  const started = new Started(join(root, 'scripts/runlocal.sh'), [], {
    NODE_ENV: 'production',
    PATH: `${bin}:${process.env.PATH}`,
  });
  expect(await started.exit()).toBe(0);
  expect(started.stderr).toMatch(/^npm .*ci .*--include=dev/m);
  expect(started.stdout).toMatch(/^node .*dist\/cli\.js local/m);
});

describe('the processes of a test', () => {
  const surroundings = join(ROOT, 'test/helpers/surroundings.mjs');

  test('have nothing of the environment of whoever runs the tests', async () => {
    const script = `
      import { surroundings } from '${surroundings}';
      console.log(JSON.stringify(surroundings()));`;
    const started = new Started(process.execPath, ['--input-type=module', '-e', script], {
      ...{ VELOUR_DIGITS: '9', CONTROLLER_PORT: '13000', NODE_OPTIONS: '--no-warnings' },
    });
    expect(await started.exit()).toBe(0);
    const { PATH, HOME, TMPDIR, TERM, ...others } = JSON.parse(started.stdout);
    expect(PATH).toBe(process.env.PATH);
    expect(Object.keys(others)).toEqual(['STARTED_BY_TESTS_OF']);
  });

  test('end with the process that started them, even when that is killed, and whoever is their parent', async () => {
    const script = `
      import { spawn } from 'node:child_process';
      import { surroundings } from '${surroundings}';
      const env = surroundings();
      const line = 'setsid sleep 100000 & echo $!; sleep 100000 & echo $!';
      spawn('sh', ['-c', line], { env, stdio: ['ignore', 'inherit', 'ignore'], detached: true });
      setInterval(() => undefined, 100_000);`;
    const started = new Started(process.execPath, ['--input-type=module', '-e', script]);
    await until(() => started.stdout.split('\n').length === 3);
    const pids = started.stdout.trim().split('\n').map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);
    started.child.kill('SIGKILL');
    await until(() => !pids.some(isAlive));
  });

  test('end with a test that runs out of time, and with a worker that is killed, and have its clean environment', async () => {
    const config = join(directory, 'vitest.config.mjs');
    const settings = {
      root: ROOT,
      include: ['test/helpers/left-running.ts'],
      setupFiles: ['test/setup.mjs'],
      testTimeout: 600_000,
    };
    writeFileSync(config, `export default { test: ${JSON.stringify(settings)} };`);
    const words = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--config', config];
    const started = new Started(process.execPath, [...words, '--cache=false'], {
      TMPDIR: directory,
      CONTROLLER_PORT: '13000',
    });
    expect(await started.exit()).toBe(1);
    for (const name of ['late', 'killed']) {
      const pid = Number(readFileSync(join(directory, name), 'utf8'));
      expect(pid).toBeGreaterThan(0);
      await until(() => !isAlive(pid));
    }
  });
});
