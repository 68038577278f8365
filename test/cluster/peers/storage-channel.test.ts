// What one channel holds back, sheds and gives up. The stream is scripted: real ones are in
// io/link.test.ts, and whole clusters in test/processes/ and the simulations.

import { expect, test } from 'vitest';
import { NO_CONDITION } from '../../../src/cluster/model/condition.ts';
import type { ClusterId, Incarnation, NodeId } from '../../../src/cluster/model/identity.ts';
import {
  protocolTimes,
  WAITING_BYTES_MAX,
  WAITING_OPERATIONS_MAX,
} from '../../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import type { StoredRecord } from '../../../src/cluster/model/record.ts';
import { VERSION_ZERO } from '../../../src/cluster/model/version.ts';
import {
  BUSY,
  GATHERING,
  IDLE,
  StorageChannel,
} from '../../../src/cluster/peers/storage-channel.ts';
import type { Link, LinkEvents, Runtime } from '../../../src/cluster/ports.ts';
import { encodeAnswer } from '../../../src/cluster/wire/answers.ts';
import type { Operation } from '../../../src/cluster/wire/operations.ts';

const times = protocolTimes(1);

class Scripted {
  nowMs = 0;
  underWay = false;
  queued = 0;
  batchesLeft = 0;
  /** Ids in the order of sending. */
  readonly sent: number[] = [];
  readonly closedFor: string[] = [];
  readonly #timers: { atMs: number; callback: () => void }[] = [];
  #events: LinkEvents | undefined;
  readonly channel: StorageChannel;
  #keys = 0;

  constructor() {
    const link: Link = {
      send: (id) => this.sent.push(id),
      isUnderWay: () => this.underWay,
      batchesLeft: () => this.batchesLeft,
      queuedBytes: () => this.queued,
      close: (reason) => {
        this.closedFor.push(reason);
        this.#events?.closed(reason, true);
      },
    };
    const runtime = {
      clock: { monotonicMs: () => this.nowMs, wallMs: () => 0 },
      timers: {
        after: (ms: number, callback: () => void) =>
          this.#timers.push({ atMs: this.nowMs + ms, callback }),
      },
      logger: { write: () => undefined },
      network: {
        open: (_address: unknown, _hello: unknown, events: LinkEvents) => {
          this.#events = events;
          return link;
        },
      },
    } as unknown as Runtime;
    this.channel = new StorageChannel(runtime, times, {
      cluster: 'c' as ClusterId,
      member: { node: 'n' as NodeId, incarnation: 1 as Incarnation },
      entry: { address: '127.0.0.1:1' } as never,
    });
  }

  /** @param operation by default the get of another key each time. @returns what came of it, in order */
  send(operation: Operation = getOf(`key ${++this.#keys}`)): string[] {
    const said: string[] = [];
    const slow = () => said.push('slow');
    this.channel.send(operation, ({ kind }) => said.push(kind), slow);
    return said;
  }

  ready(): void {
    this.underWay = false;
    this.#events?.ready?.();
  }

  answer(id: number): void {
    const { head, body } = encodeAnswer({ kind: 'applied' });
    this.#events?.received(id, Buffer.concat([head, body]));
  }

  /** A part of the long answer to what was sent under this id. */
  arrive(id: number): void {
    this.#events?.arriving?.(id);
  }

  close(opened: boolean): void {
    this.#events?.closed('scripted', opened);
  }

  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      this.nowMs++;
      const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
      for (const timer of due) {
        this.#timers.splice(this.#timers.indexOf(timer), 1);
        timer.callback();
      }
    }
  }
}

const getOf = (key: string): Operation => ({
  kind: 'get',
  partition: 0 as PartitionId,
  key: Buffer.from(key),
});
const setOf = (bytes: number): Operation => ({
  kind: 'set',
  partition: 0 as PartitionId,
  epoch: 1 as never,
  record: { length: bytes, bytes: Buffer.alloc(0) } as unknown as StoredRecord,
});
const peekOf: Operation = {
  kind: 'peek',
  partition: 0 as PartitionId,
  epoch: 1 as never,
  key: Buffer.from('k'),
};
const judgeOf: Operation = {
  ...peekOf,
  kind: 'judge',
  condition: NO_CONDITION,
  change: { kind: 'incr', by: 1 },
  above: VERSION_ZERO,
  settled: true,
};

test('what comes while an exchange is under way waits, and goes in its order when the node said something', () => {
  const scripted = new Scripted();
  scripted.send();
  scripted.underWay = true;
  const second = scripted.send();
  scripted.send();
  expect(scripted.sent).toEqual([1]);
  scripted.ready();
  expect(scripted.sent).toEqual([1, 2, 3]);
  scripted.answer(2);
  expect(second).toEqual(['applied']);
});

test('a get joins what leaves in this turn, then goes where nothing is under way', () => {
  const scripted = new Scripted();
  expect(scripted.channel.readiness()).toBe(BUSY);
  scripted.send();
  expect(scripted.channel.readiness()).toBe(IDLE);
  scripted.queued = 100;
  expect(scripted.channel.readiness()).toBe(GATHERING);
  scripted.queued = 10_000;
  expect(scripted.channel.readiness()).toBe(BUSY);
  scripted.queued = 0;
  scripted.underWay = true;
  expect(scripted.channel.readiness()).toBe(BUSY);
});

test('where too many wait the oldest is shed', () => {
  const scripted = new Scripted();
  scripted.send();
  scripted.underWay = true;
  const said = Array.from({ length: WAITING_OPERATIONS_MAX + 2 }, () => scripted.send());
  expect(said.slice(0, 3)).toEqual([['overloaded'], ['overloaded'], []]);
  scripted.ready();
  expect(scripted.sent).toHaveLength(1 + WAITING_OPERATIONS_MAX);
});

test('where too many bytes wait the oldest are shed; one that is longer than that alone is not', () => {
  const scripted = new Scripted();
  scripted.send();
  scripted.underWay = true;
  const small = scripted.send();
  const half = scripted.send(setOf(WAITING_BYTES_MAX / 2));
  expect([small, half]).toEqual([[], []]);
  const longer = scripted.send(setOf(WAITING_BYTES_MAX + 1));
  expect([small, half, longer]).toEqual([['overloaded'], ['overloaded'], []]);
});

test('a stream that ends: what waited was certainly not delivered, what was sent perhaps', () => {
  const scripted = new Scripted();
  const sent = scripted.send();
  scripted.underWay = true;
  const waiting = scripted.send();
  scripted.close(true);
  expect([sent, waiting]).toEqual([['unanswered'], ['unreachable']]);
});

test('what waits for long is asked elsewhere as well, and given up at its time as not delivered', () => {
  const scripted = new Scripted();
  const sent = scripted.send();
  scripted.underWay = true;
  const waiting = scripted.send();
  scripted.pass(times.hedgeMs + 2 * times.sweepMs);
  expect([sent, waiting]).toEqual([['slow'], ['slow']]);
  scripted.pass(times.tryMs);
  expect([sent, waiting]).toEqual([
    ['slow', 'unanswered'],
    ['slow', 'unreachable'],
  ]);
  scripted.ready();
  expect(scripted.sent).toEqual([1]);
});

test('a stream that stays silent is given up also when nothing could be sent on it', () => {
  const scripted = new Scripted();
  scripted.underWay = true;
  scripted.send();
  scripted.pass(times.linkSilenceMs + 2 * times.sweepMs);
  expect(scripted.closedFor).toEqual(['silent for too long']);
});

test('equal gets that leave together are looked up once; one that has left is not joined (I5)', () => {
  const scripted = new Scripted();
  const get = getOf('hot');
  const first = [scripted.send(get), scripted.send(get), scripted.send(getOf('cold'))];
  expect(scripted.sent).toEqual([1, 2]);
  scripted.batchesLeft = 1;
  scripted.underWay = true;
  const second = [scripted.send(get), scripted.send(get)];
  scripted.answer(1);
  expect([...first, ...second]).toEqual([['applied'], ['applied'], [], [], []]);
  scripted.ready();
  expect(scripted.sent).toEqual([1, 2, 3]);
  scripted.answer(3);
  expect(second).toEqual([['applied'], ['applied']]);
});

test('a get that was given up is not joined', () => {
  const scripted = new Scripted();
  scripted.send();
  scripted.underWay = true;
  const get = getOf('hot');
  const both = [scripted.send(get), scripted.send(get)];
  scripted.pass(times.tryMs + 2 * times.sweepMs);
  expect(both).toEqual(Array(2).fill(['slow', 'unreachable']));
  const again = scripted.send(get);
  scripted.ready();
  expect(scripted.sent).toEqual([1, 2]);
  scripted.answer(2);
  expect(again).toEqual(['applied']);
});

test('an answer that comes too late does not end the watch over another one', () => {
  const scripted = new Scripted();
  const late = scripted.send();
  scripted.pass(times.tryMs + 2 * times.sweepMs);
  const next = scripted.send();
  scripted.answer(1);
  scripted.pass(times.tryMs + 2 * times.sweepMs);
  expect([late, next]).toEqual(Array(2).fill(['slow', 'unanswered']));
});

test('a get whose answer is coming, or waits for its turn among long ones, is neither asked elsewhere nor given up', () => {
  const scripted = new Scripted();
  const [long, other] = [scripted.send(), scripted.send()];
  const set = scripted.send(setOf(10));
  for (let ms = 0; ms < 3 * times.linkSilenceMs; ms += 10) {
    scripted.arrive(1);
    scripted.pass(10);
  }
  expect([long, other, scripted.closedFor]).toEqual([[], [], []]);
  // What a set waits for is no long answer.
  expect(set).toEqual(['slow', 'unanswered']);
  scripted.answer(scripted.sent[0] ?? 0);
  expect(long).toEqual(['applied']);
  // Nothing comes any more.
  scripted.pass(times.hedgeMs + 2 * times.sweepMs);
  expect(other).toEqual(['slow']);
  scripted.pass(times.tryMs);
  expect(other).toEqual(['slow', 'unanswered']);
});

test.each([
  ['judge', judgeOf],
  ['peek', peekOf],
  ['get', getOf('k')],
])(
  'a %s that nothing comes of is given up at its time, though others read long values all the while',
  (_kind, operation) => {
    const scripted = new Scripted();
    const said = scripted.send(operation);
    // Each is asked for, and comes, after it: what it waits for is not its turn, such as a log that hangs.
    for (let ms = 0; ms < times.tryMs + 2 * times.sweepMs; ms += 10) {
      if (ms % 100 === 0) scripted.send();
      scripted.arrive(scripted.sent.at(-1) ?? 0);
      scripted.pass(10);
    }
    expect(said).toEqual(['slow', 'unanswered']);
  },
);

test('a long answer that nobody waits for any more holds up those behind it as any other', () => {
  const scripted = new Scripted();
  scripted.send();
  scripted.pass(times.tryMs + 2 * times.sweepMs);
  const behind = scripted.send();
  for (let ms = 0; ms < times.tryMs + 2 * times.sweepMs; ms += 10) {
    scripted.arrive(1);
    scripted.pass(10);
  }
  expect(behind).toEqual([]);
});
