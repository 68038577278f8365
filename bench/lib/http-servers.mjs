// The servers that requests are measured against: bare node:http, the cluster, and what others put behind
// HTTP, where that is installed. Each is started when it is needed, with its processes on one core.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cluster } from './cluster.mjs';
import { freePort, isInstalled, Process, packaged, until, versionOf } from './processes.mjs';

const HOST = '127.0.0.1';
const BARE = fileURLToPath(new URL('bare.mjs', import.meta.url));
const VALUE_BYTES = 100;
const VALUE = 'v'.repeat(VALUE_BYTES);
const { version: VERSION } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
);
/** So many requests are under way while a server is filled. */
const FILLING = 16;

/** Another checkout, built, that is measured in the same run. */
const { BESIDE } = process.env;

/**
 * What a server takes: `get` and `set` as wrk sends them, KEY in the place of the key. `fill` puts the keys
 * there. A server that cannot do one of them is without it.
 */
export const SERVERS = [
  {
    name: 'bare node:http',
    needs: [],
    version: () => process.version,
    start: startBare,
    get: { path: '/get?key=KEY' },
    set: { method: 'POST', path: '/set?key=KEY', body: VALUE },
  },
  // The other build first, for who comes first has seemed the cheaper one.
  ...(BESIDE === undefined ? [] : [velour('velour-fog BESIDE', join(BESIDE, 'dist', 'cli.js'))]),
  velour('velour-fog'),
  {
    name: 'nginx + memcached',
    needs: ['nginx', 'memcached'],
    version: () => `${versionOf('nginx', '-v')} + ${versionOf('memcached')}`,
    async start(core) {
      const [port, behind] = [await freePort(), await freePort()];
      const directory = mkdtempSync(join(tmpdir(), 'velour-bench-'));
      const conf = join(directory, 'nginx.conf');
      writeFileSync(conf, nginxConfiguration(directory, port, behind));
      const words = ['-u', 'root', '-l', HOST, '-p', behind, '-U', '0', '-m', '256', '-t', '1'];
      const processes = [
        new Process('memcached', words.map(String), { core }),
        new Process('nginx', ['-c', conf, '-p', directory], { core }),
      ];
      await listens(port);
      await listens(behind);
      const stop = async () => {
        for (const one of processes) await one.stop();
        rmSync(directory, { recursive: true });
      };
      const fill = (keys) => fillMemcached(behind, keys);
      return { port, processes, stop, fill };
    },
    get: { path: '/get?key=KEY' },
  },
  {
    name: 'Webdis + Redis',
    needs: ['webdis', 'redis-server'],
    version: () => `${packaged('webdis')} + ${versionOf('redis-server')}`,
    async start(core) {
      const [port, behind] = [await freePort(), await freePort()];
      const directory = mkdtempSync(join(tmpdir(), 'velour-bench-'));
      const conf = join(directory, 'webdis.json');
      writeFileSync(conf, webdisConfiguration(directory, port, behind));
      const redis = ['--bind', HOST, '--port', behind, '--save', '', '--appendonly', 'no'];
      const processes = [
        new Process('redis-server', redis.map(String), { core }),
        new Process('webdis', [conf], { core }),
      ];
      await listens(behind);
      await listens(port);
      const stop = async () => {
        for (const one of processes) await one.stop();
        rmSync(directory, { recursive: true });
      };
      return { port, processes, stop };
    },
    get: { path: '/GET/KEY.txt' },
    set: { method: 'PUT', path: '/SET/KEY', body: VALUE },
  },
  {
    name: 'etcd',
    needs: ['etcd'],
    version: () => versionOf('etcd'),
    async start(core) {
      const [port, peer] = [await freePort(), await freePort()];
      const directory = mkdtempSync(join(tmpdir(), 'velour-bench-'));
      const words = ['--data-dir', directory, '--logger', 'zap', '--log-level', 'error'];
      const client = `http://${HOST}:${port}`;
      words.push('--listen-client-urls', client, '--advertise-client-urls', client);
      words.push('--listen-peer-urls', `http://${HOST}:${peer}`);
      const server = new Process('etcd', words, { core });
      await listens(port);
      const stop = async () => {
        await server.stop();
        rmSync(directory, { recursive: true });
      };
      return { port, processes: [server], stop };
    },
    // Keys of 16 letters and digits are base64 as they are.
    get: { method: 'POST', path: '/v3/kv/range', body: '{"key":"KEY"}' },
    set: {
      method: 'POST',
      path: '/v3/kv/put',
      body: `{"key":"KEY","value":"${Buffer.from(VALUE).toString('base64')}"}`,
    },
  },
];

/** Answers gets with so many bytes, whatever was set. */
export async function startBare(core, valueBytes = VALUE_BYTES) {
  const port = await freePort();
  const server = new Process(process.execPath, [BARE, port, valueBytes], { core });
  await listens(port);
  return { port, processes: [server], stop: () => server.stop() };
}

/** @returns the commands that are missing */
export function missing({ needs }) {
  return needs.filter((command) => !isInstalled(command));
}

/** Keys of 16 bytes, as wrk.lua makes them. */
export function keyAt(number) {
  return `key${String(number).padStart(13, '0')}`;
}

/** Puts the first `count` keys into a server that was started. */
export async function fill(server, { port, fill: ownWay }, count) {
  const keys = Array.from({ length: count }, (_, number) => keyAt(number));
  if (ownWay !== undefined) return await ownWay(keys);
  const { method, path, body } = server.set;
  const set = async (key) => {
    const answer = await fetch(`http://${HOST}:${port}${path.replace('KEY', key)}`, {
      method,
      body: body.replace('KEY', key),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${server.name}: ${answer.status} to a set: ${text}`);
    return true;
  };
  // Some listen before they have found what stands behind them.
  await until(`${server.name} takes sets`, () => set(keys[0]));
  const waiting = keys.values();
  const one = async () => {
    for (const key of waiting) await set(key);
  };
  return await Promise.all(Array.from({ length: FILLING }, one));
}

async function listens(port) {
  await until(`something listens on port ${port}`, async () => {
    const socket = connect(port, HOST);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.destroy();
    return true;
  });
}

/** memcached's own protocol: the last command is answered after all others. */
async function fillMemcached(port, keys) {
  const socket = connect(port, HOST);
  for (const key of keys) socket.write(`set ${key} 0 0 ${VALUE.length} noreply\r\n${VALUE}\r\n`);
  socket.write('mn\r\n');
  await once(socket, 'data');
  socket.destroy();
}

function nginxConfiguration(directory, port, behind) {
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
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  upstream cache { server ${HOST}:${behind}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen ${HOST}:${port} backlog=4096;
    location /get {
      set $memcached_key $arg_key;
      default_type application/octet-stream;
      memcached_pass cache;
    }
  }
}
`;
}

function webdisConfiguration(directory, port, behind) {
  return JSON.stringify({
    redis_host: HOST,
    redis_port: behind,
    http_host: HOST,
    http_port: port,
    threads: 2,
    daemonize: false,
    database: 0,
    verbosity: 0,
    logfile: join(directory, 'webdis.log'),
  });
}

/** @param cli the program, if it is another build's */
function velour(name, cli) {
  return {
    name,
    needs: [],
    version: () => VERSION,
    async start(core) {
      const cluster = await Cluster.start({ core, ...(cli && { cli }) });
      const [port] = cluster.ports;
      const stop = () => cluster.stop();
      return { port, processes: cluster.processes, stop, cluster };
    },
    get: { path: '/get?key=KEY' },
    set: { method: 'POST', path: '/set?key=KEY', body: VALUE },
  };
}
