// Whom a set asks in its second and third round. The members are scripted; their answers' meaning is
// write.test.ts's, and the real ones are in the simulations.

import { expect, test } from 'vitest';
import type { MemberRole, PartitionEntry } from '../../../../src/cluster/model/cluster-map.ts';
import type { Epoch } from '../../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../../src/cluster/model/limits.ts';
import { HybridClock, type Version } from '../../../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../../../src/cluster/peers/storage-channel.ts';
import type { Runtime } from '../../../../src/cluster/ports.ts';
import type { OperationContext } from '../../../../src/coordinator/operations/operation-context.ts';
import type { WriteOutcome } from '../../../../src/coordinator/operations/set/decision.ts';
import { LaterRounds } from '../../../../src/coordinator/operations/set/later-rounds.ts';
import { Writer } from '../../../../src/coordinator/operations/set/writer.ts';
import { memberOf } from '../../../helpers/maps.ts';

const APPLIED: MemberAnswer = { kind: 'applied' };
const CREATED: MemberAnswer = { kind: 'applied', created: true };
const UNREACHABLE: MemberAnswer = { kind: 'unreachable', detail: 'scripted' };
const NO_MEMORY: MemberAnswer = { kind: 'refused', reason: 'no-memory' };
const FLOOR: MemberAnswer = { kind: 'floor', version: 1n as Version };

function entry(epoch: number, incarnation = 1, role: MemberRole = 'serving'): PartitionEntry {
  return {
    epoch: epoch as Epoch,
    members: [memberOf('a', role), memberOf('b', 'serving', incarnation), memberOf('c', 'serving')],
  };
}

/** Plays the rounds of one set: the map entry of each, and what a, b and c answer if they are asked. */
function play(
  rounds: readonly (readonly [PartitionEntry, Record<string, MemberAnswer>])[],
  tombstone = false,
) {
  const asked: string[] = [];
  const outcomes: WriteOutcome[] = [];
  const later: (() => void)[] = [];
  const waits: number[] = [];
  let round = -1;
  const nothing = () => undefined;
  const runtime = {
    clock: { monotonicMs: () => 0, wallMs: () => 1000 },
    random: { below: () => 0 },
    timers: {
      after: (delayMs: number, callback: () => void) => {
        waits.push(delayMs);
        later.push(callback);
      },
    },
  } as unknown as Runtime;
  const times = protocolTimes(1);
  const context = {
    runtime,
    router: {
      laterRounds: new LaterRounds(runtime, times),
      locate: () => ({ partition: 0, entry: rounds[++round]?.[0], answering: [true] }),
      send: (member: { node: string }, _set: unknown, callback: (answer: MemberAnswer) => void) => {
        asked[round] = (asked[round] ?? '') + member.node;
        const answer = rounds[round]?.[1][member.node];
        if (answer === undefined) throw new Error(`${member.node} is asked in round ${round}`);
        callback(answer);
      },
    },
    refresh: { fetchFrom: nothing, fetchFromAnyone: nothing, pushTo: nothing },
    reports: { note: nothing },
    versions: new HybridClock(runtime.clock),
    times,
  } as unknown as OperationContext;
  const request = { tombstone, expiresAtMs: 0, attributes: [] };
  const value = Buffer.from(tombstone ? '' : 'v');
  new Writer(context).set({ ...request, key: Buffer.from('k'), value }, (said) =>
    outcomes.push(said),
  );
  while (round + 1 < rounds.length && later.length > 0) {
    for (const next of later.splice(0)) next();
  }
  const created = outcomes.map((outcome) => outcome.kind === 'stored' && outcome.created);
  const kinds = outcomes.map(({ kind }) => kind);
  return { asked, outcomes: kinds, unfinished: later.length, waits, created };
}

/** Whom each round asks, and what came of the set. */
function rounds(...scripted: Parameters<typeof play>[0]) {
  const { waits: _waits, created: _created, ...played } = play(scripted);
  return played;
}

test('a member that has the record is not sent it again while the epoch lasts', () => {
  expect(
    rounds(
      [entry(1), { a: APPLIED, b: UNREACHABLE, c: UNREACHABLE }],
      [entry(1), { b: APPLIED, c: UNREACHABLE }],
      [entry(1), { c: APPLIED }],
    ),
  ).toEqual({ asked: ['abc', 'bc', 'c'], outcomes: ['stored'], unfinished: 0 });
});

test('at another epoch everybody is asked: the word of a member may be from before it joined again', () => {
  expect(
    rounds(
      [entry(1), { a: APPLIED, b: APPLIED, c: UNREACHABLE }],
      [entry(2), { a: APPLIED, b: APPLIED, c: APPLIED }],
    ),
  ).toEqual({ asked: ['abc', 'abc'], outcomes: ['stored'], unfinished: 0 });
});

test('another life of a node has given no word', () => {
  expect(
    rounds(
      [entry(1), { a: APPLIED, b: APPLIED, c: UNREACHABLE }],
      [entry(1, 2), { b: APPLIED, c: APPLIED }],
    ),
  ).toEqual({ asked: ['abc', 'bc'], outcomes: ['stored'], unfinished: 0 });
});

test('a joiner is asked in every round: it may have dropped the record (H26)', () => {
  expect(
    rounds(
      [entry(1, 1, 'joining'), { a: APPLIED, b: APPLIED, c: UNREACHABLE }],
      [entry(1, 1, 'joining'), { a: APPLIED, c: APPLIED }],
    ),
  ).toEqual({ asked: ['abc', 'ac'], outcomes: ['stored'], unfinished: 0 });
});

test('a higher version is sent to everybody: who held the lower one has not seen it', () => {
  expect(
    rounds(
      [entry(1), { a: APPLIED, b: UNREACHABLE, c: FLOOR }],
      [entry(1), { b: APPLIED, c: FLOOR }],
      [entry(1), { a: APPLIED, b: APPLIED, c: APPLIED }],
    ),
  ).toEqual({ asked: ['abc', 'bc', 'abc'], outcomes: ['stored'], unfinished: 0 });
});

test('each round at one epoch waits longer; another epoch begins anew', () => {
  const members = { a: APPLIED, b: UNREACHABLE, c: APPLIED };
  const later = { b: UNREACHABLE };
  expect(
    play([
      [entry(1), members],
      [entry(1), later],
      [entry(1), later],
      [entry(2), members],
      [entry(2), { b: APPLIED }],
    ]).waits,
  ).toEqual([20, 40, 80, 20]);
});

test('R10: a delete waits for a member without memory, which forgets earlier ones; a set does not', () => {
  const first = [entry(1), { a: APPLIED, b: NO_MEMORY, c: APPLIED }] as const;
  const { asked, outcomes } = play(
    [first, [entry(1), { b: NO_MEMORY }], [entry(1), { b: APPLIED }]],
    true,
  );
  expect({ asked, outcomes }).toEqual({ asked: ['abc', 'b', 'b'], outcomes: ['stored'] });
  expect(rounds([entry(1), { a: NO_MEMORY, b: NO_MEMORY, c: NO_MEMORY }])).toEqual({
    asked: ['abc'],
    outcomes: ['not-stored'],
    unfinished: 0,
  });
});

test.each<[string, boolean, Parameters<typeof play>[0]]>([
  ['nobody had anything', true, [[entry(1), { a: CREATED, b: CREATED, c: CREATED }]]],
  ['everybody had something', false, [[entry(1), { a: APPLIED, b: APPLIED, c: APPLIED }]]],
  [
    'the first one to answer had nothing',
    true,
    [[entry(1), { a: CREATED, b: APPLIED, c: APPLIED }]],
  ],
  [
    'the first one to answer had something',
    false,
    [[entry(1), { a: APPLIED, b: CREATED, c: CREATED }]],
  ],
  [
    'a joiner has not copied it yet',
    false,
    [[entry(1, 1, 'joining'), { a: CREATED, b: APPLIED, c: APPLIED }]],
  ],
  [
    'another member was away meanwhile',
    true,
    [
      [entry(1), { a: CREATED, b: UNREACHABLE, c: UNREACHABLE }],
      [entry(1), { b: APPLIED, c: APPLIED }],
    ],
  ],
  [
    'it had this very set with an earlier version',
    true,
    [
      [entry(1), { a: FLOOR, b: FLOOR, c: CREATED }],
      [entry(1), { a: CREATED, b: CREATED, c: APPLIED }],
    ],
  ],
  [
    'nobody says, because all have it of an earlier epoch',
    false,
    [[entry(1), { a: { kind: 'equal' }, b: { kind: 'equal' }, c: { kind: 'equal' } }]],
  ],
])('where %s, a set has created its key: %s', (_what, created, scripted) => {
  expect(play(scripted).created).toEqual([created]);
});
