// Mutants of what looks after files: their commands, their backups, and the rebuild of their records.

import { type Mutant, tests } from './mutant.ts';

const BLOB_BACKUP = 'src/backup/blob-backup.ts';
const BLOB_FILE = 'src/backup/blob-file.ts';
const BLOB_PAGE = 'src/fileserver/blob-store/blob-page.ts';
const BLOB_RESTORE = 'src/backup/blob-restore.ts';
const COPIES = 'src/files/copies.ts';
const FILE_NAME = 'src/files/file-name.ts';
const BACKUP_MANIFEST = 'src/backup/manifest.ts';
const OWNERS = 'src/commands/files/owners.ts';
const PROVENANCE = 'src/files/provenance.ts';
const VERDICT = 'src/fileserver/replicator/verdict.ts';

const BLOB_BACKUP_TESTS = 'test/backup/blob-backup.test.ts';
const BLOB_PAGE_TESTS = 'test/fileserver/blob-store/blob-page.test.ts';
const COPIES_TESTS = 'test/files/copies.test.ts';
const FILE_NAME_TESTS = 'test/files/file-name.test.ts';
const FILES_BACKUP_TESTS = 'test/processes/files-backup.test.ts';
const MANIFEST_TESTS = 'test/backup/manifest.test.ts';
const PROVENANCE_TESTS = 'test/files/provenance.test.ts';
const REPLICATOR_TESTS = 'test/fileserver/replicator/replicator.test.ts';
const TEXTS_TESTS = 'test/commands/files/files-texts.test.ts';

export const FILES_CARE_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-blob-of-another-cluster-is-collected',
    rule: 'FILES.md, Collection',
    edits: [{ file: VERDICT, find: 'if (isForeign) return false;', replace: '' }],
    fate: tests(REPLICATOR_TESTS, 'came from another cluster'),
  },
  {
    name: 'records-prove-of-blobs-that-were-taken-over',
    rule: 'FILES.md, Collection',
    edits: [{ file: PROVENANCE, find: 'if (isForeign(blob, of)) return true;', replace: '' }],
    fate: tests(PROVENANCE_TESTS, 'not judged before the rebuild'),
  },
  {
    name: 'losses-count-by-the-map-of-another-cluster',
    rule: 'FILES.md, Collection',
    edits: [
      {
        file: PROVENANCE,
        find: 'const own = blob.cluster === of.cluster ? blob.map : undefined;',
        replace: 'const own = blob.map;',
      },
    ],
    fate: tests(PROVENANCE_TESTS, 'is one of this after it'),
  },
  {
    name: 'a-loss-after-a-rebuild-is-made-good-as-well',
    rule: 'FILES.md, Collection',
    edits: [
      {
        file: PROVENANCE,
        find: 'return compareMapVersions(a, b) < 0 ? b : a;',
        replace: 'return compareMapVersions(a, b) < 0 ? a : b;',
      },
    ],
    fate: tests(PROVENANCE_TESTS, ''),
  },
  {
    name: 'a-second-rebuild-forgets-the-first',
    rule: 'FILES.md, Collection',
    edits: [
      {
        file: PROVENANCE,
        find: '[...(before?.clusters ?? []), ...now.clusters]',
        replace: '[...now.clusters]',
      },
    ],
    fate: tests(PROVENANCE_TESTS, 'a second rebuild'),
  },
  {
    name: 'a-fetched-copy-is-of-another-cluster',
    rule: 'FILES.md, Collection',
    edits: [
      {
        file: PROVENANCE,
        find: 'return { ...blob, cluster, map };',
        replace: 'return { ...blob };',
      },
    ],
    fate: tests(PROVENANCE_TESTS, 'whoever fetches a copy'),
  },
  {
    name: 'a-rebuild-takes-the-oldest-blob',
    rule: 'FILES.md, the records are lost',
    edits: [
      {
        file: OWNERS,
        find: 'return committedAt > before.committedAt;',
        replace: 'return committedAt < before.committedAt;',
      },
    ],
    fate: tests(TEXTS_TESTS, 'committed last counts'),
  },
  {
    name: 'a-rebuild-names-a-blob-by-the-manifest-of-another',
    rule: 'F3',
    edits: [
      {
        file: OWNERS,
        find: 'return names === own && decoded.size === size && decoded.sha512 === sha512;',
        replace: 'return names !== undefined;',
      },
    ],
    fate: tests(TEXTS_TESTS, 'its own manifest'),
  },
  {
    name: 'a-silent-file-server-has-nothing',
    rule: 'F7',
    edits: [
      {
        file: COPIES,
        find: "return silent.length === 0 ? 'nowhere' : 'unheard';",
        replace: "return 'nowhere';",
      },
    ],
    fate: tests(COPIES_TESTS, 'unheard'),
  },
  {
    name: 'a-copy-anywhere-is-where-it-belongs',
    rule: 'F4',
    edits: [
      {
        file: COPIES,
        find: "saying('has', belongs).length === belongs.length",
        replace: 'holders.length >= belongs.length',
      },
    ],
    fate: tests(COPIES_TESTS, 'lacking'),
  },
  {
    name: 'a-page-of-blobs-begins-with-the-last-one-of-before',
    rule: 'FILES.md, the records are lost',
    edits: [{ file: BLOB_PAGE, find: 'named.id <= after', replace: 'named.id < after' }],
    fate: tests(BLOB_PAGE_TESTS, 'went since'),
  },
  {
    name: 'a-page-of-blobs-skips-the-folder-where-the-last-one-ended',
    rule: 'FILES.md, the records are lost',
    edits: [
      {
        file: BLOB_PAGE,
        find: 'isOver() || folder < first',
        replace: 'isOver() || folder <= first',
      },
    ],
    fate: tests(BLOB_PAGE_TESTS, 'a page'),
  },
  {
    name: 'a-class-is-taken-for-a-file',
    rule: 'FILES.md, Keys',
    edits: [{ file: FILE_NAME, find: 'if (!isSpace(space)) return undefined;', replace: '' }],
    fate: tests(FILE_NAME_TESTS, 'none of files'),
  },
  {
    name: 'a-blob-of-the-right-length-is-right',
    rule: 'FILES.md, Backup',
    edits: [
      {
        file: BLOB_FILE,
        find: 'return callback(digests.end().sha512 === sha512);',
        replace: 'return callback(true);',
      },
    ],
    fate: tests(BLOB_BACKUP_TESTS, 'are copied, but for'),
  },
  {
    name: 'a-copied-blob-is-not-compared',
    rule: 'FILES.md, Backup',
    edits: [
      {
        file: BLOB_BACKUP,
        find: 'size !== manifest.size || sha512 !== manifest.sha512',
        replace: 'size !== manifest.size',
      },
    ],
    fate: tests(BLOB_BACKUP_TESTS, 'not those of the record'),
  },
  {
    name: 'a-lost-blob-counts-as-gone',
    rule: 'FILES.md, Backup',
    edits: [
      {
        file: BLOB_BACKUP,
        find: "return done(isNamed ? { missing: detail } : 'gone');",
        replace: "return done('gone');",
      },
    ],
    fate: tests(BLOB_BACKUP_TESTS, 'that nobody has'),
  },
  {
    name: 'earlier-software-restores-records-without-blobs',
    rule: 'FILES.md, Backup',
    edits: [
      {
        file: BACKUP_MANIFEST,
        find: 'namesBlobs(partitions) ? FORMATS.blobs : FORMATS.records',
        replace: 'FORMATS.records',
      },
    ],
    fate: tests(MANIFEST_TESTS, 'earlier software refuses'),
  },
  {
    name: 'a-damaged-blob-is-restored',
    rule: 'FILES.md, Backup',
    edits: [
      {
        file: BLOB_RESTORE,
        find: 'sums.sha512 === sha512 ? undefined : DAMAGED',
        replace: 'sums.sha512 === sha512 ? undefined : undefined',
      },
    ],
    fate: tests(FILES_BACKUP_TESTS, 'a damaged backup'),
  },
  {
    name: 'a-restore-waits-for-who-is-away',
    rule: 'FILES.md, Backup',
    edits: [
      {
        file: BLOB_RESTORE,
        find: 'placed.filter((server) => !isSilent(server))',
        replace: 'placed',
      },
      {
        file: BLOB_RESTORE,
        find: '[...targets.first, ...targets.others].filter((one) => !holders.includes(one));',
        replace: 'targets.first.filter((one) => !holders.includes(one));',
      },
    ],
    fate: tests(FILES_BACKUP_TESTS, 'made by the next one'),
  },
];
