// What a start says: no warnings where all is well, figures of the cluster that there is, and of one that does not come
// up who keeps it and what to do.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePorts, type Started, startCluster, until, velour } from '../helpers/cluster.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Of a role that cannot start: one line of JSON, as its log would be. */
test.each([
  ['controller', '1', '1', '2'],
  ['controller', '1', '1', '1', '--digits', 'abc'],
  ['controller', '1', '1', '1', '--config', '/nowhere.json'],
  ['storage', '127.0.0.1:1', '192.0.2.1:12500'],
  ['storagenode', '127.0.0.1:1'],
  ['frontend', '127.0.0.1:1', '192.0.2.1:12080'],
  ['local', '--num-storage', '1'],
])('velour %s %s %s says in JSON why it does not start', async (...words) => {
  for (const [flags, variables] of [
    [[], {}],
    [['--log-format', 'json'], {}],
    [[], { VELOUR_LOG_FORMAT: 'json' }],
  ] as const) {
    const started = velour([...words, ...flags], variables);
    expect(await started.exit()).toBeGreaterThan(1);
    const line: unknown = JSON.parse(started.stderr);
    expect(line).toMatchObject({ level: 'error', msg: expect.stringMatching(/\w/) });
  }
  const readable = velour([...words, '--log-format=pretty']);
  await readable.exit();
  expect(readable.stderr).toMatch(/^velour: /);
});

test('a cluster that comes up within three seconds warns of nothing; later of what it waited for', async () => {
  const cluster = await startCluster({ words: ['--log-format', 'json'] });
  const lines = cluster.process.stderr.trimEnd().split('\n');
  const warnings = lines.map((line) => JSON.parse(line)).filter(({ level }) => level !== 'info');
  await cluster.stop();
  const [first, last] = [lines[0], lines.at(-1)].map((line) =>
    Date.parse(JSON.parse(line ?? '').ts),
  );
  // On a machine that was slower the warnings are right.
  if ((last ?? 0) - (first ?? 0) < 3000) expect(warnings).toEqual([]);
});

test('the greeting tells the redundancy that the cluster was founded with', async () => {
  const env = { DATA_DIR: join(directory, 'founded') };
  const settings = { frontends: 1, storages: 2, env };
  const founded = await startCluster({ ...settings, redundancy: 1 });
  expect(founded.process.stdout).toContain('each key on 1');
  // It is not where the command line looks by itself.
  const [, line = ''] = /^ {2}export (.*)$/m.exec(founded.process.stdout) ?? [];
  const asked = velour(
    ['status'],
    Object.fromEntries(line.split(' ').map((word) => word.split('='))),
  );
  expect([await asked.exit(), asked.stderr]).toEqual([0, '']);
  expect(await founded.stop()).toBe(0);
  const again = await startCluster({ ...settings, redundancy: 2 });
  await again.stop();
  expect(again.process.stdout).toContain('each key on 1');
});

test('a storage node of an earlier cluster that keeps the next one is named, with what to do', async () => {
  const [controller, first, , stranger, frontend, blobs, broker] = await freePorts(7);
  const variables = {
    NUM_STORAGE: '2',
    REDUNDANCY: '1',
    NUM_FRONTEND: '1',
    NUM_FILESERVER: '0',
    CONTROLLER_PORT: `${controller}`,
    STORAGE_PORT: `${first}`,
    FRONTEND_PORT: `${frontend}`,
    BLOBS_PORT: `${blobs}`,
    BROKER_PORT: `${broker}`,
  };
  const start = (): Started => {
    const local = velour(['local', '--log-format', 'json'], variables);
    onTestFinished(() => local.stop().then(() => undefined));
    return local;
  };
  const earlier = start();
  await earlier.printed('stdout', 'Ctrl-C');
  const outliving = velour(['storage', `127.0.0.1:${controller}`, `127.0.0.1:${stranger}`]);
  onTestFinished(() => outliving.stop('SIGKILL').then(() => undefined));
  await outliving.printed('stderr', 'partition copied');
  await earlier.stop();
  let next = start();
  const isEither = () => next.stderr.includes('not ready yet') || next.stdout.includes('Ctrl-C');
  await until(isEither);
  // Where the nodes of the next cluster come before the one that outlived the earlier, the controller founds it.
  for (let tries = 0; tries < 20 && !next.stderr.includes('not ready yet'); tries++) {
    await next.stop();
    next = start();
    await until(isEither);
  }
  const line = next.stderr.split('\n').find((text) => text.includes('not ready yet')) ?? '';
  expect(line).toContain(`127.0.0.1:${stranger} was not started by this command`);
  expect(line).toMatch(/stop it and start again.*velour accept-loss/);
  expect(line).not.toContain('time-scale');
});
