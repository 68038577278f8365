// What an answer holds in memory while it waits for the log, and what waits until there is room. The link and the replica are scripted; the store is real.

import { expect, test } from 'vitest';
import { Metrics } from '../../src/cluster/http/metrics.ts';
import type { Epoch } from '../../src/cluster/model/identity.ts';
import { CHUNK_BYTES, protocolTimes } from '../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../src/cluster/model/partition.ts';
import { encodeRecord, type StoredRecord } from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import type { Link, LinkEvents, NodeHello, Runtime } from '../../src/cluster/ports.ts';
import { decodeAnswer } from '../../src/cluster/wire/answers.ts';
import { type Answer, encodeOperation, type Operation } from '../../src/cluster/wire/operations.ts';
import { AnswerCounters } from '../../src/storage/counters.ts';
import { type Durability, MEMORY_ONLY } from '../../src/storage/log/durability.ts';
import { SegmentStore } from '../../src/storage/memory/segment-store.ts';
import { OperationLinks } from '../../src/storage/operation-links.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const KEY = Buffer.from('key');
const PARTITION = 0 as PartitionId;

const recordOf = (version: bigint, valueBytes: number) =>
  encodeRecord({ key: KEY, version: version as Version, value: Buffer.alloc(valueBytes, 'v') });

/** @param answerWith what is answered to anyone, made of the record in the store */
function play(stored: StoredRecord, answerWith: (record: StoredRecord) => Answer) {
  const store = new SegmentStore();
  store.put(PARTITION, stored);
  const held = store.peek(PARTITION, KEY) as StoredRecord;
  const writes: (() => void)[] = [];
  const durability: Durability = { ...MEMORY_ONLY, whenDurable: (then) => writes.push(then) };
  const runtime = { clock: { monotonicMs: () => 0 } } as unknown as Runtime;
  const gate = { refusalOf: () => undefined };
  const links = new OperationLinks(
    runtime,
    protocolTimes(1),
    new AnswerCounters(new Metrics()),
    gate as never,
    {
      node: () => 'a',
      replica: () => ({ answer: () => answerWith(held) }),
      durability: () => durability,
    } as never,
  );
  const sent: { readonly head: Uint8Array; readonly body: Uint8Array }[] = [];
  const link = {
    send: (_id: number, head: Uint8Array, body: Uint8Array) => sent.push({ head, body }),
  } as unknown as Link;
  const events = links.accept({} as NodeHello, link) as LinkEvents;
  const peek = { kind: 'peek', partition: PARTITION, epoch: 1 as Epoch, key: KEY } as const;
  const { head, body } = encodeOperation(peek);
  events.received(1, Buffer.concat([head, body]));
  expect(sent).toEqual([]);
  return {
    held,
    /** @returns what is sent once the log has everything */
    written: () => {
      for (const then of writes) then();
      const [message] = sent;
      return {
        answer: decodeAnswer(Buffer.concat([message?.head ?? KEY, message?.body ?? KEY])),
        message,
      };
    },
  };
}

const ANSWERS: readonly (readonly [string, (record: StoredRecord) => Answer])[] = [
  ['held', (record) => ({ kind: 'held', record })],
  ['unmet', (record) => ({ kind: 'unmet', why: 'condition', isLive: true, record })],
];

test.each(ANSWERS)(
  'a long record that is %s is sent from where it is, as that of a get',
  (_, of) => {
    const stored = recordOf(1n, CHUNK_BYTES);
    const { held, written } = play(stored, of);
    const { answer, message } = written();
    expect(message?.body.buffer).toBe(held.buffer);
    expect(answer).toEqual(of(stored));
  },
);

test.each(ANSWERS)(
  'a short record that is %s may change in the store while the answer waits',
  (_, of) => {
    const stored = recordOf(1n, 100);
    const { held, written } = play(stored, of);
    held.fill(0);
    expect(written().answer).toEqual(of(stored));
  },
);

/** @returns what the node does with what comes by the link */
function accepted(time: VirtualTime, served: object, link: Link): LinkEvents {
  const runtime = { clock: time, timers: time } as unknown as Runtime;
  const gate = { refusalOf: () => undefined } as never;
  const counters = new AnswerCounters(new Metrics());
  const links = new OperationLinks(runtime, protocolTimes(1), counters, gate, served as never);
  return links.accept({} as NodeHello, link) as LinkEvents;
}

test('a set for which a cache makes room is answered when that is made, and others meanwhile (H40)', () => {
  const time = new VirtualTime();
  const making: Answer = { kind: 'refused', reason: 'no-memory', isMakingRoom: true };
  let turnsLeft = 3;
  const isLong = (operation: Operation) =>
    operation.kind === 'set' && operation.record.length > 1000;
  const answer = (operation: Operation): Answer =>
    isLong(operation) && --turnsLeft > 0 ? making : { kind: 'applied' };
  const served = { node: () => 'a', replica: () => ({ answer }), durability: () => MEMORY_ONLY };
  const sent: number[] = [];
  const link = { send: (id: number) => sent.push(id) } as unknown as Link;
  const events = accepted(time, served, link);
  const setOf = (id: number, valueBytes: number) => {
    const record = recordOf(BigInt(id), valueBytes);
    const operation = { kind: 'set', partition: PARTITION, epoch: 1 as Epoch, record } as const;
    const { head, body } = encodeOperation(operation);
    events.received(id, Buffer.concat([head, body]));
  };
  setOf(1, CHUNK_BYTES);
  // Waits behind the first, or both would evict in each turn.
  setOf(2, CHUNK_BYTES);
  setOf(3, 10);
  expect([sent, turnsLeft]).toEqual([[3], 2]);
  time.runTo(10);
  expect(sent).toEqual([3, 1, 2]);
});

test('too many that wait for room are refused (H40)', () => {
  const time = new VirtualTime();
  const making: Answer = { kind: 'refused', reason: 'no-memory', isMakingRoom: true };
  const served = { replica: () => ({ answer: () => making }), durability: () => MEMORY_ONLY };
  const sent: (Answer | string)[] = [];
  const link = {
    send: (_id: number, head: Uint8Array, body: Uint8Array) =>
      sent.push(decodeAnswer(Buffer.concat([head, body]))),
  } as unknown as Link;
  const events = accepted(time, served, link);
  const record = recordOf(1n, 12 * 2 ** 20);
  const { head, body } = encodeOperation({
    kind: 'set',
    partition: PARTITION,
    epoch: 1 as Epoch,
    record,
  });
  const message = Buffer.concat([head, body]);
  for (let id = 1; id <= 5; id++) events.received(id, message);
  expect(sent).toEqual([]);
  events.received(6, message);
  expect(sent).toEqual([{ kind: 'refused', reason: 'full' }]);
});
