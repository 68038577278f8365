// Mutants of what a storage node believes of its data directory.

import { type Mutant, tests } from './mutant.ts';

const IDENTITY_FILE = 'src/storage/identity-file.ts';
const LOG = 'src/storage/log.ts';
const LOG_BLOCK = 'src/storage/log-block.ts';
const LOG_READER = 'src/storage/log-reader.ts';

const IDENTITY_TESTS = 'test/storage/identity-file.test.ts';
const REPLAY_TESTS = 'test/storage/log-replay.test.ts';

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

export const DIRECTORY_MUTANTS: readonly Mutant[] = [...IDENTITIES, ...VERSIONS];
