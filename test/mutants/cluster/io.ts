// Mutants of the adapters: HTTP server, links, disk.

import { type Mutant, tests } from '../mutant.ts';

const CONNECTIONS = 'src/cluster/io/server/connections.ts';
const DIRECTORY_LOCK = 'src/cluster/io/disk/directory-lock.ts';
const DISK = 'src/cluster/io/disk/disk.ts';
const HTTP_SERVER = 'src/cluster/io/server/http-server.ts';
const PIPELINING_TESTS = 'test/cluster/io/server/pipelining.test.ts';
const LINK = 'src/cluster/io/network/link.ts';
const UNREAD_REPLIES = 'src/cluster/io/server/unread-replies.ts';
const UPGRADES = 'src/cluster/io/server/upgrades.ts';

const DIRECTORY_LOCK_TESTS = 'test/cluster/io/disk/directory-lock.test.ts';
const DISK_ERRORS_TESTS = 'test/processes/disk-errors.test.ts';
const EARLY_REFUSALS_TESTS = 'test/cluster/io/server/early-refusals.test.ts';
const HTTP_FORMS_TESTS = 'test/cluster/io/server/http-forms.test.ts';
const HTTP_SERVER_TESTS = 'test/cluster/io/server/http-server.test.ts';
const LISTENERS = 'src/cluster/io/server/listeners.ts';
const LINK_TESTS = 'test/cluster/io/network/link.test.ts';
const RUNTIME_TESTS = 'test/cluster/io/runtime.test.ts';

export const CLUSTER_IO_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-body-that-breaks-off-unheard-ends-the-process',
    rule: 'F3',
    edits: [
      {
        file: 'src/cluster/io/network/readable-body.ts',
        find: "this.on('error', () => undefined);",
        replace: '',
      },
    ],
    fate: tests('test/cluster/io/network/readable-body.test.ts', 'throws nowhere'),
  },
  {
    name: 'connections-dealt-to-the-dead-stay-open',
    rule: 'docs/operations.md, "Many processors"',
    edits: [
      {
        file: 'src/cluster/io/process/workers.ts',
        find: 'for (const handle of untaken.values()) handle.close();',
        replace: '',
      },
    ],
    fate: tests('test/processes/workers.test.ts', 'no connection is left open'),
  },
  {
    name: 'empty-directory-id-counts',
    rule: 'H5a',
    edits: [
      {
        file: DIRECTORY_LOCK,
        find: "if (text.trim() === '') return undefined;",
        replace: "if (text.trim() === '') return text;",
      },
    ],
    fate: tests(DIRECTORY_LOCK_TESTS, 'is made anew'),
  },
  {
    name: 'short-write-is-whole',
    rule: 'H35',
    edits: [
      {
        file: DISK,
        find: 'written += bytesWritten;',
        replace: 'written = bytes.length;',
      },
    ],
    fate: tests(DISK_ERRORS_TESTS, 'a short write: what is left'),
  },
  {
    name: 'failed-sync-tried-again',
    rule: 'H8',
    edits: [
      {
        file: DISK,
        find: 'await file.datasync();',
        replace: 'await file.datasync().catch(() => file.datasync());',
      },
    ],
    fate: tests(DISK_ERRORS_TESTS, 'EIO of a sync with always'),
  },
  {
    name: 'rewrites-at-the-end',
    rule: 'H8',
    edits: [
      {
        file: DISK,
        find: "const file = await open(path, 'r+');",
        replace: "const file = await open(path, 'a');",
      },
    ],
    fate: tests(RUNTIME_TESTS, 'what is rewritten stays'),
  },
  {
    name: 'torn-append-stays',
    rule: 'H35',
    edits: [
      {
        file: DISK,
        find: '  if (end.isTorn) await file.truncate(end.at);\n',
        replace: '',
      },
    ],
    fate: tests(DISK_ERRORS_TESTS, 'a full disk, with always'),
  },
  {
    name: 'both-ends-of-a-stream-wait-for-the-other-to-read',
    rule: 'docs/protocol.md, D13',
    edits: [
      {
        file: LINK,
        find: "if (this.#side === 'answers' && this.queuedBytes() > LINK_REPLY_BYTES_HIGH)",
        replace: 'if (this.queuedBytes() > LINK_REPLY_BYTES_HIGH)',
      },
    ],
    fate: tests(LINK_TESTS, 'both ends may have more'),
  },
  {
    name: 'a-full-door-takes-more',
    rule: 'docs/operations.md, "Many processors"',
    edits: [
      {
        file: LISTENERS,
        find: 'if (open >= connectionsMax) {',
        replace: 'if (open > connectionsMax) {',
      },
    ],
    fate: tests('test/cluster/io/server/listeners.test.ts', 'who comes when it is full'),
  },
  {
    name: 'a-full-door-never-has-room-again',
    rule: 'docs/operations.md, "Many processors"',
    edits: [
      {
        file: LISTENERS,
        find: "    socket.once('close', () => open--);\n",
        replace: '',
      },
    ],
    fate: tests('test/cluster/io/server/listeners.test.ts', 'who comes when it is full'),
  },
  {
    name: 'reader-silent-without-answers',
    rule: 'D13',
    edits: [
      {
        file: LINK,
        find: 'if (this.#isUnderWay && this.#writer.pendingBytes === 0) this.#writer.addEmpty();',
        replace: '',
      },
    ],
    fate: tests(LINK_TESTS, 'no operation waits'),
  },
  {
    name: 'a-slow-head-is-idle',
    rule: 'RFC 9112 9.5',
    edits: [
      { file: CONNECTIONS, find: 'connection.isQuiet ?', replace: 'connection.open === 0 ?' },
    ],
    fate: tests(HTTP_SERVER_TESTS, 'a head comes slowly'),
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
    fate: tests(HTTP_FORMS_TESTS, 'each pipelined request'),
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
    fate: tests(HTTP_SERVER_TESTS, 'a get waits'),
  },
  {
    name: 'headers-beyond-a-number-are-dropped',
    rule: 'RFC 9112 3.2',
    edits: [{ file: HTTP_SERVER, find: 'server.maxHeadersCount = 0;', replace: '' }],
    fate: tests(HTTP_FORMS_TESTS, 'behind 1,100 headers'),
  },
  {
    name: 'refused-before-what-is-due',
    rule: 'RFC 9112 9.3.2',
    edits: [
      {
        file: HTTP_SERVER,
        find: 'connection.onceIdle(() => connection.isLastSent || refuse(socket, refusal));',
        replace: 'refuse(socket, refusal);',
      },
    ],
    fate: tests(HTTP_FORMS_TESTS, 'half-close'),
  },
  {
    name: 'done-behind-the-last-answer',
    rule: 'RFC 9112 9.6',
    edits: [
      {
        file: HTTP_SERVER,
        find: 'if (last) this.#open -= connection.dropWaiting();',
        replace: 'if (socket.destroyed) this.#open -= connection.dropWaiting();',
      },
    ],
    fate: tests(HTTP_FORMS_TESTS, 'nothing behind the last answer'),
  },
  {
    name: 'half-close-is-the-end',
    rule: 'RFC 9112 9.6',
    edits: [
      {
        file: HTTP_SERVER,
        find: '{ httpAllowHalfOpen: true }',
        replace: '{ httpAllowHalfOpen: false }',
      },
    ],
    fate: tests(HTTP_FORMS_TESTS, 'half-close'),
  },
  {
    name: 'wrong-bytes-drop-what-waits',
    rule: 'docs/api.md',
    edits: [
      {
        file: HTTP_SERVER,
        find: '    connection.takeNoMore();\n',
        replace: '    this.#open -= connection.dropWaiting();\n',
      },
    ],
    fate: tests(PIPELINING_TESTS, 'bytes that are no request'),
  },
  {
    name: 'second-reply-unseen',
    rule: 'H41',
    edits: [
      {
        file: HTTP_SERVER,
        find: "      assert(!incoming.isAnswered, 'a request is answered once');\n",
        replace: '',
      },
    ],
    fate: tests(HTTP_SERVER_TESTS, 'a second answer'),
  },
  {
    name: 'slow-readers-are-cut',
    rule: 'RFC 9112 9.6',
    edits: [
      {
        file: UNREAD_REPLIES,
        find: 'if (nowMs - reader.sentMs < this.#stalledMs) continue;',
        replace: 'if (nowMs < reader.sentMs) continue;',
      },
    ],
    fate: tests(HTTP_SERVER_TESTS, 'who reads slowly'),
  },
  {
    name: 'a-reset-offer-ends-the-process',
    rule: 'RFC 9110 7.8',
    edits: [
      {
        file: UPGRADES,
        find: "const destroy = () => socket.destroy();\n  socket.on('error', destroy);",
        replace: 'const destroy = () => socket.destroy();',
      },
    ],
    fate: tests(HTTP_SERVER_TESTS, 'is reset while'),
  },
  {
    name: 'asks-for-a-body-that-is-refused-anyhow',
    rule: 'RFC 9110 10.1.1',
    edits: [
      { file: HTTP_SERVER, find: 'asksFirst ? judge?.(incoming)', replace: 'judge ? undefined' },
    ],
    fate: tests(EARLY_REFUSALS_TESTS, 'a wrong head is refused'),
  },
  {
    name: 'an-end-that-came-before-is-not-heard',
    rule: 'H46',
    edits: [
      {
        file: CONNECTIONS,
        find: 'if (this.socket.readableEnded || this.socket.destroyed) setImmediate',
        replace: 'if (this.socket.destroyed) setImmediate',
      },
    ],
    fate: tests(HTTP_SERVER_TESTS, 'came before the request had its turn'),
  },
  {
    name: 'who-ends-his-side-has-not-left',
    rule: 'H46',
    edits: [
      {
        file: CONNECTIONS,
        find: "for (const event of ['end', 'close'])",
        replace: "for (const event of ['close'])",
      },
    ],
    fate: tests(HTTP_SERVER_TESTS, 'hears of an end that came with'),
  },
  {
    name: 'a-request-that-was-answered-is-told-of',
    rule: 'H46',
    edits: [
      {
        file: CONNECTIONS,
        find: 'return () => this.#onceLeft.delete(entry);',
        replace: 'return () => void entry;',
      },
    ],
    fate: tests(HTTP_SERVER_TESTS, 'hears once of each request'),
  },
];
