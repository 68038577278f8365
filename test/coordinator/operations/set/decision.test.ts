// The decision over one round of a set, as a table.

import { describe, expect, test } from 'vitest';
import type { MemberRole } from '../../../../src/cluster/model/cluster-map.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../../src/cluster/peers/storage-channel.ts';
import { judgeWrite } from '../../../../src/coordinator/operations/set/decision.ts';
import { mayHold, type WriteVote } from '../../../../src/coordinator/operations/write-votes.ts';
import { memberOf } from '../../../helpers/maps.ts';
import { SeededRandom } from '../../../helpers/random.ts';

const version = 7n as Version;
const ANSWERS: Readonly<Record<string, MemberAnswer | undefined>> = {
  out: undefined,
  applied: { kind: 'applied' },
  equal: { kind: 'equal' },
  superseded: { kind: 'superseded', version },
  outside: { kind: 'superseded', version, isOutsideBase: true },
  floor: { kind: 'floor', version },
  stale: { kind: 'stale' },
  behind: { kind: 'behind' },
  notServing: { kind: 'not-serving' },
  unreachable: { kind: 'unreachable', detail: '' },
  unanswered: { kind: 'unanswered', detail: '' },
  full: { kind: 'refused', reason: 'full' },
  diskFailed: { kind: 'refused', reason: 'disk-failed' },
  overloaded: { kind: 'overloaded' },
};

/** `applied joining:applied` are two votes, of a serving member where no role is named. */
function votesOf(text: string): WriteVote[] {
  return text
    .split(' ')
    .filter(Boolean)
    .map((word, index) => {
      const [answer = '', role = 'serving'] = word.split(':').reverse();
      return {
        member: memberOf(`n${index}`, role as MemberRole),
        answer: ANSWERS[answer],
      };
    });
}

describe('R4: a round of a set', () => {
  test.each([
    ['applied applied applied', 'acknowledged'],
    ['applied equal equal', 'acknowledged'],
    ['equal', 'acknowledged'],
    ['applied applied out', 'pending'],
    ['out', 'pending'],
    ['stale out', 'pending'],
    // H18: concurrent, so there is nothing to win
    ['applied superseded superseded', 'acknowledged'],
    ['superseded equal', 'acknowledged'],
    // H18: nobody would ever read it
    ['superseded superseded superseded', 'again-newer'],
    // H18: a joiner may not hold the older record yet
    ['superseded superseded joining:applied', 'again-newer'],
    ['superseded leaving:applied', 'again-newer'],
    ['joining:applied', 'again-newer'],
    ['applied joining:superseded', 'acknowledged'],
    // H39d: whoever has what was judged without the set, it is brought to all when the key is settled next
    ['applied outside applied', 'again-newer'],
    ['applied equal joining:outside', 'again-newer'],
    ['applied leaving:outside', 'again-newer'],
    // H25: a replica that answers floor holds nothing
    ['applied applied floor', 'again-newer'],
    ['floor floor', 'again-newer'],
    ['applied joining:floor', 'again-newer'],
    // not all members have it: the same version again
    ['applied applied stale', 'again'],
    ['applied behind', 'again'],
    ['applied notServing', 'again'],
    ['applied unreachable', 'again'],
    ['applied unanswered', 'again'],
    ['applied joining:unanswered', 'again'],
    ['floor stale', 'again'],
    ['', 'again'],
    // H35: it is about to be removed; the last one is not
    ['applied full', 'again'],
    ['full', 'refused'],
    ['applied diskFailed', 'again'],
    ['diskFailed', 'refused'],
    ['full joining:applied', 'refused'],
    ['overloaded unanswered', 'refused'],
  ])('%s -> %s', (votes, decision) => {
    expect(judgeWrite(votesOf(votes)).kind).toBe(decision);
  });

  test.each(['too-large', 'version-too-far-ahead', 'malformed'] as const)(
    'a member that refuses with %s is passed on with its reason, whatever the others say',
    (reason) => {
      const [first, ...others] = votesOf('floor unanswered superseded applied');
      if (first === undefined) throw new Error('four votes');
      const votes = [{ ...first, answer: { kind: 'refused', reason } as const }, ...others];
      expect(judgeWrite(votes)).toEqual({ kind: 'refused', reason });
      expect(judgeWrite(votesOf('applied overloaded'))).toEqual({
        kind: 'refused',
        reason: 'overloaded',
      });
    },
  );

  test('the order of the votes does not matter', () => {
    const random = new SeededRandom(1);
    const words = Object.keys(ANSWERS).flatMap((word) => [word, `joining:${word}`]);
    for (let round = 0; round < 2000; round++) {
      const votes = Array.from({ length: random.whole(1, 5) }, () => random.pick(words));
      const { kind } = judgeWrite(votesOf(votes.join(' ')));
      expect(judgeWrite(votesOf(random.shuffled(votes).join(' '))).kind, votes.join(' ')).toBe(
        kind,
      );
    }
  });

  test('I4: acknowledged only if all answered, none of them but with success, and a serving one keeps it', () => {
    const random = new SeededRandom(2);
    const words = Object.keys(ANSWERS).flatMap((word) => [word, `joining:${word}`]);
    let acknowledged = 0;
    for (let round = 0; round < 5000; round++) {
      const chosen = random.chance(0.5) ? words : ['applied', 'equal', 'superseded'];
      const votes = Array.from({ length: random.whole(1, 3) }, () => random.pick(chosen));
      if (judgeWrite(votesOf(votes.join(' '))).kind !== 'acknowledged') continue;
      acknowledged++;
      for (const vote of votes) expect(vote).toMatch(/^(joining:)?(applied|equal|superseded)$/);
      expect(votes.some((vote) => vote === 'applied' || vote === 'equal')).toBe(true);
    }
    expect(acknowledged).toBeGreaterThan(100);
  });

  test('D9: only these answers leave it open whether the record is there', () => {
    const open = Object.keys(ANSWERS).filter((name) => mayHold(ANSWERS[name]));
    expect(open).toEqual(['out', 'applied', 'equal', 'unanswered']);
  });
});
