// Mutants of what a member of a partition takes and answers.

import { type Edit, type Mutant, SEEDS, tests } from '../mutant.ts';

const NODE_INCARNATION = 'src/storage/node-incarnation.ts';
const RECORD_ANSWERS = 'src/storage/replication/record-answers.ts';
const LISTINGS = 'src/storage/replication/listings.ts';
const REPLICA = 'src/storage/replication/replica.ts';

const FAR_AHEAD_SCHEDULES = 'test/simulation/schedules-far-ahead.test.ts';
const JOINS_SCHEDULES = 'test/simulation/schedules-joins.test.ts';
const LEASES_SCHEDULES = 'test/simulation/schedules-leases.test.ts';
const OVERRULED_SCHEDULES = 'test/simulation/schedules-overruled.test.ts';
const RECOVERY_SCHEDULES = 'test/simulation/schedules-recovery.test.ts';
const REPLICA_TESTS = 'test/storage/replication/replica.test.ts';
const SCAN_TESTS = 'test/storage/replication/scan.test.ts';
const RETURNING_SCHEDULES = 'test/simulation/schedules-returning.test.ts';
const WITNESSES_SCHEDULES = 'test/simulation/schedules-witnesses.test.ts';

const PULL_FROM_JOINER: Edit = {
  file: REPLICA,
  find: "case 'pull':\n        if (!serves) return NOT_SERVING;",
  replace: "case 'pull':\n        if (member.role === 'leaving') return NOT_SERVING;",
};

export const STORAGE_REPLICA_MUTANTS: readonly Mutant[] = [
  {
    name: 'no-lease-check',
    rule: 'R1',
    edits: [{ file: REPLICA, find: ' || !this.#granted || !this.lease.isLive()', replace: '' }],
    fate: tests(LEASES_SCHEDULES, 'R1: '),
  },
  {
    name: 'a-scan-needs-no-lease',
    rule: 'R1',
    edits: [
      {
        file: REPLICA,
        find: 'if (!serves || !this.#granted || !this.lease.isLive())',
        replace:
          "if (!serves || !this.#granted || (operation.kind === 'get' && !this.lease.isLive()))",
      },
    ],
    fate: tests(REPLICA_TESTS, 'without a lease'),
  },
  {
    name: 'a-scan-lists-deletes',
    rule: 'R1',
    edits: [
      {
        file: LISTINGS,
        find: 'isTombstone(record) ? deletes',
        replace: 'isTombstone(record) ? true',
      },
    ],
    fate: tests(SCAN_TESTS, 'live records'),
  },
  {
    name: 'a-scan-lists-what-has-expired',
    rule: 'H30',
    edits: [{ file: LISTINGS, find: '!isExpired(record, wallMs)', replace: 'true' }],
    fate: tests(SCAN_TESTS, 'live records'),
  },
  {
    name: 'a-scan-skips-the-rest-of-a-bucket',
    rule: 'R1',
    edits: [
      {
        file: LISTINGS,
        find: '{ bucket: bucketOf(afterKey), afterKey }',
        replace: '{ bucket: bucketOf(afterKey) + 1, afterKey }',
      },
    ],
    fate: tests(SCAN_TESTS, 'have each key once'),
  },
  {
    name: 'a-scan-looks-at-everything-at-once',
    rule: 'R1',
    edits: [
      {
        file: LISTINGS,
        find: 'lookedAt: SCAN_LOOKED_AT_MAX',
        replace: 'lookedAt: SCAN_LOOKED_AT_MAX ** 2',
      },
    ],
    fate: tests(SCAN_TESTS, 'bounded number'),
  },
  {
    name: 'acts-under-any-incarnation',
    rule: 'I10',
    edits: [
      {
        file: REPLICA,
        find: 'member.node === node && member.incarnation === incarnation',
        replace: 'member.node === node && (member.incarnation === incarnation || true)',
      },
    ],
    fate: tests(REPLICA_TESTS, 'only the incarnation'),
  },
  {
    name: 'a-membership-is-kept-with-its-epoch',
    rule: 'H38',
    edits: [
      {
        file: REPLICA,
        find: 'entry === known[partition] ?',
        replace: 'entry.epoch === known[partition]?.epoch ?',
      },
    ],
    fate: tests(REPLICA_TESTS, 'follows each map'),
  },
  {
    name: 'accept-old-epoch',
    rule: 'I3',
    edits: [
      {
        file: REPLICA,
        find: 'lost (H14b).\n        if (this.#isPast(entry, operation)) return STALE;',
        replace: 'lost (H14b).',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'copy-unfenced-source',
    rule: 'H14',
    edits: [
      { file: REPLICA, find: 'if (entry.epoch < operation.epoch) return BEHIND;', replace: '' },
    ],
    fate: tests(JOINS_SCHEDULES, 'not from a member'),
  },
  {
    name: 'wipe-late',
    rule: 'H15',
    edits: [
      {
        file: REPLICA,
        find: 'this.#begin(partition);',
        replace: 'this.late.push(partition);',
      },
      {
        file: REPLICA,
        find: '  readonly #options: ReplicaOptions;\n',
        replace: '  readonly late: PartitionId[] = [];\n  readonly #options: ReplicaOptions;\n',
      },
      {
        file: NODE_INCARNATION,
        find: 'this.#adoption = new MapAdoption(runtime, this.replica, (map) => {',
        replace: `this.#adoption = new MapAdoption(runtime, this.replica, (map) => {
      const late = this.replica.late.splice(0);
      this.#runtime.timers.after(5, () => {
        for (const partition of late) this.#store.reset(partition);
      });`,
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'join-keeps-leftovers',
    rule: 'H29',
    edits: [
      {
        file: REPLICA,
        find: '        this.#begin(partition);\n',
        replace: '',
      },
    ],
    fate: tests(REPLICA_TESTS, 'a joiner begins with nothing'),
  },
  {
    name: 'joiner-answers-pulls',
    rule: 'H28',
    edits: [PULL_FROM_JOINER],
    fate: tests(REPLICA_TESTS, 'a joining member answers a pull'),
  },
  {
    name: 'recover-no-promise',
    rule: 'H32',
    edits: [
      {
        file: REPLICA,
        find: "if (this.isOverruled(map.version) || isPassedOver(map, this.boundTo)) return 'overruled';",
        replace: '',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'H32: who promised'),
  },
  {
    name: 'frozen-map-before-promise',
    rule: 'H32',
    edits: [
      {
        file: REPLICA,
        find: "if (isFrozen(map) && !map.promised?.includes(this.incarnationId.node)) return 'not-promised';",
        replace: '',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'H32: a partition stays frozen'),
  },
  {
    name: 'far-successor-is-refused',
    rule: 'H31',
    edits: [
      {
        file: RECORD_ANSWERS,
        find: 'aheadMs > VERSION_AHEAD_MS_MAX && !follows',
        replace: 'aheadMs > VERSION_AHEAD_MS_MAX',
      },
    ],
    fate: tests(FAR_AHEAD_SCHEDULES, 'every key is set, read and deleted'),
  },
  {
    name: 'a-promise-binds-one-life',
    rule: 'H32',
    edits: [
      {
        file: REPLICA,
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
        file: REPLICA,
        find: ' || isPassedOver(map, this.boundTo)',
        replace: '',
      },
    ],
    fate: tests(REPLICA_TESTS, 'binds a node'),
  },
  {
    name: 'answers-from-what-is-retained',
    rule: 'H29',
    edits: [
      {
        file: REPLICA,
        find: 'const member = this.#memberships[partition];\n    const entry',
        replace: `const member = this.#memberships[partition] ?? { ...this.incarnationId, role: 'serving' as const };
    const entry`,
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
  {
    name: 'own-fence-by-the-stored-map',
    rule: 'R6',
    edits: [
      {
        file: REPLICA,
        find: 'return this.obeyedMaps.every((map) => isGranted(map, this.incarnationId));',
        replace: 'return this.#map !== undefined && isGranted(this.#map, this.incarnationId);',
      },
    ],
    fate: tests(REPLICA_TESTS, 'takes its lease'),
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
    fate: tests(WITNESSES_SCHEDULES, 'leaves with its acknowledgement'),
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
    name: 'state-stale-lineage-over-what-is-obeyed',
    rule: 'H32',
    edits: [
      {
        file: REPLICA,
        find: 'isOfStaleLineage(map, this.obeyedVersion)',
        replace: 'isOfStaleLineage(map, this.#map.version)',
      },
    ],
    fate: tests(REPLICA_TESTS, 'overrules one'),
  },
];
