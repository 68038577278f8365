// Frontends that start while the controller is gone, as real processes: they have their map from storage nodes that
// they were told of, or from the file of their last life, and serve gets and sets by it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, get, set } from '../helpers/client.ts';
import {
  childrenOf,
  freePorts,
  isAlive,
  type LocalCluster,
  startCluster,
  until,
  velour,
} from '../helpers/cluster.ts';
import { ready } from '../helpers/trio.ts';

const cleanUps: (() => unknown)[] = [];
let cluster: LocalCluster;
let file: string;

beforeEach(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(directory, { recursive: true }));
  file = join(directory, 'map');
  cluster = await startCluster({ frontends: 1, storages: 3 });
  cleanUps.push(() => cluster.stop());
  expect((await set(cluster.frontends[0] ?? '', 'key', 'before')).status).toBe(200);
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function killController(): Promise<void> {
  const children = childrenOf(cluster.process.pid);
  const pid = children.find(({ title }) => title.startsWith('velour controller'))?.pid;
  if (pid === undefined) throw new Error('there is no controller');
  process.kill(pid, 'SIGKILL');
  await until(() => !isAlive(pid));
}

/** Another frontend of the cluster. */
async function start(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const started = velour(['frontend', cluster.controller, address, ...words], env);
  cleanUps.push(() => started.stop('SIGKILL'));
  await started.printed('stderr', 'listening');
  return { started, address };
}

async function serves(address: string): Promise<void> {
  await until(() => ready(address));
  expect(await get(address, 'key')).toMatchObject({ status: 200, text: 'before' });
  expect((await set(address, 'key', 'after')).status).toBe(200);
  expect(await get(address, 'key')).toMatchObject({ status: 200, text: 'after' });
  expect(await get(cluster.frontends[0] ?? '', 'key')).toMatchObject({ text: 'after' });
  expect((await set(address, 'key', 'before')).status).toBe(200);
}

describe('with the controller gone', () => {
  test('a frontend that was told of storage nodes serves, however they were named', async () => {
    await killController();
    const [first = '', second = '', third = ''] = cluster.storages;
    const nobody = `127.0.0.1:${(await freePorts(1))[0]}`;
    for (const [words, env] of [
      [['--storage', first], {}],
      [['--storage', nobody, '--storage', second], {}],
      [[`--storage=${nobody},${third}`], {}],
      [[], { VELOUR_STORAGE: `${nobody}, ${first}` }],
      [['--workers', '2', '--storage', first], {}],
    ] as const) {
      const { started, address } = await start(words, env);
      await serves(address);
      await started.stop('SIGKILL');
    }
  });

  test('one that was told of nobody serves nothing, and says why', async () => {
    await killController();
    const { address } = await start([]);
    await until(async () =>
      (await call(address, '/readyz?verbose')).text.includes(`controller ${cluster.controller}`),
    );
    expect((await get(address, 'key')).status).toBe(503);
    // All of a batch is answered at once then, and no item is left out for that.
    const lines = Array.from({ length: 3000 }, (_, index) => `{"key":"k${index}"}\n`);
    const body = lines.join('');
    const answer = await call(address, '/v1/mget', { method: 'POST', body });
    expect(answer.text.match(/"status":503,"error":"not-ready"/g)).toHaveLength(lines.length);
  });

  test.each([[[]], [['--workers', '2']]])(
    'one that has a map file serves by it (%j)',
    async (more) => {
      const words = ['--map-file', file, ...more];
      const { started, address } = await start(words);
      await until(() => ready(address));
      await until(() => mapIn(file) !== undefined);
      // The file is whole at any moment.
      await started.stop('SIGKILL');
      await killController();
      const again = await start(words);
      await serves(again.address);
    },
  );

  test('one whose map file is damaged says so, and goes on without it', async () => {
    writeFileSync(file, 'velour-fog frontend map 2 00000000\n{}\n');
    await killController();
    const [storage = ''] = cluster.storages;
    const { started, address } = await start(['--map-file', file, '--storage', storage]);
    await started.printed('stderr', 'the map file is of no use');
    expect(started.stderr).toContain(file);
    await serves(address);
    await until(() => mapIn(file) !== undefined);
  });

  test('one whose map file cannot be had says so, and goes on without it', async () => {
    await killController();
    const nowhere = join(file, 'missing', 'map');
    const [storage = ''] = cluster.storages;
    const { started, address } = await start(['--map-file', nowhere, '--storage', storage]);
    await serves(address);
    await started.printed('stderr', 'the map file cannot be written');
  });
});

test('a file that is no map of a frontend is left as it is', async () => {
  writeFileSync(file, 'notes\n');
  const { started, address } = await start(['--map-file', file]);
  await until(() => ready(address));
  await started.printed('stderr', 'is left as it is');
  expect(await started.stop()).toBe(0);
  expect(readFileSync(file, 'utf8')).toBe('notes\n');
});

/** What it has after its first line, if that is a map. */
function mapIn(path: string): unknown {
  try {
    const [, ...lines] = readFileSync(path, 'utf8').split('\n');
    return JSON.parse(lines.join('\n')).cluster;
  } catch {
    return undefined;
  }
}
