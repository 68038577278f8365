// Scans and exports a million keys while storage nodes come and go, and imports the export into a cluster of another size:
// whether each key was listed exactly once, whether both clusters list the same, how fast it goes, and how much memory a
// frontend takes for it. KEYS makes it smaller.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { Cluster } from './lib/cluster.mjs';
import { until } from './lib/processes.mjs';
import { save } from './lib/results.mjs';

const KEYS = Number(process.env.KEYS ?? 1_000_000);
const VALUE = 'v'.repeat(100);
const SETS_AT_ONCE = 1000;
const BATCHES_AT_ONCE = 4;
const HOST = '127.0.0.1';
const MEGABYTE = 1e6;

function keyAt(index) {
  return `bulk:${String(index).padStart(9, '0')}`;
}

async function fill(port) {
  const left = Array.from({ length: Math.ceil(KEYS / SETS_AT_ONCE) }, (_, batch) => batch).values();
  const worker = async () => {
    for (const batch of left) {
      const from = batch * SETS_AT_ONCE;
      const count = Math.min(SETS_AT_ONCE, KEYS - from);
      const lines = Array.from({ length: count }, (_, index) =>
        JSON.stringify({ key: keyAt(from + index), value: VALUE }),
      );
      const reply = await fetch(`http://${HOST}:${port}/v1/mset`, {
        method: 'POST',
        body: lines.join('\n'),
      });
      const answers = (await reply.text()).trim().split('\n');
      const failed = answers.filter((answer) => JSON.parse(answer).status >= 300);
      if (failed.length > 0) throw new Error(`a set failed: ${failed[0]}`);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, worker));
}

function asked(port, path, options = {}) {
  return new Promise((resolve, reject) => {
    const sent = request({ host: HOST, port, path, ...options }, resolve).once('error', reject);
    if (options.body === undefined) sent.end();
    else pipeline(options.body, sent).catch(reject);
  });
}

/** Calls back with each line of the reply, however long that is. @returns the last line where it has no key */
async function linesOf(port, path, line) {
  const reply = await asked(port, path);
  if (reply.statusCode !== 200) throw new Error(`${path}: ${reply.statusCode}`);
  let last;
  for await (const text of createInterface({ input: reply })) {
    const fields = JSON.parse(text);
    if (fields.error !== undefined) throw new Error(`${path}: ${text}`);
    if (fields.key === undefined) last = fields;
    else line(fields, text);
  }
  return last;
}

/** A scan of everything, over as many requests as it takes. @returns how often each key was listed, and what was listed */
async function scanned(port) {
  const times = new Uint8Array(KEYS);
  const digest = new Uint8Array(32);
  let strange = 0;
  let cursor;
  do {
    const from = cursor === undefined ? '' : `&cursor=${cursor}`;
    const path = `/v1/scan?prefix=bulk:&values=1&limit=1000000${from}`;
    const last = await linesOf(port, path, ({ key }, text) => {
      const index = Number(key.slice(5));
      if (keyAt(index) === key) times[index]++;
      else strange++;
      // The sum of the hashes is the same in whatever order the lines come.
      const hash = createHash('sha256').update(text).digest();
      for (const [at, byte] of hash.entries()) digest[at] ^= byte;
    });
    cursor = last?.cursor;
  } while (cursor !== undefined);
  const once = times.reduce((sum, count) => sum + (count === 1 ? 1 : 0), 0);
  return { once, strange, digest: Buffer.from(digest).toString('hex') };
}

/** The highest resident memory of the process until it is stopped. */
function memoryOf(one) {
  const before = one.residentBytes();
  let highest = before;
  const timer = setInterval(() => {
    highest = Math.max(highest, one.residentBytes());
  }, 100);
  return () => {
    clearInterval(timer);
    return { before: before / MEGABYTE, highest: highest / MEGABYTE };
  };
}

/** A storage node joins and one is killed, again and again. */
async function unrest(cluster, isOver) {
  const changes = { joined: 0, killed: 0 };
  while (!isOver()) {
    await cluster.addStorage();
    changes.joined++;
    await until('the node has joined', async () => isOver() || (await cluster.isSettled()));
    if (isOver()) break;
    const victim = cluster.storage.findIndex(({ ending }) => ending === undefined);
    await cluster.storage[victim].stop();
    changes.killed++;
    await pause(3000);
    await until('the others have its place', async () => isOver() || (await cluster.isSettled()));
  }
  return changes;
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function timed(what, work) {
  const startedMs = performance.now();
  const result = await work();
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(`${what}: ${seconds.toFixed(1)} s, ${Math.round(KEYS / seconds)} keys/s`);
  return { ...result, seconds };
}

const directory = mkdtempSync(join(tmpdir(), 'velour-bulk-'));
const file = join(directory, 'export.ndjson');
const cluster = await Cluster.start({ storage: 4, redundancy: 3 });
const [port] = cluster.ports;
const row = { keys: KEYS, valueBytes: VALUE.length };
try {
  row.fill = await timed('fill', () => fill(port));
  // A new one: the memory that the sets took is given back after a while only.
  await cluster.frontends[0].stop();
  cluster.startFrontend(0);
  await until('the frontend is back', async () => {
    const reply = await fetch(`http://${HOST}:${port}/readyz`);
    return reply.ok;
  });
  const memory = memoryOf(cluster.frontends[0]);
  let isOver = false;
  const changing = unrest(cluster, () => isOver);
  row.scan = await timed('scan while nodes come and go', () => scanned(port));
  row.export = await timed('export while nodes come and go', async () => {
    const reply = await asked(port, '/v1/export?prefix=bulk:');
    await pipeline(reply, createWriteStream(file));
    return {};
  });
  isOver = true;
  row.changes = await changing;
  row.memory = memory();
  console.log(
    `each key exactly once: ${row.scan.once} of ${KEYS}, ${row.scan.strange} others; ` +
      `meanwhile ${row.changes.joined} joined and ${row.changes.killed} were killed`,
  );
  const { before, highest } = row.memory;
  console.log(`frontend: ${before.toFixed(0)} MB before, ${highest.toFixed(0)} MB at most`);
  const other = await Cluster.start({ storage: 2, redundancy: 2 });
  try {
    row.import = await timed('import into a cluster of two nodes', async () => {
      const body = createReadStream(file);
      const reply = await asked(other.ports[0], '/v1/import', { method: 'POST', body });
      let text = '';
      reply.on('data', (bytes) => {
        text += bytes;
      });
      await once(reply, 'end');
      return { answer: JSON.parse(text) };
    });
    const [here, there] = [await scanned(port), await scanned(other.ports[0])];
    row.isSame = here.digest === there.digest && there.once === KEYS;
    console.log(`stored ${row.import.answer.stored}; both list the same: ${row.isSame}`);
  } finally {
    await other.stop();
  }
} finally {
  await cluster.stop();
  rmSync(directory, { recursive: true });
}
save('bulk', row);
