// Mutants of the client over HTTP, and of the core of the direct one.

import { type Mutant, tests } from './mutant.ts';

const FRONTENDS = 'src/client/frontends.ts';
const HTTP_ANSWERS = 'src/client/http-answers.ts';
const HTTP_CALL = 'src/client/http-call.ts';
const DIRECT_CORE = 'src/coordinator/direct-core.ts';
const LIFETIME = 'src/coordinator/lifetime.ts';
const HTTP_SCAN = 'src/client/http-scan.ts';
const SCANS = 'src/client/scans.ts';
const WATCHES = 'src/client/watches.ts';

const SCAN_TESTS = 'test/client/http-scan.test.ts';
const CALL_TESTS = 'test/client/http-call.test.ts';
const DIRECT_SCHEDULES = 'test/simulation/schedules-direct-client.test.ts';

export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-write-is-sent-twice',
    rule: 'docs/client.md',
    edits: [
      { file: HTTP_CALL, find: "(outcome.kind === 'broken' && this.#isSent)", replace: 'false' },
    ],
    fate: tests(CALL_TESTS, 'is never sent twice'),
  },
  {
    name: 'an-answer-that-found-no-room-is-repeated',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_CALL,
        find: "return !(this.#call.answersValue && codeOf(answer) === 'overloaded');",
        replace: 'return codeOf(answer) !== undefined;',
      },
    ],
    fate: tests(CALL_TESTS, 'is not repeated after'),
  },
  {
    name: 'a-write-to-one-that-hangs',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_CALL,
        find: 'if (frontend.isWell) return this.#send(frontend);',
        replace: 'if (!frontend.isAvoided) return this.#send(frontend);',
      },
    ],
    fate: tests(CALL_TESTS, 'does not answer a probe'),
  },
  {
    name: 'a-wait-leaves-its-watch',
    rule: 'docs/client.md',
    edits: [{ file: WATCHES, find: 'await events.return?.();', replace: '' }],
    fate: tests('test/client/watches.test.ts', 'ends its watch'),
  },
  {
    name: 'any-node-is-a-frontend',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_CALL,
        find: 'return isAnswer(answer) && !isElsewhere(answer);',
        replace: 'return isAnswer(answer);',
      },
    ],
    fate: tests(CALL_TESTS, 'behind a node that is no frontend'),
  },
  {
    name: 'anything-is-a-frontend',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_ANSWERS,
        find: 'return answer.header(VERSION_HEADER) !== undefined || codeOf(answer) !== undefined;',
        replace: 'return answer.status > 0;',
      },
    ],
    fate: tests(CALL_TESTS, 'is no absence'),
  },
  {
    name: 'a-scan-does-not-go-on',
    rule: 'docs/client.md',
    edits: [{ file: HTTP_SCAN, find: 'this.#cursor = cursor;', replace: '' }],
    fate: tests(SCAN_TESTS, 'go on at the cursor'),
  },
  {
    name: 'a-page-of-any-length',
    rule: 'docs/client.md',
    edits: [{ file: HTTP_SCAN, find: '= 1024 * 1024;', replace: '= 1_000_000_000;' }],
    fate: tests(SCAN_TESTS, 'are bounded in keys and bytes'),
  },
  {
    name: 'a-page-that-failed-is-the-last',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_SCAN,
        find: 'isLast: !hasEnding ||',
        replace: 'isLast: !hasEnding || last.error !== undefined ||',
      },
    ],
    fate: tests(SCAN_TESTS, 'gives what it has'),
  },
  {
    name: 'a-scan-asks-before-its-page-is-taken',
    rule: 'docs/client.md',
    edits: [
      {
        file: SCANS,
        find: 'const { entries, isLast } = await pages.next();',
        replace:
          'const { entries, isLast } = await pages.next();\n      if (!isLast) pages.next().catch(() => undefined);',
      },
    ],
    fate: tests(SCAN_TESTS, 'are asked for when'),
  },
  {
    name: 'an-empty-prefix-deletes-everything',
    rule: 'docs/client.md',
    edits: [{ file: SCANS, find: 'prefix.length === 0 && !all', replace: 'all && !all' }],
    fate: tests(SCAN_TESTS, 'asks for nothing unless it says all'),
  },
  {
    name: 'a-delete-by-prefix-that-failed-counts',
    rule: 'docs/client.md',
    edits: [{ file: SCANS, find: 'if (!result.ok) throw result.error;', replace: '' }],
    fate: tests(SCAN_TESTS, 'ends with the first delete that fails'),
  },
  {
    name: 'who-failed-is-asked-again-at-once',
    rule: 'docs/client.md',
    edits: [
      {
        file: FRONTENDS,
        find: 'this.#avoidedUntilMs = this.#clock.monotonicMs() + avoidedMs;',
        replace: 'this.#avoidedUntilMs = this.#clock.monotonicMs() + 0 * avoidedMs;',
      },
    ],
    fate: tests(CALL_TESTS, 'is left alone'),
  },
  {
    name: 'a-ttl-by-the-clock-of-the-application',
    rule: 'H31',
    edits: [
      {
        file: DIRECT_CORE,
        find: '      clock: this.clock,\n      times: this.#times,',
        replace:
          '      clock: new ClusterClock(this.#lifetime.runtime.clock, this.#lifetime.runtime.logger),\n      times: this.#times,',
      },
      {
        file: DIRECT_CORE,
        find: 'hasMap: () => this.#router.map !== undefined,',
        replace: 'hasMap: () => false,',
      },
    ],
    fate: tests(DIRECT_SCHEDULES, 'by the time of the cluster'),
  },
  {
    name: 'a-closed-client-goes-on',
    rule: 'docs/client.md',
    edits: [
      { file: LIFETIME, find: 'for (const cancel of this.#timers) cancel();', replace: '' },
      { file: LIFETIME, find: 'this.#isOver = true;', replace: '' },
    ],
    fate: tests(DIRECT_SCHEDULES, 'closed it sends'),
  },
  {
    name: 'a-failed-explanation-is-an-error',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_CALL,
        find: 'this.#call.isLast?.(outcome) === true',
        replace: '(this.#call.isLast?.(outcome) === true && outcome.body.length === 0)',
      },
    ],
    fate: tests(CALL_TESTS, 'that of the first frontend'),
  },
];
