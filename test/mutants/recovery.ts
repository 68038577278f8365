// Mutants of what a controller without its state may conclude.

import { type Mutant, tests } from './mutant.ts';

const EPOCHS = 'src/controller/decisions/epochs.ts';
const RECOVERED = 'src/controller/decisions/recovered.ts';
const RECOVERY = 'src/controller/map/recovery.ts';
const IDENTITY = 'src/storage/data-directory/identity.ts';
const CLUSTER_MAP = 'src/cluster/model/cluster-map.ts';

const EPOCH_TESTS = 'test/controller/decisions/epochs.test.ts';
const RECOVERED_TESTS = 'test/controller/decisions/recovered.test.ts';
const RECOVERY_TESTS = 'test/controller/map/recovery.test.ts';
const GENERATION_TESTS = 'test/controller/map/generations.test.ts';
const FOLLOWERS_TESTS = 'test/controller/observations/followers.test.ts';
const OVERRULED_SCHEDULES = 'test/simulation/schedules-overruled.test.ts';
const RECOVERY_SCHEDULES = 'test/simulation/schedules-recovery.test.ts';
const HOST_SCHEDULES = 'test/simulation/schedules-lost-hosts.test.ts';

const SURVIVORS: readonly Mutant[] = [
  {
    name: 'survivor-that-a-witness-has-fenced',
    rule: 'H32',
    edits: [{ file: RECOVERED, find: '!maps.some((map) => bars(map, member))', replace: 'true' }],
    fate: tests(HOST_SCHEDULES, 'is not taken for complete'),
  },
  {
    name: 'survivor-without-witnesses',
    rule: 'H32',
    edits: [{ file: RECOVERED, find: '(isVouchedFor && survivor(', replace: '(survivor(' }],
    fate: tests(RECOVERED_TESTS, 'without a majority of the witnesses'),
  },
  {
    name: 'survivor-by-half-of-the-witnesses',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: 'return 2 * heard.length > set.length;',
        replace: 'return 3 * heard.length >= set.length;',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'a member stands alone'),
  },
  {
    name: 'survivor-without-the-coming-witnesses',
    rule: 'H13',
    edits: [
      {
        file: RECOVERED,
        find: 'return [witnesses, ...(nextWitnesses === undefined ? [] : [nextWitnesses])].every((set) => {',
        replace: 'return [witnesses, ...(nextWitnesses === undefined ? [] : [])].every((set) => {',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'coming witnesses'),
  },
  {
    name: 'survivor-by-its-store',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: "if (member.role !== 'serving' || !lives(promises, member)) return false;",
        replace:
          "if (member.role !== 'serving' || !hasPromised(promises, told.map, member)) return false;",
      },
    ],
    fate: tests(RECOVERED_TESTS, 'a member stands alone'),
  },
  {
    name: 'survivor-after-its-goodbye',
    rule: 'H5',
    edits: [
      {
        file: RECOVERED,
        find: 'promise?.incarnation === incarnation && promise.living === true',
        replace: 'promise?.incarnation === incarnation',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'goodbye'),
  },
  {
    name: 'survivor-that-knows-less',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: 'own?.epoch === told.entry.epoch &&',
        replace: 'own !== undefined &&',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'of the same members'),
  },
  {
    name: 'survivor-of-a-frozen-entry',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: 'if (maps.some((map) => map.partitions[partition]?.frozen)) return undefined;',
        replace: '',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'had frozen the entry'),
  },
  {
    name: 'survivor-without-a-word',
    rule: 'H32',
    edits: [
      {
        file: RECOVERY,
        find: 'mayBeMissed: (node) => isOnlyController || this.#forgotten.has(node),',
        replace: 'mayBeMissed: () => isOnlyController || true,',
      },
    ],
    fate: tests(HOST_SCHEDULES, 'recovers by itself'),
  },
  {
    name: 'forgotten-is-waited-for',
    rule: 'H5',
    edits: [
      { file: 'src/controller/routes/admin.ts', find: 'recovery?.forget(node);', replace: '' },
    ],
    fate: tests(HOST_SCHEDULES, 'recovers by itself'),
  },
  {
    name: 'survivor-before-leases-ran-out',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: 'lives(promises, life) && hasLapsed(life.node)',
        replace: 'lives(promises, life) && (hasLapsed(life.node) || true)',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'while leases of before may last'),
  },
  {
    name: 'witness-grants-after-its-promise',
    rule: 'H32',
    edits: [
      {
        file: 'src/storage/node-incarnation.ts',
        find: "if (this.replica.isOverruled(map.version)) return 'overruled';",
        replace: '',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'all leases of before run out'),
  },
  {
    name: 'own-vote-after-the-promise',
    rule: 'H32',
    edits: [
      {
        file: 'src/storage/heartbeats.ts',
        find: 'if (this.#replica.isOverruled(map.version)) return;',
        replace: '',
      },
    ],
    fate: tests('test/storage/heartbeats.test.ts', 'the own vote'),
  },
  {
    name: 'frozen-is-published-at-once',
    rule: 'H32',
    edits: [
      {
        file: RECOVERY,
        find: 'return frozenEntries(later).length < left;',
        replace: 'return frozenEntries(later).length < 0;',
      },
    ],
    fate: tests(HOST_SCHEDULES, 'is lost'),
  },
  {
    name: 'promise-told-again',
    rule: 'H32',
    edits: [{ file: RECOVERY, find: 'if (this.#promises.has(node)) return;', replace: '' }],
    fate: tests(RECOVERY_TESTS, 'that is told again'),
  },
];

const GENERATIONS: readonly Mutant[] = [
  {
    name: 'one-generation-promised-to-two',
    rule: 'H32',
    edits: [
      {
        file: IDENTITY,
        find: 'if (asked.generation > this.#highest.generation) this.#highest = asked;',
        replace: 'if (asked.generation >= this.#highest.generation) this.#highest = asked;',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'one generation is promised to one recovery'),
  },
  {
    name: 'promise-forgets-to-whom',
    rule: 'I2',
    edits: [
      {
        file: 'src/storage/data-directory/recovery.ts',
        find: 'promisedNonce: earlier?.promisedNonce,',
        replace: 'promisedNonce: undefined,',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'one generation is promised to one recovery'),
  },
  {
    name: 'promise-to-another-counts',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/map/generations.ts',
        find: 'return a.generation === b.generation && a.nonce === b.nonce;',
        replace: 'return a.generation === b.generation;',
      },
    ],
    fate: tests(RECOVERY_TESTS, 'another nonce'),
  },
  {
    name: 'nonce-outside-the-order',
    rule: 'I1',
    edits: [
      { file: CLUSTER_MAP, find: 'return a.nonce < b.nonce ? -1 : 1;', replace: 'return 0;' },
    ],
    fate: tests(GENERATION_TESTS, 'of two that start from one state'),
  },
  {
    name: 'generation-without-a-nonce',
    rule: 'I1',
    edits: [
      {
        file: 'src/controller/map/generations.ts',
        find: '{ generation, nonce: random.token() }',
        replace: "{ generation, nonce: random.token().slice(0, 0) + 'x' }",
      },
    ],
    fate: tests(GENERATION_TESTS, 'of two that start from one state'),
  },
];

const FORGOTTEN: readonly Mutant[] = [
  {
    name: 'forgotten-nodes-are-waited-for',
    rule: 'D6',
    edits: [
      {
        file: RECOVERY,
        find: 'if (2 * (promised.length + gone.length) <= nodes.length) return;',
        replace: 'if (2 * promised.length <= nodes.length) return;',
      },
    ],
    fate: tests(HOST_SCHEDULES, 'half of the nodes burn'),
  },
  {
    name: 'who-promised-is-forgotten',
    rule: 'H5c',
    edits: [
      {
        file: 'src/controller/routes/admin.ts',
        find: 'recovery?.hasPromised(node) === true',
        replace: 'recovery?.hasPromised(node) === undefined',
      },
    ],
    fate: tests(HOST_SCHEDULES, 'half of the nodes burn'),
  },
  {
    name: 'what-is-obeyed-counts-as-adopted',
    rule: 'H29',
    edits: [
      {
        file: 'src/controller/observations/observations.ts',
        find: 'const mapVersion = this.adopted.of(life);',
        replace: 'const mapVersion = this.obeyed.of(life);',
      },
    ],
    fate: tests('test/controller/observations/observations.test.ts', 'could not be stored'),
  },
];

const SPENT_EPOCHS: readonly Mutant[] = [
  {
    name: 'accepted-loss-at-the-next-epoch',
    rule: 'I5',
    edits: [
      {
        file: 'src/controller/routes/admin.ts',
        find: 'return withMembers(entry, members);',
        replace: 'return withMembers({ ...entry, frozen: undefined }, members);',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'what an operator lets go on'),
  },
  {
    name: 'epochs-wrap',
    rule: 'I3',
    edits: [{ file: EPOCHS, find: 'if (!hasEpochLeft(entry)) return entry;', replace: '' }],
    fate: tests(EPOCH_TESTS, 'beyond the last one'),
  },
  {
    name: 'spent-epochs-change-the-map-for-ever',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: 'const counts = isComplete && hasEpochLeft(next);',
        replace: 'const counts = isComplete && (hasEpochLeft(next) || true);',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'no epoch left'),
  },
  {
    name: 'epoch-of-four-bytes',
    rule: 'I3',
    edits: [
      {
        file: 'src/cluster/wire/operations.ts',
        find: 'message.readUIntBE(EPOCH_AT, EPOCH_BYTES) as Epoch',
        replace: 'message.readUInt32BE(EPOCH_AT + 2) as Epoch',
      },
    ],
    fate: tests('test/cluster/wire/operations.test.ts', 'comes back as it was'),
  },
];
const OVERRULED: readonly Mutant[] = [
  {
    name: 'a-promise-binds-one-life',
    rule: 'H32',
    edits: [
      {
        file: 'src/storage/replication/replica.ts',
        find: 'this.#map?.version ?? this.#options.stored',
        replace: 'this.#map?.version',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'so in its next life'),
  },
  {
    name: 'an-opened-generation-is-followed',
    rule: 'H32',
    edits: [
      {
        file: 'src/storage/replication/replica.ts',
        find: ' || isPassedOver(map, this.boundTo)',
        replace: '',
      },
    ],
    fate: tests('test/storage/replication/replica.test.ts', 'binds a node'),
  },
  {
    name: 'a-recovery-is-not-told-from-a-start',
    rule: 'H32',
    edits: [{ file: RECOVERY, find: '      recoveredAs: this.#generation,\n', replace: '' }],
    fate: tests(OVERRULED_SCHEDULES, 'so in its next life'),
  },
  {
    name: 'as-many-promises-are-the-same',
    rule: 'H32',
    edits: [{ file: RECOVERED, find: ' && a.every((node) => b.includes(node))', replace: '' }],
    fate: tests(RECOVERED_TESTS, 'is told to those who promised to this one'),
  },
  {
    name: 'an-overruled-controller-goes-on',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/observations/followers.ts',
        find: 'if (nowMs - sinceMs < this.#patienceMs) return;',
        replace: 'if (nowMs >= sinceMs) return;',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'H32: a recovery came to nothing'),
  },
  {
    name: 'an-overruled-controller-ends-at-once',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/observations/followers.ts',
        find: 'const PATIENCE = 3',
        replace: 'const PATIENCE = 0',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'H32: a recovery that goes on'),
  },
  {
    name: 'a-start-asks-nobody-who-promised',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/map/startup-guard.ts',
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
        file: 'src/controller/map/startup-guard.ts',
        find: '      this.#promised = promised;\n',
        replace: '',
      },
      {
        file: 'src/storage/replication/replica.ts',
        find: ' || isPassedOver(map, this.boundTo)',
        replace: '',
      },
      {
        file: 'src/controller/observations/followers.ts',
        find: 'compareGenerations(promised, askedFor(own)) <= 0',
        replace: 'compareGenerations(promised, own.version) <= 0',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'H32: nothing is acknowledged'),
  },
  {
    name: 'who-is-overruled-once-is-for-ever',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/observations/followers.ts',
        find: 'before !== undefined && nowMs - before.heardMs < this.#patienceMs',
        replace: 'before !== undefined',
      },
    ],
    fate: tests(FOLLOWERS_TESTS, 'by what a node said once'),
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
];

export const RECOVERY_MUTANTS: readonly Mutant[] = [
  ...SURVIVORS,
  ...GENERATIONS,
  ...FORGOTTEN,
  ...SPENT_EPOCHS,
  ...OVERRULED,
];
