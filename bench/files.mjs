// Files through a frontend beside nginx with its DAV module, on one disk, by turns: one large file up and down, and many small ones
// from many clients. nginx keeps one copy and does not sync it; so it is measured once more with the file synced after each
// answer, which is what an acknowledgement of ours means. The large one goes by a broker as well, which sends the client to a file
// server, so that no frontend passes the bytes on. MEBIBYTES, FILES, CLIENTS and ROUNDS make it smaller; DISK is a directory
// on the disk that is measured.

import { execFile } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Cluster } from './lib/cluster.mjs';
import { figure, spread } from './lib/machine.mjs';
import { NginxDav } from './lib/nginx-dav.mjs';
import { printTable } from './lib/print-table.mjs';
import { freePort, isInstalled, NotInstalled } from './lib/processes.mjs';
import { save } from './lib/results.mjs';

const MEBIBYTES = Number(process.env.MEBIBYTES ?? 1024);
const FILES = Number(process.env.FILES ?? 10_000);
const CLIENTS = Number(process.env.CLIENTS ?? 32);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const DISK = process.env.DISK ?? tmpdir();
const HOST = '127.0.0.1';
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const MEBIBYTE = 1024 * 1024;
const [SMALL_BYTES_MIN, SMALL_BYTES_MAX] = [4 * 1024, 64 * 1024];
const run = promisify(execFile);

const directory = mkdtempSync(join(DISK, 'velour-bench-'));
// A source that is read from the disk which is written would be measured as well.
const memory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : DISK, 'velour-bench-'));

/** The cluster under one number of copies of a file that is longer than what a record keeps. */
class VelourFiles {
  #cluster;
  #copies;
  #prefix;

  /** @param way the port and what stands before a name; by default those of the small-file service */
  constructor(cluster, copies, way = { port: cluster.ports[0], prefix: '/file?path=' }) {
    this.#cluster = cluster;
    this.#copies = copies;
    this.#prefix = way.prefix;
    this.port = way.port;
  }

  async prepare() {
    const words = ['files', 'class', 'default', String(this.#copies)];
    await run(process.execPath, [CLI, ...words, '--controller', this.#cluster.controllerAddress]);
    // Frontends go by what they read of a class for a while.
    await new Promise((resolve) => setTimeout(resolve, 15_000));
  }

  pathOf(name) {
    return `${this.#prefix}${name}`;
  }

  async sync() {}

  cpuSeconds() {
    return this.#cluster.processes.reduce((sum, one) => sum + one.cpuSeconds(), 0);
  }
}

class Nginx {
  #nginx;
  #isSynced;

  constructor(nginx, isSynced) {
    this.#nginx = nginx;
    this.#isSynced = isSynced;
    this.port = nginx.port;
  }

  async prepare() {}

  pathOf(name) {
    return this.#nginx.pathOf(name);
  }

  async sync(name) {
    if (this.#isSynced) await this.#nginx.sync(name);
  }

  cpuSeconds() {
    return this.#nginx.cpuSeconds();
  }
}

/** @returns seconds of the clock and of all processors that the server took for the work */
async function timed(server, work) {
  const beforeCpu = server.cpuSeconds();
  const startedMs = performance.now();
  const result = await work();
  const seconds = (performance.now() - startedMs) / 1000;
  return { seconds, cpuSeconds: server.cpuSeconds() - beforeCpu, result };
}

async function curl(...words) {
  await run('curl', ['--silent', '--show-error', '--fail', '--location', ...words]);
}

async function sha512Of(path) {
  const hash = createHash('sha512');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function large(server, source, round) {
  const name = `large-${round}.bin`;
  const url = `http://${HOST}:${server.port}${server.pathOf(name)}`;
  const up = await timed(server, async () => {
    await curl('--upload-file', source.path, url);
    await server.sync(name);
  });
  // Who looks first after the class was changed may be led by the number of copies from before.
  await curl('--head', '--output', '/dev/null', url);
  const down = await timed(server, () => curl('--output', '/dev/null', url));
  const fetched = join(memory, 'fetched');
  await curl('--output', fetched, url);
  if ((await sha512Of(fetched)) !== source.sha512) throw new Error(`${url} has other bytes`);
  rmSync(fetched);
  const rate = ({ seconds, cpuSeconds }) => ({
    mebibytesPerSecond: MEBIBYTES / seconds,
    cpuSecondsPerGibibyte: (cpuSeconds * 1024) / MEBIBYTES,
  });
  return { up: rate(up), down: rate(down) };
}

const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });

/** @returns the body of an answer of success */
async function asked(port, path, method, body) {
  return await new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-length': body.length };
    const sent = request({ host: HOST, port, path, method, headers, agent }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.once('error', reject);
      answer.once('end', () => {
        if (answer.statusCode < 300) resolve(Buffer.concat(pieces));
        else reject(new Error(`${method} ${path}: ${answer.statusCode}`));
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** The clients take one file after the other. @returns how long each took, in ms */
async function byAll(work) {
  const left = Array.from({ length: FILES }, (_, index) => index).values();
  const times = [];
  const client = async () => {
    for (const index of left) {
      const startedMs = performance.now();
      await work(index);
      times.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return times.sort((a, b) => a - b);
}

const source = randomFillSync(Buffer.alloc(16 * MEBIBYTE));

/** The content of a small file: as long as its number says, and nowhere the same. */
function contentOf(index, round) {
  const bytes = SMALL_BYTES_MIN + ((index * 7919) % (SMALL_BYTES_MAX - SMALL_BYTES_MIN + 1));
  const from = (index * 104_729 + round * 15_485_863) % (source.length - bytes);
  return source.subarray(from, from + bytes);
}

async function small(server, round) {
  const nameOf = (index) => `small/${round}-${index}.bin`;
  const up = await timed(server, () =>
    byAll(async (index) => {
      const name = nameOf(index);
      await asked(server.port, server.pathOf(name), 'PUT', contentOf(index, round));
      await server.sync(name);
    }),
  );
  const down = await timed(server, () =>
    byAll(async (index) => {
      const body = await asked(server.port, server.pathOf(nameOf(index)), 'GET');
      if (!body.equals(contentOf(index, round))) throw new Error(`${index} has other bytes`);
    }),
  );
  const rate = ({ seconds, cpuSeconds, result }) => ({
    filesPerSecond: FILES / seconds,
    p99Ms: result[Math.ceil(0.99 * FILES) - 1],
    cpuMillisecondsPerFile: (cpuSeconds / FILES) * 1000,
  });
  return { up: rate(up), down: rate(down) };
}

/** Each field of the measurements over all rounds. */
function overRounds(measurements) {
  const fields = (way) =>
    Object.fromEntries(
      Object.keys(measurements[0][way]).map((field) => [
        field,
        spread(measurements.map((one) => one[way][field])),
      ]),
    );
  return { up: fields('up'), down: fields('down') };
}

/** Servers take turns; the first round warms up. */
async function byTurns(servers, measure) {
  const all = new Map(servers.map(({ name }) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { name, server } of servers) {
      await server.prepare();
      const measurement = await measure(server, round);
      if (round > 0) all.get(name).push(measurement);
    }
  }
  return [...all].map(([name, measurements]) => ({ name, ...overRounds(measurements) }));
}

async function largeFile(cluster, nginx, broker) {
  const path = join(memory, 'large.bin');
  const piece = Buffer.alloc(MEBIBYTE);
  for (let index = 0; index < MEBIBYTES; index++) {
    writeFileSync(path, randomFillSync(piece), { flag: 'a' });
  }
  const file = { path, sha512: await sha512Of(path) };
  const rows = await byTurns(
    [
      { name: 'nginx DAV', server: new Nginx(nginx, false) },
      { name: 'nginx DAV, synced', server: new Nginx(nginx, true) },
      { name: 'velour-fog, one copy', server: new VelourFiles(cluster, 1) },
      { name: 'velour-fog, two copies', server: new VelourFiles(cluster, 2) },
      { name: 'velour-fog, one copy, by a broker', server: new VelourFiles(cluster, 1, broker) },
    ],
    (server, round) => large(server, file, round),
  );
  rmSync(path);
  printTable([
    [`${MEBIBYTES} MiB`, 'up MiB/s', 'down MiB/s', 'CPU s/GiB up', 'CPU s/GiB down'],
    ...rows.map(({ name, up, down }) => [
      name,
      figure(up.mebibytesPerSecond),
      figure(down.mebibytesPerSecond),
      figure(up.cpuSecondsPerGibibyte, 1),
      figure(down.cpuSecondsPerGibibyte, 1),
    ]),
  ]);
  return rows;
}

async function smallFiles(cluster, nginx) {
  const rows = await byTurns(
    [
      { name: 'nginx DAV', server: new Nginx(nginx, false) },
      { name: 'nginx DAV, synced', server: new Nginx(nginx, true) },
      { name: 'velour-fog, three in memory', server: new VelourFiles(cluster, 2) },
    ],
    small,
  );
  printTable([
    [`${FILES} files`, 'up files/s', 'p99 ms', 'CPU ms', 'down files/s', 'p99 ms', 'CPU ms'],
    ...rows.map(({ name, up, down }) => [
      name,
      ...[up, down].flatMap((way) => [
        figure(way.filesPerSecond),
        figure(way.p99Ms, 1),
        figure(way.cpuMillisecondsPerFile, 2),
      ]),
    ]),
  ]);
  return rows;
}

if (!isInstalled('curl')) throw new NotInstalled('curl');
try {
  const nginx = await NginxDav.start(directory);
  const broker = { port: await freePort(), prefix: '/' };
  const cluster = await Cluster.start({
    storage: 3,
    fileServers: 2,
    directory,
    words: { frontend: ['--sfss-max', `${2 * MEBIBYTES}MiB`, '--broker-port', broker.port] },
  });
  const { version } = nginx;
  const settings = {
    mebibytes: MEBIBYTES,
    files: FILES,
    clients: CLIENTS,
    rounds: ROUNDS,
    version,
  };
  const rows = {
    large: await largeFile(cluster, nginx, broker),
    small: await smallFiles(cluster, nginx),
  };
  agent.destroy();
  await cluster.stop();
  await nginx.stop();
  save('files', { ...settings, ...rows });
} finally {
  for (const path of [directory, memory]) rmSync(path, { recursive: true, force: true });
}
