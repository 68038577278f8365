// Wrong programs, one broken rule each, and what must notice it. A mutant is the product with exact texts
// replaced by others, so the product itself has no switch for it. Run them with `npm run test:mutants`;
// that every text still occurs exactly once is checked by every test run.

import { CLOCK_MUTANTS } from './clocks.ts';
import { DELETE_MUTANTS } from './deletes.ts';
import { DIRECTORY_MUTANTS } from './directories.ts';
import { FAR_AHEAD_MUTANTS } from './far-ahead.ts';
import { HTTP_MUTANTS } from './http.ts';
import { type Edit, type Mutant, SEEDS, tests } from './mutant.ts';
import { OPERATOR_MUTANTS } from './operators.ts';
import { RECOVERY_MUTANTS } from './recovery.ts';
import { RETURNING_MUTANTS } from './returning.ts';
import { TWIN_MUTANTS } from './twins.ts';
import { UNSCRIPTED_MUTANTS } from './unscripted.ts';
import { WITNESS_MUTANTS } from './witnesses.ts';
import { WRITER_MUTANTS } from './writer.ts';

const LEASE_SCHEDULES = 'test/simulation/schedules-leases.test.ts';
const JOIN_SCHEDULES = 'test/simulation/schedules-joins.test.ts';
const RECOVERY_SCHEDULES = 'test/simulation/schedules-recovery.test.ts';
const DISK_SCHEDULES = 'test/simulation/schedules-disks.test.ts';
const MAP_SCHEDULES = 'test/simulation/schedules-maps.test.ts';
const REMOVAL_SCHEDULES = 'test/simulation/schedules-removals.test.ts';
const SCHEDULES = 'test/simulation/schedules.test.ts';
const STORE_TESTS = 'test/storage/memory/segment-store.test.ts';
const EVICTION_TESTS = 'test/storage/memory/eviction.test.ts';
const COMPACTION_TESTS = 'test/storage/log/compaction.test.ts';
const LOG_REPLAY_TESTS = 'test/storage/log/log-replay.test.ts';
const LOG_TESTS = 'test/storage/log/log.test.ts';
const WRITE_TESTS = 'test/coordinator/operations/set/decision.test.ts';
const WRITE_HANDLER_TESTS = 'test/coordinator/operations/set/round.test.ts';
const COMBINING = 'src/coordinator/operations/set/coalescing.ts';
const COMBINING_TESTS = 'test/coordinator/operations/set/coalescing.test.ts';
const WRITER = 'src/coordinator/operations/set/writer.ts';
const WRITER_TESTS = 'test/coordinator/operations/set/writer.test.ts';
const HOT_KEY_SCHEDULES = 'test/simulation/schedules-hot-keys.test.ts';
const RESTART_SCHEDULES = 'test/simulation/schedules-restarts.test.ts';
const DELETE_SCHEDULES = 'test/simulation/schedules-deletes.test.ts';
const DISK_ERRORS = 'test/processes/disk-errors.test.ts';
const FULL_RESTART_TESTS = 'test/storage/memory/full-restart.test.ts';
const MEMORY_LIMIT_TESTS = 'test/storage/memory/memory-limit.test.ts';
const RECOVERY_TESTS = 'test/storage/data-directory/recovery.test.ts';
const REPLICA_TESTS = 'test/storage/replication/replica.test.ts';
const HEARTBEAT_TESTS = 'test/storage/heartbeats.test.ts';
const ANTI_ENTROPY_TESTS = 'test/storage/replication/anti-entropy.test.ts';
const ANTI_ENTROPY = 'src/storage/replication/anti-entropy.ts';
const CACHE_SCHEDULES = 'test/simulation/schedules-caches.test.ts';
const CUT_SCHEDULES = 'test/simulation/schedules-cuts.test.ts';
const CLOCK_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const DECIDE = 'src/controller/decisions/decide.ts';
const KEEP = 'src/coordinator/operations/restore/decision.ts';
const KEEP_HANDLER = 'src/coordinator/operations/restore/round.ts';
const LOAD_TESTS = 'test/load/load.test.ts';
const LOAD_RUN_TESTS = 'test/load/run.test.ts';
const KEEP_TESTS = 'test/coordinator/operations/restore/decision.test.ts';
const PARTITION_COPY = 'src/backup/partition-copy.ts';
const HEARTBEATS = 'src/storage/heartbeats.ts';
const IDENTITY = 'src/storage/data-directory/identity.ts';
const JOINER = 'src/storage/replication/joiner.ts';
const TRANSFER = 'src/storage/replication/transfer.ts';
const LIFE = 'src/storage/node-incarnation.ts';
const MAP_ADOPTION = 'src/storage/replication/map-adoption.ts';
const MEMORY = 'src/storage/memory/segment-store.ts';
const ROOM = 'src/storage/memory/room.ts';
const MEMORY_LIMIT = 'src/storage/memory/memory-limit.ts';
const MEMBERSHIP = 'src/controller/decisions/membership.ts';
const OPENING = 'src/controller/map/startup-guard.ts';
const PENDING = 'src/controller/observations/pending.ts';
const PUBLISHED_MAP = 'src/controller/map/published-map.ts';
const PROBES = 'src/coordinator/probes.ts';
const REACHABILITY = 'src/controller/observations/reachability.ts';
const RECOVERY = 'src/storage/data-directory/recovery.ts';
const RECOVERED = 'src/controller/decisions/recovered.ts';
const REGISTRATIONS = 'src/controller/registrations.ts';
const REPLICA = 'src/storage/replication/replica.ts';
const LOGGED_STORE = 'src/storage/logged-store.ts';
const VIEW = 'src/controller/observations/view.ts';
const WITNESSES = 'src/controller/decisions/witnesses.ts';
const STORE = 'src/storage/memory/segment-store.ts';
const OPERATION_LINKS = 'src/storage/operation-links.ts';
const ANSWER_KINDS = 'src/cluster/wire/answer-kinds.ts';
const ACKNOWLEDGEMENTS = 'src/storage/log/acknowledgements.ts';
const ACKNOWLEDGEMENT_TESTS = 'test/storage/log/acknowledgements.test.ts';
const PARTITION_RECORDS = 'src/storage/memory/partition-records.ts';
const HASH_INDEX = 'src/storage/memory/hash-index.ts';
const SEGMENTS = 'src/storage/memory/segments.ts';
const CLEANER = 'src/storage/memory/cleaner.ts';
const COMPACTION = 'src/storage/log/compaction.ts';
const LOG_BLOCK = 'src/storage/log/log-block.ts';
const LOG_READER = 'src/storage/log/log-reader.ts';
const LOG_REPLAY = 'src/storage/log/log-replay.ts';
const RECORD_LOG = 'src/storage/log/log.ts';
const DISK = 'src/cluster/io/disk/disk.ts';
const WRITE = 'src/coordinator/operations/set/decision.ts';
const WRITE_HANDLER = 'src/coordinator/operations/set/round.ts';

const LEASES: readonly Mutant[] = [
  {
    name: 'no-lease-check',
    rule: 'R1',
    edits: [{ file: REPLICA, find: ' || !this.#granted || !this.lease.isLive()', replace: '' }],
    fate: tests(LEASE_SCHEDULES, 'R1: '),
  },
  {
    name: 'lease-from-receipt',
    rule: 'H4',
    edits: [
      {
        file: HEARTBEATS,
        find: 'this.#replica.lease.extend(sent);',
        replace: 'this.#replica.lease.extend(momentOf(this.#runtime.clock));',
      },
      {
        file: HEARTBEATS,
        find: 'lease.extend(vote.sent);',
        replace: 'lease.extend(momentOf(this.#runtime.clock));',
      },
    ],
    fate: tests(LEASE_SCHEDULES, 'H4: '),
  },
  {
    name: 'lease-without-map',
    rule: 'H3',
    edits: [
      {
        file: HEARTBEATS,
        find: 'return knows && !this.#replica',
        replace: 'return (knows || version.generation > 0) && !this.#replica',
      },
    ],
    fate: tests(HEARTBEAT_TESTS, 'H3'),
  },
  {
    name: 'grant-of-an-old-generation',
    rule: 'H32',
    edits: [{ file: HEARTBEATS, find: ' && !this.#replica.isOverruled(version);', replace: ';' }],
    fate: tests(HEARTBEAT_TESTS, 'H32'),
  },
  {
    name: 'witness-grants-the-fenced',
    rule: 'R5',
    edits: [
      {
        file: LIFE,
        find: '!isGranted(obeyed, life)',
        replace: 'nodeEntry(obeyed, life.node)?.incarnation !== life.incarnation',
      },
    ],
    fate: tests(LEASE_SCHEDULES, 'R5: a'),
  },
  {
    name: 'witness-grants-after-goodbye',
    rule: 'D2',
    edits: [{ file: LIFE, find: "if (this.#ended) return 'ended';", replace: '' }],
    fate: tests(LEASE_SCHEDULES, 'D2: '),
  },
  {
    name: 'vote-of-another-life',
    rule: 'D2',
    edits: [
      {
        file: HEARTBEATS,
        find: "if (answer !== 'granted' || incarnation !== witness.incarnation || ",
        replace: "if (answer !== 'granted' || incarnation < 0 || ",
      },
    ],
    fate: tests(HEARTBEAT_TESTS, 'of, another life'),
  },
  {
    name: 'joint-step-skipped',
    rule: 'H13',
    edits: [
      {
        file: WITNESSES,
        find: 'return isDue && wanted.length > 0 ? { ...map, nextWitnesses: wanted } : map;',
        replace: 'return isDue && wanted.length > 0 ? { ...map, witnesses: wanted } : map;',
      },
    ],
    fate: tests(LEASE_SCHEDULES, 'H13: '),
  },
];

const REMOVALS: readonly Mutant[] = [
  {
    name: 'remove-without-fence-wait',
    rule: 'R6',
    edits: [
      {
        file: VIEW,
        find: 'this.#nowMs - blockedMs >= this.#times.fenceWaitMs',
        replace: 'this.#nowMs >= blockedMs',
      },
    ],
    fate: tests(LEASE_SCHEDULES, 'R6: '),
  },
  {
    name: 'remove-without-witnesses',
    rule: 'R6',
    edits: [
      {
        file: PENDING,
        find: 'fence.blockedMs === undefined && isBlocked(map, fence, evidence)',
        replace: 'fence.blockedMs === undefined && (isBlocked(map, fence, evidence) || true)',
      },
    ],
    fate: tests(LEASE_SCHEDULES, 'the others may grant'),
  },
  {
    name: 'drop-blind',
    rule: 'I8',
    edits: [
      {
        file: DECIDE,
        find: 'view.isAlive(other) &&\n      (decision === undefined || view.hasAdopted(other, decision.version)),',
        replace: '(decision === undefined || decision.atMs >= 0),',
      },
      {
        file: DECIDE,
        find: 'isGranted(next, other) && view.isAlive(other),',
        replace: 'isGranted(next, other),',
      },
    ],
    fate: tests(REMOVAL_SCHEDULES, 'though nobody may fence it'),
  },
  {
    name: 'drop-on-old-knowledge',
    rule: 'H9',
    edits: [
      {
        file: DECIDE,
        find: '(decision === undefined || view.hasAdopted(other, decision.version)),',
        replace: '(decision === undefined || decision.atMs >= 0),',
      },
    ],
    fate: tests(REMOVAL_SCHEDULES, 'H9: '),
  },
  {
    name: 'drop-the-last',
    rule: 'I8',
    edits: [
      {
        file: DECIDE,
        find: 'return entry.members.some(\n    (other) =>\n      !isSameLife(other, member) &&',
        replace:
          'return entry.members.length > 0 || entry.members.some(\n    (other) =>\n      !isSameLife(other, member) &&',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'drain-no-ack',
    rule: 'H12',
    edits: [{ file: DECIDE, find: 'view.obeys(member, since.version) &&\n', replace: '' }],
    fate: tests(REMOVAL_SCHEDULES, 'H12: '),
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
    fate: tests(REMOVAL_SCHEDULES, 'H33: '),
  },
];

const LIVES: readonly Mutant[] = [
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
    name: 'restart-keeps-the-incarnation',
    rule: 'H6',
    edits: [
      {
        file: MEMBERSHIP,
        find: 'const above = known.map((incarnation) => (incarnation ?? 0) + 1);\n  return Math.max(proposed ?? Math.floor(wallMs), ...above) as Incarnation;',
        replace:
          'return (known.find((incarnation) => incarnation !== undefined) ?? proposed ?? Math.floor(wallMs)) as Incarnation;',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'empty-claims-complete',
    rule: 'H8',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'const resumes = sameStore && hasAllOf(registration, earlier);',
        replace: 'const resumes = earlier !== undefined || hasAllOf(registration, earlier);',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'unclean-resumes',
    rule: 'H8',
    edits: [
      {
        file: RECOVERY,
        find: 'return earlier.bootId === bootId;',
        replace: 'return earlier.bootId === bootId || true;',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'old-copy-resumes',
    rule: 'H8',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'completeSince <= earlier.incarnation && lives.includes(earlier.incarnation)',
        replace: 'completeSince <= earlier.incarnation',
      },
    ],
    fate: tests(MAP_SCHEDULES, 'H8: '),
  },
];

const SETS: readonly Mutant[] = [
  {
    name: 'word-of-another-epoch',
    rule: 'R4',
    edits: [
      {
        file: WRITE_HANDLER,
        find: 'before?.epoch === epoch && before.version',
        replace: 'before?.version',
      },
    ],
    fate: tests(WRITE_HANDLER_TESTS, 'at another epoch everybody is asked'),
  },
  {
    name: 'word-of-a-joiner',
    rule: 'H26',
    edits: [{ file: WRITE, find: " && member.role !== 'joining'", replace: '' }],
    fate: tests(WRITE_HANDLER_TESTS, 'a joiner is asked in every round'),
  },
  {
    name: 'kept-and-not-asked-for-the-map',
    rule: 'R4',
    edits: [
      {
        file: WRITE_HANDLER,
        find: '    for (const { member } of kept) refresh.fetchFrom(member.node);\n',
        replace: '',
      },
    ],
    fate: tests(CUT_SCHEDULES, 'learns from those that have its set'),
  },
  {
    name: 'floor-for-what-is-absent-only',
    rule: 'H26',
    edits: [
      {
        file: MEMORY,
        find: 'if (isBelow(recordVersion(record), floor)) return',
        replace:
          'if (this.get(partition, recordKey(record)) === undefined && isBelow(recordVersion(record), floor)) return',
      },
    ],
    fate: tests(JOIN_SCHEDULES, 'H26: what a joiner drops'),
  },
  {
    name: 'word-of-another-version',
    rule: 'R4',
    edits: [{ file: WRITE_HANDLER, find: ' && before.version === this.#version', replace: '' }],
    fate: tests(WRITE_HANDLER_TESTS, 'a higher version is sent to everybody'),
  },
  {
    name: 'new-epoch-waits-as-long',
    rule: 'R4',
    edits: [
      {
        file: WRITE_HANDLER,
        find: '    if (before?.epoch !== epoch) this.#failedRounds = 0;\n',
        replace: '',
      },
    ],
    fate: tests(WRITE_HANDLER_TESTS, 'each round at one epoch waits longer'),
  },
  {
    name: 'new-map-wakes-nobody',
    rule: 'D4',
    edits: [
      { file: 'src/coordinator/router.ts', find: '    this.laterRounds.wake();\n', replace: '' },
    ],
    fate: tests(RESTART_SCHEDULES, 'D4: sets wait for one restart'),
  },
  {
    name: 'moves-as-often-as-it-can',
    rule: 'H38',
    edits: [
      { file: 'src/controller/decisions/decide.ts', find: '!view.mayMove(map)', replace: 'false' },
    ],
    fate: tests('test/controller/decisions/decide.test.ts', 'are a while apart'),
  },
  {
    name: 'two-recoveries-of-one-generation',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/map/recovery.ts',
        find: 'if (used < this.#generation.generation) return false;',
        replace: 'if (used <= this.#generation.generation) return false;',
      },
    ],
    fate: tests('test/controller/map/recovery.test.ts', 'the generation'),
  },
  {
    name: 'changes-are-laid-over-an-older-map',
    rule: 'H38',
    edits: [
      {
        file: 'src/cluster/model/map-delta.ts',
        find: 'if (delta.since.number > known.version.number) return',
        replace: 'if (false) return',
      },
    ],
    fate: tests('test/cluster/model/map-delta.test.ts', 'of no use over an older map'),
  },
  {
    name: 'changes-of-another-generation-are-taken',
    rule: 'H38',
    edits: [
      {
        file: 'src/cluster/model/map-delta.ts',
        find: 'const versions = [delta.since, delta.version];',
        replace: 'const versions = [delta.version];',
      },
    ],
    fate: tests('test/cluster/model/map-delta.test.ts', 'of no use over another generation'),
  },
  {
    name: 'changes-are-those-of-the-last-map-only',
    rule: 'H38',
    edits: [
      {
        file: 'src/controller/map/published-map.ts',
        find: '?? deltaBetween(base, map);',
        replace: '?? { ...deltaBetween(this.#recent.at(-1) ?? base, map), since: base.version };',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'a-membership-is-kept-with-its-epoch',
    rule: 'H38',
    edits: [
      {
        file: 'src/storage/replication/replica.ts',
        find: 'entry === known[partition] ?',
        replace: 'entry.epoch === known[partition]?.epoch ?',
      },
    ],
    fate: tests(REPLICA_TESTS, 'follows each map'),
  },
  {
    name: 'a-whole-map-is-never-asked-for',
    rule: 'H38',
    edits: [
      {
        file: 'src/storage/heartbeats.ts',
        find: "if (news.kind === 'unusable') this.#takesDeltas = false;",
        replace: '',
      },
    ],
    fate: tests(HEARTBEAT_TESTS, 'what changed is laid over the map'),
  },
  {
    name: 'nothing-is-urgent',
    rule: 'H38',
    edits: [
      {
        file: 'src/controller/decisions/decide.ts',
        find: 'if (take(urgent) === map) return map;',
        replace: 'return map;',
      },
    ],
    fate: tests('test/controller/decisions/decide.test.ts', 'hold up no fence'),
  },
  {
    name: 'stops-when-another-is-back',
    rule: 'D4',
    edits: [
      {
        file: 'src/storage/shutdown.ts',
        find: "() => this.#stop('restarting')",
        replace: "() => undefined);\n      this.#stop('restarting'",
      },
    ],
    fate: tests(RESTART_SCHEDULES, 'D4: sets wait for one restart'),
  },
  {
    name: 'word-of-another-life',
    rule: 'R4',
    edits: [
      {
        file: WRITE_HANDLER,
        find: 'isSameLife(vote.member, member)',
        replace: 'vote.member.node === member.node',
      },
    ],
    fate: tests(WRITE_HANDLER_TESTS, 'another life of a node'),
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
    name: 'log-before-apply',
    rule: 'H14b',
    edits: [
      {
        file: OPERATION_LINKS,
        find: 'const answer = this.#served.replica()?.answer(operation) ?? NOT_SERVING;\n    this.#answers.count',
        replace: `const life = this.#served.replica();
    const epochNow = () =>
      operation.kind === 'set'
        ? life?.map?.partitions[operation.partition]?.epoch
        : undefined;
    if (operation.kind === 'set' && epochNow() === operation.epoch) {
      this.#runtime.timers.after(20, () => {
        const late = life?.answer({ ...operation, epoch: epochNow() ?? operation.epoch });
        this.#served.durability().whenDown(() => send(link, id, late ?? NOT_SERVING));
      });
      return;
    }
    const answer = life?.answer(operation) ?? NOT_SERVING;
    this.#answers.count`,
      },
    ],
    fate: tests(JOIN_SCHEDULES, 'H14b: '),
  },
  {
    name: 'acknowledged-with-one-missing',
    rule: 'R4',
    edits: [
      {
        file: WRITE,
        find: "case 'time':\n        again = true;",
        replace:
          "case 'time':\n        again ||=\n          votes.filter(({ answer: other }) => other?.kind !== 'applied' && other?.kind !== 'equal')\n            .length > 1;",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'superseded-is-done',
    rule: 'H18',
    edits: [
      {
        file: WRITE,
        find: "case 'superseded':\n        break;",
        replace: "case 'superseded':\n        kept = true;\n        break;",
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'joiner-applied-counts',
    rule: 'H18',
    edits: [
      { file: WRITE, find: "if (member.role === 'serving') kept = true;", replace: 'kept = true;' },
    ],
    fate: tests(JOIN_SCHEDULES, 'not that of a joiner'),
  },
  {
    name: 'applied-any-epoch',
    rule: 'H18',
    edits: [
      {
        file: WRITE_HANDLER,
        find: 'const decision = judgeWrite(votes);',
        replace: `for (const { member, answer } of votes) {
      if (member.role === 'serving' && answer?.kind === 'applied') this.#everApplied = true;
    }
    const judged = judgeWrite(votes);
    const decision =
      judged.kind === 'again-newer' && this.#everApplied
        ? ({ kind: 'acknowledged' } as const)
        : judged;`,
      },
      {
        file: WRITE_HANDLER,
        find: '#mayBeHeld = false;',
        replace: '#mayBeHeld = false;\n  #everApplied = false;',
      },
    ],
    fate: tests(JOIN_SCHEDULES, 'nor one given'),
  },
  {
    name: 'floor-is-done',
    rule: 'H25',
    edits: [
      { file: WRITE, find: 'if (floor || !kept)', replace: 'if ((floor && !kept) || !kept)' },
    ],
    fate: tests(WRITE_TESTS, 'R4: '),
  },
  {
    name: 'equal-not-waiting',
    rule: 'I14',
    edits: [
      {
        file: ANSWER_KINDS,
        find: "equal: { code: 3, ...PLAIN, holds: 'yes', waitsForLog: true }",
        replace: "equal: { code: 3, ...PLAIN, holds: 'yes' }",
      },
      {
        file: ANSWER_KINDS,
        find: 'superseded: { code: 4, ...PLAIN, waitsForLog: true }',
        replace: 'superseded: { code: 4, ...PLAIN }',
      },
    ],
    fate: tests(SCHEDULES, 'I14: '),
  },
  {
    name: 'offered-again-waits-for-all',
    rule: 'R4',
    edits: [
      {
        file: ACKNOWLEDGEMENTS,
        find: 'if (same?.checksum !== recordChecksum(record))',
        replace: 'if (same?.checksum !== recordChecksum(record) || same.checksum >= 0)',
      },
    ],
    fate: tests(ACKNOWLEDGEMENT_TESTS, 'is acknowledged with the first time'),
  },
  {
    name: 'an-earlier-write-acknowledges-the-later',
    rule: 'I14',
    edits: [
      {
        file: ACKNOWLEDGEMENTS,
        find: 'if (this.#goingDown.get(name) === goingDown) ',
        replace: '',
      },
    ],
    fate: tests(ACKNOWLEDGEMENT_TESTS, 'applied anew'),
  },
  {
    name: 'one-of-a-version-acknowledges-the-other',
    rule: 'I14',
    edits: [
      {
        file: ACKNOWLEDGEMENTS,
        find: 'same?.checksum !== recordChecksum(record)',
        replace: 'same === undefined',
      },
    ],
    fate: tests(ACKNOWLEDGEMENT_TESTS, 'of the same version'),
  },
  {
    name: 'superseded-waits-for-all',
    rule: 'H18',
    edits: [
      {
        file: ACKNOWLEDGEMENTS,
        find: 'if (newer === undefined)',
        replace: 'if (newer === undefined || newer.checksum >= 0)',
      },
    ],
    fate: tests(ACKNOWLEDGEMENT_TESTS, 'that is older is told so'),
  },
];

const HOT_KEYS: readonly Mutant[] = [
  {
    name: 'overtaken-answered-at-once',
    rule: 'H41',
    edits: [
      {
        file: WRITER,
        find: '    if (next !== undefined) this.#send(before.hash, next, queue);\n',
        replace: `    if (next === undefined) return;
    const overtaken = this.#waiting.takeOvertaken(queue);
    this.#send(before.hash, next, queue);
    const { versions } = this.#context;
    this.#answerOvertaken(overtaken, versions.next());
`,
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'overtaken-answered-though-newer-failed',
    rule: 'H41',
    edits: [
      {
        file: WRITER,
        find: '      // Later, because the next',
        replace: `      const { versions } = this.#context;
      const overtaken = this.#waiting.takeOvertaken(queue);
      this.#answerOvertaken(overtaken, versions.next());
      // Later, because the next`,
      },
    ],
    fate: tests(HOT_KEY_SCHEDULES, 'the newest is refused'),
  },
  {
    name: 'overtaken-lost-with-the-refused',
    rule: 'H41',
    edits: [
      {
        file: COMBINING,
        find: 'const next = queue.sets.pop();',
        replace: 'const next = queue.sets.length > queue.overtaken ? queue.sets.pop() : undefined;',
      },
    ],
    fate: tests(HOT_KEY_SCHEDULES, 'the newest is refused'),
  },
  {
    name: 'answered-with-the-set-ahead',
    rule: 'H41',
    edits: [
      {
        file: COMBINING,
        find: 'queue.sets.splice(0, queue.overtaken)',
        replace: 'queue.sets.splice(0)',
      },
    ],
    fate: tests(COMBINING_TESTS, 'who comes later'),
  },
  {
    name: 'refused-and-sent',
    rule: 'D9',
    edits: [
      {
        file: COMBINING,
        find: "assert(queue.sets.shift() === oldest, 'the oldest of all is the oldest of its key');",
        replace: '',
      },
    ],
    fate: tests(HOT_KEY_SCHEDULES, 'slept over their deadline'),
  },
  {
    name: 'sent-after-its-deadline',
    rule: 'H19',
    edits: [
      { file: WRITER, find: '    this.#refuseLate();\n    this.#on', replace: '    this.#on' },
    ],
    fate: tests(HOT_KEY_SCHEDULES, 'slept over their deadline'),
  },
  {
    name: 'overtaken-without-versions',
    rule: 'H41',
    edits: [
      {
        file: WRITE_HANDLER,
        find: 'versions.nextOf(overtaken + 1, this.#above)',
        replace: 'versions.next(this.#above)',
      },
    ],
    fate: tests(WRITER_TESTS, 'versions of their own'),
  },
  {
    name: 'waiting-without-bound',
    rule: 'H41',
    edits: [{ file: WRITER, find: 'while (this.#waiting.isTooMuch)', replace: 'while (false)' }],
    fate: tests(WRITER_TESTS, 'of too many'),
  },
];

const JOINS: readonly Mutant[] = [
  {
    name: 'copy-unfenced-source',
    rule: 'H14',
    edits: [
      { file: REPLICA, find: 'if (entry.epoch < operation.epoch) return BEHIND;', replace: '' },
    ],
    fate: tests(JOIN_SCHEDULES, 'not from a member'),
  },
  {
    name: 'wipe-late',
    rule: 'H15',
    edits: [
      {
        file: REPLICA,
        find: 'or the wipe takes some with it.\n        this.#begin(partition);',
        replace: 'or the wipe takes some with it.\n        this.late.push(partition);',
      },
      {
        file: REPLICA,
        find: '  readonly #options: ReplicaOptions;\n',
        replace: '  readonly late: PartitionId[] = [];\n  readonly #options: ReplicaOptions;\n',
      },
      {
        file: LIFE,
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
        find: 'or the wipe takes some with it.\n        this.#begin(partition);',
        replace: 'or the wipe takes some with it.',
      },
    ],
    fate: tests(REPLICA_TESTS, 'a joiner begins with nothing'),
  },
  {
    name: 'reset-not-logged',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "this.#log.append({ kind: 'reset', partition });",
        replace: '',
      },
    ],
    fate: tests(DELETE_SCHEDULES, 'D7: what'),
  },
  {
    name: 'stale-join-report',
    rule: 'H16',
    edits: [
      {
        file: VIEW,
        find: 'copy.partition === partition && copy.joinEpoch === member.joinEpoch',
        replace: 'copy.partition === partition',
      },
    ],
    fate: tests(JOIN_SCHEDULES, 'H16: '),
  },
  {
    name: 'joined-before-durable',
    rule: 'H36',
    edits: [
      {
        file: JOINER,
        find: 'this.#store.durability.whenDown(() => {\n      copy.done = true;',
        replace: 'this.#runtime.timers.after(0, () => {\n      copy.done = true;',
      },
    ],
    fate: tests(JOIN_SCHEDULES, 'H36: '),
  },
  {
    name: 'copy-respects-floor',
    rule: 'H27',
    edits: [
      {
        file: LOGGED_STORE,
        find: 'this.#store.putCopied(partition, record)',
        replace: 'this.#store.put(partition, record)',
      },
    ],
    fate: tests(DELETE_SCHEDULES, 'H27: '),
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
    fate: tests(DELETE_SCHEDULES, 'H26: a joiner'),
  },
];

const PULL_FROM_JOINER: Edit = {
  file: REPLICA,
  find: "case 'pull':\n        if (!serves) return NOT_SERVING;",
  replace: "case 'pull':\n        if (member.role === 'leaving') return NOT_SERVING;",
};

const DELETES: readonly Mutant[] = [
  {
    name: 'no-floor',
    rule: 'H24',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'this.#store.raiseFloor(partition, floor);',
        replace: 'if (records.length === 0) this.#store.raiseFloor(partition, floor);',
      },
      { file: LOGGED_STORE, find: 'this.raiseFloor(partition, version);', replace: '' },
    ],
    fate: SEEDS,
  },
  {
    name: 'floor-not-logged',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "this.#log.append({ kind: 'floor', partition, version });",
        replace: '',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'logged first (D7)'),
  },
  {
    name: 'dropped-not-logged',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "need memory for it.\n    this.#log.append({ kind: 'forget', partition, key, version });",
        replace: 'need memory for it.',
      },
    ],
    fate: tests(DELETE_SCHEDULES, 'D7: and what it dropped'),
  },
  {
    name: 'gc-during-join',
    rule: 'H26',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: "if (member.role !== 'serving') return endAt(member.role);",
        replace: "if (member.role !== 'serving') return done(true);",
      },
    ],
    fate: tests(DELETE_SCHEDULES, 'H26: while'),
  },
  {
    name: 'gc-without-ae',
    rule: 'H28',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'if (member === undefined) return this.#forget(round, done);',
        replace:
          'if (left === others) this.#forget(round, () => undefined);\n      if (member === undefined) return done();',
      },
    ],
    fate: tests(DELETE_SCHEDULES, 'H28: before'),
  },
  {
    name: 'ae-from-joiner',
    rule: 'H28',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: "if (member.role !== 'serving') return endAt(member.role);",
        replace: "if (member.role === 'leaving') return done(false);",
      },
      PULL_FROM_JOINER,
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'which is not asked either'),
  },
  {
    name: 'joiner-answers-pulls',
    rule: 'H28',
    edits: [PULL_FROM_JOINER],
    fate: tests(REPLICA_TESTS, 'a joining member answers a pull'),
  },
  {
    name: 'ae-no-floor-guard',
    rule: 'H28',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'this.isSameEpoch() && this.#store.reader.floor(this.partition) === this.#floor',
        replace: 'this.isSameEpoch()',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'not for another floor'),
  },
  {
    name: 'ae-any-epoch',
    rule: 'H28',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: 'return epoch === this.epoch && this.#replica',
        replace: 'return epoch !== undefined && this.#replica',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'another epoch'),
  },
];

const DISKS: readonly Mutant[] = [
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
    fate: tests(MAP_SCHEDULES, 'though an older one arrives'),
  },
  {
    name: 'state-of-yesterday',
    rule: 'H32',
    edits: [
      {
        file: OPENING,
        find: 'if (adopted !== undefined) refuseYesterday(this.#stored, node, adopted);',
        replace: '',
      },
    ],
    fate: tests(MAP_SCHEDULES, 'starts in between'),
  },
  {
    name: 'sync-failure-forgotten',
    rule: 'H8',
    edits: [
      {
        file: IDENTITY,
        find: '(incarnation + 1) as Incarnation',
        replace: 'incarnation',
      },
    ],
    fate: tests(DISK_SCHEDULES, 'H8: '),
  },
];

const RECOVERIES: readonly Mutant[] = [
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
        find: "if (isFrozen(map) && !map.promised?.includes(this.life.node)) return 'not-promised';",
        replace: '',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'H32: a partition stays frozen'),
  },
  {
    name: 'recovered-epoch-again',
    rule: 'H32',
    edits: [
      {
        file: 'src/controller/decisions/epochs.ts',
        find: '(frozen ? UNHEARD_EPOCHS : 1)',
        replace: '(frozen ? 0 : 1)',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'H32: an epoch that only'),
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
    fate: tests('test/controller/decisions/recovered.test.ts', 'that comes late'),
  },
];

const CLOCKS: readonly Mutant[] = [
  {
    name: 'register-any-clock',
    rule: 'H31',
    edits: [{ file: REGISTRATIONS, find: ' ?? this.#refuseClock(message)', replace: '' }],
    fate: tests(CLOCK_SCHEDULES, 'H31: a storage node whose clock is off'),
  },
];

const CUTS: readonly Mutant[] = [
  {
    name: 'one-frontend-decides',
    rule: 'H11',
    edits: [
      {
        file: REACHABILITY,
        find: 'return reports.length > 0 && 2 * reports.length >= this.#frontends.addresses.length;',
        replace: 'return reports.length > 0;',
      },
    ],
    fate: tests(CUT_SCHEDULES, 'fewer than half say so'),
  },
  {
    name: 'most-nodes-avoided',
    rule: 'H11',
    edits: [
      {
        file: REACHABILITY,
        find: '2 * lives.length < present.length',
        replace: 'lives.length <= present.length',
      },
    ],
    fate: tests(CUT_SCHEDULES, 'half of the nodes at most'),
  },
  {
    name: 'no-bar',
    rule: 'H11',
    edits: [
      {
        file: REACHABILITY,
        find: 'nowMs - saidMs < this.#times.rejoinBarMs',
        replace: 'nowMs - saidMs < this.#times.probeMs',
      },
    ],
    fate: tests(CUT_SCHEDULES, 'half of them say so'),
  },
  {
    name: 'blames-for-own-sleep',
    rule: 'H11',
    edits: [{ file: PROBES, find: ' && !wasAway', replace: '' }],
    fate: tests(CUT_SCHEDULES, 'they slept over'),
  },
];

const STORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'segment-freed-in-use',
    rule: 'I11',
    edits: [
      {
        file: SEGMENTS,
        find: 'if (segment.used === 0 && !segment.isHead)',
        replace: 'if (!segment.isHead)',
      },
    ],
    fate: tests(STORE_TESTS, 'with all the memory'),
  },
  {
    name: 'old-place-not-released',
    rule: 'I11',
    edits: [
      {
        file: PARTITION_RECORDS,
        find: '    this.index.replace(hash, from, to, isPerishable(record));\n    this.#segments.release(from);',
        replace: '    this.index.replace(hash, from, to, isPerishable(record));',
      },
    ],
    fate: tests(STORE_TESTS, 'can be overwritten for ever'),
  },
  {
    name: 'old-table-not-searched',
    rule: 'I11',
    edits: [
      {
        file: HASH_INDEX,
        find: 'if (this.#old === undefined) return undefined;\n    const oldSlot',
        replace: 'if (this.#old === undefined || hash !== 0) return undefined;\n    const oldSlot',
      },
    ],
    fate: tests(STORE_TESTS, 'with all the memory'),
  },
  {
    name: 'old-table-not-listed',
    rule: 'R8',
    edits: [
      { file: HASH_INDEX, find: '    this.#old?.collect(piece, flags, found);\n', replace: '' },
    ],
    fate: tests(STORE_TESTS, 'with all the memory'),
  },
  {
    name: 'spilled-slots-not-listed',
    rule: 'R8',
    edits: [
      {
        file: HASH_INDEX,
        find: 'if (location === EMPTY || (next',
        replace: 'if (next > own || location === EMPTY || (next',
      },
    ],
    fate: tests(STORE_TESTS, 'with all the memory'),
  },
  {
    name: 'cleaner-falls-behind',
    rule: 'H35',
    edits: [{ file: CLEANER, find: 'const AHEAD = 1.25;', replace: 'const AHEAD = 0.5;' }],
    fate: tests(STORE_TESTS, 'can be overwritten for ever'),
  },
  {
    name: 'moved-large-record-leaves-its-number',
    rule: 'I11',
    edits: [
      {
        file: SEGMENTS,
        find: '      source.bytes.writeUInt32BE(GONE, offset + ENTRY_HEADER_BYTES);\n',
        replace: '',
      },
    ],
    fate: tests(EVICTION_TESTS, 'that the cleaner had moved'),
  },
  {
    name: 'large-records-cost-nothing-to-evict',
    rule: 'H40',
    edits: [
      {
        file: CLEANER,
        find: 'Math.max(passed, entry.record.length)',
        replace: 'passed',
      },
      {
        file: CLEANER,
        find: 'const { isFull } = this;',
        replace: 'const isFull = this.#sifting !== undefined || this.isFull;',
      },
    ],
    fate: tests(EVICTION_TESTS, 'no more goes than must'),
  },
  {
    name: 'wanted-memory-forgotten',
    rule: 'H35',
    edits: [
      {
        file: ROOM,
        find: '      this.#limit.want(more + length);\n',
        replace: '',
      },
    ],
    fate: tests(STORE_TESTS, 'for what needs much at once'),
  },
  {
    name: 'dropped-memory-only-paid-for',
    rule: 'H15',
    edits: [
      {
        file: STORE,
        find: 'this.#dropped.release(DROPPED_SLOTS_IDLE);\n    const isGrowing',
        replace: 'const isGrowing',
      },
    ],
    fate: tests(STORE_TESTS, 'of a dropped partition'),
  },
  {
    name: 'evicted-without-a-floor',
    rule: 'H40',
    edits: [{ file: STORE, find: '    state.raiseFloor(version);\n', replace: '' }],
    fate: tests(EVICTION_TESTS, 'takes no older set'),
  },
  {
    name: 'evicted-though-asked-for',
    rule: 'H40',
    edits: [
      {
        file: STORE,
        find: 'return wasAccessed ? this.#keep(entry) : this.#evict(entry);',
        replace: 'return wasAccessed && false ? this.#keep(entry) : this.#evict(entry);',
      },
    ],
    fate: tests(EVICTION_TESTS, 'keeps what is asked for'),
  },
  {
    name: 'one-queue',
    rule: 'H40',
    edits: [{ file: CLEANER, find: 'const SMALL_QUEUE = 0.1;', replace: 'const SMALL_QUEUE = 2;' }],
    fate: tests(EVICTION_TESTS, 'keeps what is asked for'),
  },
  {
    name: 'log-keeps-a-view',
    rule: 'I14',
    edits: [
      {
        file: RECORD_LOG,
        find: '    block.add(entry);',
        replace:
          '    const late = block;\n    this.#runtime.timers.after(0, () => late.add(entry));',
      },
    ],
    fate: tests(LOG_TESTS, 'writes what was appended'),
  },
  {
    name: 'compacted-without-floors',
    rule: 'D7',
    edits: [
      {
        file: COMPACTION,
        find: 'if (version !== VERSION_ZERO) this',
        replace: 'if (!version) this',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'when it was down'),
  },
  {
    name: 'compaction-misses-the-last',
    rule: 'I14',
    edits: [
      {
        file: COMPACTION,
        find: 'walk.cursor = next ?? FIRST;',
        replace: 'walk.cursor = next ?? walk.cursor;',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'when it was down'),
  },
  {
    name: 'files-dropped-before-the-copy-is-synced',
    rule: 'I14',
    edits: [
      {
        file: RECORD_LOG,
        find: 'this.beginFile(() => this.sync((failure) => this.#removeDropped(failure, done)));',
        replace: 'this.beginFile(() => this.#removeDropped(undefined, done));',
      },
      {
        file: COMPACTION,
        find: 'this.#log.sync((failure) => {',
        replace: '((heard: (failure?: string) => void) => heard())((failure) => {',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'loss of power'),
  },
  {
    name: 'files-dropped-without-a-header',
    rule: 'I14',
    edits: [
      {
        file: RECORD_LOG,
        find: 'this.beginFile(() => this.sync((failure) => this.#removeDropped(failure, done)));',
        replace: 'this.sync((failure) => this.#removeDropped(failure, done));',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'when it was down'),
  },
  {
    name: 'removed-while-needed',
    rule: 'I14',
    edits: [
      {
        file: COMPACTION,
        find: 'if (walk.next >= walk.partitions.length)',
        replace: 'if (walk.next > 0)',
      },
    ],
    fate: tests(COMPACTION_TESTS, 'when it was down'),
  },
  {
    name: 'hole-taken-for-a-tail',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: 'if (!isLast) throw damaged(bad);',
        replace: '',
      },
      {
        file: LOG_REPLAY,
        find: 'if (synced !== undefined && (!mayHaveHoles || isBefore(bad, synced))) throw damaged(bad);',
        replace: '',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'with a flipped bit'),
  },
  {
    name: 'synced-hole-taken-for-a-power-loss',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: '(!mayHaveHoles || isBefore(bad, synced))',
        replace: '!mayHaveHoles',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'with a flipped bit'),
  },
  {
    name: 'hole-stops-for-ever',
    rule: 'H8',
    edits: [
      { file: LOG_REPLAY, find: '(!mayHaveHoles || isBefore(bad, synced))', replace: 'true' },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'with a hole'),
  },
  {
    name: 'replayed-behind-a-hole',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: 'if (newest <= number) return done();',
        replace: 'if (newest >= number) return done();',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'with a hole'),
  },
  {
    name: 'any-file-is-followed',
    rule: 'H8',
    edits: [
      {
        file: LOG_REPLAY,
        find: 'const isWhole = end === file.length && end === before;',
        replace: 'const isWhole = end === file.length;',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'whose files are of'),
  },
  {
    name: 'salt-of-no-store',
    rule: 'H8',
    edits: [
      {
        file: LOG_BLOCK,
        find: 'if (bytes.readUInt32BE(at + 16) !== offset) return undefined;',
        replace: '',
      },
      {
        file: LOG_READER,
        find: 'const place = { salt, offset: position + at, end: file.length };',
        replace: 'const place = { salt, offset: 0, end: file.length };',
      },
    ],
    fate: tests(LOG_REPLAY_TESTS, 'a value holds a piece'),
  },
  {
    name: 'replay-keeps-to-the-limit',
    rule: 'D7',
    edits: [
      {
        file: MEMORY,
        find: 'this.#put(partition, record, this.whenFull',
        replace: 'this.#put(partition, record, this.whenFull === undefined && this.whenFull',
      },
    ],
    fate: tests(FULL_RESTART_TESTS, 'starts again with it'),
  },
  {
    name: 'raised-limit-is-for-more-records',
    rule: 'D7',
    edits: [
      {
        file: MEMORY_LIMIT,
        find: ' && (!isRaised || this.#fits(recordBytes, replacedBytes))',
        replace: ' && (isRaised || replacedBytes >= 0)',
      },
    ],
    fate: tests(MEMORY_LIMIT_TESTS, 'nothing grows above'),
  },
  {
    name: 'raised-limit-never-falls',
    rule: 'D7',
    edits: [{ file: MEMORY_LIMIT, find: '    this.#lower();\n    return', replace: '    return' }],
    fate: tests(FULL_RESTART_TESTS, 'keeps to the limit again'),
  },
  {
    name: 'identity-before-the-cut',
    rule: 'H8',
    edits: [
      {
        file: RECOVERY,
        find: 'return this.#replay(earlier, decoded.map);',
        replace: `const bootId = this.#runtime.host.bootId();
      const identity = encodeIdentity({ ...earlier, bootId, completeSince: earlier.incarnation });
      return this.#disk.replace(IDENTITY_FILE, identity, () => this.#replay(earlier, decoded.map));`,
      },
    ],
    fate: tests(RECOVERY_TESTS, 'judges alike'),
  },
  {
    name: 'replay-forgets-a-failed-sync',
    rule: 'H8',
    edits: [
      {
        file: RECOVERY,
        find: 'syncFailed: (end) => this.#distrust(earlier, end),',
        replace: 'syncFailed: (end) => end(),',
      },
    ],
    fate: tests(RECOVERY_TESTS, 'notes a sync that failed'),
  },
  {
    name: 'short-write-is-whole',
    rule: 'H35',
    edits: [
      {
        file: DISK,
        find: 'written += bytesWritten;',
        replace: 'written = bytes.length;',
      },
    ],
    fate: tests(DISK_ERRORS, 'a short write: what is left'),
  },
  {
    name: 'failed-sync-tried-again',
    rule: 'H8',
    edits: [
      {
        file: DISK,
        find: 'await file.datasync();',
        replace: 'await file.datasync().catch(() => file.datasync());',
      },
    ],
    fate: tests(DISK_ERRORS, 'EIO of a sync with always'),
  },
  {
    name: 'queue-without-end',
    rule: 'H35',
    edits: [
      {
        file: RECORD_LOG,
        find: ' || this.#queuedBytes >= QUEUED_BYTES_MAX',
        replace: '',
      },
    ],
    fate: tests(LOG_TESTS, 'takes no sets'),
  },
];

const BACKUPS: readonly Mutant[] = [
  {
    name: 'restore-deletes-first',
    rule: 'H24',
    edits: [
      {
        file: 'src/backup/restore.ts',
        find: "['lasting', 'expiring', 'delete'] as const",
        replace: "['delete', 'expiring', 'lasting'] as const",
      },
    ],
    fate: tests('test/backup/restore.test.ts', 'deletes come last'),
  },
  {
    name: 'restore-passes-overlap',
    rule: 'H24',
    edits: [
      {
        file: 'src/backup/restore.ts',
        find: 'this.#lanes.size + this.#opening + this.#inFlight === 0',
        replace: 'this.#lanes.size + this.#opening === 0',
      },
    ],
    fate: tests('test/backup/restore.test.ts', 'deletes come last'),
  },
  {
    name: 'restore-counts-floor-as-kept',
    rule: 'D16',
    edits: [{ file: KEEP, find: "floor ? { kind: 'look' } : ", replace: '' }],
    fate: tests(KEEP_TESTS, 'own version'),
  },
  {
    name: 'restore-ignores-a-joiner-floor',
    rule: 'H26',
    edits: [
      {
        file: KEEP_HANDLER,
        find: "sights.includes('unknown') || serving.length < members.length",
        replace: "sights.includes('unknown')",
      },
    ],
    fate: tests(KEEP_TESTS, 'a joiner below its floor'),
  },
  {
    name: 'restore-done-with-one-missing',
    rule: 'R4',
    edits: [
      {
        file: KEEP,
        find: "if (again || unwritable !== undefined) return { kind: 'again', unwritable };",
        replace: '',
      },
    ],
    fate: tests(KEEP_TESTS, 'own version'),
  },
  {
    name: 'restore-re-versions-what-is-below-the-floor',
    rule: 'D16',
    edits: [
      {
        file: 'src/backup/restore.ts',
        find: 'else this.#keeper.keep(record, done);',
        replace: 'else this.#set(record, TRIES_AS_NEW, done);',
      },
    ],
    fate: tests('test/backup/restore.test.ts', 'deletes come last'),
  },
  {
    name: 'restore-as-new-counts-no-failure',
    rule: 'D16',
    edits: [
      {
        file: 'src/backup/restore.ts',
        find: '        this.#figures.failed++;\n        this.#problem ??=',
        replace: '        if (this.#asNew) break;\n        this.#problem ??=',
      },
    ],
    fate: tests('test/backup/restore.test.ts', 'without room ends it'),
  },
  {
    name: 'joins-a-get-that-left',
    rule: 'I5',
    edits: [
      {
        file: 'src/cluster/peers/storage-channel.ts',
        find: 'if (batch !== this.#getsBatch) {',
        replace: 'if (batch < this.#getsBatch) {',
      },
    ],
    fate: tests('test/cluster/peers/storage-channel.test.ts', 'one that has left is not joined'),
  },
  {
    name: 'sheds-the-newest',
    rule: 'D13',
    edits: [
      {
        file: 'src/cluster/peers/storage-channel.ts',
        find: 'this.#giveUp(oldest, OVERLOADED);',
        replace: 'this.#giveUp(exchange, OVERLOADED);',
      },
    ],
    fate: tests('test/cluster/peers/storage-channel.test.ts', 'the oldest is shed'),
  },
  {
    name: 'reader-silent-without-answers',
    rule: 'D13',
    edits: [
      {
        file: 'src/cluster/io/network/link.ts',
        find: 'if (this.#isUnderWay && this.#writer.pendingBytes === 0) this.#writer.addEmpty();',
        replace: '',
      },
    ],
    fate: tests('test/cluster/io/network/link.test.ts', 'no operation waits'),
  },
  {
    name: 'block-used-before-it-was-sent',
    rule: 'D13',
    edits: [
      {
        file: 'src/cluster/wire/frames.ts',
        find: 'block.unsent > 0 || block.taken',
        replace: 'block.taken',
      },
    ],
    fate: tests('test/cluster/wire/frames.test.ts', 'used again when it was sent'),
  },
  {
    name: 'long-list-in-used-memory',
    rule: 'D13',
    edits: [
      {
        file: 'src/cluster/wire/transfer-parts.ts',
        find: 'length > frameBytes ?',
        replace: 'length > gathered.length ?',
      },
    ],
    fate: tests('test/cluster/wire/operations.test.ts', 'hold until they were sent'),
  },
  {
    name: 'long-message-cuts-the-stream',
    rule: 'D13',
    edits: [
      {
        file: 'src/cluster/wire/frames.ts',
        find: 'if (isTooLong && this.#tooLong === undefined) {',
        replace: 'if (isTooLong) {',
      },
    ],
    fate: tests('test/cluster/wire/frames.test.ts', 'above the limit goes by'),
  },
  {
    name: 'backup-at-any-epoch',
    rule: 'H14',
    edits: [
      {
        file: PARTITION_COPY,
        find: 'epoch: entry.epoch, from }',
        replace: 'epoch: 1 as typeof entry.epoch, from }',
      },
    ],
    fate: tests('test/backup/partition-copy.test.ts', 'another member'),
  },
  {
    name: 'backup-trusts-a-torn-file',
    rule: 'D16',
    edits: [
      {
        file: PARTITION_COPY,
        find: "if (records.state.kind === 'damaged') this.#content = EMPTY;",
        replace: '',
      },
    ],
    fate: tests('test/backup/partition-copy.test.ts', 'begins anew'),
  },
  {
    name: 'restore-without-a-checksum',
    rule: 'D16',
    edits: [
      {
        file: 'src/backup/record-file.ts',
        find: 'if (this.#crc === crc)',
        replace: 'if (crc >= 0)',
      },
    ],
    fate: tests('test/backup/record-file.test.ts', 'not those of the manifest'),
  },
];

const CACHES: readonly Mutant[] = [
  {
    name: 'eviction-without-floor',
    rule: 'H40',
    edits: [
      {
        file: MEMORY,
        find: 'state.raiseFloor(version);\n',
        replace: '',
      },
    ],
    fate: tests(CACHE_SCHEDULES, 'is not followed by a set of before it'),
  },
  {
    name: 'eviction-not-logged',
    rule: 'D7',
    edits: [
      {
        file: LOGGED_STORE,
        find: "this.#log.append({ kind: 'evicted', partition, key, version });",
        replace: '',
      },
    ],
    fate: tests(CACHE_SCHEDULES, 'does not come back with the log'),
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
    fate: tests(CACHE_SCHEDULES, 'while it was copied is covered'),
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
    fate: tests(CACHE_SCHEDULES, 'takes with it what came before it'),
  },
  {
    name: 'copy-passes-own-evictions',
    rule: 'H40',
    edits: [{ file: TRANSFER, find: 'this.#isOutlived(record) || ', replace: '' }],
    fate: tests(CACHE_SCHEDULES, 'by the joiner does not come back'),
  },
  {
    name: 'pull-in-a-cache',
    rule: 'D15',
    edits: [
      {
        file: ANTI_ENTROPY,
        find: "return this.#store.reader.whenFull === 'refuse';",
        replace: 'return this.#store.reader.whenFull !== undefined;',
      },
    ],
    fate: tests(ANTI_ENTROPY_TESTS, 'nobody is asked'),
  },
  {
    name: 'log-of-a-cache-must-fit',
    rule: 'H40',
    edits: [
      {
        file: RECOVERY,
        find: 'if (map !== undefined) this.#store.whenFull = whenFullOf(map);',
        replace: '',
      },
    ],
    fate: tests(CACHE_SCHEDULES, 'a log that holds more than fits'),
  },
];

const LOADS: readonly Mutant[] = [
  {
    name: 'load-floor-of-the-answer',
    rule: 'verification',
    edits: [
      {
        file: 'src/load/operations.ts',
        find: 'this.#verify(outcome, { key, floor, lane })',
        replace: 'this.#verify(outcome, { key, floor: records.acknowledged(record), lane })',
      },
    ],
    fate: tests(LOAD_TESTS, 'gets are slow'),
  },
  {
    name: 'load-stale-passes',
    rule: 'verification',
    edits: [
      {
        file: 'src/load/verification.ts',
        find: "return version < floor ? 'stale' : undefined;",
        replace: 'return undefined;',
      },
    ],
    fate: tests(LOAD_TESTS, 'a value older than the acknowledged one is stale'),
  },
  {
    name: 'load-bytes-pass',
    rule: 'verification',
    edits: [
      {
        file: 'src/load/verification.ts',
        find: "if (!isValueOf(key, answer.body)) return 'corrupt';",
        replace: '',
      },
    ],
    fate: tests(LOAD_TESTS, 'value is corrupt'),
  },
  {
    name: 'load-late-acknowledgement-lowers',
    rule: 'verification',
    edits: [
      {
        file: 'src/load/records.ts',
        find: 'if (version > this.acknowledged(record)) this',
        replace: 'this',
      },
    ],
    fate: tests('test/load/records.test.ts', 'the highest counts'),
  },
  {
    name: 'load-coordinated-omission',
    rule: 'latency',
    edits: [
      {
        file: 'src/load/run.ts',
        find: 'this.recorder.record(kind, ending, { intendedMs, sentMs, endedMs: clock.monotonicMs() });',
        replace:
          'this.recorder.record(kind, ending, { intendedMs: sentMs, sentMs, endedMs: clock.monotonicMs() });',
      },
    ],
    fate: tests(LOAD_RUN_TESTS, 'a stall of a second'),
  },
  {
    name: 'load-unsent-disappear',
    rule: 'latency',
    edits: [
      {
        file: 'src/load/run.ts',
        find: 'this.recorder.record(kind, ending, { intendedMs, sentMs: nowMs, endedMs: nowMs });',
        replace: '',
      },
    ],
    fate: tests(LOAD_RUN_TESTS, 'none disappears'),
  },
  {
    name: 'load-reconnects-in-haste',
    rule: 'errors',
    edits: [
      {
        file: 'src/load/lane.ts',
        find: ': Math.min(REST_MS_MAX, Math.max(REST_MS_FIRST, 2 * this.#restMs));',
        replace: ': 1;',
      },
    ],
    fate: tests(LOAD_RUN_TESTS, 'is asked now and then'),
  },
  {
    name: 'load-times-out-unread-answers',
    rule: 'errors',
    edits: [
      {
        file: 'src/load/run.ts',
        find: 'lane.expire(this.#lastSweepMs - timeoutMs)',
        replace: 'lane.expire(this.#ports.clock.monotonicMs() - timeoutMs)',
      },
    ],
    fate: tests(LOAD_RUN_TESTS, 'got no time to read it'),
  },
];

export const MUTANTS: readonly Mutant[] = [
  ...LEASES,
  ...REMOVALS,
  ...LIVES,
  ...SETS,
  ...HOT_KEYS,
  ...JOINS,
  ...DELETES,
  ...DISKS,
  ...RECOVERIES,
  ...CLOCKS,
  ...CUTS,
  ...CACHES,
  ...STORE_MUTANTS,
  ...BACKUPS,
  ...LOADS,
  ...CLOCK_MUTANTS,
  ...FAR_AHEAD_MUTANTS,
  ...TWIN_MUTANTS,
  ...DELETE_MUTANTS,
  ...DIRECTORY_MUTANTS,
  ...OPERATOR_MUTANTS,
  ...RECOVERY_MUTANTS,
  ...RETURNING_MUTANTS,
  ...HTTP_MUTANTS,
  ...UNSCRIPTED_MUTANTS,
  ...WITNESS_MUTANTS,
  ...WRITER_MUTANTS,
];
