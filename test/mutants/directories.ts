// Wrong directories: what is kept beside the content, and how records of files are amended.

import { type Mutant, tests } from './mutant.ts';

const CLUSTER_FILES = 'src/files/cluster-files.ts';
const FILE_PUT = 'src/files/file-put.ts';
const FILE_RECORD = 'src/files/file-record.ts';
const MANIFEST = 'src/files/manifest.ts';

const CLUSTER_FILES_TESTS = 'test/files/cluster-files.test.ts';
const FILE_PUT_TESTS = 'test/files/file-put.test.ts';
const MANIFEST_TESTS = 'test/files/manifest.test.ts';

export const DIRECTORIES_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-directory-that-has-a-blob',
    rule: 'FILES.md, 2',
    edits: [{ file: MANIFEST, find: 'blob !== undefined || fields.size > 0', replace: 'false' }],
    fate: tests(MANIFEST_TESTS, 'a directory with'),
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
      { file: CLUSTER_FILES, find: '{ ifMatch: [etagOf(record)] }', replace: "{ ifMatch: 'any' }" },
    ],
    fate: tests(CLUSTER_FILES_TESTS, 'where it is still the very record'),
  },
  {
    name: 'amended-to-what-nobody-can-read',
    rule: 'FILES.md, 1',
    edits: [{ file: CLUSTER_FILES, find: 'faultOfFields(manifest)', replace: 'undefined' }],
    fate: tests(CLUSTER_FILES_TESTS, 'what is to be kept is too long'),
  },
];
