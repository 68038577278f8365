// What one member's answer means for a page of a scan: a table over every answer there is.

import { describe, expect, test } from 'vitest';
import { encodeRecord, recordHead } from '../../../../src/cluster/model/record.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../../src/cluster/peers/storage-channel.ts';
import { judgePage } from '../../../../src/coordinator/operations/scan/decision.ts';

const floor = 7n as Version;
const record = encodeRecord({ key: Buffer.from('k'), version: floor, value: Buffer.alloc(0) });
const next = { bucket: 1, afterKey: Buffer.from('k') };

/** By kind, so that the compiler asks for an answer of every kind. */
const OTHERS: {
  readonly [Kind in Exclude<MemberAnswer['kind'], 'records' | 'heads'>]: MemberAnswer & {
    kind: Kind;
  };
} = {
  found: { kind: 'found', record },
  absent: { kind: 'absent', version: floor },
  applied: { kind: 'applied' },
  equal: { kind: 'equal' },
  superseded: { kind: 'superseded', version: floor },
  floor: { kind: 'floor', version: floor },
  stale: { kind: 'stale' },
  behind: { kind: 'behind' },
  'not-serving': { kind: 'not-serving' },
  refused: { kind: 'refused', reason: 'malformed' },
  unreachable: { kind: 'unreachable', detail: 'refused' },
  unanswered: { kind: 'unanswered', detail: 'late' },
  overloaded: { kind: 'overloaded' },
  time: { kind: 'time', wallMs: 1 },
  judged: { kind: 'judged', record, previous: undefined, created: false, predecessor: undefined },
  unmet: { kind: 'unmet', why: 'condition', isLive: false, record: undefined },
  unsettled: { kind: 'unsettled' },
  held: { kind: 'held', record },
  many: { kind: 'many', each: [{ kind: 'found', record }] },
};

describe('an answer to a scan', () => {
  test('has records or heads, and the place where the partition goes on', () => {
    const records = {
      kind: 'records',
      floor,
      differing: new Set<number>(),
      records: [record],
    } as const;
    expect(judgePage({ ...records, next })).toEqual({ kind: 'page', heads: [record], next });
    const heads = { kind: 'heads', floor, heads: [recordHead(record)], next: undefined } as const;
    expect(judgePage(heads)).toEqual({
      kind: 'page',
      heads: [recordHead(record)],
      next: undefined,
    });
  });

  test.each(Object.values(OTHERS))(
    '$kind asks another member, and is never an empty page',
    (answer) => {
      expect(judgePage(answer)).toEqual({ kind: 'ask-another' });
    },
  );
});
