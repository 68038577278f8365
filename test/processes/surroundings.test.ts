// Where people run the command: an old Node.js, a symbolic link, NODE_ENV=production.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLI, ROOT, Started } from '../helpers/cluster.ts';

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
