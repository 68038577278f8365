// Many sets of one key on one frontend: what reaches the members and what each caller is told. The one member
// is scripted; the real ones are in test/simulation/schedules-hot-keys.test.ts.

import { expect, test } from 'vitest';
import {
  protocolTimes,
  WAITING_SETS_BYTES_MAX,
  WAITING_SETS_MAX,
} from '../../../../src/cluster/model/limits.ts';
import {
  recordValue,
  recordVersion,
  type StoredRecord,
} from '../../../../src/cluster/model/record.ts';
import { HybridClock, type Version } from '../../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../../src/cluster/peers/storage-channel.ts';
import type { Runtime } from '../../../../src/cluster/ports.ts';
import type { OperationContext } from '../../../../src/coordinator/operations/operation-context.ts';
import type { WriteOutcome } from '../../../../src/coordinator/operations/set/decision.ts';
import { LaterRounds } from '../../../../src/coordinator/operations/set/later-rounds.ts';
import { storedRecordOf } from '../../../../src/coordinator/operations/set/set-record.ts';
import { Writer } from '../../../../src/coordinator/operations/set/writer.ts';
import { memberOf } from '../../../helpers/maps.ts';

const APPLIED: MemberAnswer = { kind: 'applied' };
const OVERLOADED: MemberAnswer = { kind: 'overloaded' };

interface Sent {
  readonly value: string;
  readonly version: Version;
  readonly answer: (answer: MemberAnswer) => void;
}

/** A writer, what it sent, and what its callers were told, by their values. */
function stage() {
  const sent: Sent[] = [];
  const told = new Map<string, WriteOutcome>();
  let nowMs = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const nothing = () => undefined;
  const versions = new HybridClock({ wallMs: () => 1000 });
  const runtime = {
    clock: { monotonicMs: () => nowMs, wallMs: () => 1000 },
    random: { below: () => 0 },
    timers: {
      after: (delayMs: number, run: () => void) => {
        const timer = { atMs: nowMs + delayMs, run };
        timers.push(timer);
        return () => {
          timers = timers.filter((each) => each !== timer);
        };
      },
    },
  } as unknown as Runtime;
  const times = protocolTimes(1);
  const context = {
    runtime,
    router: {
      laterRounds: new LaterRounds(runtime, times),
      locate: () => ({
        partition: 0,
        entry: { epoch: 1, members: [memberOf('a', 'serving')] },
        answering: [true],
      }),
      send: (_member: unknown, { record }: { record: StoredRecord }, answer: Sent['answer']) => {
        sent.push({
          value: recordValue(record).toString(),
          version: recordVersion(record),
          answer,
        });
      },
    },
    refresh: { fetchFrom: nothing, fetchFromAnyone: nothing, pushTo: nothing },
    reports: { note: nothing },
    versions,
    times,
  } as unknown as OperationContext;
  const writer = new Writer(context);
  const pass = (milliseconds: number) => {
    nowMs += milliseconds;
    for (;;) {
      const due = timers.filter(({ atMs }) => atMs <= nowMs);
      if (due.length === 0) return;
      timers = timers.filter(({ atMs }) => atMs > nowMs);
      for (const { run } of due) run();
    }
  };
  return {
    sent,
    told,
    pass,
    /** As in a process that is stopped: the timers are late, and when it goes on, answers may come before them. */
    pause: (milliseconds: number) => {
      nowMs += milliseconds;
    },
    writer,
    versions,
    /** @param arrivedMs as of a set that had to wait for the time of the cluster before it came here */
    set: (value: string, key = 'k', arrivedMs?: number) => {
      const request = { tombstone: false, expiresAtMs: 0, attributes: [] };
      const tell = (outcome: WriteOutcome) => {
        expect(told.has(value)).toBe(false);
        told.set(value, outcome);
      };
      const fields = { ...request, key: Buffer.from(key), value: Buffer.from(value) };
      writer.set(fields, tell, arrivedMs);
    },
    /** @param name under which its answer is told */
    delete: (name: string, key = 'k') => {
      const request = { tombstone: true, expiresAtMs: 0, attributes: [] };
      writer.set({ ...request, key: Buffer.from(key), value: Buffer.alloc(0) }, (outcome) =>
        told.set(name, outcome),
      );
    },
    /** Who created the key, and who replaced what was there. */
    created: () =>
      [...told]
        .map(([name, outcome]) => `${name}:${outcome.kind === 'stored' && outcome.created}`)
        .sort()
        .join(' '),
    values: () => sent.map(({ value }) => value).join(' '),
    answer: (index: number, answer: MemberAnswer) => sent[index]?.answer(answer),
    /** `b=503` and so on, in the order in which they were told. */
    answers: () =>
      [...told]
        .map(
          ([value, outcome]) =>
            `${value}:${outcome.kind === 'not-stored' ? outcome.code : outcome.kind}`,
        )
        .join(' '),
    versionOf: (value: string) => {
      const outcome = told.get(value);
      return outcome?.kind === 'stored' ? outcome.version : undefined;
    },
  };
}

test('a set of another key, or after the answer, waits for nobody', () => {
  const { set, values, answer, answers, writer } = stage();
  set('a', 'one');
  set('b', 'two');
  answer(0, APPLIED);
  set('c', 'one');
  expect(values()).toBe('a b c');
  answer(1, APPLIED);
  answer(2, APPLIED);
  expect(answers()).toBe('a:stored b:stored c:stored');
  expect(writer.coalesced).toBe(0);
});

test('H41: sets that are coalesced have versions of their own, below that of the newest', () => {
  const { set, values, answer, answers, versionOf, sent, writer } = stage();
  for (const value of ['a', 'b', 'c', 'd']) set(value);
  answer(0, APPLIED);
  expect(values()).toBe('a d');
  expect(answers()).toBe('a:stored');
  answer(1, APPLIED);
  expect(answers()).toBe('a:stored d:stored b:stored c:stored');
  const versions = ['a', 'b', 'c', 'd'].map(versionOf);
  expect(new Set(versions).size).toBe(4);
  expect([...versions].sort()).toEqual(versions);
  expect(versionOf('d')).toBe(sent[1]?.version);
  expect(writer.coalesced).toBe(2);
});

test('H18: when the newest needs a higher version, so do those that it coalesced', () => {
  const { set, answer, versionOf, versions } = stage();
  for (const value of ['a', 'b', 'c']) set(value);
  answer(0, APPLIED);
  const theirs = ((1001n << 16n) + 7n) as Version;
  versions.observe(theirs);
  answer(1, { kind: 'superseded', version: theirs });
  answer(2, APPLIED);
  const [b = 0n, c = 0n] = [versionOf('b'), versionOf('c')];
  expect(b > theirs).toBe(true);
  expect(c > b).toBe(true);
});

test('what can only be refused is not tried all in one turn', () => {
  const { set, pass, answer, answers, values } = stage();
  for (const value of ['a', 'b', 'c']) set(value);
  answer(0, OVERLOADED);
  expect(values()).toBe('a');
  pass(0);
  expect(values()).toBe('a c');
  answer(1, OVERLOADED);
  set('d');
  pass(0);
  expect(values()).toBe('a c d');
  answer(2, APPLIED);
  expect(answers()).toBe('a:overloaded c:overloaded d:stored b:stored');
});

test('of too many the ones that waited longest are refused, of any key', () => {
  const { set, answer, answers, told, values } = stage();
  set('a', 'one');
  set('b', 'two');
  set('oldest', 'two');
  for (let count = 1; count < WAITING_SETS_MAX; count++) set(`${count}`, 'one');
  expect(told.size).toBe(0);
  set('newest', 'one');
  expect(answers()).toBe('oldest:overloaded');
  set('newer', 'two');
  expect(answers()).toBe('oldest:overloaded 1:overloaded');
  answer(1, APPLIED);
  answer(0, APPLIED);
  expect(values()).toBe('a b newer newest');
});

test('and when they are too long; a single one may be', () => {
  const { set, told } = stage();
  const long = 'x'.repeat(WAITING_SETS_BYTES_MAX + 1);
  set('a');
  set(long);
  expect(told.size).toBe(0);
  set('b');
  expect([...told.values()]).toEqual([expect.objectContaining({ code: 'overloaded' })]);
});

test('who waited for too long is refused, one timer for all, and never sent', () => {
  const { set, pass, answers, values, answer } = stage();
  set('a');
  set('b');
  pass(2000);
  set('c');
  pass(2999);
  expect(answers()).toBe('');
  pass(1);
  expect(answers()).toBe('b:not-stored');
  answer(0, APPLIED);
  expect(values()).toBe('a c');
  pass(60_000);
  answer(1, APPLIED);
  expect(answers()).toBe('b:not-stored a:stored c:stored');
});

test('H31: who waited for the time of the cluster before it came is refused by its own deadline, before all others', () => {
  const { set, pass, answers, values, answer, writer } = stage();
  set('a');
  pass(1000);
  set('b');
  pass(2000);
  set('timed', 'k', 500);
  set('c');
  pass(2499);
  expect(answers()).toBe('');
  pass(1);
  expect(answers()).toBe('timed:not-stored');
  pass(400);
  answer(0, APPLIED);
  answer(1, APPLIED);
  expect(values()).toBe('a c');
  expect(answers()).toBe('timed:not-stored a:stored c:stored b:stored');
  expect(writer.waiting).toBe(0);
});

test('D9: after 504 a set goes on in the background and holds up nobody', () => {
  const { set, pass, answers, values, answer } = stage();
  set('a');
  set('b');
  answer(0, { kind: 'unanswered', detail: 'scripted' });
  pass(4000);
  set('c');
  // Each round of a is answered so; the last one that it may begin comes before its deadline.
  for (let round = 1; answers() === 'b:not-stored' || answers() === ''; round++) {
    pass(300);
    answer(round, { kind: 'unanswered', detail: 'scripted' });
  }
  expect(answers()).toBe('b:not-stored a:unknown');
  pass(0);
  expect(values().split(' ').at(-1)).toBe('c');
  answer(values().split(' ').length - 1, APPLIED);
  expect(answers()).toBe('b:not-stored a:unknown c:stored');
});

/** c coalesced b, and is stored when the time of b to wait is over, but for the timer; d and e wait behind c. */
function overdueAndStored(pauseMs: number) {
  const staged = stage();
  const { set, pass, pause, answer, values } = staged;
  set('a');
  set('b');
  set('c');
  pass(100);
  set('x', 'other');
  set('y', 'other');
  pass(2900);
  answer(0, APPLIED);
  set('d');
  set('e');
  expect(values()).toBe('a x c');
  pause(pauseMs);
  answer(2, APPLIED);
  return staged;
}

test('H41: a set that is stored with a newer one is told that alone, however late the frontend is', () => {
  const { answers, values, pass, writer, answer } = overdueAndStored(2500);
  // Of the other key nothing is stored.
  expect(answers()).toBe('a:stored y:not-stored c:stored b:stored');
  expect(values()).toBe('a x c e');
  pass(0);
  answer(3, APPLIED);
  expect(answers()).toBe('a:stored y:not-stored c:stored b:stored e:stored d:stored');
  expect(writer.waiting).toBe(0);
});

test('H41: nor does it take others along, which keep their deadlines', () => {
  const { answers, pass, writer } = overdueAndStored(2050);
  expect(answers()).toBe('a:stored c:stored b:stored');
  pass(50);
  expect(answers()).toBe('a:stored c:stored b:stored y:not-stored');
  // Nobody answers for e, which coalesced d.
  pass(2900);
  expect(answers()).toBe('a:stored c:stored b:stored y:not-stored d:not-stored');
  expect(writer.waiting).toBe(0);
});

test.each([
  [true, 'a:true b:true c:false d:false'],
  [false, 'a:false b:false c:false d:false'],
])(
  'of sets that one is sent for, created %s, the oldest found what was there, each later one the one before',
  (isNew, wanted) => {
    const { set, answer, created } = stage();
    set('a');
    for (const value of ['b', 'c', 'd']) set(value);
    answer(0, { kind: 'applied', created: isNew });
    answer(1, { kind: 'applied', created: isNew });
    expect(created()).toBe(wanted);
  },
);

test('a set after a delete creates the key, though neither that one nor what was before it was there alone', () => {
  const { set, delete: remove, answer, created } = stage();
  set('a');
  set('b');
  remove('c');
  set('d');
  answer(0, { kind: 'applied', created: true });
  answer(1, { kind: 'applied' });
  expect(created()).toBe('a:true b:false c:false d:true');
});

test('the ETag of a coalesced set is of its own record, that of a sent one of what was sent', () => {
  const { set, answer, told } = stage();
  for (const value of ['a', 'b', 'c']) set(value);
  answer(0, APPLIED);
  answer(1, APPLIED);
  const records = ['a', 'b', 'c'].map((value) => {
    const outcome = told.get(value);
    if (outcome?.kind !== 'stored') throw new Error(`${value} is not stored`);
    const request = { key: Buffer.from('k'), value: Buffer.from(value), tombstone: false };
    const record = storedRecordOf({ ...request, expiresAtMs: 0, attributes: [] }, outcome);
    expect(recordVersion(record)).toBe(outcome.version);
    return [recordValue(record).toString(), outcome.record === undefined];
  });
  expect(records).toEqual([
    ['a', false],
    ['b', true],
    ['c', false],
  ]);
});
