// Mutants of many gets in one message.

import { type Mutant, tests } from '../mutant.ts';

const MANY = 'src/coordinator/operations/get/many.ts';
const REPLICA = 'src/storage/replication/replica.ts';
const RECORD_ANSWERS = 'src/storage/replication/record-answers.ts';
const BATCH_RUN = 'src/frontend/gateways/v1/batch-run.ts';
const BATCH_OPERATIONS = 'src/frontend/gateways/v1/batch-operations.ts';
const MANY_PARTS = 'src/cluster/wire/many-parts.ts';

const MANY_TESTS = 'test/coordinator/operations/get/many.test.ts';
const REPLICA_TESTS = 'test/storage/replication/replica.test.ts';
const BATCH_RUN_TESTS = 'test/frontend/gateways/v1/batch-run.test.ts';
const BATCH_OPERATIONS_TESTS = 'test/frontend/gateways/v1/batch-operations.test.ts';
const MANY_PARTS_TESTS = 'test/cluster/wire/many-parts.test.ts';

export const COORDINATOR_MANY_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-slow-member-holds-up-many-gets',
    rule: 'R3',
    edits: [{ file: MANY, find: '      eachAlone,\n', replace: '' }],
    fate: tests(MANY_TESTS, 'a slow member'),
  },
  {
    name: 'many-gets-are-told-twice',
    rule: 'R3',
    edits: [
      {
        file: MANY,
        find: '        if (isOver) return;\n        if (answer',
        replace: '        if (answer',
      },
    ],
    fate: tests(MANY_TESTS, 'a slow member'),
  },
  {
    name: 'what-was-left-out-is-never-answered',
    rule: 'R3',
    edits: [
      {
        file: MANY,
        find: '        case undefined:\n          this.#alone(get);\n',
        replace: '        case undefined:\n',
      },
    ],
    fate: tests(MANY_TESTS, 'had no room for'),
  },
  {
    name: 'an-answer-of-fewer-keys-is-taken-for-all',
    rule: 'R3',
    edits: [
      {
        file: MANY,
        find: "answer.kind === 'many' && answer.each.length === gets.length",
        replace: "answer.kind === 'many' && answer.each.length > 0",
      },
    ],
    fate: tests(MANY_TESTS, 'where nobody answers them'),
  },
  {
    name: 'earlier-software-is-asked-for-many-again',
    rule: 'D18',
    edits: [
      {
        file: MANY,
        find: '.#without.has(reach.channel)',
        replace: '.#without.has(reach.channel) && false',
      },
    ],
    fate: tests(MANY_TESTS, 'earlier software'),
  },
  {
    name: 'many-gets-are-answered-without-a-lease',
    rule: 'R1',
    edits: [
      {
        file: REPLICA,
        find: '(each) => isGranted && this.#servesByMap(each)',
        replace: '(each) => this.#servesByMap(each)',
      },
    ],
    fate: tests(REPLICA_TESTS, 'without a lease'),
  },
  {
    name: 'many-gets-are-answered-by-joiners',
    rule: 'R1',
    edits: [
      {
        file: REPLICA,
        find: '(each) => isGranted && this.#servesByMap(each)',
        replace: '() => isGranted',
      },
    ],
    fate: tests(REPLICA_TESTS, 'a joining member answers'),
  },
  {
    name: 'a-long-record-is-copied-for-its-answer',
    rule: 'D13',
    edits: [
      {
        file: RECORD_ANSWERS,
        find: 'if (bytes + answer.record.length > MANY_BYTES) return LEFT_OUT;',
        replace: '',
      },
    ],
    fate: tests(REPLICA_TESTS, 'long records are left'),
  },
  {
    name: 'items-that-go-together-are-never-sent',
    rule: 'api.md',
    edits: [
      { file: BATCH_RUN, find: 'waiting >= this.#underWay', replace: 'waiting > this.#underWay' },
    ],
    fate: tests(BATCH_RUN_TESTS, 'go together'),
  },
  {
    name: 'gets-of-a-batch-wait-for-slow-ones',
    rule: 'R3',
    edits: [
      {
        file: BATCH_OPERATIONS,
        find: 'this.#context.timers.after(0, () => this.flush());',
        replace: '',
      },
    ],
    fate: tests(BATCH_OPERATIONS_TESTS, 'whatever else is under way'),
  },
  {
    name: 'an-absence-in-many-loses-its-version',
    rule: 'D18',
    edits: [
      {
        file: MANY_PARTS,
        find: 'bytes.writeBigUInt64BE(one.version, at + 1);',
        replace: 'bytes.fill(0, at + 1, at + 9);',
      },
    ],
    fate: tests(MANY_PARTS_TESTS, 'come back as they were'),
  },
];
