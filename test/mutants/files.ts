// Mutants of the file layer: where blobs lie, how they are uploaded and read.

import { type Mutant, tests } from './mutant.ts';

const AGAIN = 'src/files/content-again.ts';
const BEGINNING = 'src/files/body-beginning.ts';
const BLOB_ID = 'src/files/blob-id.ts';
const BLOCKS = 'src/files/block-checksums.ts';
const CLASSES = 'src/files/classes.ts';
const CLUSTER_FILES = 'src/files/cluster-files.ts';
const COMMITS = 'src/files/commits.ts';
const DOWNLOAD = 'src/files/download.ts';
const FAN_OUT = 'src/files/fan-out.ts';
const FILE_KEY = 'src/files/file-key.ts';
const FILE_PUT = 'src/files/file-put.ts';
const MANIFEST = 'src/files/manifest.ts';
const NAMING = 'src/files/blob-naming.ts';
const PLACEMENT = 'src/files/placement.ts';
const READ_ORDER = 'src/files/read-order.ts';
const STAGING = 'src/files/staging.ts';
const WATCH = 'src/files/file-server-watch.ts';

const BLOB_ID_TESTS = 'test/files/blob-id.test.ts';
const BLOCKS_TESTS = 'test/files/block-checksums.test.ts';
const CLASSES_TESTS = 'test/files/classes.test.ts';
const CLUSTER_FILES_TESTS = 'test/files/cluster-files.test.ts';
const COMMITS_TESTS = 'test/files/commits.test.ts';
const DOWNLOAD_TESTS = 'test/files/download.test.ts';
const FAN_OUT_TESTS = 'test/files/fan-out.test.ts';
const FILE_KEY_TESTS = 'test/files/file-key.test.ts';
const FILE_PUT_TESTS = 'test/files/file-put.test.ts';
const MANIFEST_TESTS = 'test/files/manifest.test.ts';
const PLACEMENT_TESTS = 'test/files/placement.test.ts';
const READ_ORDER_TESTS = 'test/files/read-order.test.ts';
const STAGING_TESTS = 'test/files/staging.test.ts';
const WATCH_TESTS = 'test/files/file-server-watch.test.ts';

export const FILES_MUTANTS: readonly Mutant[] = [
  {
    name: 'the-newer-map-of-a-file-server-is-passed-over',
    rule: 'F1',
    edits: [
      {
        file: WATCH,
        find: 'if (this.#isNewer(room.mapVersion)) this.#refresh.fetchFromAnyone();',
        replace: '',
      },
    ],
    fate: tests(WATCH_TESTS, 'has a newer map'),
  },
  {
    name: 'the-older-map-of-a-file-server-is-fetched',
    rule: 'F1',
    edits: [
      {
        file: WATCH,
        find: 'compareMapVersions(version, known) > 0',
        replace: 'compareMapVersions(version, known) !== 0',
      },
    ],
    fate: tests(WATCH_TESTS, 'has a newer map'),
  },
  {
    name: 'an-id-in-upper-case',
    rule: 'FILES.md, 2',
    edits: [{ file: BLOB_ID, find: '/^[0-9a-f]+$/', replace: '/^[0-9a-fA-F]+$/' }],
    fate: tests(BLOB_ID_TESTS, 'upper case'),
  },
  {
    name: 'links-of-one-moment-share-an-id',
    rule: 'F2',
    edits: [
      {
        file: BLOB_ID,
        find: 'token.slice(0, MILLISECONDS_DIGITS)',
        replace: "token.slice(0, 0).padStart(MILLISECONDS_DIGITS, '0')",
      },
    ],
    fate: tests(BLOB_ID_TESTS, 'no two links have the same'),
  },
  {
    name: 'a-checksum-begins-anew-with-each-piece',
    rule: 'F6',
    edits: [{ file: BLOCKS, find: 'crc32(part, this.#partial)', replace: 'crc32(part)' }],
    fate: tests(BLOCKS_TESTS, 'do not depend on the pieces'),
  },
  {
    name: 'the-last-block-has-no-checksum',
    rule: 'F6',
    edits: [{ file: BLOCKS, find: 'if (this.#partialBytes > 0) this.#endBlock();', replace: '' }],
    fate: tests(BLOCKS_TESTS, 'do not depend on the pieces'),
  },
  {
    name: 'a-manifest-that-was-cut-is-a-file',
    rule: 'F3',
    edits: [
      {
        file: MANIFEST,
        find: 'if (content.length !== fields.size) throw',
        replace: 'if (content.length > fields.size) throw',
      },
    ],
    fate: tests(MANIFEST_TESTS, 'an end of it is missing'),
  },
  {
    name: 'stored-under-a-type-that-nobody-can-read',
    rule: 'FILES.md, 1',
    edits: [
      {
        file: FILE_PUT,
        find: 'if (fault !== undefined) return',
        replace: "if (fault === '') return",
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'no manifest could keep'),
  },
  {
    name: 'a-name-with-a-nul-is-in-another-directory',
    rule: 'FILES.md, Keys',
    edits: [
      {
        file: FILE_KEY,
        find: "if (domain.includes('\\0') || directory",
        replace: 'if (directory',
      },
    ],
    fate: tests(FILE_KEY_TESTS, 'a part has a NUL'),
  },
  {
    name: 'an-unknown-number-of-copies-is-guessed',
    rule: 'F1',
    edits: [
      {
        file: CLASSES,
        find: "return callback({ kind: 'failed', detail: outcome.detail });",
        replace: "return callback({ kind: 'known', copies: DEFAULT_COPIES });",
      },
    ],
    fate: tests(CLASSES_TESTS, 'nobody guesses one'),
  },
  {
    name: 'each-look-at-a-class-asks',
    rule: 'FILES.md, Classes',
    edits: [{ file: CLASSES, find: "this.#noted(name, { kind: 'known', copies });", replace: '' }],
    fate: tests(CLASSES_TESTS, 'is asked once'),
  },
  {
    name: 'a-class-without-a-record-is-never-remembered',
    rule: 'FILES.md, Classes',
    edits: [
      {
        file: CLASSES,
        find: '(known) => callback(this.#noted(name, known))',
        replace: '(known) => callback(known)',
      },
    ],
    fate: tests(CLASSES_TESTS, 'is remembered as well'),
  },
  {
    name: 'both-copies-on-one-host',
    rule: 'F1',
    edits: [{ file: PLACEMENT, find: 'hosts.has(server.entry.host)', replace: "hosts.has('')" }],
    fate: tests(PLACEMENT_TESTS, 'is on distinct hosts'),
  },
  {
    name: 'weights-count-for-nothing',
    rule: 'FILES.md, 1',
    edits: [
      { file: PLACEMENT, find: '-weight / Math.log(u)', replace: '(weight * 0 - 1) / Math.log(u)' },
    ],
    fate: tests(PLACEMENT_TESTS, 'in proportion to the weights'),
  },
  {
    name: 'a-link-lies-elsewhere',
    rule: 'FILES.md, 1',
    edits: [
      {
        file: PLACEMENT,
        find: 'const random = randomPartOf(blob);',
        replace: 'const random: string = blob;',
      },
    ],
    fate: tests(PLACEMENT_TESTS, 'does not depend on the time'),
  },
  {
    name: 'a-draining-server-gets-copies',
    rule: 'FILES.md, Drain',
    edits: [
      { file: PLACEMENT, find: "entry.state === 'in'", replace: 'entry.state !== undefined' },
    ],
    fate: tests(PLACEMENT_TESTS, 'on servers that are in'),
  },
  {
    name: 'places-in-the-order-of-the-map',
    rule: 'FILES.md, 1',
    edits: [
      {
        file: PLACEMENT,
        find: 'b.score - a.score || (a.id < b.id ? -1 : 1)',
        replace: 'Math.sign(b.score - a.score) * 0',
      },
    ],
    fate: tests(PLACEMENT_TESTS, 'in whatever order'),
  },
  {
    name: 'the-busier-of-two-is-read',
    rule: 'FILES.md, GET (4)',
    edits: [
      {
        file: READ_ORDER,
        find: 'watch.busyOf(other.id) < watch.busyOf(one.id)',
        replace: 'watch.busyOf(other.id) > watch.busyOf(one.id)',
      },
    ],
    fate: tests(READ_ORDER_TESTS, 'the less busy of two'),
  },
  {
    name: 'a-draining-server-is-not-read',
    rule: 'FILES.md, Drain',
    edits: [{ file: READ_ORDER, find: "state === 'draining'", replace: 'state === undefined' }],
    fate: tests(READ_ORDER_TESTS, 'those that drain'),
  },
  {
    name: 'a-body-that-broke-off-ends',
    rule: 'F3',
    edits: [
      {
        file: FAN_OUT,
        find: 'return this.#break(part, part.why);',
        replace: 'return this.#end();',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'broke off in the midst'),
  },
  {
    name: 'the-last-piece-goes-before-the-judgement',
    rule: 'F3',
    edits: [
      {
        file: FAN_OUT,
        find: 'this.#handOver();\n    this.#held = piece;',
        replace: 'this.#held = piece;\n    this.#handOver();',
      },
    ],
    fate: tests(FAN_OUT_TESTS, 'held back'),
  },
  {
    name: 'a-body-that-is-not-right-ends',
    rule: 'F3',
    edits: [
      {
        file: FAN_OUT,
        find: 'if (!this.#events.ending()) return',
        replace: 'if (!this.#events.ending() && this.#branches.size === 0) return',
      },
    ],
    fate: tests(FAN_OUT_TESTS, 'that is not right never reaches'),
  },
  {
    name: 'a-stalled-target-holds-up-the-others',
    rule: 'FILES.md, PUT (4)',
    edits: [
      {
        file: FAN_OUT,
        find: 'return this.#looks > LOOKS_MAX;',
        replace: 'return this.#looks < 0;',
      },
    ],
    fate: tests(FAN_OUT_TESTS, 'is dropped, and the others go on'),
  },
  {
    name: 'a-slow-target-is-dropped-early',
    rule: 'FILES.md, PUT (4)',
    edits: [
      {
        file: FAN_OUT,
        find: 'this.#looks = 0;\n    this.#callback = callback;',
        replace: 'this.#callback = callback;',
      },
    ],
    fate: tests(FAN_OUT_TESTS, 'before its time is over'),
  },
  {
    name: 'a-dropped-reader-finds-an-end',
    rule: 'F3',
    edits: [
      {
        file: FAN_OUT,
        find: 'this.#last = BROKEN;\n    this.discard();',
        replace: 'this.discard();',
      },
    ],
    fate: tests(FAN_OUT_TESTS, 'of the end alone'),
  },
  {
    name: 'any-number-of-pieces-waits',
    rule: 'FILES.md, PUT (4)',
    edits: [{ file: FAN_OUT, find: ' && queuedPieces < PIECES_MAX', replace: '' }],
    fate: tests(FAN_OUT_TESTS, 'a bounded number of pieces'),
  },
  {
    name: 'any-number-of-bytes-waits',
    rule: 'FILES.md, PUT (4)',
    edits: [{ file: FAN_OUT, find: 'queuedBytes < windowBytes', replace: 'queuedBytes >= 0' }],
    fate: tests(FAN_OUT_TESTS, 'what waits is bounded'),
  },
  {
    name: 'a-quick-reader-overtakes-the-others',
    rule: 'F3',
    edits: [
      {
        file: FAN_OUT,
        find: '        if (this.#last === undefined) this.#take(part);',
        replace:
          '        this.#isAsking = false;\n        if (this.#last === undefined) this.#take(part);',
      },
      {
        file: FAN_OUT,
        find: '        this.#isAsking = false;\n        this.#pull();',
        replace: '        this.#pull();',
      },
    ],
    fate: tests(FAN_OUT_TESTS, 'is one for all'),
  },
  {
    name: 'a-broken-body-is-blamed-on-its-targets',
    rule: 'FILES.md, PUT (5)',
    edits: [
      {
        file: FAN_OUT,
        find: 'this.#events.broken(why);\n    this.#finish(last);',
        replace: 'this.#finish(last);\n    this.#events.broken(why);',
      },
    ],
    fate: tests(STAGING_TESTS, 'because it broke off'),
  },
  {
    name: 'a-wrong-body-leaves-its-connections',
    rule: 'FILES.md, PUT (5)',
    edits: [
      {
        file: STAGING,
        find: 'for (const cancel of this.#underWay.values()) cancel();',
        replace: '',
      },
    ],
    fate: tests(STAGING_TESTS, 'leaves no connection behind'),
  },
  {
    name: 'a-stalled-target-is-waited-for',
    rule: 'FILES.md, PUT (4)',
    edits: [
      {
        file: STAGING,
        find: 'dropped: (index) => this.#dropped(targets[index]),',
        replace: 'dropped: () => undefined,',
      },
    ],
    fate: tests(STAGING_TESTS, 'where all take nothing any more'),
  },
  {
    name: 'a-target-that-is-down-is-waited-for',
    rule: 'FILES.md, PUT (4)',
    edits: [{ file: STAGING, find: 'isOver || !this.#watch.isUp(target.id)', replace: 'isOver' }],
    fate: tests(STAGING_TESTS, 'nobody waits for its answer'),
  },
  {
    name: 'a-slow-disk-is-waited-for-for-ever',
    rule: 'FILES.md, PUT (5)',
    edits: [
      {
        file: STAGING,
        find: 'const isOver = looks <= 1;',
        replace: 'const isOver = looks < -1000;',
      },
    ],
    fate: tests(STAGING_TESTS, 'but not for ever'),
  },
  {
    name: 'longer-than-it-may-be',
    rule: 'FILES.md, PUT (1)',
    edits: [{ file: STAGING, find: "return 'too-large';", replace: 'return undefined;' }],
    fate: tests(STAGING_TESTS, 'is found while it comes'),
  },
  {
    name: 'staged-whatever-is-answered',
    rule: 'F1',
    edits: [{ file: STAGING, find: 'status === STAGED', replace: 'status !== undefined' }],
    fate: tests(STAGING_TESTS, 'in the midst'),
  },
  {
    name: 'the-first-refusal-ends-an-upload',
    rule: 'FILES.md, PUT (4)',
    edits: [
      {
        file: STAGING,
        find: 'for (const target of targets) this.#underWay.set(target, () => undefined);',
        replace: '',
      },
    ],
    fate: tests(STAGING_TESTS, 'the other is not forgotten'),
  },
  {
    name: 'acknowledged-after-one-copy',
    rule: 'F1',
    edits: [
      {
        file: FILE_PUT,
        find: 'if (holders.length < copies) {',
        replace: 'if (holders.length < 1) {',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'never with fewer'),
  },
  {
    name: 'one-copy-is-enough',
    rule: 'F1',
    edits: [
      {
        file: FILE_PUT,
        find: 'const ACKNOWLEDGED_COPIES = 2;',
        replace: 'const ACKNOWLEDGED_COPIES = 1;',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'with as many copies as it needs'),
  },
  {
    name: 'whoever-waits-for-all-waits-for-two',
    rule: 'F1',
    edits: [
      { file: FILE_PUT, find: 'waitsForAll ? all :', replace: 'waitsForAll && all < 0 ? all :' },
    ],
    fate: tests(FILE_PUT_TESTS, 'with as many copies as it needs'),
  },
  {
    name: 'a-commit-that-was-refused-counts',
    rule: 'F1',
    edits: [
      {
        file: COMMITS,
        find: 'if (isDone(outcome)) sources.push(server);',
        replace: 'sources.push(server);',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'when another one has fetched it'),
  },
  {
    name: 'a-fetch-that-failed-counts',
    rule: 'F1',
    edits: [
      { file: COMMITS, find: 'if (isDone) sources.push(next);', replace: 'sources.push(next);' },
    ],
    fate: tests(FILE_PUT_TESTS, 'when the next one has fetched it'),
  },
  {
    name: 'fetched-on-a-host-that-has-it',
    rule: 'F1',
    edits: [
      { file: COMMITS, find: 'distinctHostsFirst(candidates, holders())', replace: 'candidates' },
    ],
    fate: tests(FILE_PUT_TESTS, 'when a copy is fetched as well'),
  },
  {
    name: 'both-copies-on-the-host-that-is-up',
    rule: 'F1',
    edits: [
      {
        file: FILE_PUT,
        find: 'return distinctHostsFirst(placed.filter(({ id }) => watch.hasRoom(id, bytes)));',
        replace: 'return placed.filter(({ id }) => watch.hasRoom(id, bytes));',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'as far as there are hosts that are up'),
  },
  {
    name: 'sent-to-a-server-without-room',
    rule: 'FILES.md, PUT (3)',
    edits: [
      { file: FILE_PUT, find: 'watch.hasRoom(id, bytes)', replace: 'watch.isUp(id) || bytes < 0' },
    ],
    fate: tests(FILE_PUT_TESTS, 'are up, and have room'),
  },
  {
    name: 'fetched-by-whoever-was-up-at-the-beginning',
    rule: 'FILES.md, PUT (6)',
    edits: [
      {
        file: FILE_PUT,
        find: 'const others = usable.filter(',
        replace:
          'const others = [...placementOf(blob, router.map?.fileServers), ...usable.slice(0, 0)].filter(',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'when the body has come'),
  },
  {
    name: 'manifest-before-commit',
    rule: 'F1',
    edits: [
      {
        file: FILE_PUT,
        find: '    commit(runtime, times, request,',
        replace:
          '    setFileRecord(this.#parts, { ...this.#recordOf(sums), manifest }, () => undefined);\n    commit(runtime, times, request,',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'its record is set after that'),
  },
  {
    name: 'a-manifest-long-after-its-commit',
    rule: 'F2',
    edits: [
      {
        file: NAMING,
        find: 'beganMs > times.manifestMs',
        replace: 'beganMs > 2 * times.manifestMs',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'no later than ten minutes'),
  },
  {
    name: 'a-set-that-may-hold-loses-its-blob',
    rule: 'F2',
    edits: [
      {
        file: NAMING,
        find: "case 'unknown':\n        break;",
        replace: "case 'unknown':\n        drop();\n        break;",
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'keeps its blob: nothing is dropped'),
  },
  {
    name: 'a-set-that-is-refused-leaves-its-blob',
    rule: 'F4',
    edits: [
      {
        file: NAMING,
        find: "case 'not-stored':\n        drop();",
        replace: "case 'not-stored':",
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'leaves no blob: storage-full'),
  },
  {
    name: 'a-condition-that-does-not-hold-leaves-a-blob',
    rule: 'F4',
    edits: [
      {
        file: NAMING,
        find: "case 'unmet':\n      case 'not-stored':",
        replace: "case 'unmet':\n        break;\n      case 'not-stored':",
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'that does not hold leaves no blob'),
  },
  {
    name: 'a-fetch-that-may-be-made-leaves-a-blob',
    rule: 'F4',
    edits: [{ file: COMMITS, find: 'asked.push(next);', replace: '' }],
    fate: tests(FILE_PUT_TESTS, 'never with fewer'),
  },
  {
    name: 'a-target-that-failed-keeps-what-it-staged',
    rule: 'F4',
    edits: [{ file: FILE_PUT, find: 'dropStaged(runtime, times, blob, failed);', replace: '' }],
    fate: tests(FILE_PUT_TESTS, 'told to drop what they may have'),
  },
  {
    name: 'who-is-left-is-told-to-drop-also-what-is-committed',
    rule: 'F5',
    edits: [
      {
        file: COMMITS,
        find: '/stage`, servers);',
        replace: '`, servers);',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'told to drop what they may have'),
  },
  {
    name: 'ids-reused-on-overwrite',
    rule: 'F3',
    edits: [
      {
        file: NAMING,
        find: '  #manifest: BlobManifest | undefined;',
        replace:
          '  #manifest: BlobManifest | undefined;\n  get blob() { return this.#manifest?.blob; }',
      },
      {
        file: FILE_PUT,
        find: 'return this.#stage(this.#newBlob(), outcome.copies);',
        replace: 'return this.#stage(this.#former?.blob ?? this.#newBlob(), outcome.copies);',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'is another one than it gets'),
  },
  {
    name: 'a-content-again-whatever-is-left-of-it',
    rule: 'F1',
    edits: [{ file: AGAIN, find: 'if (!areEnough(holders, up, copies))', replace: 'if (false)' }],
    fate: tests(FILE_PUT_TESTS, 'gets a blob of its own'),
  },
  {
    name: 'a-content-again-with-both-copies-on-a-host',
    rule: 'F1',
    edits: [
      { file: AGAIN, find: 'hostsOf(holders) >= Math.min(copies, hostsOf(up))', replace: 'true' },
    ],
    fate: tests(FILE_PUT_TESTS, 'its copies are on one host'),
  },
  {
    name: 'a-content-again-whatever-became-of-its-record',
    rule: 'F2',
    edits: [{ file: AGAIN, find: '{ ifMatch: [etagOf(record)] };', replace: '{};' }],
    fate: tests(FILE_PUT_TESTS, 'keeps its blob, under its new name'),
  },
  {
    name: 'a-content-again-of-another-content',
    rule: 'F3',
    edits: [{ file: AGAIN, find: '|| named.sha512 !== fields.sha512', replace: '' }],
    fate: tests(FILE_PUT_TESTS, 'is not the content of the record'),
  },
  {
    name: 'a-content-again-without-its-condition',
    rule: 'H39',
    edits: [{ file: AGAIN, find: 'if (!isMetByAnyRecord(condition))', replace: 'if (false)' }],
    fate: tests(FILE_PUT_TESTS, 'under the condition that its gateway makes'),
  },
  {
    name: 'a-content-again-keeps-what-was-staged',
    rule: 'F4',
    edits: [
      {
        file: FILE_PUT,
        find: 'dropBlob(this.#parts.runtime, this.#parts.times, blob, at);',
        replace: '',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'keeps its blob, under its new name'),
  },
  {
    name: 'whatever-digest-is-expected',
    rule: 'FILES.md, PUT (5)',
    edits: [{ file: FILE_PUT, find: 'expected.md5 !== md5', replace: "md5 === ''" }],
    fate: tests(FILE_PUT_TESTS, 'with another md5'),
  },
  {
    name: 'whatever-length-is-announced',
    rule: 'FILES.md, PUT (5)',
    edits: [{ file: FILE_PUT, find: 'body.length !== size', replace: 'size < 0' }],
    fate: tests(FILE_PUT_TESTS, 'of another length than announced'),
  },
  {
    name: 'the-blob-before-is-looked-at-too-soon',
    rule: 'FILES.md, PUT (8)',
    edits: [
      {
        file: FILE_PUT,
        find: '    commit(runtime, times, request,',
        replace: '    this.#former?.lookAt();\n    commit(runtime, times, request,',
      },
    ],
    fate: tests(FILE_PUT_TESTS, 'and not before'),
  },
  {
    name: 'a-small-body-is-read-by-recursion',
    rule: 'FILES.md, PUT (2)',
    edits: [{ file: BEGINNING, find: 'if (isPulling) return;', replace: '' }],
    fate: tests(FILE_PUT_TESTS, 'in single bytes that are all at hand'),
  },
  {
    name: 'a-drop-waits-for-ever',
    rule: 'FILES.md, PUT (7)',
    edits: [
      {
        file: COMMITS,
        find: 'cancelDeadline = runtime.timers.after(times.commitMs, giveUp);',
        replace: 'cancelDeadline = giveUp;',
      },
    ],
    fate: tests(COMMITS_TESTS, 'does not keep a connection'),
  },
  {
    name: 'a-download-goes-on-at-another-byte',
    rule: 'F3',
    edits: [
      {
        file: DOWNLOAD,
        find: 'this.#next += piece.length;',
        replace: 'this.#next += Math.max(1, piece.length - (this.#at > 0 ? 1 : 0));',
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'at the very byte'),
  },
  {
    name: 'a-download-takes-any-range',
    rule: 'F3',
    edits: [
      {
        file: DOWNLOAD,
        find: "header('content-range') === `bytes",
        replace: "header('content-range') !== `bytes of",
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'takes no byte of'),
  },
  {
    name: 'a-download-takes-any-length',
    rule: 'F3',
    edits: [
      {
        file: DOWNLOAD,
        find: "if (Number(header('content-length')) !== last - first + 1) return false;",
        replace: '',
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'begins at the next copy'),
  },
  {
    name: 'a-download-that-broke-off-ends',
    rule: 'F3',
    edits: [
      {
        file: DOWNLOAD,
        find: "if (this.#isComplete) return this.#end({ kind: 'end' });",
        replace: "if (this.#isComplete || this.#isOver) return this.#end({ kind: 'end' });",
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'breaks visibly'),
  },
  {
    name: 'a-download-takes-too-much',
    rule: 'F3',
    edits: [
      {
        file: DOWNLOAD,
        find: 'if (this.#next + piece.length > this.#request.range.last + 1) return',
        replace: 'if (this.#next < 0) return',
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'never takes more'),
  },
  {
    name: 'a-download-begins-again-when-all-has-come',
    rule: 'FILES.md, GET (5)',
    edits: [{ file: DOWNLOAD, find: '          if (!isPresent()) return;\n', replace: '' }],
    fate: tests(DOWNLOAD_TESTS, 'has its end with its last byte'),
  },
  {
    name: 'uploads-go-where-many-are-under-way',
    rule: 'FILES.md, 4',
    edits: [
      { file: 'src/files/cluster-files.ts', find: 'isBusy ? second : first', replace: 'first' },
    ],
    fate: tests('test/files/cluster-files.test.ts', 'where the first is far busier'),
  },
  {
    name: 'uploads-go-to-the-least-busy-of-a-second-ago',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: 'src/files/cluster-files.ts',
        find: 'watch.busyOf(second.id) + BUSIER_BY',
        replace: 'watch.busyOf(second.id)',
      },
    ],
    fate: tests('test/files/cluster-files.test.ts', 'where the first is far busier'),
  },
  {
    name: 'a-copy-is-of-the-class-of-its-source',
    rule: 'FILES.md, COPY',
    edits: [
      {
        file: 'src/files/file-copy.ts',
        find: 'const manifest = { ...from.manifest, attributes, replicationClass };',
        replace: 'const manifest = { ...from.manifest, attributes };',
      },
    ],
    fate: tests('test/files/file-copy.test.ts', 'is of the class that is asked for'),
  },
  {
    name: 'all-patience-for-those-that-are-down',
    rule: 'FILES.md, GET (4)',
    edits: [
      { file: DOWNLOAD, find: 'isAnyUp ? READ_ROUNDS', replace: 'isAnyUp || true ? READ_ROUNDS' },
    ],
    fate: tests(DOWNLOAD_TESTS, 'once where all its servers are down'),
  },
  {
    name: 'no-patience-where-one-is-down',
    rule: 'FILES.md, GET (4)',
    edits: [
      { file: DOWNLOAD, find: 'servers.some(({ id }) =>', replace: 'servers.every(({ id }) =>' },
    ],
    fate: tests(DOWNLOAD_TESTS, 'once where all its servers are down'),
  },
  {
    name: 'busy-is-taken-for-slow',
    rule: 'FILES.md, GET (4)',
    edits: [
      {
        file: DOWNLOAD,
        find: 'isBusy && !isSilent && this',
        replace: 'isBusy && isSilent && this',
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'is asked for no more once all have said so'),
  },
  {
    name: 'slow-is-taken-for-busy',
    rule: 'FILES.md, GET (4)',
    edits: [{ file: DOWNLOAD, find: 'isBusy && !isSilent && this', replace: 'isBusy && this' }],
    fate: tests(DOWNLOAD_TESTS, 'is asked for again where another one is slow'),
  },
  {
    name: 'busy-servers-break-what-has-begun',
    rule: 'FILES.md, GET (5)',
    edits: [{ file: DOWNLOAD, find: ' && this.#begun !== undefined) return', replace: ') return' }],
    fate: tests(DOWNLOAD_TESTS, 'by whoever has a part of the file'),
  },
  {
    name: 'busy-is-told-as-unreachable',
    rule: 'FILES.md, GET (4)',
    edits: [
      {
        file: 'src/files/cluster-files.ts',
        find: 'download.isRefused ? BUSY : UNREADABLE',
        replace: 'UNREADABLE',
      },
    ],
    fate: tests('test/files/cluster-files.test.ts', 'not where all that have it are busy'),
  },
  {
    name: 'patience-never-grows',
    rule: 'FILES.md, GET (4)',
    edits: [{ file: DOWNLOAD, find: '4 ** round', replace: '1 ** round' }],
    fate: tests(DOWNLOAD_TESTS, 'four times as long'),
  },
  {
    name: 'a-silent-copy-is-waited-for',
    rule: 'FILES.md, GET (4)',
    edits: [
      {
        file: DOWNLOAD,
        find: 'if (this.#attempt === undefined || !isAwaited) return;',
        replace: 'if (this.#attempt === undefined || !isAwaited || this.#next > 0) return;',
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'is left in the midst'),
  },
  {
    name: 'a-slow-reader-is-a-slow-copy',
    rule: 'FILES.md, GET (4)',
    edits: [
      {
        file: DOWNLOAD,
        find: 'if (this.#attempt === undefined || !isAwaited) return;',
        replace: 'if (this.#attempt === undefined) return;',
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'is not left either'),
  },
  {
    name: 'a-slow-reader-has-all-in-memory',
    rule: 'FILES.md, GET (5)',
    edits: [
      {
        file: DOWNLOAD,
        find: 'else if (this.#queuedBytes >= QUEUED_BYTES_MAX) this.#attempt?.flow?.pause();',
        replace: '',
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'holds the connection back'),
  },
  {
    name: 'a-connection-that-is-held-back-stays-so',
    rule: 'FILES.md, GET (5)',
    edits: [
      {
        file: DOWNLOAD,
        find: 'if (this.#queue.length === 0) this.#attempt?.flow?.resume();',
        replace: '',
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'lets it go on'),
  },
  {
    name: 'a-download-that-nobody-wants-goes-on',
    rule: 'FILES.md, GET (5)',
    edits: [
      {
        file: DOWNLOAD,
        find: 'this.#queue.length = 0;\n    this.#leave();',
        replace: 'this.#queue.length = 0;',
      },
    ],
    fate: tests(DOWNLOAD_TESTS, 'leaves nothing behind, whenever'),
  },
  {
    name: 'whoever-has-the-address-is-the-server',
    rule: 'FILES.md, 2',
    edits: [{ file: WATCH, find: 'if (id !== watched.id) return;', replace: '' }],
    fate: tests(WATCH_TESTS, 'with another id'),
  },
  {
    name: 'a-read-only-server-has-room',
    rule: 'FILES.md, PUT (3)',
    edits: [{ file: WATCH, find: 'readOnly ? 0 : freeBytes', replace: 'freeBytes' }],
    fate: tests(WATCH_TESTS, 'that it said last'),
  },
  {
    name: 'an-error-is-an-answer',
    rule: 'FILES.md, 2',
    edits: [{ file: WATCH, find: ' || outcome.status !== 200) return;', replace: ') return;' }],
    fate: tests(WATCH_TESTS, 'answers with an error'),
  },
  {
    name: 'a-question-under-way-is-silence',
    rule: 'FILES.md, 2',
    edits: [{ file: WATCH, find: 'Math.max(0, unanswered - 1)', replace: 'unanswered' }],
    fate: tests(WATCH_TESTS, 'silent for two seconds'),
  },
  {
    name: 'an-unanswered-get-is-absence',
    rule: 'F7',
    edits: [
      {
        file: CLUSTER_FILES,
        find: "outcome.kind === 'absent' ? ABSENT : outcome",
        replace: 'ABSENT',
      },
    ],
    fate: tests(CLUSTER_FILES_TESTS, 'absent where that is proven'),
  },
  {
    name: 'a-cache-stores-files',
    rule: 'H40',
    edits: [
      {
        file: CLUSTER_FILES,
        find: "whenFullOf(map) === 'evict'",
        replace: "whenFullOf(map) === 'evict' && map.digits > 9",
      },
    ],
    fate: tests(CLUSTER_FILES_TESTS, 'has no files'),
  },
  {
    name: 'a-delete-tells-before-it-holds',
    rule: 'F2',
    edits: [
      {
        file: CLUSTER_FILES,
        find: "if (outcome.kind === 'deleted' && file !== undefined)",
        replace: 'if (file !== undefined)',
      },
    ],
    fate: tests(CLUSTER_FILES_TESTS, 'nobody is told'),
  },
  {
    name: 'a-delete-forgets-its-condition',
    rule: 'H39',
    edits: [
      {
        file: CLUSTER_FILES,
        find: 'return isAny(condition)\n',
        replace: 'return isAny({ ...condition, ifMatch: undefined })\n',
      },
    ],
    fate: tests(CLUSTER_FILES_TESTS, 'which a conditional write judges'),
  },
];
