// Mutants of the life of a storage node: registration, leases, heartbeats, its end.

import { aimed, type Mutant, SEEDS, tests } from '../mutant.ts';

const HEARTBEATS = 'src/storage/heartbeats.ts';
const LEASE = 'src/storage/lease.ts';
const NODE_INCARNATION = 'src/storage/node-incarnation.ts';
const OPERATION_LINKS = 'src/storage/operation-links.ts';
const OPERATION_LINKS_TESTS = 'test/storage/operation-links.test.ts';
const ROOM_QUEUE = 'src/storage/room-queue.ts';
const STREAM_GATE = 'src/storage/stream-gate.ts';
const REGISTRATION = 'src/storage/registration.ts';
const SHUTDOWN = 'src/storage/shutdown.ts';
const STORAGE_NODE = 'src/storage/storage-node.ts';
const TRANSFER_PACE = 'src/storage/replication/transfer-pace.ts';

const CLOCKS_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const HEARTBEATS_TESTS = 'test/storage/heartbeats.test.ts';
const JOINS_SCHEDULES = 'test/simulation/schedules-joins.test.ts';
const LEASES_SCHEDULES = 'test/simulation/schedules-leases.test.ts';
const LEASE_TESTS = 'test/storage/lease.test.ts';
const MANY_SCANS_TESTS = 'test/coordinator/operations/scan/many-scans.test.ts';
const NODE_INCARNATION_TESTS = 'test/storage/node-incarnation.test.ts';
const OPERATION_TURNS_TESTS = 'test/storage/operation-turns.test.ts';
const RECOVERY_SCHEDULES = 'test/simulation/schedules-recovery.test.ts';
const REGISTRATION_TESTS = 'test/storage/registration.test.ts';
const RESTARTS_SCHEDULES = 'test/simulation/schedules-restarts.test.ts';
const RETURNING_SCHEDULES = 'test/simulation/schedules-returning.test.ts';
const ROT_SCHEDULES = 'test/simulation/schedules-rot.test.ts';
const SUSPENDS_SCHEDULES = 'test/simulation/schedules-suspends.test.ts';
const TIME_SCALES_SCHEDULES = 'test/simulation/schedules-time-scales.test.ts';
const TRANSFER_PACE_TESTS = 'test/storage/replication/transfer-pace.test.ts';
const WITNESSES_SCHEDULES = 'test/simulation/schedules-witnesses.test.ts';

export const STORAGE_NODE_MUTANTS: readonly Mutant[] = [
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
    fate: tests(LEASES_SCHEDULES, 'H4: '),
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
    fate: tests(HEARTBEATS_TESTS, 'H3'),
  },
  {
    name: 'grant-of-an-old-generation',
    rule: 'H32',
    edits: [{ file: HEARTBEATS, find: ' && !this.#replica.isOverruled(version);', replace: ';' }],
    fate: tests(HEARTBEATS_TESTS, 'H32'),
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
    fate: tests(HEARTBEATS_TESTS, 'of, another life'),
  },
  {
    name: 'a-whole-map-is-never-asked-for',
    rule: 'H38',
    edits: [
      {
        file: HEARTBEATS,
        find: "if (news.kind === 'unusable') this.#takesDeltas = false;",
        replace: '',
      },
    ],
    fate: tests(HEARTBEATS_TESTS, 'what changed is laid over the map'),
  },
  {
    name: 'own-vote-after-the-promise',
    rule: 'H32',
    edits: [
      {
        file: HEARTBEATS,
        find: 'if (this.#replica.isOverruled(map.version)) return;',
        replace: '',
      },
    ],
    fate: tests(HEARTBEATS_TESTS, 'the own vote'),
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
    fate: tests(HEARTBEATS_TESTS, 'is needed as well'),
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
    fate: tests(HEARTBEATS_TESTS, 'alone is not enough'),
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
    fate: tests(WITNESSES_SCHEDULES, 'answers gets on while it has the last copy'),
  },
  {
    name: 'lease-outlives-a-suspend',
    rule: 'H4',
    edits: [
      {
        file: LEASE,
        find: 'apartMs > this.#suspendMs ? 0 : Math.max',
        replace: 'apartMs < 0 ? 0 : Math.max',
      },
    ],
    fate: tests(SUSPENDS_SCHEDULES, 'until its node was removed answers no get'),
  },
  {
    name: 'lease-bears-half-of-itself',
    rule: 'H4',
    edits: [
      { file: LEASE, find: 'apartMs > this.#suspendMs', replace: 'apartMs > this.#leaseMs / 2' },
    ],
    fate: tests(LEASE_TESTS, 'has lapsed when the fence wait is over'),
  },
  {
    name: 'suspend-ends-no-lease',
    rule: 'H4',
    edits: [
      {
        file: LEASE,
        find: 'return apartMs > this.#suspendMs ? 0 : Math.max(0, this.#leaseMs - elapsedMs);',
        replace:
          'return apartMs > Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#leaseMs - elapsedMs);',
      },
    ],
    fate: aimed('suspended'),
  },
  {
    name: 'witness-grants-the-fenced',
    rule: 'R5',
    edits: [
      {
        file: NODE_INCARNATION,
        find: '!isGranted(obeyed, incarnationId)',
        replace: 'nodeEntry(obeyed, incarnationId.node)?.incarnation !== incarnationId.incarnation',
      },
    ],
    fate: tests(LEASES_SCHEDULES, 'R5: a'),
  },
  {
    name: 'witness-grants-after-goodbye',
    rule: 'D2',
    edits: [{ file: NODE_INCARNATION, find: "if (this.#ended) return 'ended';", replace: '' }],
    fate: tests(LEASES_SCHEDULES, 'D2: '),
  },
  {
    name: 'lists-for-who-asks-elsewhere',
    rule: 'R3',
    edits: [{ file: TRANSFER_PACE, find: '    this.#refuseLate();\n', replace: '' }],
    fate: tests(MANY_SCANS_TESTS, '64 scans at once'),
  },
  {
    name: 'scans-wait-as-copies-do',
    rule: 'R3',
    edits: [
      {
        file: OPERATION_LINKS,
        find: "if (operation.kind !== 'scan') return",
        replace: 'if (isTransfer(operation)) return',
      },
    ],
    fate: tests(OPERATION_TURNS_TESTS, 'a scan that waits too long'),
  },
  {
    name: 'a-copy-waits-for-all-scans',
    rule: 'R8',
    edits: [
      {
        file: TRANSFER_PACE,
        find: 'this.#isScansTurn = !this.#isScansTurn;',
        replace: 'this.#isScansTurn = true;',
      },
    ],
    fate: tests(TRANSFER_PACE_TESTS, 'of many scans a copy'),
  },
  {
    name: 'scans-wait-for-all-copies',
    rule: 'R3',
    edits: [
      {
        file: TRANSFER_PACE,
        find: 'this.#isScansTurn = !this.#isScansTurn;',
        replace: 'this.#isScansTurn = false;',
      },
    ],
    fate: tests(TRANSFER_PACE_TESTS, 'of many scans a copy'),
  },
  {
    name: 'scans-that-wait-fill-the-memory',
    rule: 'R3',
    edits: [
      {
        file: TRANSFER_PACE,
        find: 'this.#scans.length > WAITING_MAX',
        replace: 'this.#scans.length > 64 * WAITING_MAX',
      },
    ],
    fate: tests(TRANSFER_PACE_TESTS, 'who scans without end'),
  },
  {
    name: 'joins-after-its-end',
    rule: 'I10',
    edits: [{ file: NODE_INCARNATION, find: '    this.#joiner.stop();\n', replace: '' }],
    fate: tests(NODE_INCARNATION_TESTS, 'I10: a copy that waits'),
  },
  {
    name: 'streams-outlive-their-incarnation',
    rule: 'I10',
    edits: [{ file: NODE_INCARNATION, find: '    this.#channels.close();\n', replace: '' }],
    fate: tests(NODE_INCARNATION_TESTS, 'copies nothing any more'),
  },
  {
    name: 'node-judges-by-own-clock',
    rule: 'H31',
    edits: [
      {
        file: NODE_INCARNATION,
        find: '      store,\n      clock,\n',
        replace: '      store,\n      runtime.clock,\n',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'of a storage node, by'),
  },
  {
    name: 'node-forgets-by-own-clock',
    rule: 'H31',
    edits: [{ file: NODE_INCARNATION, find: '{ ...runtime, clock },', replace: 'runtime,' }],
    fate: tests(CLOCKS_SCHEDULES, 'is not what lives'),
  },
  {
    name: 'lease-by-the-time-of-the-cluster',
    rule: 'H4',
    edits: [
      {
        file: NODE_INCARNATION,
        find: 'new Lease(runtime.clock, times)',
        replace: 'new Lease(clock, times)',
      },
    ],
    fate: tests(SUSPENDS_SCHEDULES, 'until its node was removed answers no get'),
  },
  {
    name: 'witness-grants-after-its-promise',
    rule: 'H32',
    edits: [
      {
        file: NODE_INCARNATION,
        find: "if (this.replica.isOverruled(map.version)) return 'overruled';",
        replace: '',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'all leases of before run out'),
  },
  {
    name: 'loss-accepted-with-members-only',
    rule: 'H29',
    edits: [
      {
        file: NODE_INCARNATION,
        find: 'retained: this.#retained(),',
        replace: 'retained: undefined,',
      },
    ],
    fate: tests(RETURNING_SCHEDULES, 'comes back with accept-loss'),
  },
  {
    name: 'grant-by-the-stored-map',
    rule: 'R6',
    edits: [
      { file: NODE_INCARNATION, find: 'obeyedMaps.find(', replace: 'obeyedMaps.slice(0, 1).find(' },
    ],
    fate: tests(WITNESSES_SCHEDULES, 'acknowledges it all the same'),
  },
  {
    name: 'grant-under-the-stored-map',
    rule: 'H3',
    edits: [
      {
        file: NODE_INCARNATION,
        find: 'answer, mapVersion: obeyedVersion, map',
        replace: 'answer, mapVersion, map',
      },
      {
        file: NODE_INCARNATION,
        find: 'const { map, mapVersion, obeyedVersion, incarnation } = this.replica;',
        replace: 'const { map, mapVersion, incarnation } = this.replica;',
      },
    ],
    fate: tests(WITNESSES_SCHEDULES, 'acknowledges it all the same'),
  },
  {
    name: 'log-before-apply',
    rule: 'H14b',
    edits: [
      {
        file: OPERATION_LINKS,
        find: 'const answer = this.#served.replica()?.answer(operation) ?? NOT_SERVING;\n    if (answer',
        replace: `const incarnationId = this.#served.replica();
    const epochNow = () =>
      operation.kind === 'set'
        ? incarnationId?.map?.partitions[operation.partition]?.epoch
        : undefined;
    if (operation.kind === 'set' && epochNow() === operation.epoch) {
      this.#runtime.timers.after(20, () => {
        const late = incarnationId?.answer({ ...operation, epoch: epochNow() ?? operation.epoch });
        this.#served.durability().whenDurable(() => send(link, id, late ?? NOT_SERVING));
      });
      return true;
    }
    const answer = incarnationId?.answer(operation) ?? NOT_SERVING;
    if (answer`,
      },
    ],
    fate: tests(JOINS_SCHEDULES, 'H14b: '),
  },
  {
    name: 'refuses-while-it-makes-room',
    rule: 'H40',
    edits: [
      {
        file: OPERATION_LINKS,
        find: 'answer.isMakingRoom === true) return false;',
        replace: "answer.reason === 'full') return false;",
      },
    ],
    fate: tests(OPERATION_LINKS_TESTS, 'is answered when that is made'),
  },
  {
    name: 'makes-room-for-all-at-once',
    rule: 'H40',
    edits: [
      {
        file: OPERATION_LINKS,
        find: 'message.length <= CHUNK_BYTES;',
        replace: 'message.length <= CHUNK_BYTES * 1e6;',
      },
    ],
    fate: tests(OPERATION_LINKS_TESTS, 'is answered when that is made'),
  },
  {
    name: 'any-number-of-long-sets-waits-for-room',
    rule: 'H40',
    edits: [
      {
        file: ROOM_QUEUE,
        find: 'this.#waitingBytes + bytes > WAITING_BYTES_MAX',
        replace: 'this.#waitingBytes + bytes < 0',
      },
    ],
    fate: tests('test/storage/room-queue.test.ts', 'beside too much does not'),
  },
  {
    name: 'any-scale-opens-streams',
    rule: 'D12',
    edits: [
      {
        file: STREAM_GATE,
        find: 'return other;',
        replace: 'return undefined;',
      },
    ],
    fate: tests(TIME_SCALES_SCHEDULES, 'opens no stream'),
  },
  {
    name: 'living-node-ends-for-its-scale',
    rule: 'D12',
    edits: [
      {
        file: REGISTRATION,
        find: 'if (isOfOtherScale && this.#incarnation === undefined) {',
        replace: 'if (isOfOtherScale) {',
      },
    ],
    fate: tests(TIME_SCALES_SCHEDULES, 'without its state ends nobody'),
  },
  {
    name: 'registered-again-without-the-life-between',
    rule: 'H8',
    edits: [
      {
        file: REGISTRATION,
        find: '    this.#lives = this.#lives && incarnationsIn({ lives: this.#lives, incarnation });\n',
        replace: '',
      },
    ],
    fate: tests(REGISTRATION_TESTS, 'registering again'),
  },
  {
    name: 'stops-when-another-is-back',
    rule: 'D4',
    edits: [
      {
        file: SHUTDOWN,
        find: "() => this.#stop('restarting')",
        replace: "() => undefined);\n      this.#stop('restarting'",
      },
    ],
    fate: tests(RESTARTS_SCHEDULES, 'D4: sets wait for one restart'),
  },
  {
    name: 'goodbye-while-it-lives',
    rule: 'H5',
    edits: [
      {
        file: SHUTDOWN,
        find: `    this.#incarnation.end();
`,
        replace: '',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'stop-notes-no-end',
    rule: 'H8',
    edits: [
      {
        file: STORAGE_NODE,
        find: 'this.#identity.close(this.#log?.syncedTo,',
        replace: 'this.#identity.close(undefined,',
      },
    ],
    fate: tests(ROT_SCHEDULES, 'in a store that was closed'),
  },
  {
    name: 'stop-before-the-first-life-notes-nothing',
    rule: 'H8',
    edits: [
      {
        file: STORAGE_NODE,
        find: 'if (incarnation === undefined) return durability.sync(closed);',
        replace: 'if (incarnation === undefined) return done();',
      },
    ],
    fate: tests(RESTARTS_SCHEDULES, 'before they ever reached a controller'),
  },
];
