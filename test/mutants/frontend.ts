// Mutants of what a frontend answers its clients.

import { type Mutant, tests } from './mutant.ts';

const IMPORT = 'src/frontend/gateways/v1/transfer/import.ts';
const KV = 'src/frontend/gateways/kv/kv.ts';
const PREFIX_DELETE = 'src/frontend/gateways/v1/prefix-delete.ts';
const RECORD_LINE = 'src/frontend/gateways/v1/transfer/record-line.ts';
const SCAN_STREAM = 'src/frontend/gateways/v1/scan-stream.ts';
const SCAN_USAGE = 'src/frontend/gateways/v1/scan-usage.ts';

const CLOCKS_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const EXPIRY_SCHEDULES = 'test/simulation/schedules-expiry.test.ts';
const RECORD_LINE_TESTS = 'test/frontend/gateways/v1/transfer/record-line.test.ts';
const SCAN_TESTS = 'test/frontend/gateways/v1/scan.test.ts';
const SCAN_USAGE_TESTS = 'test/frontend/gateways/v1/scan-usage.test.ts';
const TRANSFER_TESTS = 'test/frontend/gateways/v1/transfer/transfer.test.ts';

export const FRONTEND_MUTANTS: readonly Mutant[] = [
  {
    name: 'everything-is-deleted-by-a-slip',
    rule: 'R4',
    edits: [
      {
        file: SCAN_USAGE,
        find: 'prefix.length === 0 && all !== true',
        replace: 'all === undefined',
      },
    ],
    fate: tests(SCAN_USAGE_TESTS, 'is refused'),
  },
  {
    name: 'a-delete-by-prefix-counts-what-failed',
    rule: 'D9',
    edits: [
      {
        file: PREFIX_DELETE,
        find: 'this.#failed++;',
        replace: 'this.#deleted++;',
      },
    ],
    fate: tests(SCAN_TESTS, 'counts what it deleted'),
  },
  {
    name: 'a-scan-that-fails-looks-whole',
    rule: 'G4',
    edits: [
      {
        file: SCAN_STREAM,
        find: "if (step.kind === 'failed') {",
        replace: "if (step.kind === 'failed') {\n      if (this.#isOver) return '';",
      },
    ],
    fate: tests(SCAN_TESTS, 'says where to go on'),
  },
  {
    name: 'an-export-forgets-attributes',
    rule: 'D16',
    edits: [
      {
        file: RECORD_LINE,
        find: "else others[type] = Buffer.from(bytes).toString('base64');",
        replace: '',
      },
    ],
    fate: tests(RECORD_LINE_TESTS, 'that nobody knows'),
  },
  {
    name: 'an-import-wins-over-what-is-newer',
    rule: 'D16',
    edits: [
      {
        file: IMPORT,
        find: 'version === undefined || this.#asNew) this',
        replace: 'version === undefined || this.#records > 0) this',
      },
    ],
    fate: tests(TRANSFER_TESTS, 'keeps what is newer'),
  },
  {
    name: 'ttl-by-own-clock',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'clock.wallMs() + ttlSeconds',
        replace: 'clock.forVersions.wallMs() + ttlSeconds',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'a ttl is as long as it was said'),
  },
  {
    name: 'stamped-with-the-time-of-before-the-sleep',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = clock.isKnown;',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'that has just slept'),
  },
  {
    name: 'stamped-before-anybody-told-the-time',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = !clock.isInDoubt();',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'has only just been started'),
  },
  {
    name: 'waits-for-the-time-without-end',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'timers.after(lastRoundMs(times), () => {',
        replace: 'timers.after(1000 * lastRoundMs(times), () => {',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'nobody tells the time'),
  },
];
