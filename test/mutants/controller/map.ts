// Mutants of the map that a controller publishes, keeps and recovers.

import { aimed, type Mutant, SEEDS, tests } from '../mutant.ts';

const CONTROLLER = 'src/controller/controller.ts';
const FOLLOWERS = 'src/controller/observations/followers.ts';
const GENERATIONS = 'src/controller/map/generations.ts';
const MAP_RECOVERY = 'src/controller/map/recovery.ts';
const PUBLISHED_MAP = 'src/controller/map/published-map.ts';
const REPLICA = 'src/storage/replication/replica.ts';
const STARTUP_GUARD = 'src/controller/map/startup-guard.ts';

const GENERATIONS_TESTS = 'test/controller/map/generations.test.ts';
const LOST_HOSTS_SCHEDULES = 'test/simulation/schedules-lost-hosts.test.ts';
const MAPS_SCHEDULES = 'test/simulation/schedules-maps.test.ts';
const MAP_RECOVERY_TESTS = 'test/controller/map/recovery.test.ts';
const OVERRULED_SCHEDULES = 'test/simulation/schedules-overruled.test.ts';
const STARTUP_GUARD_TESTS = 'test/controller/map/startup-guard.test.ts';
const PUBLISHED_MAP_TESTS = 'test/controller/map/published-map.test.ts';
const REMOVALS_SCHEDULES = 'test/simulation/schedules-removals.test.ts';

export const CONTROLLER_MAP_MUTANTS: readonly Mutant[] = [
  {
    name: 'promise-to-another-counts',
    rule: 'H32',
    edits: [
      {
        file: GENERATIONS,
        find: 'return a.generation === b.generation && a.nonce === b.nonce;',
        replace: 'return a.generation === b.generation;',
      },
    ],
    fate: tests(MAP_RECOVERY_TESTS, 'another nonce'),
  },
  {
    name: 'the-first-of-one-number-keeps-the-promise',
    rule: 'H32',
    edits: [
      {
        file: 'src/storage/node-control.ts',
        find: 'if (compareGenerations(asked, identity.promised) <= 0) return answer();',
        replace: 'if (asked.generation <= identity.promised.generation) return answer();',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'of the same second'),
  },
  {
    name: 'promises-are-asked-for-ever',
    rule: 'H32',
    edits: [{ file: MAP_RECOVERY, find: 'if (this.#isOver || this.', replace: 'if (this.' }],
    fate: tests(MAP_RECOVERY_TESTS, 'is asked of nobody'),
  },
  {
    name: 'an-address-has-promised',
    rule: 'H32',
    edits: [
      {
        file: MAP_RECOVERY,
        find: '    if (node !== undefined) return this.#promises.has(node);\n',
        replace: '    if (node === undefined) return false;\n',
      },
    ],
    fate: tests(MAP_RECOVERY_TESTS, 'comes to the address'),
  },
  {
    name: 'addresses-are-found-once',
    rule: 'H32',
    edits: [
      {
        file: MAP_RECOVERY,
        find: 'if (this.#addresses.has(address) && !isNews) return;',
        replace: 'if (this.#addresses.has(address) || isNews === undefined) return;',
      },
    ],
    fate: tests(MAP_RECOVERY_TESTS, 'comes to the address'),
  },
  {
    name: 'generation-without-a-nonce',
    rule: 'I1',
    edits: [
      {
        file: GENERATIONS,
        find: '{ generation, nonce: random.token() }',
        replace: "{ generation, nonce: random.token().slice(0, 0) + 'x' }",
      },
    ],
    fate: tests(GENERATIONS_TESTS, 'of two that start from one state'),
  },
  {
    name: 'a-generation-of-when-the-disk-has-room',
    rule: 'H32',
    edits: [
      {
        file: CONTROLLER,
        find: '() => reopened(stored, generation),',
        replace: '() => reopened(stored, openGeneration(0, this.#runtime) ?? generation),',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'whose disk had no room'),
  },
  {
    name: 'a-controller-to-which-nobody-comes-publishes',
    rule: 'H32',
    edits: [
      {
        file: STARTUP_GUARD,
        find: '    this.#opened = opened;\n',
        replace:
          '    this.#opened = opened;\n    timers.after(times.suspicionMs, () => this.#open());\n',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'started from its old state'),
  },
  {
    name: 'a-controller-takes-the-word-of-a-node-of-another-cluster',
    rule: 'D5',
    edits: [
      {
        file: STARTUP_GUARD,
        find: '    if (cluster !== undefined && cluster !== this.#stored.cluster) return;\n',
        replace: '',
      },
    ],
    fate: tests(STARTUP_GUARD_TESTS, 'of another cluster'),
  },
  {
    name: 'generation-not-above-the-last',
    rule: 'H32',
    edits: [
      {
        file: GENERATIONS,
        find: 'Math.max(above + 1, ',
        replace: 'Math.max(above, ',
      },
    ],
    fate: aimed('controller-twice'),
  },
  {
    name: 'publish-before-persist',
    rule: 'H33',
    edits: [
      {
        file: PUBLISHED_MAP,
        find: 'const disk = this.#runtime.disk;',
        replace: 'this.#publish(map);\n    const disk = this.#runtime.disk;',
      },
    ],
    fate: tests(REMOVALS_SCHEDULES, 'H33: '),
  },
  {
    name: 'changes-are-those-of-the-last-map-only',
    rule: 'H38',
    edits: [
      {
        file: PUBLISHED_MAP,
        find: '?? deltaBetween(base, map);',
        replace: '?? { ...deltaBetween(this.#recent.at(-1) ?? base, map), since: base.version };',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'removal-is-judged-once',
    rule: 'I8',
    edits: [
      {
        file: PUBLISHED_MAP,
        find: 'this.#mustRewrite = !first.holds(map, this.#map);',
        replace: 'this.#mustRewrite = false;',
      },
    ],
    fate: tests(REMOVALS_SCHEDULES, 'I8: a removal that was long'),
  },
  {
    name: 'given-up-map-stays-on-disk',
    rule: 'I8',
    edits: [
      {
        file: PUBLISHED_MAP,
        find: 'if (map === this.#map && !this.#mustRewrite) return',
        replace: 'if (map === this.#map) return',
      },
    ],
    fate: tests(PUBLISHED_MAP_TESTS, 'is written over'),
  },
  {
    name: 'poll-answered-by-time-and-map',
    rule: 'H38',
    edits: [
      {
        file: PUBLISHED_MAP,
        find: 'if (!this.#waiters.delete(waiter)) return;',
        replace: 'this.#waiters.delete(waiter);',
      },
    ],
    fate: tests(PUBLISHED_MAP_TESTS, 'answers a wait once'),
  },
  {
    name: 'two-recoveries-of-one-generation',
    rule: 'H32',
    edits: [
      {
        file: MAP_RECOVERY,
        find: 'if (used < this.#generation.generation) return false;',
        replace: 'if (used <= this.#generation.generation) return false;',
      },
    ],
    fate: tests(MAP_RECOVERY_TESTS, 'the generation'),
  },
  {
    name: 'survivor-without-a-word',
    rule: 'H32',
    edits: [
      {
        file: MAP_RECOVERY,
        find: 'mayBeMissed: (node) => isOnlyController || this.#forgotten.has(node),',
        replace: 'mayBeMissed: () => isOnlyController || true,',
      },
    ],
    fate: tests(LOST_HOSTS_SCHEDULES, 'recovers by itself'),
  },
  {
    name: 'frozen-is-published-at-once',
    rule: 'H32',
    edits: [
      {
        file: MAP_RECOVERY,
        find: 'return frozenEntries(later).length < left;',
        replace: 'return frozenEntries(later).length < 0;',
      },
    ],
    fate: tests(LOST_HOSTS_SCHEDULES, 'is lost'),
  },
  {
    name: 'promise-told-again',
    rule: 'H32',
    edits: [{ file: MAP_RECOVERY, find: 'if (this.#promises.has(node)) return;', replace: '' }],
    fate: tests(MAP_RECOVERY_TESTS, 'that is told again'),
  },
  {
    name: 'forgotten-nodes-are-waited-for',
    rule: 'D6',
    edits: [
      {
        file: MAP_RECOVERY,
        find: 'if (2 * (promised.length + gone.length) <= nodes.length) return;',
        replace: 'if (2 * promised.length <= nodes.length) return;',
      },
    ],
    fate: tests(LOST_HOSTS_SCHEDULES, 'half of the nodes burn'),
  },
  {
    name: 'a-recovery-is-not-told-from-a-start',
    rule: 'H32',
    edits: [{ file: MAP_RECOVERY, find: '      recoveredAs: this.#generation,\n', replace: '' }],
    fate: tests(OVERRULED_SCHEDULES, 'so in its next life'),
  },
  {
    name: 'state-stale-lineage',
    rule: 'H32',
    edits: [
      {
        file: STARTUP_GUARD,
        find: 'if (adopted !== undefined) refuseStaleLineage(this.#stored, node, adopted);',
        replace: '',
      },
    ],
    fate: tests(MAPS_SCHEDULES, 'starts in between'),
  },
  {
    name: 'a-start-asks-nobody-who-promised',
    rule: 'H32',
    edits: [
      {
        file: STARTUP_GUARD,
        find: '      this.#promised = promised;\n',
        replace: '',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'H32: nothing is acknowledged'),
  },
  {
    name: 'a-start-is-followed-over-a-promise',
    rule: 'H32',
    edits: [
      {
        file: STARTUP_GUARD,
        find: '      this.#promised = promised;\n',
        replace: '',
      },
      {
        file: REPLICA,
        find: ' || isPassedOver(map, this.boundTo)',
        replace: '',
      },
      {
        file: FOLLOWERS,
        find: 'compareGenerations(promised, askedFor(own)) <= 0',
        replace: 'compareGenerations(promised, own.version) <= 0',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'H32: nothing is acknowledged'),
  },
];
