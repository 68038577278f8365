// Server-sent events as they come: cut anywhere, long, and from who is no frontend.

import { expect, test } from 'vitest';
import { EventStreamParser } from '../../src/client/event-stream.ts';
import { SeededRandom } from '../helpers/random.ts';

const STREAM = [
  ': following 4096 partitions\nretry: 1000\nid: AQ\n\n',
  'event: set\ndata: {"key":"grün","etag":"e"}\n\n',
  'event: delete\ndata: {"key":": ","version":"0"}\nid: Ag\n\n',
  ': nothing new\n\n',
].join('');

const EVENTS = [
  { event: '', data: '', id: 'AQ' },
  { event: 'set', data: '{"key":"grün","etag":"e"}', id: undefined },
  { event: 'delete', data: '{"key":": ","version":"0"}', id: 'Ag' },
  { event: '', data: '', id: undefined },
];

test('are the same wherever the stream is cut (seeds 1 to 50)', () => {
  const bytes = Buffer.from(STREAM);
  for (let seed = 1; seed <= 50; seed++) {
    const random = new SeededRandom(seed);
    const parser = new EventStreamParser();
    const events: unknown[] = [];
    for (let from = 0; from < bytes.length; ) {
      const to = from + 1 + random.below(random.pick([1, 3, 60]));
      events.push(...(parser.push(bytes.subarray(from, to)) ?? []));
      from = to;
    }
    expect(events).toEqual(EVENTS);
  }
});

test('are told as soon as they are whole, and not before', () => {
  const parser = new EventStreamParser();
  expect(parser.push(Buffer.from('event: set\ndata: 1\n'))).toEqual([]);
  expect(parser.push(Buffer.from('\nevent: set'))).toHaveLength(1);
  expect(parser.push(Buffer.from('\ndata: 2\n\n'))).toEqual([
    { event: 'set', data: '2', id: undefined },
  ]);
});

test('that never end are no frontend, and not kept without end', () => {
  const parser = new EventStreamParser(1000);
  for (let pieces = 0; pieces < 10; pieces++) {
    expect(parser.push(Buffer.alloc(100, 'x'))).toEqual([]);
  }
  expect(parser.push(Buffer.from('x'))).toBeUndefined();
});

test('may be many that are longer together than one may be', () => {
  const parser = new EventStreamParser(1000);
  const block = Buffer.from(`data: ${'x'.repeat(500)}\n\n`);
  for (let blocks = 0; blocks < 10; blocks++) expect(parser.push(block)).toHaveLength(1);
});
