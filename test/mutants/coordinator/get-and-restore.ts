// Mutants of gets, and of records that are restored.

import { type Mutant, SEEDS, tests } from '../mutant.ts';

const GET_ROUND = 'src/coordinator/operations/get/round.ts';
const LINEARIZABLE = 'src/coordinator/operations/get/linearizable.ts';
const EXPLAINED = 'src/coordinator/operations/get/explained.ts';
const EXPLANATION = 'src/coordinator/operations/get/explanation.ts';
const RESTORE_DECISION = 'src/coordinator/operations/restore/decision.ts';
const RESTORE_ROUND = 'src/coordinator/operations/restore/round.ts';

const ONE_ANSWER_TESTS = 'test/coordinator/operations/set/one-answer.test.ts';
const CONDITIONAL_ROUND_TESTS = 'test/coordinator/operations/conditional-round.test.ts';
const EXPLAINED_TESTS = 'test/coordinator/operations/get/explained.test.ts';
const MIN_VERSION_SCHEDULES = 'test/simulation/schedules-min-version.test.ts';
const RESTORE_SCHEDULES = 'test/simulation/schedules-restores.test.ts';
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
    name: 'restore-takes-a-kept-delete-for-forgotten',
    rule: 'D16',
    edits: [
      {
        file: RESTORE_DECISION,
        find: "if (order > 0) return 'newer';",
        replace: "if (order > 0) return isLiveAt(answer.record, wallMs) ? 'newer' : 'missing';",
      },
    ],
    fate: tests(RESTORE_SCHEDULES, 'a delete that is kept'),
  },
  {
    name: 'restore-asks-all-for-a-newer-record',
    rule: 'D16',
    edits: [
      {
        file: RESTORE_ROUND,
        find: "if (sights.includes('newer')) return",
        replace: "if (sights.every((sight) => sight === 'newer')) return",
      },
    ],
    fate: tests(RESTORE_DECISION_TESTS, 'whoever has it'),
  },
  {
    name: 'a-least-version-is-passed-over',
    rule: 'H21',
    edits: [
      {
        file: GET_ROUND,
        find: 'if (version >= this.#minVersion) return',
        replace: 'if (version >= this.#minVersion || this.#older === 0) return',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'an-old-absence-will-do',
    rule: 'H21',
    edits: [
      {
        file: GET_ROUND,
        find: 'if (version >= this.#minVersion) return',
        replace: "if (version >= this.#minVersion || step.kind === 'absent') return",
      },
    ],
    fate: tests(MIN_VERSION_SCHEDULES, 'that the key never was'),
  },
  {
    name: 'a-newer-delete-is-no-answer',
    rule: 'H21',
    edits: [
      {
        file: GET_ROUND,
        find: 'if (version >= this.#minVersion) return',
        replace:
          "if (version >= this.#minVersion && (step.kind === 'value' || this.#minVersion === VERSION_ZERO)) return",
      },
    ],
    fate: tests(MIN_VERSION_SCHEDULES, 'takes a newer delete'),
  },
  {
    name: 'a-least-version-moves-the-clock',
    rule: 'H21',
    edits: [
      {
        file: GET_ROUND,
        find: '    // A try that starts later than this could not end before the deadline.\n',
        replace: '    this.#context.versions.observe(minVersion);\n',
      },
    ],
    fate: tests(MIN_VERSION_SCHEDULES, 'moves no clock'),
  },
  {
    name: 'all-members-may-be-older',
    rule: 'H21',
    edits: [
      {
        file: LINEARIZABLE,
        find: 'if (version < this.#terms.minVersion) return',
        replace: 'if (version < this.#terms.minVersion && newest === undefined) return',
      },
    ],
    fate: tests(CONDITIONAL_ROUND_TESTS, 'nothing older than is demanded'),
  },
  {
    name: 'an-absence-has-no-floor',
    rule: 'H21',
    edits: [
      {
        file: LINEARIZABLE,
        find: 'const version = newest === undefined ? floor : recordVersion(newest);',
        replace:
          'const version = newest === undefined ? ((floor * 0n) as Version) : recordVersion(newest);',
      },
    ],
    fate: tests(CONDITIONAL_ROUND_TESTS, 'below a floor that is as high'),
  },
  {
    name: 'an-explanation-forgets-what-it-repaired-before',
    rule: 'docs/api.md',
    edits: [
      {
        file: EXPLAINED,
        find: '    this.#held = [];\n',
        replace: '    this.#held = [];\n    this.#repaired.clear();\n',
      },
    ],
    fate: tests(EXPLAINED_TESTS, 'in an earlier round'),
  },
  {
    name: 'an-explanation-forgets-who-was-waited-for',
    rule: 'docs/api.md',
    edits: [{ file: EXPLAINED, find: '      this.#delays.set(node, answer);\n', replace: '' }],
    fate: tests(EXPLAINED_TESTS, 'that had to wait'),
  },
  {
    name: 'who-has-anything-decides',
    rule: 'docs/api.md',
    edits: [
      {
        file: EXPLANATION,
        find: 'return answer !== undefined && holdsSame(answer, newest);',
        replace:
          "return answer?.kind === 'held' || (answer !== undefined && holdsSame(answer, newest));",
      },
    ],
    fate: tests(EXPLAINED_TESTS, 'which answer decided'),
  },
  {
    name: 'all-that-were-sent-it-were-repaired',
    rule: 'docs/api.md',
    edits: [
      {
        file: EXPLANATION,
        find: "filter(([, { kind }]) => kind === 'applied')",
        replace: "filter(([, { kind }]) => kind !== 'found')",
      },
    ],
    fate: tests(EXPLAINED_TESTS, 'which answer decided'),
  },
];
