// Mutants of backups and restores.

import { type Mutant, tests } from './mutant.ts';

const PARTITION_COPY = 'src/backup/partition-copy.ts';
const RECORD_FILE = 'src/backup/record-file.ts';
const RESTORE = 'src/backup/restore.ts';

const PARTITION_COPY_TESTS = 'test/backup/partition-copy.test.ts';
const RECORD_FILE_TESTS = 'test/backup/record-file.test.ts';
const RESTORE_TESTS = 'test/backup/restore.test.ts';

export const BACKUP_MUTANTS: readonly Mutant[] = [
  {
    name: 'backup-at-any-epoch',
    rule: 'H14',
    edits: [
      {
        file: PARTITION_COPY,
        find: 'epoch: entry.epoch, from }',
        replace: 'epoch: 1 as typeof entry.epoch, from }',
      },
    ],
    fate: tests(PARTITION_COPY_TESTS, 'another member'),
  },
  {
    name: 'backup-trusts-a-torn-file',
    rule: 'D16',
    edits: [
      {
        file: PARTITION_COPY,
        find: "if (records.state.kind === 'damaged') this.#content = EMPTY;",
        replace: '',
      },
    ],
    fate: tests(PARTITION_COPY_TESTS, 'begins anew'),
  },
  {
    name: 'restore-without-a-checksum',
    rule: 'D16',
    edits: [
      {
        file: RECORD_FILE,
        find: 'if (this.#crc === crc)',
        replace: 'if (crc >= 0)',
      },
    ],
    fate: tests(RECORD_FILE_TESTS, 'not those of the manifest'),
  },
  {
    name: 'restore-deletes-first',
    rule: 'H24',
    edits: [
      {
        file: RESTORE,
        find: "['lasting', 'expiring', 'delete'] as const",
        replace: "['delete', 'expiring', 'lasting'] as const",
      },
    ],
    fate: tests(RESTORE_TESTS, 'deletes come last'),
  },
  {
    name: 'restore-passes-overlap',
    rule: 'H24',
    edits: [
      {
        file: RESTORE,
        find: 'this.#openFiles.size + this.#opening + this.#inFlight === 0',
        replace: 'this.#openFiles.size + this.#opening === 0',
      },
    ],
    fate: tests(RESTORE_TESTS, 'deletes come last'),
  },
  {
    name: 'restore-re-versions-what-is-below-the-floor',
    rule: 'D16',
    edits: [
      {
        file: RESTORE,
        find: 'else this.#versionedWriter.write(record, done);',
        replace: 'else this.#set(record, TRIES_AS_NEW, done);',
      },
    ],
    fate: tests(RESTORE_TESTS, 'deletes come last'),
  },
  {
    name: 'restore-as-new-counts-no-failure',
    rule: 'D16',
    edits: [
      {
        file: RESTORE,
        find: '        this.#figures.failed++;\n        this.#problem ??=',
        replace: '        if (this.#asNew) break;\n        this.#problem ??=',
      },
    ],
    fate: tests(RESTORE_TESTS, 'without room ends it'),
  },
];
