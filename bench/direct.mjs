// What an operation costs an application and its store together: the direct client, which asks storage nodes itself, our
// client over HTTP through one frontend, and ioredis with one Redis, which keeps one copy. CPU time of the application
// and of all server processes, with many calls in flight at a time, as a ratio to the Redis side in the same round, or
// without Redis to the direct client.
// The servers share one core, the application has the other.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Cluster } from './lib/cluster.mjs';
import { figure, LOAD_CORE, SERVER_CORE, spread } from './lib/machine.mjs';
import { ENVIRONMENT, freePort, isInstalled, Process, until, versionOf } from './lib/processes.mjs';
import { save } from './lib/results.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 3);
const KEYS = Number(process.env.KEYS ?? 10_000);
const IN_FLIGHT = Number(process.env.IN_FLIGHT ?? 64);
const WARM_UP_SECONDS = Math.min(6, 2 * SECONDS);
const VALUE_BYTES = 100;
const KINDS = ['get', 'set'];
const HOST = '127.0.0.1';
const APPLICATION = fileURLToPath(new URL('./lib/application.mjs', import.meta.url));
const IOREDIS = new URL('./node_modules/ioredis/package.json', import.meta.url);

const absent = [
  ...(isInstalled('redis-server') ? [] : ['redis-server']),
  ...(existsSync(IOREDIS) ? [] : ['ioredis (npm ci --prefix bench --ignore-scripts)']),
];

/** An application in a process of its own, which does what it is told and says what that took. */
class Application {
  #child;
  constructor(client, address) {
    const words = ['-c', String(LOAD_CORE), process.execPath, APPLICATION, client, address];
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'];
    this.#child = spawn('taskset', words, { stdio, env: ENVIRONMENT });
  }

  /** @returns how many operations were done, and the CPU time of the application in seconds */
  async run(task) {
    this.#child.send(task);
    const [answer] = await Promise.race([
      once(this.#child, 'message'),
      once(this.#child, 'exit').then(() => {
        throw new Error('the application ended');
      }),
    ]);
    return answer;
  }

  async stop() {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

async function startRedis() {
  const port = await freePort();
  const words = ['--bind', HOST, '--port', port, '--save', '', '--appendonly', 'no'];
  const server = new Process('redis-server', words.map(String), { core: SERVER_CORE });
  await until('Redis listens', async () => {
    const socket = connect(port, HOST);
    await once(socket, 'connect');
    socket.destroy();
    return true;
  });
  return { address: `${HOST}:${port}`, processes: [server] };
}

const cluster = await Cluster.start({ core: SERVER_CORE });
const PARTS = [
  ...(absent.length > 0
    ? []
    : [{ name: 'ioredis + Redis, one copy', client: 'ioredis', ...(await startRedis()) }]),
  {
    name: 'direct client, K=3',
    client: 'direct',
    address: cluster.controllerAddress,
    processes: cluster.processes,
  },
  {
    name: 'client over HTTP, K=3',
    client: 'http',
    address: cluster.frontendAddresses[0],
    processes: cluster.processes,
  },
];

const rows = [];
const applications = new Map(
  PARTS.map((part) => [part, new Application(part.client, part.address)]),
);
try {
  for (const part of PARTS) {
    await applications.get(part).run({ kind: 'fill', keys: KEYS, valueBytes: VALUE_BYTES });
  }
  for (const kind of KINDS) {
    const rounds = new Map(PARTS.map((part) => [part, []]));
    for (let round = 0; round <= ROUNDS; round++) {
      for (const part of PARTS) {
        const seconds = round === 0 ? WARM_UP_SECONDS : SECONDS;
        const one = await measure(part, { kind, seconds });
        if (round > 0) rounds.get(part).push(one);
      }
    }
    const ofFirst = rounds.get(PARTS[0]);
    for (const part of PARTS) {
      const of = rounds.get(part);
      const row = {
        kind,
        client: part.name,
        ratio: spread(
          of.map(({ microseconds }, index) => microseconds / ofFirst[index].microseconds),
        ),
        microseconds: spread(of.map(({ microseconds }) => microseconds)),
        applicationMicroseconds: spread(of.map(({ application }) => application)),
        serverMicroseconds: spread(of.map(({ servers }) => servers)),
        perSecond: spread(of.map(({ perSecond }) => perSecond)),
      };
      rows.push(row);
      print(row);
    }
  }
} finally {
  for (const one of applications.values()) await one.stop();
}

async function measure({ processes, ...part }, { kind, seconds }) {
  const cpu = () => processes.reduce((sum, one) => sum + one.cpuSeconds(), 0);
  const before = cpu();
  const application = applications.get(
    [...applications.keys()].find(({ name }) => name === part.name),
  );
  const task = { kind, seconds, keys: KEYS, valueBytes: VALUE_BYTES, inFlight: IN_FLIGHT };
  const { operations, cpuSeconds, elapsedSeconds } = await application.run(task);
  const servers = ((cpu() - before) / operations) * 1e6;
  const own = (cpuSeconds / operations) * 1e6;
  return {
    microseconds: own + servers,
    application: own,
    servers,
    perSecond: operations / elapsedSeconds,
  };
}

function print({ kind, client, ...row }) {
  console.log(
    `${kind} ${client.padEnd(26)} CPU an operation ${figure(row.ratio, 2)} x ${PARTS[0].name}, ` +
      `${figure(row.microseconds, 1)} us: application ${row.applicationMicroseconds.median.toFixed(1)}, ` +
      `servers ${row.serverMicroseconds.median.toFixed(1)}; ${figure(row.perSecond)} a second`,
  );
}

if (absent.length > 0) console.log(`Redis left out, not installed: ${absent.join(', ')}`);
const versions =
  absent.length > 0
    ? {}
    : {
        redis: versionOf('redis-server'),
        ioredis: createRequire(import.meta.url)(fileURLToPath(IOREDIS)).version,
      };
save('direct', {
  versions,
  keys: KEYS,
  inFlight: IN_FLIGHT,
  valueBytes: VALUE_BYTES,
  rounds: ROUNDS,
  seconds: SECONDS,
  rows,
});
