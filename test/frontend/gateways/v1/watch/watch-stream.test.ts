// The body of a watch's reply: when a part is given, and what is asked of the watch meanwhile; virtual time.

import { describe, expect, test } from 'vitest';
import type { BytePart } from '../../../../../src/cluster/http/byte-stream.ts';
import type {
  ClusterWatch,
  WatchStep,
} from '../../../../../src/coordinator/operations/watch/cluster-watch.ts';
import { WatchStream } from '../../../../../src/frontend/gateways/v1/watch/watch-stream.ts';
import { VirtualTime } from '../../../../helpers/virtual-time.ts';

const MISSED: WatchStep = { kind: 'missed' };

function streaming() {
  const time = new VirtualTime();
  const asked: ((step: WatchStep) => void)[] = [];
  const stops = { watch: 0, ended: 0 };
  const watch = {
    followed: 16,
    wanted: 16,
    place: [],
    next: (callback: (step: WatchStep) => void) => void asked.push(callback),
    stop: () => void stops.watch++,
  } as unknown as ClusterWatch;
  let printed = 0;
  const stream = new WatchStream(watch, time, ({ kind }) => `${kind} ${++printed}`);
  stream.ended = () => void stops.ended++;
  const parts: string[] = [];
  const read = () =>
    stream.read((part: BytePart) => {
      parts.push(part.kind === 'bytes' ? part.bytes.toString() : part.kind);
    });
  const opened = () => {
    read();
    parts.length = 0;
  };
  const pass = (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds);
  return { stream, asked, stops, parts, read, opened, pass };
}

describe('the body of a watch', () => {
  test('begins with what is followed, at once', () => {
    const { parts, read, asked } = streaming();
    read();
    expect(parts).toEqual([expect.stringMatching(/^: following 16 partitions\n/)]);
    expect(asked).toEqual([]);
  });

  test('gives each step to who reads, and asks for the next one when it is read', () => {
    const { parts, read, opened, asked } = streaming();
    opened();
    read();
    expect([parts, asked.length]).toEqual([[], 1]);
    asked[0]?.(MISSED);
    expect([parts, asked.length]).toEqual([['missed 1'], 1]);
    read();
    asked[1]?.(MISSED);
    expect(parts).toEqual(['missed 1', 'missed 2']);
  });

  test('gives a line now and then while nothing changes, and asks for no other step then', () => {
    const { parts, read, opened, asked, pass } = streaming();
    opened();
    read();
    pass(60_000);
    expect(parts).toEqual([': nothing new\n\n']);
    // A step that comes while nobody reads is kept, and it is printed when it is read.
    asked[0]?.(MISSED);
    expect(parts).toHaveLength(1);
    read();
    expect(parts).toEqual([': nothing new\n\n', 'missed 1']);
    expect(asked).toHaveLength(1);
    pass(60_000);
    expect(parts).toHaveLength(2);
  });

  test('proves soon whether a client is there that has ended its side, and goes on for it', () => {
    const { parts, read, opened, asked, pass, stream } = streaming();
    opened();
    read();
    stream.left();
    expect(parts).toEqual([': nothing new\n\n']);
    read();
    pass(1000);
    expect(parts).toHaveLength(2);
    // Nothing is said to who does not read.
    stream.left();
    expect(parts).toHaveLength(2);
    read();
    asked[0]?.(MISSED);
    expect(parts[2]).toBe('missed 1');
  });

  test('is a whole one when it ends, also for a reader who comes later', () => {
    const { parts, read, opened, asked, stops, stream, pass } = streaming();
    opened();
    read();
    stream.end();
    stream.end();
    expect(parts).toEqual(['end']);
    expect(stops).toEqual({ watch: 1, ended: 1 });
    read();
    expect(parts).toEqual(['end', 'end']);
    pass(60_000);
    expect([parts.length, asked.length]).toEqual([2, 1]);
  });

  test('ends before its beginning was read', () => {
    const { parts, read, stream } = streaming();
    stream.end();
    read();
    expect(parts).toEqual(['end']);
  });

  test('gives nothing after it was discarded, and stops the watch', () => {
    const { parts, read, opened, stops, stream, pass } = streaming();
    opened();
    read();
    stream.discard();
    stream.discard();
    expect(stops).toEqual({ watch: 1, ended: 1 });
    pass(60_000);
    stream.end();
    expect(parts).toEqual([]);
  });
});
