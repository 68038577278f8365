// What a storage node does with operations that wait for their turn.

import { expect, test } from 'vitest';
import { Metrics } from '../../src/cluster/http/metrics.ts';
import type { Epoch } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../src/cluster/model/partition.ts';
import { VERSION_ZERO } from '../../src/cluster/model/version.ts';
import type { Link, NodeHello, Runtime } from '../../src/cluster/ports.ts';
import { decodeAnswer } from '../../src/cluster/wire/answers.ts';
import { type Answer, encodeOperation, type Operation } from '../../src/cluster/wire/operations.ts';
import { AnswerCounters } from '../../src/storage/counters.ts';
import { MEMORY_ONLY } from '../../src/storage/log/durability.ts';
import { OperationLinks, type ServingNode } from '../../src/storage/operation-links.ts';
import { StreamGate } from '../../src/storage/stream-gate.ts';
import { CLUSTER, incarnationOf, nodeId, sampleMap } from '../helpers/maps.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const partition = 0 as PartitionId;
const from = { bucket: 0, afterKey: Buffer.alloc(0) };
const COPY: Operation = { kind: 'copy', partition, epoch: 1 as Epoch, from };
const GET: Operation = { kind: 'get', partition, key: Buffer.from('key') };
const SCAN: Operation = {
  kind: 'scan',
  partition,
  values: false,
  deletes: false,
  bytes: 1000,
  count: 1000,
  since: VERSION_ZERO,
  from,
  prefix: Buffer.alloc(0),
};
const HEADS: Answer = { kind: 'heads', floor: VERSION_ZERO, heads: [], next: undefined };

test('a scan that waits too long for its turn is refused; a copy waits on', () => {
  const time = new VirtualTime();
  const logger = { write: () => undefined };
  const runtime = { clock: time, timers: time, logger } as unknown as Runtime;
  const times = protocolTimes(1);
  const asked: string[] = [];
  const replica = {
    map: sampleMap(),
    incarnation: incarnationOf(1),
    // Each list takes 60 ms, so that the next one comes 660 ms later.
    answer: ({ kind }: Operation) => {
      asked.push(kind);
      if (kind !== 'get') time.standStill(time.monotonicMs() + 60);
      return HEADS;
    },
  };
  const served = { node: () => nodeId('a'), replica: () => replica, durability: () => MEMORY_ONLY };
  const node = served as unknown as ServingNode;
  const gate = new StreamGate(runtime, times, node);
  const links = new OperationLinks(runtime, times, new AnswerCounters(new Metrics()), gate, node);
  const answers: [number, string][] = [];
  const link = {
    send: (id: number, head: Uint8Array, body: Uint8Array) => {
      const answer = decodeAnswer(Buffer.concat([head, body]));
      answers.push([id, typeof answer === 'string' ? answer : answer.kind]);
    },
  } as unknown as Link;
  const hello = {
    purpose: 'operations',
    cluster: CLUSTER,
    node: nodeId('a'),
    incarnation: incarnationOf(1),
    timeScale: 1,
  } as NodeHello;
  const stream = links.accept(hello, link);
  if ('refused' in stream) throw new Error(stream.refused);
  const ask = (id: number, operation: Operation) => {
    const { head, body } = encodeOperation(operation);
    stream.received(id, Buffer.concat([head, body]));
  };
  [GET, SCAN, SCAN, COPY].forEach((operation, id) => {
    ask(id, operation);
  });
  time.runTo(5000);
  expect(answers).toEqual([
    [0, 'heads'],
    [1, 'heads'],
    [2, 'refused'],
    [3, 'heads'],
  ]);
  expect(asked).toEqual(['get', 'scan', 'copy']);
});
