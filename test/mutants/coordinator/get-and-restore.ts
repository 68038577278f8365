// Mutants of gets, and of records that are restored.

import { type Mutant, tests } from '../mutant.ts';

const GET_ROUND = 'src/coordinator/operations/get/round.ts';
const RESTORE_DECISION = 'src/coordinator/operations/restore/decision.ts';
const RESTORE_ROUND = 'src/coordinator/operations/restore/round.ts';

const ONE_ANSWER_TESTS = 'test/coordinator/operations/set/one-answer.test.ts';
const RESTORE_DECISION_TESTS = 'test/coordinator/operations/restore/decision.test.ts';

export const COORDINATOR_GET_AND_RESTORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'get-answered-by-each-member',
    rule: 'R3',
    edits: [
      {
        file: GET_ROUND,
        find: '    this.#callback = undefined;\n',
        replace: '',
      },
    ],
    fate: tests(ONE_ANSWER_TESTS, 'through pauses'),
  },
  {
    name: 'restore-counts-floor-as-kept',
    rule: 'D16',
    edits: [
      { file: RESTORE_DECISION, find: "tally.isBelowFloor ? { kind: 'inspect' } : ", replace: '' },
    ],
    fate: tests(RESTORE_DECISION_TESTS, 'own version'),
  },
  {
    name: 'restore-done-with-one-missing',
    rule: 'R4',
    edits: [
      {
        file: RESTORE_DECISION,
        find: "return { kind: 'again', unwritable: tally.unwritable };",
        replace: "return { kind: 'stored', newly: false };",
      },
    ],
    fate: tests(RESTORE_DECISION_TESTS, 'own version'),
  },
  {
    name: 'restore-ignores-a-joiner-floor',
    rule: 'H26',
    edits: [
      {
        file: RESTORE_ROUND,
        find: "sights.includes('unknown') || serving.length < members.length",
        replace: "sights.includes('unknown')",
      },
    ],
    fate: tests(RESTORE_DECISION_TESTS, 'a joiner below its floor'),
  },
  {
    name: 'looked-at-the-floors-in-vain',
    rule: 'D16',
    edits: [
      {
        file: RESTORE_ROUND,
        find: 'if (serving.length === 0) return this.#askLater();',
        replace: 'if (serving.length === 0) return;',
      },
    ],
    fate: tests(RESTORE_DECISION_TESTS, 'H26: a joiner below its floor'),
  },
];
