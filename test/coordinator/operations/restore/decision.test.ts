// D16: what comes of a record that keeps its version: the decision over one round, as a table, and the
// rounds, with scripted members.

import { describe, expect, test } from 'vitest';
import type { Member, MemberRole } from '../../../../src/cluster/model/cluster-map.ts';
import { protocolTimes } from '../../../../src/cluster/model/limits.ts';
import { encodeRecord } from '../../../../src/cluster/model/record.ts';
import { HybridClock, type Version } from '../../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../../src/cluster/peers/storage-channel.ts';
import type { Operation } from '../../../../src/cluster/wire/operations.ts';
import type { OperationContext } from '../../../../src/coordinator/operations/operation-context.ts';
import {
  heldRecordOf,
  judgeVersionedWrite,
} from '../../../../src/coordinator/operations/restore/decision.ts';
import {
  type VersionedWriteOutcome,
  VersionedWriter,
} from '../../../../src/coordinator/operations/restore/round.ts';
import { memberOf } from '../../../helpers/maps.ts';

const key = Buffer.from('k');
const recordAt = (version: number, tombstone = false) =>
  encodeRecord({
    key,
    version: BigInt(version) as Version,
    tombstone,
    value: Buffer.from(tombstone ? '' : 'v'),
  });
const RECORD = recordAt(5);
const version = 9n as Version;

const ANSWERS: Readonly<Record<string, MemberAnswer | undefined>> = {
  out: undefined,
  applied: { kind: 'applied' },
  equal: { kind: 'equal' },
  superseded: { kind: 'superseded', version },
  floor: { kind: 'floor', version },
  stale: { kind: 'stale' },
  unreachable: { kind: 'unreachable', detail: '' },
  full: { kind: 'refused', reason: 'full' },
  tooLarge: { kind: 'refused', reason: 'too-large' },
  same: { kind: 'held', record: RECORD },
  newer: { kind: 'held', record: recordAt(6) },
  deleted: { kind: 'held', record: recordAt(6, true) },
  older: { kind: 'held', record: recordAt(4) },
  deletedBefore: { kind: 'held', record: recordAt(4, true) },
  absent: { kind: 'absent', version },
  notServing: { kind: 'not-serving' },
};

function answersOf(text: string): { member: Member; answer: MemberAnswer | undefined }[] {
  return text.split(' ').map((word, index) => {
    const [answer = '', role = 'serving'] = word.split(':').reverse();
    return { member: memberOf(`n${index}`, role as MemberRole), answer: ANSWERS[answer] };
  });
}

describe('R4: a round of a record with its own version', () => {
  test.each([
    ['applied applied applied', 'stored newly'],
    ['applied equal', 'stored newly'],
    ['equal equal', 'stored'],
    ['applied out', 'pending'],
    ['superseded out', 'pending'],
    // Where a set would take a higher version, the newer one stays
    ['superseded superseded', 'superseded'],
    ['applied superseded', 'superseded'],
    ['superseded floor', 'superseded'],
    // The others have it, and the joiner gets it, or what it has instead, from them
    ['applied joining:superseded', 'stored newly'],
    // Nothing is done while one has not answered: it may be without it
    ['superseded unreachable', 'again'],
    ['applied stale', 'again'],
    // H24: `floor` says nothing of what is there
    ['floor floor', 'inspect'],
    ['applied floor', 'inspect'],
    ['applied joining:floor', 'inspect'],
    ['floor unreachable', 'again'],
    // H35
    ['applied full', 'again'],
    ['full', 'refused full'],
    ['applied tooLarge', 'refused too-large'],
  ])('%s: %s', (votes, decision) => {
    const judged = judgeVersionedWrite(answersOf(votes));
    const more = judged.kind === 'refused' ? ` ${judged.reason}` : '';
    expect(judged.kind + (judged.kind === 'stored' && judged.newly ? ' newly' : more)).toBe(
      decision,
    );
  });

  test('without members there is nobody to have it', () => {
    expect(judgeVersionedWrite([])).toEqual({ kind: 'again' });
  });
});

test.each([
  ['same', 'same'],
  ['newer', 'newer'],
  ['deleted', 'newer'],
  ['older', 'missing'],
  ['deletedBefore', 'missing'],
  ['absent', 'missing'],
  ['notServing', 'unknown'],
])('below the floor, %s: a value is %s', (answer, ofValue) => {
  expect(heldRecordOf(RECORD, ANSWERS[answer] as MemberAnswer, 0)).toBe(ofValue);
});

test('below the floor a delete is as good as there when the key is absent', () => {
  const tombstone = recordAt(5, true);
  const held = (answer: string) => heldRecordOf(tombstone, ANSWERS[answer] as MemberAnswer, 0);
  expect(held('absent')).toBe('same');
  expect(held('deletedBefore')).toBe('same');
  expect(held('older')).toBe('missing');
  expect(held('newer')).toBe('newer');
});

/** Plays rounds: the answers to the set in each, and to the peeks at those that said `floor`. */
function play(rounds: readonly { set: string; peek?: string }[], lateMs = 0) {
  const outcomes: VersionedWriteOutcome[] = [];
  const later: (() => void)[] = [];
  const asked: string[] = [];
  let round = -1;
  let nowMs = 0;
  const nothing = () => undefined;
  const scripts = rounds.map(({ set, peek = '' }) => ({
    set: answersOf(set),
    peek: answersOf(peek),
  }));
  const context = {
    runtime: {
      clock: { monotonicMs: () => nowMs, wallMs: () => nowMs },
      random: { below: () => 0 },
      timers: { after: (_delayMs: number, callback: () => void) => later.push(callback) },
    },
    router: {
      locate: () => ({
        partition: 0,
        entry: { epoch: 1, members: scripts[++round]?.set.map(({ member }) => member) },
        answering: [true],
      }),
      send: ({ node }: Member, { kind }: Operation, callback: (answer: MemberAnswer) => void) => {
        asked.push(`${round} ${kind} ${node}`);
        const script = scripts[round]?.[kind as 'set' | 'peek'];
        callback(script?.find(({ member }) => member.node === node)?.answer as MemberAnswer);
      },
    },
    refresh: { fetchFrom: nothing, fetchFromAnyone: nothing, pushTo: nothing },
    reports: { note: nothing },
    versions: new HybridClock({ wallMs: () => 1000 }),
    times: protocolTimes(1),
  } as unknown as OperationContext;
  new VersionedWriter(context).write(RECORD, (outcome) => outcomes.push(outcome));
  while (round + 1 < rounds.length && later.length > 0) {
    nowMs += lateMs;
    for (const next of later.splice(0)) next();
  }
  return { outcomes: outcomes.map(({ kind }) => kind), asked, unfinished: later.length };
}

describe('the rounds of a record with its own version', () => {
  const outcomesOf = (...rounds: { set: string; peek?: string }[]) => play(rounds).outcomes;

  test('what a member took in an earlier round is set, not found there', () => {
    expect(outcomesOf({ set: 'applied unreachable' }, { set: 'equal equal' })).toEqual(['set']);
    expect(outcomesOf({ set: 'equal equal' })).toEqual(['already-stored']);
  });

  test('every round asks everybody: at another epoch a word from before is worth nothing', () => {
    expect(play([{ set: 'applied stale' }, { set: 'equal applied' }]).asked).toEqual([
      '0 set n0',
      '0 set n1',
      '1 set n0',
      '1 set n1',
    ]);
  });

  test('H24: who answers floor is looked at, and only that one', () => {
    const { asked, outcomes } = play([{ set: 'equal floor', peek: 'older same' }]);
    expect(asked).toEqual(['0 set n0', '0 set n1', '0 peek n1']);
    expect(outcomes).toEqual(['already-stored']);
  });

  test('H24: one member without it is enough to say so', () => {
    expect(outcomesOf({ set: 'floor floor', peek: 'absent same' })).toEqual(['below-floor']);
    expect(outcomesOf({ set: 'applied floor', peek: 'same absent' })).toEqual(['below-floor']);
    expect(outcomesOf({ set: 'floor joining:floor', peek: 'absent same' })).toEqual([
      'below-floor',
    ]);
  });

  test('something newer below the floor stays, whoever has it', () => {
    expect(outcomesOf({ set: 'floor floor', peek: 'deleted deleted' })).toEqual(['superseded']);
    expect(outcomesOf({ set: 'floor floor', peek: 'deleted absent' })).toEqual(['superseded']);
    expect(outcomesOf({ set: 'floor floor', peek: 'newer same' })).toEqual(['superseded']);
  });

  test('H26: a joiner below its floor may lack what the others have, so its promotion is waited for', () => {
    expect(
      outcomesOf(
        { set: 'applied joining:floor', peek: 'same same' },
        { set: 'floor floor', peek: 'same same' },
      ),
    ).toEqual(['set']);
    expect(
      outcomesOf(
        { set: 'floor joining:floor', peek: 'same same' },
        { set: 'floor floor', peek: 'same absent' },
      ),
    ).toEqual(['below-floor']);
  });

  test('a member that cannot say now is asked again', () => {
    expect(
      outcomesOf({ set: 'floor', peek: 'notServing' }, { set: 'floor', peek: 'same' }),
    ).toEqual(['already-stored']);
  });

  test('it fails when its time is over, and not before', () => {
    expect(play([{ set: 'unreachable' }, { set: 'unreachable' }], 15_000)).toMatchObject({
      outcomes: [],
      unfinished: 1,
    });
    expect(play([{ set: 'unreachable' }, { set: 'unreachable' }], 17_000)).toMatchObject({
      outcomes: ['failed'],
      unfinished: 0,
    });
  });

  test('room may come, a limit does not move', () => {
    expect(outcomesOf({ set: 'full' }, { set: 'applied' })).toEqual(['set']);
    expect(outcomesOf({ set: 'tooLarge' })).toEqual(['failed']);
  });
});
