// Mutants of the client over HTTP, and of the core of the direct one.

import { type Mutant, tests } from './mutant.ts';

const FRONTENDS = 'src/client/frontends.ts';
const HTTP_ANSWERS = 'src/client/http-answers.ts';
const HTTP_CALL = 'src/client/http-call.ts';
const DIRECT_CORE = 'src/coordinator/direct-core.ts';
const LIFETIME = 'src/coordinator/lifetime.ts';

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
];
