// A thousand connections that set one key, through one frontend, beside the same with ten thousand keys: sets
// a second, CPU time of all processes for a set, and how many writes each replica of a key does for a set that
// was acknowledged. The same for gets. CONNECTIONS, KEYS, ROUNDS and SECONDS make it smaller.

import { Cluster } from './lib/cluster.mjs';
import { fill, SERVERS } from './lib/http-servers.mjs';
import { figure, LOAD_CORE, SERVER_CORE, spread } from './lib/machine.mjs';
import { measured } from './lib/measured.mjs';
import { save } from './lib/results.mjs';
import { counted } from './lib/storage-node.mjs';
import { needWrk } from './lib/wrk.mjs';

needWrk();
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 1000);
const KEYS = Number(process.env.KEYS ?? 10_000);
const ROUNDS = Number(process.env.ROUNDS ?? 10);
const SECONDS = Number(process.env.SECONDS ?? 3);
/** Each get is answered by one replica, each set is done by all of them. */
const STORAGE = 4;
const REDUNDANCY = 3;
const COPIES = { get: 1, set: REDUNDANCY };
/** After wrk has left, for what was under way. */
const SETTLE_MS = 500;

const server = SERVERS.find(({ name }) => name === 'velour-fog');
const variants = ['set', 'get'].flatMap((kind) => [
  { kind, keys: 1, rounds: [] },
  { kind, keys: KEYS, rounds: [] },
]);

async function counts(cluster, kind) {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const sum = async (addresses, name) =>
    (await Promise.all(addresses.map((address) => counted(address, name)))).reduce((a, b) => a + b);
  return {
    operations: await sum(
      cluster.storageAddresses,
      `velourfog_operations_total{operation="${kind}"`,
    ),
    answered: await sum(
      cluster.frontendAddresses,
      `velourfog_requests_total{op="${kind}",code="200"`,
    ),
  };
}

async function round(cluster, { kind, keys }) {
  const running = { port: cluster.ports[0], processes: cluster.processes };
  const load = { keys, connections: CONNECTIONS, seconds: SECONDS, core: LOAD_CORE };
  const before = await counts(cluster, kind);
  const result = await measured(running, { ...load, ...server[kind] });
  const after = await counts(cluster, kind);
  const operations = (after.operations - before.operations) / COPIES[kind];
  const perAnswer = operations / (after.answered - before.answered);
  return { ...result, perAnswer, perReplica: perAnswer * result.perSecond };
}

const cluster = await Cluster.start({
  storage: STORAGE,
  redundancy: REDUNDANCY,
  core: SERVER_CORE,
});
try {
  await fill(server, { port: cluster.ports[0] }, KEYS);
  for (let turn = 0; turn <= ROUNDS; turn++) {
    for (const variant of variants) {
      const result = await round(cluster, variant);
      // The first one warms up.
      if (turn > 0) variant.rounds.push(result);
    }
  }
} finally {
  await cluster.stop();
}

const rows = variants.map(({ kind, keys, rounds }) => {
  const others = variants.find((each) => each.kind === kind && each.keys === KEYS).rounds;
  return {
    kind,
    keys,
    perSecond: spread(rounds.map(({ perSecond }) => perSecond)),
    throughputRatio: spread(rounds.map((one, i) => one.perSecond / others[i].perSecond)),
    cpuMicroseconds: spread(rounds.map(({ cpuMicroseconds }) => cpuMicroseconds)),
    p50Ms: spread(rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: spread(rounds.map(({ p99Ms }) => p99Ms)),
    /** Writes of each replica for a set; lookups of all replicas together for a get. */
    operationsPerAnswer: spread(rounds.map(({ perAnswer }) => perAnswer)),
    operationsPerSecond: spread(rounds.map(({ perReplica }) => perReplica)),
    /** A set takes two round trips to a replica at most, while another one of its key is under way. */
    operationsPerMedianLatency: spread(
      rounds.map(({ perReplica, p50Ms }) => (perReplica * p50Ms) / 1000),
    ),
  };
});
console.log(`${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s, K=${REDUNDANCY}`);
for (const row of rows) {
  const what = row.kind === 'set' ? 'writes per replica' : 'lookups';
  console.log(
    `${row.kind} ${String(row.keys).padStart(6)} keys: ${figure(row.perSecond)}/s, ` +
      `${figure(row.throughputRatio, 2)} x distinct keys, CPU ${figure(row.cpuMicroseconds, 1)} us, ` +
      `p50 ${row.p50Ms.median.toFixed(1)} p99 ${row.p99Ms.median.toFixed(1)} ms, ` +
      `${what}: ${figure(row.operationsPerAnswer, 3)} a ${row.kind}, ` +
      `${figure(row.operationsPerSecond)} a second`,
  );
}
save('hot-key', {
  connections: CONNECTIONS,
  rounds: ROUNDS,
  seconds: SECONDS,
  storage: STORAGE,
  redundancy: REDUNDANCY,
  valueBytes: 100,
  rows,
});
