// Clusters start, show themselves, stop and die as the contract says; nothing outlives its parent.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { call, get, set } from '../helpers/client.ts';
import {
  CLI,
  childrenOf,
  freePorts,
  isAlive,
  ROOT,
  Started,
  startCluster,
  until,
  velour,
} from '../helpers/cluster.ts';

/** Long after any line of the documents has ended, on any machine. */
const LINE_MS = 300_000;
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function cluster(...settings: Parameters<typeof startCluster>) {
  const started = await startCluster(...settings);
  cleanUps.push(() => started.stop());
  return started;
}

function process_(words: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const started = velour(words, env);
  cleanUps.push(() => started.stop('SIGKILL'));
  return started;
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(path, { recursive: true }));
  return path;
}

describe('velour local', () => {
  test('the curl lines of the greeting and the documents work, run by curl itself', async () => {
    const { process: local, controller, storages, frontends, blobs } = await cluster();
    const replaced = new Map([
      ['127.0.0.1:12180', blobs[0]],
      ['127.0.0.1:12181', blobs[1]],
      ['127.0.0.1:12080', frontends[0]],
      ['127.0.0.1:12081', frontends[1]],
      ['127.0.0.1:12000', controller],
      ['127.0.0.1:12500', storages[0]],
    ]);
    const linesOf = (path: string) =>
      [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^```sh\n(.*?)^```/gms)]
        .flatMap(([, block = '']) => block.split('\n'))
        .filter((line) => /\bcurl /.test(line))
        .map((line) =>
          line.replace(/127\.0\.0\.1:\d+/g, (address) => replaced.get(address) ?? address),
        );
    // The greeting sets what the first line of the API gets.
    const greeted = local.stdout.split('\n').filter((line) => /^ {2}curl /.test(line));
    const fromApi = linesOf('docs/api.md');
    expect(greeted).toHaveLength(4);
    expect(fromApi.length).toBeGreaterThanOrEqual(10);
    for (const line of [...greeted, ...fromApi]) {
      const command = line.replace('curl ', 'curl --silent --show-error --fail ');
      execFileSync('bash', ['-c', command], { cwd: ROOT, stdio: 'pipe' });
    }
  });

  test('the lines of the command line in the documents work, in their order', async () => {
    const { controller, frontends } = await cluster();
    const folder = directory();
    writeFileSync(join(folder, 'README.md'), 'a file');
    const pages = ['README.md', 'docs/command-line.md', 'docs/api.md'];
    const blocks = pages.map((path) =>
      [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^```sh\n(.*?)^```/gms)]
        .flatMap(([, block = '']) => block.split('\n'))
        .filter((line) => /\bvelour /.test(line) && !/\bcurl /.test(line)),
    );
    const [fromReadme = [], fromPage = [], fromApi = []] = blocks;
    expect(fromReadme.length).toBeGreaterThanOrEqual(7);
    expect(fromPage.length).toBeGreaterThanOrEqual(25);
    expect(fromApi.length).toBeGreaterThanOrEqual(15);
    const [first = '', second = ''] = frontends;
    const command = `velour() { "${process.execPath}" "${CLI}" "$@"; }`;
    for (const line of [...fromReadme, ...fromPage, ...fromApi]) {
      // A slow machine may have something to say of its clocks and heartbeats.
      const here = line
        .replace('127.0.0.1:12081', second)
        .replace('--host 127.0.0.1 --port 12080', `--host ${first}`)
        .replace(/^velour status.*/, '{ $& || test $? = 1; }');
      execFileSync('bash', ['-ec', `set -o pipefail; ${command}; ${here}`], {
        cwd: folder,
        stdio: 'pipe',
        env: {
          ...process.env,
          VELOUR_ENDPOINT: first,
          VELOUR_HOST: first,
          VELOUR_CONTROLLER: controller,
        },
      });
    }
  });

  test.each([
    ['README.md', { curl: 25, velour: 7 }],
    ['docs/files.md', { curl: 10, velour: 8 }],
    ['docs/dtfc.md', { curl: 12, velour: 7 }],
    ['docs/broker.md', { curl: 12, velour: 0 }],
  ])('all lines of %s work, in their order, with file servers', async (page, least) => {
    const local = await cluster({ fileservers: 3 });
    const { controller, frontends, fileservers, storages, blobs, brokers } = local;
    const [first = '', second = ''] = frontends;
    const replaced = new Map([
      ['127.0.0.1:12080', first],
      ['127.0.0.1:12081', second],
      ['127.0.0.1:12180', blobs[0]],
      ['127.0.0.1:12181', blobs[1]],
      ['127.0.0.1:12280', brokers[0]],
      ['127.0.0.1:12281', brokers[1]],
      ['127.0.0.1:12000', controller],
      ['127.0.0.1:12500', storages[0]],
      ...fileservers.map((address, index) => [`127.0.0.1:${12800 + index}`, address] as const),
    ]);
    const greeted = local.process.stdout.split('\n').filter((line) => /^ {2}curl /.test(line));
    expect(greeted).toHaveLength(9);
    const blocks = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^```sh\n(.*?)^```/gms)].map(
      ([, block = '']) => block.trimEnd().split('\n'),
    );
    const lines = blocks.flat();
    expect(lines.filter((line) => /\bcurl /.test(line)).length).toBeGreaterThanOrEqual(least.curl);
    expect(lines.filter((line) => /^velour /.test(line)).length).toBeGreaterThanOrEqual(
      least.velour,
    );
    const folder = directory();
    // Longer than what is kept in a record.
    writeFileSync(join(folder, 'README.md'), 'a file of some length\n'.repeat(10_000));
    const shell = `set -o pipefail; velour() { "${process.execPath}" "${CLI}" "$@"; }`;
    for (const block of [greeted, ...blocks]) {
      // Variables that a line sets are there for those that follow it in its block.
      const set: string[] = [];
      for (const line of block) {
        const here = line
          .replace(/127\.0\.0\.1:\d+/g, (address) => replaced.get(address) ?? address)
          .replace('--host 127.0.0.1 --port 12080', `--host ${first}`)
          .replace(/\bcurl /, 'curl --silent --show-error --fail ')
          .replace(/^velour status.*/, '{ $& || test $? = 1; }');
        const [, removed] = /^velour remove (\S+)/.exec(here) ?? [];
        if (removed !== undefined) {
          const node = childrenOf(local.process.pid).find(({ title }) => title.includes(removed));
          process.kill(node?.pid as number, 'SIGTERM');
          await until(() => !isAlive(node?.pid as number));
        }
        if (/^[A-Z]+=/.test(here)) set.push(here);
        execFileSync('bash', ['-ec', [shell, ...set, here].join('; ')], {
          cwd: folder,
          stdio: 'pipe',
          // So that a line which never ends is named, instead of the whole test.
          timeout: LINE_MS,
          env: {
            ...process.env,
            VELOUR_HOST: first,
            VELOUR_ENDPOINT: first,
            VELOUR_CONTROLLER: controller,
            VELOUR_BLOBS: blobs[0],
          },
        });
      }
    }
  });

  test('each node is a process of its own, named in ps, and a stop ends them all with exit 0', async () => {
    const { process: local, controller, storages, frontends, stop } = await cluster();
    const children = childrenOf(local.pid);
    expect(children.map(({ title }) => title).sort()).toEqual(
      [
        `velour controller ${controller}`,
        ...storages.map((address) => `velour storage ${address}`),
        ...frontends.map((address) => `velour frontend ${address}`),
      ].sort(),
    );
    expect(await stop()).toBe(0);
    expect(children.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  test('Ctrl-C stops it as well', async () => {
    const { process: local } = await cluster({ frontends: 1, storages: 1, redundancy: 1 });
    expect(await local.stop('SIGINT')).toBe(0);
  });

  test("nothing outlives kill -9 of the script's own process", async () => {
    const { process: local } = await cluster();
    const children = childrenOf(local.pid);
    expect(children).toHaveLength(7);
    await local.stop('SIGKILL');
    await until(() => children.every(({ pid }) => !isAlive(pid)));
  });

  test('one line a node at start with its address, and none for a request', async () => {
    const { process: local, frontends } = await cluster();
    const lines = () =>
      local.stderr
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    const listening = lines().filter(({ msg }) => msg === 'listening');
    expect(listening).toHaveLength(7);
    for (const line of listening) {
      expect(line).toMatchObject({ level: 'info', role: expect.any(String), address: line.node });
      expect(Date.parse(line.ts)).not.toBeNaN();
    }
    const before = lines().length;
    for (let index = 0; index < 20; index++) await set(frontends[0] ?? '', 'quiet', 'x');
    expect(lines()).toHaveLength(before);
  });

  test('ten storage nodes and ten frontends start, each process under 80 MB', async () => {
    // 21 processes beside other tests: no time of the protocol is what is shown here.
    const words = ['--time-scale', '5'];
    const { process: local, frontends } = await cluster({ frontends: 10, storages: 10, words });
    const children = childrenOf(local.pid);
    expect(children).toHaveLength(21);
    // At rest: what the start left behind may still wait for its collection.
    const largest = () => Math.max(...childrenOf(local.pid).map(({ rssBytes }) => rssBytes));
    await until(() => largest() < 80_000_000);
    await set(frontends[9] ?? '', 'a', '1');
    expect((await get(frontends[0] ?? '', 'a')).text).toBe('1');
  });

  test('a busy port ends the start with 69 and a line that names it', async () => {
    const [taken = 0] = await freePorts(1);
    const holder = createServer().listen(taken, '127.0.0.1');
    cleanUps.push(() => holder.close());
    const [controllerPort = 0, storagePort = 0, blobsPort = 0, brokerPort = 0] = await freePorts(4);
    const local = process_(['local'], {
      NUM_STORAGE: '1',
      NUM_FRONTEND: '1',
      NUM_FILESERVER: '0',
      REDUNDANCY: '1',
      CONTROLLER_PORT: String(controllerPort),
      STORAGE_PORT: String(storagePort),
      FRONTEND_PORT: String(taken),
      BLOBS_PORT: String(blobsPort),
      BROKER_PORT: String(brokerPort),
    });
    expect(await local.exit()).toBe(69);
    // Below what all the others said while they stopped.
    expect(local.stderr.trimEnd().split('\n').at(-1)).toMatch(
      new RegExp(
        `the cluster did not start: frontend .*: port ${taken} on 127.0.0.1 is in use;.*FRONTEND_PORT`,
      ),
    );
  });

  test('a second one with the ports of the first is refused, and adds no node to its cluster', async () => {
    const { controller } = await cluster();
    const nodesOf = async () => {
      const { text } = await call(controller, '/c/map?since=0.0');
      return Object.keys(JSON.parse(text).map.nodes);
    };
    const before = await nodesOf();
    const [storagePort = 0, , frontendPort = 0, blobsPort = 0, brokerPort = 0] = await freePorts(5);
    const second = process_(['local'], {
      NUM_STORAGE: '2',
      REDUNDANCY: '2',
      NUM_FRONTEND: '1',
      NUM_FILESERVER: '0',
      CONTROLLER_PORT: controller.split(':')[1] ?? '',
      STORAGE_PORT: String(storagePort),
      FRONTEND_PORT: String(frontendPort),
      BLOBS_PORT: String(blobsPort),
      BROKER_PORT: String(brokerPort),
    });
    expect(await second.exit()).toBe(69);
    expect(second.stderr).toContain(
      'where the controller is to be: stop it, or choose other ports',
    );
    expect(await nodesOf()).toEqual(before);
  });

  test('a death after the start is logged and ends neither the script nor the others', async () => {
    const { process: local, storages, frontends } = await cluster();
    const victim = childrenOf(local.pid).find(({ title }) => title.endsWith(storages[0] ?? '-'));
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    await local.printed('stderr', 'a storage ended');
    expect(local.ended).toBe(false);
    expect(childrenOf(local.pid)).toHaveLength(6);
    // One failed node never fails a get: the other members of its partitions answer.
    for (let index = 0; index < 50; index++) {
      expect((await get(frontends[0] ?? '', `key ${index}`)).status).toBe(404);
    }
  });
});

describe('a storage node that hangs', () => {
  test('fails no get: another member is asked beside it (R3)', async () => {
    const { process: local, storages, frontends } = await cluster();
    const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);
    for (const key of keys) await set(frontends[0] ?? '', key, key);
    const paused = childrenOf(local.pid).find(({ title }) => title.endsWith(storages[0] ?? '-'));
    process.kill(paused?.pid ?? 0, 'SIGSTOP');
    for (const key of keys) {
      for (const frontend of frontends) expect((await get(frontend, key)).text).toBe(key);
    }
    process.kill(paused?.pid ?? 0, 'SIGCONT');
    expect((await set(frontends[0] ?? '', 'after', 'x')).status).toBe(200);
  });
});

describe('a role by itself', () => {
  test('finishes the request in progress after SIGTERM, and exits 0', async () => {
    const { process: local, frontends } = await cluster();
    const address = frontends[0] ?? '';
    const frontend = childrenOf(local.pid).find(({ title }) => title.endsWith(address));
    let release: (() => void) | undefined;
    async function* slowBody() {
      yield Buffer.from('first half, ');
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      yield Buffer.from('second half');
    }
    const answer = fetch(`http://${address}/set?key=slow`, {
      method: 'POST',
      body: ReadableStream.from(slowBody()),
      duplex: 'half',
    } as RequestInit);
    await until(() => release !== undefined);
    process.kill(frontend?.pid ?? 0, 'SIGTERM');
    await local.printed('stderr', '"signal":"SIGTERM"');
    release?.();
    expect((await answer).status).toBe(200);
    expect((await get(frontends[1] ?? '', 'slow')).text).toBe('first half, second half');
    await local.printed('stderr', '"msg":"a frontend ended"');
    expect(local.stderr).toMatch(/"msg":"a frontend ended".*"how":"exit code 0"/);
  });

  test('with too few storage nodes nobody is ready, and each says why', async () => {
    const [controllerPort = 0, storagePort = 0, frontendPort = 0] = await freePorts(3);
    const controller = `127.0.0.1:${controllerPort}`;
    const frontend = `127.0.0.1:${frontendPort}`;
    process_(['controller', String(controllerPort), '3', '2', '--host', '127.0.0.1']);
    process_(['storage', controller, `127.0.0.1:${storagePort}`]);
    process_(['frontend', controller, frontend]);
    const says = async (address: string) =>
      (await call(address, '/readyz').catch(() => ({ text: '' }))).text;
    await until(async () => (await says(controller)).includes('1 of 3 storage nodes registered'));
    await until(async () => (await says(frontend)).includes('1 of 3 storage nodes registered'));
    expect((await call(frontend, '/livez')).status).toBe(200);
    expect((await call(frontend, '/readyz')).status).toBe(503);
    const refused = await get(frontend, 'a');
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('1');
    expect((await set(frontend, 'a', 'x')).status).toBe(503);
  });

  test('waits for a controller that cannot be reached, and says so', async () => {
    const [nowhere = 0, storagePort = 0, frontendPort = 0] = await freePorts(3);
    const storage = process_(['storage', `127.0.0.1:${nowhere}`, `127.0.0.1:${storagePort}`]);
    const frontend = process_(['frontend', `127.0.0.1:${nowhere}`, `127.0.0.1:${frontendPort}`]);
    await storage.printed('stderr', 'ECONNREFUSED');
    await frontend.printed('stderr', 'ECONNREFUSED');
    for (const port of [storagePort, frontendPort]) {
      const answer = await call(`127.0.0.1:${port}`, '/readyz');
      expect(answer.status).toBe(503);
      expect(answer.text).toContain(`controller 127.0.0.1:${nowhere}`);
    }
    // Said once, not at every try.
    expect(storage.stderr.match(/ECONNREFUSED/g)).toHaveLength(1);
  });
});

describe('the data directory of the controller', () => {
  test('brings the same map back in a new generation', async () => {
    const dataDirectory = directory();
    const [controllerPort = 0, storagePort = 0, frontendPort = 0] = await freePorts(3);
    const controller = `127.0.0.1:${controllerPort}`;
    const frontend = `127.0.0.1:${frontendPort}`;
    const words = [
      'controller',
      String(controllerPort),
      '1',
      '1',
      '--host',
      '127.0.0.1',
      '--data-dir',
      dataDirectory,
    ];
    const first = process_(words);
    process_(['storage', controller, `127.0.0.1:${storagePort}`]);
    process_(['frontend', controller, frontend]);
    const ready = async () =>
      (await call(frontend, '/readyz').catch(() => undefined))?.status === 200;
    await until(ready);
    expect((await set(frontend, 'a', '1')).status).toBe(200);
    const before = JSON.parse((await call(controller, '/status')).text);

    expect(await first.stop('SIGKILL')).toBe(null);
    // H34 and the guarantee: gets and sets go on while the controller is away.
    expect((await set(frontend, 'b', '2')).status).toBe(200);
    expect((await get(frontend, 'a')).text).toBe('1');

    process_(words);
    await until(async () => {
      const status = await call(controller, '/status').catch(() => undefined);
      return status !== undefined && JSON.parse(status.text).ready;
    });
    const after = JSON.parse((await call(controller, '/status')).text);
    expect(after.cluster).toBe(before.cluster);
    expect(before.map).toBe('1.1');
    // The second that it was opened in (H32).
    expect(after.map).toMatch(/^\d{10}\.1$/);
    await until(async () =>
      (await call(`127.0.0.1:${storagePort}`, '/status')).text.includes(`"map":"${after.map}"`),
    );
    expect((await get(frontend, 'b')).text).toBe('2');
  });

  test('in use by another process is refused with 78', async () => {
    const dataDirectory = directory();
    const [one = 0, two = 0] = await freePorts(2);
    const words = (port: number) => [
      'controller',
      String(port),
      '1',
      '1',
      '--data-dir',
      dataDirectory,
    ];
    const holder = process_(words(one));
    await holder.printed('stderr', '"listening"');
    const second = process_(words(two));
    expect(await second.exit()).toBe(78);
    expect(second.stderr).toContain('is in use by another process');
    await holder.stop('SIGKILL');
    const third = process_(words(two));
    await third.printed('stderr', '"listening"');
  });

  const noUnshare = spawnSync('unshare', ['--net', 'true']).status !== 0;
  test.skipIf(noUnshare)(
    `in use in another network namespace is refused with 78${noUnshare ? ' (skipped: needs unshare)' : ''}`,
    async () => {
      const dataDirectory = directory();
      const [port = 0] = await freePorts(1);
      const words = ['controller', String(port), '1', '1', '--data-dir', dataDirectory];
      const elsewhere = ['unshare', '--net', 'sh', '-c', 'ip link set lo up; exec "$@"', 'sh'];
      const [command = '', ...before] = [...elsewhere, process.execPath, CLI];
      const startElsewhere = () => {
        const started = new Started(command, [...before, ...words]);
        cleanUps.push(() => started.stop('SIGKILL'));
        return started;
      };
      const holder = process_(words);
      await holder.printed('stderr', '"listening"');
      const second = startElsewhere();
      expect(await second.exit()).toBe(78);
      expect(second.stderr).toContain('is in use by another process');
      await holder.stop('SIGKILL');
      const third = startElsewhere();
      await third.printed('stderr', '"listening"');
      const fourth = process_(words);
      expect(await fourth.exit()).toBe(78);
      expect(fourth.stderr).toContain('is in use by another process');
    },
  );

  test('copied beside the original, which is in use, is refused with 78', async () => {
    const [original, copy] = [directory(), directory()];
    const [one = 0, two = 0] = await freePorts(2);
    const start = (port: number, path: string) =>
      process_(['controller', String(port), '1', '1', '--data-dir', path]);
    await start(one, original).printed('stderr', '"listening"');
    execFileSync('cp', ['-a', `${original}/.`, copy]);
    const second = start(two, copy);
    expect(await second.exit()).toBe(78);
    expect(second.stderr).toContain('is in use by another process');
  });

  test('with a state that cannot be used is refused with 78, and the state is left alone', async () => {
    const dataDirectory = directory();
    const state = join(dataDirectory, 'controller.state');
    const [port = 0] = await freePorts(1);
    for (const content of ['', 'garbage\n', 'velour-fog controller state 2 00000000\n{}\n']) {
      writeFileSync(state, content);
      const refused = process_(['controller', String(port), '1', '1', '--data-dir', dataDirectory]);
      expect(await refused.exit()).toBe(78);
      expect(refused.stderr).toContain('controller.state cannot be used');
      expect(readFileSync(state, 'utf8')).toBe(content);
    }
  });

  test('that cannot be made is refused with 78', async () => {
    const [port = 0] = await freePorts(1);
    const inFile = join(directory(), 'file');
    writeFileSync(inFile, '');
    const refused = process_([
      'controller',
      String(port),
      '1',
      '1',
      '--data-dir',
      join(inFile, 'x'),
    ]);
    expect(await refused.exit()).toBe(78);
    expect(refused.stderr).toContain('cannot be made');
  });
});
