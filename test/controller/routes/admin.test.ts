// What an operator's `accept-loss` waits for. Whole clusters that lose their nodes are played by schedules-returning and
// schedules-lost-hosts.

import { expect, test } from 'vitest';
import type { ControlRoutes } from '../../../src/cluster/http/control-routes.ts';
import { isLossAcceptedSince } from '../../../src/cluster/model/accepted-losses.ts';
import type { ClusterMap, MapVersion } from '../../../src/cluster/model/cluster-map.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import type { AcceptLossReply } from '../../../src/cluster/wire/control-messages.ts';
import { CONTROL, type ControlKind } from '../../../src/cluster/wire/control-table.ts';
import { Observations } from '../../../src/controller/observations/observations.ts';
import { addAdminRoutes } from '../../../src/controller/routes/admin.ts';
import { heartbeatOf, incarnationId, sampleMap } from '../../helpers/maps.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const times = protocolTimes(1);

test('H29: a controller that was started just now waits for nodes that it has not heard: one may have the best copy', () => {
  const time = new VirtualTime();
  const logger = { write: () => undefined };
  const observations = new Observations(times, { clock: time, logger });
  let map: ClusterMap = { ...sampleMap() };
  const partitions = map.partitions.map((entry, partition) =>
    partition === 0 ? { ...entry, members: [] } : entry,
  );
  map = { ...map, partitions };
  observations.detector.listens(time.monotonicMs());
  const handlers = new Map<number, (message: never, reply: (answer: unknown) => void) => void>();
  const control = {
    on: (kind: ControlKind<never, never>, handler: never) => handlers.set(kind.code, handler),
  };
  addAdminRoutes(
    control as unknown as ControlRoutes,
    {
      observations,
      nowMs: () => time.monotonicMs(),
      map: () => map,
      recovery: () => undefined,
      propose: (change, done) => {
        map = change(map);
        done(undefined);
      },
    },
    { timers: time, logger },
  );
  const holds = (epoch: number) => ({
    retained: [{ partition: 0, epoch, complete: true, newestMs: 0, items: epoch }],
  });
  const hear = (node: string, epoch: number) => {
    const heartbeat = { ...heartbeatOf(incarnationId(node), map), ...holds(epoch) };
    observations.heard(heartbeat as Parameters<Observations['heard']>[0], time.monotonicMs());
  };
  const answers: AcceptLossReply[] = [];
  hear('a', 3);
  handlers.get(CONTROL.acceptLoss.code)?.({ partitions: [0] } as never, (answer) =>
    answers.push(answer as AcceptLossReply),
  );
  time.runTo(time.monotonicMs() + times.decideMs);
  expect(answers).toEqual([]);
  hear('a', 3);
  hear('b', 5);
  time.runTo(time.monotonicMs() + 2 * times.decideMs);
  expect(answers).toEqual([
    { partitions: [{ partition: 0, chosen: [incarnationId('b')], epoch: 5, items: 5 }] },
  ]);
  // FILES.md, "Collection": what was stored by then, and is absent now, may have been lost.
  const { version } = sampleMap();
  expect(map.acceptedLosses).toEqual({ 0: version });
  const isAccepted = (partition: number, since: MapVersion | undefined) =>
    isLossAcceptedSince(map, partition as PartitionId, since);
  expect(isAccepted(0, version)).toBe(true);
  expect(isAccepted(0, undefined)).toBe(true);
  expect(isAccepted(0, { ...version, number: version.number + 1 })).toBe(false);
  expect(isAccepted(1, version)).toBe(false);
});
