// When a record is everywhere, so that a client may learn of it (H21, H39e): of what the members answer to it, and what
// those hold who are below their floors. The members are scripted; the real ones are in
// test/simulation/schedules-floors.test.ts.

import { describe, expect, test } from 'vitest';
import type { MemberAnswer } from '../../../src/cluster/peers/storage-channel.ts';
import {
  ABSENT,
  APPLIED,
  EQUAL,
  FLOOR,
  held,
  recordAt,
  STALE,
  stage,
  UNANSWERED,
} from '../../helpers/scripted-members.ts';

type Answers = Readonly<Record<string, MemberAnswer>>;

const older = recordAt(2);
const own = recordAt(3);
const later = recordAt(4);
/** The clock of the stage says 1000. */
const gone = recordAt(3, { expiresAtMs: 999 });

/** One exchange with some members: what is sent, and what each of them answers. */
type Step = readonly [string, Answers];

/** Of a, b, c and d the third one joins. @returns what a linearizable read is told, of which a holds the record */
function toldOf(record: typeof own, ...steps: readonly Step[]) {
  const { read, answer, told, isIdle } = stage();
  read();
  answer('peek@1', { a: held(record), b: ABSENT, c: ABSENT, d: ABSENT });
  for (const [what, answers] of steps) answer(what, answers);
  expect(isIdle()).toBe(true);
  return told() ?? 'again';
}

describe('a live record', () => {
  test.each<[string, string, readonly Step[]]>([
    ['that all took', 'value', [['set@1', { b: APPLIED, c: EQUAL, d: APPLIED }]]],
    ['of which one says nothing', 'again', [['set@1', { b: STALE, c: FLOOR, d: APPLIED }]]],
    [
      'that one has below its floor',
      'value',
      [
        ['set@1', { b: FLOOR, c: EQUAL, d: EQUAL }],
        ['peek@1', { b: held(own) }],
      ],
    ],
    [
      'above which one has another, below its floor',
      'value',
      [
        ['set@1', { b: FLOOR, c: EQUAL, d: EQUAL }],
        ['peek@1', { b: held(later) }],
      ],
    ],
    [
      'that one lacks below its floor',
      'again',
      [
        ['set@1', { b: FLOOR, c: EQUAL, d: EQUAL }],
        ['peek@1', { b: ABSENT }],
      ],
    ],
    [
      'below which one has another, below its floor',
      'again',
      [
        ['set@1', { b: FLOOR, c: EQUAL, d: EQUAL }],
        ['peek@1', { b: held(older) }],
      ],
    ],
    [
      'of which one below its floor does not say whether it has it',
      'again',
      [
        ['set@1', { b: FLOOR, c: EQUAL, d: EQUAL }],
        ['peek@1', { b: UNANSWERED }],
      ],
    ],
    [
      'that is below the floors of all, and a joiner copies',
      'value',
      [
        ['set@1', { b: FLOOR, c: FLOOR, d: FLOOR }],
        ['set@1', { a: FLOOR }],
        ['peek@1', { b: held(own), c: ABSENT, d: held(own), a: held(own) }],
      ],
    ],
    [
      'that a joiner below its floor has',
      'value',
      [
        ['set@1', { b: FLOOR, c: FLOOR, d: EQUAL }],
        ['set@1', { a: EQUAL }],
        ['peek@1', { b: held(own), c: held(own) }],
      ],
    ],
    // The joiner may have listed the key at one of the others before that one had the record.
    [
      'that a joiner below its floor lacks, where the serialiser may have got it just now',
      'again',
      [
        ['set@1', { b: FLOOR, c: FLOOR, d: FLOOR }],
        ['set@1', { a: EQUAL }],
        ['peek@1', { b: held(own), c: ABSENT, d: held(own) }],
      ],
    ],
    [
      'that a joiner below its floor lacks, where another one may have got it just now',
      'again',
      [
        ['set@1', { b: FLOOR, c: FLOOR, d: EQUAL }],
        ['set@1', { a: FLOOR }],
        ['peek@1', { b: held(own), c: ABSENT, a: held(own) }],
      ],
    ],
    [
      'of which the serialiser says nothing, where a joiner is below its floor',
      'again',
      [
        ['set@1', { b: FLOOR, c: FLOOR, d: FLOOR }],
        ['set@1', { a: STALE }],
      ],
    ],
  ])('%s', (_, expected, steps) => {
    expect(toldOf(own, ...steps)).toBe(expected);
  });
});

describe('a record that has expired', () => {
  test.each<[string, string, readonly Step[]]>([
    [
      'that one lacks below its floor',
      'absent',
      [
        ['set@1', { b: FLOOR, c: EQUAL, d: EQUAL }],
        ['peek@1', { b: ABSENT }],
      ],
    ],
    [
      'below which one has a live one, below its floor',
      'again',
      [
        ['set@1', { b: FLOOR, c: EQUAL, d: EQUAL }],
        ['peek@1', { b: held(older) }],
      ],
    ],
    [
      'that a joiner lacks, as all have since before it joins',
      'absent',
      [
        ['set@1', { b: FLOOR, c: FLOOR, d: FLOOR }],
        ['set@1', { a: FLOOR }],
        ['peek@1', { b: ABSENT, c: ABSENT, d: ABSENT, a: held(gone) }],
      ],
    ],
    // What it took the place of may be on its way to the joiner.
    [
      'that a joiner lacks, and one got just now',
      'again',
      [
        ['set@1', { b: FLOOR, c: FLOOR, d: APPLIED }],
        ['set@1', { a: FLOOR }],
        ['peek@1', { b: ABSENT, c: ABSENT, a: held(gone) }],
      ],
    ],
  ])('%s', (_, expected, steps) => {
    expect(toldOf(gone, ...steps)).toBe(expected);
  });
});

test('that somebody got the record just now is not forgotten in the next round', () => {
  const { read, answer, told, pass } = stage();
  read();
  answer('peek@1', { a: held(own), b: ABSENT, c: ABSENT, d: held(own) });
  answer('set@1', { b: APPLIED, c: FLOOR });
  answer('set@1', { a: EQUAL, d: EQUAL });
  answer('peek@1', { c: ABSENT });
  pass(100);
  answer('peek@1', { a: held(own), b: held(own), c: ABSENT, d: held(own) });
  answer('set@1', { c: FLOOR });
  answer('set@1', { a: EQUAL, b: EQUAL, d: EQUAL });
  answer('peek@1', { c: ABSENT });
  expect(told()).toBeUndefined();
  pass(200);
  answer('peek@1', { a: held(own), b: held(own), c: held(own), d: held(own) });
  expect(told()).toBe('value');
});
