// Mutants of how files come in and go out over HTTP: forms, ranges, content types.

import { type Mutant, tests } from './mutant.ts';

const FORM = 'src/files/form-file.ts';
const HEADERS = 'src/files/form-headers.ts';
const RANGES = 'src/files/ranges.ts';
const TYPES = 'src/files/content-type.ts';
const FORM_TESTS = 'test/files/form-file.test.ts';
const HEADERS_TESTS = 'test/files/form-headers.test.ts';
const RANGES_TESTS = 'test/files/ranges.test.ts';
const TYPES_TESTS = 'test/files/content-type.test.ts';

export const FILES_FORMS_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-form-that-ends-early-is-whole',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FORM,
        find: "this.#last?.kind !== 'end' || this.#place === 'epilogue'",
        replace: "this.#last?.kind !== 'end' || this.#hasFile",
      },
    ],
    fate: tests(FORM_TESTS, 'never a shorter one'),
  },
  {
    name: 'a-boundary-in-two-pieces-is-content',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FORM,
        find: '? at : rest.length;',
        replace: '? rest.length : rest.length;',
      },
    ],
    fate: tests(FORM_TESTS, 'carry any content'),
  },
  {
    name: 'what-is-nearly-a-boundary-is-lost',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FORM,
        find: 'const end = at > 0 ? at : this.#partialDelimiterAt();',
        replace: 'const end = at > 0 ? at : rest.length - this.#delimiter.length;',
      },
    ],
    fate: tests(FORM_TESTS, 'pieces of any size'),
  },
  {
    name: 'any-part-of-a-form-is-its-file',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FORM,
        find: '(name !== undefined && fileName !== undefined)',
        replace: 'name !== undefined',
      },
    ],
    fate: tests(FORM_TESTS, 'behind fields'),
  },
  {
    name: 'a-file-in-base64-is-stored-as-it-came',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FORM,
        find: 'if (part.isEncoded) {',
        replace: 'if (part.isEncoded && this.#hasFile) {',
      },
    ],
    fate: tests(FORM_TESTS, 'base64'),
  },
  {
    name: 'a-form-is-read-before-its-file-is-wanted',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FORM,
        find: '        this.#callback = undefined;\n        callback(event);',
        replace:
          '        this.#callback = undefined;\n        callback(event);\n        if (this.#last === undefined) this.#read();',
      },
    ],
    fate: tests(FORM_TESTS, 'no piece is asked for'),
  },
  {
    name: 'heads-of-parts-of-any-length',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FORM,
        find: 'end > PART_HEAD_BYTES_MAX || (end < 0 && this.#rest.length > PART_HEAD_BYTES_MAX)',
        replace: 'end > 2 ** 20',
      },
    ],
    fate: tests(FORM_TESTS, 'head'),
  },
  {
    name: 'anything-may-follow-a-boundary',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: FORM,
        find: "      return { kind: 'wrong', detail: 'the form has a boundary with something behind it' };",
        replace: '      return undefined;',
      },
    ],
    fate: tests(FORM_TESTS, 'boundary'),
  },
  {
    name: 'the-last-name-of-a-part-counts',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: HEADERS,
        find: 'if (!parameters.has(key)) parameters',
        replace: 'parameters',
      },
    ],
    fate: tests(HEADERS_TESTS, 'name=b'),
  },
  {
    name: 'a-boundary-of-any-letters',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: HEADERS,
        find: 'boundary !== undefined && BOUNDARY.test(boundary)',
        replace: 'boundary !== undefined',
      },
    ],
    fate: tests(HEADERS_TESTS, 'is wrong in'),
  },
  {
    name: 'a-range-beyond-its-file',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: RANGES,
        find: 'Math.min(Number(to), size - 1)',
        replace: 'Number(to)',
      },
    ],
    fate: tests(RANGES_TESTS, 'within the file'),
  },
  {
    name: 'an-end-longer-than-its-file',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: RANGES,
        find: 'Math.max(0, size - Number(ofEnd))',
        replace: 'size - Number(ofEnd)',
      },
    ],
    fate: tests(RANGES_TESTS, 'bytes=-101'),
  },
  {
    name: 'as-many-ranges-as-one-likes',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: RANGES,
        find: 'ranges.length > RANGES_MAX',
        replace: 'ranges.length > 10 * RANGES_MAX',
      },
    ],
    fate: tests(RANGES_TESTS, 'of more the whole is sent'),
  },
  {
    name: 'ranges-longer-than-their-file',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: RANGES,
        find: 'return bytes > size ? WHOLE :',
        replace: 'return bytes > 16 * size ? WHOLE :',
      },
    ],
    fate: tests(RANGES_TESTS, 'no longer than it'),
  },
  {
    name: 'a-packed-file-is-of-the-type-of-its-packing',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: TYPES,
        find: 'if (ENCODINGS.has(ending)) [, ending] = splitEnding(base);',
        replace: '',
      },
    ],
    fate: tests(TYPES_TESTS, 'x.tar.gz'),
  },
  {
    name: 'content-types-by-small-letters-alone',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: TYPES,
        find: 'return MIME_TYPES.get(ending.toLowerCase());',
        replace: 'return MIME_TYPES.get(ending);',
      },
    ],
    fate: tests(TYPES_TESTS, 'photo.JPG'),
  },
];
