// How the CPU time of a get and of a set grows with the storage nodes, with the replicas of each key, with the
// length of values and with the connections: one of them at a time, in microseconds of all processes and as ratios
// to bare node:http with the same values and connections in the same round. ROUNDS, SECONDS and GROWTH, which
// names some of the four, make it smaller.

import { Cluster } from './lib/cluster.mjs';
import { fill, SERVERS, startBare } from './lib/http-servers.mjs';
import { figure, LOAD_CORE, SERVER_CORE, spread } from './lib/machine.mjs';
import { measured } from './lib/measured.mjs';
import { save } from './lib/results.mjs';
import { needWrk } from './lib/wrk.mjs';

needWrk();
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const SECONDS = Number(process.env.SECONDS ?? 2);
const WARM_UP_SECONDS = Math.min(1, SECONDS);
const ONLY = process.env.GROWTH?.split(',');
const KINDS = ['get', 'set'];
const USUAL = { nodes: 4, redundancy: 3, valueBytes: 100, connections: 64 };
/** One replica of each key, so that nodes grow and nothing else does. */
const GROWTHS = [
  { of: 'nodes', values: [1, 2, 4, 8], others: { redundancy: 1 } },
  { of: 'redundancy', values: [1, 2, 3] },
  { of: 'valueBytes', values: [10, 100, 1000, 10_000, 100_000] },
  { of: 'connections', values: [1, 16, 64, 256, 1024] },
];
const KEYS_MAX = 10_000;
/** wrk keeps every request, with its body. */
const REQUEST_BYTES_MAX = 50e6;

const velour = SERVERS.find(({ name }) => name === 'velour-fog');

const points = GROWTHS.filter(({ of }) => ONLY === undefined || ONLY.includes(of)).flatMap(
  ({ of, values, others }) => values.map((value) => ({ of, ...USUAL, ...others, [of]: value })),
);
/** A point of two growths is measured once. */
const done = new Map();

async function measure({ nodes, redundancy, valueBytes, connections }) {
  const keys = Math.floor(Math.min(KEYS_MAX, REQUEST_BYTES_MAX / valueBytes));
  const set = { ...velour.set, body: 'v'.repeat(valueBytes) };
  const bare = await startBare(SERVER_CORE, valueBytes);
  const cluster = await Cluster.start({ storage: nodes, redundancy, core: SERVER_CORE });
  const rounds = { get: [], set: [] };
  try {
    const own = { port: cluster.ports[0], processes: cluster.processes };
    await fill({ ...velour, set }, own, keys);
    for (const kind of KINDS) {
      const request = kind === 'get' ? velour.get : set;
      for (let round = 0; round <= ROUNDS; round++) {
        const seconds = round === 0 ? WARM_UP_SECONDS : SECONDS;
        const load = { keys, connections, seconds, core: LOAD_CORE, ...request };
        const result = { bare: await measured(bare, load), own: await measured(own, load) };
        if (round > 0) rounds[kind].push(result);
      }
    }
  } finally {
    await cluster.stop();
    await bare.stop();
  }
  return Object.fromEntries(KINDS.map((kind) => [kind, summary(rounds[kind], nodes)]));
}

function summary(rounds, nodes) {
  const of = (pick) => spread(rounds.map(pick));
  // In the order of Cluster.processes: the controller, the storage nodes, the frontend.
  const storage = ({ own }) =>
    own.eachMicroseconds.slice(1, 1 + nodes).reduce((sum, one) => sum + one, 0);
  return {
    cpuMicroseconds: of(({ own }) => own.cpuMicroseconds),
    cpuRatio: of(({ own, bare }) => own.cpuMicroseconds / bare.cpuMicroseconds),
    bareMicroseconds: of(({ bare }) => bare.cpuMicroseconds),
    frontendMicroseconds: of(({ own }) => own.eachMicroseconds.at(-1)),
    storageMicroseconds: of(storage),
    perSecond: of(({ own }) => own.perSecond),
    p99Ms: of(({ own }) => own.p99Ms),
  };
}

const rows = [];
for (const { of, ...point } of points) {
  const name = JSON.stringify(point);
  if (!done.has(name)) done.set(name, await measure(point));
  const row = { of, ...point, ...done.get(name) };
  rows.push(row);
  for (const kind of KINDS) {
    const { cpuMicroseconds, cpuRatio, ...parts } = row[kind];
    console.log(
      `${of} ${String(row[of]).padStart(6)}, ${kind}: CPU ${figure(cpuMicroseconds, 1)} us, ` +
        `${figure(cpuRatio, 2)} x bare; frontend ${parts.frontendMicroseconds.median.toFixed(1)}, ` +
        `storage ${parts.storageMicroseconds.median.toFixed(1)} us; ${figure(parts.perSecond)}/s`,
    );
  }
}
save('growth', { rounds: ROUNDS, seconds: SECONDS, usual: USUAL, rows });
