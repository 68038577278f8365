// A server that stops, in a process that did not get the processor meanwhile: what clients had sent by then is in the
// buffers of the system, and the silence before it was the process's own.

import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { HttpReply } from '../../../../src/cluster/http/http.ts';
import { startHttpServer } from '../../../../src/cluster/io/server/http-server.ts';
import type { Service } from '../../../../src/cluster/ports.ts';

const HOST = '127.0.0.1';
const QUIET_MS = 1000;

test('a request that came while the process stood still is answered, not reset', async () => {
  const service = {
    handle: (_: unknown, reply: (reply: HttpReply) => void) =>
      reply({ status: 200, headers: {}, body: 'Ok' }),
    traits: () => ({ changes: false, body: { kind: 'whole' } }),
    accept: () => ({ refused: 'no' }),
  } as unknown as Service;
  const server = await startHttpServer(service, {
    host: HOST,
    port: 0,
    bodyBytesMax: 1024,
    valueBytesMax: 1024,
    bufferedBytesMax: 1024 * 1024,
    idleMs: 600_000,
    stalledMs: 600_000,
  });
  const socket = connect(server.port, HOST);
  await once(socket, 'connect');
  const ask = async () => {
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return bytes.toString('latin1');
  };
  expect(await ask()).toMatch(/^HTTP\/1\.1 200/);

  const stopped = server.drain(600_000, QUIET_MS);
  // By then the server waits for its timer.
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
  const answer = ask();
  // The whole time of silence passes at once, so that the timer that ends it comes before what was sent is read.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * QUIET_MS);
  expect(await answer).toMatch(/^HTTP\/1\.1 200.*connection: close/is);
  await stopped;
});
