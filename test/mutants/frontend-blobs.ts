// Mutants of the blob service.

import { type Mutant, tests } from './mutant.ts';

const DTFC = 'src/frontend/gateways/blobs/dtfc.ts';
const USAGE = 'src/frontend/gateways/blobs/dtfc-usage.ts';
const NAMES = 'src/frontend/gateways/blobs/blob-name.ts';
const MARKED = 'src/frontend/gateways/blobs/marked-blobs.ts';
const REPLIES = 'src/frontend/gateways/blobs/dtfc-replies.ts';
const BLOB_DELETE = 'src/frontend/gateways/blobs/blob-delete.ts';
const PEER_REQUEST = 'src/frontend/gateways/blobs/peer-request.ts';
const LIST = 'src/frontend/gateways/blobs/peer-list.ts';
const LOADS = 'src/frontend/gateways/blobs/peer-loads.ts';
const DELETES = 'src/frontend/gateways/blobs/peer-deletes.ts';
const PEER_TESTS = 'test/frontend/gateways/blobs/peers.test.ts';
const DTFC_TESTS = 'test/frontend/gateways/blobs/dtfc.test.ts';
const NAME_TESTS = 'test/frontend/gateways/blobs/blob-name.test.ts';

export const FRONTEND_BLOBS_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-delete-of-a-blob-believes-one-member',
    rule: 'H21',
    edits: [
      {
        file: BLOB_DELETE,
        find: 'if ((file === undefined || !isMet) && !isSettled) return settle();',
        replace: '',
      },
    ],
    fate: tests(DTFC_TESTS, 'a DELETE of what only one member has not any more'),
  },
  {
    name: 'a-mark-that-nobody-tells-of-is-none',
    rule: 'F7',
    edits: [
      {
        file: MARKED,
        find: "if (marked.kind === 'failed') return callback(marked);",
        replace: '',
      },
    ],
    fate: tests(DTFC_TESTS, 'that nobody can tell of'),
  },
  {
    name: 'a-peer-that-trickles-is-waited-for',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: 'src/cluster/peers/answer-stream.ts',
        find: 'this.#comeBytes >= bytesMin',
        replace: 'this.#comeBytes > 0',
      },
    ],
    fate: tests(PEER_TESTS, 'sends next to nothing'),
  },
  {
    name: 'a-form-at-the-root-is-told-nothing',
    rule: 'docs/api.md',
    edits: [
      {
        file: 'src/cluster/http/routes.ts',
        find: "pathOf(target) === '/' ? [...this.#patterns.values()] : []",
        replace: "pathOf(target) === '' ? [...this.#patterns.values()] : []",
      },
    ],
    fate: tests(DTFC_TESTS, 'is told how'),
  },
  {
    name: 'a-peer-that-never-ends-is-stored',
    rule: 'FILES.md, 4',
    edits: [
      { file: LOADS, find: 'body.length === undefined ? UNANNOUNCED_BYTES_MAX : ', replace: '' },
    ],
    fate: tests(PEER_TESTS, 'of what does not only so much'),
  },
  {
    name: 'a-load-that-nobody-waits-for-goes-on',
    rule: 'FILES.md, 4',
    edits: [{ file: LOADS, find: 'running.answer?.expect(UNATTENDED);', replace: '' }],
    fate: tests(PEER_TESTS, 'only where it is fast, at each peer'),
  },
  {
    name: 'the-next-peer-may-trickle-to-nobody',
    rule: 'FILES.md, 4',
    edits: [
      { file: LOADS, find: 'if (!running.isAttended) answer.expect(UNATTENDED);', replace: '' },
    ],
    fate: tests(PEER_TESTS, 'only where it is fast, at each peer'),
  },
  {
    name: 'a-mark-that-nobody-understands-is-404',
    rule: 'FILES.md, 4',
    edits: [{ file: MARKED, find: "?? '403'", replace: "?? '404'" }],
    fate: tests(DTFC_TESTS, 'what nobody understands'),
  },
  {
    name: 'a-head-of-a-blob-has-a-length',
    rule: 'FILES.md, 4',
    edits: [{ file: REPLIES, find: 'length: undefined,', replace: 'length: 0,' }],
    fate: tests(DTFC_TESTS, 'a HEAD says no length'),
  },
  {
    name: 'a-head-of-a-blob-keeps-its-connection',
    rule: 'FILES.md, 4',
    edits: [{ file: REPLIES, find: "connection: 'close'", replace: "connection: 'keep-alive'" }],
    fate: tests(DTFC_TESTS, 'a HEAD says no length'),
  },
  {
    name: 'a-slip-of-an-option-deletes',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: DTFC,
        find: 'named === undefined || ![undefined, ALL_PEERS].includes(named.option)',
        replace: 'named === undefined',
      },
    ],
    fate: tests(DTFC_TESTS, 'an option of a DELETE'),
  },
  {
    name: 'an-upper-case-hash-is-another',
    rule: 'FILES.md, 4',
    edits: [{ file: USAGE, find: 'hash.toLowerCase()', replace: 'hash' }],
    fate: tests('test/frontend/gateways/blobs/dtfc-usage.test.ts', 'in any case'),
  },
  {
    name: 'a-name-of-several-segments',
    rule: 'FILES.md, 4',
    edits: [{ file: USAGE, find: "path.includes('/')", replace: "path.includes('\\0')" }],
    fate: tests('test/frontend/gateways/blobs/dtfc-usage.test.ts', 'several segments'),
  },
  {
    name: 'a-name-with-its-accents',
    rule: 'FILES.md, 4',
    edits: [{ file: NAMES, find: ".normalize('NFD')", replace: '' }],
    fate: tests(NAME_TESTS, 'is kept as'),
  },
  {
    name: 'a-peer-is-believed',
    rule: 'F6',
    edits: [{ file: LOADS, find: 'expected: { sha512: hash },', replace: 'expected: {},' }],
    fate: tests(PEER_TESTS, 'asks one peer after the other'),
  },
  {
    name: 'peers-have-their-peers-asked',
    rule: 'FILES.md, 4',
    edits: [{ file: LOADS, find: '/nopeerload`', replace: '`' }],
    fate: tests(PEER_TESTS, 'asks one peer after the other'),
  },
  {
    name: 'a-content-is-loaded-twice-at-once',
    rule: 'FILES.md, 4',
    edits: [{ file: LOADS, find: 'this.#loading.has(hash) ||', replace: '' }],
    fate: tests(PEER_TESTS, 'of one content is one at a time'),
  },
  {
    name: 'a-load-never-ends',
    rule: 'FILES.md, 4',
    edits: [{ file: LOADS, find: 'this.#loading.delete(hash);', replace: '' }],
    fate: tests(PEER_TESTS, 'of one content is one at a time'),
  },
  {
    name: 'a-peer-that-failed-is-asked-first',
    rule: 'FILES.md, 4',
    edits: [{ file: LIST, find: 'lately(a) - lately(b)', replace: 'lately(b) - lately(a)' }],
    fate: tests(PEER_TESTS, 'has those last that failed lately'),
  },
  {
    name: 'a-late-delete-of-what-is-stored-again',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: DELETES,
        find: "if (found.kind === 'found') return this.#pending.delete(name);",
        replace: '',
      },
    ],
    fate: tests(PEER_TESTS, 'is taken back by whoever stores'),
  },
  {
    name: 'a-late-delete-of-what-nobody-can-tell-of',
    rule: 'F7',
    edits: [
      {
        file: DELETES,
        find: "if (found.kind === 'failed') return this.#later(name, pending);",
        replace: '',
      },
    ],
    fate: tests(PEER_TESTS, 'waits while nobody can say'),
  },
  {
    name: 'a-peer-that-was-away-is-forgotten',
    rule: 'FILES.md, 4',
    edits: [
      { file: PEER_REQUEST, find: 'status >= 500 || status === 429', replace: 'status >= 600' },
    ],
    fate: tests(PEER_TESTS, 'asks them at once, and those again'),
  },
  {
    name: 'a-late-delete-of-what-a-peer-got-since',
    rule: 'FILES.md, 4',
    edits: [
      { file: DELETES, find: 'this.#ask(peer, hash, since,', replace: 'this.#ask(peer, hash, {},' },
    ],
    fate: tests(PEER_TESTS, 'a peer keeps what it was given since'),
  },
  {
    name: 'a-delete-is-dated-late',
    rule: 'FILES.md, 4',
    edits: [{ file: DELETES, find: 'askedMs - DATE_MS', replace: 'askedMs' }],
    fate: tests(PEER_TESTS, 'a peer keeps what it was given since'),
  },
  {
    name: 'nobody-answers-so-there-is-none',
    rule: 'F7',
    edits: [{ file: LOADS, find: "isHeard ? 'nowhere' : 'unheard'", replace: "'nowhere'" }],
    fate: tests(PEER_TESTS, 'of what no peer answers for'),
  },
  {
    name: 'a-put-forgets-its-condition',
    rule: 'H39',
    edits: [
      { file: DTFC, find: 'conditionOnContent(condition, sha512)', replace: '(sha512 ? {} : {})' },
    ],
    fate: tests(DTFC_TESTS, 'of a PUT with'),
  },
  {
    name: 'a-condition-on-any-content',
    rule: 'RFC 9110, 13.1',
    edits: [
      { file: USAGE, find: "tags === 'any' || tags.includes(", replace: 'true || tags.includes(' },
    ],
    fate: tests(DTFC_TESTS, 'of a PUT with'),
  },
  {
    name: 'a-delete-forgets-what-it-judged',
    rule: 'H39',
    edits: [
      { file: BLOB_DELETE, find: '{ ifMatch: [etagOf(file.record)] }', replace: 'NO_CONDITION' },
    ],
    fate: tests(DTFC_TESTS, 'deletes what it was judged on'),
  },
  {
    name: 'a-delete-whenever-it-was-stored',
    rule: 'RFC 9110, 13.1.4',
    edits: [
      {
        file: BLOB_DELETE,
        find: 'if (!isUnmodified(tags, { sinceMs, modifiedMs })) return false;',
        replace: '',
      },
    ],
    fate: tests(DTFC_TESTS, 'of a DELETE with'),
  },
  {
    name: 'the-etag-of-a-content-is-of-its-record',
    rule: 'RFC 9110, 8.8.3',
    edits: [
      {
        file: REPLIES,
        find: 'etag: blobTag(manifest.sha512),',
        replace: 'etag: printVersion(recordVersion(record)),',
      },
    ],
    fate: tests(DTFC_TESTS, 'stays however often it is stored'),
  },
  {
    name: 'a-bucket-that-overflows',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: 'src/frontend/gateways/blobs/rate-limit.ts',
        find: 'Math.min(perSecond, filled)',
        replace: 'filled',
      },
    ],
    fate: tests('test/frontend/gateways/blobs/rate-limit.test.ts', 'each address has a bucket'),
  },
  {
    name: 'one-bucket-for-all',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: 'src/frontend/gateways/blobs/rate-limit.ts',
        find: 'this.#buckets.get(address)',
        replace: "this.#buckets.get('')",
      },
    ],
    fate: tests('test/frontend/gateways/blobs/rate-limit.test.ts', 'each address has a bucket'),
  },
];
