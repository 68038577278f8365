// Whether the record of a class says what somebody wants, and how it is set where it does not.

import { describe, expect, test } from 'vitest';
import { etagOf } from '../../src/cluster/model/condition.ts';
import { encodeRecord, type StoredRecord } from '../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../src/cluster/model/version.ts';
import type {
  ConditionalOutcome,
  ConditionalRequest,
} from '../../src/coordinator/operations/conditional/decision.ts';
import type { ReadOutcome } from '../../src/coordinator/operations/get/round.ts';
import { ClassRecords, type KeepClassOutcome } from '../../src/files/class-records.ts';
import { encodeClass } from '../../src/files/classes.ts';
import type { ReplicationClass } from '../../src/files/file-key.ts';

const ABSENT: ReadOutcome = { kind: 'absent', version: VERSION_ZERO };
const KEY = Buffer.from('k');
const recordOf = (value: Buffer): StoredRecord =>
  encodeRecord({ key: KEY, version: 1n as Version, expiresAtMs: 0, attributes: [], value });

/** Wants three copies of a class whose record reads as given, where the set ends as given. */
function keeping(read: ReadOutcome, written?: ConditionalOutcome) {
  const writes: ConditionalRequest[] = [];
  const told: KeepClassOutcome[] = [];
  const records = new ClassRecords({
    reader: { get: (_key, callback) => callback(read) },
    conditional: {
      write: (request, callback) => {
        writes.push(request);
        if (written !== undefined) callback(written);
      },
    },
  });
  records.keep('photos' as ReplicationClass, 3, (outcome) => told.push(outcome));
  return { writes, told };
}

const STORED: ConditionalOutcome = {
  kind: 'stored',
  record: recordOf(encodeClass(3)),
  previous: undefined,
  created: true,
};

describe('the record of a class', () => {
  test('is left alone where it says so', () => {
    const { writes, told } = keeping({ kind: 'value', record: recordOf(encodeClass(3)) });
    expect([writes, told]).toEqual([[], [{ kind: 'kept', changed: false }]]);
  });

  test('is made where there is none, unless somebody makes it first', () => {
    const { writes, told } = keeping(ABSENT, STORED);
    expect(writes.map(({ condition, change }) => ({ condition, change }))).toMatchObject([
      { condition: { ifNoneMatch: 'any' }, change: { kind: 'put', value: encodeClass(3) } },
    ]);
    expect(told).toEqual([{ kind: 'kept', changed: true }]);
  });

  test.each([
    ['says another number', encodeClass(2)],
    ['is damaged', Buffer.from('{')],
  ])('is set on the very one that was read where it %s', (_what, value) => {
    const record = recordOf(value);
    const { writes, told } = keeping({ kind: 'value', record }, STORED);
    expect(writes[0]?.condition).toEqual({ ifMatch: [etagOf(record)] });
    expect(told).toEqual([{ kind: 'kept', changed: true }]);
  });

  test('is not set where nobody can tell what it is', () => {
    const { writes, told } = keeping({
      kind: 'failed',
      code: 'unanswered',
      detail: 'nobody answers',
    });
    expect([writes, told]).toEqual([[], [{ kind: 'failed', detail: 'nobody answers' }]]);
  });

  test.each<[string, ConditionalOutcome, string]>([
    [
      'another was faster',
      { kind: 'unmet', why: 'condition', record: undefined },
      'set by somebody else',
    ],
    [
      'it was refused',
      { kind: 'not-stored', code: 'storage-full', detail: 'full' },
      'was not set: full',
    ],
    ['nobody can tell', { kind: 'unknown', version: undefined }, 'nobody can tell'],
  ])('is to be asked for again where %s', (_what, outcome, why) => {
    const { told } = keeping(ABSENT, outcome);
    expect(told).toMatchObject([{ kind: 'failed', detail: expect.stringContaining(why) }]);
  });
});
