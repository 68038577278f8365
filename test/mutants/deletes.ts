// Mutants of deletes in a store whose memory is full.

import { type Mutant, tests } from './mutant.ts';

const MEMORY = 'src/storage/memory.ts';
const SEGMENTS = 'src/storage/segments.ts';
const FULL_DELETES = 'test/storage/full-deletes.test.ts';

export const DELETE_MUTANTS: readonly Mutant[] = [
  {
    name: 'deletes-need-room',
    rule: 'R10',
    edits: [
      {
        file: MEMORY,
        find: 'if (isTombstone(record)) return this.#deleteInPlace',
        replace: 'if (isTombstone(record) && this.#evicted < 0) return this.#deleteInPlace',
      },
    ],
    fate: tests(FULL_DELETES, 'takes every delete'),
  },
  {
    name: 'rest-of-what-was-deleted-is-walked-into',
    rule: 'R10',
    edits: [{ file: SEGMENTS, find: '    fillWithNothing(bytes, rest, end);\n', replace: '' }],
    fate: tests(FULL_DELETES, 'takes every delete'),
  },
  {
    name: 'rest-of-what-was-deleted-stays-in-use',
    rule: 'R10',
    edits: [{ file: SEGMENTS, find: '    segment.used -= end - rest;\n', replace: '' }],
    fate: tests(FULL_DELETES, 'takes every delete'),
  },
];
