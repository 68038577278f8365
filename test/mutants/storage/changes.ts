// Mutants of what a storage node tells those who follow its changes.

import { type Mutant, tests } from '../mutant.ts';

const CHANGE_LINKS = 'src/storage/changes/change-links.ts';
const CHANGE_RING = 'src/storage/changes/change-ring.ts';
const GATHER = 'src/storage/changes/gather.ts';
const LOGGED_STORE = 'src/storage/logged-store.ts';
const REPLICA = 'src/storage/replication/replica.ts';

const CHANGE_LINKS_TESTS = 'test/storage/changes/change-links.test.ts';
const CHANGE_RING_TESTS = 'test/storage/changes/change-ring.test.ts';
const GATHER_TESTS = 'test/storage/changes/gather.test.ts';

export const STORAGE_CHANGES_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-reset-is-no-change',
    rule: 'H46',
    edits: [
      {
        file: LOGGED_STORE,
        find: 'this.#store.reset(partition);\n    this.#changes.interrupted(partition);',
        replace: 'this.#store.reset(partition);',
      },
    ],
    fate: tests(GATHER_TESTS, 'an interrupted partition is lost'),
  },
  {
    name: 'setting-aside-is-no-change',
    rule: 'H46',
    edits: [
      {
        file: LOGGED_STORE,
        find: 'this.#store.asides.add(partition);\n    this.#changes.interrupted(partition);',
        replace: 'this.#store.asides.add(partition);',
      },
    ],
    fate: tests(GATHER_TESTS, 'set aside and comes back'),
  },
  {
    name: 'restoring-is-no-change',
    rule: 'H46',
    edits: [
      {
        file: LOGGED_STORE,
        find: 'this.#store.asides.restore(partition);\n    this.#changes.interrupted(partition);',
        replace: 'this.#store.asides.restore(partition);',
      },
    ],
    fate: tests(GATHER_TESTS, 'set aside and comes back'),
  },
  {
    name: 'a-copied-record-is-no-change',
    rule: 'H46',
    edits: [
      {
        file: LOGGED_STORE,
        find: "this.#store.putCopied(partition, record);\n    if (outcome.kind === 'applied') this.#applied(partition, record);",
        replace:
          "this.#store.putCopied(partition, record);\n    if (outcome.kind === 'applied') this.#log.append({ kind: 'record', partition, record });",
      },
    ],
    fate: tests(GATHER_TESTS, 'what was copied is told'),
  },
  {
    name: 'forgotten-changes-are-taken-for-none',
    rule: 'H46',
    edits: [
      {
        file: CHANGE_RING,
        find: 'return this.#memory !== undefined && from >= this.#first && from <= this.#next;',
        replace: 'return this.#memory !== undefined && from <= this.#next;',
      },
    ],
    fate: tests(GATHER_TESTS, 'where changes were forgotten'),
  },
  {
    name: 'what-changed-while-nobody-followed-is-skipped',
    rule: 'H46',
    edits: [
      {
        file: CHANGE_RING,
        find: '    this.#next++;\n    this.#first =',
        replace: '    this.#first =',
      },
    ],
    fate: tests(CHANGE_RING_TESTS, 'until it begins again is missed'),
  },
  {
    name: 'the-ring-forgets-by-entries-alone',
    rule: 'H46',
    edits: [
      {
        file: CHANGE_RING,
        find: 'this.#keyBytes + length - this.#startOf(memory, this.#first) > keyBytes',
        replace: 'length > keyBytes',
      },
    ],
    fate: tests(CHANGE_RING_TESTS, 'the oldest go first'),
  },
  {
    name: 'the-ring-forgets-by-bytes-alone',
    rule: 'H46',
    edits: [
      {
        file: CHANGE_RING,
        find: 'if (this.#next - this.#first === entries) this.#first++;',
        replace: '',
      },
    ],
    fate: tests(CHANGE_RING_TESTS, 'the oldest go first'),
  },
  {
    name: 'forgotten-changes-lose-no-partition',
    rule: 'H46',
    edits: [
      {
        file: GATHER,
        find: 'lost: partitions, gone',
        replace: 'lost: PartitionSet.empty(0), gone',
      },
    ],
    fate: tests(GATHER_TESTS, 'where changes were forgotten'),
  },
  {
    name: 'a-forgotten-delete-is-not-told',
    rule: 'H46',
    edits: [
      {
        file: GATHER,
        find: 'if (record === undefined) gone.push({ key, version: reader.floor(partition) });\n    else',
        replace: 'if (record !== undefined)',
      },
    ],
    fate: tests(GATHER_TESTS, 'whose delete was forgotten'),
  },
  {
    name: 'a-look-passes-what-it-has-not-seen',
    rule: 'H46',
    edits: [
      {
        file: GATHER,
        find: 'changes: { next, lost, gone, heads }',
        replace: 'changes: { next: ring.next, lost, gone, heads }',
      },
    ],
    fate: tests(GATHER_TESTS, 'at a time'),
  },
  {
    name: 'a-node-without-a-lease-is-followed',
    rule: 'R1',
    edits: [
      {
        file: REPLICA,
        find: 'this.#granted && this.lease.isLive() && this.#servesByMap(partition)',
        replace: 'this.#granted && this.#servesByMap(partition)',
      },
    ],
    fate: tests(CHANGE_LINKS_TESTS, 'without a lease'),
  },
  {
    name: 'a-frozen-partition-is-followed',
    rule: 'H32',
    edits: [
      {
        file: REPLICA,
        find: 'if (entry === undefined || isFrozenHere || this.#stopped) return false;',
        replace: 'if (entry === undefined || this.#stopped) return false;',
      },
    ],
    fate: tests(CHANGE_LINKS_TESTS, 'takes away, or freezes'),
  },
  {
    name: 'a-held-question-ends-without-a-word-of-the-lease',
    rule: 'R1',
    edits: [
      {
        file: CHANGE_LINKS,
        find: 'send(link, id, this.#withUnserved(follow, changes));\n  }\n\n  #release',
        replace: 'send(link, id, changes);\n  }\n\n  #release',
      },
    ],
    fate: tests(CHANGE_LINKS_TESTS, 'nothing changes any more'),
  },
  {
    name: 'a-held-question-looks-once',
    rule: 'H46',
    edits: [
      {
        file: CHANGE_LINKS,
        find: 'if ([...this.#held].some(({ from }) => from < ring.next)) this.#lookSoon();',
        replace: '',
      },
    ],
    fate: tests(CHANGE_LINKS_TESTS, 'behind many changes'),
  },
  {
    name: 'questions-are-held-without-end',
    rule: 'H46',
    edits: [
      { file: CHANGE_LINKS, find: 'if (this.#held.size <= HELD_MAX) break;', replace: 'break;' },
    ],
    fate: tests(CHANGE_LINKS_TESTS, 'where too many wait'),
  },
  {
    name: 'changes-are-noted-for-ever',
    rule: 'H46',
    edits: [
      { file: CHANGE_LINKS, find: 'else this.#node.ring.end();', replace: 'else this.#noteOn();' },
    ],
    fate: tests(CHANGE_LINKS_TESTS, 'for two minutes'),
  },
  {
    name: 'a-closed-stream-keeps-its-questions',
    rule: 'H46',
    edits: [
      {
        file: CHANGE_LINKS,
        find: 'for (const held of this.#held) if (held.link === link) this.#release(held);',
        replace: '',
      },
    ],
    fate: tests(CHANGE_LINKS_TESTS, 'was closed is forgotten'),
  },
];
