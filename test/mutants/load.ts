// Mutants of `velour load`.

import { type Mutant, tests } from './mutant.ts';

const LANE = 'src/load/load-connection.ts';
const LOAD_OPERATIONS = 'src/load/operations.ts';
const RECORDS = 'src/load/records.ts';
const RUN = 'src/load/run.ts';
const VERIFICATION = 'src/load/verification.ts';

const LOAD_TESTS = 'test/load/load.test.ts';
const POST_RUN = 'src/load/post-run.ts';
const POST_RUN_TESTS = 'test/load/post-run.test.ts';
const RECORDS_TESTS = 'test/load/records.test.ts';
const RUN_TESTS = 'test/load/run.test.ts';

export const LOAD_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-refused-file-counts-as-stored',
    rule: 'FILES.md, 4',
    edits: [{ file: POST_RUN, find: 'status === CREATED', replace: 'status > 0' }],
    fate: tests(POST_RUN_TESTS, 'is counted by its status'),
  },
  {
    name: 'posts-go-on-where-nobody-is',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: POST_RUN,
        find: '|| this.#unanswered >= UNANSWERED_MAX',
        replace: '',
      },
    ],
    fate: tests(POST_RUN_TESTS, 'where nobody is'),
  },
  {
    name: 'load-reconnects-in-haste',
    rule: 'errors',
    edits: [
      {
        file: LANE,
        find: ': Math.min(REST_MS_MAX, Math.max(REST_MS_FIRST, 2 * this.#restMs));',
        replace: ': 1;',
      },
    ],
    fate: tests(RUN_TESTS, 'is asked now and then'),
  },
  {
    name: 'load-floor-of-the-answer',
    rule: 'verification',
    edits: [
      {
        file: LOAD_OPERATIONS,
        find: 'this.#verify(outcome, { key, floor, connection })',
        replace: 'this.#verify(outcome, { key, floor: records.acknowledged(record), connection })',
      },
    ],
    fate: tests(LOAD_TESTS, 'gets are slow'),
  },
  {
    name: 'load-late-acknowledgement-lowers',
    rule: 'verification',
    edits: [
      {
        file: RECORDS,
        find: 'if (version > this.acknowledged(record)) this',
        replace: 'this',
      },
    ],
    fate: tests(RECORDS_TESTS, 'the highest counts'),
  },
  {
    name: 'load-coordinated-omission',
    rule: 'latency',
    edits: [
      {
        file: RUN,
        find: 'this.recorder.record(kind, ending, { intendedMs, sentMs, endedMs: clock.monotonicMs() });',
        replace:
          'this.recorder.record(kind, ending, { intendedMs: sentMs, sentMs, endedMs: clock.monotonicMs() });',
      },
    ],
    fate: tests(RUN_TESTS, 'a stall of a second'),
  },
  {
    name: 'load-unsent-disappear',
    rule: 'latency',
    edits: [
      {
        file: RUN,
        find: 'this.recorder.record(kind, ending, { intendedMs, sentMs: nowMs, endedMs: nowMs });',
        replace: '',
      },
    ],
    fate: tests(RUN_TESTS, 'none disappears'),
  },
  {
    name: 'load-times-out-unread-answers',
    rule: 'errors',
    edits: [
      {
        file: RUN,
        find: 'connection.expire(this.#lastSweepMs - timeoutMs)',
        replace: 'connection.expire(this.#ports.clock.monotonicMs() - timeoutMs)',
      },
    ],
    fate: tests(RUN_TESTS, 'got no time to read it'),
  },
  {
    name: 'load-stale-passes',
    rule: 'verification',
    edits: [
      {
        file: VERIFICATION,
        find: "return version < floor ? 'stale' : undefined;",
        replace: 'return undefined;',
      },
    ],
    fate: tests(LOAD_TESTS, 'a value older than the acknowledged one is stale'),
  },
  {
    name: 'load-bytes-pass',
    rule: 'verification',
    edits: [
      {
        file: VERIFICATION,
        find: "if (!isValueOf(key, answer.body)) return 'corrupt';",
        replace: '',
      },
    ],
    fate: tests(LOAD_TESTS, 'value is corrupt'),
  },
];
