// Many keys in one request, through one frontend of a whole cluster: CPU time of all server processes for each key, as
// a ratio to a whole request to bare node:http in the same round, and beside what others offer for many keys at once.
// The servers share one core, who loads them has the other.

import { fill, missing, SERVERS, startBare } from './lib/http-servers.mjs';
import { figure, LOAD_CORE, SERVER_CORE, spread } from './lib/machine.mjs';
import { measured } from './lib/measured.mjs';
import { MEMCACHED, pipelined } from './lib/pipelined.mjs';
import { save } from './lib/results.mjs';
import { needWrk } from './lib/wrk.mjs';

needWrk();

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 3);
const KEYS = Number(process.env.KEYS ?? 10_000);
const SIZE = Number(process.env.SIZE ?? 100);
const CONNECTIONS = (process.env.CONNECTIONS ?? '16,64').split(',').map(Number);
const KINDS = (process.env.KINDS ?? 'mget,mset').split(',');
/** The compiler shares the core with what it compiles, so it takes its time. */
const WARM_UP_SECONDS = Math.min(6, 2 * SECONDS);
const VALUE = 'v'.repeat(100);

const bare = SERVERS.find(({ name }) => name === 'bare node:http');
const cluster = SERVERS.find(({ name }) => name === 'velour-fog');
const webdis = SERVERS.find(({ name }) => name === 'Webdis + Redis');

/** What each measures: `wrk` with a load for each kind, or a client of its own. */
const PARTS = [
  {
    name: 'bare node:http, one request',
    server: bare,
    size: 1,
    load: { mget: bare.get, mset: bare.set },
  },
  ...['lines', 'binary'].map((form) => ({
    name: `velour-fog, ${form}`,
    server: cluster,
    size: SIZE,
    load: {
      mget: { path: '/v1/mget', batch: { size: SIZE, form } },
      mset: { path: '/v1/mset', batch: { size: SIZE, form, value: VALUE } },
    },
  })),
  {
    name: 'Webdis + Redis, one copy',
    server: webdis,
    size: SIZE,
    load: {
      mget: { path: '/', batch: { size: SIZE, form: 'webdis' } },
      mset: { path: '/', batch: { size: SIZE, form: 'webdis', value: VALUE } },
    },
  },
  { name: 'memcached, pipelined, one copy', server: MEMCACHED, size: SIZE, own: pipelined },
];

const absent = PARTS.filter(({ server }) => missing(server).length > 0);
const present = PARTS.filter(({ server }) => missing(server).length === 0);
const running = new Map();
const rows = [];
try {
  for (const { server } of present) {
    if (running.has(server)) continue;
    running.set(
      server,
      server === bare ? await startBare(SERVER_CORE) : await server.start(SERVER_CORE),
    );
    if (server !== bare) await fill(server, running.get(server), KEYS);
  }
  for (const kind of KINDS) {
    for (const connections of CONNECTIONS) {
      const rounds = new Map(present.map((part) => [part, []]));
      for (let round = 0; round <= ROUNDS; round++) {
        for (const part of present) {
          const seconds = round === 0 ? WARM_UP_SECONDS : SECONDS;
          const load = { keys: KEYS, connections, seconds, core: LOAD_CORE };
          const target = running.get(part.server);
          const result =
            part.own === undefined
              ? await measured(target, { ...load, ...part.load[kind] })
              : await part.own(target, { ...load, kind, size: SIZE, value: VALUE });
          if (round > 0) rounds.get(part).push(result);
        }
      }
      const ofBare = rounds.get(present[0]);
      for (const part of present) {
        const of = rounds.get(part);
        const row = {
          kind,
          connections,
          server: part.name,
          keysPerSecond: spread(of.map(({ perSecond }) => perSecond * part.size)),
          keyMicroseconds: spread(of.map(({ cpuMicroseconds }) => cpuMicroseconds / part.size)),
          keyRatio: spread(
            of.map((one, i) => one.cpuMicroseconds / part.size / ofBare[i].cpuMicroseconds),
          ),
          p50Ms: spread(of.map(({ p50Ms }) => p50Ms)),
          eachMicroseconds: of[0].eachMicroseconds.map(
            (_, index) => spread(of.map((one) => one.eachMicroseconds[index] / part.size)).median,
          ),
        };
        rows.push(row);
        print(row);
      }
    }
  }
  for (const { name, server } of absent) {
    rows.push({ server: name, notInstalled: missing(server) });
    console.log(`${name} not installed: ${missing(server).join(', ')}`);
  }
} finally {
  for (const one of running.values()) await one.stop();
}

function print({ kind, connections, server, ...row }) {
  console.log(
    `${kind} ${String(connections).padStart(3)} ${server.padEnd(31)} CPU a key ${figure(row.keyRatio, 3)} x a bare request, ` +
      `${figure(row.keyMicroseconds, 2)} us, ${figure(row.keysPerSecond)} keys/s, p50 ${row.p50Ms.median.toFixed(2)} ms` +
      (row.eachMicroseconds.length > 1
        ? `  [${row.eachMicroseconds.map((one) => one.toFixed(2)).join(' ')}]`
        : ''),
  );
}

save('batches', {
  versions: Object.fromEntries(present.map(({ name, server }) => [name, server.version()])),
  keys: KEYS,
  batch: SIZE,
  valueBytes: VALUE.length,
  rounds: ROUNDS,
  seconds: SECONDS,
  rows,
});
