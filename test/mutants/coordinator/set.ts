// Mutants of how a set or a delete is sent, combined with others, and decided.

import { aimed, type Mutant, SEEDS, tests } from '../mutant.ts';

const COALESCING = 'src/coordinator/operations/set/coalescing.ts';
const PENDING_SET = 'src/coordinator/operations/set/pending-set.ts';
const SET_DECISION = 'src/coordinator/operations/set/decision.ts';
const WRITE_VOTES = 'src/coordinator/operations/write-votes.ts';
const SET_ROUND = 'src/coordinator/operations/set/round.ts';
const WRITER = 'src/coordinator/operations/set/writer.ts';

const COALESCING_TESTS = 'test/coordinator/operations/set/coalescing.test.ts';
const CUTS_SCHEDULES = 'test/simulation/schedules-cuts.test.ts';
const HOT_KEYS_SCHEDULES = 'test/simulation/schedules-hot-keys.test.ts';
const JOINS_SCHEDULES = 'test/simulation/schedules-joins.test.ts';
const ONE_ANSWER_TESTS = 'test/coordinator/operations/set/one-answer.test.ts';
const ROUND_TESTS = 'test/coordinator/operations/set/round.test.ts';
const SET_DECISION_TESTS = 'test/coordinator/operations/set/decision.test.ts';
const WRITER_TESTS = 'test/coordinator/operations/set/writer.test.ts';

export const COORDINATOR_SET_MUTANTS: readonly Mutant[] = [
  {
    name: 'coalesced-lost-with-the-refused',
    rule: 'H41',
    edits: [
      {
        file: COALESCING,
        find: 'const next = queue.sets.pop();',
        replace: 'const next = queue.sets.length > queue.coalesced ? queue.sets.pop() : undefined;',
      },
    ],
    fate: tests(HOT_KEYS_SCHEDULES, 'the newest is refused'),
  },
  {
    name: 'answered-with-the-set-ahead',
    rule: 'H41',
    edits: [
      {
        file: COALESCING,
        find: 'queue.sets.splice(0, queue.coalesced)',
        replace: 'queue.sets.splice(0)',
      },
    ],
    fate: tests(COALESCING_TESTS, 'who comes later'),
  },
  {
    name: 'refused-and-sent',
    rule: 'D9',
    edits: [
      {
        file: COALESCING,
        find: 'queue.sets.splice(index, 1);',
        replace: '',
      },
    ],
    fate: tests(HOT_KEYS_SCHEDULES, 'slept over their deadline'),
  },
  {
    name: 'stored-and-still-refusable',
    rule: 'H41',
    edits: [
      {
        file: COALESCING,
        find: '    for (const set of taken) this.#left(set, queue);\n',
        replace: '',
      },
    ],
    fate: tests(WRITER_TESTS, 'is told that alone'),
  },
  {
    name: 'sent-and-still-refusable',
    rule: 'H41',
    edits: [
      {
        file: COALESCING,
        find: '    if (next !== undefined) this.#left(next, queue);\n',
        replace: '',
      },
    ],
    fate: tests(ONE_ANSWER_TESTS, 'through pauses'),
  },
  {
    name: 'coalesced-counts-the-refused',
    rule: 'H41',
    edits: [
      {
        file: COALESCING,
        find: '    if (index < queue.coalesced) queue.coalesced--;\n',
        replace: '',
      },
    ],
    fate: tests(COALESCING_TESTS, 'all that were coalesced are too late'),
  },
  {
    name: 'deadlines-in-the-order-of-coming',
    rule: 'H31',
    edits: [
      { file: COALESCING, find: 'older.arrivedMs > set.arrivedMs', replace: 'older.arrivedMs < 0' },
    ],
    fate: tests(WRITER_TESTS, 'who waited for the time of the cluster'),
  },
  {
    name: 'timer-of-the-first-that-waits',
    rule: 'H31',
    edits: [
      {
        file: WRITER,
        find: 'if (atMs >= this.#watchesAtMs) return;',
        replace: 'if (this.#watchesAtMs < Number.POSITIVE_INFINITY) return;',
      },
    ],
    fate: tests(WRITER_TESTS, 'who waited for the time of the cluster'),
  },
  {
    name: 'leaves-twice-unseen',
    rule: 'H41',
    edits: [
      {
        file: COALESCING,
        find: "    assert(set.queue === queue, 'a set leaves the queue that it waits in, once');\n",
        replace: '',
      },
    ],
    fate: tests(COALESCING_TESTS, 'waits in one queue, and leaves it once'),
  },
  {
    name: 'word-of-a-joiner',
    rule: 'H26',
    edits: [{ file: WRITE_VOTES, find: " && member.role !== 'joining'", replace: '' }],
    fate: tests(ROUND_TESTS, 'a joiner is asked in every round'),
  },
  {
    name: 'acknowledged-with-one-missing',
    rule: 'R4',
    edits: [
      {
        file: WRITE_VOTES,
        find: "case 'held':\n        isIncomplete = true;",
        replace:
          "case 'held':\n        isIncomplete ||=\n          votes.filter(({ answer: other }) => other?.kind !== 'applied' && other?.kind !== 'equal')\n            .length > 1;",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'superseded-is-done',
    rule: 'H18',
    edits: [
      {
        file: WRITE_VOTES,
        find: "if (member.role === 'serving') isSuperseded = true;",
        replace: "if (member.role === 'serving') isSuperseded = isServed = true;",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'joiner-applied-counts',
    rule: 'H18',
    edits: [
      {
        file: WRITE_VOTES,
        find: "isApplied = true;\n        if (member.role === 'serving') isServed = true;",
        replace: 'isApplied = true;\n        isServed = true;',
      },
    ],
    fate: tests(JOINS_SCHEDULES, 'not that of a joiner'),
  },
  {
    name: 'floor-is-done',
    rule: 'H25',
    edits: [
      {
        file: SET_DECISION,
        find: 'tally.isServed && !tally.isBelowFloor && ',
        replace: 'tally.isServed && ',
      },
    ],
    fate: tests(SET_DECISION_TESTS, 'R4: '),
  },
  {
    name: 'answered-twice-unseen',
    rule: 'H41',
    edits: [
      {
        file: PENDING_SET,
        find: '    this.#callback = undefined;\n',
        replace: '',
      },
    ],
    fate: tests(COALESCING_TESTS, 'a set is answered once'),
  },
  {
    name: 'word-of-another-epoch',
    rule: 'R4',
    edits: [
      {
        file: SET_ROUND,
        find: 'before?.epoch === epoch && before.version',
        replace: 'before?.version',
      },
    ],
    fate: tests(ROUND_TESTS, 'at another epoch everybody is asked'),
  },
  {
    name: 'kept-and-not-asked-for-the-map',
    rule: 'R4',
    edits: [
      {
        file: SET_ROUND,
        find: '    for (const { member } of kept) refresh.fetchFrom(member.node);\n',
        replace: '',
      },
    ],
    fate: tests(CUTS_SCHEDULES, 'learns from those that have its set'),
  },
  {
    name: 'word-of-another-version',
    rule: 'R4',
    edits: [{ file: SET_ROUND, find: ' && before.version === this.#version', replace: '' }],
    fate: tests(ROUND_TESTS, 'a higher version is sent to everybody'),
  },
  {
    name: 'new-epoch-waits-as-long',
    rule: 'R4',
    edits: [
      {
        file: SET_ROUND,
        find: '    if (before?.epoch !== epoch) this.#failedRounds = 0;\n',
        replace: '',
      },
    ],
    fate: tests(ROUND_TESTS, 'each round at one epoch waits longer'),
  },
  {
    name: 'word-of-another-life',
    rule: 'R4',
    edits: [
      {
        file: SET_ROUND,
        find: 'isSameIncarnation(vote.member, member)',
        replace: 'vote.member.node === member.node',
      },
    ],
    fate: tests(ROUND_TESTS, 'another life of a node'),
  },
  {
    name: 'applied-any-epoch',
    rule: 'H18',
    edits: [
      {
        file: SET_ROUND,
        find: 'const decision = judgeWrite(votes);',
        replace: `for (const { member, answer } of votes) {
      if (member.role === 'serving' && answer?.kind === 'applied') this.#everApplied = true;
    }
    const judged = judgeWrite(votes);
    const decision =
      judged.kind === 'again-newer' && this.#everApplied
        ? ({ kind: 'acknowledged' } as const)
        : judged;`,
      },
      {
        file: SET_ROUND,
        find: '#mayBeHeld = false;',
        replace: '#mayBeHeld = false;\n  #everApplied = false;',
      },
    ],
    fate: tests(JOINS_SCHEDULES, 'nor one given'),
  },
  {
    name: 'coalesced-without-versions',
    rule: 'H41',
    edits: [
      {
        file: SET_ROUND,
        find: 'versions.nextOf(coalesced + 1, this.#above)',
        replace: 'versions.next(this.#above)',
      },
    ],
    fate: tests(WRITER_TESTS, 'versions of their own'),
  },
  {
    name: 'delete-waits-for-no-room',
    rule: 'R10',
    edits: [
      {
        file: SET_ROUND,
        find: "decision.reason === 'no-memory' && this.set.request.tombstone",
        replace: "decision.reason === 'malformed' && this.set.request.tombstone",
      },
    ],
    fate: tests(ROUND_TESTS, 'R10: '),
  },
  {
    name: 'newer-version-after-504',
    rule: 'D9',
    edits: [
      {
        file: SET_ROUND,
        find: '    if (this.#ended === undefined) return;\n    if (this.#elapsedMs() > lastRoundMs(this.#context.times)) {',
        replace:
          '    if (this.#ended !== undefined && this.#elapsedMs() > lastRoundMs(this.#context.times)) {',
      },
    ],
    fate: aimed('sleeping-frontend'),
  },
  {
    name: 'coalesced-with-the-version-of-one-before',
    rule: 'H41',
    edits: [
      {
        file: SET_ROUND,
        find: 'versions.nextOf(coalesced + 1, this.#above)',
        replace: 'versions.nextOf(coalesced, this.#above)',
      },
    ],
    fate: aimed('sleeping-frontend'),
  },
  {
    name: 'coalesced-answered-at-once',
    rule: 'H41',
    edits: [
      {
        file: WRITER,
        find: '    if (next !== undefined) this.#send(before.hash, next, queue);\n',
        replace: `    if (next === undefined) return;
    const coalesced = this.#waiting.takeCoalesced(queue);
    this.#send(before.hash, next, queue);
    const version = this.#context.versions.next();
    this.#answerCoalesced(coalesced, { kind: 'stored', version, created: false, record: undefined });
`,
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'coalesced-answered-though-newer-failed',
    rule: 'H41',
    edits: [
      {
        file: WRITER,
        find: '      // Send the next set in a new turn',
        replace: `      const version = this.#context.versions.next();
      const coalesced = this.#waiting.takeCoalesced(queue);
      this.#answerCoalesced(coalesced, { kind: 'stored', version, created: false, record: undefined });
      // Send the next set in a new turn`,
      },
    ],
    fate: tests(HOT_KEYS_SCHEDULES, 'the newest is refused'),
  },
  {
    name: 'sent-after-its-deadline',
    rule: 'H19',
    edits: [
      { file: WRITER, find: '    this.#refuseLate();\n    this.#on', replace: '    this.#on' },
    ],
    fate: tests(HOT_KEYS_SCHEDULES, 'slept over their deadline'),
  },
  {
    name: 'waiting-without-bound',
    rule: 'H41',
    edits: [{ file: WRITER, find: 'while (this.#waiting.isTooMuch)', replace: 'while (false)' }],
    fate: tests(WRITER_TESTS, 'of too many'),
  },
  {
    name: 'coalesced-forgotten-when-the-newest-is-refused',
    rule: 'H41',
    edits: [
      {
        file: WRITER,
        find: '      // Send the next set in a new turn',
        replace:
          '      this.#waiting.takeCoalesced(queue);\n      // Send the next set in a new turn',
      },
    ],
    fate: tests(ONE_ANSWER_TESTS, 'through pauses'),
  },
  {
    name: 'looks-for-the-late-ones-once',
    rule: 'H41',
    edits: [
      {
        file: WRITER,
        find: '      this.#refuseLate();\n      this.#watch();\n',
        replace: '      this.#refuseLate();\n',
      },
    ],
    fate: tests(ONE_ANSWER_TESTS, 'through pauses'),
  },
  {
    name: 'created-by-the-word-of-a-joiner',
    rule: 'docs/api.md',
    edits: [
      {
        file: SET_ROUND,
        find: "if (answer.kind === 'applied' && vote.member.role === 'serving') {",
        replace: "if (answer.kind === 'applied') {",
      },
    ],
    fate: tests(ROUND_TESTS, 'a joiner has not copied it yet'),
  },
  {
    name: 'created-by-the-last-word',
    rule: 'docs/api.md',
    edits: [{ file: SET_ROUND, find: 'this.#created ??=', replace: 'this.#created =' }],
    fate: tests(ROUND_TESTS, 'it had this very set'),
  },
  {
    name: 'each-coalesced-set-created-the-key',
    rule: 'docs/api.md',
    edits: [
      {
        file: WRITER,
        find: '      created = set.request.tombstone;\n',
        replace: '',
      },
    ],
    fate: tests(WRITER_TESTS, 'of sets that one is sent for'),
  },
];
