// Mutants of scans, and of the keys of users.

import { type Mutant, tests } from '../mutant.ts';

const POSITION = 'src/coordinator/operations/scan/position.ts';
const SCAN = 'src/coordinator/operations/scan/cluster-scan.ts';
const SCAN_DECISION = 'src/coordinator/operations/scan/decision.ts';
const SCAN_PAGE = 'src/coordinator/operations/scan/page.ts';
const USER_KEYS = 'src/coordinator/operations/user-keys.ts';

const DECISION_TESTS = 'test/coordinator/operations/scan/decision.test.ts';
const MANY_SCANS_TESTS = 'test/coordinator/operations/scan/many-scans.test.ts';
const POSITION_TESTS = 'test/coordinator/operations/scan/position.test.ts';
const SCAN_ROUTE_TESTS = 'test/frontend/gateways/v1/scan.test.ts';
const SCHEDULES = 'test/simulation/schedules-scans.test.ts';
const USER_KEYS_TESTS = 'test/frontend/gateways/user-keys.test.ts';

export const COORDINATOR_SCAN_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-page-is-asked-of-all-while-it-waits',
    rule: 'R3',
    edits: [{ file: SCAN_PAGE, find: 'after(times.turnMs,', replace: 'after(times.hedgeMs,' }],
    fate: tests(MANY_SCANS_TESTS, '64 scans at once'),
  },
  {
    name: 'a-member-that-may-not-list-has-no-keys',
    rule: 'R1',
    edits: [
      {
        file: SCAN_DECISION,
        find: "    case 'not-serving':\n",
        replace:
          "    case 'not-serving':\n      return { kind: 'page', heads: [], next: undefined };\n",
      },
    ],
    fate: tests(DECISION_TESTS, 'never an empty page'),
  },
  {
    name: 'a-cursor-repeats-its-page',
    rule: 'R3',
    edits: [
      { file: SCAN, find: 'const last = records.at(-1);', replace: 'const last = records.at(-2);' },
    ],
    fate: tests(SCAN_ROUTE_TESTS, 'lists each key once'),
  },
  {
    name: 'a-scan-skips-a-partition',
    rule: 'R3',
    edits: [
      {
        file: SCAN,
        find: 'this.#nextPartition = from.partition + 1;',
        replace: 'this.#nextPartition = from.partition + 2;',
      },
    ],
    fate: tests(SCAN_ROUTE_TESTS, 'lists each key once'),
  },
  {
    name: 'a-scan-begins-its-page-again-at-another-member',
    rule: 'R3',
    edits: [
      {
        file: SCAN,
        find: 'pendingAt({ partition, from: outcome.next })',
        replace:
          'pendingAt({ partition, from: { ...outcome.next, afterKey: SCAN_START.from.afterKey } })',
      },
    ],
    fate: tests(SCHEDULES, 'R3: '),
  },
  {
    name: 'a-cursor-of-any-cluster',
    rule: 'R3',
    edits: [{ file: POSITION, find: ' && content[1] === digits', replace: '' }],
    fate: tests(POSITION_TESTS, 'another cluster'),
  },
  {
    name: 'users-keys-as-they-are',
    rule: 'R4',
    edits: [
      {
        file: USER_KEYS,
        find: 'const key = storedKey(request.key);',
        replace: 'const { key } = request;',
      },
      {
        file: USER_KEYS,
        find: 'this.#reader.get(storedKey(key), callback, minVersion);',
        replace: 'this.#reader.get(key, callback, minVersion);',
      },
    ],
    fate: tests(USER_KEYS_TESTS, 'stored with one more'),
  },
  {
    name: 'a-scan-lists-the-keys-of-the-cluster',
    rule: 'R3',
    edits: [
      {
        file: USER_KEYS,
        find: 'prefix, nameOf: userKey }, place',
        replace: 'prefix, nameOf: (key) => userKey(key) ?? key }, place',
      },
    ],
    fate: tests(SCHEDULES, 'own keys'),
  },
];
