// Mutants of what a node that comes back keeps, and copies again.

import { type Mutant, tests } from './mutant.ts';

const REPLICA_TESTS = 'test/storage/replication/replica.test.ts';
const DECIDE_TESTS = 'test/controller/decisions/decide.test.ts';
const STORE_TESTS = 'test/storage/memory/segment-store.test.ts';
const COMPACTION_TESTS = 'test/storage/log/compaction.test.ts';
const RETURNING_SCHEDULES = 'test/simulation/schedules-returning.test.ts';
const LOST_HOST_SCHEDULES = 'test/simulation/schedules-lost-hosts.test.ts';
const RETAINED = 'src/storage/replication/retained.ts';
const REPLICA = 'src/storage/replication/replica.ts';
const MEMORY = 'src/storage/memory/segment-store.ts';
const ROOM = 'src/storage/memory/room.ts';
const LIFE = 'src/storage/node-incarnation.ts';
const COMPACTION = 'src/storage/log/compaction.ts';
const HOLDERS = 'src/controller/decisions/holders.ts';
const ADMIN = 'src/controller/routes/admin.ts';
const REBALANCING = 'src/controller/decisions/rebalancing.ts';
const ASIDE_TESTS = 'test/storage/memory/asides.test.ts';
const ASIDES = 'src/storage/memory/asides.ts';
const LOGGED_STORE = 'src/storage/logged-store.ts';
const JOINER = 'src/storage/replication/joiner.ts';
const VIEW = 'src/controller/observations/view.ts';

const KEPT: readonly Mutant[] = [
  {
    name: 'reset-while-nobody-answers',
    rule: 'H29',
    edits: [{ file: RETAINED, find: 'if (safe >= wanted)', replace: 'if (safe >= 0)' }],
    fate: tests(RETURNING_SCHEDULES, 'is kept while nobody answers'),
  },
  {
    name: 'one-that-answers-is-enough',
    rule: 'H29',
    edits: [{ file: RETAINED, find: 'safe >= wanted', replace: 'safe >= 1' }],
    fate: tests(REPLICA_TESTS, 'is kept until as many answer'),
  },
  {
    name: 'gives-up-what-nobody-knows-it-lost',
    rule: 'H29',
    edits: [
      {
        file: RETAINED,
        find: 'answering.filter((member) => this.#knows(member, held.since)).length',
        replace: 'answering.length',
      },
    ],
    fate: tests('test/simulation/schedules-given-up.test.ts', 'who left has what it had'),
  },
  {
    name: 'a-later-generation-knows-it-too',
    rule: 'H32',
    edits: [
      {
        file: RETAINED,
        find: 'if (compareGenerations(known.mapVersion, since) !== 0) return false;',
        replace: '',
      },
    ],
    fate: tests('test/simulation/schedules-given-up.test.ts', 'of a later generation'),
  },
  {
    name: 'an-earlier-life-knew-it',
    rule: 'H29',
    edits: [
      {
        file: RETAINED,
        find: 'known === undefined || !isSameLife(known, member)',
        replace: 'known === undefined',
      },
    ],
    fate: tests(REPLICA_TESTS, 'nor does it go before they know'),
  },
  {
    name: 'who-adopts-a-map-is-fenced',
    rule: 'H29',
    edits: [{ file: RETAINED, find: '(!fenced || node === own)', replace: '!fenced' }],
    fate: tests(REPLICA_TESTS, 'nor does it go while this node is fenced'),
  },
  {
    name: 'nobody-is-enough-where-nobody-is-placed',
    rule: 'H29',
    edits: [{ file: RETAINED, find: 'Math.max(1, Math', replace: 'Math.max(0, Math' }],
    fate: tests(REPLICA_TESTS, 'never goes while nobody answers'),
  },
  {
    name: 'reclaims-what-nobody-answers-for',
    rule: 'H29',
    edits: [{ file: RETAINED, find: 'else if (safe > 0) this.#recl', replace: 'else this.#recl' }],
    fate: tests(REPLICA_TESTS, 'never goes while nobody answers'),
  },
  {
    name: 'retained-is-never-reclaimed',
    rule: 'H29',
    edits: [
      {
        file: MEMORY,
        find: ' && this.#dropped.isEmpty) this.reclaim();',
        replace: ') return EQUAL;',
      },
      { file: ROOM, find: 'isEmpty && !this.#store.reclaim()', replace: 'isEmpty' },
    ],
    fate: tests(STORE_TESTS, 'of what others have'),
  },
  {
    name: 'answers-from-what-is-retained',
    rule: 'H29',
    edits: [
      {
        file: REPLICA,
        find: 'const member = this.#memberships[partition];\n    const entry',
        replace:
          "const member = this.#memberships[partition] ?? { ...this.life, role: 'serving' as const };\n    const entry",
      },
    ],
    fate: tests(REPLICA_TESTS, 'answered from never'),
  },
  {
    name: 'a-joiner-calls-itself-complete',
    rule: 'H29',
    edits: [
      { file: REPLICA, find: "if (member.role !== 'joining') this.#set", replace: 'this.#set' },
    ],
    fate: tests(REPLICA_TESTS, 'that a joiner has everything'),
  },
  {
    name: 'completeness-compacted-away',
    rule: 'D7',
    edits: [
      {
        file: COMPACTION,
        find: 'if (complete !== undefined) ',
        replace: 'if (complete !== undefined && version === undefined) ',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'is what was there when it was down'),
  },
];

const ACCEPTED: readonly Mutant[] = [
  {
    name: 'loss-accepted-with-the-least-complete',
    rule: 'H29',
    edits: [{ file: HOLDERS, find: 'b.epoch - a.epoch', replace: 'a.epoch - b.epoch' }],
    fate: tests(RETURNING_SCHEDULES, 'takes the copy that was complete for longest'),
  },
  {
    name: 'loss-accepted-with-members-only',
    rule: 'H29',
    edits: [{ file: LIFE, find: 'retained: this.#retained(),', replace: 'retained: undefined,' }],
    fate: tests(RETURNING_SCHEDULES, 'comes back with accept-loss'),
  },
  {
    name: 'loss-accepted-before-all-said-what-they-hold',
    rule: 'H29',
    edits: [{ file: ADMIN, find: 'begunMs >= waitMs', replace: 'begunMs >= 0' }],
    fate: tests(RETURNING_SCHEDULES, 'is answered sensibly'),
  },
  {
    name: 'loss-accepted-with-who-said-nothing-yet',
    rule: 'H29',
    edits: [
      {
        file: HOLDERS,
        find: 'compareMapVersions(said, version) >= 0',
        replace: 'said !== version',
      },
    ],
    fate: tests(RETURNING_SCHEDULES, 'is answered sensibly'),
  },
  {
    name: 'loss-accepted-while-members-answer',
    rule: 'I7',
    edits: [
      {
        file: ADMIN,
        find: '!view.obeys(member, map.version),',
        replace: '!view.obeys(member, map.version) && false,',
      },
    ],
    fate: tests(LOST_HOST_SCHEDULES, 'they are behind a cut'),
  },
  {
    name: 'members-that-are-gone-are-waited-for',
    rule: 'H5',
    edits: [
      {
        file: ADMIN,
        find: 'view.lapsedSinceMs(member) === undefined &&',
        replace: '',
      },
    ],
    fate: tests(LOST_HOST_SCHEDULES, 'the operator says that they are gone'),
  },
  {
    name: 'loss-accepted-without-who-cannot-say',
    rule: 'H29',
    edits: [
      {
        file: ADMIN,
        find: "if (silent.length > 0) return reply(new Refused('not-ready', cannotSay(silent)));",
        replace: '',
      },
    ],
    fate: tests(RETURNING_SCHEDULES, 'cannot say what it has'),
  },
  {
    name: 'joins-without-a-source-that-is-heard',
    rule: 'H29',
    edits: [
      {
        file: REBALANCING,
        find: '.some((member) => view.isHeard(member))',
        replace: '.length > 0',
      },
    ],
    fate: tests(DECIDE_TESTS, 'nobody joins'),
  },
];

const AWAITED: readonly Mutant[] = [
  {
    name: 'silent-node-is-replaced-at-once',
    rule: 'R8',
    edits: [{ file: REBALANCING, find: 'fenced && view.isAwaited(life)', replace: 'false' }],
    fate: tests(DECIDE_TESTS, 'while two others serve'),
  },
  {
    name: 'silent-node-has-its-share-kept-and-not-what-it-had',
    rule: 'R8',
    edits: [{ file: REBALANCING, find: '...(kept[partition] ?? [])', replace: '' }],
    fate: tests(DECIDE_TESTS, 'every one of them'),
  },
  {
    name: 'silent-node-that-is-back-has-its-share-kept-and-not-what-it-had',
    rule: 'R8',
    edits: [{ file: REBALANCING, find: '[...awaited, ...this.#awaited]', replace: 'awaited' }],
    fate: tests(DECIDE_TESTS, 'every one of them'),
  },
  {
    name: 'silent-node-is-never-replaced',
    rule: 'R8',
    edits: [
      { file: VIEW, find: 'this.#nowMs - lapsedMs < this.#times.replaceAfterMs', replace: 'true' },
    ],
    fate: tests(DECIDE_TESTS, 'while two others serve'),
  },
  {
    name: 'awaits-with-one-copy-left',
    rule: 'R8',
    edits: [
      {
        file: REBALANCING,
        find: 'const COPIES_TO_WAIT_WITH = 2;',
        replace: 'const COPIES_TO_WAIT_WITH = 1;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'not where one copy is left'),
  },
  {
    name: 'awaits-the-dead',
    rule: 'R8',
    edits: [
      { file: VIEW, find: ' || this.isDead(life)) return false;', replace: ') return false;' },
    ],
    fate: tests(DECIDE_TESTS, 'is dead for good'),
  },
];

const SET_ASIDE: readonly Mutant[] = [
  {
    name: 'answers-from-what-is-set-aside',
    rule: 'H15',
    edits: [{ file: ASIDES, find: 'this.#partitions.set(partition, empty);', replace: '' }],
    fate: tests(REPLICA_TESTS, 'a joiner begins with nothing'),
  },
  {
    name: 'taken-back-by-key-alone',
    rule: 'H15',
    edits: [{ file: ASIDES, find: 'if (!isSameHead(record, head)) return false;', replace: '' }],
    fate: tests(RETURNING_SCHEDULES, 'copies only what differs'),
  },
  {
    name: 'taken-back-over-a-greater-one',
    rule: 'H15',
    edits: [
      {
        file: ASIDES,
        find: 'if (at !== undefined && compareRecords(record, this.#segments.at(at)) <= 0) return true;',
        replace: '',
      },
    ],
    fate: tests(ASIDE_TESTS, 'not over a greater one'),
  },
  {
    name: 'keeps-what-the-source-did-not-list',
    rule: 'H26',
    edits: [
      {
        file: JOINER,
        find: 'this.#dropAside(partition, copy, FIRST);',
        replace: 'this.#report(partition, copy);',
      },
    ],
    fate: tests(RETURNING_SCHEDULES, 'brings nothing back'),
  },
  {
    name: 'what-was-set-aside-stays-in-the-log',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "leftovers) {\n      this.#log.append({ kind: 'forget', partition, key, version });",
        replace: 'leftovers) {',
      },
    ],
    fate: tests(RETURNING_SCHEDULES, 'brings nothing back'),
  },
  {
    name: 'log-loses-what-is-below',
    rule: 'H15',
    edits: [{ file: ASIDES, find: 'below: present });', replace: 'below: undefined });' }],
    fate: tests(ASIDE_TESTS, 'is in the log as it is here'),
  },
  {
    name: 'compaction-passes-over-what-is-set-aside',
    rule: 'H15',
    edits: [
      {
        file: COMPACTION,
        find: 'this.#store.asides.listAll(partition, walk.cursor',
        replace: 'this.#store.list(partition, walk.cursor',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'what a joiner had'),
  },
  {
    name: 'a-join-given-up-takes-what-was-there',
    rule: 'H29',
    edits: [
      {
        file: REPLICA,
        find: 'this.#store.restoreAside(partition);',
        replace: 'while (this.dropAside(partition, { bucket: 0, afterKey: KEY }, false));',
      },
      {
        file: REPLICA,
        find: 'const NOT_SERVING: Answer',
        replace: 'const KEY = Buffer.alloc(0);\nconst NOT_SERVING: Answer',
      },
    ],
    fate: tests(RETURNING_SCHEDULES, 'its source burns'),
  },
  {
    name: 'partly-dropped-counts-as-complete',
    rule: 'H29',
    edits: [
      { file: REPLICA, find: 'if (!copied) this.#setComplete(partition, UNKNOWN);', replace: '' },
    ],
    fate: tests(REPLICA_TESTS, 'for want of memory'),
  },
  {
    name: 'lists-before-the-join-epoch',
    rule: 'H14',
    edits: [
      {
        file: REPLICA,
        find: 'if (entry.epoch < operation.epoch) return BEHIND;',
        replace: "if (operation.kind === 'copy' && entry.epoch < operation.epoch) return BEHIND;",
      },
    ],
    fate: tests(REPLICA_TESTS, 'at the epoch or a later one'),
  },
];

export const RETURNING_MUTANTS: readonly Mutant[] = [
  ...KEPT,
  ...ACCEPTED,
  ...AWAITED,
  ...SET_ASIDE,
];
