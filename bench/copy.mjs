// How fast a storage node that lost everything copies it from the other replica, and how long gets there
// take meanwhile: medians of some rounds, for two sizes of values. ITEMS and VALUE_BYTES set others, ROUNDS how
// many; with --save the result is kept in bench/results/copy.json.

import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { encodeRecord } from '../dist/cluster/model/record.js';
import { HybridClock } from '../dist/cluster/model/version.js';
import { keyAt, probed } from './lib/load.mjs';
import { Pair } from './lib/pair.mjs';

const SIZES =
  process.env.VALUE_BYTES === undefined
    ? [
        { valueBytes: 1000, items: 300_000 },
        { valueBytes: 100, items: 1_000_000 },
      ]
    : [{ valueBytes: Number(process.env.VALUE_BYTES), items: 300_000 }];
const ITEMS = process.env.ITEMS === undefined ? undefined : Number(process.env.ITEMS);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const QUIET_MS = Number(process.env.QUIET_MS ?? 5000);
const GETS_PER_MS = 5;
const LIMIT_MS = 120_000;
/** A sample costs the node that copies some milliseconds. */
const SAMPLE_MS = 100;
/** The first and the last twentieth are left out: in them partitions wait for their turn. */
const FROM = 0.05;
const TO = 0.95;

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function fill(pair, { items, valueBytes }) {
  const streams = [pair.stream(0), pair.stream(1)];
  const clock = new HybridClock({ wallMs: Date.now });
  const value = Buffer.alloc(valueBytes, 'v');
  let refused = 0;
  for (let number = 0; number < items; number++) {
    const key = Buffer.from(keyAt(number));
    const record = encodeRecord({ key, version: clock.next(), value });
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
async function load(stream, items, over) {
  while (!over()) {
    const until = performance.now() + 1;
    for (let count = 0; count < GETS_PER_MS; count++) {
      const key = Buffer.from(keyAt(Math.floor(Math.random() * items)));
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

/** Gets are probed at the node that is copied from, while others ask it too. */
async function round(pair, items) {
  const target = { address: pair.addresses[0], map: pair.map };
  const stream = pair.stream(0);
  let over = false;
  const loaded = load(stream, items, () => over);
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
  await served(pair);
  return { quiet, underLoad, before, during };
}

async function measure({ valueBytes, items }) {
  const mebibytes = Math.ceil((items * (valueBytes + 200)) / 2 ** 20) + 64;
  const pair = await Pair.start(['--memory', `${mebibytes}MiB`]);
  try {
    await fill(pair, { valueBytes, items });
    const rounds = [];
    while (rounds.length < ROUNDS) rounds.push(await round(pair, items));
    return rounds;
  } finally {
    await pair.stop();
  }
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function printed({ valueBytes, items }, rounds) {
  const of = (figure) => {
    const values = rounds.map(figure);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return { middle: median(values), spread: ` (${least.toFixed(2)} to ${most.toFixed(2)})` };
  };
  const speed = (figure) => {
    const { middle, spread } = of((each) => figure(each) / 1e6);
    const records = Math.round((middle * 1e6) / (44 + valueBytes));
    return `${middle.toFixed(0)} MB/s${spread}, ${records} records/s`;
  };
  const asked = (figure) => {
    const { middle, spread } = of((each) => figure(each).p99Ms);
    return `p50 ${of((each) => figure(each).p50Ms).middle.toFixed(2)} ms, p99 ${middle.toFixed(2)} ms${spread}`;
  };
  const slower = of(({ before, during }) => during.p99Ms / before.p99Ms);
  return [
    `${items} items of 16 + ${valueBytes} bytes copied by a storage node that lost them`,
    `quiet: ${speed(({ quiet }) => quiet)}`,
    `with ${GETS_PER_MS * 1000} gets a second: ${speed(({ underLoad }) => underLoad)}`,
    `gets before: ${asked(({ before }) => before)}; meanwhile: ${asked(({ during }) => during)}`,
    `p99 meanwhile over p99 before: ${slower.middle.toFixed(2)}${slower.spread}`,
  ].join('\n');
}

const results = [];
for (const size of SIZES) {
  const asked = { ...size, items: ITEMS ?? size.items };
  const rounds = await measure(asked);
  results.push({ ...asked, rounds });
  console.log(printed(asked, rounds));
}
if (process.argv.includes('--save')) {
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memory: totalmem(),
    node: process.version,
  };
  writeFileSync(
    new URL('results/copy.json', import.meta.url),
    `${JSON.stringify({ machine, loadAverage: loadavg()[1], results }, null, 2)}\n`,
  );
}
