// Which items of a batch go together, and when.

import { expect, test } from 'vitest';
import type { Condition } from '../../../../src/cluster/model/condition.ts';
import { protocolTimes } from '../../../../src/cluster/model/limits.ts';
import { VERSION_ZERO, type Version } from '../../../../src/cluster/model/version.ts';
import type { GetOfMany } from '../../../../src/coordinator/operations/get/many.ts';
import type { GatewayContext } from '../../../../src/frontend/gateways/gateway.ts';
import type { BatchItem } from '../../../../src/frontend/gateways/v1/batch-form.ts';
import { LineForm } from '../../../../src/frontend/gateways/v1/batch-lines.ts';
import { BatchOperations } from '../../../../src/frontend/gateways/v1/batch-operations.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

function itemOf(key: string, minVersion: Version = VERSION_ZERO): BatchItem {
  return {
    label: `"${key}"`,
    key: Buffer.from(key),
    value: Buffer.alloc(0),
    ttlSeconds: 0,
    condition: undefined,
    minVersion,
    problem: undefined,
  };
}

test('gets of one turn go together in the next one at the latest, whatever else is under way', () => {
  const time = new VirtualTime();
  const groups: string[][] = [];
  const alone: string[] = [];
  const context = {
    timers: time,
    manyReader: {
      get: (gets: readonly GetOfMany[]) => groups.push(gets.map(({ key }) => `${key}`)),
    },
    reader: { get: (key: Buffer) => alone.push(`${key}`) },
  } as unknown as GatewayContext;
  const operations = new BatchOperations('mget', context, new LineForm('mget'));
  const perform = (item: BatchItem) => operations.perform(item, () => undefined);
  perform(itemOf('a'));
  perform(itemOf('b'));
  perform(itemOf('newer', 5n as Version));
  expect([operations.waiting, groups, alone]).toEqual([2, [], ['newer']]);
  time.runTo(time.monotonicMs() + 1);
  expect([operations.waiting, groups]).toEqual([0, [['a', 'b']]]);
  perform(itemOf('c'));
  operations.flush();
  expect(groups).toEqual([['a', 'b'], ['c']]);
  perform(itemOf('d'));
  time.runTo(time.monotonicMs() + 1);
  expect(groups).toEqual([['a', 'b'], ['c'], ['d']]);
});

test('an item with a ttl that waited for the time of the cluster has its deadline from its arrival (H31)', () => {
  const time = new VirtualTime();
  const arrivals: [string, number | undefined][] = [];
  let tell: () => void = () => undefined;
  const context = {
    timers: time,
    times: protocolTimes(1),
    hasMap: () => true,
    clock: {
      monotonicMs: () => time.monotonicMs(),
      wallMs: () => 1000,
      isKnown: false,
      onceTold: (callback: () => void) => {
        const others = tell;
        tell = () => {
          others();
          callback();
        };
        return () => undefined;
      },
    },
    writer: {
      set: (_request: unknown, _callback: unknown, arrivedMs?: number) =>
        arrivals.push(['set', arrivedMs]),
    },
    conditional: {
      write: (_request: unknown, _callback: unknown, arrivedMs?: number) =>
        arrivals.push(['conditional', arrivedMs]),
    },
  } as unknown as GatewayContext;
  const operations = new BatchOperations('mset', context, new LineForm('mset'));
  const perform = (condition: Condition | undefined) =>
    operations.perform({ ...itemOf('k'), ttlSeconds: 1, condition }, () => undefined);
  const arrivedMs = time.monotonicMs();
  perform(undefined);
  perform({ ifNoneMatch: 'any' });
  time.runTo(arrivedMs + 4000);
  tell();
  expect(arrivals).toEqual([
    ['set', arrivedMs],
    ['conditional', arrivedMs],
  ]);
});
