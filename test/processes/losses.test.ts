// What a cluster does by itself about what is lost or was away: a witness that is silent for good, the host of the
// controller with a storage node on it, a storage node that comes back after some seconds.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { call, get, inParallel, set } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { Fleet, type FleetSettings, type Node } from '../helpers/fleet.ts';
import { expectPromisesKept, underLoad } from '../helpers/judged.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function fleet(settings: FleetSettings = {}): Promise<Fleet> {
  const started = await Fleet.start(settings);
  cleanUps.push(() => started.stop());
  return started;
}

test('a witness that is silent for good is replaced, so the next one may be lost as well (D2)', async () => {
  const cluster = await fleet({ storages: 6, redundancy: 2 });
  const [silent, killed] = (await cluster.witnesses()) as [Node, Node];
  const verdict = await underLoad(cluster, async (load) => {
    for (const [lost, signal] of [
      [silent, 'SIGSTOP'],
      [killed, 'SIGKILL'],
    ] as const) {
      lost.signal(signal);
      await load.untilEveryKeyIsSetAgain();
      await until(async () => !(await cluster.witnesses()).includes(lost));
      const { witnesses } = await cluster.untilSettled();
      expect(witnesses).toHaveLength(3);
    }
  });
  expectPromisesKept(verdict);
});

test('the host of the controller and of a storage node is lost: the others serve everything (H32)', async () => {
  const cluster = await fleet({ data: 'all' });
  const { generation } = (await cluster.map()).version;
  const [lost, controller] = [cluster.storage(0), cluster.controller];
  const verdict = await underLoad(cluster, async (load) => {
    await Promise.all([lost.kill(), controller.kill()]);
    for (const name of ['storage-0', 'controller-0']) {
      rmSync(join(cluster.directory, name), { recursive: true });
    }
    controller.start('--recover');
    await load.untilEveryKeyIsSetAgain();
    const map = await cluster.map();
    expect(map.version.generation).toBeGreaterThan(generation);
    expect(map.partitions.some(({ frozen }) => frozen)).toBe(false);
    // What set all the keys again was the recovery, and no node that came back.
    await until(async () => !(await cluster.isMember(lost)));
    lost.start();
    await cluster.untilSettled();
  });
  expectPromisesKept(verdict);
});

test('a storage node that was away for seconds is sent what changed, and nobody else copied (R8, H15)', async () => {
  const ITEMS = 3000;
  const VALUE = 'x'.repeat(1000);
  const cluster = await fleet({
    data: 'all',
    // For as long as this test may take.
    optionsFor: ({ role }) => (role === 'controller' ? ['--replace-after', '3600'] : []),
  });
  const [away, { address }] = [cluster.storage(0), cluster.frontend(0)];
  const others = cluster.storages.filter((node) => node !== away);
  const count = async (nodes: readonly Node[], name: string) =>
    (await Promise.all(nodes.map((node) => node.metric(name)))).reduce((a, b) => a + b);
  const written = () => count([away], 'velourfog_log_written_bytes_total');
  const copies = () =>
    count(others, 'velourfog_operations_total{operation="copy",answer="records"}');
  const joins = () =>
    cluster.controller.incarnationId.stderr
      .split('\n')
      .filter((line) => line.includes('"member joins"'))
      .map((line) => JSON.parse(line).node);
  const lists = () => count(others, 'velourfog_operations_total{operation="list",answer="heads"}');

  const keys = Array.from({ length: ITEMS }, (_, index) => `key ${index}`);
  await inParallel(keys, 16, async (key) => {
    expect((await set(address, key, VALUE)).status).toBe(200);
  });
  const ofAway = await cluster.keysOf(away, keys);
  const [held, changed, gone] = [ofAway.length, ofAway.slice(0, 20), ofAway.slice(20, 23)];
  const before = {
    written: await written(),
    copies: await copies(),
    lists: await lists(),
    joins: joins().length,
  };

  away.signal('SIGSTOP');
  await until(async () => !(await cluster.isMember(away)));
  for (const key of changed) expect((await set(address, key, `new ${VALUE}`)).status).toBe(200);
  for (const key of gone) {
    expect((await call(address, `/delete?key=${encodeURIComponent(key)}`)).status).toBe(200);
  }
  away.signal('SIGCONT');
  await cluster.untilSettled();

  const sent = (await written()) - before.written;
  console.log(
    `of ${held} records ${changed.length + gone.length} changed, ${sent} bytes were written`,
  );
  expect(held).toBeGreaterThan(1000);
  // Its log gets what it did not have, and nothing else.
  expect(sent).toBeGreaterThan(changed.length * VALUE.length);
  expect(sent).toBeLessThan(2 * changed.length * VALUE.length);
  expect(new Set(joins().slice(before.joins))).toEqual(new Set([away.address]));
  expect(await lists()).toBeGreaterThan(before.lists);
  expect(await copies()).toBe(before.copies);
  for (const key of changed) {
    expect(new Set(await cluster.copiesOf(key))).toEqual(new Set([`new ${VALUE}`]));
  }
  for (const key of gone) expect((await get(address, key)).status).toBe(404);
});
