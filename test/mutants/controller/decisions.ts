// Mutants of what a controller decides about members and witnesses.

import { type Mutant, SEEDS, tests } from '../mutant.ts';

const DECIDE = 'src/controller/decisions/decide.ts';
const SAFETY = 'src/controller/decisions/safety.ts';
const EPOCHS = 'src/controller/decisions/epochs.ts';
const HOLDERS = 'src/controller/decisions/holders.ts';
const HOLDERS_TESTS = 'test/controller/decisions/holders.test.ts';
const MEMBERSHIP = 'src/controller/decisions/membership.ts';
const NODE_REMOVAL = 'src/controller/decisions/node-removal.ts';
const REBALANCING = 'src/controller/decisions/rebalancing.ts';
const VIEW = 'src/controller/observations/view.ts';
const WITNESSES = 'src/controller/decisions/witnesses.ts';

const DECIDE_TESTS = 'test/controller/decisions/decide.test.ts';
const EPOCHS_TESTS = 'test/controller/decisions/epochs.test.ts';
const GONE_SCHEDULES = 'test/simulation/schedules-gone.test.ts';
const LEASES_SCHEDULES = 'test/simulation/schedules-leases.test.ts';
const MEMORY_SCHEDULES = 'test/simulation/schedules-memory.test.ts';
const NODE_REMOVAL_TESTS = 'test/controller/decisions/node-removal.test.ts';
const RECOVERY_SCHEDULES = 'test/simulation/schedules-recovery.test.ts';
const REMOVALS_SCHEDULES = 'test/simulation/schedules-removals.test.ts';
const RETURNING_SCHEDULES = 'test/simulation/schedules-returning.test.ts';
const WITNESSES_SCHEDULES = 'test/simulation/schedules-witnesses.test.ts';

export const CONTROLLER_DECISIONS_MUTANTS: readonly Mutant[] = [
  {
    name: 'drop-blind',
    rule: 'I8',
    edits: [
      {
        file: SAFETY,
        find: 'view.isAlive(other) &&\n      (decision === undefined || view.hasAdopted(other, decision.version)),',
        replace: '(decision === undefined || decision.atMs >= 0),',
      },
      {
        file: SAFETY,
        find: 'isGranted(next, other) && view.isAlive(other),',
        replace: 'isGranted(next, other),',
      },
    ],
    fate: tests(REMOVALS_SCHEDULES, 'though nobody may fence it'),
  },
  {
    name: 'drop-on-old-knowledge',
    rule: 'H9',
    edits: [
      {
        file: SAFETY,
        find: '(decision === undefined || view.hasAdopted(other, decision.version)),',
        replace: '(decision === undefined || decision.atMs >= 0),',
      },
    ],
    fate: tests(REMOVALS_SCHEDULES, 'H9: '),
  },
  {
    name: 'drop-the-last',
    rule: 'I8',
    edits: [
      {
        file: SAFETY,
        find: `return entry.members.some(
    (other) =>
      !isSameIncarnation(other, member) &&`,
        replace: `return entry.members.length > 0 || entry.members.some(
    (other) =>
      !isSameIncarnation(other, member) &&`,
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'drain-no-ack',
    rule: 'H12',
    edits: [{ file: DECIDE, find: 'view.obeys(member, since.version) &&\n', replace: '' }],
    fate: tests(REMOVALS_SCHEDULES, 'H12: '),
  },
  {
    name: 'moves-as-often-as-it-can',
    rule: 'H38',
    edits: [{ file: DECIDE, find: '!view.mayMove(map)', replace: 'false' }],
    fate: tests(DECIDE_TESTS, 'are a while apart'),
  },
  {
    name: 'nothing-is-urgent',
    rule: 'H38',
    edits: [
      {
        file: DECIDE,
        find: 'if (take(urgent) === map) return map;',
        replace: 'return map;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'hold up no fence'),
  },
  {
    name: 'decision-holds-without-who-it-counts-on',
    rule: 'I8',
    edits: [
      {
        file: SAFETY,
        find: "(other) => other.role === 'serving' && isGranted(next, other) && view.isAlive(other),",
        replace: "(other) => other.role === 'serving' && isGranted(next, other),",
      },
    ],
    fate: tests(DECIDE_TESTS, 'does not hold when that copy is dead'),
  },
  {
    name: 'leaves-with-a-stored-map-only',
    rule: 'H12',
    edits: [
      {
        file: DECIDE,
        find: 'view.obeys(member, since.version)',
        replace: 'view.hasAdopted(member, since.version)',
      },
    ],
    fate: tests(DECIDE_TESTS, 'is gone without a fence'),
  },
  {
    name: 'survivor-that-stores-nothing',
    rule: 'I8',
    edits: [
      {
        file: SAFETY,
        find: 'view.hasAdopted(other, decision.version)',
        replace: 'view.obeys(other, decision.version)',
      },
    ],
    fate: tests(DECIDE_TESTS, 'is no copy that others are removed for'),
  },
  {
    name: 'joiner-that-cannot-write-stays',
    rule: 'R8',
    edits: [{ file: DECIDE, find: ' || !view.isWritable(member) || view', replace: ' || view' }],
    fate: tests(WITNESSES_SCHEDULES, 'is no joiner that sets wait for'),
  },
  {
    name: 'recovered-epoch-again',
    rule: 'H32',
    edits: [
      {
        file: EPOCHS,
        find: '(frozen ? UNHEARD_EPOCHS : 1)',
        replace: '(frozen ? 0 : 1)',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'H32: an epoch that only'),
  },
  {
    name: 'epochs-wrap',
    rule: 'I3',
    edits: [{ file: EPOCHS, find: 'if (!hasEpochLeft(entry)) return entry;', replace: '' }],
    fate: tests(EPOCHS_TESTS, 'beyond the last one'),
  },
  {
    name: 'loss-accepted-with-the-least-complete',
    rule: 'H29',
    edits: [{ file: HOLDERS, find: 'b.epoch - a.epoch', replace: 'a.epoch - b.epoch' }],
    fate: tests(RETURNING_SCHEDULES, 'takes the copy that was complete for longest'),
  },
  {
    name: 'loss-accepted-with-who-said-nothing-yet',
    rule: 'H29',
    edits: [
      {
        file: HOLDERS,
        find: 'compareMapVersions(said, version) >= 0',
        replace: 'said !== version',
      },
    ],
    fate: tests(HOLDERS_TESTS, 'has said what it holds'),
  },
  {
    name: 'restart-keeps-the-incarnation',
    rule: 'H6',
    edits: [
      {
        file: MEMBERSHIP,
        find: 'const above = known.map((incarnation) => (incarnation ?? 0) + 1);\n  return Math.max(proposed ?? Math.floor(wallMs), ...above) as Incarnation;',
        replace:
          'return (known.find((incarnation) => incarnation !== undefined) ?? proposed ?? Math.floor(wallMs)) as Incarnation;',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'removal-keeps-no-incarnation',
    rule: 'I10',
    edits: [
      {
        file: NODE_REMOVAL,
        find: 'Math.max(map.removedUpTo ?? 0, entry.incarnation)',
        replace: '0',
      },
    ],
    fate: tests(GONE_SCHEDULES, 'which was merely cut off'),
  },
  {
    name: 'later-removal-lowers-the-bound',
    rule: 'I10',
    edits: [
      {
        file: NODE_REMOVAL,
        find: 'Math.max(map.removedUpTo ?? 0, entry.incarnation)',
        replace: 'entry.incarnation',
      },
    ],
    fate: tests(NODE_REMOVAL_TESTS, 'whose lives were earlier'),
  },
  {
    name: 'earlier-life-is-not-needed',
    rule: 'D8',
    edits: [
      {
        file: NODE_REMOVAL,
        find: 'members.some((member) => member.node === node)',
        replace:
          'members.some((member) => member.node === node && member.incarnation === map.nodes[node]?.incarnation)',
      },
    ],
    fate: tests(NODE_REMOVAL_TESTS, 'is a member as an earlier life'),
  },
  {
    name: 'witness-is-not-needed',
    rule: 'D2',
    edits: [{ file: NODE_REMOVAL, find: 'return votes ?', replace: 'return votes && false ?' }],
    fate: tests(NODE_REMOVAL_TESTS, 'is a witness'),
  },
  {
    name: 'removals-in-a-row',
    rule: 'H32',
    edits: [{ file: NODE_REMOVAL, find: ' || !isKnown(map, view)', replace: '' }],
    fate: tests(NODE_REMOVAL_TESTS, 'takes one node a map'),
  },
  {
    name: 'removal-while-frozen',
    rule: 'H32',
    edits: [{ file: NODE_REMOVAL, find: 'if (isFrozen(map)) return map;', replace: '' }],
    fate: tests(NODE_REMOVAL_TESTS, 'while a recovery waits'),
  },
  {
    name: 'joins-without-a-source-that-is-heard',
    rule: 'H29',
    edits: [
      {
        file: REBALANCING,
        find: '.some((member) => view.isHeard(member))',
        replace: '.length > 0',
      },
    ],
    fate: tests(DECIDE_TESTS, 'nobody joins'),
  },
  {
    name: 'joiner-without-memory-is-waited-for',
    rule: 'R8',
    edits: [
      {
        file: VIEW,
        find: 'if (withoutMemory.some((copy) => isAttempt(copy, partition, member.joinEpoch))) return true;',
        replace: 'void withoutMemory;',
      },
    ],
    fate: tests(MEMORY_SCHEDULES, 'keeps nobody from deleting'),
  },
  {
    name: 'a-long-copy-is-a-stuck-one',
    rule: 'R8',
    edits: [
      {
        file: 'src/controller/observations/pending.ts',
        find: '{ ...join, atMs: nowMs, steps }',
        replace: '{ ...join, steps }',
      },
    ],
    fate: tests('test/simulation/schedules-joins.test.ts', 'R8: a copy that gets on'),
  },
  {
    name: 'an-older-heartbeat-is-a-step-forward',
    rule: 'R8',
    edits: [
      {
        file: 'src/controller/observations/pending.ts',
        find: 'join.steps >= steps',
        replace: 'join.steps === steps',
      },
    ],
    fate: tests(DECIDE_TESTS, 'stays for as long as its copy gets on'),
  },
  {
    name: 'joiner-without-memory-is-let-in-again-at-once',
    rule: 'R8',
    edits: [
      {
        file: REBALANCING,
        find: 'if (view.lacksMemory(incarnationId)) return false;',
        replace: '',
      },
    ],
    fate: tests(DECIDE_TESTS, 'keeps what it serves, and is given nothing'),
  },
  {
    name: 'stuck-joiner-is-removed-at-the-pace-of-moves',
    rule: 'R8',
    edits: [
      {
        file: DECIDE,
        find: '(member, partition) => isObstacle(map, partition, member, view)',
        replace: '(member) => !isGranted(map, member) || !view.isWritable(member)',
      },
    ],
    fate: tests(DECIDE_TESTS, 'while other moves are paced'),
  },
  {
    name: 'silent-node-is-replaced-at-once',
    rule: 'R8',
    edits: [
      { file: REBALANCING, find: 'fenced && view.isAwaited(incarnationId)', replace: 'false' },
    ],
    fate: tests(DECIDE_TESTS, 'while two others serve'),
  },
  {
    name: 'silent-node-has-its-share-kept-and-not-what-it-had',
    rule: 'R8',
    edits: [{ file: REBALANCING, find: '...(kept[partition] ?? [])', replace: '' }],
    fate: tests(DECIDE_TESTS, 'every one of them'),
  },
  {
    name: 'silent-node-that-is-back-has-its-share-kept-and-not-what-it-had',
    rule: 'R8',
    edits: [{ file: REBALANCING, find: '[...awaited, ...this.#awaited]', replace: 'awaited' }],
    fate: tests(DECIDE_TESTS, 'every one of them'),
  },
  {
    name: 'awaits-with-one-copy-left',
    rule: 'R8',
    edits: [
      {
        file: REBALANCING,
        find: 'const COPIES_TO_WAIT_WITH = 2;',
        replace: 'const COPIES_TO_WAIT_WITH = 1;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'not where one copy is left'),
  },
  {
    name: 'joint-step-skipped',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: 'return isDue && wanted.length > 0 ? { ...map, nextWitnesses: wanted } : map;',
        replace: 'return isDue && wanted.length > 0 ? { ...map, witnesses: wanted } : map;',
      },
    ],
    fate: tests(LEASES_SCHEDULES, 'H13: '),
  },
  {
    name: 'joint-step-over-the-just-fenced',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: 'view.obeys(incarnationId, since.version) || hasLapsed(map, incarnationId, view);',
        replace: 'view.obeys(incarnationId, since.version) || !isGranted(map, incarnationId);',
      },
    ],
    fate: tests(WITNESSES_SCHEDULES, 'H13: '),
  },
  {
    name: 'joint-step-over-the-just-unfenced',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: 'return !isGranted(map, incarnationId) && view.lapsedSinceMs(incarnationId) !== undefined;',
        replace: 'return map !== undefined && view.lapsedSinceMs(incarnationId) !== undefined;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'unfenced in that very decision'),
  },
  {
    name: 'joint-step-over-earlier-lives',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: ' &&\n    map.partitions.every(({ members }) => members.every(isBound))',
        replace: '',
      },
    ],
    fate: tests(DECIDE_TESTS, 'an earlier life that is still a member'),
  },
  {
    name: 'new-witness-without-the-joint-map',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: 'if (!gain.every((incarnationId) => view.hasAdopted(incarnationId, since.version))) return false;',
        replace: 'if (gain.length < 0) return false;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'get their office with the joint map'),
  },
  {
    name: 'unwritable-witness-stays',
    rule: 'D2',
    edits: [
      {
        file: WITNESSES,
        find: `view.isWritable(incarnationId) &&
    !nodeEntry(map, incarnationId.node)?.draining;`,
        replace: '!nodeEntry(map, incarnationId.node)?.draining;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'are replaced when they cannot store maps'),
  },
  {
    name: 'lapsed-witness-stays',
    rule: 'D2',
    edits: [
      {
        file: WITNESSES,
        find: `!isLost(incarnationId) &&
    view`,
        replace: 'view',
      },
    ],
    fate: tests(WITNESSES_SCHEDULES, 'is replaced, so that the next one'),
  },
  {
    name: 'silent-witness-goes-at-once',
    rule: 'D2',
    edits: [
      {
        file: WITNESSES,
        find: 'hasLapsed(map, incarnationId, view) && !view.mayReturn(incarnationId);',
        replace: '!isGranted(map, incarnationId) && !view.mayReturn(incarnationId);',
      },
    ],
    fate: tests(DECIDE_TESTS, 'not when they are silent'),
  },
  {
    name: 'returning-witness-goes',
    rule: 'D4',
    edits: [
      {
        file: WITNESSES,
        find: 'hasLapsed(map, incarnationId, view) && !view.mayReturn(incarnationId);',
        replace: 'hasLapsed(map, incarnationId, view);',
      },
    ],
    fate: tests(DECIDE_TESTS, 'over a restart that is expected'),
  },
];
