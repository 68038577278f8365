// Mutants of who the witnesses are and what they must know of, and of what a life must obey though it cannot store it.

import { type Mutant, tests } from './mutant.ts';

const DECIDE = 'src/controller/decisions/decide.ts';
const KNOWLEDGE = 'src/controller/observations/observations.ts';
const PUBLISHED_MAP = 'src/controller/map/published-map.ts';
const WITNESSES = 'src/controller/decisions/witnesses.ts';
const HEARTBEATS = 'src/storage/heartbeats.ts';
const LIFE = 'src/storage/node-incarnation.ts';
const MAP_ADOPTION = 'src/storage/replication/map-adoption.ts';
const REPLICA = 'src/storage/replication/replica.ts';
const RESTRICTIONS = 'src/storage/replication/restrictions.ts';
const DECIDE_TESTS = 'test/controller/decisions/decide.test.ts';
const PUBLISHED_MAP_TESTS = 'test/controller/map/published-map.test.ts';
const HEARTBEAT_TESTS = 'test/storage/heartbeats.test.ts';
const REPLICA_TESTS = 'test/storage/replication/replica.test.ts';
const MAP_SCHEDULES = 'test/simulation/schedules-maps.test.ts';
const REMOVAL_SCHEDULES = 'test/simulation/schedules-removals.test.ts';
const WITNESS_SCHEDULES = 'test/simulation/schedules-witnesses.test.ts';

/** Of the change of witnesses. */
const CHANGES: readonly Mutant[] = [
  {
    name: 'joint-step-over-the-just-fenced',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: 'view.obeys(life, since.version) || hasLapsed(map, life, view);',
        replace: 'view.obeys(life, since.version) || !isGranted(map, life);',
      },
    ],
    fate: tests(WITNESS_SCHEDULES, 'H13: '),
  },
  {
    name: 'joint-step-over-the-just-unfenced',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: 'return !isGranted(map, life) && view.lapsedSinceMs(life) !== undefined;',
        replace: 'return map !== undefined && view.lapsedSinceMs(life) !== undefined;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'unfenced in that very decision'),
  },
  {
    name: 'joint-step-over-earlier-lives',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: ' &&\n    map.partitions.every(({ members }) => members.every(isBound))',
        replace: '',
      },
    ],
    fate: tests(DECIDE_TESTS, 'an earlier life that is still a member'),
  },
  {
    name: 'new-witness-without-the-joint-map',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: 'if (!gain.every((life) => view.hasAdopted(life, since.version))) return false;',
        replace: 'if (gain.length < 0) return false;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'get their office with the joint map'),
  },
  {
    name: 'unwritable-witness-stays',
    rule: 'D2',
    edits: [
      {
        file: WITNESSES,
        find: 'view.isWritable(life) && !nodeEntry(map, life.node)?.draining;',
        replace: '!nodeEntry(map, life.node)?.draining;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'are replaced when they cannot store maps'),
  },
  {
    name: 'lapsed-witness-stays',
    rule: 'D2',
    edits: [{ file: WITNESSES, find: '!isLost(life) && view', replace: 'view' }],
    fate: tests(WITNESS_SCHEDULES, 'is replaced, so that the next one'),
  },
  {
    name: 'silent-witness-goes-at-once',
    rule: 'D2',
    edits: [
      {
        file: WITNESSES,
        find: 'hasLapsed(map, life, view) && !view.mayReturn(life);',
        replace: '!isGranted(map, life) && !view.mayReturn(life);',
      },
    ],
    fate: tests(DECIDE_TESTS, 'not when they are silent'),
  },
  {
    name: 'returning-witness-goes',
    rule: 'D4',
    edits: [
      {
        file: WITNESSES,
        find: 'hasLapsed(map, life, view) && !view.mayReturn(life);',
        replace: 'hasLapsed(map, life, view);',
      },
    ],
    fate: tests(DECIDE_TESTS, 'over a restart that is expected'),
  },
];

/** Of a life that has seen a map and not adopted it. */
const OBEDIENCE: readonly Mutant[] = [
  {
    name: 'only-stored-maps-are-obeyed',
    rule: 'H35',
    edits: [{ file: MAP_ADOPTION, find: '    this.#replica.obey(map);\n', replace: '' }],
    fate: tests(WITNESS_SCHEDULES, 'obeys what takes its rights away'),
  },
  {
    name: 'own-fence-by-the-stored-map',
    rule: 'R6',
    edits: [
      {
        file: REPLICA,
        find: 'return this.obeyedMaps.every((map) => isGranted(map, this.life));',
        replace: 'return this.#map !== undefined && isGranted(this.#map, this.life);',
      },
    ],
    fate: tests(REPLICA_TESTS, 'takes its lease'),
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
    name: 'place-by-the-stored-map',
    rule: 'H12',
    edits: [
      {
        file: REPLICA,
        find: ' && this.#restrictions.allowsServing(partition)',
        replace: '',
      },
    ],
    fate: tests(WITNESS_SCHEDULES, 'leaves with its acknowledgement'),
  },
  {
    name: 'epoch-by-the-stored-map',
    rule: 'R2',
    edits: [
      {
        file: REPLICA,
        find: ' || this.#restrictions.isPast(partition, epoch)',
        replace: '',
      },
    ],
    fate: tests(REPLICA_TESTS, 'takes the epoch'),
  },
  {
    name: 'frozen-by-the-stored-map',
    rule: 'H32',
    edits: [
      {
        file: REPLICA,
        find: 'if (this.#restrictions.isFrozen(partition)) return NOT_SERVING;',
        replace: '',
      },
    ],
    fate: tests(REPLICA_TESTS, 'takes its word'),
  },
  {
    name: 'state-of-yesterday-over-what-is-obeyed',
    rule: 'H32',
    edits: [
      {
        file: REPLICA,
        find: 'isOfYesterday(map, this.obeyedVersion)',
        replace: 'isOfYesterday(map, this.#map.version)',
      },
    ],
    fate: tests(REPLICA_TESTS, 'overrules one'),
  },
  {
    name: 'yesterday-by-what-is-stored',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/observations/followers.ts',
        find: 'obeyedVersion ?? mapVersion',
        replace: 'obeyedVersion === undefined ? mapVersion : mapVersion',
      },
      {
        file: 'src/controller/map/startup-guard.ts',
        find: 'const adopted = obeyedVersion ?? mapVersion;',
        replace: 'const adopted = obeyedVersion === undefined ? mapVersion : mapVersion;',
      },
    ],
    fate: tests(MAP_SCHEDULES, 'only obeys the map of today'),
  },
  {
    name: 'grant-by-the-stored-map',
    rule: 'R6',
    edits: [{ file: LIFE, find: 'obeyedMaps.find(', replace: 'obeyedMaps.slice(0, 1).find(' }],
    fate: tests(WITNESS_SCHEDULES, 'acknowledges it all the same'),
  },
  {
    name: 'grant-under-the-stored-map',
    rule: 'H3',
    edits: [
      {
        file: LIFE,
        find: 'answer, mapVersion: obeyedVersion, map',
        replace: 'answer, mapVersion, map',
      },
      {
        file: LIFE,
        find: 'const { map, mapVersion, obeyedVersion, incarnation } = this.replica;',
        replace: 'const { map, mapVersion, incarnation } = this.replica;',
      },
    ],
    fate: tests(WITNESS_SCHEDULES, 'acknowledges it all the same'),
  },
  {
    name: 'votes-for-the-stored-map-only',
    rule: 'H13',
    edits: [
      {
        file: HEARTBEATS,
        find: 'const agreed = obeyedMaps.every(',
        replace: 'const agreed = obeyedMaps.slice(0, 1).every(',
      },
    ],
    fate: tests(HEARTBEAT_TESTS, 'is needed as well'),
  },
  {
    name: 'votes-for-the-seen-map-only',
    rule: 'R5',
    edits: [
      {
        file: HEARTBEATS,
        find: 'const agreed = obeyedMaps.every(',
        replace: 'const agreed = obeyedMaps.slice(-1).every(',
      },
    ],
    fate: tests(HEARTBEAT_TESTS, 'alone is not enough'),
  },
  {
    name: 'grants-wait-for-the-disk',
    rule: 'H3',
    edits: [
      {
        file: HEARTBEATS,
        find: 'const knows = compareMapVersions(this.#replica.obeyedVersion, version) >= 0;',
        replace: 'const knows = compareMapVersions(this.#replica.mapVersion, version) >= 0;',
      },
    ],
    fate: tests(WITNESS_SCHEDULES, 'answers gets on while it has the last copy'),
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
    fate: tests(WITNESS_SCHEDULES, 'or whose disk hangs'),
  },
];

/** Of what the controller counts on. */
const DECISIONS: readonly Mutant[] = [
  {
    name: 'only-stored-fences-count',
    rule: 'R6',
    edits: [
      {
        file: KNOWLEDGE,
        find: 'obeys: (life: Life, version: MapVersion) => isAtLeast(this.obeyed.of(life), version),',
        replace:
          'obeys: (life: Life, version: MapVersion) => isAtLeast(this.adopted.of(life), version),',
      },
    ],
    fate: tests(DECIDE_TESTS, 'acknowledges fences as a witness'),
  },
  {
    name: 'leaves-with-a-stored-map-only',
    rule: 'H12',
    edits: [
      {
        file: DECIDE,
        find: 'view.obeys(member, since.version)',
        replace: 'view.hasAdopted(member, since.version)',
      },
    ],
    fate: tests(DECIDE_TESTS, 'is gone without a fence'),
  },
  {
    name: 'survivor-that-stores-nothing',
    rule: 'I8',
    edits: [
      {
        file: DECIDE,
        find: 'view.hasAdopted(other, decision.version)',
        replace: 'view.obeys(other, decision.version)',
      },
    ],
    fate: tests(DECIDE_TESTS, 'is no copy that others are removed for'),
  },
  {
    name: 'joiner-that-cannot-write-stays',
    rule: 'R8',
    edits: [{ file: DECIDE, find: ' || !view.isWritable(member) || view', replace: ' || view' }],
    fate: tests(WITNESS_SCHEDULES, 'is no joiner that sets wait for'),
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
    fate: tests(REMOVAL_SCHEDULES, 'I8: a removal that was long'),
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
];

export const WITNESS_MUTANTS: readonly Mutant[] = [...CHANGES, ...OBEDIENCE, ...DECISIONS];
