// Every signal that somebody may send, and every process that may get it: what ends, and how, and what does not.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cluster/http/errors.ts';
import { call, get, set } from '../helpers/client.ts';
import {
  CLI,
  childrenOf,
  freePorts,
  isAlive,
  type LocalCluster,
  Started,
  startCluster,
  until,
  velour,
} from '../helpers/cluster.ts';

/** With a default disposition that ends a process, or starts a debugger in it. */
const HARMLESS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const;
const STOPS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
const EXIT_CODES = { SIGTERM: 143, SIGINT: 130, SIGQUIT: 131 } as const;
const WORKERS = 2;

let cluster: LocalCluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

/** Of `velour local` and all below it, workers included. */
function allProcesses({ process: local }: LocalCluster) {
  const nodes = childrenOf(local.pid);
  const workers = nodes.flatMap(({ pid }) => childrenOf(pid));
  return [{ pid: local.pid, title: 'velour local' }, ...nodes, ...workers];
}

function frontendIn(processes: ReturnType<typeof allProcesses>): number {
  return processes.find(({ title }) => title.includes('frontend'))?.pid ?? 0;
}

/** Until all processes run: no process of Node's can ignore a signal before Node itself has been started. */
async function start(): Promise<LocalCluster> {
  const started = await startCluster({
    frontends: 2,
    storages: 2,
    redundancy: 2,
    words: ['--workers', `${WORKERS}`, '--log-format', 'json'],
  });
  for (const address of started.frontends) {
    await until(async () => {
      const { text } = await call(address, '/metrics');
      return text.includes(`velourfog_workers ${WORKERS}`);
    });
  }
  return started;
}

test.each(HARMLESS)('%s changes nothing, whichever process gets it', async (signal) => {
  cluster = await start();
  const processes = allProcesses(cluster);
  // Local, controller, two storage nodes, two frontends with two workers each.
  expect(processes).toHaveLength(1 + 1 + 2 + 2 + 2 * WORKERS);
  const [frontend = ''] = cluster.frontends;
  expect((await set(frontend, 'key', signal)).status).toBe(200);
  for (const { pid } of processes) process.kill(pid, signal);
  for (const address of [cluster.controller, ...cluster.storages, ...cluster.frontends]) {
    expect((await call(address, '/livez')).status).toBe(200);
  }
  expect((await get(frontend, 'key')).text).toBe(signal);
  expect(processes.filter(({ pid }) => !isAlive(pid))).toEqual([]);
  const local = cluster.process;
  expect(await cluster.stop()).toBe(0);
  expect(local.stderr).not.toContain('Debugger');
  expect(local.stderr).not.toContain('a worker ended');
});

describe('stops in order', () => {
  test.each(STOPS)('velour local and all that it started, by %s', async (signal) => {
    cluster = await start();
    const processes = allProcesses(cluster);
    expect(await cluster.process.stop(signal)).toBe(0);
    expect(processes.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  test('velour local, each role for as long as it may take, and kills only who takes longer', async () => {
    cluster = await startCluster({
      frontends: 1,
      storages: 2,
      redundancy: 2,
      words: ['--drain-timeout', '4', '--log-format', 'json'],
    });
    const processes = allProcesses(cluster);
    process.kill(frontendIn(processes), 'SIGSTOP');
    const local = cluster.process;
    expect(await local.stop()).toBe(EXIT.failure);
    expect(local.stderr.match(/did not stop in time: killed/g)).toHaveLength(1);
    // Two storage nodes and the controller.
    expect(local.stderr.match(/"msg":"stopping",.*whole cluster/g)).toHaveLength(3);
    expect(processes.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  test('velour local, for which two signals at once are one', async () => {
    cluster = await startCluster({ frontends: 1, words: ['--log-format', 'json'] });
    const local = cluster.process;
    local.child.kill('SIGSTOP');
    local.child.kill('SIGINT');
    local.child.kill('SIGTERM');
    expect(await local.stop('SIGCONT')).toBe(0);
  });

  test.each(STOPS)('velour local, and a second %s ends all at once', async (signal) => {
    cluster = await startCluster({
      frontends: 1,
      words: ['--drain-timeout', '600', '--log-format', 'json'],
    });
    const processes = allProcesses(cluster);
    process.kill(frontendIn(processes), 'SIGSTOP');
    const local = cluster.process;
    local.child.kill('SIGTERM');
    await local.printed('stderr', 'stopping the cluster');
    await local.printed('stderr', 'waiting for requests in progress: each role for up to 600 s');
    // Not at once: npm passes on what a terminal has told all.
    const again = setInterval(() => local.child.kill(signal), 100);
    expect(await local.stop(signal).finally(() => clearInterval(again))).toBe(EXIT_CODES[signal]);
    expect(processes.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  test.each(STOPS)('each role by itself, by %s', async (signal) => {
    const [controllerPort, storagePort, onePort, manyPort] = await freePorts(4);
    const at = (port: number | undefined) => `127.0.0.1:${port}`;
    const controller = at(controllerPort);
    const roles = [
      ['controller', `${controllerPort}`, '1', '1', '--host', '127.0.0.1'],
      ['storage', controller, at(storagePort)],
      ['frontend', controller, at(onePort)],
      ['frontend', controller, at(manyPort), '--workers', `${WORKERS}`],
    ].map((words) => velour([...words, '--log-format', 'json']));
    for (const port of [onePort, manyPort]) {
      await until(async () => {
        const ready = await call(at(port), '/readyz').catch(() => undefined);
        return ready?.status === 200;
      });
    }
    for (const role of roles.reverse()) {
      expect(await role.stop(signal)).toBe(0);
      expect(role.stderr).toContain(`"msg":"stopping"`);
      expect(role.stderr).toContain(`"signal":"${signal}"`);
    }
  });

  test('a frontend whose workers are still starting', async () => {
    const [port] = await freePorts(1);
    const frontend = velour([
      ...['frontend', '127.0.0.1:1', `127.0.0.1:${port}`, '--log-format', 'json'],
      ...['--workers', '4', '--drain-timeout', '600'],
    ]);
    await frontend.printed('stderr', '"msg":"listening"');
    expect(await frontend.stop('SIGTERM')).toBe(0);
  });

  test('SIGQUIT to a worker is its primary to answer', async () => {
    cluster = await start();
    const worker = allProcesses(cluster).find(({ title }) => title.includes('worker'));
    for (const signal of STOPS) process.kill(worker?.pid ?? 0, signal);
    for (const address of cluster.frontends) {
      expect((await call(address, '/livez')).status).toBe(200);
    }
    expect(isAlive(worker?.pid ?? 0)).toBe(true);
    expect(await cluster.stop()).toBe(0);
  });

  test('a second SIGQUIT ends at once, with 131', async () => {
    const [controllerPort, storagePort, otherPort] = await freePorts(3);
    const controller = `127.0.0.1:${controllerPort}`;
    const host = ['--host', '127.0.0.1'];
    const all = [
      velour(['controller', `${controllerPort}`, '2', '1', ...host]),
      velour(['storage', controller, `127.0.0.1:${otherPort}`]),
    ];
    // Its partitions have nowhere to go once the other one is stopped, so its stop takes as long as it may.
    const storage = velour([
      'storage',
      controller,
      `127.0.0.1:${storagePort}`,
      '--drain-timeout=600',
    ]);
    await until(async () => {
      const ready = await call(`127.0.0.1:${storagePort}`, '/readyz').catch(() => undefined);
      return ready?.status === 200;
    });
    all[1]?.child.kill('SIGSTOP');
    storage.child.kill('SIGQUIT');
    await storage.printed('stderr', 'stopping');
    storage.child.kill('SIGQUIT');
    expect(await storage.exit()).toBe(131);
    for (const other of all) await other.stop('SIGKILL');
  });
});

const HAS_SCRIPT = spawnSync('script', ['--version']).status === 0;

// util-linux's `script` gives it a terminal of its own.
test.skipIf(!HAS_SCRIPT)('SIGHUP of a terminal that is closed stops in order', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
  const [port] = await freePorts(1);
  const log = join(directory, 'log');
  const command = `exec ${process.execPath} ${CLI} controller ${port} 1 1 --host 127.0.0.1 2>${log}`;
  const terminal = new Started('script', ['-qc', command, '/dev/null']);
  const address = `127.0.0.1:${port}`;
  await until(async () => {
    const alive = await call(address, '/livez').catch(() => undefined);
    return alive?.status === 200;
  });
  await terminal.stop('SIGKILL');
  await until(() => readFileSync(log, 'utf8').includes('"signal":"SIGHUP"'));
  await until(async () => (await call(address, '/livez').catch(() => undefined)) === undefined);
  rmSync(directory, { recursive: true });
});
