// Mutants of conditional writes (H39) and linearizable reads (H21): who judges, what is settled before, and what may be
// said afterwards.

import { type Mutant, tests } from '../mutant.ts';

const CLUSTER_MAP = 'src/cluster/model/cluster-map.ts';
const ANTI_ENTROPY = 'src/storage/replication/anti-entropy.ts';
const DECISION = 'src/coordinator/operations/conditional/decision.ts';
const EVERYWHERE = 'src/coordinator/operations/everywhere.ts';
const JOINER = 'src/storage/replication/joiner.ts';
const LINEARIZABLE = 'src/coordinator/operations/get/linearizable.ts';
const LINKS = 'src/storage/operation-links.ts';
const MARK = 'src/cluster/model/conditional-mark.ts';
const REPLICA = 'src/storage/replication/replica.ts';
const ROUND = 'src/coordinator/operations/conditional/round.ts';
const SERIALISER = 'src/storage/replication/serialiser.ts';
const SET_DECISION = 'src/coordinator/operations/set/decision.ts';
const SETTLING = 'src/coordinator/operations/settling.ts';

const CONDITIONAL_SCHEDULES = 'test/simulation/schedules-conditional.test.ts';
const EPOCH_SCHEDULES = 'test/simulation/schedules-conditional-epochs.test.ts';
const DECISION_TESTS = 'test/coordinator/operations/conditional-decision.test.ts';
const EVERYWHERE_TESTS = 'test/coordinator/operations/everywhere.test.ts';
const EXPIRY_SCHEDULES = 'test/simulation/schedules-expiry.test.ts';
const FLOORS_SCHEDULES = 'test/simulation/schedules-floors.test.ts';
const LINKS_TESTS = 'test/storage/operation-links.test.ts';
const SERIALISER_TESTS = 'test/storage/replication/serialiser.test.ts';

export const COORDINATOR_CONDITIONAL_MUTANTS: readonly Mutant[] = [
  {
    name: 'serialiser-is-who-serves-first',
    rule: 'H39a',
    edits: [
      {
        file: CLUSTER_MAP,
        find: "members.find(({ role }) => role !== 'joining');",
        replace: "members.find(({ role }) => role === 'serving');",
      },
    ],
    fate: tests('test/cluster/model/cluster-map.test.ts', 'one who leaves judges on'),
  },
  {
    name: 'any-member-judges',
    rule: 'H39a',
    edits: [
      {
        file: REPLICA,
        find: 'return isSerialiser ? this.records.judge(operation, operation) : NOT_SERVING;',
        replace: 'return this.records.judge(operation, operation);',
      },
    ],
    fate: tests(SERIALISER_TESTS, 'a member that'),
  },
  {
    name: 'judges-without-a-lease',
    rule: 'I7',
    edits: [
      {
        file: REPLICA,
        find: 'if (isSerialiser && (!this.#granted || !this.lease.isLive())) return NOT_SERVING;',
        replace: '',
      },
    ],
    fate: tests(SERIALISER_TESTS, 'under a live lease only'),
  },
  {
    name: 'judges-at-any-epoch',
    rule: 'H39a',
    edits: [
      {
        file: REPLICA,
        find: "      case 'peek':\n        if (this.#isPast(entry, operation)) return STALE;\n",
        replace: "      case 'peek':\n",
      },
    ],
    fate: tests(SERIALISER_TESTS, 'at this very epoch only'),
  },
  {
    name: 'judged-below-what-is-there',
    rule: 'H39a',
    edits: [
      {
        file: SERIALISER,
        find: 'if (own !== undefined) versions.push(recordVersion(own));',
        replace: '',
      },
    ],
    fate: tests(SERIALISER_TESTS, 'the version is above'),
  },
  {
    name: 'a-judgement-is-asked-for-twice',
    rule: 'H39a',
    edits: [
      {
        file: ROUND,
        find: "          return this.#end({ kind: 'unknown', version: undefined });",
        replace: "          return this.#again('not-stored', notEverywhere(undefined));",
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'is never asked for again'),
  },
  {
    name: 'judges-without-settling',
    rule: 'H39b',
    edits: [
      {
        file: SERIALISER,
        find: 'if (own === undefined || mark === undefined) return false;',
        replace: 'if (own === undefined || mark === undefined) return true;',
      },
      {
        file: SERIALISER,
        find: 'const isOwn = mark.epoch === epoch',
        replace: 'const isOwn = epoch > 0',
      },
      {
        file: SERIALISER,
        find: ' && mark.incarnation === this.#incarnation;',
        replace: ' && this.#incarnation > 0;',
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'and lies with another member'),
  },
  {
    name: 'settles-by-its-own-copy',
    rule: 'H39b',
    edits: [
      {
        file: ROUND,
        find: '    fanOut(this.#context, entry.members, peek, (votes) => {\n      const sight',
        replace:
          '    fanOut(this.#context, [attempt.serialiser], peek, (votes) => {\n      const sight',
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'and lies with another member'),
  },
  {
    name: 'a-newer-tag-is-not-settled',
    rule: 'H39b',
    edits: [
      {
        file: SERIALISER,
        find: 'return isOwn && highestIn(condition) <= recordVersion(own);',
        replace: 'return isOwn || highestIn(condition) < 0n;',
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'a value read elsewhere'),
  },
  {
    name: 'a-joiner-does-not-say-what-it-holds',
    rule: 'H39b',
    edits: [
      {
        file: REPLICA,
        find: '        return this.#judgeOrPeek(entry, operation);',
        replace:
          "        if (member.role === 'joining') return NOT_SERVING;\n        return this.#judgeOrPeek(entry, operation);",
      },
    ],
    fate: tests(SERIALISER_TESTS, 'a joiner says what it holds'),
  },
  {
    name: 'a-joiner-copies-from-who-was-removed',
    rule: 'H39b',
    edits: [
      {
        file: JOINER,
        find: '      if (!this.#isSource(partition, source)) return this.#begin(partition, copy);\n',
        replace: '      if (!this.#isSource(partition, source)) this.#copies.get(partition);\n',
      },
    ],
    fate: tests('test/storage/replication/joiner.test.ts', 'takes nothing from a source'),
  },
  {
    name: 'acknowledged-by-the-serialiser-alone',
    rule: 'H39c',
    edits: [
      {
        file: ROUND,
        find: 'return this.#spread(place, step, step.record, othersOf(attempt));',
        replace: 'return this.#stored(step);',
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'is acknowledged where all who are left have it'),
  },
  {
    name: 'a-missed-set-is-acknowledged',
    rule: 'H39d',
    edits: [{ file: SET_DECISION, find: ' && !tally.isOutsideBase;', replace: ';' }],
    fate: tests(CONDITIONAL_SCHEDULES, 'that an increment was judged without'),
  },
  {
    name: 'what-was-judged-on-is-set-again',
    rule: 'H39d',
    edits: [
      {
        file: MARK,
        find: "return recordHash(late) === base.hash ? 'in-base' : 'outside-base';",
        replace: "return 'outside-base';",
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'on which an increment was judged'),
  },
  {
    name: 'the-base-is-forgotten-on-the-way',
    rule: 'H39d',
    edits: [
      {
        file: SERIALISER,
        find: 'return mark === undefined ? etagOf(own) : mark.base;',
        replace: 'return etagOf(own);',
      },
    ],
    fate: tests(SERIALISER_TESTS, 'is equal where that was judged on it'),
  },
  {
    name: 'told-before-all-have-it',
    rule: 'H39e',
    edits: [
      {
        file: ROUND,
        find: 'if (record === undefined) return decided();',
        replace: 'if (record === undefined || why !== undefined) return decided();',
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'is told so once all members'),
  },
  {
    name: 'floor-taken-for-a-lack',
    rule: 'H39e',
    edits: [
      { file: EVERYWHERE, find: 'if (holdsAtLeast(answer, record)) return true;', replace: '' },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'when the delete of another is forgotten'),
  },
  {
    name: 'floor-taken-for-the-record',
    rule: 'H39e',
    edits: [
      {
        file: EVERYWHERE,
        find: "isNowhereOlder(record, votes, seen, wallMs) ? 'everywhere' : 'below-floor'",
        replace: "(void isNowhereOlder(record, votes, seen, wallMs), 'everywhere')",
      },
    ],
    fate: tests(EVERYWHERE_TESTS, 'below its floor'),
  },
  {
    name: 'joiner-is-taken-to-copy-what-came-since',
    rule: 'H39e',
    edits: [
      {
        file: EVERYWHERE,
        find: "if (member.role === 'joining' && !isOld) return false;",
        replace: 'void isOld;',
      },
    ],
    fate: tests(EVERYWHERE_TESTS, 'that a joiner below its floor lacks'),
  },
  {
    name: 'pull-below-the-floor-during-a-join',
    rule: 'H39e',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'if (this.#hasJoiner && recordVersion(record) <= this.#floor) continue;',
        replace: 'void this.#hasJoiner;',
      },
    ],
    fate: tests(FLOORS_SCHEDULES, 'also where all floors are above it'),
  },
  {
    name: 'floor-taken-for-a-delete',
    rule: 'H21',
    edits: [{ file: EVERYWHERE, find: '!livesAt(answer, wallMs)', replace: 'wallMs > 0' }],
    fate: tests(FLOORS_SCHEDULES, 'that a key is gone'),
  },
  {
    name: 'unknown-is-judged-afresh',
    rule: 'H39f',
    edits: [
      {
        file: DECISION,
        find: "return { kind: isUnchanged && !mayBeForgotten(record, votes) ? 'afresh' : 'unknown' };",
        replace: "return { kind: isUnchanged ? 'afresh' : 'afresh' };",
      },
    ],
    fate: tests(DECISION_TESTS, 'H39f'),
  },
  {
    name: 'what-a-floor-took-is-judged-afresh',
    rule: 'H39f',
    edits: [{ file: DECISION, find: ' && !mayBeForgotten(record, votes)', replace: '' }],
    fate: tests(DECISION_TESTS, 'may be deleted and forgotten'),
  },
  {
    name: 'acknowledged-without-being-brought',
    rule: 'H39f',
    edits: [
      {
        file: ROUND,
        find: 'return this.#spread(place, judged, step.record, members);',
        replace: 'return this.#spread(place, judged, step.record, members.slice(0, 0));',
      },
    ],
    fate: tests(EPOCH_SCHEDULES, 'is brought to all'),
  },
  {
    name: 'sent-on-at-the-next-epoch',
    rule: 'H39f',
    edits: [
      {
        file: ROUND,
        find: 'if (now?.entry.epoch !== place.entry.epoch) return this.#lookForIt(judged);',
        replace: `if (now === undefined) return this.#lookForIt(judged);
            if (now.entry.epoch !== place.entry.epoch) {
              return this.#spread(now, judged, record, now.entry.members);
            }`,
      },
    ],
    fate: tests(EPOCH_SCHEDULES, 'is not brought over what came since'),
  },
  {
    name: 'whatever-is-newer-was-judged-on-it',
    rule: 'H39f',
    edits: [
      {
        file: DECISION,
        find: 'if (order <= 0) return order === 0;',
        replace: 'if (order <= 0) return order === 0;\n  if (order > 0) return true;',
      },
    ],
    fate: tests(DECISION_TESTS, 'H39f'),
  },
  {
    name: 'held-before-it-is-in-the-log',
    rule: 'H39',
    edits: [
      {
        file: LINKS,
        find: 'if (!ANSWER_KINDS[answer.kind].waitsForLog) return link.send(id, head, body);',
        replace:
          "if (answer.kind === 'held' || !ANSWER_KINDS[answer.kind].waitsForLog) return link.send(id, head, body);",
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'rests on what is in the log'),
  },
  {
    name: 'each-long-answer-that-waits-is-a-copy',
    rule: 'H39',
    edits: [
      {
        file: LINKS,
        find: 'body.length > CHUNK_BYTES ? body',
        replace: 'body.length > CHUNK_BYTES * 1e6 ? body',
      },
    ],
    fate: tests(LINKS_TESTS, 'is sent from where it is'),
  },
  {
    name: 'a-short-answer-that-waits-is-no-copy',
    rule: 'H39',
    edits: [
      {
        file: LINKS,
        find: 'body.length > CHUNK_BYTES ? body',
        replace: 'body.length > CHUNK_BYTES * 0 ? body',
      },
    ],
    fate: tests(LINKS_TESTS, 'may change in the store'),
  },
  {
    name: 'getset-answers-with-what-is-overwritten',
    rule: 'H39',
    edits: [
      {
        file: SERIALISER,
        find: '(Buffer.from(live) as StoredRecord)',
        replace: 'live',
      },
    ],
    fate: tests(SERIALISER_TESTS, 'is kept from what takes its place'),
  },
  {
    name: 'judged-before-it-is-in-the-log',
    rule: 'H39',
    edits: [
      {
        file: LINKS,
        find: 'if (!ANSWER_KINDS[answer.kind].waitsForLog) return link.send(id, head, body);',
        replace:
          "if (answer.kind === 'judged' || !ANSWER_KINDS[answer.kind].waitsForLog) return link.send(id, head, body);",
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'rests on what is in the log'),
  },
  {
    name: 'a-linearizable-read-brings-nothing',
    rule: 'H21',
    edits: [
      {
        file: LINEARIZABLE,
        find: 'const others = votes.filter(({ answer }) => !holdsSame(answer, newest));',
        replace:
          'const others = votes.filter(({ answer }) => newest === undefined || answer === undefined);',
      },
      { file: LINEARIZABLE, find: 'import { holdsSame, isLiveAt', replace: 'import { isLiveAt' },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'brings what it saw'),
  },
  {
    name: 'a-linearizable-read-answers-with-what-a-swap-has-missed',
    rule: 'H39',
    edits: [
      {
        file: LINEARIZABLE,
        find: "isMissed(votes) || spread !== 'everywhere'",
        replace: "(void isMissed, spread !== 'everywhere')",
      },
    ],
    fate: tests(CONDITIONAL_SCHEDULES, 'that a swap has missed'),
  },
  {
    name: 'a-sight-without-everybody',
    rule: 'H21',
    edits: [
      {
        file: SETTLING,
        find: "if (answer.kind !== 'held') return undefined;",
        replace: "if (answer.kind !== 'held') continue;",
      },
    ],
    fate: tests(DECISION_TESTS, 'is nothing while a member answers'),
  },
  {
    name: 'who-is-below-its-floor-is-not-asked-again',
    rule: 'H39c',
    edits: [
      {
        file: ROUND,
        find: "spreadOf([vote]) !== 'everywhere');",
        replace: "spreadOf([vote]) === 'incomplete');",
      },
    ],
    fate: tests(FLOORS_SCHEDULES, 'an acknowledged increment is with all members'),
  },
  {
    name: 'an-expiry-by-the-own-clock-of-a-frontend',
    rule: 'H31',
    edits: [
      {
        file: 'src/frontend/frontend.ts',
        find: 'runtime: { ...runtime, clock },',
        replace: 'runtime: { ...runtime, clock: clock.forVersions },',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'in a frontend whose clock'),
  },
  {
    name: 'an-expiry-by-the-own-clock-of-an-application',
    rule: 'H31',
    edits: [
      {
        file: 'src/coordinator/direct-core.ts',
        find: 'runtime: { ...runtime, clock: this.clock },',
        replace: 'runtime: { ...runtime, clock: this.clock.forVersions },',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'in an application whose clock'),
  },
];
