// What clients notice of nodes that die, restart, come and go, under the load of velour load, which verifies
// every get: requests that failed, what was lost, the longest wait for an acknowledgement, and what was copied.
// RATE, SECONDS, ROUNDS and RECORDS make it smaller; FAILURES names some of them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from './lib/cluster.mjs';
import { figure, SERVER_CORE, spread } from './lib/machine.mjs';
import {
  admin,
  entryOf,
  heldBy,
  heldOf,
  incarnationOf,
  isMember,
  movedBetween,
  placement,
} from './lib/membership.mjs';
import { until } from './lib/processes.mjs';
import { save } from './lib/results.mjs';
import { counted } from './lib/storage-node.mjs';
import { failed, kinds, underLoad } from './lib/under-load.mjs';
import { total } from './lib/velour-load.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
/** Before a fault, and after it is over. */
const SECONDS = Number(process.env.SECONDS ?? 2);
const RECORDS = Number(process.env.RECORDS ?? 10_000);
const RATE = Number(process.env.RATE ?? 1000);
const ONLY = process.env.FAILURES?.split(',');
/** Half gets, half sets. Sets that wait for a node that died hold a connection each. */
const LOAD = { workload: 'a', records: RECORDS, connections: 2000, rate: RATE, 'warm-up': 0 };
const REDUNDANCY = 3;

/** Each runs on a cluster of its own, and says what else there is to know. */
const FAILURES = [
  {
    name: 'kill -9',
    run: async (cluster) => {
      await cluster.storage[1].stop();
      await until('the dead node is replaced', async () => !(await isMember(cluster, 1)));
    },
  },
  {
    name: 'kill -9, back from its disk at once',
    data: true,
    run: async (cluster) => {
      const before = await incarnationOf(cluster, 1);
      await cluster.storage[1].stop();
      cluster.startStorage(1);
      await isBack(cluster, 1, before);
    },
  },
  {
    name: 'kill -9, its parent vouches',
    run: async (cluster) => {
      const { node, incarnation } = await entryOf(cluster, 1);
      await cluster.storage[1].stop();
      await fetch(`http://${cluster.controllerAddress}/c/death`, {
        method: 'POST',
        body: JSON.stringify({ node, incarnation, returning: false }),
      });
      await until('the dead node is replaced', async () => !(await isMember(cluster, 1)));
    },
  },
  { name: 'rolling restart', data: true, run: restartAll },
  { name: '4 to 5 storage nodes and back', run: growAndShrink },
];

async function isBack(cluster, index, before) {
  await until('the node is back', async () => {
    const now = await incarnationOf(cluster, index);
    return now !== undefined && now !== before && (await cluster.isSettled());
  });
}

/** Answers with up to 64 KiB of records that storage nodes gave to others: whole copies, and repairs. */
async function given(cluster, index) {
  const address = cluster.storageAddresses[index];
  const of = (operation) => counted(address, `velourfog_operations_total{operation="${operation}"`);
  return { copies: await of('copy'), repairs: await of('pull') };
}

async function restartAll(cluster) {
  const counts = [];
  for (const index of cluster.storage.keys()) {
    const before = await incarnationOf(cluster, index);
    counts.push(await given(cluster, index));
    await ended(cluster.storage[index]);
    cluster.startStorage(index);
    await isBack(cluster, index, before);
  }
  await ended(cluster.controller);
  cluster.startController();
  await until('the controller is back', () => cluster.isSettled());
  for (const index of cluster.frontends.keys()) {
    await ended(cluster.frontends[index]);
    cluster.startFrontend(index);
    const ready = `http://${cluster.frontendAddresses[index]}/readyz`;
    await until('the frontend is back', async () => (await fetch(ready)).ok);
  }
  for (const index of cluster.storage.keys()) counts.push(await given(cluster, index));
  const sum = (name) => counts.reduce((all, one) => all + one[name], 0);
  return { copyAnswers: sum('copies'), repairAnswers: sum('repairs') };
}

async function ended(process) {
  process.kill('SIGTERM');
  await process.exited;
}

async function growAndShrink(cluster) {
  const before = await placement(cluster);
  await cluster.addStorage();
  const added = cluster.storageAddresses.length - 1;
  const grownTo = added + 1;
  await until('the fifth node has its share', async () => {
    const held = heldOf(await placement(cluster));
    const even = held.length === grownTo && Math.max(...held) - Math.min(...held) <= 1;
    return even && (await cluster.isSettled());
  });
  const grown = await placement(cluster);
  await admin(cluster, 'drain', added);
  await until('the fifth node has nothing', async () => {
    return !(await isMember(cluster, added)) && (await cluster.isSettled());
  });
  const shrunk = await placement(cluster);
  await ended(cluster.storage[added]);
  await until('the fifth node is removed', async () => (await admin(cluster, 'remove', added)).ok);
  return {
    held: { before: heldOf(before), grown: heldOf(grown), shrunk: heldOf(shrunk) },
    moved: { growing: movedBetween(before, grown), shrinking: movedBetween(grown, shrunk) },
    // No fewer can move: the least share of five nodes, and all that the fifth one had.
    needed: {
      growing: Math.floor(grown.flat().length / grownTo),
      shrinking: heldBy(grown, cluster.storageAddresses[added]),
    },
  };
}

async function round({ data, run }) {
  const directory = data && mkdtempSync(join(tmpdir(), 'velour-bench-'));
  const settings = { redundancy: REDUNDANCY, frontends: 2, core: SERVER_CORE, directory };
  const cluster = await Cluster.start(settings);
  try {
    const {
      timeline: _,
      more,
      ...noticed
    } = await underLoad(cluster, { load: LOAD, seconds: SECONDS }, () => run(cluster));
    return { ...noticed, ...more };
  } finally {
    await cluster.stop();
    if (data) rmSync(directory, { recursive: true });
  }
}

function summary(name, rounds) {
  const sum = (pick) => rounds.reduce((all, one) => all + pick(one), 0);
  return {
    name,
    requests: sum(({ requests }) => requests),
    failedGets: sum(({ getErrors }) => failed(getErrors).failed),
    failedSets: sum(({ setErrors }) => failed(setErrors).failed),
    refused: sum((one) => failed(one.getErrors).refused + failed(one.setErrors).refused),
    lost: sum(({ violations }) => violations.lost + violations.stale),
    violations: sum(({ violations }) => total(violations)),
    getP99Ms: spread(rounds.map(({ getP99Ms }) => getP99Ms)),
    setMaxMs: spread(rounds.map(({ setMaxMs }) => setMaxMs)),
    rounds,
  };
}

function print({ name, requests, failedGets, failedSets, refused, lost, ...more }) {
  console.log(
    `${name}: of ${requests} requests ${failedGets} gets and ${failedSets} sets failed, ${refused} were refused ` +
      `a connection; ${lost} acknowledged sets lost or older, ${more.violations} violations; ` +
      `gets p99 ${figure(more.getP99Ms, 1)} ms, longest set ${figure(more.setMaxMs)} ms`,
  );
  for (const { getErrors, setErrors } of more.rounds) {
    if (total(getErrors) + total(setErrors) === 0) continue;
    console.log(`  errors of gets: ${kinds(getErrors)}; of sets: ${kinds(setErrors)}`);
  }
  for (const { copyAnswers, repairAnswers, held, moved, needed } of more.rounds) {
    if (copyAnswers !== undefined) {
      console.log(`  answers with copies: ${copyAnswers}, with repairs: ${repairAnswers}`);
    }
    if (held === undefined) continue;
    const growing = `${moved.growing} replicas moved, ${needed.growing} had to`;
    const shrinking = `${moved.shrinking} moved, ${needed.shrinking} had to`;
    console.log(`  ${growing}; back ${shrinking}; each node held ${JSON.stringify(held)}`);
  }
}

const results = [];
for (const failure of FAILURES.filter(({ name }) => ONLY === undefined || ONLY.includes(name))) {
  const rounds = [];
  while (rounds.length < ROUNDS) rounds.push(await round(failure));
  results.push(summary(failure.name, rounds));
  print(results.at(-1));
}
save('failures', { rate: RATE, redundancy: REDUNDANCY, valueBytes: 100, results });
