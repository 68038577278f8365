// Hosts that silently cannot reach one another (the rows "cut off" of the guarantees): namespaces and a
// router, so that every direction of every pair can be cut, on established connections as well.

import { afterEach, describe, expect, test } from 'vitest';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import { knock } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { Fleet, type Node, type Place, pause, TIME_SCALE } from '../helpers/fleet.ts';
import { expectNothingFailed, expectPromisesKept, underLoad } from '../helpers/judged.ts';
import { Hosts, whyNoNamespaces } from '../helpers/namespaces.ts';

const { leaseMs, fenceWaitMs, heartbeatMs, tryMs } = protocolTimes(TIME_SCALE);
const STORAGES = 5;
const FRONTENDS = 2;
const PORT = 12_000;
const FIRST_HOST = { controller: 1, storage: 2, frontend: 2 + STORAGES, fileserver: 0 };
const HOSTS = 1 + STORAGES + FRONTENDS;

const CONTROLLER = FIRST_HOST.controller;
const F0 = FIRST_HOST.frontend;
/** The storage node that is cut off. */
const A = FIRST_HOST.storage;

const reason = whyNoNamespaces();

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function fleetOnHosts(frontends = FRONTENDS): Promise<{ cluster: Fleet; hosts: Hosts }> {
  const hosts = Hosts.make(1 + STORAGES + frontends);
  cleanUps.push(() => hosts.remove());
  const hostOf = ({ role, index }: Pick<Place, 'role' | 'index'>) => FIRST_HOST[role] + index;
  const cluster = await Fleet.start({
    storages: STORAGES,
    frontends,
    addressOf: (role, index) => `${hosts.addressOf(hostOf({ role, index }))}:${PORT}`,
    doorOf: (place) => hosts.doorOn(hostOf(place), place.address),
    commandFor: (place) => hosts.commandOn(hostOf(place)),
  });
  cleanUps.push(() => cluster.stop());
  return { cluster, hosts };
}

const others = (...these: readonly number[]) =>
  Array.from({ length: HOSTS }, (_, index) => index + 1).filter((host) => !these.includes(host));

describe.skipIf(reason !== undefined)(
  `hosts that cannot reach one another${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    test('a storage node and a frontend together, cut off from the rest: nothing old there (H2, R1)', async () => {
      const { cluster, hosts } = await fleetOnHosts();
      const [inside, outside] = [cluster.frontend(0).door, cluster.frontend(1).door];
      const verdict = await underLoad(cluster, async (load) => {
        load.excuse(inside);
        // Clients that keep asking the member that is cut off, while the others go on without it.
        const held = await cluster.keysOf(cluster.storage(0), load.keys);
        const watched = held.slice(0, 8);
        load.watch(inside, watched, 8);
        await load.untilEveryKeyIsSetAgain();
        for (const other of others(A, F0)) {
          hosts.cutBoth(A, other);
          hosts.cutBoth(F0, other);
        }
        await load.stream(outside, watched, { count: 100, everyMs: 20 });
        // Outside, everything can be set: the member that cannot be asked has been removed.
        await load.untilEveryKeyIsSetAgain();
        await pause(1.5 * leaseMs);
        const answers = load.keys
          .slice(0, 40)
          .map((key) => knock(inside, `/get?key=${encodeURIComponent(key)}`));
        for (const answer of await Promise.all(answers)) expect(answer.status).toBe(503);
        expect((await knock(outside, '/get?key=key+1')).status).toBe(200);
        for (const other of others(A, F0)) {
          hosts.healBoth(A, other);
          hosts.healBoth(F0, other);
        }
        await cluster.untilSettled();
      });
      expectPromisesKept(verdict);
    });

    test('a storage node and the controller: nothing fails, nobody is removed (H11, R5)', async () => {
      const { cluster, hosts } = await fleetOnHosts();
      const before = await cluster.untilSettled();
      const verdict = await underLoad(cluster, async () => {
        hosts.cutBoth(CONTROLLER, A);
        await pause(2 * (leaseMs + fenceWaitMs));
        expect((await cluster.map()).partitions).toEqual(before.partitions);
        hosts.healBoth(CONTROLLER, A);
      });
      expectNothingFailed(verdict);
      expect((await cluster.untilSettled()).partitions).toEqual(before.partitions);
    });

    test('a storage node and a frontend: there gets go on, elsewhere everything does (H11)', async () => {
      const { cluster, hosts } = await fleetOnHosts();
      const verdict = await underLoad(cluster, async (load) => {
        load.excuse(cluster.frontend(0).door, ['set']);
        hosts.cutBoth(F0, A);
        await pause(2 * (leaseMs + fenceWaitMs));
        hosts.healBoth(F0, A);
      });
      expectNothingFailed(verdict);
    });

    test('a storage node that is heard by nobody, then one that hears nobody: no get fails, sets go on (R6)', async () => {
      const { cluster, hosts } = await fleetOnHosts();
      const verdict = await underLoad(cluster, async (load) => {
        for (const host of others(A)) hosts.cut(A, host);
        await load.untilEveryKeyIsSetAgain();
        for (const host of others(A)) hosts.heal(A, host);
        await cluster.untilSettled();
        for (const host of others(A)) hosts.cut(host, A);
        await load.untilEveryKeyIsSetAgain();
        for (const host of others(A)) hosts.heal(host, A);
      });
      expectPromisesKept(verdict);
      await cluster.untilSettled();
    });

    test('a witness that is cut off for good is replaced, so the next one may be lost as well (D2)', async () => {
      const { cluster, hosts } = await fleetOnHosts();
      const [silent, killed] = (await cluster.witnesses()) as [Node, Node];
      const host = FIRST_HOST.storage + cluster.storages.indexOf(silent);
      const verdict = await underLoad(cluster, async (load) => {
        for (const other of others(host)) hosts.cutBoth(host, other);
        await until(async () => {
          const { nextWitnesses } = await cluster.map();
          return nextWitnesses === undefined && !(await cluster.witnesses()).includes(silent);
        });
        killed.signal('SIGKILL');
        await load.untilEveryKeyIsSetAgain();
        await until(async () => !(await cluster.isMember(killed)));
      });
      expectPromisesKept(verdict);
    });

    test('one frontend of three has a link to a storage node that comes and goes: that one is left alone (R6)', async () => {
      const { cluster, hosts } = await fleetOnHosts(3);
      const before = await cluster.untilSettled();
      const verdict = await underLoad(cluster, async (load) => {
        // Of several nodes, for it depends on the order of their heartbeats how long one is silent.
        for (const [index, node] of cluster.storages.slice(0, 3).entries()) {
          const host = FIRST_HOST.storage + index;
          const keys = (await cluster.keysOf(node, load.keys)).slice(0, 60);
          hosts.cutBoth(F0, host);
          // One after the other these are not answered in their time, which is reported again and again.
          const options = { count: keys.length, everyMs: heartbeatMs / 20 };
          await load.stream(cluster.frontend(0).door, keys, options);
          await pause(tryMs - 2 * heartbeatMs);
          // Amid that some heartbeats are lost: until the witnesses' word is there nobody hears of it (H11).
          hosts.cutBoth(CONTROLLER, host);
          await pause(3 * heartbeatMs);
          hosts.healBoth(CONTROLLER, host);
          hosts.healBoth(F0, host);
          await load.untilEveryKeyIsSetAgain();
        }
      });
      expectNothingFailed(verdict);
      // No epoch was opened, and nobody fenced, were it for a moment.
      expect((await cluster.map()).version).toEqual(before.version);
    });
  },
);
