// What a conditional write and a linearizable read send to whom, and when they answer. The members are scripted; the real
// ones are in test/simulation/schedules-conditional.test.ts.

import { describe, expect, test } from 'vitest';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../src/cluster/peers/storage-channel.ts';
import {
  ABSENT,
  APPLIED,
  EQUAL,
  FLOOR,
  held,
  judged,
  recordAt,
  STALE,
  stage,
  UNANSWERED,
  UNSETTLED,
} from '../../helpers/scripted-members.ts';

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

  test('is above that floor the next time', () => {
    const { incr, answer, told, above, next } = stage();
    const floor = (1n << 60n) as Version;
    incr();
    expect(above()).toBeLessThan(floor);
    answer('judge@1', { a: judged(own, old) });
    answer('set@1', { b: { kind: 'floor', version: floor }, c: FLOOR, d: APPLIED });
    expect(told()).toBe('unknown');
    next();
    incr();
    expect(above()).toBe(floor);
  });

  test('is unknown below the floor of one, also when another one is late', () => {
    const { incr, answer, told, pass } = stage();
    incr();
    answer('judge@1', { a: judged(own, old) });
    answer('set@1', { b: FLOOR, c: UNANSWERED, d: APPLIED });
    pass(100);
    answer('set@1', { b: FLOOR, c: APPLIED });
    expect(told()).toBe('unknown');
  });

  test('is unknown below the floor of one after a change of the epoch, also when another one is late', () => {
    const { incr, answer, told, pass, nextEpoch } = stage();
    incr();
    answer('judge@1', { a: judged(own, old) });
    answer('set@1', { b: STALE, c: APPLIED, d: APPLIED });
    nextEpoch();
    pass(100);
    answer('peek@2', { a: held(own), b: ABSENT, c: held(own), d: ABSENT });
    answer('set@2', { b: FLOOR, d: UNANSWERED });
    pass(200);
    answer('set@2', { b: FLOOR, d: APPLIED });
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

  test('is unknown by the time at which the write arrived, also where it waited before it came (H31)', () => {
    const { incr, answer, told, pass } = stage();
    pass(5000);
    incr(0);
    answer('judge@1', { a: judged(own, old) });
    answer('set@1', { b: STALE, c: APPLIED, d: APPLIED });
    expect(told()).toBe('unknown');
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
    answer('set@1', { b: EQUAL, c: APPLIED, d: EQUAL });
    expect(told()).toBe('unmet');
  });

  test('is judged again where one does not say', () => {
    const { incr, answer, told, pass } = stage();
    incr();
    answer('judge@1', { a: unmet });
    answer('set@1', { b: EQUAL, c: EQUAL, d: STALE });
    expect(told()).toBeUndefined();
    pass(100);
    answer('judge@1', { a: unmet });
  });

  test('is judged again where one has older, below its floor (everywhere.test.ts)', () => {
    const { incr, answer, told, pass } = stage();
    incr();
    answer('judge@1', { a: unmet });
    answer('set@1', { b: FLOOR, c: EQUAL, d: EQUAL });
    answer('peek@1', { b: held(recordAt(2)) });
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

  test('answers nothing older than is demanded, also an absence', () => {
    const { read, answer, told, pass } = stage();
    read(4n);
    answer('peek@1', { a: held(old), b: held(old), c: held(old), d: held(old) });
    expect(told()).toBeUndefined();
    pass(100);
    answer('peek@1', { a: ABSENT, b: ABSENT, c: ABSENT, d: ABSENT });
    expect(told()).toBeUndefined();
    pass(100);
    answer('peek@1', { a: held(own), b: held(own), c: held(own), d: held(own) });
    expect(told()).toBe('value');
  });

  test('counts an absence below a floor that is as high as what is demanded', () => {
    const { read, answer, told } = stage();
    read(4n);
    const forgotten: MemberAnswer = { kind: 'absent', version: 4n as Version };
    answer('peek@1', { a: ABSENT, b: forgotten, c: ABSENT, d: ABSENT });
    expect(told()).toBe('absent');
  });
});
