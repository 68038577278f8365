// A thread that asks for one key each millisecond, over a connection of its own, and keeps how long the
// answers took. What it asks: `workerData.target`, a storage node or a rival.

import { connect } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { Stream } from './stream.mjs';

const latency = createHistogram();

/** @returns what asks once, and calls back with the answer */
function askStorageNode({ address, map }, key) {
  const stream = new Stream(address, map);
  return (done) => {
    stream.send('get', Buffer.from(key), {}, done).catch((error) => {
      throw error;
    });
  };
}

/** Answers come in the order of the questions. */
function askRival({ port, get, end }, key) {
  const waiting = [];
  let rest = '';
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  socket.on('data', (bytes) => {
    const pieces = (rest + bytes.toString('latin1')).split(end);
    rest = pieces.pop();
    for (const _ of pieces) waiting.shift()();
  });
  return (done) => {
    waiting.push(done);
    socket.write(get.replace('KEY', key));
  };
}

const { target, key } = workerData;
const ask = target.map === undefined ? askRival(target, key) : askStorageNode(target, key);
setInterval(() => {
  const began = performance.now();
  ask(() => latency.record(Math.max(1, Math.round((performance.now() - began) * 1e6))));
}, 1);
parentPort.on('message', () => {
  const inMs = (nanoseconds) => nanoseconds / 1e6;
  parentPort.postMessage({
    gets: latency.count,
    p50Ms: inMs(latency.percentile(50)),
    p99Ms: inMs(latency.percentile(99)),
    p999Ms: inMs(latency.percentile(99.9)),
    maxMs: inMs(latency.max),
  });
  process.exit(0);
});
