// How fast a storage node reads its log back: a real node with a data directory is filled, stopped, and started
// again. What it says in its line `recovered` is the time from the first file to the last record; the start of the
// process is apart. ITEMS sets how many; with --save the result is kept in bench/results/recovery.json.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { encodeRecord } from '../dist/cluster/model/record.js';
import { HybridClock } from '../dist/cluster/model/version.js';
import { StorageNode } from './lib/storage-node.mjs';

const ITEMS = Number(process.env.ITEMS ?? 4_000_000);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const MEMORY_MEBIBYTES = Math.ceil((ITEMS * (KEY_BYTES + VALUE_BYTES + 120)) / 2 ** 20) + 64;

async function fill(stream) {
  const clock = new HybridClock({ wallMs: Date.now });
  const value = Buffer.alloc(VALUE_BYTES, 'v');
  let refused = 0;
  for (let number = 0; number < ITEMS; number++) {
    const key = Buffer.from(`key-${number}`.padEnd(KEY_BYTES, '.'));
    const record = encodeRecord({ key, version: clock.next(), value });
    await stream.send('set', key, { record }, ({ kind }) => {
      if (kind !== 'applied') refused++;
    });
  }
  await stream.idle();
  if (refused > 0) throw new Error(`${refused} sets were refused`);
}

/** @returns the line of that message, as the process logged it */
function lineOf(node, message) {
  const line = node.process.stderr.split('\n').find((each) => each.includes(`"${message}"`));
  if (line === undefined) throw new Error(`no line ${message}:\n${node.process.stderr}`);
  return JSON.parse(line);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

const directory = mkdtempSync(join(tmpdir(), 'velour-bench-'));
try {
  const words = ['--memory', `${MEMORY_MEBIBYTES}MiB`, '--data-dir', directory];
  const node = await StorageNode.start(words);
  await fill(node.stream());
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = Date.now();
    await node.restart();
    const { items, bytes, milliseconds, ts } = lineOf(node, 'recovered');
    if (items !== ITEMS) throw new Error(`${items} of ${ITEMS} items came back`);
    rounds.push({ milliseconds, startMs: Date.parse(ts) - milliseconds - began, bytes });
  }
  await node.stop();
  const recoveryMs = median(rounds.map(({ milliseconds }) => milliseconds));
  const result = {
    items: ITEMS,
    keyBytes: KEY_BYTES,
    valueBytes: VALUE_BYTES,
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memory: totalmem(),
      node: process.version,
    },
    logBytes: rounds[0].bytes,
    rounds,
    recordsPerSecond: Math.round((ITEMS * 1000) / recoveryMs),
    startMs: median(rounds.map(({ startMs }) => startMs)),
  };
  if (process.argv.includes('--save')) {
    const text = `${JSON.stringify(result, null, 2)}\n`;
    writeFileSync(new URL('results/recovery.json', import.meta.url), text);
  }
  console.log(
    `${ITEMS} items of ${KEY_BYTES} + ${VALUE_BYTES} bytes; medians of ${ROUNDS} restarts`,
  );
  console.log(
    `recovery: ${result.recordsPerSecond} records/s, ${(rounds[0].bytes / 1e3 / recoveryMs).toFixed(0)} MB/s`,
  );
  console.log(`from the kill of the old process to the first byte read: ${result.startMs} ms`);
} finally {
  rmSync(directory, { recursive: true });
}
