// stdout and stderr that fail under every process: a full disk, a reader that goes, a limit that is met. No service
// ends of it, and no command says anything but what it has to say.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { call, get, set } from '../helpers/client.ts';
import { CLI, childrenOf, freePorts, isAlive, until } from '../helpers/cluster.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const started = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of started) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  started.clear();
});

type Sink = 'full' | 'gone' | 'read-only' | 'closed' | 'ignored';

/** Starts `velour` with a stdout and a stderr that cannot be written to. */
function velourInto(words: readonly string[], stdout: Sink, stderr: Sink, env = {}): ChildProcess {
  const opened: number[] = [];
  const open = (path: string, flags: string) => {
    const file = openSync(path, flags);
    opened.push(file);
    return file;
  };
  const sinkOf = (sink: Sink) =>
    ({
      full: () => open('/dev/full', 'w'),
      'read-only': () => open('/dev/null', 'r'),
      gone: () => 'pipe' as const,
      closed: () => 'ignore' as const,
      ignored: () => 'ignore' as const,
    })[sink]();
  // Only a shell can leave a descriptor closed.
  const shell = `exec "$0" "$@"${stdout === 'closed' ? ' >&-' : ''}${stderr === 'closed' ? ' 2>&-' : ''}`;
  const child = spawn('/bin/sh', ['-c', shell, process.execPath, CLI, ...words], {
    stdio: ['ignore', sinkOf(stdout), sinkOf(stderr)],
    env: { ...process.env, ...env },
  });
  child.stdout?.destroy();
  child.stderr?.destroy();
  for (const file of opened) closeSync(file);
  started.add(child);
  return child;
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

const incarnationIds = (child: ChildProcess) =>
  child.exitCode === null && child.signalCode === null;

async function isReady(address: string): Promise<boolean> {
  return (await call(address, '/readyz').catch(() => undefined))?.status === 200;
}

async function dropped(address: string): Promise<number> {
  const { text } = await call(address, '/metrics');
  return Number(/^velourfog_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
}

describe('every role serves on, and counts what its log lost', () => {
  const SINKS: readonly Sink[] = ['full', 'gone', 'read-only', 'closed'];

  test.each(SINKS)('stdout and stderr: %s', async (sink) => {
    const [controllerPort, storagePort, onePort, manyPort] = await freePorts(4);
    const at = (port: number | undefined) => `127.0.0.1:${port}`;
    const controller = at(controllerPort);
    const roles: readonly (readonly [string, readonly string[]])[] = [
      [controller, ['controller', `${controllerPort}`, '1', '1', '--host', '127.0.0.1']],
      [at(storagePort), ['storage', controller, at(storagePort)]],
      [at(onePort), ['frontend', controller, at(onePort)]],
      [at(manyPort), ['frontend', controller, at(manyPort), '--workers', '2']],
    ];
    const children = roles.map(([, words]) => velourInto(words, sink, sink));
    for (const [address] of roles) await until(() => isReady(address));
    expect((await set(at(onePort), 'key', 'value')).status).toBe(200);
    expect((await get(at(manyPort), 'key')).text).toBe('value');
    // A descriptor that nobody opened Node opens on /dev/null, which takes everything.
    if (sink !== 'closed') {
      for (const [address] of roles) expect(await dropped(address)).toBeGreaterThan(0);
    }
    expect(children.every(incarnationIds)).toBe(true);
    for (const child of [...children].reverse()) {
      child.kill('SIGTERM');
      expect(await exitOf(child)).toBe(0);
    }
  });

  test.each(['full', 'gone'] as const)(
    'velour local and all its nodes, when one of them dies: %s',
    async (sink) => {
      const free = await freePorts(10);
      const ports = free.slice(0, 6);
      const [controllerPort, storagePort, , , frontendPort, secondPort, blobsPort, , brokerPort] =
        free;
      const local = velourInto(['local', '--redundancy', '2'], sink, sink, {
        NUM_STORAGE: '3',
        NUM_FRONTEND: '2',
        NUM_FILESERVER: '0',
        CONTROLLER_PORT: `${controllerPort}`,
        STORAGE_PORT: `${storagePort}`,
        FRONTEND_PORT: `${frontendPort}`,
        BLOBS_PORT: `${blobsPort}`,
        BROKER_PORT: `${brokerPort}`,
      });
      const frontends = [`127.0.0.1:${frontendPort}`, `127.0.0.1:${secondPort}`];
      for (const address of frontends) await until(() => isReady(address));
      expect((await set(frontends[0] ?? '', 'key', 'value')).status).toBe(200);
      const nodes = childrenOf(local.pid ?? 0);
      expect(nodes).toHaveLength(6);
      for (const port of ports) {
        await until(async () => {
          const answer = await call(`127.0.0.1:${port}`, '/readyz?complete').catch(() => undefined);
          return answer?.status === 200;
        });
      }
      // The parent says that all of them are ready where nobody hears it; one that dies before ends the start.
      await new Promise((resolve) => setTimeout(resolve, 5000));
      const victim = nodes.find(({ title }) => title.startsWith('velour storage'));
      process.kill(victim?.pid ?? 0, 'SIGKILL');
      // Its parent tells the controller, and everybody has something to say of it.
      await until(async () => (await set(frontends[0] ?? '', 'key', 'after')).status === 200);
      await until(async () => (await call(frontends[1] ?? '', '/readyz')).status === 200);
      expect((await get(frontends[1] ?? '', 'key')).text).toBe('after');
      const others = nodes.filter(({ pid }) => pid !== victim?.pid);
      expect(others.every(({ pid }) => isAlive(pid))).toBe(true);
      local.kill('SIGTERM');
      expect(await exitOf(local)).toBe(0);
    },
  );
});

test('a log goes on when it can, on a line of its own, and says how many lines are missing', async () => {
  const [port = 0] = await freePorts(1);
  const log = join(directory, 'limited.log');
  // The limit of 1 KiB tears the line that reaches it, as a full disk does; then there is room again.
  const words = `controller ${port} 9 1 --host 127.0.0.1 --log-level debug --log-format json`;
  const child = spawn(
    '/bin/sh',
    ['-c', `ulimit -f 1; exec "$0" "$@" 2>>${log}`].concat(
      [process.execPath, CLI],
      words.split(' '),
    ),
    { stdio: 'ignore' },
  );
  started.add(child);
  const address = `127.0.0.1:${port}`;
  await until(async () => (await call(address, '/livez').catch(() => undefined))?.status === 200);
  const register = (name: string) => {
    const message = { node: name, address: `127.0.0.1:1`, timeScale: 7 };
    return call(address, '/c/register', { method: 'POST', body: JSON.stringify(message) });
  };
  await until(async () => {
    await register('x'.repeat(200));
    return (await dropped(address)) > 0;
  });
  truncateSync(log, 0);
  child.kill('SIGTERM');
  expect(await exitOf(child)).toBe(0);
  const lines = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
    'lines of this log were dropped',
    'stopping',
  ]);
});

describe('a command whose reader goes ends as it would have, and quietly', () => {
  /** Its stdout is read up to the first piece, and closed then; its stderr is read to the end. */
  const headOf = async (words: readonly string[]) => {
    const child = spawn(process.execPath, [CLI, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    started.add(child);
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    await once(child, 'close');
    return { code: child.exitCode, stderr };
  };

  test.each([
    'simulate --seeds 2147483647 --json',
    'simulate --seeds 2147483647 --trace',
    '--help',
    'storage --help',
    '--version',
    'completion',
  ])('velour %s', async (words) => {
    expect(await headOf(words.split(' '))).toEqual({ code: 0, stderr: '' });
  });

  const CODES: readonly (readonly [string, Sink, Sink, number])[] = [
    ['simulate --seed 5', 'gone', 'ignored', 0],
    ['simulate --seed 5', 'closed', 'closed', 0],
    ['simulate --seed 5', 'full', 'ignored', 70],
    ['simulate --seeds 0', 'ignored', 'full', 2],
    ['simulate --seeds 0', 'ignored', 'gone', 2],
    ['contoller', 'gone', 'gone', 2],
    ['plan add --controller 127.0.0.1:1', 'full', 'full', 69],
    ['backup 127.0.0.1:1 /nowhere', 'gone', 'full', 69],
    ['load 127.0.0.1:1 --duration 1', 'gone', 'gone', 69],
  ];
  test.each(CODES)('velour %s, stdout %s, stderr %s: exits %i', async (words, out, err, code) => {
    expect(await exitOf(velourInto(words.split(' '), out, err))).toBe(code);
  });
});
