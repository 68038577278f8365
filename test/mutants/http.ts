// Mutants of the HTTP server: what RFC 9112 says of the order on a connection, and what a browser may be made to send.

import { type Mutant, tests } from './mutant.ts';

const CONNECTIONS = 'src/cluster/io/server/connections.ts';
const SERVER = 'src/cluster/io/server/http-server.ts';
const FORMS = 'test/cluster/io/server/http-forms.test.ts';
const SERVER_TESTS = 'test/cluster/io/server/http-server.test.ts';

export const HTTP_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-reset-offer-ends-the-process',
    rule: 'RFC 9110 7.8',
    edits: [
      {
        file: 'src/cluster/io/server/upgrades.ts',
        find: "const destroy = () => socket.destroy();\n  socket.on('error', destroy);",
        replace: 'const destroy = () => socket.destroy();',
      },
    ],
    fate: tests(SERVER_TESTS, 'is reset while'),
  },
  {
    name: 'headers-beyond-a-number-are-dropped',
    rule: 'RFC 9112 3.2',
    edits: [{ file: SERVER, find: 'server.maxHeadersCount = 0;', replace: '' }],
    fate: tests(FORMS, 'behind 1,100 headers'),
  },
  {
    name: 'a-slow-head-is-idle',
    rule: 'RFC 9112 9.5',
    edits: [
      { file: CONNECTIONS, find: 'connection.isQuiet ?', replace: 'connection.open === 0 ?' },
    ],
    fate: tests(SERVER_TESTS, 'a head comes slowly'),
  },
  {
    name: 'a-rebound-name-commands-nodes',
    rule: 'docs/api.md',
    edits: [{ file: 'src/cluster/http/routes.ts', find: '!isForPages ||', replace: '' }],
    fate: tests('test/cluster/http/routes.test.ts', 'for no page'),
  },
  {
    name: 'pipelined-requests-overlap',
    rule: 'RFC 9112 9.3.2',
    edits: [
      {
        file: CONNECTIONS,
        find: 'return turn.mayOverlap() && (this.#alone === undefined || this.#alone.mayOverlap());',
        replace: 'return this.#alone === undefined || this.#alone !== turn;',
      },
    ],
    fate: tests(FORMS, 'each pipelined request'),
  },
  {
    name: 'pipelined-gets-pass-a-set-that-waits',
    rule: 'RFC 9112 9.3.2',
    edits: [
      {
        file: CONNECTIONS,
        find: 'if (this.#waiting.length === 0 && this.#isFree(turn)) this.#run(turn);',
        replace: 'if (this.#isFree(turn)) this.#run(turn);',
      },
    ],
    fate: tests(SERVER_TESTS, 'a get waits'),
  },
  {
    name: 'refused-before-what-is-due',
    rule: 'RFC 9112 9.3.2',
    edits: [
      {
        file: SERVER,
        find: 'connection.onceIdle(() => refuse(socket, refusal));',
        replace: 'refuse(socket, refusal);',
      },
    ],
    fate: tests(FORMS, 'half-close'),
  },
  {
    name: 'done-behind-the-last-answer',
    rule: 'RFC 9112 9.6',
    edits: [
      {
        file: SERVER,
        find: 'if (last) this.#open -= connection.close();',
        replace: 'if (socket.destroyed) this.#open -= connection.close();',
      },
    ],
    fate: tests(FORMS, 'nothing behind the last answer'),
  },
  {
    name: 'half-close-is-the-end',
    rule: 'RFC 9112 9.6',
    edits: [
      {
        file: SERVER,
        find: '{ httpAllowHalfOpen: true }',
        replace: '{ httpAllowHalfOpen: false }',
      },
    ],
    fate: tests(FORMS, 'half-close'),
  },
  {
    name: 'slow-readers-are-cut',
    rule: 'RFC 9112 9.6',
    edits: [
      {
        file: 'src/cluster/io/server/unread-replies.ts',
        find: 'if (nowMs - reader.sentMs < this.#stalledMs) continue;',
        replace: 'if (nowMs < reader.sentMs) continue;',
      },
    ],
    fate: tests(SERVER_TESTS, 'who reads slowly'),
  },
  {
    name: 'pages-of-any-origin-change-something',
    rule: 'docs/api.md',
    edits: [
      {
        file: 'src/cluster/http/routes.ts',
        find: 'if (this.changes(request) && isForeign(request)) {',
        replace: "if (this.changes(request) && isForeign(request) && request.target === '') {",
      },
    ],
    fate: tests('test/cluster/http/routes.test.ts', 'what changes something'),
  },
  {
    name: 'sets-by-get-change-nothing',
    rule: 'docs/api.md',
    edits: [
      {
        file: 'src/cluster/http/routes.ts',
        find: ' || this.#changing.has(pathOf(target));',
        replace: " || target === '';",
      },
    ],
    fate: tests('test/cluster/http/routes.test.ts', 'what changes something'),
  },
];
