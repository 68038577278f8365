// Mutants of that each set is answered once.

import { type Mutant, tests } from './mutant.ts';

const COMBINING = 'src/coordinator/operations/set/coalescing.ts';
const WRITER = 'src/coordinator/operations/set/writer.ts';
const COMBINING_TESTS = 'test/coordinator/operations/set/coalescing.test.ts';
const WRITER_TESTS = 'test/coordinator/operations/set/writer.test.ts';
const ONE_ANSWER = 'test/coordinator/operations/set/one-answer.test.ts';

export const WRITER_MUTANTS: readonly Mutant[] = [
  {
    name: 'stored-and-still-refusable',
    rule: 'H41',
    edits: [
      {
        file: COMBINING,
        find: '    for (const set of taken) this.#left(set, queue);\n',
        replace: '',
      },
    ],
    fate: tests(WRITER_TESTS, 'is told that alone'),
  },
  {
    name: 'sent-and-still-refusable',
    rule: 'H41',
    edits: [
      {
        file: COMBINING,
        find: '    if (next !== undefined) this.#left(next, queue);\n',
        replace: '',
      },
    ],
    fate: tests(ONE_ANSWER, 'through pauses'),
  },
  {
    name: 'overtaken-forgotten-when-the-newest-is-refused',
    rule: 'H41',
    edits: [
      {
        file: WRITER,
        find: '      // Later, because the next',
        replace: '      this.#waiting.takeOvertaken(queue);\n      // Later, because the next',
      },
    ],
    fate: tests(ONE_ANSWER, 'through pauses'),
  },
  {
    name: 'overtaken-counts-the-refused',
    rule: 'H41',
    edits: [
      { file: COMBINING, find: '    if (queue.overtaken > 0) queue.overtaken--;\n', replace: '' },
    ],
    fate: tests(COMBINING_TESTS, 'all that were overtaken are too late'),
  },
  {
    name: 'leaves-twice-unseen',
    rule: 'H41',
    edits: [
      {
        file: COMBINING,
        find: "    assert(set.queue === queue, 'a set leaves the queue that it waits in, once');\n",
        replace: '',
      },
    ],
    fate: tests(COMBINING_TESTS, 'waits in one queue, and leaves it once'),
  },
  {
    name: 'answered-twice-unseen',
    rule: 'H41',
    edits: [
      {
        file: 'src/coordinator/operations/set/pending-set.ts',
        find: '    this.#callback = undefined;\n',
        replace: '',
      },
    ],
    fate: tests(COMBINING_TESTS, 'a set is answered once'),
  },
  {
    name: 'looks-for-the-late-ones-once',
    rule: 'H41',
    edits: [
      {
        file: WRITER,
        find: '      this.#refuseLate();\n      this.#watch();\n',
        replace: '      this.#refuseLate();\n',
      },
    ],
    fate: tests(ONE_ANSWER, 'through pauses'),
  },
  {
    name: 'get-answered-by-each-member',
    rule: 'R3',
    edits: [
      {
        file: 'src/coordinator/operations/get/round.ts',
        find: '    this.#callback = undefined;\n',
        replace: '',
      },
    ],
    fate: tests(ONE_ANSWER, 'through pauses'),
  },
  {
    name: 'joined-gets-never-answered',
    rule: 'R3',
    edits: [
      {
        file: 'src/cluster/peers/storage-channel.ts',
        find: '  if (more !== undefined) for (const asker of more) asker.callback(answer);\n',
        replace: '',
      },
    ],
    fate: tests(ONE_ANSWER, 'through pauses'),
  },
  {
    name: 'given-up-and-answered-later',
    rule: 'R4',
    edits: [
      {
        file: 'src/cluster/peers/storage-channel.ts',
        find: 'else if (this.#stream.asked.take(id) !== undefined) {',
        replace: 'else {',
      },
    ],
    fate: tests(ONE_ANSWER, 'through pauses'),
  },
  {
    name: 'looked-at-the-floors-in-vain',
    rule: 'D16',
    edits: [
      {
        file: 'src/coordinator/operations/restore/round.ts',
        find: 'if (serving.length === 0) return this.#askLater();',
        replace: 'if (serving.length === 0) return;',
      },
    ],
    fate: tests(
      'test/coordinator/operations/restore/decision.test.ts',
      'H26: a joiner below its floor',
    ),
  },
  {
    name: 'broken-invariant-answered-500',
    rule: 'H41',
    edits: [
      {
        file: 'src/cluster/http/routes.ts',
        find: 'if (error instanceof FatalError || error instanceof InvariantBroken) throw error;',
        replace: 'if (error instanceof FatalError) throw error;',
      },
    ],
    fate: tests('test/cluster/http/routes.test.ts', 'a broken invariant'),
  },
  {
    name: 'second-reply-unseen',
    rule: 'H41',
    edits: [
      {
        file: 'src/cluster/io/server/http-server.ts',
        find: "      assert(!incoming.isAnswered, 'a request is answered once');\n",
        replace: '',
      },
    ],
    fate: tests('test/cluster/io/server/http-server.test.ts', 'a second answer'),
  },
  {
    name: 'poll-answered-by-time-and-map',
    rule: 'H38',
    edits: [
      {
        file: 'src/controller/map/published-map.ts',
        find: 'if (!this.#waiters.delete(waiter)) return;',
        replace: 'this.#waiters.delete(waiter);',
      },
    ],
    fate: tests('test/controller/map/published-map.test.ts', 'answers a wait once'),
  },
  {
    name: 'answers-share-one-head',
    rule: 'H8',
    edits: [
      {
        file: 'src/cluster/wire/operations.ts',
        find: 'const head = Buffer.allocUnsafe(9);',
        replace: 'const head = (withVersion as { shared?: Buffer }).shared ??= Buffer.alloc(9);',
      },
    ],
    fate: tests('test/cluster/wire/operations.test.ts', 'an answer that waits for the log'),
  },
];
