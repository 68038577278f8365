// Links that are slow, silent, broken or refused, by proxies: storage nodes' and frontends' ways to the
// controller, and everybody's way to one storage node. Single pairs of nodes: netns.test.ts.

import { afterEach, describe, expect, test } from 'vitest';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import { freePorts } from '../helpers/cluster.ts';
import { Fleet, pause, TIME_SCALE } from '../helpers/fleet.ts';
import { expectNothingFailed, underLoad } from '../helpers/judged.ts';
import { Link } from '../helpers/proxy.ts';

const HERE = '127.0.0.1';
/** The machine answers to it as well, so that a node can listen behind its own advertised address. */
const BEHIND = '127.0.0.2';
const { leaseMs, fenceWaitMs, suspicionMs } = protocolTimes(TIME_SCALE);
/** Long enough for a node to be suspected, fenced and removed. */
const LONG_MS = suspicionMs + fenceWaitMs + leaseMs;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function openLink(listenPort: number, targetHost: string, targetPort: number): Promise<Link> {
  const ends = { listenHost: HERE, listenPort, targetHost, targetPort };
  const started = await Link.start(ends);
  cleanUps.push(() => started.refuse());
  return started;
}

async function fleet(settings: Parameters<typeof Fleet.start>[0]): Promise<Fleet> {
  const started = await Fleet.start(settings);
  cleanUps.push(() => started.stop());
  return started;
}

describe('the way to the controller', () => {
  test('of a storage node and of a frontend, silent in one or both directions and refused: nothing fails (R5, H11)', async () => {
    const [controllerPort = 0, ...ports] = await freePorts(3);
    const [ofStorage, ofFrontend] = ports;
    const links = await Promise.all(ports.map((port) => openLink(port, HERE, controllerPort)));
    const wayOf = new Map<string, number | undefined>([
      ['storage', ofStorage],
      ['frontend', ofFrontend],
    ]);
    const cluster = await fleet({
      addressOf: (role) => (role === 'controller' ? `${HERE}:${controllerPort}` : undefined),
      controllerFor: ({ role, index }, controller) =>
        index === 0 ? `${HERE}:${wayOf.get(role)}` : controller,
    });
    const before = await cluster.untilSettled();
    const verdict = await underLoad(cluster, async () => {
      for (const directions of [['answers'], ['requests', 'answers']] as const) {
        for (const link of links) link.hold(...directions);
        await pause(LONG_MS);
        for (const link of links) link.release();
      }
      for (const link of links) await link.refuse();
      await pause(LONG_MS);
      for (const link of links) await link.accept();
    });
    expectNothingFailed(verdict);
    expect((await cluster.untilSettled()).partitions).toEqual(before.partitions);
  });
});

describe("everybody's way to one storage node", () => {
  test('slow, reset again and again, silent for less than a deadline: nothing fails (R3, R4, H19)', async () => {
    const [port = 0] = await freePorts(1);
    const link = await openLink(port, BEHIND, port);
    const cluster = await fleet({
      addressOf: (role, index) =>
        role === 'storage' && index === 0 ? `${HERE}:${port}` : undefined,
      optionsFor: ({ role, index }) =>
        role === 'storage' && index === 0 ? ['--host', BEHIND] : [],
    });
    const verdict = await underLoad(cluster, async () => {
      link.delay(100);
      await pause(leaseMs);
      link.delay(0);
      for (let round = 0; round < 10; round++) {
        link.reset();
        await pause(100);
      }
      link.hold('requests', 'answers');
      await pause(2 * leaseMs);
      link.release();
    });
    expectNothingFailed(verdict);
  });
});
