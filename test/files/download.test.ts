// A download: exactly the bytes, or a visible break (F3); it begins and goes on at whichever copy there is, and leaves
// nothing behind. Virtual time, and file servers that the test plays.

import { describe, expect, test } from 'vitest';
import { newBlobId } from '../../src/files/blob-id.ts';
import { Download } from '../../src/files/download.ts';
import type { ByteRange } from '../../src/files/outcomes.ts';
import { HandReader } from '../helpers/body-by-hand.ts';
import { TIMES } from '../helpers/file-stage.ts';
import { SeededRandom } from '../helpers/random.ts';
import {
  placedServer,
  ScriptedNetwork,
  type ScriptedRequest,
} from '../helpers/scripted-file-servers.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const BLOB = newBlobId(1, 'a'.repeat(32));
/** Bytes that say where they are, so that none is taken for another. */
const CONTENT = Buffer.from(
  Array.from({ length: 1000 }, (_, at) => `${at}`.padStart(6, ' ')).join(''),
);
const SIZE = CONTENT.length;
const WHOLE = { first: 0, last: SIZE - 1 };

interface Options {
  readonly servers?: readonly string[];
  readonly range?: ByteRange;
  readonly content?: Buffer;
  readonly network?: ScriptedNetwork;
  /** Servers that have not answered for a while; none by default. */
  readonly down?: readonly string[];
}

function downloading(options: Options = {}) {
  const { servers = ['a', 'b', 'c'], content = CONTENT, network = new ScriptedNetwork() } = options;
  const { range = { first: 0, last: content.length - 1 }, down = [] } = options;
  const time = new VirtualTime();
  const failed: string[] = [];
  const begun: boolean[] = [];
  const download = new Download(
    { timers: time, network },
    TIMES,
    { failed: (id) => failed.push(id), isUp: (id) => !down.includes(id) },
    { blob: BLOB, size: content.length, range, servers: servers.map((name) => placedServer(name)) },
  );
  const hand = new HandReader(download);
  const start = () =>
    download.start((hasBytes) => {
      begun.push(hasBytes);
    });
  return {
    download,
    network,
    hand,
    begun,
    failed,
    time,
    start,
    pass: (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds),
    /** The servers that were asked, in their order. */
    asked: () => network.requests.map(({ server }) => server).join(' '),
    /** The request that is under way. */
    present: (): ScriptedRequest => {
      expect(network.underWay).toHaveLength(1);
      const [request] = network.underWay;
      if (request === undefined) throw new Error('unreachable');
      return request;
    },
    expectNothingLeft: () => {
      expect(network.underWay).toEqual([]);
      expect(time.timers).toBe(0);
    },
  };
}

/** The bytes that a request asks for. */
function rangeOf(request: ScriptedRequest, size: number): ByteRange {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  return first === undefined || last === undefined
    ? { first: 0, last: size - 1 }
    : { first: Number(first), last: Number(last) };
}

/** Begins to answer as a file server does. @returns the bytes that are to be sent */
function serve(request: ScriptedRequest, content = CONTENT): Buffer {
  const { first, last } = rangeOf(request, content.length);
  expect(first).toBeLessThanOrEqual(last);
  const length = { 'content-length': `${last - first + 1}` };
  if (request.headers.range === undefined) request.head(200, length);
  else {
    request.head(206, { ...length, 'content-range': `bytes ${first}-${last}/${content.length}` });
  }
  return content.subarray(first, last + 1);
}

function serveWhole(request: ScriptedRequest): void {
  request.piece(serve(request));
  request.end();
}

describe('a download', () => {
  test('of a whole blob asks for no range, and has its length', () => {
    const { download, start, present, begun, hand, expectNothingLeft } = downloading();
    expect(download.length).toBe(SIZE);
    start();
    const request = present();
    expect([request.method, request.path, request.headers]).toEqual(['GET', `/blobs/${BLOB}`, {}]);
    const bytes = serve(request);
    expect(begun).toEqual([]);
    request.piece(bytes.subarray(0, 10));
    expect(begun).toEqual([true]);
    hand.takeAll();
    request.piece(bytes.subarray(10));
    request.end();
    expect([hand.bytes.equals(CONTENT), hand.ending]).toEqual([true, 'end']);
    expectNothingLeft();
  });

  test.each([
    { first: 0, last: 0 },
    { first: 5, last: 99 },
    { first: 5, last: SIZE - 1 },
    { first: SIZE - 1, last: SIZE - 1 },
  ])('of a part asks for that: $first to $last', (range) => {
    const { download, start, present, hand, expectNothingLeft } = downloading({ range });
    expect(download.length).toBe(range.last - range.first + 1);
    start();
    expect(present().headers).toEqual({ range: `bytes=${range.first}-${range.last}` });
    serveWhole(present());
    hand.takeAll();
    expect(hand.bytes.equals(CONTENT.subarray(range.first, range.last + 1))).toBe(true);
    expect(hand.ending).toBe('end');
    expectNothingLeft();
  });

  test('has its end with its last byte, and leaves the connection to be kept', () => {
    const { start, present, hand, time, network } = downloading();
    start();
    const request = present();
    request.piece(serve(request));
    hand.takeAll();
    expect([hand.ending, time.timers]).toEqual(['end', 0]);
    expect(request.isCancelled).toBe(false);
    // Even if the connection breaks now, nothing is missing.
    request.breakOff();
    expect(network.requests).toHaveLength(1);
  });

  test.each([
    ['404', (request: ScriptedRequest) => request.answer(404)],
    ['503 with a text', (request: ScriptedRequest) => request.answer(503, Buffer.from('busy'))],
    ['416', (request: ScriptedRequest) => request.answer(416)],
    ['a break before the answer', (request: ScriptedRequest) => request.breakOff()],
    [
      'a break behind the head',
      (request: ScriptedRequest) => {
        serve(request);
        request.breakOff();
      },
    ],
    [
      'another length',
      (request: ScriptedRequest) => {
        request.head(200, { 'content-length': `${SIZE - 1}` });
        request.piece(CONTENT.subarray(1));
        request.end();
      },
    ],
    [
      'no length',
      (request: ScriptedRequest) => {
        request.head(200, {});
        request.piece(CONTENT);
        request.end();
      },
    ],
    [
      'a part of the right length',
      (request: ScriptedRequest) => {
        const headers = {
          'content-length': `${SIZE}`,
          'content-range': `bytes 1-${SIZE}/${SIZE + 1}`,
        };
        request.head(206, headers);
        request.piece(CONTENT);
        request.end();
      },
    ],
    [
      'an end without a byte',
      (request: ScriptedRequest) => {
        serve(request);
        request.end();
      },
    ],
  ])('begins at the next copy where the first one answers with %s', (_what, answer) => {
    const { start, present, begun, hand, asked, expectNothingLeft } = downloading();
    start();
    answer(present());
    expect([asked(), begun]).toEqual(['a b', []]);
    serveWhole(present());
    hand.takeAll();
    expect([begun, hand.bytes.equals(CONTENT), hand.ending]).toEqual([[true], true, 'end']);
    expectNothingLeft();
  });

  test.each([
    ['the whole blob', 200, undefined, SIZE - 100],
    ['the bytes before', 206, `bytes 99-${SIZE - 2}/${SIZE}`, SIZE - 100],
    ['a part of another file', 206, `bytes 100-${SIZE - 1}/${SIZE + 1}`, SIZE - 100],
    ['a part of no file', 206, undefined, SIZE - 100],
    ['a shorter part', 206, `bytes 100-${SIZE - 2}/${SIZE}`, SIZE - 101],
  ])('of a part takes no byte of %s', (_what, status, range, length) => {
    const { start, present, asked, begun, hand } = downloading({
      range: { first: 100, last: SIZE - 1 },
    });
    start();
    const request = present();
    const more: Record<string, string> = range === undefined ? {} : { 'content-range': range };
    request.head(status, { 'content-length': `${length}`, ...more });
    request.piece(CONTENT.subarray(0, length));
    request.end();
    expect([asked(), begun]).toEqual(['a b', []]);
    serveWhole(present());
    hand.takeAll();
    expect(hand.bytes.equals(CONTENT.subarray(100))).toBe(true);
  });

  test('goes on at the next copy at the very byte where one breaks off', () => {
    const { start, present, hand, asked, expectNothingLeft } = downloading();
    start();
    hand.takeAll();
    for (const [server, bytes] of [
      ['a', 10],
      ['b', 1],
      ['c', 2500],
      ['a', 7],
    ] as const) {
      const request = present();
      expect(request.server).toBe(server);
      request.piece(serve(request).subarray(0, bytes));
      request.breakOff();
    }
    expect(present().headers).toEqual({ range: `bytes=2518-${SIZE - 1}` });
    serveWhole(present());
    expect([hand.bytes.equals(CONTENT), hand.ending, asked()]).toEqual([true, 'end', 'a b c a b']);
    expectNothingLeft();
  });

  test('never takes more than was asked for', () => {
    const range = { first: 0, last: 9 };
    const { start, present, hand, begun, asked } = downloading({ range });
    start();
    const request = present();
    serve(request);
    request.piece(CONTENT.subarray(0, 11));
    expect([request.isCancelled, begun, asked()]).toEqual([true, [], 'a b']);
    serveWhole(present());
    hand.takeAll();
    expect(hand.bytes.equals(CONTENT.subarray(0, 10))).toBe(true);
  });

  test('hears nothing of a copy that it has left', () => {
    const { start, present, hand, pass } = downloading();
    start();
    hand.takeAll();
    const left = present();
    const bytes = serve(left);
    left.piece(bytes.subarray(0, 5));
    pass(TIMES.byteMs);
    expect(left.isCancelled).toBe(true);
    left.piece(bytes.subarray(5));
    left.end();
    serveWhole(present());
    expect([hand.bytes.equals(CONTENT), hand.ending]).toEqual([true, 'end']);
  });

  test('says of a server that it has failed where no answer came of it, and only there', () => {
    const { start, present, failed } = downloading();
    start();
    present().answer(404);
    present().breakOff();
    serve(present());
    present().breakOff();
    expect(failed).toEqual(['b']);
  });
});

describe('a copy that sends nothing', () => {
  test('is left after a quarter of a second, and its connection with it', () => {
    const { start, present, pass, asked, begun, hand, expectNothingLeft } = downloading();
    start();
    const silent = present();
    pass(TIMES.byteMs - 1);
    expect(asked()).toBe('a');
    pass(1);
    expect([asked(), silent.isCancelled, begun]).toEqual(['a b', true, []]);
    // A head without a byte is nothing either.
    serve(present());
    pass(TIMES.byteMs);
    expect(asked()).toBe('a b c');
    serveWhole(present());
    hand.takeAll();
    expect(hand.ending).toBe('end');
    expectNothingLeft();
  });

  test('is left as well where it answers with something else, and never ends that', () => {
    const { start, present, pass, asked } = downloading();
    start();
    present().head(404, { 'content-length': '1000000' });
    present().piece(Buffer.alloc(1000));
    pass(TIMES.byteMs);
    expect(asked()).toBe('a b');
  });

  test('is left in the midst, after a quarter of a second without a byte', () => {
    const { start, present, pass, asked, hand } = downloading();
    start();
    hand.takeAll();
    const request = present();
    const bytes = serve(request);
    for (let at = 0; at < 50; at += 10) {
      request.piece(bytes.subarray(at, at + 10));
      pass(TIMES.byteMs - 1);
    }
    expect(asked()).toBe('a');
    pass(1);
    expect([asked(), request.isCancelled]).toEqual(['a b', true]);
    expect(present().headers).toEqual({ range: `bytes=50-${SIZE - 1}` });
  });

  test('is waited for four times as long in each further round: a slow one answers in the end', () => {
    const { start, pass, begun, network, expectNothingLeft } = downloading({ servers: ['a', 'b'] });
    start();
    for (const factor of [1, 1, 4, 4, 16, 16, 64, 64]) {
      const before = network.requests.length;
      pass(factor * TIMES.byteMs - 1);
      expect(network.requests).toHaveLength(before);
      expect(begun).toEqual([]);
      pass(1);
    }
    // Eight attempts were in vain: nobody has it.
    expect([network.requests.length, begun]).toEqual([8, [false]]);
    expectNothingLeft();
  });

  test('is tried once where all its servers are down, and on where one is not', () => {
    const all = downloading({ down: ['a', 'b', 'c'] });
    all.start();
    all.pass(3 * TIMES.byteMs);
    expect([all.asked(), all.begun]).toEqual(['a b c', [false]]);
    all.expectNothingLeft();
    const some = downloading({ down: ['a', 'b'] });
    some.start();
    some.pass(3 * TIMES.byteMs);
    expect([some.asked(), some.begun]).toEqual(['a b c a', []]);
  });

  test('has the patience of the first round again after any byte', () => {
    const { start, pass, present, network, hand } = downloading({ servers: ['a'] });
    start();
    hand.takeAll();
    pass(TIMES.byteMs + 4 * TIMES.byteMs);
    expect(network.requests).toHaveLength(3);
    serve(present());
    present().piece(CONTENT.subarray(0, 1));
    present().breakOff();
    expect(network.requests).toHaveLength(4);
    pass(4 * TIMES.byteMs);
    expect(network.requests).toHaveLength(5);
  });

  test('is not left while nobody waits for a byte of it', () => {
    const { start, present, pass, asked, hand, time } = downloading();
    start();
    const request = present();
    const bytes = serve(request);
    request.piece(bytes.subarray(0, 10));
    expect(time.timers).toBe(0);
    pass(1000 * TIMES.byteMs);
    hand.take();
    // All of it is taken, and the reader is busy with it: nor does it matter whether more has come.
    pass(1000 * TIMES.byteMs);
    expect(asked()).toBe('a');
    request.piece(bytes.subarray(10, 20));
    pass(1000 * TIMES.byteMs);
    hand.takeAll();
    pass(TIMES.byteMs - 1);
    expect(asked()).toBe('a');
    pass(1);
    expect(asked()).toBe('a b');
  });

  test('is not left either where nobody waits while it is asked', () => {
    const { start, present, pass, asked, hand } = downloading();
    start();
    const request = present();
    request.piece(serve(request).subarray(0, 10));
    request.breakOff();
    pass(1000 * TIMES.byteMs);
    expect(asked()).toBe('a b');
    hand.takeAll();
    pass(TIMES.byteMs);
    expect(asked()).toBe('a b c');
  });
});

/** As a file server whose slots are all taken, and stay so. */
function refuseAsBusy(request: ScriptedRequest): void {
  request.head(503, { 'x-fog-error': 'overloaded' });
  request.end();
}

describe('a copy whose server is busy', () => {
  test('is asked for no more once all have said so, and its reader hears why', () => {
    const { start, present, begun, asked, download, expectNothingLeft } = downloading();
    start();
    refuseAsBusy(present());
    // Nobody waits for who has no copy, or breaks off at once.
    present().answer(404);
    expect([asked(), begun, download.isRefused]).toEqual(['a b c', [], true]);
    refuseAsBusy(present());
    expect([asked(), begun, download.isRefused]).toEqual(['a b c', [false], true]);
    expectNothingLeft();
  });

  test('is asked for again where another one is slow, which may answer in the end', () => {
    const { start, present, pass, begun, asked, hand } = downloading({ servers: ['a', 'b'] });
    start();
    refuseAsBusy(present());
    pass(TIMES.byteMs);
    expect([asked(), begun]).toEqual(['a b a', []]);
    refuseAsBusy(present());
    serveWhole(present());
    hand.takeAll();
    expect([begun, hand.ending]).toEqual([[true], 'end']);
  });

  test('is asked for again by whoever has a part of the file: what is broken off now is lost', () => {
    const { start, present, asked, hand } = downloading({ servers: ['a', 'b'] });
    start();
    hand.takeAll();
    const request = present();
    request.piece(serve(request).subarray(0, 10));
    request.breakOff();
    refuseAsBusy(present());
    refuseAsBusy(present());
    expect(asked()).toBe('a b a b');
    serveWhole(present());
    expect([hand.bytes.equals(CONTENT), hand.ending]).toEqual([true, 'end']);
  });

  test('is not what ends a download where no server is busy', () => {
    const { start, present, begun, download } = downloading({ servers: ['a'] });
    start();
    for (let attempt = 0; attempt < 4; attempt++) present().answer(404);
    expect([begun, download.isRefused]).toEqual([[false], false]);
  });
});

describe('a download without a copy', () => {
  test('never begins, and is told once', () => {
    const { start, present, begun, hand, asked, expectNothingLeft } = downloading();
    start();
    for (let attempt = 0; attempt < 12; attempt++) present().answer(404);
    expect([asked(), begun]).toEqual([Array(4).fill('a b c').join(' '), [false]]);
    hand.takeAll();
    expect(hand.ending).toBe('failed');
    expectNothingLeft();
  });

  test('never begins where there is no server at all', () => {
    const { start, begun, network } = downloading({ servers: [] });
    start();
    expect([begun, network.requests]).toEqual([[false], []]);
  });

  test('breaks visibly where it has begun: never an end, and all that came before', () => {
    const { start, present, begun, hand, expectNothingLeft } = downloading();
    start();
    present().piece(serve(present()).subarray(0, 100));
    present().breakOff();
    for (let attempt = 0; attempt < 11; attempt++) present().answer(404);
    expect(hand.ending).toBeUndefined();
    hand.takeAll();
    expect([hand.bytes.equals(CONTENT.subarray(0, 100)), hand.ending]).toEqual([true, 'failed']);
    expect(begun).toEqual([true]);
    expectNothingLeft();
  });

  test('is found out at once where all refuse the connection at once', () => {
    const network = new ScriptedNetwork();
    network.requested = (request) => request.breakOff();
    const { start, begun, failed, expectNothingLeft } = downloading({ network });
    start();
    expect([begun, failed.length]).toEqual([[false], 12]);
    expectNothingLeft();
  });
});

describe('the reader of a download', () => {
  test('holds the connection back when it is slow, and lets it go on', () => {
    const content = Buffer.alloc(2 ** 20, 'x');
    const { start, present, hand, time } = downloading({ content });
    start();
    const request = present();
    const bytes = serve(request, content);
    const piece = 64 * 1024;
    let sent = 0;
    while (!request.isPaused && sent < content.length) {
      request.piece(bytes.subarray(sent, sent + piece));
      sent += piece;
    }
    expect(sent).toBe(256 * 1024);
    for (let left = 3; left >= 0; left--) {
      expect(request.isPaused).toBe(true);
      hand.take();
    }
    expect([request.isPaused, time.timers]).toEqual([false, 0]);
    request.piece(bytes.subarray(sent));
    request.end();
    hand.takeAll();
    expect([hand.bytes.equals(content), hand.ending]).toEqual([true, 'end']);
  });

  test('is not left to a connection that nobody lets go on when all has come', () => {
    const content = Buffer.alloc(2 ** 19, 'x');
    const { start, present } = downloading({ content });
    start();
    const request = present();
    request.piece(serve(request, content));
    expect(request.isPaused).toBe(false);
  });

  test('that wants no more leaves nothing behind, whenever that is', () => {
    const moments: ((request: ScriptedRequest) => void)[] = [
      () => undefined,
      (request) => void serve(request),
      (request) => request.piece(serve(request).subarray(0, 10)),
      (request) => request.piece(serve(request)),
      (request) => request.answer(404),
    ];
    for (const moment of moments) {
      const { start, present, download, hand, pass, begun, network, expectNothingLeft } =
        downloading();
      start();
      moment(present());
      hand.take();
      const before = begun.length;
      download.discard();
      download.discard();
      for (const request of network.underWay) {
        request.piece(Buffer.from('late'));
        request.end();
      }
      pass(1000 * TIMES.byteMs);
      expect(begun).toHaveLength(before);
      expect(hand.ending).toBeUndefined();
      expectNothingLeft();
    }
  });

  test('may want no more as soon as it has begun', () => {
    const { download, present, network, time } = downloading();
    download.start(() => download.discard());
    const request = present();
    request.piece(serve(request).subarray(0, 10));
    expect([request.isCancelled, network.underWay, time.timers]).toEqual([true, [], 0]);
  });
});

describe('whatever breaks', () => {
  const seeds = Array.from({ length: 200 }, (_, index) => index + 1);

  test.each(seeds)('a download is exactly the bytes, or broken, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const names = ['a', 'b', 'c', 'd'].slice(0, random.whole(1, 4));
    const reliable = random.chance(0.7) ? random.pick(names) : undefined;
    const first = random.chance(0.5) ? 0 : random.below(SIZE);
    const range = random.chance(0.3) ? WHOLE : { first, last: random.whole(first, SIZE - 1) };
    const network = new ScriptedNetwork();
    const { start, time, hand, begun, download } = downloading({ servers: names, range, network });
    const expected = CONTENT.subarray(range.first, range.last + 1);

    const play = (request: ScriptedRequest) => {
      const isReliable = request.server === reliable;
      const fate = isReliable ? 0 : random.below(12);
      if (fate === 1) return request.answer(404);
      if (fate === 2) return request.answer(503, Buffer.from('an error text'));
      if (fate === 3) return request.breakOff();
      if (fate === 4) return undefined;
      if (fate === 5) {
        // Another file, or a part that was not asked for.
        const { first: asked, last } = rangeOf(request, SIZE);
        const shift = random.pick([-1, 0, 1]);
        const length = last - asked + 1 + (shift === 0 ? 1 : 0);
        request.head(random.pick([200, 206]), {
          'content-length': `${length}`,
          'content-range': `bytes ${asked + shift}-${last + shift}/${SIZE}`,
        });
        request.piece(Buffer.alloc(length, '!'));
        return request.end();
      }
      let rest = serve(request);
      // It breaks off, stalls, or ends early behind so many bytes.
      let left = fate <= 8 ? Number.POSITIVE_INFINITY : random.below(rest.length + 1);
      const send = () => {
        if (request.isOver) return undefined;
        if (request.isPaused) {
          request.resumed = () => {
            request.resumed = () => undefined;
            send();
          };
          return undefined;
        }
        if (rest.length === 0) return request.end();
        if (left <= 0)
          return fate === 9 ? undefined : fate === 10 ? request.breakOff() : request.end();
        const length = Math.min(left, rest.length, random.whole(1, 2000));
        const piece = rest.subarray(0, length);
        rest = rest.subarray(length);
        left -= length;
        request.piece(piece);
        const isQuick = random.chance(0.3);
        if (isQuick) send();
        else time.after(random.below(isReliable ? TIMES.byteMs : 2 * TIMES.byteMs), send);
        return undefined;
      };
      return send();
    };
    network.requested = (request) => {
      if (random.chance(0.2)) play(request);
      else time.after(random.below(TIMES.byteMs), () => request.isOver || play(request));
    };
    const discardsAfter = random.chance(0.1) ? random.below(5) : Number.POSITIVE_INFINITY;
    const read = () => {
      if (hand.ending !== undefined) return;
      if (hand.pieces.length >= discardsAfter) {
        download.discard();
        return;
      }
      hand.take(() => {
        if (random.chance(0.3)) read();
        else time.after(random.below(4 * TIMES.byteMs), read);
      });
    };
    start();
    read();
    time.runTo(10_000_000);

    expect(hand.bytes.equals(expected.subarray(0, hand.bytes.length))).toBe(true);
    const isDiscarded = hand.pieces.length >= discardsAfter && hand.ending === undefined;
    if (isDiscarded) expect(begun.length).toBeLessThanOrEqual(1);
    else {
      if (reliable !== undefined) expect(hand.ending).toBe('end');
      expect(['end', 'failed']).toContain(hand.ending);
      if (hand.ending === 'end') expect(hand.bytes.length).toBe(expected.length);
      else expect(hand.bytes.length).toBeLessThan(expected.length);
      expect(begun).toEqual([hand.bytes.length > 0]);
    }
    expect(network.underWay).toEqual([]);
    expect(time.timers).toBe(0);
  });
});
