// Wrong directories: what is kept beside the content, how records of files are amended and copied, and what is listed.

import { type Mutant, SEEDS, tests } from './mutant.ts';

const CLUSTER_FILES = 'src/files/cluster-files.ts';
const COMMITS = 'src/files/commits.ts';
const FILE_COPY = 'src/files/file-copy.ts';
const FILE_KEY = 'src/files/file-key.ts';
const FILE_PUT = 'src/files/file-put.ts';
const FILE_RECORD = 'src/files/file-record.ts';
const LISTING = 'src/files/directory-listing.ts';
const MANIFEST = 'src/files/manifest.ts';

const CLUSTER_FILES_TESTS = 'test/files/cluster-files.test.ts';
const FILE_COPY_TESTS = 'test/files/file-copy.test.ts';
const FILE_KEY_TESTS = 'test/files/file-key.test.ts';
const FILE_PUT_TESTS = 'test/files/file-put.test.ts';
const LISTING_TESTS = 'test/files/directory-listing.test.ts';
const MOVES = 'test/simulation/schedules-files-moves.test.ts';
const MANIFEST_TESTS = 'test/files/manifest.test.ts';

export const DIRECTORIES_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-directory-that-has-a-blob',
    rule: 'FILES.md, 2',
    edits: [{ file: MANIFEST, find: 'blob !== undefined || fields.size > 0', replace: 'false' }],
    fate: tests(MANIFEST_TESTS, 'a directory with'),
  },
  {
    name: 'a-directory-that-is-in-use-is-undone',
    rule: 'docs/webdav.md, locks',
    edits: [
      {
        file: 'src/files/undone-directory.ts',
        find: "listed.kind === 'page' && listed.entries.length === 0",
        replace: "listed.kind === 'page' && listed.entries.length < 99",
      },
    ],
    fate: tests('test/files/undone-directory.test.ts', 'it is there again where a file is in it'),
  },
  {
    name: 'a-directory-is-an-empty-file',
    rule: 'FILES.md, 2',
    edits: [
      { file: MANIFEST, find: "kind === 'directory' ? true : undefined", replace: 'undefined' },
    ],
    fate: tests(CLUSTER_FILES_TESTS, 'is a record that says so'),
  },
  {
    name: 'attributes-that-no-record-keeps',
    rule: 'FILES.md, 1',
    edits: [{ file: MANIFEST, find: 'Buffer.byteLength(JSON.stringify(some))', replace: '0' }],
    fate: tests(MANIFEST_TESTS, 'attributes of more bytes'),
  },
  {
    name: 'a-date-that-http-has-no-form-of',
    rule: 'FILES.md, 4',
    edits: [{ file: MANIFEST, find: 'max: MODIFIED_MS_MAX', replace: 'max: 2 ** 53 - 1' }],
    fate: tests(MANIFEST_TESTS, 'a date that HTTP has no form of'),
  },
  {
    name: 'the-date-of-the-client-is-lost',
    rule: 'FILES.md, 4',
    edits: [{ file: FILE_PUT, find: 'this.#request.modifiedMs ?? nowMs', replace: 'nowMs' }],
    fate: tests(FILE_PUT_TESTS, 'keeps the date and the attributes'),
  },
  {
    name: 'a-record-that-nobody-confirmed',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FILE_RECORD,
        find: "return callback({ kind: 'unmet', file: undefined });",
        replace: 'return setNow(writers, set, callback);',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'is set when its gateway has confirmed'),
  },
  {
    name: 'an-upload-that-others-overtake-is-lost',
    rule: 'H39',
    edits: [{ file: FILE_RECORD, find: 'attempts <= 1', replace: 'attempts > 1' }],
    fate: tests(FILE_PUT_TESTS, 'is confirmed and set again where others were faster'),
  },
  {
    name: 'a-set-again-of-what-may-be-garbage',
    rule: 'F2',
    edits: [
      {
        file: FILE_RECORD,
        find: 'const refused = refusal?.();',
        replace: 'const refused = confirm === undefined ? refusal?.() : undefined;',
      },
      {
        file: FILE_RECORD,
        find: '{ key, manifest, condition, refusal }: FileRecordSet',
        replace: '{ key, manifest, condition, refusal, confirm }: FileRecordSet',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'is not set again later than ten minutes'),
  },
  {
    name: 'a-file-of-many-bytes-that-nobody-confirms',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FILE_PUT,
        find: '      confirm,\n    };',
        replace: '      ...(confirm ? {} : {}),\n    };',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'is set when its gateway has confirmed'),
  },
  {
    name: 'a-directory-over-what-is-there',
    rule: 'H39',
    edits: [
      {
        file: FILE_RECORD,
        find: 'if (isAny(condition))',
        replace: 'if (isAny({ ...condition, ifNoneMatch: undefined }))',
      },
    ],
    fate: tests(CLUSTER_FILES_TESTS, 'is made under its condition'),
  },
  {
    name: 'amended-whatever-is-there-by-now',
    rule: 'H39',
    edits: [
      {
        file: CLUSTER_FILES,
        find: '{ ifMatch: [etagOf(record)], lookAgain }',
        replace: "{ ifMatch: 'any' as const, lookAgain }",
      },
    ],
    fate: tests(CLUSTER_FILES_TESTS, 'where it is still the very record'),
  },
  {
    name: 'amended-to-what-nobody-can-read',
    rule: 'FILES.md, 1',
    edits: [{ file: CLUSTER_FILES, find: 'faultOfFields(manifest)', replace: 'undefined' }],
    fate: tests(CLUSTER_FILES_TESTS, 'what is to be kept is too long'),
  },
  {
    name: 'a-page-that-ends-too-early-ends-the-listing',
    rule: 'R1',
    edits: [{ file: LISTING, find: 'entries.length >= limit', replace: 'entries.length >= 0' }],
    fate: tests(LISTING_TESTS, 'until there are as many entries'),
  },
  {
    name: 'a-listing-that-forgets-its-limit',
    rule: 'FILES.md, 2',
    edits: [{ file: LISTING, find: 'limit - entries.length', replace: 'limit' }],
    fate: tests(LISTING_TESTS, 'until there are as many entries'),
  },
  {
    name: 'a-damaged-entry-is-left-out',
    rule: 'FILES.md, 2',
    edits: [
      {
        file: LISTING,
        find: 'if (entry === undefined) return callback(DAMAGED);',
        replace: 'if (entry === undefined) continue;',
      },
    ],
    fate: tests(LISTING_TESTS, 'is not listed in part'),
  },
  {
    name: 'a-listing-of-all-that-begins-alike',
    rule: 'FILES.md, 2',
    edits: [
      {
        file: FILE_KEY,
        find: ', END, directory, END]',
        replace: ', END, directory]',
      },
    ],
    fate: tests(FILE_KEY_TESTS, 'begins as the keys of all entries'),
  },
  {
    name: 'a-copy-with-the-id-of-its-source',
    rule: 'FILES.md, COPY',
    edits: [
      {
        file: FILE_COPY,
        find: 'linkedBlobId(from, runtime.random.token())',
        replace: 'from',
      },
    ],
    fate: tests(FILE_COPY_TESTS, 'under an id of the same place'),
  },
  {
    name: 'a-copy-named-with-one-link',
    rule: 'F1',
    edits: [{ file: FILE_COPY, find: 'holders.length < copies', replace: 'holders.length < 1' }],
    fate: tests(FILE_COPY_TESTS, 'too few can have it'),
  },
  {
    name: 'a-copy-that-keeps-the-lock-of-its-source',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FILE_COPY,
        find: '{ ...from.manifest, attributes, replicationClass }',
        replace: '{ attributes, ...from.manifest, replicationClass }',
      },
    ],
    fate: tests(FILE_COPY_TESTS, 'with attributes of its own'),
  },
  {
    name: 'a-link-on-a-server-that-drains-counts',
    rule: 'F1',
    edits: [{ file: COMMITS, find: "entry.state === 'in'", replace: 'true' }],
    fate: tests(FILE_COPY_TESTS, 'is linked wherever it is'),
  },
  {
    name: 'a-copy-is-asked-for-where-it-belongs-alone',
    rule: 'FILES.md, COPY',
    edits: [
      {
        file: FILE_COPY,
        find: 'isSomewhere || router.map === undefined',
        replace: 'router.map === undefined || isSomewhere || first.asked.length > 0',
      },
    ],
    fate: tests(FILE_COPY_TESTS, 'is linked wherever it is'),
  },
  {
    name: 'a-copy-that-failed-leaves-its-links',
    rule: 'F4',
    edits: [{ file: FILE_COPY, find: 'dropBlob(runtime, times, blob, asked);', replace: '' }],
    fate: tests(FILE_COPY_TESTS, 'and what was made is dropped'),
  },
  {
    name: 'a-copy-that-names-the-blob-of-its-source',
    rule: 'F2',
    edits: [
      {
        file: FILE_COPY,
        find: 'const manifest: BlobManifest = { ...source, blob };',
        replace: 'const manifest: BlobManifest = source;',
      },
    ],
    fate: tests(MOVES, 'cut at each step'),
  },
  {
    name: 'a-move-deletes-whatever-is-there',
    rule: 'FILES.md, MOVE',
    edits: [{ file: CLUSTER_FILES, find: 'return isAny(condition)\n', replace: 'return true\n' }],
    fate: SEEDS,
  },
];
