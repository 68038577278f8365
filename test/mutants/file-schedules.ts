// The mutants that FILES.md, section 3, lists: files whose bytes would be lost, mixed or wrong. Scripted schedules of the
// simulator kill them, as their oracles look at disks and bytes, and not at what the parts say.

import { type Mutant, tests } from './mutant.ts';

const BLOB_READING = 'src/fileserver/downloads/blob-reading.ts';
const BLOB_STORE = 'src/fileserver/blob-store/blob-store.ts';
const COMMITS = 'src/files/commits.ts';
const DOWNLOAD = 'src/files/download.ts';
const FILE_PUT = 'src/files/file-put.ts';
const FILE_SERVER = 'src/fileserver/file-server.ts';
const OWNERSHIP = 'src/fileserver/replicator/ownership.ts';
const RECEIVING = 'src/fileserver/uploads/receiving.ts';
const VERDICT = 'src/fileserver/replicator/verdict.ts';

const UPLOADS = 'test/simulation/schedules-files-uploads.test.ts';
const COPIES = 'test/simulation/schedules-files-copies.test.ts';
const VERDICT_TESTS = 'test/fileserver/replicator/verdict.test.ts';

export const FILE_SCHEDULES_MUTANTS: readonly Mutant[] = [
  {
    name: 'one-copy-is-enough-to-acknowledge',
    rule: 'F1',
    edits: [
      {
        file: COMMITS,
        find: 'source === undefined || holders().length >= copies',
        replace: 'source === undefined || holders().length >= 1',
      },
      {
        file: FILE_PUT,
        find: 'if (holders.length < copies) {',
        replace: 'if (holders.length < 1) {',
      },
    ],
    fate: tests(UPLOADS, 'in mid-upload is replaced by a copy'),
  },
  {
    name: 'committed-without-sync',
    rule: 'F1',
    edits: [
      {
        file: BLOB_STORE,
        find: '(synced) => blob.sync(synced),',
        replace: "(synced) => synced({ kind: 'done', value: undefined }),",
      },
    ],
    fate: tests(UPLOADS, 'has what was acknowledged'),
  },
  {
    name: 'a-manifest-before-the-commit',
    rule: 'F1',
    edits: [
      {
        file: FILE_PUT,
        find: '    const beganMs = runtime.clock.monotonicMs();',
        replace:
          '    const early = { key: this.#recordOf(sums).key, value: encodeManifest(manifest), tombstone: false, expiresAtMs: 0, attributes: [] };\n    this.#parts.writer.set(early, () => undefined);\n    const beganMs = runtime.clock.monotonicMs();',
      },
    ],
    fate: tests(UPLOADS, 'before it has set the record leaves garbage'),
  },
  {
    name: 'trimmed-before-others-confirm',
    rule: 'F5',
    edits: [{ file: VERDICT, find: 'mayTrim && isConfirmed(places, said)', replace: 'mayTrim' }],
    fate: tests(COPIES, 'before any is trimmed'),
  },
  {
    name: 'trimmed-by-a-map-with-fewer-servers',
    rule: 'F5',
    edits: [
      { file: VERDICT, find: 'belongs.length === copies &&', replace: 'belongs.length > 0 &&' },
    ],
    fate: tests(VERDICT_TESTS, 'from before others joined'),
  },
  {
    name: 'an-unanswered-get-is-an-absent-owner',
    rule: 'F7',
    edits: [
      {
        file: OWNERSHIP,
        find: "    case 'failed':\n      return UNKNOWN;",
        replace: "    case 'failed':\n      return ABSENT;",
      },
    ],
    fate: tests(COPIES, 'that reaches no record throws nothing away'),
  },
  {
    name: 'no-grace-for-uploads-that-are-being-finished',
    rule: 'F2',
    edits: [
      { file: VERDICT, find: 'return ageMs >= times.supersededMs;', replace: 'return true;' },
    ],
    fate: tests(UPLOADS, 'for less than that finds its blob there'),
  },
  {
    name: 'an-id-is-used-again-by-an-overwrite',
    rule: 'F3',
    edits: [
      {
        file: FILE_PUT,
        find: 'newBlobId(clock.wallMs(), random.token())',
        replace: "newBlobId(0, '0123456789abcdef0123456789abcdef')",
      },
    ],
    fate: tests(COPIES, 'of the old version ends as it began'),
  },
  {
    name: 'the-rest-of-a-download-begins-at-its-beginning',
    rule: 'F3',
    edits: [
      {
        file: DOWNLOAD,
        find: 'const isWhole = this.#next === 0 && last === size - 1;',
        replace: 'const isWhole = range.first === 0 && last === size - 1;',
      },
      {
        file: DOWNLOAD,
        find: "if (Number(header('content-length')) !== last - first + 1) return false;",
        replace: '',
      },
      {
        file: DOWNLOAD,
        find: 'if (this.#next + piece.length > this.#request.range.last + 1) return this.#tryNext();',
        replace: '',
      },
    ],
    fate: tests(COPIES, 'goes on at another copy when a server dies'),
  },
  {
    name: 'a-body-that-ends-early-is-a-file',
    rule: 'F3',
    edits: [
      {
        file: FILE_PUT,
        find: 'body.length !== undefined && body.length !== size',
        replace: 'body.length !== undefined && body.length < size',
      },
      {
        file: RECEIVING,
        find: 'length !== undefined && length !== this.#come',
        replace: 'length !== undefined && length < this.#come',
      },
    ],
    fate: tests(UPLOADS, 'that is early is no file'),
  },
  {
    name: 'a-body-that-breaks-off-is-a-file',
    rule: 'F3',
    edits: [
      {
        file: 'src/files/fan-out.ts',
        find: 'return this.#break(part, part.why);',
        replace: 'return this.#end();',
      },
      {
        file: FILE_PUT,
        find: 'body.length !== undefined && body.length !== size',
        replace: 'body.length !== undefined && body.length < size',
      },
      {
        file: RECEIVING,
        find: 'length !== undefined && length !== this.#come',
        replace: 'length !== undefined && length < this.#come',
      },
    ],
    fate: tests(UPLOADS, 'that is broken is no file'),
  },
  {
    name: 'blobs-of-another-cluster-are-judged',
    rule: 'F2',
    edits: [
      {
        file: FILE_SERVER,
        find: 'if (own === undefined || own === cluster) return;',
        replace: 'if (own === undefined || own === cluster || cluster !== own) return;',
      },
      {
        file: 'src/controller/decisions/file-servers.ts',
        find: 'if (cluster !== undefined && cluster !== map.cluster) {',
        replace: 'if (cluster !== undefined && map.cluster === undefined) {',
      },
    ],
    fate: tests(COPIES, 'of another cluster ends itself'),
  },
  {
    name: 'served-without-the-checksum',
    rule: 'F6',
    edits: [
      {
        file: BLOB_READING,
        find: 'read.value < bytes.length || crc32(bytes) !== this.#checksumOf(block)',
        replace: 'read.value < bytes.length || this.#checksumOf(block) < 0',
      },
    ],
    fate: tests(COPIES, 'is not served, and the copy is fetched again'),
  },
  {
    name: 'a-lost-server-is-not-replaced',
    rule: 'F4',
    edits: [
      {
        file: VERDICT,
        find: 'const living = placed.filter(({ id }) => !isLost(id));',
        replace: 'const living = placed.filter(({ id }) => !isLost(id) || id !== undefined);',
      },
    ],
    fate: tests(COPIES, 'that is lost is replaced'),
  },
];
