// What a conditional write and a linearizable read send to whom, and when they answer. The members are scripted; the real
// ones are in test/simulation/schedules-conditional.test.ts.

import { describe, expect, test } from 'vitest';
import type { Member } from '../../../src/cluster/model/cluster-map.ts';
import { etagOf } from '../../../src/cluster/model/condition.ts';
import { encodeMark } from '../../../src/cluster/model/conditional-mark.ts';
import type { Epoch, Incarnation } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import { encodeRecord, type StoredRecord } from '../../../src/cluster/model/record.ts';
import { HybridClock, type Version } from '../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../src/cluster/peers/storage-channel.ts';
import type { Runtime } from '../../../src/cluster/ports.ts';
import type { Operation } from '../../../src/cluster/wire/operations.ts';
import type { ConditionalOutcome } from '../../../src/coordinator/operations/conditional/decision.ts';
import { ConditionalWriter } from '../../../src/coordinator/operations/conditional/round.ts';
import { LinearizableReader } from '../../../src/coordinator/operations/get/linearizable.ts';
import type { ReadOutcome } from '../../../src/coordinator/operations/get/round.ts';
import type { OperationContext } from '../../../src/coordinator/operations/operation-context.ts';
import { LaterRounds } from '../../../src/coordinator/operations/set/later-rounds.ts';
import { memberOf } from '../../helpers/maps.ts';

const KEY = Buffer.from('k');
const APPLIED: MemberAnswer = { kind: 'applied' };
const EQUAL: MemberAnswer = { kind: 'equal' };
const FLOOR: MemberAnswer = { kind: 'floor', version: 9n as Version };
const ABSENT: MemberAnswer = { kind: 'absent', version: 0n as Version };
const STALE: MemberAnswer = { kind: 'stale' };
const UNANSWERED: MemberAnswer = { kind: 'unanswered', detail: '' };
const UNSETTLED: MemberAnswer = { kind: 'unsettled' };

interface Sent {
  readonly to: string;
  readonly operation: Operation;
  readonly answer: (answer: MemberAnswer) => void;
}

function recordAt(version: number, rest: { expiresAtMs?: number; judged?: boolean } = {}) {
  const { expiresAtMs = 0, judged = false } = rest;
  const mark = encodeMark({ epoch: 1 as Epoch, incarnation: 1 as Incarnation, base: undefined });
  const attributes = judged ? [mark] : [];
  return encodeRecord({
    key: KEY,
    version: BigInt(version) as Version,
    expiresAtMs,
    attributes,
    value: Buffer.from(`${version}`),
  });
}

const held = (record: StoredRecord): MemberAnswer => ({ kind: 'held', record });
const judged = (record: StoredRecord, before?: StoredRecord): MemberAnswer => ({
  kind: 'judged',
  record,
  previous: undefined,
  created: before === undefined,
  predecessor: before && etagOf(before),
});

/** Members a and b serve, c joins, and d leaves. */
function stage() {
  let sent: Sent[] = [];
  let epoch = 1;
  let nowMs = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const nothing = () => undefined;
  const members: readonly Member[] = [
    memberOf('a', 'serving'),
    memberOf('b', 'serving'),
    memberOf('c', 'joining'),
    memberOf('d', 'leaving'),
  ];
  const runtime = {
    clock: { monotonicMs: () => nowMs, wallMs: () => 1000 },
    random: { below: () => 0 },
    timers: {
      after: (delayMs: number, run: () => void) => timers.push({ atMs: nowMs + delayMs, run }),
    },
  } as unknown as Runtime;
  const times = protocolTimes(1);
  const context = {
    runtime,
    router: {
      map: { partitions: [] },
      laterRounds: new LaterRounds(runtime, times),
      locate: () => ({
        partition: 0,
        entry: { epoch, members },
        answering: members.filter(({ role }) => role === 'serving'),
      }),
      send: ({ node }: Member, operation: Operation, answer: Sent['answer']) => {
        sent.push({ to: node, operation, answer });
      },
    },
    refresh: { fetchFrom: nothing, pushTo: nothing },
    reports: { note: nothing },
    versions: new HybridClock({ wallMs: () => 1000 }),
    times,
  } as unknown as OperationContext;
  let told: ConditionalOutcome | ReadOutcome | undefined;
  const tell = (outcome: ConditionalOutcome | ReadOutcome) => {
    expect(told).toBeUndefined();
    told = outcome;
  };
  return {
    incr: () =>
      new ConditionalWriter(context).write(
        { key: KEY, condition: {}, change: { kind: 'incr', by: 1 } },
        tell,
      ),
    read: () => new LinearizableReader(context).get(KEY, tell),
    told: () => told?.kind,
    nextEpoch: () => {
      epoch++;
    },
    pass: (milliseconds: number) => {
      nowMs += milliseconds;
      const due = timers.filter(({ atMs }) => atMs <= nowMs);
      timers = timers.filter(({ atMs }) => atMs > nowMs);
      for (const { run } of due) run();
    },
    /** Checks what was sent since the last time, as `KIND@EPOCH` and to whom, and answers it. */
    answer: (what: string, answers: Readonly<Record<string, MemberAnswer>>) => {
      const asked = sent;
      sent = [];
      const names = asked.map(({ operation }) =>
        'epoch' in operation ? `${operation.kind}@${operation.epoch}` : operation.kind,
      );
      expect([...new Set(names)]).toEqual([what]);
      expect(asked.map(({ to }) => to)).toEqual(Object.keys(answers));
      for (const { to, answer } of asked) answer(answers[to] ?? UNANSWERED);
    },
    isIdle: () => sent.length === 0,
  };
}

const old = recordAt(3);
const own = recordAt(5, { judged: true });

describe('a judged record', () => {
  test('is stored when all others have it, whatever their role', () => {
    const { incr, answer, told } = stage();
    incr();
    answer('judge@1', { a: judged(own, old) });
    answer('set@1', { b: APPLIED, c: APPLIED, d: EQUAL });
    expect(told()).toBe('stored');
  });

  test('is unknown below the floor of one', () => {
    const { incr, answer, told } = stage();
    incr();
    answer('judge@1', { a: judged(own, old) });
    answer('set@1', { b: FLOOR, c: APPLIED, d: APPLIED });
    expect(told()).toBe('unknown');
  });

  test('goes again, at its epoch, to those alone that did not say', () => {
    const { incr, answer, told, pass } = stage();
    incr();
    answer('judge@1', { a: judged(own, old) });
    answer('set@1', { b: UNANSWERED, c: APPLIED, d: STALE });
    expect(told()).toBeUndefined();
    pass(100);
    answer('set@1', { b: APPLIED, d: APPLIED });
    expect(told()).toBe('stored');
  });

  test('is unknown once there is no time to go on, also after a change of the epoch', () => {
    for (const changes of [false, true]) {
      const { incr, answer, told, pass, nextEpoch } = stage();
      incr();
      answer('judge@1', { a: judged(own, old) });
      answer('set@1', { b: STALE, c: APPLIED, d: APPLIED });
      if (changes) nextEpoch();
      pass(5000);
      if (changes) answer('peek@2', { a: held(old), b: STALE, c: ABSENT, d: ABSENT });
      else answer('set@1', { b: STALE });
      expect(told()).toBe('unknown');
    }
  });

  test('is looked for at the next epoch, and brought to who lacks it', () => {
    const { incr, answer, told, pass, nextEpoch } = stage();
    incr();
    answer('judge@1', { a: judged(own, old) });
    answer('set@1', { b: STALE, c: APPLIED, d: APPLIED });
    nextEpoch();
    pass(100);
    answer('peek@2', { a: held(own), b: STALE, c: ABSENT, d: ABSENT });
    expect(told()).toBeUndefined();
    pass(200);
    answer('peek@2', { a: held(old), b: ABSENT, c: held(own), d: held(own) });
    answer('set@2', { a: APPLIED, b: STALE });
    pass(400);
    answer('set@2', { b: APPLIED });
    expect(told()).toBe('stored');
  });

  test('that nobody has at the next epoch is judged afresh there', () => {
    const { incr, answer, told, pass, nextEpoch } = stage();
    incr();
    answer('judge@1', { a: judged(own, old) });
    answer('set@1', { b: STALE, c: STALE, d: STALE });
    nextEpoch();
    pass(100);
    answer('peek@2', { a: held(old), b: held(old), c: ABSENT, d: ABSENT });
    pass(200);
    answer('judge@2', { a: judged(recordAt(7, { judged: true }), old) });
    answer('set@2', { b: APPLIED, c: APPLIED, d: APPLIED });
    expect(told()).toBe('stored');
  });
});

describe('a key that is not settled', () => {
  test('is judged when the serialiser has the greatest record of all', () => {
    const { incr, answer, told } = stage();
    incr();
    answer('judge@1', { a: UNSETTLED });
    answer('peek@1', { a: held(old), b: ABSENT, c: ABSENT, d: held(recordAt(4)) });
    answer('set@1', { a: APPLIED });
    answer('judge@1', { a: judged(own) });
    answer('set@1', { b: APPLIED, c: APPLIED, d: APPLIED });
    expect(told()).toBe('stored');
  });

  test.each([UNANSWERED, STALE])('is not judged while the serialiser may lack it: %o', (none) => {
    const { incr, answer, told, pass } = stage();
    incr();
    answer('judge@1', { a: UNSETTLED });
    answer('peek@1', { a: held(old), b: ABSENT, c: held(recordAt(4)), d: ABSENT });
    answer('set@1', { a: none });
    pass(100);
    answer('judge@1', { a: UNSETTLED });
    expect(told()).toBeUndefined();
  });

  test('is not judged without what lives elsewhere, and is below the floor of the serialiser', () => {
    const { incr, answer, isIdle } = stage();
    incr();
    answer('judge@1', { a: UNSETTLED });
    answer('peek@1', { a: ABSENT, b: ABSENT, c: held(recordAt(4)), d: ABSENT });
    answer('set@1', { a: FLOOR });
    expect(isIdle()).toBe(true);
  });

  test('is judged without what is over, and is below the floor of the serialiser', () => {
    const { incr, answer } = stage();
    incr();
    answer('judge@1', { a: UNSETTLED });
    answer('peek@1', {
      a: ABSENT,
      b: held(recordAt(4, { expiresAtMs: 999 })),
      c: ABSENT,
      d: ABSENT,
    });
    answer('set@1', { a: FLOOR });
    answer('judge@1', { a: judged(own) });
  });
});

describe('what decided against a write', () => {
  const unmet: MemberAnswer = { kind: 'unmet', why: 'not-a-number', isLive: true, record: old };

  test('is told once all others have it', () => {
    const { incr, answer, told } = stage();
    incr();
    answer('judge@1', { a: unmet });
    expect(told()).toBeUndefined();
    answer('set@1', { b: EQUAL, c: FLOOR, d: EQUAL });
    expect(told()).toBe('unmet');
  });

  test.each<[string, MemberAnswer, MemberAnswer]>([
    ['one does not say', EQUAL, STALE],
    ['one is above it', FLOOR, EQUAL],
    ['one got it just now, and a joiner may not', EQUAL, APPLIED],
  ])('is judged again where %s', (_, b, d) => {
    const { incr, answer, told, pass } = stage();
    incr();
    answer('judge@1', { a: unmet });
    answer('set@1', { b, c: FLOOR, d });
    expect(told()).toBeUndefined();
    pass(100);
    answer('judge@1', { a: unmet });
  });
});

describe('a linearizable read', () => {
  test('answers what all have', () => {
    const { read, answer, told } = stage();
    read();
    answer('peek@1', { a: held(old), b: held(old), c: held(old), d: held(old) });
    expect(told()).toBe('value');
  });

  test('answers what one has when all have it', () => {
    const { read, answer, told, pass } = stage();
    read();
    answer('peek@1', { a: held(old), b: held(old), c: ABSENT, d: held(own) });
    answer('set@1', { a: APPLIED, b: UNANSWERED, c: APPLIED });
    expect(told()).toBeUndefined();
    pass(100);
    answer('peek@1', { a: held(own), b: held(old), c: held(own), d: held(own) });
    answer('set@1', { b: APPLIED });
    expect(told()).toBe('value');
  });

  test('is not answered what lives at one, and is below the floor of another', () => {
    const { read, answer, told } = stage();
    read();
    answer('peek@1', { a: ABSENT, b: held(old), c: ABSENT, d: ABSENT });
    answer('set@1', { a: FLOOR, c: APPLIED, d: APPLIED });
    expect(told()).toBeUndefined();
  });
});
