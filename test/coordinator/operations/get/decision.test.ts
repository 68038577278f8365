// What one member's answer means for a get (R3): a table over every answer there is.

import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../../../src/cluster/model/record.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../../src/cluster/peers/storage-channel.ts';
import { judgeRead } from '../../../../src/coordinator/operations/get/decision.ts';

const version = 7n as Version;
const record = encodeRecord({ key: Buffer.from('k'), version, value: Buffer.alloc(0) });

/** By kind, so that the compiler asks for an answer of every kind. */
const ANSWERS: { readonly [Kind in MemberAnswer['kind']]: MemberAnswer & { kind: Kind } } = {
  found: { kind: 'found', record },
  absent: { kind: 'absent', version },
  applied: { kind: 'applied' },
  equal: { kind: 'equal' },
  superseded: { kind: 'superseded', version },
  floor: { kind: 'floor', version },
  stale: { kind: 'stale' },
  behind: { kind: 'behind' },
  'not-serving': { kind: 'not-serving' },
  refused: { kind: 'refused', reason: 'malformed' },
  unreachable: { kind: 'unreachable', detail: 'refused' },
  unanswered: { kind: 'unanswered', detail: 'late' },
  overloaded: { kind: 'overloaded' },
  records: { kind: 'records', floor: version, differing: new Set(), records: [], next: undefined },
  time: { kind: 'time', wallMs: 1 },
  heads: { kind: 'heads', floor: version, heads: [], next: undefined },
  judged: { kind: 'judged', record, previous: undefined, created: false, predecessor: undefined },
  unmet: { kind: 'unmet', why: 'condition', isLive: false, record: undefined },
  unsettled: { kind: 'unsettled' },
  held: { kind: 'held', record },
  many: { kind: 'many', each: [{ kind: 'found', record }] },
};

describe('R3: an answer to a get', () => {
  test('a found record is the value', () => {
    expect(judgeRead(ANSWERS.found)).toEqual({ kind: 'value', record });
  });

  test('absence is final and keeps the version that the clock must pass (H18)', () => {
    expect(judgeRead(ANSWERS.absent)).toEqual({ kind: 'absent', version });
  });

  test.each(Object.values(ANSWERS).filter(({ kind }) => !['found', 'absent'].includes(kind)))(
    '$kind asks another member, and is never taken for absence (G4)',
    (answer) => {
      expect(judgeRead(answer)).toEqual({ kind: 'ask-another' });
    },
  );
});
