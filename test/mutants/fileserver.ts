// Mutants of file servers: what is acknowledged and lost, served and wrong, or taken from nobody's word. F1 and the like
// are invariants of files.

import { type Mutant, tests } from './mutant.ts';

const BLOB_COUNTS = 'src/fileserver/blob-store/blob-counts.ts';
const BLOB_FILES = 'src/fileserver/blob-store/blob-files.ts';
const BLOB_READING = 'src/fileserver/downloads/blob-reading.ts';
const BLOB_SERVER = 'src/fileserver/blob-server.ts';
const BLOB_STORE = 'src/fileserver/blob-store/blob-store.ts';
const CENSUS = 'src/fileserver/blob-store/census.ts';
const DISK = 'src/cluster/io/disk/disk.ts';
const DISK_ROOM = 'src/fileserver/uploads/disk-room.ts';
const FILE_SERVER = 'src/fileserver/file-server.ts';
const FOLDER = 'src/cluster/io/disk/folder.ts';
const FOLDERS = 'src/fileserver/blob-store/folders.ts';
const FILES = 'src/cluster/io/disk/files.ts';
const JOINING = 'src/fileserver/joining.ts';
const OPENING = 'src/fileserver/blob-store/opening.ts';
const ONE_RANGE = 'src/fileserver/downloads/one-range.ts';
const PULLS = 'src/fileserver/uploads/pulls.ts';
const BLOB_SOURCE = 'src/fileserver/downloads/blob-source.ts';
const RECEIVING = 'src/fileserver/uploads/receiving.ts';
const SMALL_FILES = 'src/fileserver/blob-store/small-files.ts';
const STAGED_BLOB = 'src/fileserver/uploads/staged-blob.ts';
const STAGES = 'src/fileserver/uploads/stages.ts';
const STORE_HEALTH = 'src/fileserver/blob-store/store-health.ts';

const BLOB_READING_TESTS = 'test/fileserver/downloads/blob-reading.test.ts';
const BLOB_STORE_TESTS = 'test/fileserver/blob-store/blob-store.test.ts';
const CENSUS_TESTS = 'test/fileserver/blob-store/census.test.ts';
const FILE_SERVER_TESTS = 'test/fileserver/file-server.test.ts';
const FILES_TESTS = 'test/cluster/io/disk/files.test.ts';
const FOLDERS_TESTS = 'test/fileserver/blob-store/folders.test.ts';
const JOINING_TESTS = 'test/fileserver/joining.test.ts';
const OPENING_TESTS = 'test/fileserver/blob-store/opening.test.ts';
const PROCESS_TESTS = 'test/processes/fileserver.test.ts';
const PULLS_TESTS = 'test/fileserver/uploads/pulls.test.ts';
const SYNCED_NAMES_TESTS = 'test/cluster/io/disk/synced-names.test.ts';
const RANGE_TESTS = 'test/fileserver/downloads/one-range.test.ts';

const BLOBS = 'docs/api.md, blobs';
const SERVERS = 'docs/operations.md, file servers';

export const FILESERVER_MUTANTS: readonly Mutant[] = [
  {
    name: 'what-has-its-names-counts-before-they-survive',
    rule: 'F1',
    edits: [
      {
        file: BLOB_FILES,
        find: 'return this.#folders.settle(folder, (settled) => {',
        replace: 'return this.#folders.make(folder, (settled) => {',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'F1: what is told of as here while it is still being committed'),
  },
  {
    name: 'a-commit-that-comes-again-is-acknowledged-by-its-names-alone',
    rule: 'F1',
    edits: [
      {
        file: BLOB_STORE,
        find: 'return this.#folders.settle(homeOf(id).folder, (settled) =>',
        replace:
          "return (({ folder: _ }, done: FilesCallback<undefined>) => done({ kind: 'done', value: undefined }))(homeOf(id), (settled) =>",
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'F1: a commit that is sent again after a restart'),
  },
  {
    name: 'who-removes-what-is-staged-removes-blobs-as-well',
    rule: 'F5',
    edits: [
      {
        file: BLOB_STORE,
        find: 'return stage === undefined ? end() : this.#unstage(id, stage, end);',
        replace:
          'return stage === undefined ? this.files.put(id, TRASH, end) : this.#unstage(id, stage, end);',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'F5: takes no copy away'),
  },
  {
    name: 'a-commit-leaves-its-folder-settled',
    rule: 'F1',
    edits: [
      {
        file: BLOB_STORE,
        find: '      this.#folders.changing(home.folder);\n',
        replace: '',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'F1: a folder that was settled counts no later commit'),
  },
  {
    name: 'a-move-leaves-its-folder-settled',
    rule: 'F1',
    edits: [{ file: BLOB_FILES, find: '      this.#folders.changing(to.folder);\n', replace: '' }],
    fate: tests(BLOB_STORE_TESTS, 'F1: what is told of as here while it is still being committed'),
  },
  {
    name: 'a-folder-is-settled-by-what-began-before-its-last-change',
    rule: 'F1',
    edits: [
      {
        file: FOLDERS,
        find: 'if (isLatest) this.#settled.add(folder);',
        replace: 'this.#settled.add(folder);',
      },
    ],
    fate: tests(FOLDERS_TESTS, 'one that changes while'),
  },
  {
    name: 'a-copy-that-cannot-be-looked-at-is-put-away',
    rule: 'F5',
    edits: [
      {
        file: PULLS,
        find: "if (looked.kind === 'failed') {",
        replace: "if (looked.kind === 'failed' && looked.fault === 'full') {",
      },
      {
        file: PULLS,
        find: 'if (looked.value) return reply(DONE);',
        replace: "if (looked.kind === 'done' && looked.value) return reply(DONE);",
      },
    ],
    fate: tests(PULLS_TESTS, 'F5: a blob that cannot be looked at'),
  },
  {
    name: 'a-commit-does-not-sync-the-bytes',
    rule: 'F1',
    edits: [
      {
        file: BLOB_STORE,
        find: '    sync(ready);\n',
        replace: "    ready({ kind: 'done', value: sync });\n",
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'F1, F6: when the machine loses power'),
  },
  {
    name: 'a-commit-does-not-sync-the-meta',
    rule: 'F1',
    edits: [
      { file: SMALL_FILES, find: 'return file.sync(end);', replace: 'return end(appended);' },
    ],
    fate: tests(BLOB_STORE_TESTS, 'F1, F6: when the machine loses power'),
  },
  {
    name: 'a-sync-that-failed-while-the-body-came-is-forgotten',
    rule: 'F1',
    edits: [
      {
        file: STAGED_BLOB,
        find: "      if (result.kind === 'failed') this.#failure = result;\n",
        replace: '',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'finds a sync that failed'),
  },
  {
    name: 'a-body-that-ended-early-is-taken',
    rule: 'F3',
    edits: [
      {
        file: RECEIVING,
        find: 'if (length !== undefined && length !== this.#come) {',
        replace: 'if (length !== undefined && length < this.#come) {',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'ends early'),
  },
  {
    name: 'a-body-that-broke-off-is-taken',
    rule: 'F3',
    edits: [{ file: RECEIVING, find: 'return this.#end(part);', replace: 'return undefined;' }],
    fate: tests(BLOB_STORE_TESTS, 'breaks off'),
  },
  {
    name: 'a-commit-is-not-compared',
    rule: 'F1',
    edits: [
      {
        file: BLOB_STORE,
        find: 'if (!blob.matches(meta)) {',
        replace: 'if (!blob.matches(meta) && meta.size < 0) {',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'makes nothing a blob'),
  },
  {
    name: 'a-commit-compares-the-length-alone',
    rule: 'F1',
    edits: [{ file: STAGED_BLOB, find: ' && crc.equals(this.#crc)', replace: '' }],
    fate: tests(BLOB_STORE_TESTS, 'another checksum'),
  },
  {
    name: 'blocks-are-sent-unchecked',
    rule: 'F6',
    edits: [
      {
        file: BLOB_READING,
        find: ' || crc32(bytes) !== this.#checksumOf(block)',
        replace: ' || this.#checksumOf(block) === crc32(bytes) + 1',
      },
    ],
    fate: tests(BLOB_READING_TESTS, 'F6'),
  },
  {
    name: 'a-block-is-read-into-before-its-client-has-it',
    rule: 'F6',
    edits: [
      {
        file: 'src/cluster/io/server/reply-stream.ts',
        find: '      if (!error) release();',
        replace: '      if (error) release();',
      },
      {
        file: 'src/cluster/io/server/reply-stream.ts',
        find: '    return this.#response.write(bytes, (error) => {',
        replace:
          '    queueMicrotask(release);\n    return this.#response.write(bytes, (error) => {',
      },
    ],
    fate: tests('test/cluster/io/server/streams.test.ts', 'is released piece by piece'),
  },
  {
    name: 'memory-of-blocks-is-never-used-again',
    rule: SERVERS,
    edits: [
      {
        file: 'src/fileserver/downloads/block-buffers.ts',
        find: 'bytes.length === BLOCK_BYTES && ',
        replace: 'bytes.length < BLOCK_BYTES && ',
      },
    ],
    fate: tests(BLOB_READING_TESTS, 'memory is used again'),
  },
  {
    name: 'a-wrong-copy-stays-where-it-is',
    rule: 'F4',
    edits: [
      {
        file: BLOB_SOURCE,
        find: "if (failure?.fault !== 'shortage') store.spoil(id, meta);",
        replace: '',
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'F6: with a flipped byte'),
  },
  {
    name: 'a-good-copy-goes-for-the-wrong-one-before',
    rule: 'F4',
    edits: [{ file: BLOB_STORE, find: 'if (!isStill) return done();', replace: '' }],
    fate: tests(BLOB_STORE_TESTS, 'is taken away once'),
  },
  {
    name: 'an-id-is-used-again',
    rule: 'F3',
    edits: [
      {
        file: BLOB_STORE,
        find: "if (taken.value) return refuse({ kind: 'taken' });",
        replace: '',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'of an id that a blob has'),
  },
  {
    name: 'a-blob-counts-as-here-without-its-bytes',
    rule: 'F5',
    edits: [
      {
        file: BLOB_FILES,
        find: 'for (const path of [meta, data]) this.',
        replace: 'for (const path of [meta, data === meta ? data : meta]) this.',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'which blobs are here'),
  },
  {
    name: 'a-link-keeps-the-owner',
    rule: BLOBS,
    edits: [
      {
        file: BLOB_STORE,
        find: 'id, cluster, owner, manifest, ...stamp }',
        replace: 'id, cluster, manifest: owner.length < 0 ? owner : manifest, ...stamp }',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'has the same bytes'),
  },
  {
    name: 'incoming-is-kept',
    rule: SERVERS,
    edits: [
      {
        file: OPENING,
        find: 'const remove = ({ name }: FileEntry, next: Next) =>\n    files.unlink(',
        replace: 'const remove = ({ name }: FileEntry, next: Next) =>\n    files.bytesOf(',
      },
    ],
    fate: tests(OPENING_TESTS, 'incoming/ is emptied'),
  },
  {
    name: 'a-directory-that-lost-its-identity-gets-a-new-one',
    rule: SERVERS,
    edits: [
      {
        file: OPENING,
        find: 'if (left !== undefined) {',
        replace: 'if (left !== undefined && names.length === 0) {',
      },
    ],
    fate: tests(OPENING_TESTS, 'a directory that has'),
  },
  {
    name: 'a-directory-of-another-cluster-is-taken',
    rule: SERVERS,
    edits: [
      {
        file: JOINING,
        find: 'cluster: cluster() };',
        replace: 'cluster: cluster() && undefined };',
      },
      {
        file: FILE_SERVER,
        find: 'if (own === undefined || own === cluster) return;',
        replace: 'if (own === undefined || own !== undefined) return;',
      },
    ],
    fate: tests(PROCESS_TESTS, 'of another cluster is refused'),
  },
  {
    name: 'a-broken-disk-is-written-on',
    rule: SERVERS,
    edits: [
      {
        file: STORE_HEALTH,
        find: "if (failure.fault !== 'broken' || this.#failed !== undefined) return;",
        replace: "if (failure.fault !== 'exists' || this.#failed !== undefined) return;",
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'that fails makes the file server read-only'),
  },
  {
    name: 'a-full-disk-is-a-broken-one',
    rule: SERVERS,
    edits: [
      {
        file: STORE_HEALTH,
        find: "if (failure.fault !== 'broken' ||",
        replace: "if ((failure.fault !== 'broken' && failure.fault !== 'full') ||",
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'that is full refuses'),
  },
  {
    name: 'a-short-write-is-a-whole-one',
    rule: 'F1',
    edits: [
      { file: FILES, find: 'left = withoutFirst(left, bytesWritten);', replace: 'left = [];' },
    ],
    fate: tests(PROCESS_TESTS, 'short writes'),
  },
  {
    name: 'files-are-for-everybody',
    rule: SERVERS,
    edits: [{ file: FILES, find: 'const FILE_MODE = 0o600;', replace: 'const FILE_MODE = 0o644;' }],
    fate: tests(FILES_TESTS, 'directories are 0700'),
  },
  {
    name: 'a-data-directory-is-made-without-a-sync',
    rule: 'G2',
    edits: [{ file: DISK, find: '      fsyncSync(directory);\n', replace: '' }],
    fate: tests(SYNCED_NAMES_TESTS, 'that is made with those above it'),
  },
  {
    name: 'making-a-directory-leaves-its-names-unsynced',
    rule: 'F1',
    edits: [
      {
        file: FILES,
        find: '    await makeBelow(top)(path);\n    await syncDirectory(path);\n',
        replace: '    await makeBelow(top)(path);\n',
      },
    ],
    fate: tests(SYNCED_NAMES_TESTS, 'directories below the top'),
  },
  {
    name: 'the-files-of-a-backup-have-no-synced-names',
    rule: SERVERS,
    edits: [{ file: FOLDER, find: '  await syncDirectory(dirname(path));\n', replace: '' }],
    fate: tests(SYNCED_NAMES_TESTS, 'files of a backup'),
  },
  {
    name: 'a-directory-that-was-moved-is-made-anew',
    rule: SERVERS,
    edits: [
      {
        file: DISK,
        find: "if (code === 'ENOENT' && above !== top) {",
        replace: "if (code === 'ENOENT' && above !== top + code) {",
      },
    ],
    fate: tests(FILES_TESTS, 'one that was moved'),
  },
  {
    name: 'what-is-under-way-takes-no-room',
    rule: SERVERS,
    edits: [{ file: DISK_ROOM, find: 'this.#promisedBytes += bytes;', replace: '' }],
    fate: tests(BLOB_STORE_TESTS, 'is taken by what is announced'),
  },
  {
    name: 'nothing-is-kept-free',
    rule: SERVERS,
    edits: [{ file: DISK_ROOM, find: ' - this.reserveBytes', replace: '' }],
    fate: tests(BLOB_STORE_TESTS, 'is taken by what is announced'),
  },
  {
    name: 'the-trash-waits-for-room-to-be-used-up',
    rule: 'docs/files.md, sizing',
    edits: [
      {
        file: DISK_ROOM,
        find: 'Math.ceil(this.#totalBytes * HEADROOM_SHARE)',
        replace: '0 * HEADROOM_SHARE',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'is short before it is used up'),
  },
  {
    name: 'what-was-unlinked-is-not-counted',
    rule: 'docs/files.md, sizing',
    edits: [
      {
        file: 'src/fileserver/replicator/trash-keeper.ts',
        find: 'this.#parts.freed(meta.size);',
        replace: '',
      },
    ],
    fate: tests('test/fileserver/replicator/replicator.test.ts', 'gives up the oldest'),
  },
  {
    name: 'a-body-without-a-length-may-fill-the-disk',
    rule: SERVERS,
    edits: [
      {
        file: RECEIVING,
        find: 'if (!this.#claim.grow(more)) return false;',
        replace: 'this.#claim.grow(more);',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'ends a body of unknown length'),
  },
  {
    name: 'a-slow-disk-fills-the-memory',
    rule: SERVERS,
    edits: [
      {
        file: RECEIVING,
        find: 'const WAITING_BYTES_MAX = 512 * 1024;',
        replace: 'const WAITING_BYTES_MAX = 512 * 1024 * 1024;',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'holds about a MiB'),
  },
  {
    name: 'an-upload-without-a-commit-stays',
    rule: BLOBS,
    edits: [
      {
        file: STAGES,
        find: 'this.#runtime.timers.after(this.#staysMs, expired);',
        replace: 'this.#runtime.timers.after(1e12 * this.#staysMs, expired);',
      },
    ],
    fate: tests(BLOB_STORE_TESTS, 'that nobody commits goes'),
  },
  {
    name: 'a-stop-begins-uploads',
    rule: SERVERS,
    edits: [
      {
        file: BLOB_SERVER,
        find: 'if (this.isStopping) return',
        replace: 'if (this.isStopping && this.busy < 0) return',
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'a stop lets nothing begin'),
  },
  {
    name: 'a-stop-waits-for-no-upload',
    rule: SERVERS,
    edits: [
      {
        file: FILE_SERVER,
        find: 'uploads.taken + works.taken + ticketed.taken === 0',
        replace: 'uploads.taken >= 0 && works.taken + ticketed.taken === 0',
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'a stop lets nothing begin'),
  },
  {
    name: 'a-copy-is-committed-without-its-sha-512',
    rule: BLOBS,
    edits: [
      {
        file: PULLS,
        find: 'if (body.sha512() !== meta.sha512) {',
        replace: 'if (body.sha512() === meta.id) {',
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'that says another sha-512'),
  },
  {
    name: 'a-copy-comes-from-another-cluster',
    rule: BLOBS,
    edits: [
      {
        file: PULLS,
        find: 'if (meta.cluster !== opened.cluster) {',
        replace: 'if (meta.cluster.length > 64) {',
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'of another cluster'),
  },
  {
    name: 'a-commit-under-way-is-taken-for-what-a-crash-left',
    rule: 'F2',
    edits: [
      {
        file: CENSUS,
        find: 'this.#store.takeTurn(id, (over) => {',
        replace: '[() => undefined].forEach((over) => {',
      },
    ],
    fate: tests(CENSUS_TESTS, 'F2: a blob that is just being committed'),
  },
  {
    name: 'a-move-to-the-trash-that-was-cut-off-loses-the-bytes',
    rule: 'F2',
    edits: [
      {
        file: CENSUS,
        find: "if (there.kind === 'failed') return next();",
        replace: "if (there.kind === 'failed' || there.value >= 0) return next();",
      },
    ],
    fate: tests(CENSUS_TESTS, 'what a crash left'),
  },
  {
    name: 'what-changes-meanwhile-counts-twice',
    rule: SERVERS,
    edits: [
      {
        file: BLOB_COUNTS,
        find: ' && !this.#changing.has(folder)',
        replace: '',
      },
    ],
    fate: tests(CENSUS_TESTS, 'what comes and goes meanwhile'),
  },
  {
    name: 'who-was-removed-joins-again',
    rule: 'docs/protocol.md, control messages',
    edits: [
      {
        file: JOINING,
        find: 'if (wasFoundAgain(map, this.#known)) this.join();',
        replace: 'if (wasFoundAgain(map, this.#known) || id.length > 0) this.join();',
      },
    ],
    fate: tests(JOINING_TESTS, 'who was removed'),
  },
  {
    name: 'who-was-lost-by-a-recovery-stays-away',
    rule: 'H32',
    edits: [
      {
        file: JOINING,
        find: 'if (wasFoundAgain(map, this.#known)) this.join();',
        replace: 'if (wasFoundAgain(map, this.#known) && id.length > 1000) this.join();',
      },
    ],
    fate: tests(JOINING_TESTS, 'a map that was found again'),
  },
  {
    name: 'a-range-may-begin-at-the-end',
    rule: BLOBS,
    edits: [
      {
        file: ONE_RANGE,
        find: "if (Number(first) >= size) return 'beyond';",
        replace: "if (Number(first) > size) return 'beyond';",
      },
    ],
    fate: tests(RANGE_TESTS, 'bytes'),
  },
  {
    name: 'a-turn-is-waited-for-without-a-bound',
    rule: 'FILES.md, 5',
    edits: [
      {
        file: 'src/fileserver/blob-server.ts',
        find: 'timers.after(slots.turnMs * scale, giveUp)',
        replace: 'timers.after(slots.turnMs * scale, () => undefined)',
      },
    ],
    fate: tests('test/fileserver/blob-server.test.ts', 'whose turn does not come is refused'),
  },
  {
    name: 'a-turn-that-has-come-is-refused',
    rule: 'FILES.md, 5',
    edits: [
      {
        file: 'src/fileserver/blob-server.ts',
        find: '    stay = () => {\n      cancelWait();\n      remain();\n    };',
        replace: '    stay = remain;',
      },
    ],
    fate: tests('test/fileserver/blob-server.test.ts', 'whose turn has come is refused no more'),
  },
  {
    name: 'a-file-server-that-its-map-lacks-takes-uploads',
    rule: 'F1',
    edits: [
      {
        file: 'src/fileserver/door/door.ts',
        find: ' || this.#isInMap()) return',
        replace: ' || this.#isInMap() || !this.#server.isStopping) return',
      },
    ],
    fate: tests('test/fileserver/door/door.test.ts', 'takes no upload'),
  },
  {
    name: 'clients-with-tickets-hold-up-the-cluster',
    rule: 'F4',
    edits: [
      {
        file: 'src/fileserver/door/door.ts',
        find: 'this.#server.ticketDownloads, request',
        replace: 'this.#server.downloads, request',
      },
    ],
    fate: tests('test/fileserver/door/door.test.ts', 'keep no slot from'),
  },
  {
    name: 'a-gateway-waits-for-a-busy-server-as-for-a-slow-one',
    rule: 'FILES.md, GET (4)',
    edits: [
      {
        file: BLOB_SERVER,
        find: 'BLOB_TURN_MS = 3000',
        replace: 'BLOB_TURN_MS = 10_000',
      },
    ],
    fate: tests('test/fileserver/blob-server.test.ts', 'a gateway hears that a blob is not sent'),
  },
];
