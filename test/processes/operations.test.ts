// What an operator does to a running cluster: stops and restarts nodes, drains, removes and forgets them,
// gives up what is lost, brings a controller back. Real processes; a few writers and readers go on all
// the while, and none of their requests may fail.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { call, get, set } from '../helpers/client.ts';
import {
  childrenOf,
  freePorts,
  isAlive,
  type LocalCluster,
  type Started,
  startCluster,
  until,
  velour,
} from '../helpers/cluster.ts';

/** The resume window is 30 s then, enough for a restart on a slow machine. */
const SLOW = ['--time-scale', '10'];

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(path, { recursive: true }));
  return path;
}

function process_(words: readonly string[]): Started {
  const started = velour(words);
  cleanUps.push(() => started.stop('SIGKILL'));
  return started;
}

async function cluster(...settings: Parameters<typeof startCluster>): Promise<LocalCluster> {
  const started = await startCluster(...settings);
  cleanUps.push(() => started.stop());
  return started;
}

interface NodeStatus {
  readonly incarnation: number;
  readonly fenced: boolean;
  readonly draining: boolean;
  readonly partitions: {
    readonly serving: number;
    readonly joining: number;
    readonly leaving: number;
  };
}

interface ClusterStatus {
  readonly cluster: string;
  readonly fileServers: Readonly<Record<string, object>>;
  readonly offlinePartitions: number;
  readonly partitions: number;
  readonly storage: Readonly<Record<string, NodeStatus>>;
}

async function status(controller: string): Promise<ClusterStatus> {
  return JSON.parse((await call(controller, '/status')).text);
}

async function nodeStatus(controller: string, node: string): Promise<NodeStatus | undefined> {
  return (await status(controller)).storage[node];
}

function pidOf({ process: local }: LocalCluster, address: string): number {
  const child = childrenOf(local.pid).find(({ title }) => title.endsWith(address));
  if (child === undefined) throw new Error(`no process of ${address}`);
  return child.pid;
}

/** Sets and gets through all frontends until it is stopped; tells what failed, and reads all back. */
function load(frontends: readonly string[]) {
  const failures: string[] = [];
  const last = new Map<string, string>();
  let stopped = false;
  const client = async (index: number) => {
    const frontend = frontends[index % frontends.length] ?? '';
    for (let round = 0; !stopped; round++) {
      const key = `key ${index} ${round % 10}`;
      const value = `value ${round}`;
      const stored = await set(frontend, key, value);
      if (stored.status === 200) last.set(key, value);
      else failures.push(`set ${stored.status} ${stored.text}`);
      const read = await get(frontend, key);
      if (read.text !== value) failures.push(`get ${read.status} ${read.text}, not ${value}`);
    }
  };
  const clients = Array.from({ length: 8 }, (_, index) =>
    client(index).catch((error: unknown) => failures.push(String(error))),
  );
  const stop = () => {
    stopped = true;
    return Promise.all(clients);
  };
  cleanUps.push(stop);
  return async () => {
    await stop();
    for (const [key, value] of last) {
      const read = await get(frontends[0] ?? '', key);
      if (read.text !== value) failures.push(`lost: ${key} is ${read.status} ${read.text}`);
    }
    return { failures, keys: last.size };
  };
}

async function whole(controller: string, node: string): Promise<boolean> {
  const now = await status(controller);
  const all = Object.values(now.storage);
  const idle = all.every(({ partitions }) => partitions.joining + partitions.leaving === 0);
  return idle && now.storage[node]?.fenced === false;
}

describe('SIGTERM of a storage node', () => {
  test('with a data directory: one after the other is restarted in place, and nobody notices (D4)', async () => {
    const dataDirectory = directory();
    const [controllerPort = 0, frontendPort = 0, ...ports] = await freePorts(6);
    const controller = `127.0.0.1:${controllerPort}`;
    const frontend = `127.0.0.1:${frontendPort}`;
    process_(['controller', String(controllerPort), '4', '3', '--host', '127.0.0.1', ...SLOW]);
    const start = (port: number) =>
      process_([
        'storage',
        controller,
        `127.0.0.1:${port}`,
        '--data-dir',
        join(dataDirectory, `${port}`),
        ...SLOW,
      ]);
    const nodes = ports.map(start);
    process_(['frontend', controller, frontend, ...SLOW]);
    await until(
      async () => (await call(frontend, '/readyz').catch(() => undefined))?.status === 200,
    );
    const before = await status(controller);
    const stopLoad = load([frontend]);
    for (const [index, port] of ports.entries()) {
      const address = `127.0.0.1:${port}`;
      const old = (await nodeStatus(controller, address))?.incarnation;
      expect(await nodes[index]?.stop()).toBe(0);
      start(port);
      await until(async () => {
        const now = await nodeStatus(controller, address);
        return now?.incarnation !== old && (await whole(controller, address));
      });
    }
    const { failures, keys } = await stopLoad();
    expect(failures).toEqual([]);
    expect(keys).toBeGreaterThan(10);
    // H7: nothing was copied, everybody has what it had.
    const after = await status(controller);
    const held = ({ storage }: ClusterStatus) =>
      Object.entries(storage).map(([node, { partitions }]) => [node, partitions.serving]);
    expect(Object.fromEntries(held(after))).toEqual(Object.fromEntries(held(before)));
    for (const node of nodes) expect(node.stderr).not.toContain('partition copied');
  });

  test('without: it hands its partitions over before it ends, and the cluster goes on without it', async () => {
    // Two seconds do; ten, the default, do not on every machine.
    const patient = { VELOUR_DRAIN_TIMEOUT: '200' };
    const local = await cluster({ storages: 4, redundancy: 2, env: patient });
    const [leaving = ''] = local.storages;
    const pid = pidOf(local, leaving);
    const stopLoad = load(local.frontends);
    process.kill(pid, 'SIGTERM');
    await until(() => !isAlive(pid));
    const after = await nodeStatus(local.controller, leaving);
    expect(after?.partitions).toEqual({ serving: 0, joining: 0, leaving: 0 });
    expect(local.process.ended).toBe(false);
    expect((await stopLoad()).failures).toEqual([]);
    const { partitions, storage } = await status(local.controller);
    const others = Object.entries(storage).filter(([node]) => node !== leaving);
    const counts = others.map(([, node]) => node.partitions.serving);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2 * partitions);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });
});

test('velour local restarts nothing, logs a death, and vouches for it to the controller (H42)', async () => {
  const local = await cluster({ storages: 4 });
  const [dead = ''] = local.storages;
  const stopLoad = load(local.frontends);
  process.kill(pidOf(local, dead), 'SIGKILL');
  await until(async () => (await nodeStatus(local.controller, dead))?.fenced === true);
  await until(async () => (await nodeStatus(local.controller, dead))?.partitions.serving === 0);
  expect((await stopLoad()).failures).toEqual([]);
  const ended = local.process.stderr.split('\n').find((line) => line.includes('a storage ended'));
  const [, again = ''] = /(velour storage [^"]*)/.exec(ended ?? '') ?? [];
  expect(local.process.stderr).toContain('a storage node is dead, says its parent');
  expect(childrenOf(local.process.pid)).toHaveLength(1 + 3 + 2);
  expect(local.process.ended).toBe(false);
  process_(again.trim().split(' ').slice(1));
  await until(async () => (await nodeStatus(local.controller, dead))?.fenced === false);
});

test('nobody else may vouch for a death: from another address it is refused', async () => {
  const [port = 0] = await freePorts(1);
  process_(['controller', String(port), '1', '1', '--host', '0.0.0.0']);
  const own = await import('node:os').then(({ networkInterfaces }) =>
    Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === 'IPv4' && !each.internal),
  );
  await until(async () =>
    call(`127.0.0.1:${port}`, '/livez').then(
      () => true,
      () => false,
    ),
  );
  const body = JSON.stringify({ node: 'a', incarnation: 1, returning: false });
  const vouch = (host: string) => call(`${host}:${port}`, '/c/death', { method: 'POST', body });
  // Heard, and there is no such life.
  expect((await vouch('127.0.0.1')).status).toBe(409);
  if (own !== undefined) expect((await vouch(own.address)).status).toBe(403);
});

describe('the commands of an operator', () => {
  test('plan, drain, remove and a new node in its place, under load', {
    timeout: 600_000,
  }, async () => {
    // Sets wait for six seconds at most, which a machine with neighbours may need for the steps of a drain.
    const local = await cluster({ storages: 4 });
    const [drained = '', kept = ''] = local.storages;
    const to = ['--controller', local.controller];
    const run = async (...words: string[]) => {
      const started = process_([...words, ...to]);
      return { code: await started.exit(), out: started.stdout, err: started.stderr };
    };
    const plan = JSON.parse((await run('plan', 'drain', drained, '--json')).out);
    expect(plan.partitions).toBe((await nodeStatus(local.controller, drained))?.partitions.serving);
    expect(plan.joins[drained]).toBeUndefined();
    expect((await run('plan', 'add', '1')).out).toContain('partitions would be copied');
    const stopLoad = load(local.frontends);
    expect(await run('remove', drained)).toMatchObject({ code: 1 });
    expect(await run('drain', drained)).toMatchObject({
      code: 0,
      out: `${drained} has handed over all that it held: it may be stopped\n`,
    });
    expect((await nodeStatus(local.controller, drained))?.partitions.serving).toBe(0);
    expect((await run('remove', drained)).err).toContain('is alive: stop it first');
    process.kill(pidOf(local, drained), 'SIGKILL');
    // A witness first hands its office over.
    await until(async () => (await run('remove', drained)).code === 0);
    expect(await nodeStatus(local.controller, drained)).toBeUndefined();
    const [port = 0] = await freePorts(1);
    const added = `127.0.0.1:${port}`;
    process_(['storage', local.controller, added]);
    await until(
      async () => ((await nodeStatus(local.controller, added))?.partitions.serving ?? 0) > 0,
    );
    await until(() => whole(local.controller, added));
    expect((await stopLoad()).failures).toEqual([]);
    const { storage, partitions } = await status(local.controller);
    const counts = Object.values(storage).map((node) => node.partitions.serving);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3 * partitions);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect((await run('forget', kept)).out).toContain('alive, nothing to forget');
    expect(await run('drain', 'nobody')).toMatchObject({ code: 1 });
    expect((await run('drain', 'nobody')).err).toContain('there is no node nobody');
    expect(await run('plan', 'drain')).toMatchObject({ code: 2 });
  });

  test('file servers are in the map until they are removed, and shown as they are', async () => {
    const local = await cluster({ storages: 2, redundancy: 1 });
    const to = ['--controller', local.controller];
    const run = async (...words: string[]) => {
      const started = process_([...words, ...to]);
      return { code: await started.exit(), out: started.stdout, err: started.stderr };
    };
    const ports = await freePorts(2);
    const [gone = '', other = ''] = ports.map((port) => `127.0.0.1:${port}`);
    const join = async (address: string, store: string) => {
      const message = { id: address, address, store, host: 'rack', weight: 1 };
      const options = { method: 'POST' as const, body: JSON.stringify(message) };
      return JSON.parse((await call(local.controller, '/c/join-file-server', options)).text);
    };
    const { cluster: id } = await status(local.controller);
    for (const address of [gone, other]) {
      expect(await join(address, address)).toEqual({ kind: 'joined', cluster: id });
    }
    expect((await join(gone, other)).kind).toBe('refused');
    // Nobody listens there.
    const shown = await run('status', '--json');
    expect(shown.code).toBe(1);
    const { nodes, findings } = JSON.parse(shown.out);
    expect(nodes).toContainEqual(
      expect.objectContaining({ address: gone, role: 'fileserver', host: 'rack', draining: false }),
    );
    expect(JSON.stringify(findings)).toContain(`fileserver ${gone} does not run`);
    expect((await run('cluster')).out).toMatch(new RegExp(`^${gone} +${gone} +rack +1 +in$`, 'm'));
    expect((await run('top', '--interval', '0.1')).out).toMatch(
      new RegExp(`^${gone} +silent: ECONNREFUSED +fileserver `, 'm'),
    );
    expect((await run('plan', 'drain', gone)).out).toContain(
      '1 file server on 1 host would be left',
    );
    expect((await run('remove', gone)).err).toContain('drain it first');
    expect(await run('drain', gone, '--detach')).toMatchObject({
      code: 0,
      out: `${gone} has begun to hand over; velour status says when it may be stopped\n`,
    });
    expect((await run('drain', gone, '--undo')).out).toBe(`${gone} takes new blobs again\n`);
    const draining = process_(['drain', gone, ...to]);
    await until(() => draining.stderr.includes(`${gone} does not say what is left on it`));
    expect(await run('remove', gone)).toMatchObject({ code: 0 });
    // Who waited for it waits no longer.
    expect(await draining.exit()).toBe(0);
    expect((await run('cluster')).out).not.toContain(gone);
    expect((await status(local.controller)).fileServers).toEqual({
      [other]: { address: other, store: other, host: 'rack', weight: 1, state: 'in' },
    });
  });

  test('the last copy lost: offline, never empty, until accept-loss (503 partition-offline)', async () => {
    const local = await cluster({ storages: 2, redundancy: 1 });
    const [frontend = ''] = local.frontends;
    const [lost = ''] = local.storages;
    const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);
    for (const key of keys) await set(frontend, key, key);
    process.kill(pidOf(local, lost), 'SIGKILL');
    await until(async () => (await status(local.controller)).offlinePartitions > 0);
    const statuses = async () => {
      const answers = await Promise.all(keys.map((key) => get(frontend, key)));
      return answers.map((answer, index) =>
        answer.status === 200 && answer.text === keys[index]
          ? 'there'
          : answer.headers['x-fog-error'],
      );
    };
    const during = await statuses();
    expect(new Set(during)).toEqual(new Set(['there', 'partition-offline']));
    const metrics = (await call(frontend, '/metrics')).text;
    expect(metrics).toMatch(/^velourfog_offline_partitions [1-9]/m);
    const accept = process_(['accept-loss', '--controller', local.controller]);
    expect(await accept.exit()).toBe(0);
    await until(async () => (await status(local.controller)).offlinePartitions === 0);
    await until(async () => !(await statuses()).includes('partition-offline'));
    const after = await Promise.all(keys.map((key) => get(frontend, key)));
    expect(after.filter(({ status: code }) => code === 404)).toHaveLength(
      during.filter((each) => each !== 'there').length,
    );
    expect((await set(frontend, keys[0] ?? '', 'new')).status).toBe(200);
  });
});

describe('a controller that lost its state', () => {
  /**
   * @param times SLOW where clients go on meanwhile. From the first promise until all have the new map nobody renews
   *   a lease (H32), and a get waits for three seconds at most: more than that a slow machine takes for it.
   */
  async function handMade(dataDirectory: string | undefined, times: readonly string[] = []) {
    const [controllerPort = 0, frontendPort = 0, ...ports] = await freePorts(5);
    const controller = `127.0.0.1:${controllerPort}`;
    const frontend = `127.0.0.1:${frontendPort}`;
    const kept = dataDirectory === undefined ? [] : ['--data-dir', dataDirectory];
    const startController = (...more: string[]) =>
      process_([
        'controller',
        String(controllerPort),
        '3',
        '3',
        '--host',
        '127.0.0.1',
        ...kept,
        ...times,
        ...more,
      ]);
    const first = startController();
    for (const port of ports) process_(['storage', controller, `127.0.0.1:${port}`, ...times]);
    process_(['frontend', controller, frontend, ...times]);
    // The nodes know of the cluster as well, or there would be nothing to recover from.
    for (const address of [frontend, ...ports.map((port) => `127.0.0.1:${port}`)]) {
      await until(
        async () => (await call(address, '/readyz').catch(() => undefined))?.status === 200,
      );
    }
    return { controller, frontend, startController, first };
  }

  test('and keeps nothing recovers by itself, while everything goes on (D5, H32)', async () => {
    const { controller, frontend, startController, first } = await handMade(undefined, SLOW);
    const stopLoad = load([frontend]);
    await first.stop('SIGKILL');
    startController();
    await until(
      async () => (await call(controller, '/readyz').catch(() => undefined))?.status === 200,
    );
    expect((await stopLoad()).failures).toEqual([]);
    expect((await status(controller)).offlinePartitions).toBe(0);
  });

  test('is refused with 78 and the command that recovers, and recovers with it', async () => {
    const dataDirectory = directory();
    const { controller, frontend, startController, first } = await handMade(dataDirectory, SLOW);
    const stopLoad = load([frontend]);
    await first.stop('SIGKILL');
    rmSync(join(dataDirectory, 'controller.state'));
    const refused = startController();
    expect(await refused.exit()).toBe(78);
    expect(refused.stderr).toContain('--recover');
    startController('--recover');
    await until(
      async () => (await call(controller, '/readyz').catch(() => undefined))?.status === 200,
    );
    expect((await stopLoad()).failures).toEqual([]);
  });

  test('with a state of yesterday it is refused as well', async () => {
    const dataDirectory = directory();
    const { first, startController, controller, frontend } = await handMade(dataDirectory);
    const { copyFileSync } = await import('node:fs');
    const state = join(dataDirectory, 'controller.state');
    copyFileSync(state, `${state}.yesterday`);
    await first.stop('SIGKILL');
    for (const _ of [1, 2]) {
      const next = startController();
      await until(
        async () => (await call(controller, '/readyz').catch(() => undefined))?.status === 200,
      );
      // The nodes have its map when they are granted leases under it.
      await until(async () => (await get(frontend, 'a')).status === 404);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await next.stop('SIGKILL');
    }
    copyFileSync(`${state}.yesterday`, state);
    const refused = startController();
    expect(await refused.exit()).toBe(78);
    expect(refused.stderr).toContain('is an old copy');
    expect(refused.stderr).toContain('--recover');
  });
});
