// Mutants of what a storage node believes of its data directory.

import { type Mutant, tests } from './mutant.ts';

const IDENTITY_FILE = 'src/storage/data-directory/identity-file.ts';
const IDENTITY = 'src/storage/data-directory/identity.ts';
const LOG = 'src/storage/log/log.ts';
const LOG_WATCH = 'src/storage/log/log-watch.ts';
const LOG_BLOCK = 'src/storage/log/log-block.ts';
const LOG_CHOICE = 'src/storage/log/log-choice.ts';
const LOG_REPLAY = 'src/storage/log/log-replay.ts';
const RECOVERY = 'src/storage/data-directory/recovery.ts';
const LOG_READER = 'src/storage/log/log-reader.ts';

const IDENTITY_TESTS = 'test/storage/data-directory/identity-file.test.ts';
const REPLAY_TESTS = 'test/storage/log/log-replay.test.ts';
const RECOVERY_TESTS = 'test/storage/data-directory/recovery.test.ts';
const LOG_TESTS = 'test/storage/log/log.test.ts';
const STORAGE = 'src/storage/storage-node.ts';
const RESTART_SCHEDULES = 'test/simulation/schedules-restarts.test.ts';

const IDENTITIES: readonly Mutant[] = [
  {
    name: 'identity-is-not-checked',
    rule: 'H8',
    edits: [{ file: IDENTITY_FILE, find: '&& !isSound(bytes)', replace: '&& false' }],
    fate: tests(IDENTITY_TESTS, 'any bit of its identity turned over'),
  },
  {
    name: 'identity-of-a-turned-format',
    rule: 'H8',
    edits: [{ file: IDENTITY_FILE, find: ' || crc !== undefined', replace: '' }],
    fate: tests(IDENTITY_TESTS, 'any bit of its identity turned over'),
  },
];

const TAILS: readonly Mutant[] = [
  {
    name: 'closed-log-may-be-torn',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: 'if (closedAt !== undefined && isBefore(bad, closedAt)) throw damaged(bad);',
        replace: '',
      },
    ],
    fate: tests(REPLAY_TESTS, 'that was closed is not used'),
  },
  {
    name: 'closed-log-may-be-short',
    rule: 'H8',
    edits: [
      {
        file: LOG_CHOICE,
        find: 'if (closedAt !== undefined && isBefore(end, closedAt)) {',
        replace: 'if (closedAt !== undefined && end.file < 0) {',
      },
    ],
    fate: tests(REPLAY_TESTS, 'that was closed is not used'),
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
    fate: tests(RECOVERY_TESTS, 'notes where the log ends'),
  },
  {
    name: 'stop-notes-no-end',
    rule: 'H8',
    edits: [
      {
        file: 'src/storage/storage-node.ts',
        find: 'this.#identity.close(this.#log?.syncedTo,',
        replace: 'this.#identity.close(undefined,',
      },
    ],
    fate: tests('test/simulation/schedules-rot.test.ts', 'in a store that was closed'),
  },
  {
    name: 'open-store-is-closed-where-it-was',
    rule: 'H8',
    edits: [
      { file: RECOVERY, find: 'closedAt: undefined,', replace: 'closedAt: earlier?.closedAt,' },
    ],
    fate: tests(RECOVERY_TESTS, 'notes where the log ends'),
  },
  {
    name: 'any-tail-is-torn',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: 'if (!machineRanOn) return',
        replace: 'if (!machineRanOn || Date.now() > 0) return',
      },
    ],
    fate: tests(REPLAY_TESTS, 'is no beginning of one'),
  },
];

const SYNCS: readonly Mutant[] = [
  {
    name: 'believes-what-only-memory-has',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: 'const from = syncedFile === number ? offset : bytes;',
        replace: 'const from = syncedFile === number ? Math.max(offset, bytes) : bytes;',
      },
    ],
    fate: tests(RECOVERY_TESTS, 'for what only memory has'),
  },
  {
    name: 'rewrites-at-the-end',
    rule: 'H8',
    edits: [
      {
        file: 'src/cluster/io/disk/disk.ts',
        find: "const file = await open(path, 'r+');",
        replace: "const file = await open(path, 'a');",
      },
    ],
    fate: tests('test/cluster/io/runtime.test.ts', 'what is rewritten stays'),
  },
  {
    name: 'failed-sync-is-noted-once-or-never',
    rule: 'H8',
    edits: [
      {
        file: 'src/cluster/persistent-write.ts',
        find: '        timers.after(AGAIN_MS, attempt);\n',
        replace: '',
      },
    ],
    fate: tests('test/simulation/schedules-disks.test.ts', 'noted as soon as it can be'),
  },
];

/** Of a disk that is full for a while. */
const SHORTAGES: readonly Mutant[] = [
  {
    name: 'shortage-ends-the-log',
    rule: 'H35',
    edits: [
      { file: LOG, find: "done === 'synced' || !isShortage(detail)", replace: 'detail.length > 0' },
    ],
    fate: tests('test/simulation/schedules-disks.test.ts', 'goes on by itself'),
  },
  {
    name: 'shortage-drops-what-waits',
    rule: 'H35',
    edits: [{ file: LOG, find: '        this.#queue.unshift(block);\n', replace: '' }],
    fate: tests('test/storage/log/log.test.ts', 'what was appended is written when that is over'),
  },
  {
    name: 'file-begun-behind-a-torn-one',
    rule: 'H35',
    edits: [{ file: LOG, find: 'if (!this.#isTorn && (isDue', replace: 'if ((isDue' }],
    fate: tests('test/storage/log/log.test.ts', 'no file is begun behind'),
  },
  {
    name: 'full-disk-takes-sets',
    rule: 'H35',
    edits: [{ file: LOG, find: 'this.problem !== undefined || this.#q', replace: 'this.#q' }],
    fate: tests('test/storage/log/log.test.ts', 'what was appended is written when that is over'),
  },
  {
    name: 'sync-on-a-full-disk-is-a-shortage',
    rule: 'H8',
    edits: [{ file: LOG, find: "done === 'synced' || !isShortage", replace: '!isShortage' }],
    fate: tests('test/storage/log/log.test.ts', 'a sync is trusted no more'),
  },
  {
    name: 'torn-append-stays',
    rule: 'H35',
    edits: [
      {
        file: 'src/cluster/io/disk/disk.ts',
        find: '  if (end.isTorn) await file.truncate(end.at);\n',
        replace: '',
      },
    ],
    fate: tests('test/processes/disk-errors.test.ts', 'a full disk, with always'),
  },
  {
    name: 'log-of-others-hands',
    rule: 'H8',
    edits: [{ file: LOG_WATCH, find: '      return this.#lost();\n', replace: '' }],
    fate: tests('test/processes/foreign-hands.test.ts', 'is not believed'),
  },
  {
    name: 'log-files-by-name',
    rule: 'H8',
    edits: [{ file: LOG_WATCH, find: "if (sight.id !== known) return 'replaced';", replace: '' }],
    fate: tests('test/simulation/schedules-disks.test.ts', 'somebody replaces'),
  },
  {
    name: 'log-files-of-any-length',
    rule: 'H8',
    edits: [{ file: LOG_WATCH, find: 'sight.bytes < bytes', replace: 'sight.bytes < 0' }],
    fate: tests('test/simulation/schedules-disks.test.ts', 'somebody truncates'),
  },
  {
    name: 'empty-directory-id-counts',
    rule: 'H5a',
    edits: [
      {
        file: 'src/cluster/io/disk/directory-lock.ts',
        find: "if (text.trim() === '') return undefined;",
        replace: "if (text.trim() === '') return text;",
      },
    ],
    fate: tests('test/cluster/io/disk/directory-lock.test.ts', 'is made anew'),
  },
  {
    name: 'half-a-header-stays',
    rule: 'H35',
    edits: [{ file: LOG, find: 'if (file.length === 0) return use', replace: 'return use' }],
    fate: tests('test/storage/log/log.test.ts', 'the next file that cannot be opened'),
  },
];

const VERSIONS: readonly Mutant[] = [
  {
    name: 'new-entries-in-files-of-before',
    rule: 'H8',
    edits: [
      {
        file: LOG,
        find: 'if (open.needsNewFile) this.beginFile(() => undefined);',
        replace: '',
      },
    ],
    fate: tests(REPLAY_TESTS, 'that is earlier is read'),
  },
  {
    name: 'later-logs-are-read',
    rule: 'H8',
    edits: [{ file: LOG_BLOCK, find: ' || format > FORMAT', replace: '' }],
    fate: tests(REPLAY_TESTS, 'that is later is not used'),
  },
  {
    name: 'unknown-entries-are-passed-over',
    rule: 'H8',
    edits: [{ file: LOG_READER, find: 'if (wrong !== undefined) {', replace: 'if (false) {' }],
    fate: tests(REPLAY_TESTS, 'an entry that is not known'),
  },
];

const STOPS: readonly Mutant[] = [
  {
    name: 'stop-before-the-first-life-notes-nothing',
    rule: 'H8',
    edits: [
      {
        file: STORAGE,
        find: 'if (life === undefined) return durability.sync(closed);',
        replace: 'if (life === undefined) return done();',
      },
    ],
    fate: tests(RESTART_SCHEDULES, 'before they ever reached a controller'),
  },
  {
    name: 'failed-sync-counts-as-synced',
    rule: 'H8',
    edits: [
      {
        file: LOG,
        find: 'if (this.hasFailed || this.#unsyncedFiles > 0) return;',
        replace: 'if (this.#unsyncedFiles > 0) return;',
      },
    ],
    fate: tests(LOG_TESTS, 'does not call that one synced'),
  },
];

export const DIRECTORY_MUTANTS: readonly Mutant[] = [
  ...IDENTITIES,
  ...TAILS,
  ...SYNCS,
  ...VERSIONS,
  ...STOPS,
  ...SHORTAGES,
  {
    name: 'failed-sync-forgotten-by-a-write',
    rule: 'H8',
    edits: [
      {
        file: 'src/storage/log/log-health.ts',
        find: 'if (before?.isFinal) return;',
        replace: 'if (before?.isFinal && problem?.isFinal) return;',
      },
    ],
    fate: tests('test/storage/log/log-health.test.ts', 'stays final'),
  },
  {
    name: 'life-between-vouches-for-an-old-copy',
    rule: 'H8',
    edits: [
      {
        file: 'src/controller/registrations.ts',
        find: 'lives.includes(earlier.incarnation)',
        replace: '(lives.at(-1) ?? 0) >= earlier.incarnation',
      },
    ],
    fate: tests('test/simulation/schedules-maps.test.ts', 'nor by a life between'),
  },
  {
    name: 'only-the-last-life-counts',
    rule: 'H8',
    edits: [
      {
        file: 'src/controller/registrations.ts',
        find: 'lives.includes(earlier.incarnation)',
        replace: 'lives.at(-1) === earlier.incarnation',
      },
    ],
    fate: tests('test/simulation/schedules-maps.test.ts', 'resumes after '),
  },
  {
    name: 'a-directory-notes-the-lives-that-have-a-map',
    rule: 'H8',
    edits: [
      {
        file: 'src/storage/data-directory/identity-file.ts',
        find: 'const all = [...lives, incarnation];',
        replace: 'const all = named === undefined ? [...lives, incarnation] : [named];',
      },
    ],
    fate: tests('test/simulation/schedules-maps.test.ts', 'resumes after a life that ended'),
  },
  {
    name: 'an-old-copy-promises',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/decisions/recovered.ts',
        find: 'isSameStore && coversLife(promise, member.incarnation)',
        replace: 'isSameStore',
      },
    ],
    fate: tests('test/simulation/schedules-lost-hosts.test.ts', 'promises nothing for the lives'),
  },
  {
    name: 'a-later-life-forgets-those-before',
    rule: 'H8',
    edits: [
      { file: IDENTITY, find: '{ incarnation, lives: this.lives }', replace: '{ incarnation }' },
    ],
    fate: tests('test/storage/data-directory/identity-file.test.ts', 'all that were before it'),
  },
  {
    name: 'registered-again-without-the-life-between',
    rule: 'H8',
    edits: [
      {
        file: 'src/storage/registration.ts',
        find: '    this.#lives = this.#lives && livesOf({ lives: this.#lives, incarnation });\n',
        replace: '',
      },
    ],
    fate: tests('test/storage/registration.test.ts', 'registering again'),
  },
  {
    name: 'a-promise-ends-with-its-life',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/registrations.ts',
        find: 'if (resumes && earlier !== undefined) {',
        replace: "if (resumes && earlier !== undefined && node === '') {",
      },
    ],
    fate: tests('test/simulation/schedules-recovery.test.ts', 'has promised all the same'),
  },
];
