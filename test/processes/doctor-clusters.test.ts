// What velour doctor says of nodes that stopped, hang, cannot write or are gone, and with --running of the node of this
// machine: that it is the one that is meant, and has its directory.

import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePorts, until } from '../helpers/cluster.ts';
import { examine, linesOf } from '../helpers/doctor.ts';
import { Fleet, type FleetSettings } from '../helpers/fleet.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function fleet(settings: FleetSettings = {}): Promise<Fleet> {
  const started = await Fleet.start({ storages: 2, frontends: 1, redundancy: 2, ...settings });
  cleanUps.push(() => started.stop());
  await started.untilSettled();
  return started;
}

/** What is found, once it is there. */
async function untilFound(words: readonly string[], expected: RegExp): Promise<string> {
  let lines = '';
  await until(async () => {
    lines = linesOf(await examine(words));
    return expected.test(lines);
  });
  return lines;
}

describe('of the node that runs here', () => {
  let cluster: Fleet;
  beforeAll(async () => {
    cluster = await Fleet.start({ storages: 2, frontends: 1, redundancy: 2, data: 'all' });
    await cluster.untilSettled();
  });
  afterAll(() => cluster?.stop());

  const lookAt = (own: string, directory?: string) =>
    examine([
      cluster.controller.address,
      own,
      '--running',
      ...(directory === undefined ? [] : ['--data-dir', join(cluster.directory, directory)]),
    ]);

  test('nothing is found when it is as it should be', async () => {
    expect(await lookAt(cluster.storage(0).address, 'storage-0')).toEqual([]);
    expect(await lookAt(cluster.controller.address, 'controller-0')).toEqual([]);
    expect(await lookAt(cluster.frontend(0).address)).toEqual([]);
    const [, port = ''] = cluster.controller.address.split(':');
    const directory = join(cluster.directory, 'controller-0');
    const words = ['--listen', port, '--host', '127.0.0.1', '--data-dir', directory, '--running'];
    expect(await examine(words)).toEqual([]);
  });

  test('that nothing or something else has its port is found', async () => {
    const [free = 0] = await freePorts(1);
    const none = linesOf(await lookAt(`127.0.0.1:${free}`));
    expect(none).toMatch(
      /reach: the node .* does not run where it is asked: nothing listens there/,
    );
    const foreign = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    cleanUps.push(() => foreign.close());
    await once(foreign, 'listening');
    const { port } = foreign.address() as AddressInfo;
    const other = linesOf(await lookAt(`127.0.0.1:${port}`, 'storage-0'));
    expect(other).toMatch(/is no node of velour-fog, and not a storage node/);
    expect(other).toMatch(/in use by .*velour storage.*, and .* has the port/);
    const words = ['--listen', `${port}`, '--host', '127.0.0.1', '--running'];
    expect(linesOf(await examine(words))).toMatch(/is no node of velour-fog, and not a controller/);
    const role = linesOf(await lookAt(cluster.frontend(0).address, 'storage-0'));
    expect(role).toMatch(/is a frontend, and not a storage node/);
  });

  test('that its directory is another one is found', async () => {
    const { address } = cluster.storage(0);
    const others = linesOf(await lookAt(address, 'storage-1'));
    expect(others).toContain(`is of node ${cluster.storage(1).address} as`);
    expect(others).toMatch(/storage-1 is in use by .*velour storage.*, and .* has the port/);
    const controllers = linesOf(await lookAt(cluster.controller.address, 'storage-0'));
    expect(controllers).toMatch(/storage-0 is in use by .*velour storage.*, and .* has the port/);
    const copy = mkdtempSync(join(tmpdir(), 'velour-test-'));
    cleanUps.push(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(join(cluster.directory, 'storage-0'), copy, {
      recursive: true,
      filter: (name) => !name.includes('directory.lock'),
    });
    const words = [cluster.controller.address, address, '--running', '--data-dir'];
    expect(linesOf(await examine([...words, copy]))).toContain('is a copy of a directory');
    const empty = mkdtempSync(join(tmpdir(), 'velour-test-'));
    cleanUps.push(() => rmSync(empty, { recursive: true, force: true }));
    expect(linesOf(await examine([...words, empty]))).toContain('no process has');
  });

  test('that it is of another cluster is found', async () => {
    const other = await fleet({ storages: 1, redundancy: 1 });
    expect(linesOf(await lookAt(other.storage(0).address))).toMatch(
      /nodes: .* is storage node .*, which the controller .* does not know/,
    );
    expect(linesOf(await lookAt(other.frontend(0).address))).toMatch(
      /nodes: the frontend .* has not asked the controller/,
    );
  });

  test('given as the controller it is named', async () => {
    for (const [node, role] of [
      [cluster.storage(0), 'a storage node'],
      [cluster.frontend(0), 'a frontend'],
    ] as const) {
      const lines = linesOf(await examine([node.address]));
      expect(lines).toContain(`what answers at ${node.address} is no controller: it is ${role};`);
      expect(lines).not.toMatch(/firewall|: storage/);
    }
  });
});

test('a node that is fenced because its log was removed is not to be forgotten, and its disk alone says why', async () => {
  const cluster = await fleet({ storages: 3, data: 'all' });
  rmSync(join(cluster.directory, 'storage-0', 'records-00000001.log'));
  const { address } = cluster.storage(0);
  await until(async () =>
    Object.values((await cluster.map()).nodes).some(
      (node) => node.address === address && node.fenced,
    ),
  );
  const lines = linesOf(await examine([cluster.controller.address]));
  expect(lines).toMatch(/^disk: storage node .* cannot write/m);
  expect(lines).not.toMatch(/forget|silent|was not heard/);
  expect(lines.split('\n').filter((line) => line.includes(address))).toHaveLength(1);
});

test('nodes that stopped in order or hang are told from those that something keeps away', async () => {
  const cluster = await fleet({ storages: 3, data: 'all' });
  const words = [cluster.controller.address];
  await cluster.frontend(0).incarnationId.stop();
  const frontend = linesOf(await examine(words));
  // Until the controller has forgotten it.
  if (frontend !== '') {
    expect(frontend).toMatch(
      /^reach: frontend \S+ does not run where it is asked: nothing listens there \(ECONNREFUSED\); start it/,
    );
    expect(frontend.split('\n')).toHaveLength(1);
  }
  await cluster.storage(0).incarnationId.stop();
  const goodbye = await untilFound(words, /nodes: storage node .* (?:has said goodbye|has ended)/);
  expect(goodbye).not.toMatch(/silent|the controller hears it/);
  expect(goodbye.split('\n').filter((line) => /^(nodes|reach): storage/.test(line))).toHaveLength(
    1,
  );
  cluster.storage(1).signal('SIGSTOP');
  const hangs = await untilFound(words, /reach: storage .* takes connections and does not answer/);
  expect(hangs).toMatch(/does not answer: no answer within \d+ ms; it hangs.*SIGSTOP/);
  cluster.storage(1).signal('SIGCONT');
});

test('after all storage nodes were killed nobody answers, and fewer than the copies are there', async () => {
  const cluster = await fleet();
  for (const node of cluster.storages) await node.kill();
  const lines = await untilFound([cluster.controller.address], /no storage node is heard|offline/);
  expect(lines).toMatch(/^partitions: /m);
  expect(lines).toMatch(/^nodes: 0 storage nodes are there, and each key is to be on 2/m);
});

test('what a recovery of the map keeps frozen is found, with what helps', async () => {
  const cluster = await fleet({ storages: 5, data: 'all' });
  const [first, second] = await cluster.witnesses();
  await Promise.all([cluster.controller, first, second].map((node) => node?.kill()));
  rmSync(join(cluster.directory, 'controller-0'), { recursive: true });
  cluster.controller.start('--recover');
  const words = [cluster.controller.address];
  const lines = await untilFound(words, /a recovery of the map keeps partitions frozen/);
  expect(lines).toMatch(/frozen[^\n]*; .*start it with its data/);
  first?.start();
  second?.start();
  await cluster.untilSettled();
  await until(async () => !linesOf(await examine(words)).includes('frozen'));
});
