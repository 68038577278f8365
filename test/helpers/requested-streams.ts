// The stream contract's client as one node is to another: by Network.request, on sockets and in the simulator.

import type { BytePart, ByteStream } from '../../src/cluster/http/byte-stream.ts';
import type { PoolRequest } from '../../src/cluster/http/http-pool.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import type { Network } from '../../src/cluster/ports.ts';
import type { StreamAnswer, StreamFixture } from '../contracts/streams.ts';
import type { StreamingService } from './streaming-service.ts';

export function requestedFixture(
  network: Network,
  address: Address,
  service: StreamingService,
  passUntil: (condition: () => boolean) => Promise<void>,
): StreamFixture {
  const ask = async (request: PoolRequest, readsMax = Number.POSITIVE_INFINITY) => {
    let answer: StreamAnswer | undefined;
    let isOver = false;
    const pieces: Buffer[] = [];
    let status = 0;
    let bytes = 0;
    const answered = (isWhole: boolean) => {
      isOver = true;
      if (status !== 0) answer = { status, isWhole, body: Buffer.concat(pieces) };
    };
    const cancel = network.request(address, request, {
      answering: (head, flow) => {
        status = head.status;
        return (piece) => {
          pieces.push(piece);
          bytes += piece.length;
          // As a reader does that is slower than the network.
          flow.pause();
          setImmediate(() => flow.resume());
          if (bytes < readsMax) return;
          cancel();
          answered(false);
        };
      },
      ended: (outcome) => answered(outcome.kind === 'answered'),
    });
    await passUntil(() => isOver);
    return answer;
  };
  return {
    service,
    passUntil,
    get: async (path, readsMax) => {
      const answer = await ask({ method: 'GET', path, headers: {}, body: undefined }, readsMax);
      if (answer === undefined) throw new Error('no answer');
      return answer;
    },
    put: async (path, pieces, { breaksOff, announced = false } = {}) => {
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const headers: Record<string, string> = announced ? { 'content-length': `${length}` } : {};
      const end: BytePart = breaksOff ? { kind: 'broken', why: 'gone' } : { kind: 'end' };
      const parts = pieces.map((bytes): BytePart => ({ kind: 'bytes', bytes }));
      return ask({ method: 'PUT', path, headers, body: streamOf([...parts, end]) });
    },
  };
}

/** A body whose parts are there at once. */
function streamOf(parts: BytePart[]): ByteStream {
  return {
    length: undefined,
    read: (callback) => callback(parts.shift() ?? { kind: 'broken', why: 'failed' }),
    discard: () => void parts.splice(0),
  };
}
