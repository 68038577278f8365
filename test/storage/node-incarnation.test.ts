// The end of an incarnation: what it had begun must not go on in the store, which is the next incarnation's by then.

import { expect, test } from 'vitest';
import { ClusterClock } from '../../src/cluster/model/cluster-clock.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import { encodeRecord } from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import type { LinkEvents, Runtime } from '../../src/cluster/ports.ts';
import { encodeAnswer } from '../../src/cluster/wire/answers.ts';
import { MEMORY_ONLY } from '../../src/storage/log/durability.ts';
import { LoggedStore } from '../../src/storage/logged-store.ts';
import { SegmentStore } from '../../src/storage/memory/segment-store.ts';
import { NodeIncarnation } from '../../src/storage/node-incarnation.ts';
import { incarnationOf, nodeId, sampleMap } from '../helpers/maps.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const record = encodeRecord({
  key: Buffer.from('key'),
  version: 5n as Version,
  value: Buffer.from('value'),
});
const LAST_PAGE = encodeAnswer({
  kind: 'records',
  floor: 0n as Version,
  differing: new Set(),
  records: [record],
  next: undefined,
});

/** Incarnation 1 of node a, which joins all partitions, and what it asks of node b. */
function joining() {
  const time = new VirtualTime();
  const asked: { readonly id: number; readonly events: LinkEvents }[] = [];
  let closed = 0;
  const network = {
    open: (_to: unknown, _hello: unknown, events: LinkEvents) => ({
      send: (id: number) => asked.push({ id, events }),
      isUnderWay: () => false,
      batchesLeft: () => 0,
      queuedBytes: () => 0,
      close: (reason: string) => {
        closed++;
        events.closed(reason, true);
      },
    }),
  };
  const logger = { write: () => undefined };
  const random = { below: () => 0 };
  const runtime = { clock: time, timers: time, network, logger, random } as unknown as Runtime;
  const store = new LoggedStore(new SegmentStore(), MEMORY_ONLY);
  const incarnation = new NodeIncarnation(
    runtime,
    store,
    {
      client: { call: () => undefined },
      controller: '127.0.0.1:9' as Address,
      node: nodeId('a'),
      incarnation: incarnationOf(1),
      valueBytesMax: 1000,
      copyChunkBytes: 1000,
      times: protocolTimes(1),
      clock: new ClusterClock(time, logger),
      completeSince: undefined,
      promised: { generation: 0 },
      stored: undefined,
    },
    { unknown: () => undefined, problem: () => undefined },
  );
  const answerAll = () => {
    for (const { id, events } of asked.splice(0)) {
      events.received(id, Buffer.concat([LAST_PAGE.head, LAST_PAGE.body]));
    }
  };
  return { time, asked, store, incarnation, answerAll, closed: () => closed };
}

test('I10: an incarnation that has ended copies nothing any more, and has nothing left to do', () => {
  const { time, asked, store, incarnation, answerAll, closed } = joining();
  incarnation.begin(sampleMap({ role: 'joining' }));
  expect(asked.length).toBeGreaterThan(0);
  incarnation.end();
  expect(closed()).toBe(1);
  answerAll();
  expect(store.reader.items()).toBe(0);
  time.runTo(200_000);
  expect([asked, time.timers]).toEqual([[], 0]);
});

test('I10: a copy that waits for its next try ends with its incarnation', () => {
  const { time, asked, incarnation } = joining();
  incarnation.begin(sampleMap({ role: 'joining' }));
  // Nobody answers in time, so that each partition is asked for again after a pause.
  time.runTo(1100);
  asked.splice(0);
  incarnation.end();
  time.runTo(200_000);
  expect([asked, time.timers]).toEqual([[], 0]);
});
