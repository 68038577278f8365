// Mutants of what a frontend answers its clients.

import { type Mutant, tests } from './mutant.ts';

const IMPORT = 'src/frontend/gateways/v1/transfer/import.ts';
const PREFIX_DELETE = 'src/frontend/gateways/v1/prefix-delete.ts';
const RECORD_LINE = 'src/frontend/gateways/v1/transfer/record-line.ts';
const SCAN_STREAM = 'src/frontend/gateways/v1/scan-stream.ts';
const SCAN_USAGE = 'src/frontend/gateways/v1/scan-usage.ts';
const BATCH_ANSWERS = 'src/frontend/gateways/v1/batch-answers.ts';
const BATCH_RUN = 'src/frontend/gateways/v1/batch-run.ts';
const BATCH_RUN_TEST = 'test/frontend/gateways/v1/batch-run.test.ts';
const BATCH_TOGETHER_TEST = 'test/frontend/gateways/v1/batch-together.test.ts';

const RECORD_LINE_TESTS = 'test/frontend/gateways/v1/transfer/record-line.test.ts';
const SCAN_TESTS = 'test/frontend/gateways/v1/scan.test.ts';
const SCAN_USAGE_TESTS = 'test/frontend/gateways/v1/scan-usage.test.ts';
const TRANSFER_TESTS = 'test/frontend/gateways/v1/transfer/transfer.test.ts';

const TIMING = 'src/frontend/gateways/timing.ts';
const TIMING_TESTS = 'test/frontend/gateways/timing.test.ts';
const V1_KEYS = 'src/frontend/gateways/v1/keys.ts';
const KEY_OPERATIONS = 'src/frontend/gateways/v1/key-operations.ts';
const KEY_USAGE = 'src/frontend/gateways/v1/key-usage.ts';
const V1_REPLIES = 'src/frontend/gateways/v1/key-replies.ts';
const PRECONDITIONS = 'src/cluster/http/preconditions.ts';
const V1_USAGE_TESTS = 'test/frontend/gateways/v1/key-usage.test.ts';
const V1_KEYS_TESTS = 'test/frontend/gateways/v1/keys.test.ts';

const EVENTS = 'src/frontend/gateways/v1/watch/events.ts';
const EVENTS_TESTS = 'test/frontend/gateways/v1/watch/events.test.ts';
const WATCH = 'src/frontend/gateways/v1/watch/watch.ts';
const WATCH_SCHEDULES = 'test/simulation/schedules-watches.test.ts';
const KEY_WAITS = 'src/frontend/gateways/v1/key-waits.ts';
const KEY_WAITS_TESTS = 'test/frontend/gateways/v1/key-waits.test.ts';
const WATCH_STREAM = 'src/frontend/gateways/v1/watch/watch-stream.ts';
const WATCH_STREAM_TESTS = 'test/frontend/gateways/v1/watch/watch-stream.test.ts';
const WATCH_USAGE = 'src/frontend/gateways/v1/watch/watch-usage.ts';
const WATCH_USAGE_TESTS = 'test/frontend/gateways/v1/watch/watch-usage.test.ts';

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
    name: 'a-scan-of-any-length',
    rule: 'Scan',
    edits: [
      { file: SCAN_STREAM, find: 'else if (this.#bytesLeft <= 0) this.discard();', replace: '' },
    ],
    fate: tests(SCAN_TESTS, 'ends with the page that brings it'),
  },
  {
    name: 'a-scan-that-fails-looks-whole',
    rule: 'G4',
    edits: [
      {
        file: SCAN_STREAM,
        find: "if (step.kind === 'failed') {",
        replace: "if (step.kind === 'failed') {\n      if (this.#digits > 0) return '';",
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
    name: 'sent-again-though-it-is-as-it-was',
    rule: 'docs/api.md',
    edits: [
      {
        file: PRECONDITIONS,
        find: "includes(ifNoneMatch, isPresent)) return 'not-modified';",
        replace: "includes(ifNoneMatch, isPresent)) return 'send';",
      },
    ],
    fate: tests(V1_KEYS_TESTS, '304 has what a cache renews'),
  },
  {
    name: 'read-whatever-if-match-says',
    rule: 'docs/api.md',
    edits: [
      {
        file: PRECONDITIONS,
        find: "!includes(ifMatch, isPresent)) return 'unmet';",
        replace: "ifMatch.length > 99) return 'unmet';",
      },
    ],
    fate: tests(V1_KEYS_TESTS, '412 has the ETag'),
  },
  {
    name: 'written-whatever-if-match-says',
    rule: 'docs/api.md',
    edits: [
      {
        file: KEY_OPERATIONS,
        find: "if (verb === 'put' && usage.condition === NO_CONDITION) {",
        replace: "if (verb === 'put') {",
      },
    ],
    fate: tests(V1_KEYS_TESTS, 'what is asked of the conditional writer'),
  },
  {
    name: 'conditional-write-begins-anew-after-its-wait',
    rule: 'H31',
    edits: [
      {
        file: KEY_OPERATIONS,
        find: 'return this.#change(verb, usage, change, reply, arrivedMs);',
        replace: 'return this.#change(verb, usage, change, reply);',
      },
    ],
    fate: tests(V1_KEYS_TESTS, 'has its deadline from its arrival'),
  },
  {
    name: 'timed-gateway-forgets-the-arrival',
    rule: 'H31',
    edits: [
      {
        file: TIMING,
        find: 'conditional.write(request, stopwatch.waits(callback), arrivedMs)',
        replace: 'conditional.write(request, stopwatch.waits(callback))',
      },
    ],
    fate: tests(V1_KEYS_TESTS, 'has its deadline from its arrival'),
  },
  {
    name: 'a-list-of-strange-tags-is-no-condition',
    rule: 'docs/api.md',
    edits: [
      {
        file: PRECONDITIONS,
        find: 'return tags.map(parseETag).filter((tag) => tag !== undefined);',
        replace:
          "return tags.some(parseETag) ? tags.flatMap((tag) => parseETag(tag) ?? []) : 'any';",
      },
    ],
    fate: tests(V1_USAGE_TESTS, 'is taken'),
  },
  {
    name: 'good-for-as-long-as-since-1970',
    rule: 'docs/api.md',
    edits: [
      {
        file: V1_REPLIES,
        find: '(expiresAtMs - wallMs) / 1000',
        replace: 'expiresAtMs / 1000',
      },
    ],
    fate: tests(V1_KEYS_TESTS, 'of what expires'),
  },
  {
    name: 'key-decoded-twice',
    rule: 'docs/api.md',
    edits: [
      {
        file: V1_KEYS,
        find: '  return key;',
        replace: "  return Buffer.from(unescape(key.toString('latin1')), 'latin1');",
      },
    ],
    fate: tests(V1_KEYS_TESTS, 'decoded once'),
  },
  {
    name: 'incr-may-be-repeated',
    rule: 'docs/api.md',
    edits: [{ file: V1_REPLIES, find: "'effect-unknown',", replace: "'outcome-unknown'," }],
    fate: tests(V1_KEYS_TESTS, 'effect-unknown'),
  },
  {
    name: 'getset-with-the-etag-of-before',
    rule: 'docs/api.md',
    edits: [
      {
        file: V1_REPLIES,
        find: 'valueReply(previous, headers)',
        replace: 'valueReply(previous, tagHeaders(etagOf(previous)))',
      },
    ],
    fate: tests(V1_KEYS_TESTS, 'getset'),
  },
  {
    name: 'answers-of-a-batch-as-they-come',
    rule: 'H23',
    edits: [
      {
        file: BATCH_ANSWERS,
        find: 'this.#early[number % BATCH_ITEMS_MAX] = answer;\n    this.#place();',
        replace: 'this.#placed++;\n    this.#ready.push(answer);\n    this.#readyBytes += length;',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'in the order asked'),
  },
  {
    name: 'a-wrong-item-ends-the-batch',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: 'if (item.problem?.isLast === true) {',
        replace: 'if (item.problem !== undefined) {',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'has an answer for each line'),
  },
  {
    name: 'all-items-of-a-batch-at-once',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: 'return this.#underWay < itemsMax && heldBytes < BATCH_ITEM_BYTES_MAX;',
        replace: 'return itemsMax > 0;',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'has few under way'),
  },
  {
    name: 'a-long-poll-outlives-its-client',
    rule: 'H46',
    edits: [
      {
        file: KEY_WAITS,
        find: 'const forget = request.onceLeft(() => wait.end());',
        replace: 'const forget = request.onceLeft(() => undefined);',
      },
    ],
    fate: tests(KEY_WAITS_TESTS, 'a client that has left'),
  },
  {
    name: 'a-connection-keeps-its-long-polls',
    rule: 'H46',
    edits: [{ file: KEY_WAITS, find: '      forget();\n', replace: '' }],
    fate: tests(KEY_WAITS_TESTS, 'no longer listened to'),
  },
  {
    name: 'a-long-poll-begins-while-its-frontend-stops',
    rule: 'H46',
    edits: [{ file: KEY_WAITS, find: 'this.#isOver = true;', replace: '' }],
    fate: tests(KEY_WAITS_TESTS, 'all that are under way'),
  },
  {
    name: 'who-has-left-is-proved-once',
    rule: 'H46',
    edits: [{ file: WATCH_STREAM, find: 'this.#quietMs = LEFT_QUIET_MS;', replace: '' }],
    fate: tests(WATCH_STREAM_TESTS, 'proves soon'),
  },
  {
    name: 'a-batch-ends-before-items-that-were-read',
    rule: 'R4',
    edits: [
      {
        file: BATCH_RUN,
        find: 'if (!this.#goesOn) this.#goesOn =',
        replace: 'this.#goesOn =',
      },
    ],
    fate: tests(BATCH_TOGETHER_TEST, 'are answered, each once'),
  },
  {
    name: 'room-that-comes-while-items-begin-is-forgotten',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: '    this.#goesOn = true;\n    if (this.#isAdvancing) return;',
        replace: '    if (this.#isAdvancing) return;\n    this.#goesOn = true;',
      },
    ],
    fate: tests(BATCH_TOGETHER_TEST, 'are answered, each once'),
  },
  {
    name: 'room-of-a-batch-is-lost-with-its-client',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: '    this.#room.give();\n    this.#advance();',
        replace: '    if (!this.#isOver) this.#room.give();\n    this.#advance();',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'give their room back'),
  },
  {
    name: 'reads-on-for-a-client-that-reads-nothing',
    rule: 'H23',
    edits: [
      {
        file: BATCH_RUN,
        find: 'return this.#underWay < itemsMax && heldBytes < BATCH_ITEM_BYTES_MAX;',
        replace: 'return this.#underWay < itemsMax;',
      },
    ],
    fate: tests(BATCH_RUN_TEST, 'whose client does not read'),
  },
  {
    name: 'all-requests-are-timed',
    rule: 'docs/api.md',
    edits: [
      {
        file: TIMING,
        find: 'if (request.header(ASKS) === undefined) return',
        replace: "if (request.header(ASKS) === '') return",
      },
    ],
    fate: tests(TIMING_TESTS, 'does not ask'),
  },
  {
    name: 'time-side-by-side-counts-twice',
    rule: 'docs/api.md',
    edits: [
      {
        file: TIMING,
        find: 'if (--this.#waiting === 0) this.#storageMs += this.#sinceWaiting();',
        replace: 'this.#storageMs += this.#sinceWaiting();\n      this.#waiting--;',
      },
    ],
    fate: tests(TIMING_TESTS, 'side by side'),
  },
  {
    name: 'an-explanation-is-asked-under-a-condition',
    rule: 'docs/api.md',
    edits: [
      {
        file: KEY_USAGE,
        find: 'explain !== undefined && condition !== NO_CONDITION',
        replace: 'explain !== undefined && condition === undefined',
      },
    ],
    fate: tests(V1_USAGE_TESTS, 'may demand a version'),
  },
  {
    name: 'an-explanation-has-the-status-200',
    rule: 'docs/api.md',
    edits: [
      {
        file: V1_REPLIES,
        find: 'return { status, headers: { ...headers, ...JSON_HEADERS }, body };',
        replace:
          'return { status: status && 200, headers: { ...headers, ...JSON_HEADERS }, body };',
      },
    ],
    fate: tests('test/simulation/schedules-min-version.test.ts', 'says who is cut off'),
  },
  {
    name: 'an-expired-value-is-told-as-set',
    rule: 'H46',
    edits: [
      {
        file: EVENTS,
        find: 'isTombstone(head) || isExpired(head, wallMs)',
        replace: 'isTombstone(head)',
      },
    ],
    fate: tests(EVENTS_TESTS, 'of a key that expires'),
  },
  {
    name: 'an-id-before-its-last-event',
    rule: 'H46',
    edits: [
      {
        file: EVENTS,
        find: "events.join('\\n')",
        replace: "events.join(id + '\\n')",
      },
    ],
    fate: tests(EVENTS_TESTS, 'the last of its step'),
  },
  {
    name: 'an-old-id-goes-before-a-newer-one',
    rule: 'H46',
    edits: [
      {
        file: WATCH_USAGE,
        find: "request.header('last-event-id') || parameters.get('since')?.toString('latin1')",
        replace: "parameters.get('since')?.toString('latin1') || request.header('last-event-id')",
      },
    ],
    fate: tests(WATCH_USAGE_TESTS, 'newer than the one in its URL'),
  },
  {
    name: 'a-step-is-dropped-while-nobody-reads',
    rule: 'H46',
    edits: [
      {
        file: WATCH_STREAM,
        find: 'if (step === undefined || this.#callback === undefined) return;\n    this.#step = undefined;',
        replace:
          'this.#step = undefined;\n    if (step === undefined || this.#callback === undefined) return;',
      },
    ],
    fate: tests(WATCH_STREAM_TESTS, 'while nothing changes'),
  },
  {
    name: 'a-watch-outlives-its-reader',
    rule: 'H46',
    edits: [
      {
        file: WATCH_STREAM,
        find: 'this.#callback = undefined;\n    this.#stop();',
        replace: 'this.#callback = undefined;',
      },
    ],
    fate: tests(WATCH_STREAM_TESTS, 'after it was discarded'),
  },
  {
    name: 'a-watch-holds-up-a-frontend-that-stops',
    rule: 'H46',
    edits: [
      {
        file: WATCH,
        find: 'for (const stream of this.#streams) stream.end();',
        replace: '',
      },
    ],
    fate: tests(WATCH_SCHEDULES, 'when the frontend drains'),
  },
  {
    name: 'a-watch-begins-at-a-frontend-that-stops',
    rule: 'H46',
    edits: [
      {
        file: WATCH,
        find: 'if (this.#isDraining || watch.followed === 0) {',
        replace: 'if (watch.followed === 0) {',
      },
    ],
    fate: tests(WATCH_SCHEDULES, 'when the frontend drains'),
  },
  {
    name: 'a-long-poll-holds-up-a-frontend-that-stops',
    rule: 'H46',
    edits: [
      { file: KEY_WAITS, find: 'for (const wait of this.#underWay) wait.end();', replace: '' },
    ],
    fate: tests(WATCH_SCHEDULES, 'when the frontend drains'),
  },
];
