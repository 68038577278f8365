// What a read that explains itself says of the members and of what each of them answered. The members are scripted.

import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../../../src/cluster/model/record.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../../src/cluster/peers/storage-channel.ts';
import type { Explanation } from '../../../../src/coordinator/operations/get/explanation.ts';
import {
  ABSENT,
  APPLIED,
  EQUAL,
  held,
  KEY,
  recordAt,
  STALE,
  stage,
  UNANSWERED,
} from '../../../helpers/scripted-members.ts';

const OLD = recordAt(3);
const NEW = recordAt(5);
const EXPIRED = recordAt(4, { expiresAtMs: 1 });
const DELETED = encodeRecord({
  key: KEY,
  version: 6n as Version,
  tombstone: true,
  value: Buffer.alloc(0),
});

const UNREACHABLE: MemberAnswer = { kind: 'unreachable', detail: 'connect ECONNREFUSED' };

/** Has one read explained whose members answer so; `all` of a, b, c and d when it is one answer. */
function explained(
  answers: Readonly<Record<string, MemberAnswer>>,
  written: Readonly<Record<string, MemberAnswer>> = {},
): Explanation {
  const { explain, answer } = stage();
  const explanations = explain();
  answer('peek@1', answers);
  if (Object.keys(written).length > 0) answer('set@1', written);
  const [explanation] = explanations;
  if (explanation === undefined) throw new Error('it is not over');
  return explanation;
}

const shown = ({ members }: Explanation) =>
  members.map(({ node, answer, version }) => `${node} ${answer} ${version ?? 'none'}`);

describe('an explained read', () => {
  test('says where the key lives, and of each member who it is and what it has', () => {
    const { explain, answer, pass } = stage();
    const explanations = explain();
    pass(7);
    answer('peek@1', { a: held(OLD), b: held(OLD), c: held(OLD), d: held(OLD) });
    const etag = expect.stringMatching(/^"0000000000000003-[0-9a-f]{8}"$/);
    const same = { answer: 'value', version: '0000000000000003', etag, size: 1, ms: 7 };
    expect(explanations).toEqual([
      {
        key: 'k',
        status: 200,
        answer: 'value',
        version: '0000000000000003',
        partition: 0,
        epoch: 1,
        map: '1.7',
        decidedBy: ['a', 'b', 'c', 'd'],
        repaired: [],
        delayedBy: [],
        rounds: 1,
        ms: 7,
        members: [
          { node: 'a', address: 'a:1', role: 'serving', state: 'present', ...same },
          { node: 'b', address: 'b:1', role: 'serving', state: 'fenced', ...same },
          // The map has another incarnation of it, or none.
          { node: 'c', role: 'joining', state: 'gone', ...same },
          { node: 'd', role: 'leaving', state: 'gone', ...same },
        ],
      },
    ]);
  });

  test('says which answer decided, and who was brought it', () => {
    const explanation = explained(
      { a: held(OLD), b: held(NEW), c: ABSENT, d: held(NEW) },
      { a: APPLIED, c: EQUAL },
    );
    expect(explanation).toMatchObject({
      version: '0000000000000005',
      decidedBy: ['b', 'd'],
      repaired: ['a'],
    });
    expect(explanation.members.map(({ repair }) => repair)).toEqual([
      'applied',
      undefined,
      'equal',
      undefined,
    ]);
  });

  test('tells a delete, what has expired, and nothing at all apart', () => {
    const deleted = explained(
      { a: held(DELETED), b: held(EXPIRED), c: ABSENT, d: held(OLD) },
      { b: APPLIED, c: APPLIED, d: APPLIED },
    );
    expect(deleted).toMatchObject({ status: 404, answer: 'absent', version: '0000000000000006' });
    expect(deleted.decidedBy).toEqual(['a']);
    expect(shown(deleted)).toEqual([
      'a deleted 0000000000000006',
      'b expired 0000000000000004',
      'c nothing 0000000000000000',
      'd value 0000000000000003',
    ]);
    const forgotten: MemberAnswer = { kind: 'absent', version: 9n as Version };
    const nothing = explained({ a: ABSENT, b: forgotten, c: ABSENT, d: ABSENT });
    expect(nothing).toMatchObject({ status: 404, version: '0000000000000009' });
    expect(nothing.decidedBy).toEqual(['a', 'b', 'c', 'd']);
  });

  test('that cannot be established says who did not answer, and why', () => {
    const { explain, answer, pass, isIdle } = stage();
    const explanations = explain();
    const answers = { a: held(OLD), b: UNREACHABLE, c: STALE, d: UNANSWERED };
    let rounds = 0;
    for (; explanations.length === 0 && rounds < 100; rounds++) {
      answer('peek@1', answers);
      for (let waitMs = 0; isIdle() && explanations.length === 0 && waitMs < 1000; waitMs += 10) {
        pass(10);
      }
    }
    const [explanation] = explanations;
    if (explanation === undefined) throw new Error('it never ended');
    expect(explanation).toMatchObject({
      status: 503,
      answer: 'failed',
      error: 'unanswered',
      rounds,
      decidedBy: [],
      repaired: [],
    });
    expect(explanation.detail).toContain('needs an answer of every member');
    expect(explanation.members.map(({ answer: kind, why }) => [kind, why])).toEqual([
      ['value', undefined],
      ['unreachable', 'it could not be reached: connect ECONNREFUSED'],
      ['stale', 'its map is newer than the one that the read went by'],
      ['unanswered', 'it gave no answer: '],
    ]);
  });

  test('counts what it repaired in an earlier round', () => {
    const { explain, answer, pass } = stage();
    const explanations = explain();
    answer('peek@1', { a: held(OLD), b: held(NEW), c: held(NEW), d: held(OLD) });
    answer('set@1', { a: APPLIED, d: UNANSWERED });
    pass(100);
    answer('peek@1', { a: held(NEW), b: held(NEW), c: held(NEW), d: held(OLD) });
    answer('set@1', { d: APPLIED });
    expect(explanations).toMatchObject([
      {
        repaired: ['a', 'd'],
        decidedBy: ['a', 'b', 'c'],
        members: [
          { repair: 'applied' },
          {},
          {},
          { version: '0000000000000003', repair: 'applied' },
        ],
      },
    ]);
  });

  test('that had to wait says for whom, also when that one answers in the end, or is no member any more', () => {
    const { explain, answer, pass } = stage();
    const explanations = explain();
    answer('peek@1', { a: held(OLD), b: UNREACHABLE, c: ABSENT, d: UNANSWERED });
    pass(100);
    answer('peek@1', { a: held(OLD), b: STALE, c: held(OLD), d: held(OLD) });
    pass(100);
    answer('peek@1', { a: held(OLD), b: held(OLD), c: held(OLD), d: held(OLD) });
    expect(explanations).toMatchObject([
      {
        status: 200,
        rounds: 3,
        delayedBy: [
          { node: 'b', answer: 'stale' },
          { node: 'd', answer: 'unanswered', why: 'it gave no answer: ' },
        ],
      },
    ]);
  });

  test('shows a key that is no text as base64', () => {
    const { explain, answer } = stage();
    const explanations = explain(Buffer.of(0xff, 0));
    answer('peek@1', { a: ABSENT, b: ABSENT, c: ABSENT, d: ABSENT });
    expect(explanations[0]?.key).toEqual({ base64: '/wA=' });
  });
});
