// How long a storage node with many items keeps its clients waiting: delay of its event loop, pauses for
// garbage and JavaScript heap, by its own figures, while items are overwritten, deleted, expire, and
// partitions are copied; and how long gets take meanwhile, here and in memcached and Redis where they are
// installed. ITEMS and SECONDS make it smaller; with --save the result is kept in bench/results/pauses.json.

import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { encodeRecord } from '../dist/cluster/model/record.js';
import { HybridClock } from '../dist/cluster/model/version.js';
import { changes, keyAt, probed, VALUE } from './lib/load.mjs';
import { loadRival, rivals } from './lib/rivals.mjs';
import { StorageNode } from './lib/storage-node.mjs';

const ITEMS = Number(process.env.ITEMS ?? 10_000_000);
/** The node's figures are of the last one to two minutes, so with less than 120 the filling is in them. */
const SECONDS = Number(process.env.SECONDS ?? 120);
const MEMORY_MEBIBYTES = Number(process.env.MEBIBYTES ?? 4096);
/** Copied at once, as a node that joins does. */
const COPIES = 4;
const HOUR_MS = 3_600_000;
/** The graces after which a storage node forgets deletes, and what expired. */
const DELETE_GRACE_MS = HOUR_MS;
const EXPIRY_GRACE_MS = 300_000;

const value = Buffer.from(VALUE);
const NOTHING = Buffer.alloc(0);

async function fill(stream) {
  // Two hours ago, so that deletes of an hour ago are above it.
  const clock = new HybridClock({ wallMs: () => Date.now() - 2 * HOUR_MS });
  let refused = 0;
  for (let number = 0; number < ITEMS; number++) {
    const key = Buffer.from(keyAt(number));
    const version = clock.next();
    await stream.send('set', key, { record: encodeRecord({ key, version, value }) }, (answer) => {
      if (answer.kind !== 'applied') refused++;
    });
  }
  await stream.idle();
  if (refused > 0) throw new Error(`${refused} sets were refused`);
}

/**
 * Deletes and what expires are an hour old, so that their grace is over within the load and the node forgets
 * them; the floor that it then has (H24) stays below what comes.
 */
async function change(stream, untilMs) {
  const clocks = {
    now: new HybridClock({ wallMs: Date.now }),
    old: new HybridClock({ wallMs: () => Date.now() - DELETE_GRACE_MS }),
  };
  const answers = {};
  let count = 0;
  for (const { kind, key: name } of changes(ITEMS)) {
    const nowMs = Date.now();
    if (nowMs >= untilMs) break;
    const key = Buffer.from(name);
    const record =
      kind === 'overwrite'
        ? { version: clocks.now.next(), value }
        : { version: clocks.old.next(), value };
    if (kind === 'delete') Object.assign(record, { tombstone: true, value: NOTHING });
    if (kind === 'expire') record.expiresAtMs = nowMs - EXPIRY_GRACE_MS + Math.random() * 60_000;
    count++;
    await stream.send('set', key, { record: encodeRecord({ key, ...record }) }, (answer) => {
      const name = `${kind} ${answer.kind}`;
      answers[name] = (answers[name] ?? 0) + 1;
    });
  }
  await stream.idle();
  return { count, answers };
}

/** One partition after the other, chunk by chunk, each asked for when the one before it is here. */
async function copy(stream, first, untilMs) {
  let bytes = 0;
  for (let partition = first; Date.now() < untilMs; partition += COPIES) {
    let from = { bucket: 0, afterKey: Buffer.alloc(0) };
    while (from !== undefined && Date.now() < untilMs) {
      const answer = await new Promise((resolve) =>
        stream.sendTo(partition % stream.partitions, { kind: 'copy', from }, resolve),
      );
      if (answer.kind !== 'records') throw new Error(`a copy was answered ${answer.kind}`);
      for (const record of answer.records) bytes += record.length;
      from = answer.next;
    }
  }
  return bytes;
}

async function heapMax(node, untilMs) {
  let max = 0;
  while (Date.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    max = Math.max(max, Number((await node.metrics()).nodejs_heap_size_used_bytes));
  }
  return max;
}

async function ofStorageNode() {
  const node = await StorageNode.start(['--memory', `${MEMORY_MEBIBYTES}MiB`]);
  try {
    const stream = node.stream();
    await fill(stream);
    const before = await node.metrics();
    const untilMs = Date.now() + SECONDS * 1000;
    const streams = Array.from({ length: COPIES }, () => node.stream());
    let work = [];
    const gets = await probed({ address: node.address, map: node.map }, async () => {
      work = await Promise.all([
        heapMax(node, untilMs),
        change(stream, untilMs),
        ...streams.map((one, first) => copy(one, first, untilMs)),
      ]);
    });
    const [heapBytesMax, { count, answers }, ...copied] = work;
    const after = await node.metrics();
    const grown = (name) => Number(after[name]) - Number(before[name]);
    return {
      eventLoopDelayMs: Object.fromEntries(
        ['p50', 'p99', 'p999', 'max'].map((name) => [
          name,
          Number(after[`nodejs_eventloop_lag_${name}_seconds`]) * 1000,
        ]),
      ),
      collections: Object.fromEntries(
        ['minor', 'major', 'incremental', 'weakcb'].map((kind) => [
          kind,
          {
            count: grown(`nodejs_gc_pauses_total{kind="${kind}"}`),
            ms: grown(`nodejs_gc_pause_seconds_total{kind="${kind}"}`) * 1000,
            maxMs: Number(after[`nodejs_gc_pause_max_seconds{kind="${kind}"}`]) * 1000,
          },
        ]),
      ),
      heapBytesMax,
      residentBytes: Number(after.process_resident_memory_bytes),
      items: Number(after.velourfog_items),
      movedBytes: grown('velourfog_moved_bytes_total'),
      changesPerSecond: count / SECONDS,
      answers,
      copiedBytesPerSecond: copied.reduce((sum, bytes) => sum + bytes, 0) / SECONDS,
      gets,
    };
  } finally {
    await node.stop();
  }
}

const own = await ofStorageNode();
const others = [];
for (const rival of rivals()) {
  const loaded = await loadRival(rival, {
    items: ITEMS,
    seconds: SECONDS,
    megabytes: MEMORY_MEBIBYTES,
  });
  others.push({ name: `${rival.name} ${rival.version}`, ...loaded });
}
const result = {
  items: ITEMS,
  seconds: SECONDS,
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memory: totalmem(),
    node: process.version,
  },
  loadAverage: loadavg()[1],
  'velour-fog': own,
  rivals: others,
};
if (process.argv.includes('--save')) {
  writeFileSync(
    new URL('results/pauses.json', import.meta.url),
    `${JSON.stringify(result, null, 2)}\n`,
  );
}

const ms = (number) => `${number.toFixed(1)} ms`;
const rate = (number) => `${Math.round(number)} changes/s`;
const asked = ({ p50Ms, p99Ms, p999Ms, maxMs }) =>
  `gets p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, p99.9 ${ms(p999Ms)}, max ${ms(maxMs)}`;
console.log(
  `${ITEMS} items of 16 + 100 bytes, ${SECONDS} s of overwrites, deletes, expiries and copies`,
);
const { p50, p99, p999, max } = own.eventLoopDelayMs;
console.log(
  `velour-fog: event-loop delay p50 ${ms(p50)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}, max ${ms(max)}`,
);
console.log(`velour-fog: JavaScript heap ${(own.heapBytesMax / 1e6).toFixed(0)} MB at most`);
for (const [kind, { count, ms: total, maxMs }] of Object.entries(own.collections)) {
  if (count > 0)
    console.log(
      `velour-fog: ${count} ${kind} collections, ${ms(total)} together, ${ms(maxMs)} at most`,
    );
}
console.log(
  `velour-fog: ${rate(own.changesPerSecond)}, ${(own.copiedBytesPerSecond / 1e6).toFixed(0)} MB/s copied, ${asked(own.gets)}`,
);
for (const { name, changesPerSecond, gets } of others) {
  console.log(`${name}: ${rate(changesPerSecond)}, nothing copied, ${asked(gets)}`);
}
