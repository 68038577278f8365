// H39: what the answers to a conditional write mean.

import { describe, expect, test } from 'vitest';
import type { MemberRole } from '../../../src/cluster/model/cluster-map.ts';
import { etagOf } from '../../../src/cluster/model/condition.ts';
import { encodeMark } from '../../../src/cluster/model/conditional-mark.ts';
import type { Epoch, Incarnation } from '../../../src/cluster/model/identity.ts';
import { encodeRecord, type StoredRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../src/cluster/peers/storage-channel.ts';
import {
  afterChange,
  afterJudgement,
} from '../../../src/coordinator/operations/conditional/decision.ts';
import { sightOf, spreadOf } from '../../../src/coordinator/operations/settling.ts';
import { memberOf } from '../../helpers/maps.ts';

const key = Buffer.from('k');
const version = 1n as Version;

function recordAt(number: number, mark?: { epoch: number; incarnation: number }): StoredRecord {
  const attributes =
    mark === undefined
      ? []
      : [
          encodeMark({
            epoch: mark.epoch as Epoch,
            incarnation: mark.incarnation as Incarnation,
            base: undefined,
          }),
        ];
  return encodeRecord({ key, version: BigInt(number) as Version, attributes, value: key });
}

function votes(...answers: readonly (MemberAnswer | [MemberRole, MemberAnswer])[]) {
  return answers.map((given, index) => {
    const [role, answer] = Array.isArray(given) ? given : (['serving', given] as const);
    return { member: memberOf('abc'[index] ?? 'd', role), answer };
  });
}

const record = recordAt(5);
const held = (of: StoredRecord): MemberAnswer => ({ kind: 'held', record: of });
const absent: MemberAnswer = { kind: 'absent', version };
const floor: MemberAnswer = { kind: 'floor', version };

describe('after a judgement', () => {
  test.each<[MemberAnswer, string]>([
    [
      { kind: 'judged', record, previous: undefined, created: false, predecessor: undefined },
      'judged',
    ],
    [{ kind: 'unmet', why: 'condition', isLive: true, record }, 'unmet'],
    [{ kind: 'unsettled' }, 'settle'],
    [{ kind: 'stale' }, 'again'],
    [{ kind: 'behind' }, 'again'],
    [{ kind: 'not-serving' }, 'again'],
    [{ kind: 'unreachable', detail: '' }, 'again'],
    [{ kind: 'overloaded' }, 'refused'],
    [{ kind: 'refused', reason: 'no-memory' }, 'refused'],
    [{ kind: 'unanswered', detail: '' }, 'unknown'],
    [{ kind: 'applied' }, 'unknown'],
  ])('%o leads to %s', (answer, kind) => {
    expect(afterJudgement(answer).kind).toBe(kind);
  });
});

describe('a sight', () => {
  test('is the greatest record of all members, whatever their role', () => {
    const newest = recordAt(7);
    expect(sightOf(votes(held(record), ['joining', held(newest)], absent))).toMatchObject({
      newest,
    });
    expect(sightOf(votes(absent, absent))).toMatchObject({ newest: undefined });
  });

  test.each<MemberAnswer>([
    { kind: 'stale' },
    { kind: 'behind' },
    { kind: 'not-serving' },
    { kind: 'unreachable', detail: '' },
    { kind: 'unanswered', detail: '' },
    { kind: 'found', record },
  ])('is nothing while a member answers $kind', (answer) => {
    expect(sightOf(votes(held(record), answer))).toBeUndefined();
  });
});

describe('a spread record', () => {
  test.each<[MemberAnswer, string]>([
    [{ kind: 'applied' }, 'everywhere'],
    [{ kind: 'equal' }, 'everywhere'],
    [{ kind: 'superseded', version }, 'everywhere'],
    [floor, 'below-floor'],
    [{ kind: 'stale' }, 'incomplete'],
    [{ kind: 'refused', reason: 'full' }, 'incomplete'],
    [{ kind: 'unanswered', detail: '' }, 'incomplete'],
  ])('with the answer %o is %s', (answer, spread) => {
    expect(spreadOf(votes({ kind: 'applied' }, answer))).toBe(spread);
  });

  test('a member that did not take part outweighs a floor', () => {
    expect(spreadOf(votes(floor, { kind: 'stale' }))).toBe('incomplete');
    expect(spreadOf(votes({ kind: 'stale' }, floor))).toBe('incomplete');
  });
});

describe('H39f: a judged record whose epoch is over', () => {
  const own = recordAt(5, { epoch: 3, incarnation: 9 });
  const before = recordAt(4);
  const judgedOnIt = held(recordAt(7, { epoch: 3, incarnation: 9 }));

  test.each<[string, readonly (MemberAnswer | [MemberRole, MemberAnswer])[], string]>([
    ['all have it', [held(own), held(own)], 'complete'],
    ['one has it, and nobody a greater one', [held(own), absent], 'complete'],
    ['a joiner alone has it', [held(before), ['joining', held(own)]], 'complete'],
    ['one has what was judged on it', [held(before), judgedOnIt], 'complete'],
    ['nobody has it, and all is as before', [held(before), held(recordAt(3))], 'afresh'],
    ['nobody has it, and what it was judged on is gone', [absent, absent], 'unknown'],
    ['nobody has it, and something else came', [held(recordAt(6)), held(before)], 'unknown'],
    ['one has an unconditional newer one', [held(own), held(recordAt(7))], 'unknown'],
    [
      'one has what was judged at another epoch',
      [held(own), held(recordAt(7, { epoch: 4, incarnation: 9 }))],
      'unknown',
    ],
    [
      'one has what another serialiser judged',
      [held(own), held(recordAt(7, { epoch: 3, incarnation: 8 }))],
      'unknown',
    ],
    ['one does not say', [held(own), { kind: 'stale' }], 'incomplete'],
  ])('%s', (_, answers, expected) => {
    const judged = { record: own, predecessor: etagOf(before) };
    expect(afterChange(judged, votes(...answers)).kind).toBe(expected);
  });

  test('where it took the place of nothing, nothing is as before', () => {
    const judged = { record: own, predecessor: undefined };
    expect(afterChange(judged, votes(absent, absent)).kind).toBe('afresh');
    expect(afterChange(judged, votes(absent, held(before))).kind).toBe('unknown');
  });

  test('what may be deleted and forgotten since may have had its effect', () => {
    const judged = { record: own, predecessor: undefined };
    const forgot = (floorAt: number): MemberAnswer => ({
      kind: 'absent',
      version: BigInt(floorAt) as Version,
    });
    expect(afterChange(judged, votes(absent, forgot(4))).kind).toBe('afresh');
    expect(afterChange(judged, votes(absent, forgot(5))).kind).toBe('unknown');
    expect(afterChange(judged, votes(forgot(6), absent)).kind).toBe('unknown');
  });

  test('the greatest one that was judged on it is brought to all', () => {
    const judged = { record: own, predecessor: undefined };
    const newest = recordAt(7, { epoch: 3, incarnation: 9 });
    expect(afterChange(judged, votes(held(own), judgedOnIt))).toEqual({
      kind: 'complete',
      record: newest,
    });
  });
});
