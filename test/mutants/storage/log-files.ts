// Mutants of what is read from a log again, and of its compaction.

import { type Mutant, SEEDS, tests } from '../mutant.ts';

const COMPACTION = 'src/storage/log/compaction.ts';
const LOG_BLOCK = 'src/storage/log/log-block.ts';
const LOG_FILES = 'src/storage/log/log-files.ts';
const LOG_READER = 'src/storage/log/log-reader.ts';
const LOG_REPLAY = 'src/storage/log/log-replay.ts';

const COMPACTION_TESTS = 'test/storage/log/compaction.test.ts';
const DATA_DIRECTORY_RECOVERY_TESTS = 'test/storage/data-directory/recovery.test.ts';
const LOG_FILES_TESTS = 'test/storage/log/log-files.test.ts';
const LOG_REPLAY_TESTS = 'test/storage/log/log-replay.test.ts';

export const STORAGE_LOG_FILES_MUTANTS: readonly Mutant[] = [
  {
    name: 'compacted-without-floors',
    rule: 'D7',
    edits: [
      {
        file: COMPACTION,
        find: 'if (version !== VERSION_ZERO) this',
        replace: 'if (!version) this',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'when it was down'),
  },
  {
    name: 'compaction-misses-the-last',
    rule: 'I14',
    edits: [
      {
        file: COMPACTION,
        find: 'walk.cursor = next ?? FIRST;',
        replace: 'walk.cursor = next ?? walk.cursor;',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'when it was down'),
  },
  {
    name: 'removed-while-needed',
    rule: 'I14',
    edits: [
      {
        file: COMPACTION,
        find: 'if (walk.next >= walk.partitions.length)',
        replace: 'if (walk.next > 0)',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'when it was down'),
  },
  {
    name: 'completeness-compacted-away',
    rule: 'D7',
    edits: [
      {
        file: COMPACTION,
        find: 'if (complete !== undefined) ',
        replace: 'if (complete !== undefined && version === undefined) ',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'is what was there when it was down'),
  },
  {
    name: 'compaction-passes-over-what-is-set-aside',
    rule: 'H15',
    edits: [
      {
        file: COMPACTION,
        find: 'this.#store.asides.listAll(partition, walk.cursor',
        replace: 'this.#store.list(partition, walk.cursor',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'what a joiner had'),
  },
  {
    name: 'floors-compacted-away',
    rule: 'D7',
    edits: [
      {
        file: COMPACTION,
        find: "      if (version !== VERSION_ZERO) this.#log.append({ kind: 'floor', partition, version });\n",
        replace:
          "      if (version === VERSION_ZERO) this.#log.append({ kind: 'floor', partition, version });\n",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'salt-of-no-store',
    rule: 'H8',
    edits: [
      {
        file: LOG_BLOCK,
        find: 'if (bytes.readUInt32BE(at + 16) !== offset) return undefined;',
        replace: '',
      },
      {
        file: LOG_READER,
        find: 'const place = { salt, offset: position + at, end: file.length };',
        replace: 'const place = { salt, offset: 0, end: file.length };',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'a value holds a piece'),
  },
  {
    name: 'log-ends-at-eight-digits',
    rule: 'H8',
    edits: [{ file: LOG_FILES, find: '|[1-9]\\d{8,}', replace: '' }],
    fate: tests(LOG_FILES_TESTS, 'every file that the log names'),
  },
  {
    name: 'log-files-by-their-text',
    rule: 'H8',
    edits: [{ file: LOG_FILES, find: '.sort((a, b) => a - b)', replace: '.sort()' }],
    fate: tests(LOG_FILES_TESTS, 'every file that the log names'),
  },
  {
    name: 'later-logs-are-read',
    rule: 'H8',
    edits: [{ file: LOG_BLOCK, find: ' || format > FORMAT', replace: '' }],
    fate: tests(LOG_REPLAY_TESTS, 'that is later is not used'),
  },
  {
    name: 'unknown-entries-are-passed-over',
    rule: 'H8',
    edits: [{ file: LOG_READER, find: 'if (wrong !== undefined) {', replace: 'if (false) {' }],
    fate: tests(LOG_REPLAY_TESTS, 'an entry that is not known'),
  },
  {
    name: 'hole-taken-for-a-tail',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: 'if (!isLast) throw damaged(bad);',
        replace: '',
      },
      {
        file: LOG_REPLAY,
        find: 'if (synced !== undefined && (!mayHaveHoles || isBefore(bad, synced))) throw damaged(bad);',
        replace: '',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'with a flipped bit'),
  },
  {
    name: 'synced-hole-taken-for-a-power-loss',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: '(!mayHaveHoles || isBefore(bad, synced))',
        replace: '!mayHaveHoles',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'with a flipped bit'),
  },
  {
    name: 'hole-stops-for-ever',
    rule: 'H8',
    edits: [
      { file: LOG_REPLAY, find: '(!mayHaveHoles || isBefore(bad, synced))', replace: 'true' },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'with a hole'),
  },
  {
    name: 'replayed-behind-a-hole',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: 'if (newest <= number) return done();',
        replace: 'if (newest >= number) return done();',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'with a hole'),
  },
  {
    name: 'any-file-is-followed',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: 'const isWhole = end === file.length && end === before;',
        replace: 'const isWhole = end === file.length;',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'whose files are of'),
  },
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
    fate: tests(LOG_REPLAY_TESTS, 'that was closed is not used'),
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
    fate: tests(LOG_REPLAY_TESTS, 'is no beginning of one'),
  },
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
    fate: tests(DATA_DIRECTORY_RECOVERY_TESTS, 'for what only memory has'),
  },
];
