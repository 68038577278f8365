// Mutants of what a controller without its state concludes from its nodes.

import { aimed, type Mutant, tests } from '../mutant.ts';

const RECOVERED = 'src/controller/decisions/recovered.ts';

const LOST_HOSTS_SCHEDULES = 'test/simulation/schedules-lost-hosts.test.ts';
const RECOVERED_TESTS = 'test/controller/decisions/recovered.test.ts';
const RECOVERY_SCHEDULES = 'test/simulation/schedules-recovery.test.ts';

export const CONTROLLER_RECOVERED_MUTANTS: readonly Mutant[] = [
  {
    name: 'recover-any',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: 'members.every((member) => hasPromised(promises, highest.map, member)) ||',
        replace: 'members.some((member) => hasPromised(promises, highest.map, member)) ||',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'H32: a partition stays frozen'),
  },
  {
    name: 'recover-lives-of-before',
    rule: 'H7',
    edits: [
      {
        file: RECOVERED,
        find: 'return { ...member, incarnation: present.incarnation };',
        replace: 'return member;',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'that comes late'),
  },
  {
    name: 'an-old-copy-promises',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: 'isSameStore && coversIncarnation(promise, member.incarnation)',
        replace: 'isSameStore',
      },
    ],
    fate: tests(LOST_HOSTS_SCHEDULES, 'promises nothing for the lives'),
  },
  {
    name: 'survivor-that-a-witness-has-fenced',
    rule: 'H32',
    edits: [{ file: RECOVERED, find: '!maps.some((map) => bars(map, member))', replace: 'true' }],
    fate: tests(LOST_HOSTS_SCHEDULES, 'is not taken for complete'),
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
        find: "if (member.role !== 'serving' || !incarnationIds(promises, member)) return false;",
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
    name: 'survivor-before-leases-ran-out',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: 'incarnationIds(promises, incarnationId) && hasLapsed(incarnationId.node)',
        replace:
          'incarnationIds(promises, incarnationId) && (hasLapsed(incarnationId.node) || true)',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'while leases of before may last'),
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
    name: 'as-many-promises-are-the-same',
    rule: 'H32',
    edits: [{ file: RECOVERED, find: ' && a.every((node) => b.includes(node))', replace: '' }],
    fate: tests(RECOVERED_TESTS, 'is told to those who promised to this one'),
  },
  {
    name: 'newest-map-before-highest-epoch',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: '(a, b) => b.entry.epoch - a.entry.epoch || compareMapVersions(b.map.version, a.map.version),',
        replace: '(a, b) => compareMapVersions(b.map.version, a.map.version),',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'of a higher epoch that comes late'),
  },
  {
    name: 'promise-of-an-empty-store-counts',
    rule: 'D6',
    edits: [
      {
        file: RECOVERED,
        find: 'entry?.incarnation === member.incarnation && entry.store === promise.store;',
        replace: 'entry?.incarnation === member.incarnation;',
      },
    ],
    fate: tests(RECOVERED_TESTS, 'with another store only'),
  },
  {
    name: 'lost-store-inherits-after-a-recovery',
    rule: 'H8',
    edits: [
      {
        file: RECOVERED,
        find: 'since === undefined || since > member.incarnation',
        replace: '(since ?? 0) < 0',
      },
    ],
    fate: aimed('controller-loss-emptied'),
  },
];
