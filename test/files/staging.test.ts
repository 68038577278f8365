// The first half of an upload: what several file servers stage of one body, and that none is waited for that is gone.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newBlobId } from '../../src/files/blob-id.ts';
import { fileTimes } from '../../src/files/file-times.ts';
import { Staging, type StagingOutcome } from '../../src/files/staging.ts';
import { BodyByHand } from '../helpers/body-by-hand.ts';
import { placedServer, ScriptedNetwork } from '../helpers/scripted-file-servers.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const TIMES = fileTimes(1);
const BLOB = newBlobId(1, 'a'.repeat(32));
const PIECE = Buffer.alloc(100_000, 'x');

interface Options {
  readonly servers?: readonly string[];
  readonly body?: BodyByHand;
  readonly beginning?: readonly Buffer[];
  readonly bytesMax?: number;
  readonly judge?: () => string | undefined;
  readonly network?: ScriptedNetwork;
}

function staging(options: Options = {}) {
  const { servers = ['a', 'b'], body = new BodyByHand(), beginning = [] } = options;
  const { bytesMax = 2 ** 30, judge = () => undefined, network = new ScriptedNetwork() } = options;
  const time = new VirtualTime();
  const down = new Set<string>();
  const outcomes: StagingOutcome[] = [];
  const runtime = { timers: time, network };
  const targets = servers.map((name) => placedServer(name));
  const request = { blob: BLOB, body, beginning, bytesMax, targets, judge };
  const isUp = (id: string) => !down.has(id);
  new Staging(runtime, TIMES, { isUp }, request, (outcome) => {
    expect(body.isDone, 'the body was read to its end, or discarded').toBe(true);
    outcomes.push(outcome);
  }).start();
  const puts = Object.fromEntries(network.requests.map((request) => [request.server, request]));
  const put = (name: string) => {
    const found = puts[name];
    if (found === undefined) throw new Error(`nothing is sent to ${name}`);
    return found;
  };
  return {
    network,
    body,
    time,
    down,
    put,
    /** In short: what has become of it, and which servers have staged it or have failed. */
    told: () => outcomes.map(shortly),
    outcomes,
    pass: (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds),
    /** Nothing is left: no request, no timer, and no wish for more of the body. */
    expectNothingLeft: () => {
      expect(network.underWay).toEqual([]);
      expect(time.timers).toBe(0);
      expect(body.isAwaited).toBe(false);
    },
  };
}

function shortly(outcome: StagingOutcome): string {
  const names = (servers: readonly { readonly id: string }[]) => servers.map(({ id }) => id);
  switch (outcome.kind) {
    case 'staged': {
      const { at, failed, isFull } = outcome;
      return `staged${isFull ? ' full' : ''} at:${names(at)} failed:${names(failed)}`;
    }
    case 'nowhere':
      return `nowhere${outcome.isFull ? ' full' : ''} failed:${names(outcome.failed)}`;
    case 'broken':
      return `broken ${outcome.why}`;
    case 'mismatch':
      return `mismatch: ${outcome.detail}`;
  }
}

describe('a body is staged', () => {
  test('at each target, and its sums are told with those that have it', () => {
    const { body, put, told, outcomes, expectNothingLeft } = staging();
    for (const name of ['a', 'b']) put(name).takeAll();
    body.push(PIECE);
    body.push(Buffer.from('end'));
    body.end();
    const whole = Buffer.concat([PIECE, Buffer.from('end')]);
    for (const name of ['a', 'b']) {
      expect([put(name).method, put(name).path]).toEqual(['PUT', `/blobs/${BLOB}`]);
      expect(put(name).received.equals(whole)).toBe(true);
      expect(told()).toEqual([]);
      put(name).answer(201);
    }
    expect(told()).toEqual(['staged at:a,b failed:']);
    expect(outcomes[0]).toMatchObject({
      sums: { size: whole.length, sha512: createHash('sha512').update(whole).digest('hex') },
    });
    expectNothingLeft();
  });

  test('with its length where it is known, and with what was read of it before', () => {
    const known = staging({ body: BodyByHand.whole([PIECE]) });
    expect(known.put('a').headers).toEqual({ 'content-length': `${PIECE.length}` });
    const { body, put, told } = staging({ beginning: [PIECE] });
    expect(put('a').headers).toEqual({});
    for (const name of ['a', 'b']) put(name).takeAll();
    body.end();
    for (const name of ['a', 'b']) put(name).answer(201);
    expect(put('b').received.equals(PIECE)).toBe(true);
    expect(told()).toEqual(['staged at:a,b failed:']);
  });

  test.each([
    [507, 'staged full at:b failed:'],
    [503, 'staged at:b failed:'],
    [409, 'staged at:b failed:'],
    [404, 'staged at:b failed:'],
    [200, 'staged at:b failed:'],
  ])('at the other target where one answers %i in the midst', (status, expected) => {
    const { body, put, told, expectNothingLeft } = staging();
    put('b').takeAll();
    body.push(PIECE);
    put('a').take();
    body.push(PIECE);
    put('a').answer(status);
    body.end();
    expect(told()).toEqual([]);
    put('b').answer(201);
    expect(put('b').received.length).toBe(2 * PIECE.length);
    expect(told()).toEqual([expected]);
    expectNothingLeft();
  });

  test('at the other target where the connection to one breaks', () => {
    const { body, put, told, expectNothingLeft } = staging();
    for (const name of ['a', 'b']) put(name).takeAll();
    body.push(PIECE);
    put('a').breakOff();
    body.push(PIECE);
    body.end();
    put('b').answer(201);
    expect(told()).toEqual(['staged at:b failed:a']);
    expectNothingLeft();
  });

  test('at the other target where one takes nothing any more: that one is left', () => {
    const { body, put, told, pass, expectNothingLeft } = staging();
    put('b').takeAll();
    for (let piece = 0; piece < 30; piece++) body.push(PIECE);
    body.end();
    expect(put('b').received.length).toBeLessThan(20 * PIECE.length);
    pass(2 * TIMES.stallMs);
    expect(put('b').received.length).toBe(30 * PIECE.length);
    expect([put('a').isCancelled, told()]).toEqual([true, []]);
    put('b').answer(201);
    expect(told()).toEqual(['staged at:b failed:a']);
    expectNothingLeft();
  });

  test('at the other target where one is down after it has taken all: nobody waits for its answer', () => {
    const { body, put, told, pass, down, expectNothingLeft } = staging();
    for (const name of ['a', 'b']) put(name).takeAll();
    body.push(PIECE);
    body.end();
    put('b').answer(201);
    pass(3 * TIMES.stallMs);
    expect(told()).toEqual([]);
    down.add('a');
    pass(TIMES.stallMs);
    expect(told()).toEqual(['staged at:b failed:a']);
    expectNothingLeft();
  });

  test('where a disk takes its time, but not for ever', () => {
    const { body, put, told, pass, expectNothingLeft } = staging({ servers: ['a', 'b', 'c'] });
    for (const name of ['a', 'b', 'c']) put(name).takeAll();
    body.push(PIECE);
    body.end();
    put('a').answer(201);
    pass(TIMES.commitMs - TIMES.stallMs);
    put('b').answer(201);
    expect(told()).toEqual([]);
    pass(TIMES.stallMs);
    expect(told()).toEqual(['staged at:a,b failed:c']);
    expectNothingLeft();
  });
});

describe('a body is staged nowhere', () => {
  test.each([
    [[507, 507], 'nowhere full failed:'],
    [[507, 503], 'nowhere full failed:'],
    [[503, 503], 'nowhere failed:'],
  ])('where the targets answer %j, and no more of it is read', ([one = 0, other = 0], expected) => {
    const { body, put, told, expectNothingLeft } = staging();
    body.push(PIECE);
    put('a').answer(one);
    expect([body.isDiscarded, told()]).toEqual([false, []]);
    put('b').answer(other);
    expect([body.isDiscarded, told()]).toEqual([true, [expected]]);
    expectNothingLeft();
  });

  test('where all take nothing any more', () => {
    const { body, told, pass, put, expectNothingLeft } = staging();
    for (let piece = 0; piece < 30; piece++) body.push(PIECE);
    pass(TIMES.stallMs - 1);
    expect(told()).toEqual([]);
    pass(TIMES.stallMs);
    expect(told()).toEqual(['nowhere failed:a,b']);
    expect([put('a').isCancelled, put('b').isCancelled]).toEqual([true, true]);
    expectNothingLeft();
  });

  test('where none answers in the end', () => {
    const { body, told, pass, put, expectNothingLeft } = staging();
    for (const name of ['a', 'b']) put(name).takeAll();
    body.push(PIECE);
    body.end();
    pass(TIMES.commitMs);
    expect(told()).toEqual(['nowhere failed:a,b']);
    expectNothingLeft();
  });

  test('where all connections break before anything is sent', () => {
    const network = new ScriptedNetwork();
    network.requested = (request) => request.breakOff();
    const { told, expectNothingLeft } = staging({ network });
    expect(network.requests).toHaveLength(2);
    expect(told()).toEqual(['nowhere failed:a,b']);
    expectNothingLeft();
  });

  test('though one is refused at once, the other is not forgotten', () => {
    const network = new ScriptedNetwork();
    network.requested = (request) => {
      if (request.server === 'a') request.breakOff();
    };
    const { told, put, body } = staging({ network });
    expect(told()).toEqual([]);
    put('b').takeAll();
    body.push(PIECE);
    body.end();
    expect(put('b').received.equals(PIECE)).toBe(true);
    put('b').answer(201);
    expect(told()).toEqual(['staged at:b failed:a']);
  });

  test('although all say so before they have the body: it is none until it was judged', () => {
    const { body, put, told } = staging();
    body.push(PIECE);
    for (const name of ['a', 'b']) put(name).answer(201);
    expect([body.isDiscarded, told()]).toEqual([true, ['nowhere failed:']]);
  });
});

describe('a body that is not right', () => {
  test('reaches no target whole, and leaves no connection behind, not even to who takes nothing', () => {
    const { body, put, told, expectNothingLeft } = staging({ judge: () => 'another digest' });
    put('a').takeAll();
    body.push(PIECE);
    body.push(PIECE);
    body.end();
    expect(put('a').received.length).toBe(PIECE.length);
    expect(put('a').ending).not.toBe('end');
    expect(put('b').isCancelled).toBe(true);
    expect(told()).toEqual(['mismatch: another digest']);
    expectNothingLeft();
  });

  test.each([
    ['gone', ['a', 'b']],
    ['slow', ['a']],
    ['too-large', []],
  ] as const)('because it broke off as %s, while %j take it', (why, takers) => {
    const { body, put, told, pass, expectNothingLeft } = staging();
    for (const taker of takers) put(taker).takeAll();
    for (let piece = 0; piece < 3; piece++) body.push(PIECE);
    body.breakOff(why);
    expect(put('a').ending).not.toBe('end');
    expect(put('a').received.length).toBeLessThan(3 * PIECE.length);
    expect(told()).toEqual([`broken ${why}`]);
    expectNothingLeft();
    pass(10 * TIMES.commitMs);
    expect(told()).toHaveLength(1);
  });

  test('because it is longer than it may be is found while it comes', () => {
    const bytesMax = 2.5 * PIECE.length;
    const { body, put, told, expectNothingLeft } = staging({ bytesMax });
    for (const name of ['a', 'b']) put(name).takeAll();
    for (let piece = 0; piece < 3; piece++) body.push(PIECE);
    expect(told()).toEqual(['broken too-large']);
    expect(body.isDiscarded).toBe(true);
    expectNothingLeft();
  });

  test('is sent to nobody where its beginning is too long by itself', () => {
    const { network, told, expectNothingLeft } = staging({ beginning: [PIECE], bytesMax: 1 });
    expect([network.requests, told()]).toEqual([[], ['broken too-large']]);
    expectNothingLeft();
  });

  test('but one of exactly the length that it may have is staged', () => {
    const bytesMax = 3 * PIECE.length;
    const { body, put, told } = staging({ bytesMax });
    for (const name of ['a', 'b']) put(name).takeAll();
    for (let piece = 0; piece < 3; piece++) body.push(PIECE);
    body.end();
    for (const name of ['a', 'b']) put(name).answer(201);
    expect(told()).toEqual(['staged at:a,b failed:']);
  });
});

test('what waits for a slow target is a mebibyte, and the pieces at both ends of it', () => {
  const { body, put } = staging();
  put('b').takeAll();
  for (let piece = 0; piece < 100; piece++) body.push(PIECE);
  expect(body.asked * PIECE.length).toBeLessThan(2 ** 20 + 3 * PIECE.length);
});
