// Mutants of the log of a storage node.

import { type Mutant, SEEDS, tests } from '../mutant.ts';

const ACKNOWLEDGEMENTS = 'src/storage/log/acknowledgements.ts';
const COMPACTION = 'src/storage/log/compaction.ts';
const LOG = 'src/storage/log/log.ts';
const LOG_CHOICE = 'src/storage/log/log-choice.ts';
const LOG_HEALTH = 'src/storage/log/log-health.ts';
const LOG_WATCH = 'src/storage/log/log-watch.ts';

const ACKNOWLEDGEMENTS_TESTS = 'test/storage/log/acknowledgements.test.ts';
const COMPACTION_TESTS = 'test/storage/log/compaction.test.ts';
const DISKS_SCHEDULES = 'test/simulation/schedules-disks.test.ts';
const FOREIGN_HANDS_TESTS = 'test/processes/foreign-hands.test.ts';
const LOG_HEALTH_TESTS = 'test/storage/log/log-health.test.ts';
const LOG_REPLAY_TESTS = 'test/storage/log/log-replay.test.ts';
const LOG_WATCH_TESTS = 'test/storage/log/log-watch.test.ts';
const LOG_TESTS = 'test/storage/log/log.test.ts';

export const STORAGE_LOG_MUTANTS: readonly Mutant[] = [
  {
    name: 'offered-again-waits-for-all',
    rule: 'R4',
    edits: [
      {
        file: ACKNOWLEDGEMENTS,
        find: 'if (same?.checksum !== recordChecksum(record))',
        replace: 'if (same?.checksum !== recordChecksum(record) || same.checksum >= 0)',
      },
    ],
    fate: tests(ACKNOWLEDGEMENTS_TESTS, 'is acknowledged with the first time'),
  },
  {
    name: 'an-earlier-write-acknowledges-the-later',
    rule: 'I14',
    edits: [
      {
        file: ACKNOWLEDGEMENTS,
        find: 'if (this.#goingDown.get(name) === goingDown) ',
        replace: '',
      },
    ],
    fate: tests(ACKNOWLEDGEMENTS_TESTS, 'applied anew'),
  },
  {
    name: 'one-of-a-version-acknowledges-the-other',
    rule: 'I14',
    edits: [
      {
        file: ACKNOWLEDGEMENTS,
        find: 'same?.checksum !== recordChecksum(record)',
        replace: 'same === undefined',
      },
    ],
    fate: tests(ACKNOWLEDGEMENTS_TESTS, 'of the same version'),
  },
  {
    name: 'superseded-waits-for-all',
    rule: 'H18',
    edits: [
      {
        file: ACKNOWLEDGEMENTS,
        find: 'if (newer === undefined)',
        replace: 'if (newer === undefined || newer.checksum >= 0)',
      },
    ],
    fate: tests(ACKNOWLEDGEMENTS_TESTS, 'that is older is told so'),
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
    fate: tests(LOG_REPLAY_TESTS, 'that was closed is not used'),
  },
  {
    name: 'failed-sync-forgotten-by-a-write',
    rule: 'H8',
    edits: [
      {
        file: LOG_HEALTH,
        find: 'if (before?.isFinal) return;',
        replace: 'if (before?.isFinal && problem?.isFinal) return;',
      },
    ],
    fate: tests(LOG_HEALTH_TESTS, 'stays final'),
  },
  {
    name: 'log-of-others-hands',
    rule: 'H8',
    edits: [{ file: LOG_WATCH, find: '      return this.#lost();\n', replace: '' }],
    fate: tests(FOREIGN_HANDS_TESTS, 'is not believed'),
  },
  {
    name: 'log-files-by-name',
    rule: 'H8',
    edits: [{ file: LOG_WATCH, find: "if (sight.id !== known) return 'replaced';", replace: '' }],
    fate: tests(DISKS_SCHEDULES, 'somebody replaces'),
  },
  {
    name: 'log-files-of-before-by-name',
    rule: 'H8',
    edits: [
      {
        file: LOG_WATCH,
        find: 'if (id === undefined) this.#ids.set(number, known);',
        replace: '',
      },
    ],
    fate: tests(LOG_WATCH_TESTS, 'of an earlier incarnation'),
  },
  {
    name: 'log-files-of-any-length',
    rule: 'H8',
    edits: [{ file: LOG_WATCH, find: 'sight.bytes < bytes', replace: 'sight.bytes < 0' }],
    fate: tests(DISKS_SCHEDULES, 'somebody truncates'),
  },
  {
    name: 'log-keeps-a-view',
    rule: 'I14',
    edits: [
      {
        file: LOG,
        find: '    block.add(entry);',
        replace:
          '    const late = block;\n    this.#runtime.timers.after(0, () => late.add(entry));',
      },
    ],
    fate: tests(LOG_TESTS, 'writes what was appended'),
  },
  {
    name: 'files-dropped-before-the-copy-is-synced',
    rule: 'I14',
    edits: [
      {
        file: LOG,
        find: 'this.beginFile(() => this.sync((failure) => this.#removeDropped(failure, done)));',
        replace: 'this.beginFile(() => this.#removeDropped(undefined, done));',
      },
      {
        file: COMPACTION,
        find: 'this.#log.sync((failure) => {',
        replace: '((heard: (failure?: string) => void) => heard())((failure) => {',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'loss of power'),
  },
  {
    name: 'files-dropped-without-a-header',
    rule: 'I14',
    edits: [
      {
        file: LOG,
        find: 'this.beginFile(() => this.sync((failure) => this.#removeDropped(failure, done)));',
        replace: 'this.sync((failure) => this.#removeDropped(failure, done));',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'when it was down'),
  },
  {
    name: 'queue-without-end',
    rule: 'H35',
    edits: [
      {
        file: LOG,
        find: ' || this.#queuedBytes >= QUEUED_BYTES_MAX',
        replace: '',
      },
    ],
    fate: tests(LOG_TESTS, 'takes no sets'),
  },
  {
    name: 'shortage-ends-the-log',
    rule: 'H35',
    edits: [
      { file: LOG, find: "done === 'synced' || !isShortage(detail)", replace: 'detail.length > 0' },
    ],
    fate: tests(DISKS_SCHEDULES, 'goes on by itself'),
  },
  {
    name: 'shortage-drops-what-waits',
    rule: 'H35',
    edits: [{ file: LOG, find: '        this.#queue.unshift(block);\n', replace: '' }],
    fate: tests(LOG_TESTS, 'what was appended is written when that is over'),
  },
  {
    name: 'file-begun-behind-a-torn-one',
    rule: 'H35',
    edits: [{ file: LOG, find: 'if (!this.#isTorn && (isDue', replace: 'if ((isDue' }],
    fate: tests(LOG_TESTS, 'no file is begun behind'),
  },
  {
    name: 'full-disk-takes-sets',
    rule: 'H35',
    edits: [{ file: LOG, find: 'this.problem !== undefined || this.#q', replace: 'this.#q' }],
    fate: tests(LOG_TESTS, 'what was appended is written when that is over'),
  },
  {
    name: 'sync-on-a-full-disk-is-a-shortage',
    rule: 'H8',
    edits: [{ file: LOG, find: "done === 'synced' || !isShortage", replace: '!isShortage' }],
    fate: tests(LOG_TESTS, 'a sync is trusted no more'),
  },
  {
    name: 'half-a-header-stays',
    rule: 'H35',
    edits: [{ file: LOG, find: 'if (file.length === 0) return use', replace: 'return use' }],
    fate: tests(LOG_TESTS, 'the next file that cannot be opened'),
  },
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
    fate: tests(LOG_REPLAY_TESTS, 'that is earlier is read'),
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
  {
    name: 'tail-waits-for-the-next-write',
    rule: 'D11',
    edits: [
      {
        file: LOG,
        find: 'if (syncedBytes < bytes && !this.hasFailed) this.#syncLater();',
        replace: '',
      },
    ],
    fate: tests(LOG_TESTS, 'what is written during a sync'),
  },
  {
    name: 'hung-sync-goes-unnoticed',
    rule: 'H35',
    edits: [
      {
        file: LOG,
        find: 'const endWatch = this.#health.watch(SYNC_STALLED_MS);',
        replace: 'const endWatch = () => undefined;',
      },
    ],
    fate: tests(LOG_TESTS, 'while the sync of each second'),
  },
  {
    name: 'write-excuses-a-hung-sync',
    rule: 'H35',
    edits: [
      { file: LOG_HEALTH, find: 'if (isStalled) this.#stalled--', replace: 'this.#stalled = 0' },
    ],
    fate: tests(LOG_HEALTH_TESTS, 'while a sync hangs'),
  },
  {
    name: 'always-is-not-synced',
    rule: 'D11',
    edits: [
      {
        file: LOG,
        find: "if (this.#options.fsync !== 'always') return this.#finish(block);",
        replace: "if (this.#options.fsync !== 'interval') return this.#finish(block);",
      },
    ],
    fate: SEEDS,
  },
];
