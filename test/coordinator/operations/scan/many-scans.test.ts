// What many scans at once get done, while storage nodes also serve gets: three nodes by their own pace, in virtual time.

import { expect, test } from 'vitest';
import type { Address } from '../../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../../src/cluster/model/limits.ts';
import { HybridClock, VERSION_ZERO } from '../../../../src/cluster/model/version.ts';
import type { LinkEvents, Runtime } from '../../../../src/cluster/ports.ts';
import { encodeAnswer } from '../../../../src/cluster/wire/answers.ts';
import { type Answer, decodeOperation } from '../../../../src/cluster/wire/operations.ts';
import type { OperationContext } from '../../../../src/coordinator/operations/operation-context.ts';
import { ClusterScan } from '../../../../src/coordinator/operations/scan/cluster-scan.ts';
import { Router } from '../../../../src/coordinator/router.ts';
import { TransferPace } from '../../../../src/storage/replication/transfer-pace.ts';
import { memberOf, sampleMap, sampleNode } from '../../../helpers/maps.ts';
import { SeededRandom } from '../../../helpers/random.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

/** What a node works on one page. */
const LIST_MS = 2;
const PAGES_OF_A_PARTITION = 16;
const TIMES = protocolTimes(1);
const EVERYTHING = {
  prefix: Buffer.alloc(0),
  values: false,
  deletes: false,
  since: VERSION_ZERO,
  limit: Number.POSITIVE_INFINITY,
  nameOf: (key: Buffer) => key,
};

/** Lists at the pace of its node, whose clock is ahead of the others by what it worked. */
function lister(time: VirtualTime) {
  let workedMs = 0;
  const clock = { monotonicMs: () => time.monotonicMs() + workedMs, wallMs: () => 0 };
  const pace = new TransferPace({ clock, timers: time }, TIMES);
  const serveClients = () => {
    pace.clientServed();
    time.after(1, serveClients);
  };
  serveClients();
  return (page: number, answer: (answer: Answer) => void) => {
    const next = page + 1;
    const list = () => {
      workedMs += LIST_MS;
      const from = { bucket: next, afterKey: Buffer.alloc(0) };
      const more = next < PAGES_OF_A_PARTITION ? from : undefined;
      const heads: Answer = { kind: 'heads', floor: VERSION_ZERO, heads: [], next: more };
      time.after(LIST_MS, () => answer(heads));
    };
    const refuse = () => time.after(0, () => answer({ kind: 'refused', reason: 'full' }));
    pace.scanWhenDue(list, refuse);
  };
}

/** So many clients, each of whom begins the next scan when the last one is over. @returns the pages they got a second */
function pagesPerSecond(scans: number, seconds: number): number {
  const time = new VirtualTime();
  const nodes = new Map([1, 2, 3].map((port) => [`127.0.0.1:${port}`, lister(time)]));
  const network = {
    open: (address: Address, _hello: unknown, events: LinkEvents) => ({
      send: (id: number, head: Uint8Array, body: Uint8Array) => {
        const operation = decodeOperation(Buffer.concat([head, body]));
        if (typeof operation === 'string' || operation.kind !== 'scan') throw new Error('no scan');
        nodes.get(address)?.(operation.from.bucket, (answer) => {
          const encoded = encodeAnswer(answer);
          events.received(id, Buffer.concat([encoded.head, encoded.body]));
        });
      },
      isUnderWay: () => false,
      batchesLeft: () => 0,
      queuedBytes: () => 0,
      close: (reason: string) => events.closed(reason, true),
    }),
  };
  const random = new SeededRandom(7);
  const logger = { write: () => undefined };
  const runtime = { clock: time, timers: time, network, random, logger } as unknown as Runtime;
  const router = new Router(runtime, TIMES);
  const map = sampleMap();
  const members = ['a', 'b', 'c'].map((node) => memberOf(node, 'serving'));
  const partitions = map.partitions.map((entry) => ({ ...entry, members }));
  const listeners = { a: sampleNode(1), b: sampleNode(2), c: sampleNode(3) };
  router.adopt({ ...map, redundancy: 3, nodes: listeners, partitions }, 'controller');
  const context = {
    runtime,
    router,
    times: TIMES,
    versions: new HybridClock(time),
    reports: { note: () => undefined },
    refresh: { fetchFrom: () => undefined, fetchFromAnyone: () => undefined },
  } as unknown as OperationContext;
  let pages = 0;
  const begin = () => {
    const scan = new ClusterScan(context, EVERYTHING, { digits: 1 });
    const next = () =>
      scan.next((step) => {
        if (step.kind !== 'failed') pages++;
        const isOver = step.kind === 'failed' || step.next === undefined;
        time.after(isOver ? 10 : 0, isOver ? begin : next);
      });
    next();
  };
  for (let count = 0; count < scans; count++) begin();
  time.runTo(seconds * 1000);
  return pages / seconds;
}

test('64 scans at once get about as much done as 16', () => {
  const ofFew = pagesPerSecond(16, 10);
  expect(ofFew).toBeGreaterThan(80);
  expect(pagesPerSecond(64, 10)).toBeGreaterThan(0.7 * ofFew);
});
