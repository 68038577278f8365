// How much memory an item takes beside its key and value: resident memory of a storage node with items
// less that of an empty one. memcached and Redis get the same items where they are installed.
// ITEMS sets how many; with --save the result is kept in bench/results/items.json.

import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { encodeRecord } from '../dist/cluster/model/record.js';
import { HybridClock } from '../dist/cluster/model/version.js';
import { fillRival, rivals } from './lib/rivals.mjs';
import { StorageNode } from './lib/storage-node.mjs';

const ITEMS = Number(process.env.ITEMS ?? 4_000_000);
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const PAYLOAD_BYTES = KEY_BYTES + VALUE_BYTES;
/** Enough for whoever needs most, so that nobody evicts or refuses. */
const MEMORY_MEBIBYTES = Math.ceil((ITEMS * (PAYLOAD_BYTES + 200)) / 2 ** 20) + 64;

function* items() {
  const value = 'v'.repeat(VALUE_BYTES);
  for (let number = 0; number < ITEMS; number++) {
    yield [`key-${number}`.padEnd(KEY_BYTES, '.'), value];
  }
}

async function ofStorageNode() {
  const node = await StorageNode.start(['--memory', `${MEMORY_MEBIBYTES}MiB`]);
  try {
    const empty = node.process.residentBytes();
    const stream = node.stream();
    const clock = new HybridClock({ wallMs: Date.now });
    let refused = 0;
    const began = performance.now();
    for (const [name, text] of items()) {
      const key = Buffer.from(name);
      const record = encodeRecord({
        key,
        version: clock.next(),
        value: Buffer.from(text),
      });
      await stream.send('set', key, { record }, ({ kind }) => {
        if (kind !== 'applied') refused++;
      });
    }
    await stream.idle();
    const seconds = (performance.now() - began) / 1000;
    if (refused > 0) throw new Error(`${refused} sets were refused`);
    const metrics = await node.metrics();
    if (Number(metrics.velourfog_items) !== ITEMS) throw new Error('not all items are there');
    const accounted = Number(metrics.velourfog_memory_bytes);
    return { empty, full: node.process.residentBytes(), accounted, setsPerSecond: ITEMS / seconds };
  } finally {
    await node.stop();
  }
}

function row(name, { empty, full, ...more }) {
  const overPayload = (full - empty) / ITEMS - PAYLOAD_BYTES;
  return { name, emptyBytes: empty, fullBytes: full, overPayload, ...more };
}

const rows = [row('velour-fog', await ofStorageNode())];
for (const rival of rivals()) {
  rows.push(row(`${rival.name} ${rival.version}`, await fillRival(rival, items, MEMORY_MEBIBYTES)));
}
const machine = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memory: totalmem(),
  node: process.version,
};
const result = { items: ITEMS, keyBytes: KEY_BYTES, valueBytes: VALUE_BYTES, machine, rows };
if (process.argv.includes('--save')) {
  writeFileSync(
    new URL('results/items.json', import.meta.url),
    `${JSON.stringify(result, null, 2)}\n`,
  );
}
console.log(
  `${ITEMS} items of ${KEY_BYTES} + ${VALUE_BYTES} bytes; resident memory less that of the empty process`,
);
for (const { name, emptyBytes, fullBytes, overPayload, accounted } of rows) {
  const megabytes = ((fullBytes - emptyBytes) / 1e6).toFixed(0);
  const share =
    accounted === undefined
      ? ''
      : `, accounted ${(accounted / (fullBytes - emptyBytes)).toFixed(3)} of it`;
  console.log(
    `${name}: ${megabytes} MB, ${overPayload.toFixed(1)} bytes an item over key and value${share}`,
  );
}
