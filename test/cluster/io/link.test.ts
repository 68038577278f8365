// Batches on a real stream: what waits for what, and what for nothing.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { SocketLink } from '../../../src/cluster/io/link.ts';

const LIMIT = 1024 * 1024;
const EMPTY = Buffer.alloc(0);

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Pair {
  readonly asking: SocketLink;
  /** The other end of its socket, raw: nothing is said that the test does not say. */
  readonly peer: Socket;
}

async function socketPair(): Promise<readonly [Socket, Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  cleanUps.push(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}

async function askingPair(): Promise<Pair> {
  const [near, peer] = await socketPair();
  const asking = new SocketLink('asks', LIMIT);
  asking.listen({ received: () => undefined, closed: () => undefined });
  asking.attach(near, EMPTY);
  return { asking, peer };
}

/** Each message is one byte, so a frame has ten. */
const FRAME_BYTES = 10;
const send = (link: SocketLink, id: number) => link.send(id, Buffer.of(id), EMPTY);
const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

async function read(peer: Socket, bytes: number): Promise<Buffer> {
  let all = EMPTY;
  while (all.length < bytes) {
    const [more] = (await once(peer, 'data')) as [Buffer];
    all = Buffer.concat([all, more]);
  }
  return all;
}

const idsIn = (bytes: Buffer) =>
  Array.from({ length: bytes.length / FRAME_BYTES }, (_, at) =>
    bytes.readUInt32BE(at * FRAME_BYTES + 5),
  );

test('the first batch goes at once, what comes while it is under way goes together as the next', async () => {
  const { asking, peer } = await askingPair();
  expect(asking.isUnderWay()).toBe(false);
  send(asking, 1);
  send(asking, 2);
  expect(idsIn(await read(peer, 2 * FRAME_BYTES))).toEqual([1, 2]);
  expect(asking.isUnderWay()).toBe(true);
  for (const id of [3, 4, 5]) {
    send(asking, id);
    await turns(5);
  }
  expect(asking.queuedBytes()).toBe(3 * FRAME_BYTES);
  const next = read(peer, 3 * FRAME_BYTES);
  // An answer to one of them is enough: the other one may wait for a disk.
  peer.write(Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 2, 7]));
  expect(idsIn(await next)).toEqual([3, 4, 5]);
});

test('what is sent before the stream is open goes when it is', async () => {
  const [near, peer] = await socketPair();
  const asking = new SocketLink('asks', LIMIT);
  asking.listen({ received: () => undefined, closed: () => undefined });
  send(asking, 1);
  await turns(5);
  expect(asking.isUnderWay()).toBe(true);
  const first = read(peer, FRAME_BYTES);
  asking.attach(near, EMPTY);
  expect(idsIn(await first)).toEqual([1]);
});

test('no operation waits for another one that is slow: who reads says so, also when there is nothing to answer', async () => {
  const [near, far] = await socketPair();
  const answered: number[] = [];
  const asking = new SocketLink('asks', LIMIT);
  asking.listen({ received: (id) => answered.push(id), closed: () => undefined });
  asking.attach(near, EMPTY);
  const answering = new SocketLink('answers', LIMIT);
  answering.listen({
    // An even one is never answered: its disk is slow.
    received: (id) => (id % 2 === 0 ? undefined : send(answering, id)),
    closed: () => undefined,
  });
  answering.attach(far, EMPTY);
  // Alone in its batch, so nothing else in it is answered.
  send(asking, 2);
  await turns(3);
  for (let id = 3; id <= 41; id++) {
    send(asking, id);
    if (id % 3 === 0) await turns(3);
  }
  const odd = Array.from({ length: 20 }, (_, index) => 2 * index + 3);
  await expect.poll(() => answered, { timeout: 20_000 }).toEqual(odd);
  await expect.poll(() => asking.isUnderWay(), { timeout: 20_000 }).toBe(false);
});
