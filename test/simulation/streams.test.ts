// Streamed bodies in the simulator: the same suite as on sockets, and what a crash of the process does to them.

import { expect, test } from 'vitest';
import type { BytePart, ByteStream } from '../../src/cluster/http/byte-stream.ts';
import { type HttpReply, isWhole } from '../../src/cluster/http/http.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import { SimulatedNetwork } from '../../src/simulation/network.ts';
import { SimulatedNode } from '../../src/simulation/node.ts';
import { SimulatedProcess } from '../../src/simulation/process.ts';
import { requestOf } from '../../src/simulation/requests.ts';
import { PiecesStream } from '../../src/simulation/streams.ts';
import { World } from '../../src/simulation/world.ts';
import { type StreamAnswer, streamContract } from '../contracts/streams.ts';
import { requestedFixture } from '../helpers/requested-streams.ts';
import { PIECE_BYTES, StreamingService } from '../helpers/streaming-service.ts';

const DELAY_MS = 5;

function staged() {
  const world = new World(1);
  const service = new StreamingService(1024 * 1024);
  const network = new SimulatedNetwork(world);
  const node = new SimulatedNode(world, network, 'a:1' as Address, () => service, false);
  node.start();
  const passUntil = (condition: () => boolean) => {
    while (!condition()) world.runUntil(world.nowMs + 1);
    return Promise.resolve();
  };
  const collect = (
    body: ByteStream,
    readsMax: number,
    done: (answer: Omit<StreamAnswer, 'status'>) => void,
  ) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const end = (isEnded: boolean) => {
      const isShort = body.length !== undefined && bytes !== body.length;
      done({ body: Buffer.concat(pieces), isWhole: isEnded && !isShort });
    };
    const take = (part: BytePart) => {
      if (part.kind !== 'bytes') return end(part.kind === 'end');
      pieces.push(part.bytes);
      bytes += part.bytes.length;
      if (bytes < readsMax) return body.read(take);
      body.discard();
      return end(false);
    };
    body.read(take);
  };
  const answerTo = async (
    send: (reply: (reply: HttpReply) => void) => void,
    readsMax = Number.POSITIVE_INFINITY,
  ): Promise<StreamAnswer> => {
    let answer: StreamAnswer | undefined;
    send((reply) => {
      const { status } = reply;
      if (isWhole(reply)) answer = { status, body: Buffer.from(reply.body), isWhole: true };
      else collect(reply.body, readsMax, (rest) => (answer = { status, ...rest }));
    });
    await passUntil(() => answer !== undefined);
    if (answer === undefined) throw new Error('no answer');
    return answer;
  };
  return { world, service, network, node, passUntil, answerTo };
}

streamContract('the simulator', async () => {
  const { world, service, node, passUntil, answerTo } = staged();
  return {
    service,
    passUntil,
    get: (target, readsMax) =>
      answerTo((reply) => node.request(requestOf('GET', target), reply), readsMax),
    put: async (target, pieces, { breaksOff, announced = false } = {}) => {
      const parts: BytePart[] = pieces.map((bytes) => ({ kind: 'bytes', bytes }));
      parts.push(breaksOff ? { kind: 'broken', why: 'gone' } : { kind: 'end' });
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const stream = new PiecesStream(world, parts, {
        ...(announced ? { length } : {}),
        delayMs: () => DELAY_MS,
      });
      const answer = await answerTo((reply) =>
        node.request(requestOf('PUT', target, { kind: 'stream', stream }), reply),
      );
      return breaksOff ? undefined : answer;
    },
  };
});

streamContract('requests of simulated nodes', async () => {
  const { world, service, network } = staged();
  const caller = new SimulatedProcess(world, 'caller');
  caller.start();
  // The suite's reader goes on in turns of the event loop.
  const passUntil = async (condition: () => boolean) => {
    while (!condition()) {
      world.runUntil(world.nowMs + 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return requestedFixture(network.portOf(caller), 'a:1' as Address, service, passUntil);
});

test('a client that reads a reply of a process that dies sees that it is not whole', async () => {
  const { node, world, answerTo, service } = staged();
  const target = `/out?bytes=${1000 * PIECE_BYTES}`;
  let taken = 0;
  const ended: string[] = [];
  node.request(requestOf('GET', target), (reply) => {
    if (isWhole(reply)) throw new Error('a stream is expected');
    const { body } = reply;
    const take = (part: BytePart) => {
      if (part.kind !== 'bytes') return ended.push(part.kind);
      taken++;
      return world.at(DELAY_MS, () => body.read(take));
    };
    body.read(take);
  });
  world.runUntil(world.nowMs + 10 * DELAY_MS);
  node.crash(false);
  world.runUntil(world.nowMs + 10 * DELAY_MS);
  expect(ended).toEqual(['broken']);
  expect(taken).toBeLessThan(20);
  node.start();
  expect((await answerTo((reply) => node.request(requestOf('GET', target), reply), 1)).status).toBe(
    200,
  );
  expect(service.ended).toEqual([]);
});

test('what a client sends to a process that is paused waits, and to one that died is lost', () => {
  const { node, world, service } = staged();
  const replies: HttpReply[] = [];
  const stream = new PiecesStream(
    world,
    [{ kind: 'bytes', bytes: Buffer.from('a') }, { kind: 'end' }],
    {
      delayMs: () => DELAY_MS,
    },
  );
  node.request(requestOf('PUT', '/in', { kind: 'stream', stream }), (reply) => replies.push(reply));
  node.process.pause();
  world.runUntil(world.nowMs + 10 * DELAY_MS);
  expect(stream.asked).toBe(1);
  node.process.resume();
  node.crash(false);
  world.runUntil(world.nowMs + 10 * DELAY_MS);
  expect([replies, service.ended]).toEqual([[], []]);
});
