// Requests through one frontend of a whole cluster, beside bare node:http and beside what others put behind
// HTTP: requests a second, latency, and CPU time of all server processes for each request, as ratios to bare
// node:http in the same round. The servers share one core, wrk has the other.

import { fill, missing, SERVERS } from './lib/http-servers.mjs';
import { LOAD_CORE, SERVER_CORE, spread } from './lib/machine.mjs';
import { measured } from './lib/measured.mjs';
import { save } from './lib/results.mjs';
import { needWrk } from './lib/wrk.mjs';

needWrk();

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 3);
const KEYS = Number(process.env.KEYS ?? 10_000);
const CONNECTIONS = (process.env.CONNECTIONS ?? '64,256').split(',').map(Number);
const KINDS = (process.env.KINDS ?? 'get,set').split(',');
const ONLY = process.env.SERVERS?.split(',');
/** The compiler shares the core with what it compiles, so it takes its time. */
const WARM_UP_SECONDS = Math.min(6, 2 * SECONDS);

const wanted = SERVERS.filter(({ name }) => ONLY === undefined || ONLY.includes(name));
const absent = wanted.filter((server) => missing(server).length > 0);
const present = wanted.filter((server) => missing(server).length === 0);

const running = new Map();
const rows = [];
try {
  for (const server of present) {
    running.set(server, await server.start(SERVER_CORE));
    if (server.needs !== undefined && server.name !== 'bare node:http') {
      await fill(server, running.get(server), KEYS);
    }
  }
  for (const kind of KINDS) {
    for (const connections of CONNECTIONS) {
      const able = present.filter((server) => server[kind] !== undefined);
      const rounds = new Map(able.map((server) => [server, []]));
      for (let round = 0; round <= ROUNDS; round++) {
        for (const server of able) {
          const seconds = round === 0 ? WARM_UP_SECONDS : SECONDS;
          const load = { keys: KEYS, connections, seconds, core: LOAD_CORE, ...server[kind] };
          const result = await measured(running.get(server), load);
          if (round > 0) rounds.get(server).push(result);
        }
      }
      const bare = rounds.get(present[0]);
      for (const server of able) {
        const of = rounds.get(server);
        const row = {
          kind,
          connections,
          server: server.name,
          perSecond: spread(of.map(({ perSecond }) => perSecond)),
          cpuMicroseconds: spread(of.map(({ cpuMicroseconds }) => cpuMicroseconds)),
          cpuRatio: spread(of.map((one, i) => one.cpuMicroseconds / bare[i].cpuMicroseconds)),
          p50Ms: spread(of.map(({ p50Ms }) => p50Ms)),
          p99Ms: spread(of.map(({ p99Ms }) => p99Ms)),
          eachMicroseconds: of[0].eachMicroseconds.map(
            (_, index) => spread(of.map((one) => one.eachMicroseconds[index])).median,
          ),
        };
        rows.push(row);
        print(row);
      }
      for (const server of absent.filter((one) => one[kind] !== undefined)) {
        const row = { kind, connections, server: server.name, notInstalled: missing(server) };
        rows.push(row);
        console.log(`${title(row)} not installed: ${row.notInstalled.join(', ')}`);
      }
    }
  }
} finally {
  for (const one of running.values()) await one.stop();
}

function title({ kind, connections, server }) {
  return `${kind} ${String(connections).padStart(4)} ${server.padEnd(18)}`;
}

function print(row) {
  const figure = ({ median, min, max }, digits) =>
    `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
  console.log(
    `${title(row)} CPU ${figure(row.cpuRatio, 2)} x bare, ${figure(row.cpuMicroseconds, 1)} us, ` +
      `${figure(row.perSecond, 0)}/s, p50 ${row.p50Ms.median.toFixed(2)} p99 ${row.p99Ms.median.toFixed(2)} ms` +
      (row.eachMicroseconds.length > 1
        ? `  [${row.eachMicroseconds.map((one) => one.toFixed(1)).join(' ')}]`
        : ''),
  );
}

save('requests', {
  versions: Object.fromEntries(present.map((server) => [server.name, server.version()])),
  keys: KEYS,
  valueBytes: 100,
  rounds: ROUNDS,
  seconds: SECONDS,
  rows,
});
