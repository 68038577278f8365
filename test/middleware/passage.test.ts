// How long a request waits for a broker, and what is known of one that fails: with a broker that does as a test says, and a clock
// that it turns.

import { beforeEach, describe, expect, test } from 'vitest';
import { KnownFrontends } from '../../src/client/frontends.ts';
import { type ByteStream, bytesStream } from '../../src/cluster/http/byte-stream.ts';
import type {
  PoolEvents,
  PoolFlow,
  PoolHead,
  PoolRequest,
} from '../../src/cluster/http/http-pool.ts';
import { brokerVerdict, Passage, STILL_MS } from '../../src/middleware/passage.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const LIVE = {
  kind: 'answered',
  status: 200,
  header: (name: string) => (name === 'x-fog-role' ? role : undefined),
  body: Buffer.alloc(0),
} as const;
const HEAD: PoolHead = { status: 200, header: () => undefined };
const NO_FLOW: PoolFlow = { pause: () => undefined, resume: () => undefined };

/** Of what is at the address of the broker. */
let role: string | undefined;
let time: VirtualTime;
/** What the broker has been asked last, and how it tells of it. */
let asked: PoolRequest | undefined;
let tell: PoolEvents | undefined;
let isCancelled: boolean;
/** What has come of the request. */
let told: string[];
let flow: PoolFlow;

beforeEach(() => {
  time = new VirtualTime();
  role = 'broker';
  told = [];
  asked = undefined;
  tell = undefined;
  isCancelled = false;
  isFull = false;
});

/** Whether all connections to the broker have requests. */
let isFull = false;

function known(): KnownFrontends {
  const open = () => ({
    get isFull() {
      return isFull;
    },
    send: (request: PoolRequest, events: PoolEvents) => {
      if (request.path === '/livez') {
        time.after(1, () => events.ended(LIVE));
      } else if (!isFull) {
        asked = request;
        tell = events;
      }
      return () => {
        isCancelled = true;
      };
    },
    close: () => undefined,
  });
  const world = { open, clock: time, timers: time, judge: brokerVerdict };
  return new KnownFrontends(['a:1'], world);
}

function begin(
  method: PoolRequest['method'],
  body: PoolRequest['body'],
  brokers = known(),
): Passage {
  const passage = new Passage(
    { brokers, timers: time },
    { method, path: '/a', headers: {}, body },
    {
      answering: (_head, given) => {
        flow = given;
        told.push('answering');
        return (piece) => {
          told.push(`${piece}`);
        };
      },
      whole: () => told.push('whole'),
      failed: (_error, stage) => told.push(`failed: ${stage}`),
    },
  ).begin();
  time.runTo(time.monotonicMs() + 10);
  isCancelled = false;
  tell?.sent?.();
  return passage;
}

const passes = (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds);
const read = () => (asked?.body as ByteStream | undefined)?.read(() => undefined);
const breaks = () => tell?.ended({ kind: 'broken', error: new Error('ECONNRESET') });

/** A body of so many bytes, by its length or in chunks, whose client sends nothing further after its pieces. */
function slowBody(length: number | undefined, ...pieces: readonly string[]): ByteStream {
  const left = [...pieces];
  return {
    length,
    read: (callback) => {
      const piece = left.shift();
      if (piece !== undefined) callback({ kind: 'bytes', bytes: Buffer.from(piece) });
    },
    discard: () => undefined,
  };
}

describe('what is known of a write that fails', () => {
  test('nothing was stored of a body that the broker had not the whole of', () => {
    begin('PUT', slowBody(4, 'te'));
    read();
    read();
    breaks();
    expect(told).toEqual(['failed: unsent']);
  });

  test.each<[string, ByteStream, number]>([
    ['by its length', slowBody(4, 'te', 'xt'), 2],
    ['of no bytes', slowBody(0), 0],
    ['by its end', { ...bytesStream(Buffer.from('text')), length: undefined }, 2],
  ])('nothing, of a body that it had the whole of, %s', (_how, body, reads) => {
    begin('PUT', body);
    for (let turn = 0; turn < reads; turn++) read();
    breaks();
    expect(told).toEqual(['failed: sent']);
  });

  test('nor of a DELETE that was sent', () => {
    begin('DELETE', undefined);
    breaks();
    expect(told).toEqual(['failed: sent']);
  });
});

describe('what is at the address of a broker, and is none,', () => {
  beforeEach(() => {
    role = undefined;
  });

  test.each(['PUT', 'POST', 'DELETE'] as const)('is sent no %s', (method) => {
    begin(method, undefined);
    expect([told, asked]).toEqual([['failed: no-broker'], undefined]);
  });

  test('is asked whether it is one after each read, too', () => {
    const brokers = known();
    begin('GET', undefined, brokers);
    tell?.answering?.(HEAD, NO_FLOW);
    tell?.ended({ ...LIVE });
    begin('PUT', undefined, brokers);
    expect([told, asked?.method]).toEqual([['answering', 'whole', 'failed: no-broker'], 'GET']);
  });
});

describe('a broker that stands still is given up', () => {
  test('after the last byte of a body', () => {
    begin('PUT', bytesStream(Buffer.from('text')));
    read();
    read();
    passes(STILL_MS - 1);
    expect([told, isCancelled]).toEqual([[], false]);
    passes(1);
    expect([told, isCancelled]).toEqual([['failed: sent'], true]);
  });

  test('after a DELETE', () => {
    begin('DELETE', undefined);
    passes(STILL_MS);
    expect([told, isCancelled]).toEqual([['failed: sent'], true]);
  });

  test('in the middle of a body that it does not take', () => {
    begin('PUT', slowBody(4, 'te'));
    read();
    passes(STILL_MS);
    expect([told, isCancelled]).toEqual([['failed: unsent'], true]);
  });

  test.each(['GET', 'PUT'] as const)('in the middle of its answer to a %s', (method) => {
    begin(method, undefined);
    tell?.answering?.(HEAD, NO_FLOW)?.(Buffer.from('ha'));
    passes(STILL_MS);
    expect([told, isCancelled]).toEqual([['answering', 'ha', 'failed: answered'], true]);
  });
});

describe('but not', () => {
  test('while its client is what all wait for: of a body that is slow, or an answer that it does not take', () => {
    begin('PUT', slowBody(4, 'te'));
    read();
    read();
    passes(10 * STILL_MS);
    const take = tell?.answering?.(HEAD, NO_FLOW);
    flow.pause();
    passes(10 * STILL_MS);
    flow.resume();
    take?.(Buffer.from('ha'));
    tell?.ended({ ...LIVE });
    passes(10 * STILL_MS);
    expect(told).toEqual(['answering', 'ha', 'whole']);
  });

  test('while an answer goes on, however long that takes', () => {
    begin('GET', undefined);
    const take = tell?.answering?.(HEAD, NO_FLOW);
    for (let turn = 0; turn < 5; turn++) {
      passes(STILL_MS - 1);
      take?.(Buffer.from('x'));
    }
    tell?.ended({ ...LIVE });
    expect([told.at(-1), time.timers]).toEqual(['whole', 0]);
  });

  test('where nobody waits any more', () => {
    begin('DELETE', undefined).giveUp();
    passes(STILL_MS);
    expect([told, isCancelled, time.timers]).toEqual([[], true, 0]);
  });
});

test.each(['GET', 'PUT'] as const)(
  'while all connections are in use a %s fails, and the broker is not blamed',
  (method) => {
    const brokers = known();
    isFull = true;
    begin(method, undefined, brokers);
    passes(5050);
    expect(told).toEqual(['failed: unsent']);
    expect(brokers.inOrder().map(({ isAvoided }) => isAvoided)).toEqual([false]);
  },
);
