// Mutants of what a storage node believes of its data directory.

import { type Mutant, SEEDS, tests } from '../mutant.ts';

const DATA_DIRECTORY_RECOVERY = 'src/storage/data-directory/recovery.ts';
const IDENTITY = 'src/storage/data-directory/identity.ts';
const IDENTITY_FILE = 'src/storage/data-directory/identity-file.ts';

const CACHES_SCHEDULES = 'test/simulation/schedules-caches.test.ts';
const DATA_DIRECTORY_RECOVERY_TESTS = 'test/storage/data-directory/recovery.test.ts';
const DISKS_SCHEDULES = 'test/simulation/schedules-disks.test.ts';
const IDENTITY_FILE_TESTS = 'test/storage/data-directory/identity-file.test.ts';
const MAPS_SCHEDULES = 'test/simulation/schedules-maps.test.ts';
const RECOVERY_SCHEDULES = 'test/simulation/schedules-recovery.test.ts';

export const STORAGE_DATA_DIRECTORY_MUTANTS: readonly Mutant[] = [
  {
    name: 'identity-is-not-checked',
    rule: 'H8',
    edits: [{ file: IDENTITY_FILE, find: '&& !isSoundJson(FORMAT, bytes)', replace: '&& false' }],
    fate: tests(IDENTITY_FILE_TESTS, 'any bit of its identity turned over'),
  },
  {
    name: 'identity-of-a-turned-format',
    rule: 'H8',
    edits: [{ file: IDENTITY_FILE, find: ' || crc !== undefined', replace: '' }],
    fate: tests(IDENTITY_FILE_TESTS, 'any bit of its identity turned over'),
  },
  {
    name: 'a-directory-notes-the-lives-that-have-a-map',
    rule: 'H8',
    edits: [
      {
        file: IDENTITY_FILE,
        find: 'const all = [...lives, incarnation];',
        replace: 'const all = named === undefined ? [...lives, incarnation] : [named];',
      },
    ],
    fate: tests(MAPS_SCHEDULES, 'resumes after a life that ended'),
  },
  {
    name: 'sync-failure-forgotten',
    rule: 'H8',
    edits: [
      {
        file: IDENTITY,
        find: '(incarnation + 1) as Incarnation',
        replace: 'incarnation',
      },
    ],
    fate: tests(DISKS_SCHEDULES, 'H8: '),
  },
  {
    name: 'close-notes-no-end',
    rule: 'H8',
    edits: [
      {
        file: IDENTITY,
        find: 'this.#write({ bootId: undefined, closedAt }, written);',
        replace: 'this.#write({ bootId: undefined }, written);',
      },
    ],
    fate: tests(DATA_DIRECTORY_RECOVERY_TESTS, 'notes where the log ends'),
  },
  {
    name: 'a-later-life-forgets-those-before',
    rule: 'H8',
    edits: [
      { file: IDENTITY, find: '{ incarnation, lives: this.lives }', replace: '{ incarnation }' },
    ],
    fate: tests(IDENTITY_FILE_TESTS, 'all that were before it'),
  },
  {
    name: 'one-generation-promised-to-two',
    rule: 'H32',
    edits: [
      {
        file: IDENTITY,
        find: 'if (compareGenerations(asked, this.#highest) > 0) this.#highest = asked;',
        replace: 'if (asked.generation >= this.#highest.generation) this.#highest = asked;',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'one generation is promised to one recovery'),
  },
  {
    name: 'named-life-not-on-disk',
    rule: 'I10',
    edits: [
      {
        file: IDENTITY,
        find: 'if (this.#incarnation === incarnation) return written(undefined);',
        replace: 'if (this.#incarnation !== undefined) return written(undefined);',
      },
    ],
    fate: tests(IDENTITY_FILE_TESTS, 'a life that the controller named'),
  },
  {
    name: 'unclean-resumes',
    rule: 'H8',
    edits: [
      {
        file: DATA_DIRECTORY_RECOVERY,
        find: 'return earlier.bootId === bootId;',
        replace: 'return earlier.bootId === bootId || true;',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'identity-before-the-cut',
    rule: 'H8',
    edits: [
      {
        file: DATA_DIRECTORY_RECOVERY,
        find: 'return this.#replay(earlier, decoded.map);',
        replace: `const bootId = this.#runtime.host.bootId();
      const identity = encodeIdentity({ ...earlier, bootId, completeSince: earlier.incarnation });
      return this.#disk.replace(IDENTITY_FILE, identity, () => this.#replay(earlier, decoded.map));`,
      },
    ],
    fate: tests(DATA_DIRECTORY_RECOVERY_TESTS, 'judges alike'),
  },
  {
    name: 'replay-forgets-a-failed-sync',
    rule: 'H8',
    edits: [
      {
        file: DATA_DIRECTORY_RECOVERY,
        find: 'syncFailed: (end) => this.#distrust(earlier, end),',
        replace: 'syncFailed: (end) => end(),',
      },
    ],
    fate: tests(DATA_DIRECTORY_RECOVERY_TESTS, 'notes a sync that failed'),
  },
  {
    name: 'log-of-a-cache-must-fit',
    rule: 'H40',
    edits: [
      {
        file: DATA_DIRECTORY_RECOVERY,
        find: 'if (map !== undefined) this.#store.whenFull = whenFullOf(map);',
        replace: '',
      },
    ],
    fate: tests(CACHES_SCHEDULES, 'a log that holds more than fits'),
  },
  {
    name: 'open-store-is-closed-where-it-was',
    rule: 'H8',
    edits: [
      {
        file: DATA_DIRECTORY_RECOVERY,
        find: 'closedAt: undefined,',
        replace: 'closedAt: earlier?.closedAt,',
      },
    ],
    fate: tests(DATA_DIRECTORY_RECOVERY_TESTS, 'notes where the log ends'),
  },
  {
    name: 'promise-forgets-to-whom',
    rule: 'I2',
    edits: [
      {
        file: DATA_DIRECTORY_RECOVERY,
        find: 'promisedNonce: earlier?.promisedNonce,',
        replace: 'promisedNonce: undefined,',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'one generation is promised to one recovery'),
  },
  {
    name: 'eviction-replayed-without-floor',
    rule: 'H40',
    edits: [
      {
        file: DATA_DIRECTORY_RECOVERY,
        find: "      case 'evicted':\n        store.raiseFloor(entry.partition, entry.version);\n",
        replace: "      case 'evicted':\n",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'trusts-after-a-failed-sync',
    rule: 'H8',
    edits: [
      {
        file: DATA_DIRECTORY_RECOVERY,
        find: 'if (earlier.completeSince > earlier.incarnation) return false;',
        replace: 'if (earlier.completeSince < 0) return false;',
      },
    ],
    fate: tests(DATA_DIRECTORY_RECOVERY_TESTS, 'a sync had failed'),
  },
  {
    name: 'takes-the-number-above-the-last',
    rule: 'I10',
    edits: [
      {
        file: 'src/storage/data-directory/recovery.ts',
        find: 'last + 1 + skipped',
        replace: 'last + 1',
      },
      {
        file: 'src/controller/registrations.ts',
        find: ': present === process && isPresent;',
        replace: ': message.incarnation === known?.incarnation && store === known?.store;',
      },
    ],
    fate: tests('test/simulation/schedules-maps.test.ts', 'its number is no time'),
  },
];
