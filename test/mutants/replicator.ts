// Mutants of what a file server does by itself: what is trimmed, collected or unlinked too early, and what is never done. F1 and
// the like are invariants of files.

import { type Mutant, tests } from './mutant.ts';

const COLLECTION = 'src/fileserver/replicator/collection.ts';
const DISK_ROOM = 'src/fileserver/uploads/disk-room.ts';
const FILE_PUT = 'src/files/file-put.ts';
const FILE_SERVER = 'src/fileserver/file-server.ts';
const PULLS = 'src/fileserver/uploads/pulls.ts';
const INQUIRY = 'src/fileserver/replicator/inquiry.ts';
const REPLICATOR = 'src/fileserver/replicator/replicator.ts';
const SAMPLER = 'src/fileserver/replicator/block-sampler.ts';
const TRASH_KEEPER = 'src/fileserver/replicator/trash-keeper.ts';
const VERDICT = 'src/fileserver/replicator/verdict.ts';
const VISIT = 'src/fileserver/replicator/visit.ts';
const BLOB_FILES = 'src/fileserver/blob-store/blob-files.ts';

const DISK_ROOM_TESTS = 'test/fileserver/disk-room.test.ts';
const FILE_PUT_TESTS = 'test/files/file-put.test.ts';
const FILE_SERVER_TESTS = 'test/fileserver/file-server.test.ts';
const REPLICATOR_TESTS = 'test/fileserver/replicator/replicator.test.ts';
const SAMPLER_TESTS = 'test/fileserver/replicator/block-sampler.test.ts';
const VERDICT_TESTS = 'test/fileserver/replicator/verdict.test.ts';

export const REPLICATOR_MUTANTS: readonly Mutant[] = [
  {
    name: 'the-overwrite-of-one-member-throws-a-blob-away',
    rule: 'F5',
    edits: [
      {
        file: VISIT,
        find: 'new Inquiry(settling(this.#parts), ({ superseded, unknown }) => {',
        replace: 'new Inquiry(this.#parts ?? settling(this.#parts), ({ superseded, unknown }) => {',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'F5: of an overwrite'),
  },
  {
    name: 'the-absence-at-one-member-collects-a-blob',
    rule: 'F5',
    edits: [
      {
        file: COLLECTION,
        find: 'new Inquiry(settling(parts), ({ ownerless })',
        replace: 'new Inquiry(parts ?? settling(parts), ({ ownerless })',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'F5: of an absence'),
  },
  {
    name: 'blobs-are-taken-before-the-uptime-is-known',
    rule: 'F2',
    edits: [
      {
        file: FILE_SERVER,
        find: 'this.#look(() => this.#loadUptime(() => this.#begin(identity))),',
        replace:
          'this.#look(() => { this.#begin(identity); setTimeout(() => this.#loadUptime(() => undefined), 60_000); }),',
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'F2: a blob is stamped with the uptime'),
  },
  {
    name: 'blobs-are-taken-where-the-uptime-cannot-be-read',
    rule: 'F2',
    edits: [
      {
        file: FILE_SERVER,
        find: "this.#store.health.failed(failure, 'reading how long",
        replace: "Object.is(failure, 'reading how long",
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'F2: nothing is taken where nobody can tell'),
  },
  {
    name: 'checks-hold-up-the-passes',
    rule: 'F4',
    edits: [
      {
        file: REPLICATOR,
        find: 'const isPassesTurn = goOn !== undefined && this.#wasChecking;',
        replace: 'const isPassesTurn = false;',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'passes go on while blobs are to be looked at'),
  },
  {
    name: 'a-trim-after-another-map',
    rule: 'F5',
    edits: [
      {
        file: VISIT,
        find: 'if (!isSameMap(router.map?.version, map)) return next();',
        replace: '',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'F2, F5: a blob is not trimmed when the map changes'),
  },
  {
    name: 'copies-for-a-server-that-is-down',
    rule: 'F4',
    edits: [{ file: VISIT, find: 'if (!watch.isUp(to.id)) return next();', replace: '' }],
    fate: tests(REPLICATOR_TESTS, 'a server that stops answering costs'),
  },
  {
    name: 'a-drain-forgets-what-cannot-be-read',
    rule: 'F1',
    edits: [
      {
        file: VISIT,
        find: "if (outcome.kind === 'failed') this.#counts.unknown++;",
        replace: '',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'while one cannot be read'),
  },
  {
    name: 'a-drain-forgets-uploads-that-are-being-finished',
    rule: 'F1',
    edits: [
      {
        file: INQUIRY,
        find: 'else if (this.#isDraining) place(meta, classOf(meta), unnamed);',
        replace: '',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'until others have an upload that is just being finished'),
  },
  {
    name: 'a-drain-waits-for-the-turns-of-others',
    rule: 'F4',
    edits: [
      {
        file: VERDICT,
        find: 'if ((isDraining || first === self) && lacking',
        replace: 'if (first === self && lacking',
      },
    ],
    fate: tests(VERDICT_TESTS, 'without waiting for others'),
  },
  {
    name: 'nobody-says-that-copies-are-missing',
    rule: 'F4',
    edits: [
      {
        file: FILE_SERVER,
        find: 'if (incomplete === 0) return undefined;',
        replace: 'if (incomplete >= 0) return undefined;',
      },
    ],
    fate: tests('test/simulation/schedules-files-copies.test.ts', 'copies are missing'),
  },
  {
    name: 'a-drain-forgets-what-is-staged',
    rule: 'F1',
    edits: [
      {
        file: REPLICATOR,
        find: 'unknown + staged + committed',
        replace: 'unknown + committed',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'while one is staged'),
  },
  {
    name: 'a-drain-forgets-what-came-after-the-pass-began',
    rule: 'F1',
    edits: [
      {
        file: REPLICATOR,
        find: 'staged + committed - report.committedBefore;',
        replace: 'staged + 0 * (committed - report.committedBefore);',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'while one is staged'),
  },
  {
    name: 'the-trash-believes-one-member',
    rule: 'F2',
    edits: [
      {
        file: TRASH_KEEPER,
        find: 'new Inquiry(this.#inquiry, (',
        replace: 'new Inquiry(this.#parts as unknown as InquiryParts, (',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'keeps what only one member says was overwritten or deleted'),
  },
  {
    name: 'the-trash-looks-at-the-first-ones-only',
    rule: 'F4',
    edits: [
      {
        file: TRASH_KEEPER,
        find: 'if (goesOn && !this.#isStopped) this.#look(last, done);',
        replace: 'if (goesOn && this.#isStopped) this.#look(last, done);',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'more than it keeps in mind'),
  },
  {
    name: 'an-unlink-out-of-turn',
    rule: 'F2',
    edits: [
      {
        file: TRASH_KEEPER,
        find: 'return store.takeTurn(meta.id, (over) =>',
        replace:
          'return ((_id: unknown, work: (over: () => void) => void) => work(() => undefined))(meta.id, (over) =>',
      },
    ],
    fate: tests(REPLICATOR_TESTS, 'F2: does not unlink what somebody brings back'),
  },
  {
    name: 'the-trash-makes-room-at-the-reserve-only',
    rule: 'F4',
    edits: [
      { file: DISK_ROOM, find: 'taken + wanted - Math', replace: 'taken + 0 * wanted - Math' },
    ],
    fate: tests(DISK_ROOM_TESTS, 'the trash makes room before'),
  },
  {
    name: 'a-meta-without-bytes-is-a-copy',
    rule: 'F5',
    edits: [
      {
        file: PULLS,
        find: 'if (looked.value) return reply(DONE);',
        replace: "if (looked.kind === 'done') return reply(DONE);",
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'F5: does not take a blob for one that is here'),
  },
  {
    name: 'a-meta-in-the-trash-keeps-its-id',
    rule: 'F4',
    edits: [
      {
        file: BLOB_FILES,
        find: 'return this.#files.unlink(trash.meta, (unlinked) =>',
        replace: 'return this.#files.bytesOf(trash.meta, (unlinked) =>',
      },
    ],
    fate: tests(FILE_SERVER_TESTS, 'fetches it again where only its meta is in the trash'),
  },
  {
    name: 'a-copy-on-a-removed-server-counts',
    rule: 'F1',
    edits: [
      { file: FILE_PUT, find: 'const staged = at.filter(isKnown);', replace: 'const staged = at;' },
    ],
    fate: tests(FILE_PUT_TESTS, 'a copy on one that was removed'),
  },
  {
    name: 'a-disk-that-fails-in-silence',
    rule: 'FILES.md, Scrubber',
    edits: [
      { file: SAMPLER, find: "store.health.failed(read, 'reading a blob');", replace: 'void 0;' },
    ],
    fate: tests(SAMPLER_TESTS, 'while it is read is written to no more'),
  },
  {
    name: 'the-first-block-alone-is-sampled',
    rule: 'FILES.md, Scrubber',
    edits: [
      {
        file: SAMPLER,
        find: 'random.below(blockCount(meta.size))',
        replace: 'random.below(Math.min(1, blockCount(meta.size)))',
      },
    ],
    fate: tests(SAMPLER_TESTS, 'in any of its blocks'),
  },
  {
    name: 'rot-that-a-sample-meets-stays',
    rule: 'F6',
    edits: [{ file: SAMPLER, find: 'if (!isTrash) store', replace: 'if (isTrash) store' }],
    fate: tests(SAMPLER_TESTS, 'in any of its blocks'),
  },
];
