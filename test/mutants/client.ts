// Mutants of the client over HTTP, and of the core of the direct one.

import { type Mutant, tests } from './mutant.ts';

const CALLS = 'src/client/calls.ts';
const FRONTENDS = 'src/client/frontends.ts';
const HTTP_ANSWERS = 'src/client/http-answers.ts';
const HTTP_CALL = 'src/client/http-call.ts';
const DIRECT_CORE = 'src/coordinator/direct-core.ts';
const LIFETIME = 'src/coordinator/lifetime.ts';
const HTTP_SCAN = 'src/client/http-scan.ts';
const SCANS = 'src/client/scans.ts';
const WATCHES = 'src/client/watches.ts';

const SCAN_TESTS = 'test/client/http-scan.test.ts';
const EVENT_STREAM = 'src/client/event-stream.ts';
const EVENT_STREAM_TESTS = 'test/client/event-stream.test.ts';
const HTTP_WATCH = 'src/client/http-watch.ts';
const HTTP_WATCH_TESTS = 'test/client/http-watch.test.ts';
const WAITS_TESTS = 'test/client/waits.test.ts';
const CALL_TESTS = 'test/client/http-call.test.ts';
const DIRECT_SCHEDULES = 'test/simulation/schedules-direct-client.test.ts';

const BATCHES = 'src/client/batches.ts';
const BATCH_LINES = 'src/client/batch-lines.ts';
const ARGUMENTS = 'src/client/arguments.ts';
const MANY = 'src/client/many.ts';
const DIRECT_WATCH = 'src/client/direct-watch.ts';
const DIRECT_WATCH_TESTS = 'test/client/direct-watch.test.ts';
const RULE = 'docs/client.md';

/** Of what is wrong with the arguments of a call. */
const WRONG = 'refused before anything is sent';

function ofArguments(name: string, file: string, find: string, replace: string): Mutant {
  return { name, rule: RULE, edits: [{ file, find, replace }], fate: tests(CALL_TESTS, WRONG) };
}

export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    name: 'an-answer-that-lost-its-headers-is-of-nobody',
    rule: RULE,
    edits: [{ file: HTTP_CALL, find: ' || (status < 300 && !isOfOtherNode)', replace: '' }],
    fate: tests(CALL_TESTS, 'is unknown, and is not sent elsewhere'),
  },
  {
    name: 'who-has-a-page-for-every-path-is-sent-writes',
    rule: RULE,
    edits: [{ file: FRONTENDS, find: " && body.toString('latin1').trim() === 'ok'", replace: '' }],
    fate: tests(CALL_TESTS, 'who has a page for every path'),
  },
  {
    name: 'who-waits-for-a-connection-blames-the-frontend',
    rule: RULE,
    edits: [{ file: HTTP_CALL, find: ' && !this.#frontend.isFull', replace: '' }],
    fate: tests(CALL_TESTS, 'waits for others of its client'),
  },
  {
    name: 'a-read-waits-for-an-answer-that-stopped',
    rule: RULE,
    edits: [{ file: HTTP_CALL, find: '      this.#isHeard = false;\n', replace: '' }],
    fate: tests(CALL_TESTS, 'falls silent in the midst'),
  },
  {
    name: 'a-read-is-hedged-while-its-answer-comes',
    rule: RULE,
    edits: [{ file: HTTP_CALL, find: '      received: () => patience.heard(),\n', replace: '' }],
    fate: tests(CALL_TESTS, 'as long as pieces of its answer come'),
  },
  ofArguments(
    'any-signal-will-do',
    ARGUMENTS,
    'if (signal !== undefined && !isSignal(signal))',
    'if (signal === null)',
  ),
  ofArguments(
    'half-a-pair-is-a-key',
    ARGUMENTS,
    'if (!bytes.isWellFormed())',
    'if (bytes === null)',
  ),
  ofArguments('a-wait-of-no-number', WATCHES, 'if (!(waitMs >= 0))', 'if (waitMs < 0)'),
  ofArguments(
    'entries-are-checked-one-by-one',
    MANY,
    '    for (const entry of all) checkEntry(entry);\n',
    '',
  ),
  {
    name: 'each-key-listens-to-the-signal',
    rule: RULE,
    edits: [{ file: MANY, find: ', signal: ends.signal }', replace: ' }' }],
    fate: tests(CALL_TESTS, 'has one listener'),
  },
  {
    name: 'a-line-of-escapes-is-too-long',
    rule: RULE,
    edits: [
      {
        file: BATCH_LINES,
        find: 'if (Buffer.byteLength(json) <= 2 * value.length + 2) return json;',
        replace: "if (json !== '') return json;",
      },
    ],
    fate: tests(CALL_TESTS, 'of control characters'),
  },
  {
    name: 'a-batch-throws-into-its-connection',
    rule: RULE,
    edits: [
      {
        file: BATCHES,
        find: '      return this.#failed(asVelourError(error));\n',
        replace:
          '      if (!(error instanceof VelourError)) return undefined;\n      return this.#failed(error);\n',
      },
    ],
    fate: tests(CALL_TESTS, 'is told to each of its calls'),
  },
  {
    name: 'bytes-that-wait-are-not-counted',
    rule: RULE,
    edits: [{ file: HTTP_WATCH, find: ' || this.#waitingBytes > WAITING_BYTES_MAX', replace: '' }],
    fate: tests(HTTP_WATCH_TESTS, 'few events of many bytes'),
  },
  {
    name: 'a-direct-watch-waits-for-ever',
    rule: RULE,
    edits: [
      {
        file: DIRECT_WATCH,
        find: 'this.#watch.followed > 0 ? 0 : silentMs + ms',
        replace: 'this.#watch.followed >= 0 ? 0 : silentMs + ms',
      },
    ],
    fate: tests(DIRECT_WATCH_TESTS, 'it ends where no storage node'),
  },
  {
    name: 'a-direct-watch-ends-though-it-is-followed-again',
    rule: RULE,
    edits: [
      {
        file: DIRECT_WATCH,
        find: 'this.#watch.followed > 0 ? 0 : silentMs + ms',
        replace: 'silentMs + (this.#watch.followed > 0 ? 0 : ms)',
      },
    ],
    fate: tests(DIRECT_WATCH_TESTS, 'it goes on where one is followed'),
  },
  {
    name: 'a-long-time-is-a-millisecond',
    rule: RULE,
    edits: [
      {
        file: 'src/cluster/io/process/system.ts',
        find: 'Math.min(milliseconds, LONGEST_MS)',
        replace: 'milliseconds',
      },
    ],
    fate: tests('test/cluster/io/process/timers.test.ts', 'are not one'),
  },
  {
    name: 'an-unknown-option-is-ignored',
    rule: 'docs/client.md',
    edits: [{ file: CALLS, find: '      checkOptions(options);\n', replace: '' }],
    fate: tests(CALL_TESTS, 'an option that no call has'),
  },
  {
    name: 'a-write-is-sent-twice',
    rule: 'docs/client.md',
    edits: [
      { file: HTTP_CALL, find: "(outcome.kind === 'broken' && this.#isSent)", replace: 'false' },
    ],
    fate: tests(CALL_TESTS, 'is never sent twice'),
  },
  {
    name: 'a-503-of-a-gateway-is-of-a-frontend',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_CALL,
        find: 'return status >= 500 || (',
        replace: 'return (status >= 500 && status !== NOT_READY) || (',
      },
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
  {
    name: 'a-wait-that-ends-follows-on',
    rule: 'docs/client.md',
    edits: [{ file: WATCHES, find: 'ends.abort();', replace: '' }],
    fate: tests(WAITS_TESTS, 'nor one that is given up'),
  },
  {
    name: 'a-watch-that-was-told-something-never-fails',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: '    this.#flow = undefined;\n    this.#waitNoLonger();',
        replace:
          '    this.#flow = undefined;\n    if (this.#place === this.#watch.since) this.#waitNoLonger();',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'fails as well'),
  },
  {
    name: 'any-word-is-of-a-frontend',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: 'if (id !== undefined) this.#isTold();',
        replace: 'this.#isTold();',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'fails when it was'),
  },
  {
    name: 'a-watch-fails-behind-the-back-of-its-caller',
    rule: 'docs/client.md',
    edits: [{ file: HTTP_WATCH, find: '    this.#end = error;\n', replace: '' }],
    fate: tests(HTTP_WATCH_TESTS, 'whose caller was busy'),
  },
  {
    name: 'who-is-not-listened-to-is-silent',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: '        cancelTimer();\n        flow.pause();',
        replace: '        flow.pause();',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'is not silent for that'),
  },
  {
    name: 'a-silent-frontend-after-a-pause',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: '        heard();\n        flow.resume();',
        replace: '        flow.resume();',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'is not silent for that'),
  },
  {
    name: 'a-slow-caller-is-flooded-by-the-next',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: '          this.#holdBack();\n          return',
        replace: '          return',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'holds back the next frontend'),
  },
  {
    name: 'who-is-not-listened-to-tells-nothing',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: '        this.#waitLonger();\n        cancelTimer();',
        replace: '        cancelTimer();',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'once it is listened to'),
  },
  {
    name: 'a-frontend-after-a-pause-may-tell-nothing',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: 'if (this.#isAwaited) this.#waitNoLonger();',
        replace: '',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'then tells nothing'),
  },
  {
    name: 'a-frontend-after-a-pause-must-tell-something',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: 'if (this.#isAwaited) this.#waitNoLonger();',
        replace: 'this.#waitNoLonger();',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'has nothing new to tell'),
  },
  {
    name: 'a-watch-asks-on-without-a-pause',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: 'this.#cancel = this.#options.timers.after(PAUSE_MS, begin);',
        replace: 'begin();',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'pauses where all'),
  },
  {
    name: 'a-watch-begins-again-elsewhere',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: 'this.#place = id ?? this.#place;',
        replace: 'this.#place = this.#watch.since;',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'from where it was'),
  },
  {
    name: 'a-silent-frontend-is-followed-for-ever',
    rule: 'docs/client.md',
    edits: [
      { file: HTTP_WATCH, find: 'cancelTimer = timers.after(SILENT_MS, goOn);', replace: '' },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'one that falls silent'),
  },
  {
    name: 'a-frontend-that-says-nothing-is-waited-for',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: 'let cancelTimer = timers.after(HEAD_WITHIN_MS, goOn);',
        replace: 'let cancelTimer: Cancel = () => undefined;',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'accepts and says nothing'),
  },
  {
    name: 'a-watch-that-was-stopped-goes-on',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: '    this.#outcome = undefined;\n    this.#cancel();',
        replace: '    this.#outcome = undefined;',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'that was stopped'),
  },
  {
    name: 'a-refusal-for-good-is-tried-elsewhere',
    rule: 'docs/client.md',
    edits: [
      {
        file: HTTP_WATCH,
        find: 'if (!refusal.retryable) return this.#fail(refusal);',
        replace: '',
      },
    ],
    fate: tests(HTTP_WATCH_TESTS, 'refuses for good'),
  },
  {
    name: 'an-event-across-two-pieces-is-held',
    rule: 'docs/client.md',
    edits: [
      {
        file: EVENT_STREAM,
        find: 'this.#last = text.slice(-1);',
        replace: '',
      },
    ],
    fate: tests(EVENT_STREAM_TESTS, 'as soon as they are whole'),
  },
  {
    name: 'an-event-of-any-length',
    rule: 'docs/client.md',
    edits: [
      {
        file: EVENT_STREAM,
        find: 'this.#length + piece.length > this.#lengthMax',
        replace: 'this.#length < 0',
      },
    ],
    fate: tests(EVENT_STREAM_TESTS, 'never end'),
  },
  {
    name: 'events-together-are-too-long',
    rule: 'docs/client.md',
    edits: [{ file: EVENT_STREAM, find: '    this.#length = 0;\n', replace: '' }],
    fate: tests(EVENT_STREAM_TESTS, 'longer together'),
  },
  {
    name: 'a-character-is-cut-between-pieces',
    rule: 'docs/client.md',
    edits: [
      { file: EVENT_STREAM, find: 'this.#decoder.write(piece)', replace: "piece.toString('utf8')" },
    ],
    fate: tests(EVENT_STREAM_TESTS, 'wherever the stream is cut'),
  },
  {
    name: 'a-signal-keeps-each-wait',
    rule: 'docs/client.md',
    edits: [
      { file: WATCHES, find: "    signal?.removeEventListener('abort', abort);\n", replace: '' },
    ],
    fate: tests(WAITS_TESTS, 'leaves nothing at a signal'),
  },
];
