// Mutants of how a partition is copied, and what is kept of it.

import { aimed, type Mutant, SEEDS, tests } from '../mutant.ts';

const JOINER = 'src/storage/replication/joiner.ts';
const MAP_ADOPTION = 'src/storage/replication/map-adoption.ts';
const MAP_ADOPTION_TESTS = 'test/storage/replication/map-adoption.test.ts';
const RESTRICTIONS = 'src/storage/replication/restrictions.ts';
const RETAINED = 'src/storage/replication/retained.ts';
const RETAINED_TESTS = 'test/storage/replication/retained.test.ts';
const RETENTION = 'src/storage/replication/retention.ts';
const TRANSFER = 'src/storage/replication/transfer.ts';

const ANTI_ENTROPY_TESTS = 'test/storage/replication/anti-entropy.test.ts';
const CACHES_SCHEDULES = 'test/simulation/schedules-caches.test.ts';
const DELETES_SCHEDULES = 'test/simulation/schedules-deletes.test.ts';
const GIVEN_UP_SCHEDULES = 'test/simulation/schedules-given-up.test.ts';
const JOINS_SCHEDULES = 'test/simulation/schedules-joins.test.ts';
const JOINER_TESTS = 'test/storage/replication/joiner.test.ts';
const MEMORY_SCHEDULES = 'test/simulation/schedules-memory.test.ts';
const REPLICA_TESTS = 'test/storage/replication/replica.test.ts';
const RETURNING_SCHEDULES = 'test/simulation/schedules-returning.test.ts';
const WITNESSES_SCHEDULES = 'test/simulation/schedules-witnesses.test.ts';

export const STORAGE_COPIES_MUTANTS: readonly Mutant[] = [
  {
    name: 'joined-before-durable',
    rule: 'H36',
    edits: [
      {
        file: JOINER,
        find: `this.#store.durability.whenDurable(() => {
      copy.done = true;`,
        replace: `this.#runtime.timers.after(0, () => {
      copy.done = true;`,
      },
    ],
    fate: tests(JOINS_SCHEDULES, 'H36: '),
  },
  {
    name: 'one-lost-page-costs-the-copy',
    rule: 'R8',
    edits: [{ file: JOINER, find: 'const TRIES_AGAIN = 5;', replace: 'const TRIES_AGAIN = 0;' }],
    fate: tests(JOINER_TESTS, 'asked for again of the same source'),
  },
  {
    name: 'a-silent-source-is-asked-for-ever',
    rule: 'R8',
    edits: [{ file: JOINER, find: '        job.triesLeft--;\n', replace: '' }],
    fate: tests(JOINER_TESTS, 'asked a few times in a row'),
  },
  {
    name: 'who-answers-no-more-is-asked-again',
    rule: 'R8',
    edits: [
      {
        file: JOINER,
        find: 'return this.#answering(partition).some((member) => isSameIncarnation(member, source));',
        replace: 'return this.#isSource(partition, source);',
      },
    ],
    fate: tests(JOINER_TESTS, 'that may answer no more'),
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
    name: 'older-map-on-disk',
    rule: 'I1',
    edits: [
      {
        file: MAP_ADOPTION,
        find: "if (judgement === 'adopted') this.#write(disk, next);",
        replace: 'if (!this.#stopped) this.#write(disk, next);',
      },
    ],
    fate: tests(MAP_ADOPTION_TESTS, 'behind a newer one'),
  },
  {
    name: 'older-map-replaces-the-adopted-one',
    rule: 'I1',
    edits: [
      {
        file: MAP_ADOPTION,
        find: "      const judgement = this.#replica.judge(next.map);\n      if (judgement === 'adopted') this.#write(disk, next);\n",
        replace:
          "      const judgement = this.#replica.judge(next.map);\n      if (judgement === 'adopted' || judgement === 'already-newer') this.#write(disk, next);\n",
      },
    ],
    fate: tests(MAP_ADOPTION_TESTS, 'behind a newer one'),
  },
  {
    name: 'only-stored-maps-are-obeyed',
    rule: 'H35',
    edits: [{ file: MAP_ADOPTION, find: '    this.#replica.obey(map);\n', replace: '' }],
    fate: tests(WITNESSES_SCHEDULES, 'obeys what takes its rights away'),
  },
  {
    name: 'hung-map-is-no-hung-disk',
    rule: 'H35',
    edits: [
      {
        file: MAP_ADOPTION,
        find: 'return this.#stalled ? STALLED : undefined',
        replace: 'return undefined',
      },
    ],
    fate: tests(WITNESSES_SCHEDULES, 'or whose disk hangs'),
  },
  {
    name: 'fence-outlasts-its-end',
    rule: 'R6',
    edits: [
      {
        file: RESTRICTIONS,
        find: 'if (this.#map === undefined || isNewer(map, this.#map)) this.#map = map;',
        replace: 'this.#map ??= map;',
      },
    ],
    fate: tests(REPLICA_TESTS, 'holds until one that is newer'),
  },
  {
    name: 'older-map-lifts-the-fence',
    rule: 'R6',
    edits: [
      {
        file: RESTRICTIONS,
        find: 'if (this.#map !== undefined && !isNewer(this.#map, map)) this.#map = undefined;',
        replace: 'if (map !== undefined) this.#map = undefined;',
      },
    ],
    fate: tests(REPLICA_TESTS, 'holds until one that is newer'),
  },
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
    fate: tests(GIVEN_UP_SCHEDULES, 'who left has what it had'),
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
    fate: tests(RETAINED_TESTS, 'have adopted'),
  },
  {
    name: 'an-earlier-life-knew-it',
    rule: 'H29',
    edits: [
      {
        file: RETAINED,
        find: 'known === undefined || !isSameIncarnation(known, member)',
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
    name: 'retained-until-one-answers',
    rule: 'H29',
    edits: [
      {
        file: RETAINED,
        find: 'if (safe >= wanted)',
        replace: 'if (safe >= Math.min(1, wanted))',
      },
      // That it is known to have the map is a guard of its own, and nearly as good.
      {
        file: RETAINED,
        find: 'answering.filter((member) => this.#knows(member, held.since)).length',
        replace: 'answering.length',
      },
    ],
    fate: aimed('last-copy', 150),
  },
  {
    name: 'deletes-kept-however-short-memory-is',
    rule: 'R10',
    edits: [
      {
        file: RETENTION,
        find: 'this.isUrgent || this.#store.memory().isFull ? this.#short',
        replace: 'this.isUrgent && this.#store.memory().limit < 0 ? this.#short',
      },
    ],
    fate: tests(MEMORY_SCHEDULES, 'R10: '),
  },
  {
    name: 'deletes-forgotten-at-once',
    rule: 'H31',
    edits: [
      {
        file: RETENTION,
        find: 'Math.min(tombstoneGraceMs, times.tombstoneGraceShortMs)',
        replace: '-2 * times.tombstoneGraceShortMs',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'of a moment ago'),
  },
  {
    name: 'short-memory-keeps-no-grace-at-all',
    rule: 'R10',
    edits: [
      {
        file: RETENTION,
        find: 'Math.min(tombstoneGraceMs, times.tombstoneGraceShortMs)',
        replace: 'Math.min(tombstoneGraceMs, 0)',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'of a moment ago'),
  },
  {
    name: 'floor-late',
    rule: 'H26',
    edits: [
      {
        file: TRANSFER,
        find: 'this.#raiseFloor(floor);\n    for',
        replace: 'for',
      },
      {
        file: TRANSFER,
        find: 'if (version > floor || listed.has(nameOf(record))) continue;',
        replace: 'if (version > 0n || listed.has(nameOf(record))) continue;',
      },
      {
        file: TRANSFER,
        find: 'if (floor !== VERSION_ZERO) {',
        replace:
          'if (next === undefined) this.#raiseFloor(floor);\n    if (floor !== VERSION_ZERO) {',
      },
    ],
    fate: tests(DELETES_SCHEDULES, 'H26: a joiner'),
  },
  {
    name: 'first-floor-of-a-copy',
    rule: 'H40',
    edits: [
      {
        file: TRANSFER,
        find: 'this.#raiseFloor(floor);\n    for',
        replace: 'if (from.bucket + from.afterKey.length === 0) this.#raiseFloor(floor);\n    for',
      },
    ],
    fate: tests(CACHES_SCHEDULES, 'while it was copied is covered'),
  },
  {
    name: 'drops-by-the-first-floor',
    rule: 'H40',
    edits: [
      {
        file: TRANSFER,
        find: '  readonly #copy: Evictions;',
        replace: '  readonly #copy: Evictions;\n  #first: Version | undefined;',
      },
      {
        file: TRANSFER,
        find: '    this.#raiseFloor(floor);\n    for',
        replace: '    this.#raiseFloor(floor);\n    this.#first ??= floor;\n    for',
      },
      {
        file: TRANSFER,
        find: 'new Set(records.map(nameOf)), floor);',
        replace: 'new Set(records.map(nameOf)), this.#first ?? floor);',
      },
    ],
    fate: tests(CACHES_SCHEDULES, 'takes with it what came before it'),
  },
  {
    name: 'copy-passes-own-evictions',
    rule: 'H40',
    edits: [{ file: TRANSFER, find: 'this.#isOutlived(record) || ', replace: '' }],
    fate: tests(CACHES_SCHEDULES, 'by the joiner does not come back'),
  },
  {
    name: 'copy-with-holes-promoted',
    rule: 'H15',
    edits: [
      {
        file: TRANSFER,
        find: "record).kind !== 'no-memory';",
        replace: "record).kind !== 'no-memory' || this.#store !== undefined;",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'given-up-by-a-map-that-came-late',
    rule: 'H29',
    edits: [
      {
        file: RETAINED,
        find: 'if (compareMapVersions(map.version, this.#adoptedUnder) !== 0) return;',
        replace: '',
      },
    ],
    fate: tests(REPLICA_TESTS, 'by a map that came late'),
  },
  {
    name: 'a-pass-that-begins-anew-gets-on',
    rule: 'R8',
    edits: [
      {
        file: JOINER,
        find: 'if (bucket > copy.bucket) copy.steps++;',
        replace: 'copy.steps++;',
      },
    ],
    fate: tests(JOINER_TESTS, 'R8: a joiner says how many'),
  },
  {
    name: 'nobody-says-how-far-a-copy-has-come',
    rule: 'R8',
    edits: [
      {
        file: 'src/storage/node-incarnation.ts',
        find: 'copying: this.#joiner.copying(),',
        replace: 'copying: undefined,',
      },
    ],
    fate: tests(JOINS_SCHEDULES, 'R8: a copy that gets on'),
  },
  {
    name: 'fetched-records-are-no-step',
    rule: 'R8',
    edits: [
      {
        file: JOINER,
        find: '      copy.steps++;\n      const left',
        replace: '      const left',
      },
    ],
    fate: tests(JOINER_TESTS, 'fetched by their heads'),
  },
];
