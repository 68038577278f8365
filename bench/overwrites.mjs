// What a storage node does whose memory is nine tenths full, and all of it is overwritten ten times: whether
// anything is refused, whether the process grows, and how many sets a second it takes beside an empty one's.
// MEBIBYTES sets its memory; with --save the result is kept in bench/results/overwrites.json.

import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { encodeRecord } from '../dist/cluster/model/record.js';
import { HybridClock } from '../dist/cluster/model/version.js';
import { keyAt, VALUE } from './lib/load.mjs';
import { StorageNode } from './lib/storage-node.mjs';

const MEBIBYTES = Number(process.env.MEBIBYTES ?? 256);
const TIMES = Number(process.env.TIMES ?? 10);
const FULL = 0.9;
/** Between two looks at how full the node is. */
const AT_ONCE = 5000;

const clock = new HybridClock({ wallMs: Date.now });
const value = Buffer.from(VALUE);

class Load {
  #stream;
  refused = 0;
  sets = 0;
  #beganMs = 0;

  constructor(stream) {
    this.#stream = stream;
  }

  begin() {
    this.sets = 0;
    this.#beganMs = performance.now();
  }

  async set(number) {
    const key = Buffer.from(keyAt(number));
    const record = encodeRecord({ key, version: clock.next(), value });
    this.sets++;
    await this.#stream.send('set', key, { record }, ({ kind }) => {
      if (kind !== 'applied') this.refused++;
    });
    return record.length;
  }

  async setsPerSecond() {
    await this.#stream.idle();
    return (this.sets / (performance.now() - this.#beganMs)) * 1000;
  }
}

const node = await StorageNode.start(['--memory', `${MEBIBYTES}MiB`]);
const usedShare = async () => {
  const metrics = await node.metrics();
  return Number(metrics.velourfog_memory_bytes) / Number(metrics.velourfog_memory_limit_bytes);
};
const load = new Load(node.stream());
const cpuSeconds = async () => Number((await node.metrics()).process_cpu_seconds_total);
let items = 0;
load.begin();
let cpu = await cpuSeconds();
while ((await usedShare()) < FULL) {
  for (let count = 0; count < AT_ONCE; count++) await load.set(items++);
}
const empty = await load.setsPerSecond();
const emptyCpuMicroseconds = (((await cpuSeconds()) - cpu) / load.sets) * 1e6;
const before = node.process.residentBytes();
cpu = await cpuSeconds();
load.begin();
for (let bytes = 0; bytes < TIMES * MEBIBYTES * 2 ** 20; ) {
  bytes += await load.set(Math.floor(Math.random() * items));
}
const full = await load.setsPerSecond();
const fullCpuMicroseconds = (((await cpuSeconds()) - cpu) / load.sets) * 1e6;
const after = node.process.residentBytes();
const metrics = await node.metrics();
const result = {
  memoryMebibytes: MEBIBYTES,
  times: TIMES,
  items,
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memory: totalmem(),
    node: process.version,
  },
  loadAverage: loadavg()[1],
  refused: load.refused,
  residentBytes: { before, after },
  setsPerSecond: { empty, full },
  cpuMicrosecondsPerSet: { empty: emptyCpuMicroseconds, full: fullCpuMicroseconds },
  movedBytesPerByteSet: Number(metrics.velourfog_moved_bytes_total) / (load.sets * 144),
};
await node.stop();
if (process.argv.includes('--save')) {
  writeFileSync(
    new URL('results/overwrites.json', import.meta.url),
    `${JSON.stringify(result, null, 2)}\n`,
  );
}
const megabytes = (bytes) => (bytes / 1e6).toFixed(0);
console.log(
  `${MEBIBYTES} MiB, ${items} items of 16 + 100 bytes take nine tenths, overwritten ${TIMES} times`,
);
console.log(
  `${result.refused} refused; resident memory ${megabytes(before)} MB before, ${megabytes(after)} MB after`,
);
console.log(
  `sets a second: ${Math.round(empty)} into an empty node, ${Math.round(full)} into a full one, ${(empty / full).toFixed(2)} times as many`,
);
console.log(
  `CPU of the node a set: ${emptyCpuMicroseconds.toFixed(1)} us and ${fullCpuMicroseconds.toFixed(1)} us; ${result.movedBytesPerByteSet.toFixed(1)} bytes moved for each that came`,
);
