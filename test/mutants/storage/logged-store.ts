// Mutants of the one call that changes the store and tells the log.

import { type Mutant, tests } from '../mutant.ts';

const LOGGED_STORE = 'src/storage/logged-store.ts';

const ANTI_ENTROPY_TESTS = 'test/storage/replication/anti-entropy.test.ts';
const CACHES_SCHEDULES = 'test/simulation/schedules-caches.test.ts';
const DELETES_SCHEDULES = 'test/simulation/schedules-deletes.test.ts';
const RETURNING_SCHEDULES = 'test/simulation/schedules-returning.test.ts';

export const STORAGE_LOGGED_STORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'reset-not-logged',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "this.#log.append({ kind: 'reset', partition });",
        replace: '',
      },
    ],
    fate: tests(DELETES_SCHEDULES, 'D7: what'),
  },
  {
    name: 'copy-respects-floor',
    rule: 'H27',
    edits: [
      {
        file: LOGGED_STORE,
        find: 'this.#store.putCopied(partition, record)',
        replace: 'this.#store.put(partition, record)',
      },
    ],
    fate: tests(DELETES_SCHEDULES, 'H27: '),
  },
  {
    name: 'floor-not-logged',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "this.#log.append({ kind: 'floor', partition, version });",
        replace: '',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'logged first (D7)'),
  },
  {
    name: 'dropped-not-logged',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "need memory for it.\n    this.#log.append({ kind: 'forget', partition, key, version });",
        replace: 'need memory for it.',
      },
    ],
    fate: tests(DELETES_SCHEDULES, 'D7: and what it dropped'),
  },
  {
    name: 'eviction-not-logged',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "this.#log.append({ kind: 'evicted', partition, key, version });",
        replace: '',
      },
    ],
    fate: tests(CACHES_SCHEDULES, 'does not come back with the log'),
  },
  {
    name: 'what-was-set-aside-stays-in-the-log',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "leftovers) {\n      this.#log.append({ kind: 'forget', partition, key, version });",
        replace: 'leftovers) {',
      },
    ],
    fate: tests(RETURNING_SCHEDULES, 'brings nothing back'),
  },
];
