// Mutants of how the members of a partition become alike.

import { type Edit, type Mutant, SEEDS, tests } from '../mutant.ts';

const ANTI_ENTROPY = 'src/storage/replication/anti-entropy.ts';
const LOGGED_STORE = 'src/storage/logged-store.ts';
const REPLICA = 'src/storage/replication/replica.ts';

const ANTI_ENTROPY_TESTS = 'test/storage/replication/anti-entropy.test.ts';
const DELETES_SCHEDULES = 'test/simulation/schedules-deletes.test.ts';
const FAR_AHEAD_SCHEDULES = 'test/simulation/schedules-far-ahead.test.ts';
const MEMORY_SCHEDULES = 'test/simulation/schedules-memory.test.ts';

const PULL_FROM_JOINER: Edit = {
  file: REPLICA,
  find: "case 'pull':\n        if (!serves) return NOT_SERVING;",
  replace: "case 'pull':\n        if (member.role === 'leaving') return NOT_SERVING;",
};

export const STORAGE_ANTI_ENTROPY_MUTANTS: readonly Mutant[] = [
  {
    name: 'expired-and-forgotten-comes-back',
    rule: 'R10',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'return isTombstone(record) || isDue(record, wallMs, this.#highestFloor, this.#graces);',
        replace: 'return isTombstone(record) || wallMs < 0;',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'is not taken back below the floor'),
  },
  {
    name: 'expired-stays-away-above-the-floor',
    rule: 'R10',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'if (recordVersion(record) > this.#floor) return false;',
        replace: '',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'is taken above the floor'),
  },
  {
    name: 'no-floor',
    rule: 'H24',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'this.#store.raiseFloor(partition, floor);',
        replace: 'if (records.length === 0) this.#store.raiseFloor(partition, floor);',
      },
      { file: LOGGED_STORE, find: 'this.raiseFloor(partition, version);', replace: '' },
    ],
    fate: SEEDS,
  },
  {
    name: 'gc-during-join',
    rule: 'H26',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: "if (member.role !== 'serving') return endAt(member.role);",
        replace: "if (member.role !== 'serving') return done(true);",
      },
    ],
    fate: tests(DELETES_SCHEDULES, 'H26: while'),
  },
  {
    name: 'gc-without-ae',
    rule: 'H28',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'if (member === undefined) return this.#forget(round, done);',
        replace:
          'if (left === others) this.#forget(round, () => undefined);\n      if (member === undefined) return done();',
      },
    ],
    fate: tests(DELETES_SCHEDULES, 'H28: before'),
  },
  {
    name: 'ae-from-joiner',
    rule: 'H28',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: "if (member.role !== 'serving') return endAt(member.role);",
        replace: "if (member.role === 'leaving') return done(false);",
      },
      PULL_FROM_JOINER,
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'which is not asked either'),
  },
  {
    name: 'ae-no-floor-guard',
    rule: 'H28',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'this.isSameEpoch() && this.#store.reader.floor(this.partition) === this.#floor',
        replace: 'this.isSameEpoch()',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'not for another floor'),
  },
  {
    name: 'ae-any-epoch',
    rule: 'H28',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'return epoch === this.epoch && this.#replica',
        replace: 'return epoch !== undefined && this.#replica',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'another epoch'),
  },
  {
    name: 'pull-in-a-cache',
    rule: 'D15',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: "return this.#store.reader.whenFull === 'refuse';",
        replace: 'return this.#store.reader.whenFull !== undefined;',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'nobody is asked'),
  },
  {
    name: 'far-expiry-moves-the-floor',
    rule: 'H31',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: '  if (isFarAhead && aboveFloorMs > VERSION_OBSERVED_AHEAD_MS_MAX) return false;\n',
        replace: '',
      },
    ],
    fate: tests(FAR_AHEAD_SCHEDULES, 'what expires takes no floor along'),
  },
  {
    name: 'a-floor-that-is-ahead-keeps-deletes',
    rule: 'R10',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'isFarAhead && aboveFloorMs > VERSION_OBSERVED_AHEAD_MS_MAX',
        replace: 'isFarAhead',
      },
    ],
    fate: tests(MEMORY_SCHEDULES, 'R10, H31: '),
  },
  {
    name: 'only-the-own-floor-is-looked-at',
    rule: 'R10',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'if (answer.floor > heard) this.#floors.set(partition, answer.floor);',
        replace: 'if (answer.floor > heard) this.#floors.set(partition, heard);',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'a delete that is a day ahead'),
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
    name: 'living-records-forgotten',
    rule: 'H30',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'wallMs > expiresAtMs + graces.expiryMs',
        replace: 'wallMs + graces.expiryMs > expiresAtMs',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'expired-records-forgotten-at-once',
    rule: 'D15',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'wallMs > expiresAtMs + graces.expiryMs',
        replace: 'wallMs > expiresAtMs',
      },
    ],
    fate: SEEDS,
  },
];
