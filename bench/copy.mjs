// How fast a storage node that lost everything copies it from the other replica, and how long gets there
// take meanwhile. ITEMS sets how many; with --save the result is kept in bench/results/copy.json.

import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { encodeRecord } from '../dist/cluster/record.js';
import { HybridClock } from '../dist/cluster/version.js';
import { keyAt, probed } from './lib/load.mjs';
import { Pair } from './lib/pair.mjs';

const ITEMS = Number(process.env.ITEMS ?? 2_000_000);
const VALUE_BYTES = Number(process.env.VALUE_BYTES ?? 100);
const MEMORY_MEBIBYTES = Math.ceil((ITEMS * (VALUE_BYTES + 200)) / 2 ** 20) + 64;
const QUIET_MS = Number(process.env.QUIET_MS ?? 5000);
const GETS_PER_MS = 5;
const LIMIT_MS = 120_000;
/** A sample costs the node that copies some milliseconds. */
const SAMPLE_MS = 100;
/** The first and the last twentieth are left out: in them partitions wait for their turn. */
const FROM = 0.05;
const TO = 0.95;

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function fill(pair) {
  const streams = [pair.stream(0), pair.stream(1)];
  const clock = new HybridClock();
  const value = Buffer.alloc(VALUE_BYTES, 'v');
  let refused = 0;
  for (let number = 0; number < ITEMS; number++) {
    const key = Buffer.from(keyAt(number));
    const record = encodeRecord({ key, version: clock.next(Date.now()), value });
    for (const stream of streams) {
      await stream.send('set', key, { record }, ({ kind }) => {
        if (kind !== 'applied') refused++;
      });
    }
  }
  for (const stream of streams) {
    await stream.idle();
    stream.close();
  }
  if (refused > 0) throw new Error(`${refused} sets were refused`);
}

/** Gets at a steady rate, until `over`. */
async function load(stream, over) {
  while (!over()) {
    const until = performance.now() + 1;
    for (let count = 0; count < GETS_PER_MS; count++) {
      const key = Buffer.from(keyAt(Math.floor(Math.random() * ITEMS)));
      await stream.send('get', key, {}, () => undefined);
    }
    await later(Math.max(0, until - performance.now()));
  }
  await stream.idle();
}

/** Until the node that lost everything has some of it again: its start is none of the copy. */
async function copyBegins(pair) {
  await pair.lose(1);
  for (;;) {
    const metrics = await pair.metrics(1).catch(() => undefined);
    if (Number(metrics?.velourfog_payload_bytes) > 0) return;
    await later(5);
  }
}

/** @returns bytes of records a second */
async function copied(pair) {
  const goal = Number((await pair.metrics(0)).velourfog_payload_bytes);
  const samples = [];
  for (const began = performance.now(); ; await later(SAMPLE_MS)) {
    const metrics = await pair.metrics(1).catch(() => undefined);
    if (metrics === undefined) continue;
    const bytes = Number(metrics.velourfog_payload_bytes);
    const atMs = performance.now() - began;
    samples.push({ bytes, atMs });
    if (bytes >= goal) break;
    if (atMs > LIMIT_MS) throw new Error(`${bytes} of ${goal} bytes were copied in ${LIMIT_MS} ms`);
  }
  const first = samples.findLast(({ bytes }) => bytes <= FROM * goal) ?? samples[0];
  const last = samples.find(({ bytes }) => bytes >= TO * goal);
  return ((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000;
}

async function served(pair) {
  for (let tries = 0; tries < 600; tries++) {
    const { partitions } = await pair.readMap();
    const isServed = ({ members }) =>
      members.length === 2 && members.every(({ role }) => role === 'serving');
    if (partitions.every(isServed)) return;
    await later(100);
  }
  throw new Error('the copy never served');
}

async function measure() {
  const pair = await Pair.start(['--memory', `${MEMORY_MEBIBYTES}MiB`]);
  try {
    await fill(pair);
    const target = { address: pair.addresses[0], map: pair.map };
    const stream = pair.stream(0);
    let over = false;
    const loaded = load(stream, () => over);
    const before = await probed(target, () => later(QUIET_MS));
    let underLoad = 0;
    await copyBegins(pair);
    const during = await probed(target, async () => {
      underLoad = await copied(pair);
    });
    over = true;
    await loaded;
    stream.close();
    await served(pair);
    await copyBegins(pair);
    const quiet = await copied(pair);
    return { quiet, underLoad, before, during };
  } finally {
    await pair.stop();
  }
}

const { quiet, underLoad, before, during } = await measure();
const machine = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memory: totalmem(),
  node: process.version,
};
if (process.argv.includes('--save')) {
  const result = { items: ITEMS, valueBytes: VALUE_BYTES, machine, loadAverage: loadavg()[1] };
  const figures = { quiet, underLoad, gets: { before, during } };
  writeFileSync(
    new URL('results/copy.json', import.meta.url),
    `${JSON.stringify({ ...result, ...figures }, null, 2)}\n`,
  );
}
const megabytes = (bytes) => (bytes / 1e6).toFixed(0);
const perSecond = (bytes) =>
  `${megabytes(bytes)} MB/s, ${Math.round(bytes / (44 + VALUE_BYTES))} records/s`;
const asked = ({ p50Ms, p99Ms }) => `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`;
console.log(`${ITEMS} items of 16 + ${VALUE_BYTES} bytes copied by a storage node that lost them`);
console.log(`quiet: ${perSecond(quiet)}`);
console.log(`with ${GETS_PER_MS * 1000} gets a second: ${perSecond(underLoad)}`);
console.log(`gets before: ${asked(before)}; meanwhile: ${asked(during)}`);
