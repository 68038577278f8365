// Mutants of which map and which time a coordinator goes by, and whom it asks.

import { type Mutant, tests } from '../mutant.ts';

const CACHED_MAP = 'src/coordinator/cached-map.ts';
const MAP_FOLLOWER = 'src/coordinator/map-follower.ts';
const MAP_HINTS = 'src/coordinator/map-hints.ts';
const PROBES = 'src/coordinator/probes.ts';
const ROUTER = 'src/coordinator/router.ts';
const TIMED = 'src/coordinator/timed-writes.ts';

const CLOCKS_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const CUTS_SCHEDULES = 'test/simulation/schedules-cuts.test.ts';
const EXPIRY_SCHEDULES = 'test/simulation/schedules-expiry.test.ts';
const HINTS_SCHEDULES = 'test/simulation/schedules-hints.test.ts';
const MAP_HINTS_TESTS = 'test/coordinator/map-hints.test.ts';
const RESTARTS_SCHEDULES = 'test/simulation/schedules-restarts.test.ts';

export const COORDINATOR_MAP_MUTANTS: readonly Mutant[] = [
  {
    name: 'no-storage-node-is-asked-while-the-controller-is-away',
    rule: 'F1',
    edits: [{ file: MAP_FOLLOWER, find: '    this.fetchFromAnyone();\n', replace: '' }],
    fate: tests('test/coordinator/map-hints.test.ts', 'asks the storage nodes of its map'),
  },
  {
    name: 'foreign-file-written-over',
    rule: 'H1',
    edits: [{ file: CACHED_MAP, find: 'if (isForeign) this.#mayWrite = false;', replace: '' }],
    fate: tests(MAP_HINTS_TESTS, 'never written over'),
  },
  {
    name: 'map-file-written-before-it-is-read',
    rule: 'H1',
    edits: [
      {
        file: CACHED_MAP,
        find: '#mayWrite = false;\n  #newest',
        replace: '#mayWrite = true;\n  #newest',
      },
    ],
    fate: tests(MAP_HINTS_TESTS, 'is read before it is written'),
  },
  {
    name: 'last-map-of-a-row-not-kept',
    rule: 'H1',
    edits: [
      {
        file: CACHED_MAP,
        find: "this.#writeSoon(result.kind === 'done' ? undefined : AGAIN_MS);",
        replace: '',
      },
    ],
    fate: tests(MAP_HINTS_TESTS, 'gets what came while it was written'),
  },
  {
    name: 'asks-nobody-but-the-controller',
    rule: 'H1',
    edits: [
      {
        file: MAP_HINTS,
        find: 'for (const address of storages) this.#ask(address);',
        replace: 'return;',
      },
    ],
    fate: tests(HINTS_SCHEDULES, 'by the map of storage nodes'),
  },
  {
    name: 'asks-no-node-of-its-map',
    rule: 'H1',
    edits: [{ file: MAP_FOLLOWER, find: 'this.fetchFrom(asked.node);', replace: '' }],
    fate: tests(HINTS_SCHEDULES, 'hears that a partition is served again'),
  },
  {
    name: 'blames-for-own-sleep',
    rule: 'H11',
    edits: [{ file: PROBES, find: ' && !wasAway', replace: '' }],
    fate: tests(CUTS_SCHEDULES, 'they slept over'),
  },
  {
    name: 'new-map-wakes-nobody',
    rule: 'D4',
    edits: [{ file: ROUTER, find: '    this.laterRounds.wake();\n', replace: '' }],
    fate: tests(RESTARTS_SCHEDULES, 'D4: sets wait for one restart'),
  },
  {
    name: 'hint-names-the-cluster-for-good',
    rule: 'I1',
    edits: [
      {
        file: ROUTER,
        find: "if (!isBetter) return 'other-cluster';",
        replace: "if (map.digits > 0) return 'other-cluster';",
      },
    ],
    fate: tests(MAP_HINTS_TESTS, 'the controller says'),
  },
  {
    name: 'storage-node-names-another-cluster',
    rule: 'I1',
    edits: [{ file: ROUTER, find: "if (!isBetter) return 'other-cluster';", replace: '' }],
    fate: tests(MAP_HINTS_TESTS, 'nobody says anew'),
  },
  {
    name: 'hint-hides-the-lower-version',
    rule: 'I1',
    edits: [
      {
        file: ROUTER,
        find: 'const isSaid = this.#saidBy >= SOURCES.indexOf(source);',
        replace: 'const isSaid = true; void source;',
      },
    ],
    fate: tests(MAP_HINTS_TESTS, 'the controller says'),
  },
  {
    name: 'ttl-by-own-clock',
    rule: 'H31',
    edits: [
      {
        file: TIMED,
        find: 'clock.wallMs() + ttlSeconds',
        replace: 'clock.forVersions.wallMs() + ttlSeconds',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'a ttl is as long as it was said'),
  },
  {
    name: 'stamped-with-the-time-of-before-the-sleep',
    rule: 'H31',
    edits: [
      {
        file: TIMED,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = clock.isKnown;',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'that has just slept'),
  },
  {
    name: 'stamped-before-anybody-told-the-time',
    rule: 'H31',
    edits: [
      {
        file: TIMED,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = !clock.isInDoubt();',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'has only just been started'),
  },
  {
    name: 'waits-for-the-time-without-end',
    rule: 'H31',
    edits: [
      {
        file: TIMED,
        find: 'timers.after(lastRoundMs(times), () => {',
        replace: 'timers.after(1000 * lastRoundMs(times), () => {',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'nobody tells the time'),
  },
];
