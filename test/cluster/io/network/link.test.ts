// Batches on a real stream: what waits for what, and what for nothing.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { SocketLink } from '../../../../src/cluster/io/network/link.ts';
import { LINK_REPLY_BYTES_HIGH } from '../../../../src/cluster/model/limits.ts';

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
  /** How often the asking side was told that nothing is under way. */
  readonly timesReady: () => number;
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
  let readyCount = 0;
  asking.listen({
    received: () => undefined,
    ready: () => readyCount++,
    closed: () => undefined,
  });
  asking.attach(near, EMPTY);
  return { asking, peer, timesReady: () => readyCount };
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

test('what one turn brings is one batch, and under way until the peer says something', async () => {
  const { asking, peer, timesReady } = await askingPair();
  expect([asking.isUnderWay(), timesReady()]).toEqual([false, 1]);
  send(asking, 1);
  send(asking, 2);
  expect([asking.isUnderWay(), asking.queuedBytes()]).toEqual([false, 2 * FRAME_BYTES]);
  expect(idsIn(await read(peer, 2 * FRAME_BYTES))).toEqual([1, 2]);
  await turns(5);
  expect([asking.isUnderWay(), timesReady()]).toEqual([true, 1]);
  // An answer to one of them is enough: the other one may wait for a disk.
  peer.write(Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 2, 7]));
  await expect.poll(timesReady, { timeout: 20_000 }).toBe(2);
  expect(asking.isUnderWay()).toBe(false);
});

test('a batch grows from turn to turn only where the one before had many messages', async () => {
  const { asking, peer, timesReady } = await askingPair();
  /** One message a turn, until the next turn would bring none. */
  const batchesOf = async (messages: number) => {
    const before = asking.batchesLeft();
    const all = read(peer, messages * FRAME_BYTES);
    for (let message = 1; message <= messages; message++) {
      send(asking, message);
      await turns(1);
    }
    await all;
    return asking.batchesLeft() - before;
  };
  const answered = async () => {
    const before = timesReady();
    peer.write(Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 2, 7]));
    await expect.poll(timesReady, { timeout: 20_000 }).toBe(before + 1);
  };
  expect(await batchesOf(3)).toBe(3);
  await answered();
  for (let id = 1; id <= 4; id++) send(asking, id);
  await read(peer, 4 * FRAME_BYTES);
  await answered();
  expect(await batchesOf(6)).toBe(1);
  await answered();
  // Not for ever: in the end nothing is held back that goes on coming.
  expect(await batchesOf(40)).toBeGreaterThan(1);
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
  let last = 1;
  const asking = new SocketLink('asks', LIMIT);
  asking.listen({
    received: (id) => answered.push(id),
    // One at a time, so that nothing else in its batch is answered for one that is slow.
    ready: () => {
      if (last < 41) send(asking, ++last);
    },
    closed: () => undefined,
  });
  asking.attach(near, EMPTY);
  const answering = new SocketLink('answers', LIMIT);
  answering.listen({
    // An even one is never answered: its disk is slow.
    received: (id) => (id % 2 === 0 ? undefined : send(answering, id)),
    closed: () => undefined,
  });
  answering.attach(far, EMPTY);
  const odd = Array.from({ length: 20 }, (_, index) => 2 * index + 3);
  await expect.poll(() => answered, { timeout: 20_000 }).toEqual(odd);
  await expect.poll(() => asking.isUnderWay(), { timeout: 20_000 }).toBe(false);
});

test('both ends may have more to send than either holds back: each has what the other one sent', async () => {
  const [near, far] = await socketPair();
  const body = Buffer.alloc(LIMIT);
  const count = (3 * LINK_REPLY_BYTES_HIGH) / body.length;
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const received: { readonly asking: number[]; readonly answering: number[] } = {
    asking: [],
    answering: [],
  };
  const asking = new SocketLink('asks', LIMIT + 64);
  asking.listen({ received: (id) => received.asking.push(id), closed: () => undefined });
  const answering = new SocketLink('answers', LIMIT + 64);
  answering.listen({ received: (id) => received.answering.push(id), closed: () => undefined });
  asking.attach(near, EMPTY);
  answering.attach(far, EMPTY);
  // As sets and the answers to gets, which meet on one stream.
  for (const id of ids) {
    asking.send(id, Buffer.of(id), body);
    answering.send(id, Buffer.of(id), body);
  }
  const both = { asking: ids, answering: ids };
  await expect.poll(() => received, { timeout: 60_000 }).toEqual(both);
});
