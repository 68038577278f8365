// Mutants of what nodes send one another, and of the channels that carry it.

import { type Mutant, SEEDS, tests } from '../mutant.ts';

const CONTROL_ROUTES_TESTS = 'test/cluster/http/control-routes.test.ts';
const CONTROL_ROUTES = 'src/cluster/http/control-routes.ts';
const CONTROL_CLIENT_TESTS = 'test/cluster/peers/control-client.test.ts';
const CONTROL_CLIENT = 'src/cluster/peers/control-client.ts';
const CUTS_SCHEDULES = 'test/simulation/schedules-cuts.test.ts';
const ANSWER_KINDS = 'src/cluster/wire/answer-kinds.ts';
const FRAMES = 'src/cluster/wire/frames.ts';
const PERSISTENT_WRITE = 'src/cluster/persistent-write.ts';
const CLIENT_ROUTE = 'src/cluster/http/client-route.ts';
const ROUTES = 'src/cluster/http/routes.ts';
const STORAGE_CHANNEL = 'src/cluster/peers/storage-channel.ts';
const TRANSFER_PARTS = 'src/cluster/wire/transfer-parts.ts';
const WEB_PAGES = 'src/cluster/http/web-pages.ts';
const WIRE_ANSWERS = 'src/cluster/wire/answers.ts';
const WIRE_OPERATIONS = 'src/cluster/wire/operations.ts';

const DISKS_SCHEDULES = 'test/simulation/schedules-disks.test.ts';
const FRAMES_TESTS = 'test/cluster/wire/frames.test.ts';
const ONE_ANSWER_TESTS = 'test/coordinator/operations/set/one-answer.test.ts';
const OPERATIONS_TESTS = 'test/cluster/wire/operations.test.ts';
const ROUTES_TESTS = 'test/cluster/http/routes.test.ts';
const SCHEDULES = 'test/simulation/schedules.test.ts';
const SET_DECISION_TESTS = 'test/coordinator/operations/set/decision.test.ts';
const STORAGE_CHANNEL_TESTS = 'test/cluster/peers/storage-channel.test.ts';

export const CLUSTER_WIRE_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-rebound-name-commands-nodes',
    rule: 'docs/api.md',
    edits: [{ file: WEB_PAGES, find: '!isForPages ||', replace: '' }],
    fate: tests(ROUTES_TESTS, 'for no page'),
  },
  {
    name: 'pages-of-any-origin-change-something',
    rule: 'docs/api.md',
    edits: [
      {
        file: ROUTES,
        find: 'if (isForOwnPages && isFromForeignPage(request)) {',
        replace: "if (isForOwnPages && isFromForeignPage(request) && request.target === '') {",
      },
    ],
    fate: tests(ROUTES_TESTS, 'what changes something'),
  },
  {
    name: 'sets-by-get-change-nothing',
    rule: 'docs/api.md',
    edits: [
      {
        file: CLIENT_ROUTE,
        find: ' || changesByGet === true;\n',
        replace: " || changesByGet === ('' as never);\n",
      },
    ],
    fate: tests(ROUTES_TESTS, 'what changes something'),
  },
  {
    name: 'broken-invariant-answered-500',
    rule: 'H41',
    edits: [
      {
        file: ROUTES,
        find: 'if (error instanceof FatalError || error instanceof InvariantBroken) throw error;',
        replace: 'if (error instanceof FatalError) throw error;',
      },
    ],
    fate: tests(ROUTES_TESTS, 'a broken invariant'),
  },
  {
    name: 'joins-a-get-that-left',
    rule: 'I5',
    edits: [
      {
        file: STORAGE_CHANNEL,
        find: 'if (batch !== this.#getsBatch) {',
        replace: 'if (batch < this.#getsBatch) {',
      },
    ],
    fate: tests(STORAGE_CHANNEL_TESTS, 'one that has left is not joined'),
  },
  {
    name: 'sheds-the-newest',
    rule: 'D13',
    edits: [
      {
        file: STORAGE_CHANNEL,
        find: 'this.#giveUp(oldest, OVERLOADED);',
        replace: 'this.#giveUp(exchange, OVERLOADED);',
      },
    ],
    fate: tests(STORAGE_CHANNEL_TESTS, 'the oldest is shed'),
  },
  {
    name: 'get-joins-one-that-has-left',
    rule: 'I5',
    edits: [
      {
        file: STORAGE_CHANNEL,
        find: 'if (batch !== this.#getsBatch) {',
        replace: 'if (batch > this.#getsBatch + 1) {',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'broken-stream-held-nothing',
    rule: 'D9',
    edits: [
      {
        file: STORAGE_CHANNEL,
        find: "const answer = opened ? { kind: 'unanswered' as const, detail: reason } : unreachable;",
        replace: 'const answer = opened ? unreachable : unreachable;',
      },
    ],
    fate: tests(STORAGE_CHANNEL_TESTS, 'what was sent perhaps'),
  },
  {
    name: 'long-answers-are-asked-for-again',
    rule: 'H19',
    edits: [
      {
        file: STORAGE_CHANNEL,
        find: 'waitsForItsTurn(exchange, id, arriving)) exchange.heardMs = now;',
        replace: 'waitsForItsTurn(exchange, id, arriving)) exchange.heardMs += 0;',
      },
    ],
    fate: tests(STORAGE_CHANNEL_TESTS, 'waits for its turn among long ones'),
  },
  {
    name: 'any-long-answer-is-waited-for',
    rule: 'H19',
    edits: [
      {
        file: STORAGE_CHANNEL,
        find: ' && isNoLater(arriving, id);',
        replace: ' && isNoLater(id, id);',
      },
    ],
    fate: tests(STORAGE_CHANNEL_TESTS, 'given up at its time, though others read'),
  },
  {
    name: 'joined-gets-never-answered',
    rule: 'R3',
    edits: [
      {
        file: STORAGE_CHANNEL,
        find: '  if (more !== undefined) for (const asker of more) asker.callback(answer);\n',
        replace: '',
      },
    ],
    fate: tests(ONE_ANSWER_TESTS, 'through pauses'),
  },
  {
    name: 'given-up-and-answered-later',
    rule: 'R4',
    edits: [
      {
        file: STORAGE_CHANNEL,
        find: 'else if (this.#stream.asked.take(id) !== undefined) {',
        replace: 'else {',
      },
    ],
    fate: tests(ONE_ANSWER_TESTS, 'through pauses'),
  },
  {
    name: 'failed-sync-is-noted-once-or-never',
    rule: 'H8',
    edits: [
      {
        file: PERSISTENT_WRITE,
        find: '        timers.after(AGAIN_MS, attempt);\n',
        replace: '',
      },
    ],
    fate: tests(DISKS_SCHEDULES, 'noted as soon as it can be'),
  },
  {
    name: 'equal-not-waiting',
    rule: 'I14',
    edits: [
      {
        file: ANSWER_KINDS,
        find: "equal: { code: 3, ...PLAIN, holds: 'yes', waitsForLog: true }",
        replace: "equal: { code: 3, ...PLAIN, holds: 'yes' }",
      },
      {
        file: ANSWER_KINDS,
        find: 'superseded: { code: 4, ...PLAIN, waitsForLog: true }',
        replace: 'superseded: { code: 4, ...PLAIN }',
      },
    ],
    fate: tests(SCHEDULES, 'I14: '),
  },
  {
    name: 'unanswered-holds-nothing',
    rule: 'D9',
    edits: [
      {
        file: ANSWER_KINDS,
        find: "holds: 'perhaps' },",
        replace: "holds: 'no' },",
      },
    ],
    fate: tests(SET_DECISION_TESTS, 'D9: only these answers'),
  },
  {
    name: 'block-used-before-it-was-sent',
    rule: 'D13',
    edits: [
      {
        file: FRAMES,
        find: 'block.unsent > 0 || block.taken',
        replace: 'block.taken',
      },
    ],
    fate: tests(FRAMES_TESTS, 'used again when it was sent'),
  },
  {
    name: 'long-message-cuts-the-stream',
    rule: 'D13',
    edits: [
      {
        file: FRAMES,
        find: 'if (isTooLong && this.#tooLong === undefined) {',
        replace: 'if (isTooLong) {',
      },
    ],
    fate: tests(FRAMES_TESTS, 'above the limit goes by'),
  },
  {
    name: 'epoch-of-four-bytes',
    rule: 'I3',
    edits: [
      {
        file: WIRE_OPERATIONS,
        find: 'message.readUIntBE(EPOCH_AT, EPOCH_BYTES) as Epoch',
        replace: 'message.readUInt32BE(EPOCH_AT + 2) as Epoch',
      },
    ],
    fate: tests(OPERATIONS_TESTS, 'comes back as it was'),
  },
  {
    name: 'answers-share-one-head',
    rule: 'H8',
    edits: [
      {
        file: WIRE_ANSWERS,
        find: 'const head = Buffer.allocUnsafe(9);',
        replace: 'const head = (withVersion as { shared?: Buffer }).shared ??= Buffer.alloc(9);',
      },
    ],
    fate: tests(OPERATIONS_TESTS, 'an answer that waits for the log'),
  },
  {
    name: 'long-list-in-used-memory',
    rule: 'D13',
    edits: [
      {
        file: TRANSFER_PARTS,
        find: 'length > frameBytes ?',
        replace: 'length > gathered.length ?',
      },
    ],
    fate: tests(OPERATIONS_TESTS, 'hold until they were sent'),
  },
  {
    name: 'a-silent-stream-is-kept',
    rule: 'D18',
    edits: [
      {
        file: CONTROL_CLIENT,
        find: 'present.silentForMs(call.sentMs) < this.#silentMs',
        replace: 'present.silentForMs(call.sentMs) >= 0',
      },
    ],
    fate: tests(CUTS_SCHEDULES, 'as soon as its way is mended'),
  },
  {
    name: 'a-slow-peer-is-never-heard',
    rule: 'D18',
    edits: [
      {
        file: CONTROL_CLIENT,
        find: '    stream.retire();',
        replace: "    stream.close('silent');",
      },
    ],
    fate: tests(CONTROL_CLIENT_TESTS, 'may still answer'),
  },
  {
    name: 'a-peer-is-forgotten-before-its-next-stream',
    rule: 'D18',
    edits: [
      {
        file: CONTROL_CLIENT,
        find: 'this.#stream = next;\n    if (present !== undefined) this.#setAside(present);',
        replace:
          'this.#stream = undefined;\n    if (present !== undefined) this.#setAside(present);\n    this.#stream = next;',
      },
    ],
    fate: tests(CONTROL_CLIENT_TESTS, 'slow now and then'),
  },
  {
    name: 'a-long-poll-is-taken-for-silence',
    rule: 'D18',
    edits: [{ file: CONTROL_CLIENT, find: 'if (!call.isPatient) this', replace: 'this' }],
    fate: tests(CONTROL_CLIENT_TESTS, 'takes its time'),
  },
  {
    name: 'any-number-of-calls-on-a-stream',
    rule: 'D18',
    edits: [{ file: CONTROL_ROUTES, find: '++calls > CALLS_MAX', replace: '++calls < 0' }],
    fate: tests(CONTROL_ROUTES_TESTS, 'is cut off'),
  },
  {
    name: 'who-only-polls-keeps-a-silent-stream',
    rule: 'D18',
    edits: [
      {
        file: CONTROL_CLIENT,
        find: 'if (this.#heardMs < call.sentMs) this',
        replace: 'if (call.sentMs < 0) this',
      },
    ],
    fate: tests('test/simulation/schedules-late.test.ts', 'hears the controller again'),
  },
  {
    name: 'a-stream-that-breaks-proves-a-death',
    rule: 'I10',
    edits: [
      {
        file: 'src/cluster/wire/control-frames.ts',
        find: "reply.kind === 'failed' && reply.detail.includes('ECONNREFUSED')",
        replace: "reply.kind === 'failed' && !reply.detail.includes('no answer')",
      },
    ],
    fate: tests('test/simulation/schedules-twins.test.ts', 'a stream that breaks is no proof'),
  },
];
