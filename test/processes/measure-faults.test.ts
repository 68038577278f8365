// How much clients notice of faults, as a table. Nothing is expected of the figures, and they take
// minutes, so this runs only when asked for: MEASURE_FAULTS=1 npx vitest run test/processes/measure-faults
// FAULT_ONLY is a regular expression of the scenarios' names.

import { describe, expect, test } from 'vitest';
import { nodeEntry } from '../../src/cluster/model/cluster-map.ts';
import type { NodeId } from '../../src/cluster/model/identity.ts';
import { call } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { Fleet, type FleetSettings, type Node, pause } from '../helpers/fleet.ts';
import { Load, type Verdict } from '../helpers/recorder.ts';

const CLIENTS = Number(process.env.FAULT_CLIENTS ?? 64);
const LOAD_MS = Number(process.env.FAULT_SECONDS ?? 8) * 1000;
const STOPPED_MS = 5000;
const CONTROLLER_AWAY_MS = Number(process.env.FAULT_CONTROLLER_SECONDS ?? 30) * 1000;

const ONLY = new RegExp(process.env.FAULT_ONLY ?? '');

interface Scenario {
  readonly name: string;
  readonly settings?: FleetSettings;
  fault(cluster: Fleet, load: Load): Promise<void>;
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'no fault', fault: () => Promise.resolve() },
  { name: 'kill -9 of a storage node', fault: (cluster) => cluster.storage(1).kill() },
  {
    name: 'kill -9 and restart with its data',
    settings: { data: 'all' },
    async fault(cluster) {
      await cluster.storage(1).kill();
      cluster.storage(1).start();
    },
  },
  {
    name: 'kill -9, and the parent says so',
    async fault(cluster) {
      const dead = cluster.storage(1);
      const { incarnation } = await entryOf(cluster, dead);
      await dead.kill();
      const word = { node: dead.address, incarnation, returning: false };
      await call(cluster.controller.address, '/c/death', {
        method: 'POST',
        body: JSON.stringify(word),
      });
    },
  },
  {
    name: 'all storage nodes restart in turn (SIGTERM), with their data',
    settings: { data: 'all' },
    fault: restartAll,
  },
  { name: 'the same without data directories', fault: restartAll },
  {
    name: 'a storage node is drained',
    async fault(cluster) {
      const leaving = cluster.storage(1).address;
      const body = JSON.stringify({ node: leaving });
      await call(cluster.controller.address, '/c/admin/drain', { method: 'POST', body });
      await until(async () =>
        (await cluster.map()).partitions.every(({ members }) =>
          members.every(({ node }) => node !== leaving),
        ),
      );
    },
  },
  {
    name: `SIGSTOP of a storage node, ${STOPPED_MS / 1000} s`,
    async fault(cluster) {
      cluster.storage(1).signal('SIGSTOP');
      await pause(STOPPED_MS);
      cluster.storage(1).signal('SIGCONT');
    },
  },
  {
    name: `kill -9 of the controller, ${CONTROLLER_AWAY_MS / 1000} s`,
    settings: { data: 'controller' },
    async fault(cluster) {
      await cluster.controller.kill();
      await pause(CONTROLLER_AWAY_MS);
      cluster.controller.start();
    },
  },
  {
    name: 'kill -9 of a frontend (of the other)',
    async fault(cluster, load) {
      load.excuse(cluster.frontend(0).door);
      await cluster.frontend(0).kill();
    },
  },
  {
    name: 'a sixth storage node',
    async fault(cluster) {
      cluster.spare.start();
      await cluster.untilReady(cluster.spare);
      await pause(LOAD_MS);
    },
  },
];

/** The name of a node without a data directory is its address; one with a directory has its own. */
async function entryOf(cluster: Fleet, { address }: Node) {
  const map = await cluster.map();
  const id = Object.keys(map.nodes).find((node) => map.nodes[node]?.address === address);
  const entry = nodeEntry(map, id as NodeId);
  if (entry === undefined) throw new Error(`${address} is not in the map`);
  return entry;
}

async function restartAll(cluster: Fleet): Promise<void> {
  for (const node of cluster.storages) {
    const before = await entryOf(cluster, node);
    await node.incarnationId.stop('SIGTERM');
    node.start();
    await until(async () => (await entryOf(cluster, node)).incarnation !== before.incarnation);
    await cluster.untilSettled();
  }
}

async function measure({ settings, fault }: Scenario): Promise<Verdict> {
  const cluster = await Fleet.start({ digits: 2, timeScale: 1, ...settings });
  try {
    const load = Load.start(
      cluster.frontends.map(({ door }) => door),
      { clients: CLIENTS, keys: 500, pauseMs: 0, valueBytes: 100 },
    );
    await pause(LOAD_MS / 2);
    await fault(cluster, load);
    await pause(LOAD_MS);
    await load.untilEveryKeyIsSetAgain();
    const left = cluster.frontends.filter(({ incarnationId }) => !incarnationId.ended);
    return await load.stop(left.map(({ door }) => door));
  } finally {
    await cluster.stop();
  }
}

function row(name: string, verdict: Verdict): string {
  const stale = verdict.violations.filter((line) => line.startsWith('stale read')).length;
  const cells = [
    verdict.gets,
    verdict.sets,
    verdict.failedGets,
    verdict.failedSets,
    verdict.lost.length,
    stale,
    verdict.violations.length - stale,
    verdict.stallMs.toFixed(0),
    verdict.slowestSetMs.toFixed(0),
    verdict.slowestGetMs.toFixed(0),
  ];
  return `| ${name} | ${cells.join(' | ')} |`;
}

describe.skipIf(process.env.MEASURE_FAULTS === undefined)('figures (MEASURE_FAULTS=1)', () => {
  test('of every fault', { timeout: 3_600_000 }, async () => {
    const rows = [];
    for (const scenario of SCENARIOS.filter(({ name }) => ONLY.test(name))) {
      const verdict = await measure(scenario);
      rows.push(row(scenario.name, verdict));
      console.log(rows.at(-1), JSON.stringify(verdict.failures), `excused: ${verdict.excused}`);
    }
    expect(rows).not.toEqual([]);
    console.log(
      [
        `${CLIENTS} clients, 2 frontends, 5 storage nodes, each key on 3; times in ms`,
        '| fault | gets | sets | failed gets | failed sets | lost | stale | other violations | longest stall | slowest set | slowest get |',
        '|---|---|---|---|---|---|---|---|---|---|---|',
        ...rows,
      ].join('\n'),
    );
  });
});
