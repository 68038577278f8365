// By which addresses each role is reached, and how it writes them: every listener, by curl, over IPv4 and IPv6.

import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/cluster/model/identity.ts';
import { CLI, freePorts, Started, startCluster, until, velour } from '../helpers/cluster.ts';
import { whyNoNamespaces } from '../helpers/namespaces.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function start(...words: readonly string[]): Started {
  const started = velour([...words, '--log-format', 'json']);
  cleanUps.push(() => started.stop('SIGKILL'));
  return started;
}

function curl(...words: readonly string[]): Promise<{ code: number; text: string }> {
  return new Promise((resolve) =>
    execFile('curl', ['-sS', '-g', ...words], (error, stdout) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout }),
    ),
  );
}

const answersAt = async (host: string, port: number) =>
  (await curl(`http://${host}:${port}/livez`)).code === 0;

/** The command line of each listener, without --host. */
const ROLES = {
  controller: (port: number, _other: number) => ['controller', `${port}`, '1', '1'],
  storage: (port: number, other: number) => ['storage', `127.0.0.1:${other}`, `127.0.0.1:${port}`],
  frontend: (port: number, other: number) => [
    'frontend',
    `127.0.0.1:${other}`,
    `127.0.0.1:${port}`,
  ],
  workers: (port: number, other: number) => [
    ...['frontend', `127.0.0.1:${other}`, `127.0.0.1:${port}`],
    ...['--workers', '2'],
  ],
} as const;
const NAMES = ['controller', 'storage', 'frontend', 'workers'] as const;

/** How `--host` is given, and whether IPv4 and IPv6 get there. */
const HOSTS = [
  ['localhost', true, true],
  ['::', true, true],
  ['0.0.0.0', true, false],
  ['127.0.0.1', true, false],
  ['::1', false, true],
  ['[::1]', false, true],
] as const;

describe.each(NAMES)('a %s', (name) => {
  test.each(HOSTS)('with --host %s: by IPv4 %j, by IPv6 %j', async (host, v4, v6) => {
    const [port = 0, other = 0] = await freePorts(2);
    const started = start(...ROLES[name](port, other), '--host', host);
    await started.printed('stderr', '"msg":"listening"');
    await until(async () => (await answersAt(v4 ? '127.0.0.1' : '[::1]', port)) || started.ended);
    expect([await answersAt('127.0.0.1', port), await answersAt('[::1]', port)]).toEqual([v4, v6]);
    const lines = started.stderr.trimEnd().split('\n');
    for (const line of lines.filter((each) => each.includes('"listening"'))) {
      const { address, alsoAt, node } = JSON.parse(line);
      expect(alsoAt !== undefined).toBe(v4 && v6);
      for (const each of [address, ...(alsoAt?.split(', ') ?? []), node]) {
        expect(parseAddress(each), each).toMatchObject({ port });
      }
    }
  });

  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
  ])('does not start where only %s has its port, and names it', async (taken, shown) => {
    const [port = 0, other = 0] = await freePorts(2);
    const holder = createServer().listen(port, taken);
    cleanUps.push(() => holder.close());
    const started = start(...ROLES[name](port, other), '--host', 'localhost');
    expect(await started.exit()).toBe(69);
    expect(JSON.parse(started.stderr.trimEnd()).msg).toBe(
      `port ${port} on ${shown} is in use; stop who has it, or choose another port`,
    );
  });
});

test('a controller without --host, and nodes of which the own address is localhost', async () => {
  const [controller = 0, storage = 0, frontend = 0] = await freePorts(3);
  start('controller', `${controller}`, '1', '1');
  start('storage', `localhost:${controller}`, `localhost:${storage}`);
  start('frontend', `[::1]:${controller}`, `localhost:${frontend}`);
  for (const port of [controller, storage, frontend]) {
    for (const host of ['127.0.0.1', '[::1]']) await until(() => answersAt(host, port));
  }
  await until(async () => (await curl(`http://[::1]:${frontend}/readyz?complete`)).text === 'ok\n');
});

test('a cluster of IPv6 alone: what it prints can be typed', async () => {
  const [controller = 0, storage = 0, frontend = 0, blobs = 0, broker = 0] = await freePorts(5);
  const local = velour(['local', '--host', '::1', '--log-format', 'json'], {
    NUM_STORAGE: '1',
    REDUNDANCY: '1',
    NUM_FRONTEND: '1',
    NUM_FILESERVER: '0',
    CONTROLLER_PORT: `${controller}`,
    STORAGE_PORT: `${storage}`,
    FRONTEND_PORT: `${frontend}`,
    BLOBS_PORT: `${blobs}`,
    BROKER_PORT: `${broker}`,
  });
  cleanUps.push(() => local.stop());
  await local.printed('stdout', 'Ctrl-C stops everything.');
  const lines = local.stdout.split('\n').filter((line) => line.startsWith('  curl '));
  expect(lines).toHaveLength(4);
  for (const line of lines) {
    const typed = new Started('sh', ['-c', `${line.trim()} -sS --fail`]);
    expect(await typed.exit(), typed.stderr).toBe(0);
  }
  const status = JSON.parse((await curl(`http://[::1]:${controller}/status`)).text);
  expect(Object.keys(status.storage)).toEqual([`[::1]:${storage}`]);
  for (const given of [`[::1]:${controller}`, `http://[::1]:${controller}/`]) {
    const plan = velour(['plan', 'add', '1', '--controller', given]);
    expect(await plan.exit(), plan.stderr).toBe(0);
  }
  const gone = velour(['plan', 'add', '1', '--controller', `http://[::1]:${storage + 3000}`]);
  expect(await gone.exit()).toBe(69);
  expect(gone.stderr).toContain(`controller [::1]:${storage + 3000}: `);
  const bare = velour(['plan', 'add', '1', '--controller', `::1:${controller}`]);
  expect(await bare.exit()).toBe(2);
  expect(bare.stderr).toContain('IPv6 in brackets, such as [::1]:12000');
});

test('velour local is reached by both families', async () => {
  const cluster = await startCluster({ frontends: 1, storages: 1, redundancy: 1 });
  cleanUps.push(() => cluster.stop());
  for (const address of [cluster.controller, ...cluster.storages, ...cluster.frontends]) {
    const port = Number(address.split(':')[1]);
    for (const host of ['127.0.0.1', '[::1]']) expect(await answersAt(host, port)).toBe(true);
  }
});

const reason = whyNoNamespaces();
test.skipIf(reason !== undefined).each(['localhost', '::', ''])(
  'without IPv6 a controller with --host "%s" listens on IPv4, and warns of nothing',
  async (host) => {
    const command = `ip link set lo up; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; exec "$@"`;
    const words = ['controller', '12000', '1', '1', '--log-format', 'json'];
    const started = new Started('unshare', [
      ...['-n', 'sh', '-c', command, 'sh', process.execPath, CLI, ...words],
      ...(host === '' ? [] : ['--host', host]),
    ]);
    cleanUps.push(() => started.stop('SIGKILL'));
    await started.printed('stderr', '"msg":"listening"');
    expect(started.stderr).not.toContain('"level":"warn"');
    expect(started.stderr).toContain(host === 'localhost' ? '127.0.0.1:12000' : '0.0.0.0:12000');
  },
);
