// The mark of a conditional record, and what it says of a set that comes late (H39d).

import { expect, test } from 'vitest';
import { etagOf } from '../../../src/cluster/model/condition.ts';
import { encodeMark, markOf, relationTo } from '../../../src/cluster/model/conditional-mark.ts';
import type { Epoch, Incarnation } from '../../../src/cluster/model/identity.ts';
import { ATTRIBUTE_CONDITIONAL, encodeRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';

const key = Buffer.from('k');
const mark = { epoch: (2 ** 48 - 1) as Epoch, incarnation: 1_700_000_000_000 as Incarnation };

function recordAt(version: number, text: string, base?: ReturnType<typeof etagOf> | 'none') {
  const attributes =
    base === undefined ? [] : [encodeMark({ ...mark, base: base === 'none' ? undefined : base })];
  return encodeRecord({
    key,
    version: BigInt(version) as Version,
    attributes,
    value: Buffer.from(text),
  });
}

test('a mark comes back as it was, with a base and without', () => {
  const base = { version: 7n as Version, hash: 0xffff_ffff };
  expect(markOf(recordAt(9, 'x', base))).toEqual({ ...mark, base });
  expect(markOf(recordAt(9, 'x', 'none'))).toEqual({ ...mark, base: undefined });
  expect(markOf(recordAt(9, 'x'))).toBeUndefined();
});

test('an attribute of another length is no mark', () => {
  for (const length of [0, 13, 15, 25, 27]) {
    const attributes = [{ type: ATTRIBUTE_CONDITIONAL, bytes: Buffer.alloc(length) }];
    const record = encodeRecord({ key, version: 9n as Version, attributes, value: key });
    expect(markOf(record)).toBeUndefined();
  }
});

test('a late set is in the base, outside it, or older', () => {
  const base = recordAt(5, 'base');
  const judged = recordAt(9, 'judged', etagOf(base));
  expect(relationTo(judged, base)).toBe('in-base');
  expect(relationTo(judged, recordAt(5, 'of another frontend'))).toBe('outside-base');
  expect(relationTo(judged, recordAt(6, 'missed'))).toBe('outside-base');
  expect(relationTo(judged, recordAt(4, 'before'))).toBe('older');
  expect(relationTo(recordAt(9, 'on nothing', 'none'), recordAt(1, 'missed'))).toBe('outside-base');
  expect(relationTo(recordAt(9, 'unconditional'), base)).toBe('older');
});
