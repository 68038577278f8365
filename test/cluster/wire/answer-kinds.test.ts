// What each kind of answer means, as a table: whoever changes an entry must mean it.

import { expect, test } from 'vitest';
import { ANSWER_KINDS, KINDS_BY_CODE } from '../../../src/cluster/wire/answer-kinds.ts';

const kindsWith = (is: (kind: keyof typeof ANSWER_KINDS) => boolean) =>
  (Object.keys(ANSWER_KINDS) as (keyof typeof ANSWER_KINDS)[]).filter(is);

test('the codes are those that nodes of all versions have for them (D18)', () => {
  expect(KINDS_BY_CODE.join(' ')).toBe(
    'found absent applied equal superseded floor stale behind not-serving refused records time heads judged unmet unsettled held many',
  );
  for (const [code, kind] of KINDS_BY_CODE.entries()) {
    expect(ANSWER_KINDS[kind]).toHaveProperty('code', code);
  }
});

test('a member has the record if it says so, and may have it if it says nothing (D9)', () => {
  expect(kindsWith((kind) => ANSWER_KINDS[kind].holds === 'yes')).toEqual([
    'applied',
    'equal',
    'judged',
  ]);
  expect(kindsWith((kind) => ANSWER_KINDS[kind].holds === 'perhaps')).toEqual(['unanswered']);
});

test('what vouches for a record waits for the log (R2, I14)', () => {
  const waiting = kindsWith((kind) => ANSWER_KINDS[kind].waitsForLog);
  expect(waiting).toEqual(['applied', 'equal', 'superseded', 'judged', 'unmet', 'held']);
});
