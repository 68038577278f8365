// Mutants of what a storage node believes of its data directory.

import { type Mutant, tests } from './mutant.ts';

const IDENTITY_FILE = 'src/storage/identity-file.ts';

const IDENTITY_TESTS = 'test/storage/identity-file.test.ts';

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

export const DIRECTORY_MUTANTS: readonly Mutant[] = [...IDENTITIES];
