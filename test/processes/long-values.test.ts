// Many clients that get the longest values at once: each has all of it, or is refused before its first byte; slow
// readers are not cut off.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, set } from '../helpers/client.ts';
import { type LocalCluster, startCluster } from '../helpers/cluster.ts';

const BYTES = 16 * 1024 * 1024;
const CLIENTS = 24;

let cluster: LocalCluster;
let frontend: string;

beforeAll(async () => {
  cluster = await startCluster({ frontends: 1, storages: 2, redundancy: 2 });
  [frontend = ''] = cluster.frontends;
  expect((await set(frontend, 'long', Buffer.alloc(BYTES, 'v'))).status).toBe(200);
});
afterAll(() => cluster.stop());

async function inTime(key: string): Promise<readonly [status: number, bytes: number]> {
  for (;;) {
    const { status, bytes } = await call(frontend, `/get?key=${key}`);
    if (status !== 503) return [status, bytes.length];
  }
}

test('all at once: nobody fails but for want of room, and who comes again has it', async () => {
  const answers = await Promise.all(Array.from({ length: CLIENTS }, () => inTime('long')));
  expect(answers).toEqual(Array(CLIENTS).fill([200, BYTES]));
});

/** Reads a little at a time. @returns the status, and how much there was of the body */
async function slowly(): Promise<readonly [status: number, bytes: number]> {
  const [host = '', port = ''] = frontend.split(':');
  const socket = connect(Number(port), host);
  await once(socket, 'connect');
  let head = '';
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    if (head === '') head = chunk.toString('latin1').split('\r\n\r\n')[0] ?? '';
    received += chunk.length;
    socket.pause();
    setTimeout(() => socket.resume(), 1);
  });
  socket.write('GET /get?key=long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await once(socket, 'close');
  return [Number(head.slice(9, 12)), received - head.length - 4];
}

test('slow readers: every body is whole, or refused before its first byte', async () => {
  const answers = await Promise.all(Array.from({ length: CLIENTS }, slowly));
  for (const [status, bytes] of answers) {
    if (status === 200) expect(bytes).toBe(BYTES);
    else expect(status).toBe(503);
  }
  expect(answers.filter(([status]) => status === 200).length).toBeGreaterThan(3);
});
