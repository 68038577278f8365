// One body for several readers: each gets exactly its bytes, or never an end; nobody waits for a reader that has stalled.

import { describe, expect, test } from 'vitest';
import type { BreakReason } from '../../src/cluster/http/byte-stream.ts';
import { FanOut, type FanOutEvents } from '../../src/files/fan-out.ts';
import { BodyByHand, HandReader } from '../helpers/body-by-hand.ts';
import { SeededRandom } from '../helpers/random.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const STALL_MS = 1000;
const WINDOW_BYTES = 100;

interface Options {
  readonly readers?: number;
  readonly beginning?: readonly Buffer[];
  readonly passing?: (piece: Buffer) => BreakReason | undefined;
  readonly isRight?: boolean;
  readonly length?: number;
}

function fanned(options: Options = {}) {
  const { readers = 2, beginning = [], passing = () => undefined, isRight = true } = options;
  const time = new VirtualTime();
  const source = new BodyByHand({ length: options.length });
  const passed: Buffer[] = [];
  const told: string[] = [];
  const events: FanOutEvents = {
    passing: (piece) => {
      expect(told, 'no piece after the end').toEqual(told.filter((each) => /^drop/.test(each)));
      passed.push(piece);
      return passing(piece);
    },
    ending: () => {
      told.push('ending');
      return isRight;
    },
    dropped: (index) => told.push(`dropped ${index}`),
    broken: (why) => told.push(`broken: ${why}`),
  };
  const fanOut = new FanOut(
    source,
    beginning,
    readers,
    { timers: time, windowBytes: WINDOW_BYTES, stallMs: STALL_MS },
    events,
  );
  const hands = fanOut.bodies.map((body) => new HandReader(body));
  const pass = (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds);
  return { time, source, passed, told, fanOut, hands, pass };
}

const bytes = (text: string) => Buffer.from(text);
const texts = (hands: readonly HandReader[]) => hands.map((hand) => `${hand.bytes}`);
const endings = (hands: readonly HandReader[]) => hands.map(({ ending }) => ending);

describe('a body for several readers', () => {
  test('comes to each of them whole, with its length', () => {
    const { source, fanOut, hands, told, time } = fanned({ length: 6 });
    fanOut.start();
    expect(fanOut.bodies.map(({ length }) => length)).toEqual([6, 6]);
    for (const hand of hands) hand.takeAll();
    for (const piece of ['one', 'two']) source.push(bytes(piece));
    source.end();
    expect(texts(hands)).toEqual(['onetwo', 'onetwo']);
    expect(endings(hands)).toEqual(['end', 'end']);
    expect([told, time.timers]).toEqual([['ending'], 0]);
  });

  test('begins with what was read of it before', () => {
    const { source, fanOut, hands, passed } = fanned({ beginning: [bytes('a'), bytes('b')] });
    for (const hand of hands) hand.takeAll();
    fanOut.start();
    source.push(bytes('c'));
    source.end();
    expect(texts(hands)).toEqual(['abc', 'abc']);
    expect(Buffer.concat(passed).toString()).toBe('abc');
  });

  test('has its last piece held back until its end was judged right', () => {
    const { source, fanOut, hands } = fanned();
    fanOut.start();
    for (const hand of hands) hand.takeAll();
    source.push(bytes('one'));
    source.push(bytes('two'));
    expect(texts(hands)).toEqual(['one', 'one']);
    source.end();
    expect(texts(hands)).toEqual(['onetwo', 'onetwo']);
  });

  test('that is not right never reaches a reader whole, nor its end', () => {
    const { source, fanOut, hands, told, time } = fanned({ isRight: false });
    fanOut.start();
    for (const hand of hands) hand.takeAll();
    source.push(bytes('one'));
    source.push(bytes('two'));
    source.end();
    expect(texts(hands)).toEqual(['one', 'one']);
    expect(endings(hands)).toEqual(['failed', 'failed']);
    expect([told, time.timers]).toEqual([['ending'], 0]);
  });

  test('that is not right is broken to readers who leave while it is judged', () => {
    const { time } = fanned();
    const source = new BodyByHand();
    const told: string[] = [];
    const events: FanOutEvents = {
      passing: () => undefined,
      ending: () => {
        for (const body of fanOut.bodies) body.discard();
        return false;
      },
      dropped: () => told.push('dropped'),
      broken: (why) => told.push(why),
    };
    const options = { timers: time, windowBytes: WINDOW_BYTES, stallMs: STALL_MS };
    const fanOut: FanOut = new FanOut(source, [], 2, options, events);
    fanOut.start();
    source.push(bytes('x'));
    source.end();
    expect([told, source.isOver, time.timers]).toEqual([[], true, 0]);
  });

  test.each<BreakReason>(['gone', 'slow', 'failed'])(
    'that breaks off as %s is told at once',
    (why) => {
      const { source, fanOut, hands, told, time } = fanned();
      fanOut.start();
      hands[0]?.take();
      for (const piece of ['one', 'two', 'three']) source.push(bytes(piece));
      source.breakOff(why);
      for (const hand of hands) hand.takeAll();
      // What waited is worth nothing any more.
      expect(texts(hands)).toEqual(['one', '']);
      expect(endings(hands)).toEqual([why, why]);
      expect([told, time.timers]).toEqual([[`broken: ${why}`], 0]);
    },
  );

  test('breaks off at a piece that may not pass, which no reader gets', () => {
    const passing = (piece: Buffer) => (`${piece}` === 'bad' ? 'too-large' : undefined);
    const { source, fanOut, hands, told } = fanned({ passing });
    fanOut.start();
    for (const hand of hands) hand.takeAll();
    for (const piece of ['one', 'two', 'bad', 'x']) source.push(bytes(piece));
    expect(texts(hands)).toEqual(['one', 'one']);
    expect(endings(hands)).toEqual(['failed', 'failed']);
    expect([told, source.isDiscarded]).toEqual([['broken: too-large'], true]);
  });

  test('may break off in what was read of it before, and that is told once', () => {
    const beginning = ['one', 'two', 'three'].map(bytes);
    const { source, fanOut, hands, told, passed, time } = fanned({
      beginning,
      passing: () => 'too-large',
    });
    fanOut.start();
    for (const hand of hands) hand.takeAll();
    expect([passed.length, told, source.isDiscarded]).toEqual([1, ['broken: too-large'], true]);
    expect([endings(hands), source.asked, time.timers]).toEqual([['failed', 'failed'], 0, 0]);
  });

  test('is one for all, although a reader asks again while others have not got the piece', () => {
    const { source, fanOut, hands } = fanned({ readers: 3 });
    fanOut.start();
    for (const hand of hands) hand.takeAll();
    source.push(bytes('0'));
    // From the next one on, which comes late, all are at hand as soon as they are asked for.
    let given = 1;
    source.wanted = () => {
      if (given === 5) source.end();
      else source.push(bytes(`${++given}`));
    };
    source.push(bytes('1'));
    expect(texts(hands)).toEqual(['012345', '012345', '012345']);
    expect(endings(hands)).toEqual(['end', 'end', 'end']);
  });
});

describe('a body at the pace of its slowest reader', () => {
  test('is asked for no more than fits into the window of each', () => {
    const { source, fanOut, hands, passed } = fanned();
    fanOut.start();
    hands[0]?.takeAll();
    for (let piece = 0; piece < 20; piece++) source.push(Buffer.alloc(WINDOW_BYTES / 4, piece));
    // Four pieces wait for the other one, and one is held back.
    expect(passed).toHaveLength(5);
    hands[1]?.take();
    expect(passed).toHaveLength(6);
    hands[1]?.takeAll();
    expect(passed).toHaveLength(20);
  });

  test('is asked for a bounded number of pieces, however small they are', () => {
    const time = new VirtualTime();
    const source = new BodyByHand();
    let passed = 0;
    const events: FanOutEvents = {
      passing: () => {
        passed++;
        return undefined;
      },
      ending: () => true,
      dropped: () => undefined,
      broken: () => undefined,
    };
    const options = { timers: time, windowBytes: 2 ** 20, stallMs: STALL_MS };
    new FanOut(source, [], 2, options, events).start();
    for (let piece = 0; piece < 5000; piece++) source.push(bytes('x'));
    expect(passed).toBe(1025);
  });

  test('is asked for no more where nobody wants it', () => {
    const { source, fanOut, hands, told, time } = fanned();
    fanOut.start();
    source.push(bytes('one'));
    for (const hand of hands) hand.discard();
    expect([told, source.isDiscarded, time.timers]).toEqual([['broken: unread'], true, 0]);
    for (const body of fanOut.bodies) body.discard();
    expect(told).toHaveLength(1);
  });

  test('goes on for the others when one leaves, who was the slowest', () => {
    const { source, fanOut, hands } = fanned();
    fanOut.start();
    hands[0]?.takeAll();
    for (let piece = 0; piece < 20; piece++) source.push(Buffer.alloc(WINDOW_BYTES / 4, piece));
    source.end();
    expect(endings(hands)).toEqual([undefined, undefined]);
    hands[1]?.discard();
    expect(hands[0]?.ending).toBe('end');
    expect(hands[0]?.bytes.length).toBe(20 * (WINDOW_BYTES / 4));
  });
});

describe('a reader that has stalled', () => {
  test('is dropped, and the others go on', () => {
    const { source, fanOut, hands, told, pass } = fanned();
    fanOut.start();
    hands[0]?.takeAll();
    for (let piece = 0; piece < 20; piece++) source.push(Buffer.alloc(WINDOW_BYTES / 4, piece));
    source.end();
    pass(STALL_MS - 1);
    expect(told).toEqual([]);
    pass(STALL_MS);
    expect(told).toEqual(['ending', 'dropped 1']);
    expect(hands[0]?.ending).toBe('end');
    // Should it ever go on, it finds its body broken.
    hands[1]?.takeAll();
    expect([hands[1]?.ending, hands[1]?.pieces.length]).toEqual(['failed', 0]);
  });

  test('of the end alone is dropped as well, and nothing is left behind', () => {
    const { source, fanOut, hands, told, pass, time } = fanned();
    fanOut.start();
    hands[0]?.takeAll();
    source.push(bytes('x'));
    source.end();
    hands[1]?.take();
    expect(hands[1]?.bytes.toString()).toBe('x');
    pass(2 * STALL_MS);
    expect(told).toEqual(['ending', 'dropped 1']);
    hands[1]?.take();
    expect([hands[1]?.ending, time.timers]).toEqual(['failed', 0]);
  });

  test('is none while nothing is there for it, however slow the body is', () => {
    const { source, fanOut, hands, told, pass } = fanned();
    fanOut.start();
    for (const hand of hands) hand.takeAll();
    for (let piece = 0; piece < 5; piece++) {
      pass(10 * STALL_MS);
      source.push(bytes('x'));
    }
    // From now on something waits for who has had nothing to take for so long.
    for (const hand of hands) hand.isStopped = true;
    pass(10 * STALL_MS);
    source.push(bytes('x'));
    source.push(bytes('x'));
    pass(STALL_MS - 1);
    expect(told).toEqual([]);
  });

  test('is none that takes a piece before its time is over, again and again', () => {
    const { source, fanOut, hands, told, pass } = fanned();
    fanOut.start();
    for (let piece = 0; piece < 20; piece++) source.push(Buffer.alloc(WINDOW_BYTES / 4, piece));
    source.end();
    for (let piece = 0; piece < 21; piece++) {
      pass(STALL_MS - 1);
      for (const hand of hands) hand.take();
    }
    expect([told, endings(hands)]).toEqual([['ending'], ['end', 'end']]);
  });

  test('is none because this process was stopped', () => {
    const { source, fanOut, hands, told, pass, time } = fanned();
    fanOut.start();
    source.push(bytes('x'));
    source.push(bytes('x'));
    time.standStill(100 * STALL_MS);
    pass(STALL_MS / 2 - 1);
    for (const hand of hands) hand.take();
    pass(STALL_MS - 1);
    expect(told).toEqual([]);
    pass(STALL_MS);
    expect(told).toEqual([]);
  });

  test('when all have, ends the body', () => {
    const { source, fanOut, told, pass, time } = fanned();
    fanOut.start();
    for (let piece = 0; piece < 20; piece++) source.push(Buffer.alloc(WINDOW_BYTES / 4, piece));
    pass(2 * STALL_MS);
    expect(told).toEqual(['dropped 0', 'broken: unread', 'dropped 1']);
    expect([source.isDiscarded, time.timers]).toEqual([true, 0]);
  });
});

describe('whatever happens', () => {
  const seeds = Array.from({ length: 150 }, (_, index) => index + 1);

  test.each(seeds)('each reader gets exactly the bytes, or never an end, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const isRight = random.chance(0.8);
    const { time, source, fanOut, hands, told, passed } = fanned({
      readers: random.whole(1, 4),
      beginning: random.chance(0.3) ? [random.bytes(random.whole(1, 50))] : [],
      isRight,
    });
    const whole: Buffer[] = [...passed];
    const left = new Set<HandReader>();
    const stalled = new Set<HandReader>();
    // The body comes in bursts, and may break off.
    let pieces = random.below(60);
    const breaks = random.chance(0.2);
    const push = () => {
      if (pieces === 0 || source.isDone) return;
      pieces--;
      const piece = random.bytes(random.whole(1, random.chance(0.1) ? 150 : 20));
      whole.push(piece);
      source.push(piece);
    };
    const eager = random.pick([0, 0.5, 0.9]);
    source.wanted = () => {
      if (random.chance(eager)) push();
    };
    const produce = () => {
      for (let burst = random.below(8); burst >= 0; burst--) push();
      if (source.isDone) return;
      if (pieces > 0) time.after(random.below(3 * STALL_MS), produce);
      else if (breaks) source.breakOff();
      else source.end();
    };
    for (const hand of hands) {
      const fate = random.below(10);
      const patience = random.below(STALL_MS);
      let takes = fate < 3 ? random.below(30) : Number.POSITIVE_INFINITY;
      if (random.chance(0.3)) {
        if (takes === Number.POSITIVE_INFINITY) hand.takeAll();
      }
      const read = () => {
        if (hand.ending !== undefined) return;
        if (--takes < 0) {
          if (fate === 0) {
            hand.discard();
            left.add(hand);
          } else stalled.add(hand);
          return;
        }
        hand.take(() => time.after(random.below(patience + 1), read));
      };
      time.after(random.below(STALL_MS), read);
    }
    fanOut.start();
    time.after(random.below(100), produce);
    time.runTo(1000 * STALL_MS);

    const content = Buffer.concat(whole);
    const isWhole = pieces === 0 && !breaks && isRight;
    for (const hand of hands) {
      expect(hand.bytes.equals(content.subarray(0, hand.bytes.length))).toBe(true);
      if (hand.ending === 'end') {
        expect(isWhole).toBe(true);
        expect(hand.bytes.length).toBe(content.length);
      } else if (!isWhole && content.length > 0) {
        expect(hand.bytes.length).toBeLessThan(content.length);
      }
      // Whoever goes on reading has it to its end; only one who has stalled was dropped.
      const isFaithful = !left.has(hand) && !stalled.has(hand);
      if (isFaithful) expect(hand.ending, told.join()).toBeDefined();
      if (isFaithful && isWhole) expect(hand.ending, told.join()).toBe('end');
    }
    for (const each of told.filter((name) => name.startsWith('dropped'))) {
      const hand = hands[Number(each.slice('dropped '.length))];
      expect(hand !== undefined && stalled.has(hand)).toBe(true);
    }
    expect(told.filter((each) => /^broken|^ending/.test(each)).length).toBeLessThanOrEqual(1);
    expect(source.isDone).toBe(true);
    expect(time.timers).toBe(0);
  });

  test.each(seeds.slice(0, 40))('what waits is bounded, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const { source, fanOut, hands, passed } = fanned({ readers: random.whole(1, 3) });
    fanOut.start();
    let longest = 0;
    for (let piece = 0; piece < 200; piece++) {
      const bytesOfPiece = random.bytes(random.whole(1, 60));
      longest = Math.max(longest, bytesOfPiece.length);
      source.push(bytesOfPiece);
      random.pick(hands).take();
      const come = passed.reduce((sum, { length }) => sum + length, 0);
      const slowest = Math.min(...hands.map((hand) => hand.bytes.length));
      // A window, the piece that filled it, and the one that is held back.
      expect(come - slowest).toBeLessThan(WINDOW_BYTES + 2 * longest);
    }
  });
});
