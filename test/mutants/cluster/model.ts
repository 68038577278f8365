// Mutants of versions, records, clocks and maps, which all roles share.

import { type Mutant, SEEDS, tests } from '../mutant.ts';

const CLUSTER_CLOCK = 'src/cluster/model/cluster-clock.ts';
const CLUSTER_MAP = 'src/cluster/model/cluster-map.ts';
const MAP_DELTA = 'src/cluster/model/map-delta.ts';
const PARTITION = 'src/cluster/model/partition.ts';
const RECORD = 'src/cluster/model/record.ts';
const TIME_SCALE = 'src/cluster/model/time-scale.ts';
const VERSION = 'src/cluster/model/version.ts';

const CLOCKS_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const CLUSTER_CLOCK_TESTS = 'test/cluster/model/cluster-clock.test.ts';
const FILE_KEY_TESTS = 'test/files/file-key.test.ts';
const FAR_AHEAD_SCHEDULES = 'test/simulation/schedules-far-ahead.test.ts';
const FOLLOWERS_TESTS = 'test/controller/observations/followers.test.ts';
const GENERATIONS_TESTS = 'test/controller/map/generations.test.ts';
const MAP_DELTA_TESTS = 'test/cluster/model/map-delta.test.ts';
const TIME_SCALE_TESTS = 'test/cluster/model/time-scale.test.ts';
const VERSION_TESTS = 'test/cluster/model/version.test.ts';

export const CLUSTER_MODEL_MUTANTS: readonly Mutant[] = [
  {
    name: 'own-clock-always',
    rule: 'H31',
    edits: [
      {
        file: CLUSTER_CLOCK,
        find: '(this.#isFarOff() ? this.wallMs() : this.#own.wallMs())',
        replace: 'this.#own.wallMs()',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'H31: a frontend whose clock is off'),
  },
  {
    name: 'late-answer-tells-the-time',
    rule: 'H31',
    edits: [
      {
        file: CLUSTER_CLOCK,
        find: 'if (this.isKnown && now - askedMs > ROUND_TRIP_MS_MAX) return;',
        replace: '',
      },
    ],
    fate: tests(CLUSTER_CLOCK_TESTS, 'half-way between question and answer'),
  },
  {
    name: 'others-of-before-the-sleep-still-count',
    rule: 'H31',
    edits: [{ file: CLUSTER_CLOCK, find: '      this.#told.clear();\n', replace: '' }],
    fate: tests(CLUSTER_CLOCK_TESTS, 'is in doubt until'),
  },
  {
    name: 'answer-of-during-the-sleep-tells-the-time',
    rule: 'H31',
    edits: [
      {
        file: CLUSTER_CLOCK,
        find: 'if (Math.abs(asked.wallMs - askedMs - this.#ownBase) > OWN_JUMP_MS) return;',
        replace: '',
      },
    ],
    fate: tests(CLUSTER_CLOCK_TESTS, 'is in doubt until'),
  },
  {
    name: 'nonce-outside-the-order',
    rule: 'I1',
    edits: [
      { file: CLUSTER_MAP, find: 'return a.nonce < b.nonce ? -1 : 1;', replace: 'return 0;' },
    ],
    fate: tests(GENERATIONS_TESTS, 'of two that start from one state'),
  },
  {
    name: 'a-start-without-asking-counts-as-asked',
    rule: 'H32',
    edits: [
      {
        file: CLUSTER_MAP,
        find: 'openedFrom === undefined ? version : FOUNDED',
        replace: 'openedFrom === FOUNDED ? FOUNDED : version',
      },
    ],
    fate: tests(FOLLOWERS_TESTS, 'opened its generation above a promise'),
  },
  {
    name: 'changes-are-laid-over-an-older-map',
    rule: 'H38',
    edits: [
      {
        file: MAP_DELTA,
        find: 'if (delta.since.number > known.version.number) return',
        replace: 'if (false) return',
      },
    ],
    fate: tests(MAP_DELTA_TESTS, 'of no use over an older map'),
  },
  {
    name: 'changes-of-another-generation-are-taken',
    rule: 'H38',
    edits: [
      {
        file: MAP_DELTA,
        find: 'const versions = [delta.since, delta.version];',
        replace: 'const versions = [delta.version];',
      },
    ],
    fate: tests(MAP_DELTA_TESTS, 'of no use over another generation'),
  },
  {
    name: 'order-without-values',
    rule: 'H20',
    edits: [
      {
        file: RECORD,
        find: '    recordAttributeBytes(a).compare(recordAttributeBytes(b)) ||\n    recordValue(a).compare(recordValue(b))\n',
        replace: '    recordAttributeBytes(a).compare(recordAttributeBytes(b))\n',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'expires-by-the-second',
    rule: 'H30',
    edits: [
      {
        file: RECORD,
        find: 'return expiresAtMs !== 0 && expiresAtMs <= wallMs;',
        replace:
          'return expiresAtMs !== 0 && Math.floor(expiresAtMs / 1000) < Math.floor(wallMs / 1000);',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'unsaid-scale-is-any',
    rule: 'D12',
    edits: [
      {
        file: TIME_SCALE,
        find: 'timeScale = UNSAID } = theirs',
        replace: 'timeScale = own.timeScale } = theirs',
      },
    ],
    fate: tests(TIME_SCALE_TESTS, 'are not'),
  },
  {
    name: 'any-version-moves-the-clock',
    rule: 'H31',
    edits: [
      {
        file: VERSION,
        find: 'if (isAhead(version, this.#clock.wallMs(), VERSION_OBSERVED_AHEAD_MS_MAX)) return;',
        replace: '',
      },
    ],
    fate: tests(VERSION_TESTS, 'hide what clocks in order'),
  },
  {
    name: 'own-wrong-clock-lasts',
    rule: 'H31',
    edits: [
      {
        file: VERSION,
        find: 'if (isAhead(this.#last, wallMs, 2 * VERSION_OBSERVED_AHEAD_MS_MAX)) this.#last = VERSION_ZERO;',
        replace: '',
      },
    ],
    fate: tests(FAR_AHEAD_SCHEDULES, 'every key is set, read and deleted'),
  },
  {
    name: 'far-successor-moves-the-clock',
    rule: 'H31',
    edits: [
      {
        file: VERSION,
        find: 'if (isAhead(above, wallMs, VERSION_OBSERVED_AHEAD_MS_MAX)) return this.#above(above, count);',
        replace: '',
      },
      {
        file: VERSION,
        find: 'if (isAhead(this.#last, wallMs, 2 * VERSION_OBSERVED_AHEAD_MS_MAX)) this.#last = VERSION_ZERO;',
        replace: '',
      },
    ],
    fate: tests(VERSION_TESTS, 'that was seen'),
  },
  {
    name: 'entries-of-a-directory-lie-anywhere',
    rule: 'FILES.md, Keys',
    edits: [
      {
        file: PARTITION,
        find: 'key[0] === OWN_KEY ? directoryPart(key) : key',
        replace: 'key[0] === undefined ? directoryPart(key) : key',
      },
    ],
    fate: tests(FILE_KEY_TESTS, 'of an entry is that of its directory'),
  },
  {
    name: 'a-users-key-is-placed-as-a-directory',
    rule: 'FILES.md, Keys',
    edits: [
      {
        file: PARTITION,
        find: 'key[0] === OWN_KEY ? directoryPart(key) : key',
        replace: 'directoryPart(key)',
      },
    ],
    fate: tests(FILE_KEY_TESTS, 'of a user is that of the whole key'),
  },
  {
    name: 'flat-files-are-placed-as-a-directory',
    rule: 'FILES.md, Keys',
    edits: [{ file: PARTITION, find: ' || key[2] !== IN_DIRECTORY', replace: '' }],
    fate: tests(FILE_KEY_TESTS, 'of a flat file'),
  },
];
