// Redirects of one frontend's broker beside the least that node:http can do and beside nginx: redirects a second, and CPU time
// of all server processes for each. The servers share one core, wrk has the other. The broker looks the file up and signs
// where it is; the others say the same to everybody.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cluster } from './lib/cluster.mjs';
import { keyAt } from './lib/http-servers.mjs';
import { figure, LOAD_CORE, SERVER_CORE, spread } from './lib/machine.mjs';
import { measured } from './lib/measured.mjs';
import { printTable } from './lib/print-table.mjs';
import { freePort, isInstalled, Process, until, versionOf } from './lib/processes.mjs';
import { save } from './lib/results.mjs';
import { needWrk } from './lib/wrk.mjs';

needWrk();

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 3);
const FILES = Number(process.env.FILES ?? 200);
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 64);
/** Longer than what the record of a file keeps: it has a copy to go to, however it was stored. */
const FILE_BYTES = 70_000;
const HOST = '127.0.0.1';
const BARE = fileURLToPath(new URL('lib/bare-redirect.mjs', import.meta.url));

const SERVERS = [
  {
    name: 'bare node:http',
    async start() {
      const port = await freePort();
      const server = new Process(process.execPath, [BARE, port], { core: SERVER_CORE });
      await redirects(port, '/');
      return { port, processes: [server], stop: () => server.stop() };
    },
  },
  {
    name: 'velour-fog broker',
    async start() {
      const directory = mkdtempSync(join(tmpdir(), 'velour-bench-'));
      const port = await freePort();
      const words = { frontend: ['--broker-port', port] };
      const cluster = await Cluster.start({ core: SERVER_CORE, fileServers: 3, directory, words });
      for (let index = 0; index < FILES; index++) await upload(port, keyAt(index));
      const stop = async () => {
        await cluster.stop();
        rmSync(directory, { recursive: true });
      };
      return { port, processes: cluster.processes, stop };
    },
  },
  ...(isInstalled('nginx')
    ? [{ name: `nginx ${versionOf('nginx', '-v')}`, start: startNginx }]
    : []),
];

async function startNginx() {
  const directory = mkdtempSync(join(tmpdir(), 'velour-bench-'));
  const port = await freePort();
  const conf = join(directory, 'nginx.conf');
  writeFileSync(conf, nginxConfiguration(directory, port));
  const server = new Process('nginx', ['-c', conf, '-p', directory], { core: SERVER_CORE });
  await redirects(port, '/');
  const stop = async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  };
  return { port, processes: [server], stop };
}

function nginxConfiguration(directory, port) {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  return `
daemon off;
master_process off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log /dev/null crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  ${paths.join('\n  ')}
  server {
    listen ${HOST}:${port} backlog=4096;
    location / { return 302 http://${HOST}:12800/t/${'T'.repeat(200)}$uri; }
  }
}
`;
}

async function redirects(port, path) {
  const ask = () => fetch(`http://${HOST}:${port}${path}`, { redirect: 'manual' });
  await until(`port ${port} redirects`, async () => (await ask()).status === 302);
}

async function upload(port, name) {
  const url = `http://${HOST}:${port}/${name}`;
  const put = (to) =>
    fetch(to, { method: 'PUT', body: Buffer.alloc(FILE_BYTES, name), redirect: 'manual' });
  // fetch cannot send a buffer a second time, where it is redirected.
  const answer = await put((await put(url)).headers.get('location'));
  if (!answer.ok) throw new Error(`${answer.status} to PUT ${url}: ${await answer.text()}`);
  await redirects(port, `/${name}`);
}

const running = new Map();
const results = new Map(SERVERS.map((server) => [server, []]));
try {
  for (const server of SERVERS) running.set(server, await server.start());
  for (let round = 0; round <= ROUNDS; round++) {
    for (const server of SERVERS) {
      const load = { path: '/KEY', keys: FILES, connections: CONNECTIONS, core: LOAD_CORE };
      const seconds = round === 0 ? 2 * SECONDS : SECONDS;
      const result = await measured(running.get(server), { ...load, seconds });
      if (round > 0) results.get(server).push(result);
    }
  }
} finally {
  for (const one of running.values()) await one.stop();
}

const bare = results.get(SERVERS[0]);
const rows = SERVERS.map((server) => {
  const of = results.get(server);
  return {
    server: server.name,
    perSecond: spread(of.map(({ perSecond }) => perSecond)),
    cpuMicroseconds: spread(of.map(({ cpuMicroseconds }) => cpuMicroseconds)),
    cpuRatio: spread(of.map((one, index) => one.cpuMicroseconds / bare[index].cpuMicroseconds)),
    p99Ms: spread(of.map(({ p99Ms }) => p99Ms)),
  };
});
printTable([
  ['server', 'redirects a second', 'CPU, us', 'x bare', 'p99, ms'],
  ...rows.map((row) => [
    row.server,
    figure(row.perSecond),
    figure(row.cpuMicroseconds, 1),
    figure(row.cpuRatio, 2),
    figure(row.p99Ms, 1),
  ]),
]);
save('redirects', {
  files: FILES,
  connections: CONNECTIONS,
  rounds: ROUNDS,
  seconds: SECONDS,
  rows,
});
