// Mutants of the place of file servers in the map: who joins, what stays of it, and who is taken off.

import { type Mutant, tests } from '../mutant.ts';

const CHANGES = 'src/controller/decisions/changes.ts';
const CLUSTER_MAP = 'src/cluster/model/cluster-map.ts';
const DRAIN_PROGRESS = 'src/commands/drain-progress.ts';
const FILE_SERVER = 'src/cluster/model/file-server.ts';
const FILE_SERVERS = 'src/controller/decisions/file-servers.ts';
const MAP_RECOVERY = 'src/controller/map/recovery.ts';
const NODE_TEXTS = 'src/commands/cluster/node-texts.ts';
const RECOVERED = 'src/controller/decisions/recovered.ts';
const REGISTRATIONS = 'src/controller/registrations.ts';
const REMOVAL = 'src/controller/routes/removal.ts';
const ROUTES = 'src/controller/routes/file-servers.ts';

const DECISION_TESTS = 'test/controller/decisions/file-servers.test.ts';
const DRAIN_TESTS = 'test/commands/drain-progress.test.ts';
const MODEL_TESTS = 'test/cluster/model/file-server.test.ts';
const ROUTES_TESTS = 'test/controller/routes/file-servers.test.ts';
const SCHEDULES = 'test/simulation/schedules-file-servers.test.ts';
const STATUS_TESTS = 'test/commands/cluster/status-text.test.ts';

const JOIN = 'docs/protocol.md, control messages';
const MAP = 'docs/protocol.md, the cluster map';

export const CONTROLLER_FILE_SERVERS_MUTANTS: readonly Mutant[] = [
  {
    name: 'file-server-in-a-cache',
    rule: JOIN,
    edits: [
      {
        file: FILE_SERVERS,
        find: "if (whenFullOf(map) === 'evict') {",
        replace: "if (whenFullOf(map) === 'evict' && id === '') {",
      },
    ],
    fate: tests(DECISION_TESTS, 'none in a cache'),
  },
  {
    name: 'file-server-of-another-cluster',
    rule: JOIN,
    edits: [
      {
        file: FILE_SERVERS,
        find: 'cluster !== undefined && cluster !== map.cluster',
        replace: "cluster !== undefined && cluster !== map.cluster && id === ''",
      },
    ],
    fate: tests(DECISION_TESTS, 'no blobs of another cluster'),
  },
  {
    name: 'file-server-with-a-new-directory-refused',
    rule: JOIN,
    edits: [
      {
        file: FILE_SERVERS,
        find: 'if (cluster !== undefined && cluster !== map.cluster) {',
        replace: "if (cluster === undefined) return 'new';\n  if (cluster !== map.cluster) {",
      },
    ],
    fate: tests(SCHEDULES, 'file servers come and go'),
  },
  {
    name: 'file-server-takes-the-name-of-a-storage-node',
    rule: JOIN,
    edits: [
      {
        file: FILE_SERVERS,
        find: 'nodeEntry(map, id) !== undefined',
        replace: "nodeEntry(map, id) !== undefined && id === ''",
      },
    ],
    fate: tests(SCHEDULES, 'under the name of a file server'),
  },
  {
    name: 'storage-node-takes-the-name-of-a-file-server',
    rule: JOIN,
    edits: [
      {
        file: REGISTRATIONS,
        find: 'if (fileServer !== undefined) {',
        replace: "if (fileServer !== undefined && node === '') {",
      },
      {
        file: REGISTRATIONS,
        find: 'return fileServerEntry(map, node) === undefined && hasRoom(map);',
        replace: 'return hasRoom(map);',
      },
    ],
    fate: tests(SCHEDULES, 'under the name of a file server'),
  },
  {
    name: 'file-server-takes-the-name-of-another',
    rule: JOIN,
    edits: [
      {
        file: FILE_SERVERS,
        find: 'earlier.store !== store && earlier.address !== address',
        replace: "earlier.store !== store && earlier.address !== address && id === ''",
      },
    ],
    fate: tests(DECISION_TESTS, 'may be another file server'),
  },
  {
    name: 'file-server-never-moves',
    rule: JOIN,
    edits: [
      {
        file: FILE_SERVERS,
        find: 'earlier.store !== store && earlier.address !== address',
        replace: 'earlier.address !== address',
      },
    ],
    fate: tests(DECISION_TESTS, 'was moved'),
  },
  {
    name: 'file-server-never-gets-another-disk',
    rule: JOIN,
    edits: [
      {
        file: FILE_SERVERS,
        find: 'earlier.store !== store && earlier.address !== address',
        replace: 'earlier.store !== store',
      },
    ],
    fate: tests(DECISION_TESTS, 'a disk that was replaced'),
  },
  {
    name: 'directory-under-two-names',
    rule: 'F1',
    edits: [
      {
        file: FILE_SERVERS,
        find: 'entry.store === store',
        replace: "entry.store === store && id === ''",
      },
    ],
    fate: tests(DECISION_TESTS, 'would count twice'),
  },
  {
    name: 'file-servers-without-end',
    rule: MAP,
    edits: [{ file: FILE_SERVERS, find: 'count >= FILE_SERVERS_MAX', replace: 'count < 0' }],
    fate: tests(DECISION_TESTS, 'there are 1,000 at most'),
  },
  {
    name: 'full-of-file-servers-nobody-returns',
    rule: JOIN,
    edits: [
      {
        file: FILE_SERVERS,
        find: 'if (earlier === undefined && count >= FILE_SERVERS_MAX) {',
        replace: 'if (count >= FILE_SERVERS_MAX) {',
      },
    ],
    fate: tests(DECISION_TESTS, 'those that are known may still join'),
  },
  {
    name: 'join-ends-a-drain',
    rule: JOIN,
    edits: [{ file: FILE_SERVERS, find: "state: earlier?.state ?? 'in'", replace: "state: 'in'" }],
    fate: tests(DECISION_TESTS, 'a drain goes on'),
  },
  {
    name: 'each-join-makes-a-map',
    rule: JOIN,
    edits: [
      {
        file: FILE_SERVERS,
        find: 'if (earlier !== undefined && isSame(earlier, entry)) return',
        replace: "if (id === '') return",
      },
    ],
    fate: tests(SCHEDULES, 'a join that is repeated makes no map'),
  },
  {
    name: 'weight-never-changes',
    rule: JOIN,
    edits: [{ file: FILE_SERVERS, find: '    a.weight === b.weight &&\n', replace: '' }],
    fate: tests(DECISION_TESTS, 'weight or host alone'),
  },
  {
    name: 'host-never-changes',
    rule: JOIN,
    edits: [{ file: FILE_SERVERS, find: '    a.host === b.host &&\n', replace: '' }],
    fate: tests(DECISION_TESTS, 'weight or host alone'),
  },
  {
    name: 'join-is-judged-before-its-turn',
    rule: JOIN,
    edits: [
      {
        file: ROUTES,
        find: "controller: Pick<Administered, 'propose'>,",
        replace: "controller: Pick<Administered, 'map' | 'propose'>,",
      },
      {
        file: ROUTES,
        find: '  let outcome: FileServerJoin | undefined;\n',
        replace: '  let outcome: FileServerJoin | undefined;\n  const before = controller.map();\n',
      },
      {
        file: ROUTES,
        find: 'outcome = joinFileServer(map, message);',
        replace: 'outcome = joinFileServer({ ...map, fileServers: before?.fileServers }, message);',
      },
    ],
    fate: tests(SCHEDULES, 'judged one after the other'),
  },
  {
    name: 'joined-though-it-is-not-stored',
    rule: 'R11',
    edits: [
      {
        file: ROUTES,
        find: 'if (failure !== undefined) return',
        replace: "if (failure === '') return",
      },
    ],
    fate: tests(ROUTES_TESTS, 'cannot be stored'),
  },
  {
    name: 'file-server-that-comes-early-ends',
    rule: JOIN,
    edits: [
      {
        file: ROUTES,
        find: "return reply({ kind: 'waiting', why: waitingFor()",
        replace: "return reply({ kind: 'refused', why: waitingFor()",
      },
    ],
    fate: tests(SCHEDULES, 'before there is a map a file server waits'),
  },
  {
    name: 'recovery-forgets-file-servers',
    rule: 'H32',
    edits: [
      {
        file: MAP_RECOVERY,
        find: '      recoveredAs: this.#generation,\n',
        replace: '      recoveredAs: this.#generation,\n      fileServers: undefined,\n',
      },
    ],
    fate: tests(SCHEDULES, 'H32: a recovery keeps the file servers'),
  },
  {
    name: 'recovery-from-any-map',
    rule: 'H32',
    edits: [
      {
        file: RECOVERED,
        find: 'return mapsOf(promises).sort((a, b) => compareMapVersions(b.version, a.version))[0];',
        replace:
          'return mapsOf(promises).sort((a, b) => compareMapVersions(a.version, b.version))[0];',
      },
    ],
    fate: tests(SCHEDULES, 'H32: a recovery keeps the file servers'),
  },
  {
    name: 'file-servers-are-not-sent',
    rule: MAP,
    edits: [{ file: CLUSTER_MAP, find: '  fileServers: optional(fileServers),\n', replace: '' }],
    fate: tests(SCHEDULES, 'file servers come and go'),
  },
  {
    name: 'file-server-of-any-weight',
    rule: MAP,
    edits: [{ file: FILE_SERVER, find: 'value > 0 && value', replace: 'value' }],
    fate: tests(MODEL_TESTS, 'is refused with'),
  },
  {
    name: 'file-server-removed-in-use',
    rule: 'docs/api.md, for operators',
    edits: [
      {
        file: REMOVAL,
        find: "if (entry.state === 'in') return",
        replace: "if (entry.state === 'in' && node === '') return",
      },
      {
        file: FILE_SERVERS,
        find: "?.state !== 'draining') return map;",
        replace: ' === undefined) return map;',
      },
    ],
    fate: tests(SCHEDULES, 'is not removed'),
  },
  {
    name: 'file-server-removed-alive',
    rule: 'docs/api.md, for operators',
    edits: [
      { file: REMOVAL, find: 'if (isAlive) return', replace: "if (isAlive && node === '') return" },
    ],
    fate: tests(SCHEDULES, 'is not removed'),
  },
  {
    name: 'file-server-removed-that-came-back',
    rule: 'docs/api.md, for operators',
    edits: [
      {
        file: REMOVAL,
        find: 'isOther = fileServerEntry(current, node) !== entry;',
        replace: 'isOther = fileServerEntry(current, node) === undefined;',
      },
    ],
    fate: tests(SCHEDULES, 'while it is asked whether it lives'),
  },
  {
    name: 'anybody-there-is-the-file-server',
    rule: 'docs/api.md, for operators',
    edits: [{ file: ROUTES, find: 'reply.message.id === id && ', replace: '' }],
    fate: tests(SCHEDULES, 'is not removed'),
  },
  {
    name: 'file-server-joins-in-silence',
    rule: JOIN,
    edits: [
      {
        file: CHANGES,
        find: 'if (before.store !== store) {',
        replace: "if (before.store !== store && id === '') {",
      },
    ],
    fate: tests(DECISION_TESTS, 'what became of a file server'),
  },
  {
    name: 'silence-ends-a-drain',
    rule: 'docs/operations.md, adding and removing nodes',
    edits: [
      {
        file: DRAIN_PROGRESS,
        find: "if (reply.kind !== 'message') {",
        replace: "if (reply.kind !== 'message') {\n    if (node !== '') return undefined;",
      },
    ],
    fate: tests(DRAIN_TESTS, 'that says nothing'),
  },
  {
    name: 'what-is-not-counted-yet-is-nothing',
    rule: 'docs/operations.md, adding and removing nodes',
    edits: [
      {
        file: DRAIN_PROGRESS,
        find: 'if (left === undefined) return',
        replace: 'if (left === undefined) return undefined;\n  if (left < 0) return',
      },
    ],
    fate: tests(DRAIN_TESTS, 'that says'),
  },
  {
    name: 'drained-before-it-drains',
    rule: 'docs/operations.md, adding and removing nodes',
    edits: [
      {
        file: DRAIN_PROGRESS,
        find: 'if (!draining) return',
        replace: "if (!draining && node === '') return",
      },
    ],
    fate: tests(DRAIN_TESTS, 'that says'),
  },
  {
    name: 'another-file-server-will-do',
    rule: 'docs/command-line.md',
    edits: [{ file: NODE_TEXTS, find: 'room.id !== id)', replace: "room.id !== id && id === '')" }],
    fate: tests(STATUS_TESTS, 'are shown as they are'),
  },
];
