// Mutants of deletes in a store whose memory is full.

import { type Mutant, tests } from './mutant.ts';

const MEMORY = 'src/storage/memory/segment-store.ts';
const SEGMENTS = 'src/storage/memory/segments.ts';
const ANTI_ENTROPY = 'src/storage/replication/anti-entropy.ts';
const RETENTION = 'src/storage/replication/retention.ts';
const WRITE_HANDLER = 'src/coordinator/operations/set/round.ts';
const ANTI_ENTROPY_TESTS = 'test/storage/replication/anti-entropy.test.ts';
const WRITE_HANDLER_TESTS = 'test/coordinator/operations/set/round.test.ts';
const MEMORY_SCHEDULES = 'test/simulation/schedules-memory.test.ts';
const FULL_MEMORY = 'test/storage/memory/full-memory.test.ts';

export const DELETE_MUTANTS: readonly Mutant[] = [
  {
    name: 'deletes-need-room',
    rule: 'R10',
    edits: [
      {
        file: MEMORY,
        find: 'if (from !== undefined && fitsInPlace) {',
        replace: 'if (from !== undefined && fitsInPlace && this.#evicted < 0) {',
      },
    ],
    fate: tests(FULL_MEMORY, 'takes every delete'),
  },
  {
    name: 'only-deletes-take-a-place',
    rule: 'R10',
    edits: [
      {
        file: MEMORY,
        find: 'if (from !== undefined && fitsInPlace) {',
        replace: 'if (from !== undefined && fitsInPlace && record.length < replacedBytes) {',
      },
    ],
    fate: tests(FULL_MEMORY, 'takes every value'),
  },
  {
    name: 'a-replay-takes-memory-before-a-place',
    rule: 'D7',
    edits: [{ file: MEMORY, find: 'mayRaise && !fitsInPlace', replace: 'mayRaise' }],
    fate: tests('test/storage/memory/full-restart.test.ts', 'never much'),
  },
  {
    name: 'rest-of-what-was-deleted-is-walked-into',
    rule: 'R10',
    edits: [{ file: SEGMENTS, find: '    fillWithNothing(bytes, rest, end);\n', replace: '' }],
    fate: tests(FULL_MEMORY, 'takes every delete'),
  },
  {
    name: 'rest-of-what-was-deleted-stays-in-use',
    rule: 'R10',
    edits: [{ file: SEGMENTS, find: '    segment.used -= end - rest;\n', replace: '' }],
    fate: tests(FULL_MEMORY, 'takes every delete'),
  },
  {
    name: 'deletes-kept-however-short-memory-is',
    rule: 'R10',
    edits: [
      {
        file: RETENTION,
        find: 'this.isUrgent || this.#store.memory().isFull ? this.#short',
        replace: 'this.isUrgent && this.#store.memory().limit < 0 ? this.#short',
      },
    ],
    fate: tests(MEMORY_SCHEDULES, 'R10: '),
  },
  {
    name: 'deletes-forgotten-at-once',
    rule: 'H31',
    edits: [
      {
        file: RETENTION,
        find: 'Math.min(tombstoneGraceMs, times.tombstoneGraceShortMs)',
        replace: '-2 * times.tombstoneGraceShortMs',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'of a moment ago'),
  },
  {
    name: 'memory-short-and-nobody-asked',
    rule: 'H28',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: "return this.#store.reader.whenFull === 'refuse';",
        replace: "return this.#store.reader.whenFull === 'refuse' && !this.#retention.isUrgent;",
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'of a moment ago'),
  },
  {
    name: 'refused-again-and-put-off-again',
    rule: 'R10',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'if (isUrgent) return;',
        replace: '',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'does not put it off'),
  },
  {
    name: 'refusal-tells-nobody',
    rule: 'R10',
    edits: [{ file: MEMORY, find: '    this.refused();\n', replace: '' }],
    fate: tests(FULL_MEMORY, 'takes every delete'),
  },
  {
    name: 'delete-waits-for-no-room',
    rule: 'R10',
    edits: [
      {
        file: WRITE_HANDLER,
        find: "decision.reason === 'no-memory' && this.set.request.tombstone",
        replace: "decision.reason === 'malformed' && this.set.request.tombstone",
      },
    ],
    fate: tests(WRITE_HANDLER_TESTS, 'R10: '),
  },
  {
    name: 'short-memory-keeps-no-grace-at-all',
    rule: 'R10',
    edits: [
      {
        file: RETENTION,
        find: 'Math.min(tombstoneGraceMs, times.tombstoneGraceShortMs)',
        replace: 'Math.min(tombstoneGraceMs, 0)',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'of a moment ago'),
  },
  {
    name: 'large-value-overwritten-while-it-is-sent',
    rule: 'R10',
    edits: [
      {
        file: SEGMENTS,
        find: '      this.#large[number] = copyOf(record);\n',
        replace:
          '      const old = this.#largeAt(number);\n      old.set(record);\n      this.#large[number] = old.subarray(0, record.length) as StoredRecord;\n',
      },
    ],
    fate: tests('test/storage/memory/segments.test.ts', 'who still sends a large value'),
  },
];
