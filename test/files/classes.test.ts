// How many copies the files of a class have, and how seldom that is asked.

import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../src/cluster/model/version.ts';
import type { ReadCallback, ReadOutcome } from '../../src/coordinator/operations/get/round.ts';
import {
  COPIES_MAX,
  type CopiesOutcome,
  classOfCopies,
  encodeClass,
  ReplicationClasses,
} from '../../src/files/classes.ts';
import { DEFAULT_CLASS, type ReplicationClass } from '../../src/files/file-key.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const PHOTOS = 'photos' as ReplicationClass;
const ABSENT: ReadOutcome = { kind: 'absent', version: VERSION_ZERO };
const FAILED: ReadOutcome = { kind: 'failed', code: 'unanswered', detail: 'scripted' };

function holding(value: Buffer): ReadOutcome {
  const key = Buffer.from('k');
  const record = encodeRecord({
    key,
    version: 1n as Version,
    expiresAtMs: 0,
    attributes: [],
    value,
  });
  return { kind: 'value', record };
}

function staged() {
  const time = new VirtualTime();
  const asked: { readonly key: string; readonly answer: ReadCallback }[] = [];
  const reader = {
    get: (key: Buffer, answer: ReadCallback) => {
      asked.push({ key: key.toString('latin1').slice(4), answer });
    },
  };
  const classes = new ReplicationClasses(reader, time, { freshMs: 1000 });
  const told: CopiesOutcome[] = [];
  return {
    classes,
    told,
    ask: (name: ReplicationClass) => classes.copies(name, (outcome) => told.push(outcome)),
    /** Answers what was asked last. */
    answer: (outcome: ReadOutcome) => asked.at(-1)?.answer(outcome),
    names: () => asked.map(({ key }) => key),
    pass: (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds),
  };
}

describe('the number of copies of a class', () => {
  test('is what its record says', () => {
    const { ask, answer, told, names } = staged();
    ask(PHOTOS);
    answer(holding(encodeClass(3)));
    expect(told).toEqual([{ kind: 'known', copies: 3 }]);
    expect(names()).toEqual(['photos']);
  });

  test('is that of the default class where it has no record, and two where that has none', () => {
    const { ask, answer, told, names } = staged();
    ask(PHOTOS);
    answer(ABSENT);
    answer(holding(encodeClass(5)));
    ask(PHOTOS);
    answer(ABSENT);
    answer(ABSENT);
    ask(DEFAULT_CLASS);
    answer(ABSENT);
    expect(told.map((outcome) => 'copies' in outcome && outcome.copies)).toEqual([5, 2, 2]);
    expect(names()).toEqual(['photos', 'default', 'photos', 'default', 'default']);
  });

  test('is that of its name where that has one, unless its record says another', () => {
    const { classes, ask, answer, told, names } = staged();
    const three = classOfCopies(3);
    expect(classes.lately(three)).toBe(3);
    ask(three);
    answer(ABSENT);
    ask(three);
    answer(holding(encodeClass(4)));
    expect(told).toEqual([
      { kind: 'known', copies: 3 },
      { kind: 'known', copies: 4 },
    ]);
    expect(names()).toEqual(['copies-3', 'copies-3', 'copies-3']);
  });

  test.each(['copies-0', 'copies-17', 'copies-03', 'copies-', 'copies-3x', 'xcopies-3'])(
    'is not that of the name %s',
    (name) => {
      const { ask, answer, told } = staged();
      ask(name as ReplicationClass);
      answer(ABSENT);
      answer(holding(encodeClass(5)));
      expect(told).toEqual([{ kind: 'known', copies: 5 }]);
    },
  );

  test.each([
    ['no answer to the class', [FAILED]],
    ['no answer to the default', [ABSENT, FAILED]],
    ['no JSON', [holding(Buffer.from('{'))]],
    ['no copies', [holding(encodeClass(0))]],
    ['too many copies', [holding(encodeClass(COPIES_MAX + 1))]],
    ['half a copy', [holding(encodeClass(1.5))]],
  ])('is not known where there is %s: nobody guesses one', (_what, answers) => {
    const { ask, answer, told } = staged();
    ask(PHOTOS);
    for (const outcome of answers) answer(outcome);
    expect(told).toHaveLength(1);
    expect(told[0]?.kind).toBe('failed');
  });
});

describe('the number that was known lately', () => {
  test('is asked once while nobody answers, however many look', () => {
    const { classes, names, answer } = staged();
    for (let look = 0; look < 5; look++) expect(classes.lately(PHOTOS)).toBe(2);
    expect(names()).toEqual(['photos']);
    answer(holding(encodeClass(4)));
    expect(classes.lately(PHOTOS)).toBe(4);
    expect(names()).toEqual(['photos']);
  });

  test('of a class without a record is remembered as well', () => {
    const { classes, names, answer } = staged();
    classes.lately(PHOTOS);
    answer(ABSENT);
    answer(holding(encodeClass(3)));
    expect([classes.lately(PHOTOS), classes.lately(DEFAULT_CLASS)]).toEqual([3, 3]);
    expect(names()).toEqual(['photos', 'default']);
  });

  test('is asked again after a while, and goes on as it was where nobody answers', () => {
    const { classes, names, answer, pass } = staged();
    classes.lately(PHOTOS);
    answer(holding(encodeClass(4)));
    pass(1001);
    expect([classes.lately(PHOTOS), classes.lately(PHOTOS)]).toEqual([4, 4]);
    expect(names()).toHaveLength(2);
    answer(FAILED);
    pass(1000);
    expect([classes.lately(PHOTOS), names().length]).toEqual([4, 2]);
    pass(1);
    expect([classes.lately(PHOTOS), names().length]).toEqual([4, 3]);
    answer(holding(encodeClass(1)));
    expect(classes.lately(PHOTOS)).toBe(1);
  });

  test('is forgotten of others before there are too many', () => {
    const { classes, names } = staged();
    for (let index = 0; index < 1000; index++) classes.lately(`${index}` as ReplicationClass);
    classes.lately('0' as ReplicationClass);
    expect(names()).toHaveLength(1000);
    classes.lately('one more' as ReplicationClass);
    classes.lately('0' as ReplicationClass);
    expect(names()).toHaveLength(1002);
  });
});
