// Mutants of the gateways of files.

import { type Mutant, tests } from './mutant.ts';

const ANSWER = 'src/files/http/file-answer.ts';
const PRECONDITIONS = 'src/cluster/http/preconditions.ts';
const PARTS = 'src/files/http/byteranges.ts';
const USAGE = 'src/frontend/gateways/files/sfss-usage.ts';
const SFSS = 'src/frontend/gateways/files/sfss.ts';
const FRONTEND_STATUS = 'src/frontend/status.ts';
const ANSWER_TESTS = 'test/files/http/file-answer.test.ts';
const USAGE_TESTS = 'test/frontend/gateways/files/sfss-usage.test.ts';
const SFSS_TESTS = 'test/frontend/gateways/files/sfss.test.ts';
const FRONTEND_STATUS_TESTS = 'test/frontend/status.test.ts';

export const FRONTEND_FILES_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-date-goes-on-with-half-a-file',
    rule: 'F3',
    edits: [
      {
        file: ANSWER,
        find: 'ifRange.trim() === etag',
        replace: "ifRange.trim() === etag || ifRange.endsWith('GMT')",
      },
    ],
    fate: tests(ANSWER_TESTS, 'of another version are not sent'),
  },
  {
    name: 'a-range-of-any-version',
    rule: 'F3',
    edits: [
      {
        file: ANSWER,
        find: 'const holds = ifRange === undefined ||',
        replace: "const holds = ifRange === undefined || ifRange !== '' ||",
      },
    ],
    fate: tests(ANSWER_TESTS, 'of another version are not sent'),
  },
  {
    name: 'a-head-reads-its-file',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: ANSWER,
        find: "if (request.method === 'HEAD') {",
        replace: "if (request.method === 'head') {",
      },
    ],
    fate: tests(ANSWER_TESTS, 'is not opened for a HEAD'),
  },
  {
    name: 'a-date-goes-before-an-etag',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: ANSWER,
        find: "verdict !== 'send' || condition.ifNoneMatch !== undefined",
        replace: "verdict !== 'send'",
      },
    ],
    fate: tests(ANSWER_TESTS, 'another ETag and its date'),
  },
  {
    name: 'changed-within-its-second-is-changed',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: PRECONDITIONS,
        find: 'Math.floor(modifiedMs / 1000) * 1000',
        replace: 'modifiedMs',
      },
    ],
    fate: tests(ANSWER_TESTS, 'its date'),
  },
  {
    name: '416-without-the-length-of-the-file',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: ANSWER,
        find: "const whole = { 'content-range':",
        replace: "const whole = { 'x-range':",
      },
    ],
    fate: tests(ANSWER_TESTS, '416 with the length'),
  },
  {
    name: 'a-part-that-nobody-has-is-left-out',
    rule: 'F3',
    edits: [
      {
        file: PARTS,
        find: "if (body === undefined) return callback({ kind: 'broken', why: 'failed' });",
        replace: 'if (body === undefined) return this.read(callback);',
      },
    ],
    fate: tests(ANSWER_TESTS, 'never shorten it'),
  },
  {
    name: 'an-opened-range-is-kept-for-ever',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: PARTS,
        find: '    this.#opened.discard();\n',
        replace: '',
      },
    ],
    fate: tests(ANSWER_TESTS, 'let go of what was opened'),
  },
  {
    name: 'a-range-opened-too-late-is-kept-for-ever',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: PARTS,
        find: 'if (this.#isOver) return body?.discard();',
        replace: 'if (this.#isOver) return undefined;',
      },
    ],
    fate: tests(ANSWER_TESTS, 'let go of what was opened'),
  },
  {
    name: 'a-path-is-decoded-twice',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: "Buffer.from(given[1], 'latin1')",
        replace: "Buffer.from(unescape(given[1]), 'latin1')",
      },
    ],
    fate: tests(USAGE_TESTS, 'is "a%2Fb"'),
  },
  {
    name: 'the-last-path-counts',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: 'pairs.find(',
        replace: 'pairs.findLast(',
      },
    ],
    fate: tests(USAGE_TESTS, 'path=a&path=b'),
  },
  {
    name: 'an-empty-path-counts',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: " && value !== '')",
        replace: ')',
      },
    ],
    fate: tests(USAGE_TESTS, 'path=&path=b'),
  },
  {
    name: 'a-path-of-187-bytes',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: 'bytes.length > PATH_BYTES_MAX',
        replace: 'bytes.length > PATH_BYTES_MAX + 1',
      },
    ],
    fate: tests(USAGE_TESTS, 'has up to 186 bytes'),
  },
  {
    name: 'a-path-of-186-letters',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: 'bytes.length > PATH_BYTES_MAX',
        replace: 'text.length > PATH_BYTES_MAX',
      },
    ],
    fate: tests(USAGE_TESTS, 'has up to 186 bytes'),
  },
  {
    name: 'a-path-with-a-backslash',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: "if (text.includes('\\\\')) return 'the path has a backslash';\n",
        replace: '',
      },
    ],
    fate: tests(USAGE_TESTS, 'is refused in'),
  },
  {
    name: 'a-path-that-begins-with-a-slash',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: "if (text.startsWith('/')) return 'the path begins with a slash';\n",
        replace: '',
      },
    ],
    fate: tests(USAGE_TESTS, 'is refused in'),
  },
  {
    name: 'a-file-too-long-is-read-first',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: 'announced > bytesMax',
        replace: 'announced > 2 * bytesMax',
      },
    ],
    fate: tests(USAGE_TESTS, 'a length that is too much'),
  },
  {
    name: 'a-form-is-as-long-as-its-file',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: "form.kind === 'none' && announced > bytesMax",
        replace: 'announced > bytesMax',
      },
    ],
    fate: tests(USAGE_TESTS, 'a length that is too much'),
  },
  {
    name: 'a-part-of-a-file-is-stored-as-the-whole',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: USAGE,
        find: "request.header('content-range') !== undefined",
        replace: "request.header('content-range') === ''",
      },
    ],
    fate: tests(USAGE_TESTS, 'a part of a file'),
  },
  {
    name: 'a-form-is-stored-as-it-came',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: SFSS,
        find: 'if (boundary === undefined) return',
        replace: 'if (boundary === undefined || boundary.length > 0) return',
      },
    ],
    fate: tests(SFSS_TESTS, 'comes as it is or in a form'),
  },
  {
    name: '201-for-whatever-is-new',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: SFSS,
        find: 'return { status: STORED[verb], headers',
        replace: 'return { status: outcome.created ? 201 : 200, headers',
      },
    ],
    fate: tests(SFSS_TESTS, 'by POST is 201'),
  },
  {
    name: '503-where-the-document-has-504',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: SFSS,
        find: 'if (ERRORS[code].status !== 503) return',
        replace: 'if (ERRORS[code].status !== 504) return',
      },
    ],
    fate: tests(SFSS_TESTS, 'is 504 that says so'),
  },
  {
    name: 'a-full-cluster-is-504',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: SFSS,
        find: 'if (ERRORS[code].status !== 503) return',
        replace: 'if (ERRORS[code].status < 500) return',
      },
    ],
    fate: tests(SFSS_TESTS, 'storage-full'),
  },
  {
    name: 'a-form-has-no-room-for-its-heads',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: SFSS,
        find: 'sfssBytesMax + FORM_BYTES_BESIDES',
        replace: 'sfssBytesMax',
      },
    ],
    fate: tests(SFSS_TESTS, 'as much longer as a form is'),
  },
  {
    name: 'a-type-that-is-no-header',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: SFSS,
        find: 'type !== undefined && isContentType(type) ? type : undefined',
        replace: 'type',
      },
    ],
    fate: tests(SFSS_TESTS, 'as what it is'),
  },
  {
    name: 'files-are-stored-whatever-is-there',
    rule: 'H39',
    edits: [
      {
        file: SFSS,
        find: '        condition,\n        expected',
        replace: '        condition: {},\n        expected',
      },
    ],
    fate: tests(SFSS_TESTS, 'under a condition'),
  },
  {
    name: 'a-silent-node-is-not-in-the-status',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FRONTEND_STATUS,
        find: "'figures' in node ? node.figures : NOTHING] as const",
        replace: "'figures' in node ? node.figures : { error: node.silent }] as const",
      },
    ],
    fate: tests(FRONTEND_STATUS_TESTS, 'has {} in the full form'),
  },
  {
    name: 'a-status-of-nobody',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FRONTEND_STATUS,
        find: 'if (nodes.every(([, known]) => known === NOTHING)) {',
        replace: 'if (nodes.length > 99) {',
      },
    ],
    fate: tests(FRONTEND_STATUS_TESTS, '504 where none of them answers'),
  },
];
