// What is done about an answer beside what it was asked for: by its kind.

import { expect, test } from 'vitest';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../src/cluster/peers/storage-channel.ts';
import { learn } from '../../../src/coordinator/operations/learn.ts';
import type { OperationContext } from '../../../src/coordinator/operations/operation-context.ts';
import { memberOf } from '../../helpers/maps.ts';

const version = 7n as Version;
const member = memberOf('a', 'serving');

const LEARNT: readonly (readonly [MemberAnswer, readonly string[]])[] = [
  [{ kind: 'applied' }, []],
  [{ kind: 'absent', version }, []],
  [{ kind: 'refused', reason: 'full' }, []],
  [{ kind: 'overloaded' }, []],
  // H18: the next version is above it.
  [{ kind: 'superseded', version }, ['observe 7']],
  [{ kind: 'floor', version }, ['observe 7']],
  [{ kind: 'stale' }, ['fetch from a']],
  [{ kind: 'not-serving' }, ['fetch from a']],
  [{ kind: 'behind' }, ['push to a']],
  [{ kind: 'unreachable', detail: '' }, ['report a', 'fetch from a']],
  [{ kind: 'unanswered', detail: '' }, ['report a', 'fetch from a']],
];

test.each(LEARNT)('%o', (answer, expected) => {
  const done: string[] = [];
  const context = {
    versions: { observe: (seen: Version) => done.push(`observe ${seen}`) },
    reports: { note: ({ node }: { node: string }) => done.push(`report ${node}`) },
    refresh: {
      fetchFrom: (node: string) => done.push(`fetch from ${node}`),
      pushTo: (node: string) => done.push(`push to ${node}`),
    },
  } as unknown as OperationContext;
  learn(context, member, answer);
  expect(done).toEqual(expected);
});
