// Mutants of the handlers of files for applications.

import { type Mutant, tests } from './mutant.ts';

const REQUEST = 'src/middleware/broker-request.ts';
const BODY = 'src/middleware/request-body.ts';
const REQUEST_TESTS = 'test/middleware/broker-request.test.ts';
const FILES = 'src/middleware/velour-files.ts';
const FILES_TESTS = 'test/middleware/velour-files.test.ts';
const PASSAGE = 'src/middleware/passage.ts';
const PASSAGE_TESTS = 'test/middleware/passage.test.ts';
const BODY_TESTS = 'test/middleware/request-body.test.ts';
const RULE = 'docs/middleware.md';

export const MIDDLEWARE_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-body-that-was-decoded-is-stored',
    rule: 'F3',
    edits: [{ file: BODY, find: ' || source.readableEncoding !== null', replace: '' }],
    fate: tests(BODY_TESTS, 'decoded as text'),
  },
  {
    name: 'a-whole-url-is-a-path',
    rule: RULE,
    edits: [
      { file: REQUEST, find: ".replace(/^[a-z][a-z0-9+.-]*:\\/\\/[^/?#]*/i, '')", replace: '' },
    ],
    fate: tests(REQUEST_TESTS, 'of the domain, and in the folder'),
  },
  {
    name: 'who-waits-for-a-connection-blames-the-broker',
    rule: RULE,
    edits: [
      {
        file: PASSAGE,
        find: 'isBegun || !broker.isFull',
        replace: "isBegun || stage === 'unsent'",
      },
    ],
    fate: tests(PASSAGE_TESTS, 'all connections'),
  },
  {
    name: 'what-a-broker-says-of-itself-is-served',
    rule: RULE,
    edits: [{ file: REQUEST, find: 'return isOwn ? undefined : path;', replace: 'return path;' }],
    fate: tests(REQUEST_TESTS, 'says of itself'),
  },
  {
    name: 'a-path-leads-out-of-the-folder',
    rule: RULE,
    edits: [{ file: REQUEST, find: "name === '..' ||", replace: '' }],
    fate: tests(REQUEST_TESTS, 'is none'),
  },
  {
    name: 'cookies-reach-a-broker',
    rule: RULE,
    edits: [
      {
        file: REQUEST,
        find: 'const READ_HEADERS = [\n',
        replace: "const READ_HEADERS = [\n  'cookie',\n",
      },
    ],
    fate: tests(REQUEST_TESTS, 'nothing of the application'),
  },
  {
    name: 'an-upload-that-breaks-off-is-whole',
    rule: 'F3',
    edits: [
      {
        file: BODY,
        find: "isComplete() ? { kind: 'end' } : { kind: 'broken', why: 'gone' }",
        replace: "{ kind: 'end' }",
      },
    ],
    fate: tests(BODY_TESTS, 'breaks off'),
  },
  {
    name: 'a-part-is-taken-for-the-whole-file',
    rule: RULE,
    edits: [
      { file: REQUEST, find: "  'content-range',\n  'content-md5',", replace: "  'content-md5'," },
    ],
    fate: tests(REQUEST_TESTS, 'of a write, to judge it by'),
  },
  {
    name: 'an-upload-loses-its-if-unmodified-since',
    rule: RULE,
    edits: [
      {
        file: REQUEST,
        find: "  'if-unmodified-since',\n  'x-oc-mtime',",
        replace: "  'x-oc-mtime',",
      },
    ],
    fate: tests(REQUEST_TESTS, 'of a write, to judge it by'),
  },
  {
    name: 'an-application-loses-how-long-a-file-is-cached',
    rule: RULE,
    edits: [
      {
        file: REQUEST,
        find: "['content-type', 'cache-control', 'content-disposition']",
        replace: "['content-type', 'content-disposition']",
      },
    ],
    fate: tests(REQUEST_TESTS, 'to keep it'),
  },
  {
    name: 'an-application-loses-the-name-by-which-a-file-is-saved',
    rule: RULE,
    edits: [{ file: REQUEST, find: "  'content-disposition',\n  // What", replace: '  // What' }],
    fate: tests(REQUEST_TESTS, 'a client gets what is of the file'),
  },
  {
    name: 'a-delete-by-an-application-takes-a-folder',
    rule: RULE,
    edits: [{ file: FILES, find: ", depth: '0' };", replace: ' };' }],
    fate: tests(FILES_TESTS, 'of a file alone'),
  },
  {
    name: 'a-body-that-was-read-before-is-stored-empty',
    rule: 'F3',
    edits: [{ file: BODY, find: 'source.readableDidRead || ', replace: '' }],
    fate: tests(FILES_TESTS, 'was read before'),
  },
  {
    name: 'an-unknown-upload-is-told-to-be-repeated',
    rule: RULE,
    edits: [{ file: FILES, find: 'isUnknown ? 504 :', replace: '' }],
    fate: tests(FILES_TESTS, 'is a 504'),
  },
  {
    name: 'an-application-waits-for-a-frozen-broker',
    rule: RULE,
    edits: [{ file: PASSAGE, find: 'if (!this.#isRead) turn.begins();', replace: '' }],
    fate: tests(PASSAGE_TESTS, 'after a DELETE'),
  },
  {
    name: 'a-slow-client-is-taken-for-a-frozen-broker',
    rule: RULE,
    edits: [{ file: BODY, find: 'if (!isWhole) turn.ends();', replace: '' }],
    fate: tests(PASSAGE_TESTS, 'what all wait for'),
  },
  {
    name: 'a-misspelt-folder-is-the-whole-domain',
    rule: RULE,
    edits: [
      {
        file: 'src/middleware/velour-files-options.ts',
        find: 'if (!isOption(name)) {',
        replace: 'if (!isOption(name)) continue;\n    if (name === undefined) {',
      },
    ],
    fate: tests(FILES_TESTS, 'refused with what is wrong'),
  },
  {
    name: 'a-broker-with-a-path-is-taken',
    rule: RULE,
    edits: [
      {
        file: 'src/middleware/velour-files-options.ts',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of the product
        find: 'href === `${origin}/`',
        replace: 'href.startsWith(origin)',
      },
    ],
    fate: tests(FILES_TESTS, 'refused with what is wrong'),
  },
  {
    name: 'what-a-broker-refuses-is-lost',
    rule: RULE,
    edits: [{ file: FILES, find: '  process.emitWarning(message, name);\n', replace: '' }],
    fate: tests(FILES_TESTS, 'a warning of the process'),
  },
  {
    name: 'an-answer-of-the-application-is-torn',
    rule: RULE,
    edits: [
      {
        file: FILES,
        find: 'if (reply.headersSent) {',
        replace: 'if (reply.destroyed) {',
      },
    ],
    fate: tests(FILES_TESTS, 'is left alone'),
  },
  {
    name: 'a-failure-after-the-answer-of-the-application-goes-to-next',
    rule: RULE,
    edits: [
      {
        file: FILES,
        find: 'if (reply.headersSent) return;\n  if (next !== undefined) return next(error);',
        replace: 'if (next !== undefined) return next(error);',
      },
    ],
    fate: tests(FILES_TESTS, 'is left alone'),
  },
  {
    name: 'a-frontend-is-taken-for-a-broker',
    rule: RULE,
    edits: [{ file: REQUEST, find: "!== 'broker'", replace: "=== 'frontend'" }],
    fate: tests(FILES_TESTS, 'a process that is none'),
  },
  {
    name: 'an-upload-goes-to-what-is-no-broker',
    rule: RULE,
    edits: [
      {
        file: PASSAGE,
        find: "if (isNoBroker(answer)) return 'not-a-frontend';",
        replace: '',
      },
    ],
    fate: tests(PASSAGE_TESTS, 'is sent no PUT'),
  },
  {
    name: 'what-answers-a-read-is-taken-for-a-broker',
    rule: RULE,
    edits: [
      {
        file: PASSAGE,
        find: 'if (isNoBroker(outcome)) broker.failed();\n        else broker.answered();',
        replace: 'broker.answered();',
      },
    ],
    fate: tests(PASSAGE_TESTS, 'after each read, too'),
  },
  {
    name: 'a-broker-does-not-say-that-it-is-one',
    rule: RULE,
    edits: [
      {
        file: 'src/frontend/gateways/broker/broker-interface.ts',
        find: "[ROLE_HEADER]: 'broker'",
        replace: '',
      },
    ],
    fate: tests('test/frontend/gateways/broker/broker.test.ts', 'says that it is a broker'),
  },
  {
    name: 'each-failure-is-a-warning',
    rule: RULE,
    edits: [
      {
        file: 'src/middleware/failure-warnings.ts',
        find: 'if (nowMs < nextMs) {',
        replace: 'if (nowMs < 0) {',
      },
    ],
    fate: tests('test/middleware/failure-warnings.test.ts', 'then one a minute'),
  },
  {
    name: 'the-page-behind-a-form-is-lost',
    rule: RULE,
    edits: [
      {
        file: FILES,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of the product
        find: "isForm ? `${path}${afterwardsIn(from.url ?? '')}` : path",
        replace: 'path',
      },
    ],
    fate: tests(FILES_TESTS, 'the page to which a form goes on'),
  },
];
