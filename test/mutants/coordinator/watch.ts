// Mutants of watches and long polls.

import { type Mutant, tests } from '../mutant.ts';

const CLUSTER_MAP = 'src/cluster/model/cluster-map.ts';
const CLUSTER_MAP_TESTS = 'test/cluster/model/cluster-map.test.ts';
const CLUSTER_WATCH = 'src/coordinator/operations/watch/cluster-watch.ts';
const FEED = 'src/coordinator/operations/watch/feed.ts';
const KEY_WAIT = 'src/coordinator/operations/watch/key-wait.ts';
const PLACE = 'src/coordinator/operations/watch/place.ts';
const USER_KEYS = 'src/coordinator/operations/user-keys.ts';

const CLUSTER_WATCH_TESTS = 'test/coordinator/operations/watch/cluster-watch.test.ts';
const KEY_WAIT_TESTS = 'test/coordinator/operations/watch/key-wait.test.ts';
const PLACE_TESTS = 'test/coordinator/operations/watch/place.test.ts';
const SCHEDULES = 'test/simulation/schedules-watches.test.ts';

const SETS_MISSED = 'if (wasKnown && !this.#resumed.has(partition)) this.#hasMissed = true;';

export const COORDINATOR_WATCH_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-full-node-is-asked-again-at-once',
    rule: 'H46',
    edits: [{ file: FEED, find: 'if (isNothing && ', replace: 'if (isNothing && false && ' }],
    fate: tests(CLUSTER_WATCH_TESTS, 'does not hold'),
  },
  {
    name: 'missed-before-it-is-followed-again',
    rule: 'H46',
    edits: [
      { file: CLUSTER_WATCH, find: SETS_MISSED, replace: '' },
      {
        file: CLUSTER_WATCH,
        find: '    this.#forget(partition);\n    this.#lost.add(partition);\n    this.#retryLater();',
        replace:
          '    this.#forget(partition);\n    this.#lost.add(partition);\n    this.#hasMissed = true;\n    this.#deliver();\n    this.#retryLater();',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'only once another one does'),
  },
  {
    name: 'nothing-is-ever-missed',
    rule: 'H46',
    edits: [{ file: CLUSTER_WATCH, find: SETS_MISSED, replace: '' }],
    fate: tests(SCHEDULES, 'killed in mid-watch'),
  },
  {
    name: 'missed-for-each-partition',
    rule: 'H46',
    edits: [
      {
        file: FEED,
        find: 'if (followed.length > 0) this.#events.followed(followed);',
        replace: 'for (const each of followed) this.#events.followed([each]);',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'as another incarnation'),
  },
  {
    name: 'what-a-lost-partition-had-is-told-after-it',
    rule: 'H46',
    edits: [
      {
        file: FEED,
        find: 'this.#hasRemoved ? this.#withoutRemoved(told) : told',
        replace: 'this.#hasRemoved && this.#isOver ? this.#withoutRemoved(told) : told',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'is not told'),
  },
  {
    name: 'a-place-passes-what-was-missed',
    rule: 'H46',
    edits: [{ file: CLUSTER_WATCH, find: 'if (this.#hasMissed) return [];', replace: '' }],
    fate: tests(CLUSTER_WATCH_TESTS, 'before it has read that something is missing'),
  },
  {
    name: 'a-place-passes-what-was-not-taken',
    rule: 'H46',
    edits: [
      { file: FEED, find: 'next: this.#taken,', replace: 'next: this.#next ?? this.#taken,' },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'what was not taken yet'),
  },
  {
    name: 'who-comes-back-goes-on-with-other-partitions',
    rule: 'H46',
    edits: [{ file: FEED, find: ' && each.partitions === partitions', replace: '' }],
    fate: tests(CLUSTER_WATCH_TESTS, 'partitions of a member are others'),
  },
  {
    name: 'who-comes-back-goes-on-at-another-incarnation',
    rule: 'H46',
    edits: [
      {
        file: FEED,
        find: 'isSameIncarnation(each.incarnationId, incarnationId) && ',
        replace: 'each.incarnationId.node === incarnationId.node && ',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'has another incarnation'),
  },
  {
    name: 'who-comes-back-knew-nothing',
    rule: 'H46',
    edits: [{ file: CLUSTER_WATCH, find: ' || this.#query.since !== undefined', replace: '' }],
    fate: tests(CLUSTER_WATCH_TESTS, 'who comes back'),
  },
  {
    name: 'who-went-on-once-goes-on-always',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_WATCH,
        find: 'this.#resumed.delete(partition);\n      this.#followed.add(partition);',
        replace: 'this.#followed.add(partition);',
      },
      {
        file: CLUSTER_WATCH,
        find: 'this.#followed.delete(partition);\n    this.#resumed.delete(partition);',
        replace: 'this.#followed.delete(partition);',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'forgotten its changes'),
  },
  {
    name: 'the-first-question-is-held',
    rule: 'H46',
    edits: [
      {
        file: FEED,
        find: 'const isHeld = partitions.equals(this.#followed);',
        replace: 'const isHeld = true;',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'for an answer at once'),
  },
  {
    name: 'an-answer-to-an-earlier-question-counts',
    rule: 'H46',
    edits: [
      {
        file: FEED,
        find: 'if (this.#isOver || this.#question !== question) return;',
        replace: 'if (this.#isOver) return;',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'for other partitions'),
  },
  {
    name: 'a-broken-stream-has-lost-its-partitions',
    rule: 'H46',
    edits: [{ file: FEED, find: 'const FAILURES_MAX = 3;', replace: 'const FAILURES_MAX = 1;' }],
    fate: tests(CLUSTER_WATCH_TESTS, 'where a stream breaks'),
  },
  {
    name: 'a-node-out-of-reach-is-asked-for-ever',
    rule: 'H46',
    edits: [{ file: FEED, find: 'const FAILURES_MAX = 3;', replace: 'const FAILURES_MAX = 1e9;' }],
    fate: tests(CLUSTER_WATCH_TESTS, 'out of reach several times'),
  },
  {
    name: 'a-watch-starts-before-it-follows-all',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_WATCH,
        find: 'if (this.followed === this.wanted) this.#begin();',
        replace: 'this.#begin();',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'and no sooner'),
  },
  {
    name: 'a-watch-hears-of-no-newer-map',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_WATCH,
        find: 'onAdopted((moved) => this.#assign(this.#ofInterest(moved)))',
        replace: 'onAdopted(() => undefined)',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'a newer map names other members'),
  },
  {
    name: 'a-busy-node-hides-the-others',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_WATCH,
        find: '      this.#feeds.delete(name);\n      this.#feeds.set(name, feed);\n',
        replace: '',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'does not hide the others'),
  },
  {
    name: 'a-stopped-watch-keeps-its-streams',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_WATCH,
        find: 'this.#channels.release(feed.incarnation);',
        replace: '',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'leaves streams that nobody else has'),
  },
  {
    name: 'an-id-of-anybody',
    rule: 'H46',
    edits: [
      {
        file: PLACE,
        find: 'if (crc32(content) !== bytes.readUInt32BE(content.length)) return undefined;',
        replace: '',
      },
    ],
    fate: tests(PLACE_TESTS, 'made by hand'),
  },
  {
    name: 'a-watch-tells-the-keys-of-the-cluster',
    rule: 'H46',
    edits: [
      {
        file: USER_KEYS,
        find: 'since, nameOf: userKey }',
        replace: 'since, nameOf: (key: Buffer) => userKey(key) ?? key }',
      },
    ],
    fate: tests(SCHEDULES, 'own keys'),
  },
  {
    name: 'a-long-poll-misses-what-changed-before-it-follows',
    rule: 'H46',
    edits: [
      {
        file: KEY_WAIT,
        find: 'return this.#get(() => this.#next(watch));\n    });',
        replace: 'return this.#next(watch);\n    });',
      },
    ],
    fate: tests(KEY_WAIT_TESTS, 'once it is followed'),
  },
  {
    name: 'a-long-poll-sleeps-through-the-end-of-a-ttl',
    rule: 'H46',
    edits: [{ file: KEY_WAIT, find: 'this.#getWhenExpired(outcome);', replace: '' }],
    fate: tests(KEY_WAIT_TESTS, 'has expired'),
  },
  {
    name: 'a-long-poll-goes-on-following',
    rule: 'H46',
    edits: [{ file: KEY_WAIT, find: 'this.#watch?.stop();', replace: '' }],
    fate: tests(KEY_WAIT_TESTS, 'when the time is over'),
  },
  {
    name: 'a-long-poll-that-is-ended-has-found-nobody',
    rule: 'H46',
    edits: [
      {
        file: KEY_WAIT,
        find: 'if (this.#latest !== undefined) this.#end(this.#latest);',
        replace: 'this.#end(this.#latest ?? NOBODY);',
      },
    ],
    fate: tests(KEY_WAIT_TESTS, 'though it is'),
  },
  {
    name: 'a-long-poll-that-was-ended-goes-on',
    rule: 'H46',
    edits: [
      { file: KEY_WAIT, find: 'const isLast = this.#isTimeOver || ', replace: 'const isLast = ' },
    ],
    fate: tests(KEY_WAIT_TESTS, 'though it is'),
  },
  {
    name: 'each-map-has-each-watch-look-at-all',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_WATCH,
        find: 'return partition === undefined ? moved :',
        replace: 'return partition === undefined ? this.#wanted :',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'moves few partitions'),
  },
  {
    name: 'a-lost-partition-waits-for-the-next-map',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_WATCH,
        find: '    this.#lost.add(partition);\n    this.#retryLater();',
        replace: '    this.#retryLater();',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'where the same member has forgotten changes'),
  },
  {
    name: 'a-member-that-came-has-moved-nothing',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_MAP,
        find: 'now.length === earlier.length &&\n      now.every(',
        replace: 'now.some(',
      },
    ],
    fate: tests(CLUSTER_MAP_TESTS, 'partitions that moved'),
  },
  {
    name: 'missed-once-for-each-map',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_WATCH,
        find: 'this.#hasMissed && !this.#hasJustMissed',
        replace: 'this.#hasMissed',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'in short succession'),
  },
  {
    name: 'what-is-missed-in-short-succession-is-never-said',
    rule: 'H46',
    edits: [
      {
        file: CLUSTER_WATCH,
        find: '      this.#hasJustMissed = false;\n      this.#deliver();',
        replace: '      this.#hasJustMissed = false;',
      },
    ],
    fate: tests(CLUSTER_WATCH_TESTS, 'in short succession'),
  },
];
