// memcached asked for many keys at once over its own protocol: one command with all keys of a get, and the sets of a
// batch behind each other without an answer each, then one command that is answered.

import { once } from 'node:events';
import { connect } from 'node:net';
import { keyAt } from './http-servers.mjs';
import { freePort, Process, until, versionOf } from './processes.mjs';

const HOST = '127.0.0.1';
const VARIANTS = 256;

export const MEMCACHED = {
  name: 'memcached',
  needs: ['memcached'],
  version: () => versionOf('memcached'),
  async start(core) {
    const port = await freePort();
    const words = ['-u', 'root', '-l', HOST, '-p', port, '-U', '0', '-m', '256', '-t', '1'];
    const server = new Process('memcached', words.map(String), { core });
    await until('memcached listens', async () => {
      const socket = connect(port, HOST);
      await once(socket, 'connect');
      socket.destroy();
      return true;
    });
    const fill = async (keys) => {
      const socket = connect(port, HOST);
      for (const key of keys) socket.write(`set ${key} 0 0 100 noreply\r\n${'v'.repeat(100)}\r\n`);
      socket.write('mn\r\n');
      await once(socket, 'data');
      socket.destroy();
    };
    return { port, processes: [server], stop: () => server.stop(), fill };
  },
};

/** @returns as `measured` does, a batch counting as a request */
export async function pipelined(
  { port, processes },
  { kind, size, keys, value, connections, seconds },
) {
  const batches = Array.from({ length: VARIANTS }, (_, variant) =>
    batchOf(kind, variant, { size, keys, value }),
  );
  const end = kind === 'mget' ? 'END\r\n' : 'MN\r\n';
  const [server] = processes;
  const before = server.cpuSeconds();
  const startedMs = performance.now();
  let requests = 0;
  const latencies = [];
  const one = async (_, index) => {
    const socket = connect(port, HOST);
    await once(socket, 'connect');
    for (let number = index; performance.now() - startedMs < seconds * 1000; number++) {
      const sentMs = performance.now();
      socket.write(batches[number % VARIANTS]);
      for (;;) {
        const [bytes] = await once(socket, 'data');
        if (bytes.toString('latin1', bytes.length - end.length) === end) break;
      }
      latencies.push(performance.now() - sentMs);
      requests++;
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: connections }, one));
  const cpuMicroseconds = ((server.cpuSeconds() - before) / requests) * 1e6;
  latencies.sort((a, b) => a - b);
  return {
    requests,
    perSecond: (requests / (performance.now() - startedMs)) * 1000,
    cpuMicroseconds,
    eachMicroseconds: [cpuMicroseconds],
    p50Ms: latencies[latencies.length >> 1],
  };
}

function batchOf(kind, variant, { size, keys, value }) {
  const names = Array.from({ length: size }, (_, index) =>
    keyAt(((variant * size + index) * 7919) % keys),
  );
  if (kind === 'mget') return `get ${names.join(' ')}\r\n`;
  const sets = names.map((name) => `set ${name} 0 0 ${value.length} noreply\r\n${value}\r\n`);
  return `${sets.join('')}mn\r\n`;
}
