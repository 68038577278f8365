// Mutants of the command line.

import { type Mutant, tests } from './mutant.ts';

const COPIES = 'src/commands/doctor/copies.ts';
const EXPORT = 'src/commands/keys/export.ts';
const FIGURES = 'src/commands/cluster/figures.ts';
const KEY_TEXT = 'src/commands/keys/key-text.ts';
const LINE_CUTTER = 'src/commands/keys/line-cutter.ts';
const LISTING = 'src/commands/keys/listing.ts';
const LOCAL_GROUP = 'src/commands/local-group.ts';
const NODE_TEXTS = 'src/commands/cluster/node-texts.ts';
const NEAREST_WORD = 'src/cluster/nearest-word.ts';
const PROGRESS_TEXT = 'src/commands/progress-text.ts';
const SETTINGS = 'src/commands/settings.ts';
const STATUS_TEXT = 'src/commands/cluster/status-text.ts';
const VERBATIM = 'src/commands/verbatim.ts';

const DOCTOR_TESTS = 'test/commands/doctor.test.ts';
const EXPORT_TESTS = 'test/commands/keys/export.test.ts';
const FIGURES_TESTS = 'test/commands/cluster/figures.test.ts';
const KEY_TEXT_TESTS = 'test/commands/keys/key-text.test.ts';
const LINE_CUTTER_TESTS = 'test/commands/keys/line-cutter.test.ts';
const LISTING_TESTS = 'test/commands/keys/listing.test.ts';
const NEAREST_WORD_TESTS = 'test/cluster/nearest-word.test.ts';
const PARSER_TESTS = 'test/commands/parser.test.ts';
const PROGRESS_TESTS = 'test/commands/progress-text.test.ts';
const STATUS_TESTS = 'test/commands/cluster/status-text.test.ts';

const RULE = 'docs/command-line.md';

export const COMMANDS_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-narrow-table-cuts-its-last-columns',
    rule: RULE,
    edits: [
      {
        file: 'src/commands/table.ts',
        find: 'column.shrinks === true',
        replace: 'column.shrinks === false',
      },
    ],
    fate: tests('test/commands/table.test.ts', 'shrinks to the ends'),
  },
  {
    name: 'a-drain-is-over-with-its-node',
    rule: RULE,
    edits: [
      {
        file: 'src/commands/drain-progress.ts',
        find: 'return status.storage[node]?.fenced === true ?',
        replace: 'return status.storage[node] === undefined ?',
      },
    ],
    fate: tests('test/commands/drain-progress.test.ts', 'that is dead'),
  },
  {
    name: 'an-output-replaces-what-is-no-file',
    rule: RULE,
    edits: [
      {
        file: 'src/commands/output-file.ts',
        find: 'if (stats !== undefined && !stats.isFile()) {',
        replace: 'if (stats !== undefined && stats.isSocket()) {',
      },
    ],
    fate: tests('test/commands/output-file.test.ts', 'a pipe stays one'),
  },
  {
    name: 'an-output-takes-the-place-of-a-link',
    rule: RULE,
    edits: [
      {
        file: 'src/commands/output-file.ts',
        find: 'stats === undefined ? path : await realpath(path)',
        replace: 'stats === undefined ? path : (await realpath(path), path)',
      },
    ],
    fate: tests('test/commands/output-file.test.ts', 'a link stays one'),
  },
  {
    name: 'an-output-that-is-given-up-stays',
    rule: RULE,
    edits: [
      {
        file: 'src/commands/output-file.ts',
        find: 'if (this.#replaced !== undefined) await rm(',
        replace: 'if (this.#replaced === undefined) await rm(',
      },
      {
        file: 'src/commands/output-file.ts',
        find: 'rm(this.#replaced.from, ',
        replace: "rm('', ",
      },
    ],
    fate: tests('test/commands/output-file.test.ts', 'nothing stays'),
  },
  {
    name: 'words-behind-dashes-are-options',
    rule: RULE,
    edits: [
      {
        file: VERBATIM,
        find: "isPositional && text.startsWith('-') ? STAND_IN : text,",
        replace: 'isPositional ? text : text,',
      },
    ],
    fate: tests(PARSER_TESTS, 'behind -- every word'),
  },
  {
    name: 'swapped-letters-are-two-mistakes',
    rule: RULE,
    edits: [
      {
        file: NEAREST_WORD,
        find: 'Math.min(change, swap, ',
        replace: 'Math.min(change, change + 0 * swap, ',
      },
    ],
    fate: tests(NEAREST_WORD_TESTS, 'of gte'),
  },
  {
    name: 'a-flag-comes-from-its-variable',
    rule: 'docs/operations.md',
    edits: [{ file: SETTINGS, find: 'if (!flags.has(name)) sources.set', replace: 'sources.set' }],
    fate: tests(PARSER_TESTS, 'what it overrides'),
  },
  {
    name: 'a-key-that-begins-as-json-is-itself',
    rule: RULE,
    edits: [
      {
        file: KEY_TEXT,
        find: 'if (!/^["{]/.test(text) && !UNPRINTABLE.test(text)) return text;',
        replace: 'if (!UNPRINTABLE.test(text)) return text;',
      },
    ],
    fate: tests(KEY_TEXT_TESTS, 'is read back'),
  },
  {
    name: 'a-carriage-return-belongs-to-the-key',
    rule: RULE,
    edits: [
      {
        file: KEY_TEXT,
        find: "if (!/\\p{Cc}/u.test(line.toString('utf8'))) return line;",
        replace: 'if (line.length > 0) return line;',
      },
    ],
    fate: tests(KEY_TEXT_TESTS, 'is refused where it is none'),
  },
  {
    name: 'a-terminal-obeys-values',
    rule: RULE,
    edits: [
      {
        file: KEY_TEXT,
        find: "if (isUtf8(buffer)) return buffer.toString('utf8').replace(UNPRINTABLE_BUT_LAYOUT, escapedUnits);",
        replace: "if (isUtf8(buffer)) return buffer.toString('utf8');",
      },
    ],
    fate: tests(KEY_TEXT_TESTS, 'never a code'),
  },
  {
    name: 'a-line-without-end-fills-the-memory',
    rule: RULE,
    edits: [
      {
        file: LINE_CUTTER,
        find: 'return this.#begunBytes > this.#bytesMax ? undefined : lines;',
        replace: 'return this.#bytesMax < 0 ? undefined : lines;',
      },
    ],
    fate: tests(LINE_CUTTER_TESTS, 'too long'),
  },
  {
    name: 'an-export-without-its-last-line-is-whole',
    rule: RULE,
    edits: [
      {
        file: LISTING,
        find: 'if (ending?.cursor === null) return;',
        replace: 'if (ending?.error === undefined) return;',
      },
    ],
    fate: tests(LISTING_TESTS, 'is not whole'),
  },
  {
    name: 'an-export-clears-its-file-before-anything-comes',
    rule: RULE,
    edits: [
      {
        file: EXPORT,
        find: "  const begun = words.flag('resume') ? await placeIn(path, what) : undefined;\n",
        replace:
          "  const begun = words.flag('resume') ? await placeIn(path, what) : undefined;\n  await openFile(path, begun?.bytes);\n",
      },
    ],
    fate: tests(EXPORT_TESTS, 'stays as it was'),
  },
  {
    name: 'a-listing-begins-anew',
    rule: RULE,
    edits: [
      { file: LISTING, find: 'cursor = part.cursor ?? cursor;', replace: 'cursor = listing.from;' },
    ],
    fate: tests(LISTING_TESTS, 'at the last cursor'),
  },
  {
    name: 'a-listing-never-gives-up',
    rule: RULE,
    edits: [
      {
        file: LISTING,
        find: 'if (part.cursor !== undefined && part.cursor !== cursor) tries = 0;',
        replace: 'tries = 0;',
      },
    ],
    fate: tests(LISTING_TESTS, 'gives up where'),
  },
  {
    name: 'the-rate-of-all-time',
    rule: RULE,
    edits: [
      {
        file: PROGRESS_TEXT,
        find: 'this.#samples = all.slice(Math.max(0, first));',
        replace: 'this.#samples = all.slice(Math.min(0, first + 1));',
      },
    ],
    fate: tests(PROGRESS_TESTS, 'forgets the rate'),
  },
  {
    name: 'a-restart-is-a-negative-rate',
    rule: RULE,
    edits: [{ file: FIGURES, find: ' || to < from ||', replace: ' ||' }],
    fate: tests(FIGURES_TESTS, 'where a counter fell'),
  },
  {
    name: 'a-batch-is-one-get',
    rule: RULE,
    edits: [
      {
        file: FIGURES,
        find: "items((op) => op === 'mget'),",
        replace: "0 * items((op) => op === 'mget'),",
      },
    ],
    fate: tests(FIGURES_TESTS, 'the items of batches'),
  },
  {
    name: 'gets-go-on-without-frontends',
    rule: RULE,
    edits: [
      {
        file: STATUS_TEXT,
        find: 'frontends.some(({ isReady }) => isReady === true)',
        replace: 'frontends.length > 0',
      },
    ],
    fate: tests(STATUS_TESTS, 'gets go on without'),
  },
  {
    name: 'all-is-well-while-copies-move',
    rule: RULE,
    edits: [
      {
        file: COPIES,
        find: 'if (joining === 0 && leaving === 0) return undefined;',
        replace: 'if (joining + leaving >= 0) return undefined;',
      },
    ],
    fate: tests(DOCTOR_TESTS, 'copies of four partitions'),
  },
  {
    name: 'a-drain-between-two-moves-is-done',
    rule: RULE,
    edits: [
      {
        file: COPIES,
        find: 'const draining = holders.filter((holder) => holder.draining);',
        replace: 'const draining = holders.filter((holder) => holder.draining && false);',
      },
    ],
    fate: tests(DOCTOR_TESTS, 'copies of four partitions'),
  },
  {
    name: 'what-is-wrong-comes-last',
    rule: RULE,
    edits: [
      {
        file: STATUS_TEXT,
        find: '    ...findings.flatMap(findingLines),\n',
        replace: '',
      },
    ],
    fate: tests(STATUS_TESTS, 'begins with what is wrong'),
  },
  {
    name: 'what-had-to-be-killed-ended-as-asked',
    rule: 'docs/operations.md',
    edits: [
      {
        file: LOCAL_GROUP,
        find: 'this.#exitCode ||= EXIT.failure;',
        replace: 'this.#exitCode ||= 0;',
      },
    ],
    fate: tests('test/processes/signals.test.ts', 'kills only who takes longer'),
  },
  {
    name: 'who-is-late-ends-all',
    rule: 'docs/operations.md',
    edits: [
      {
        file: LOCAL_GROUP,
        find: 'of these.filter((each) => this.#running.has(each))) {',
        replace: 'of this.#running) {',
      },
    ],
    fate: tests('test/processes/signals.test.ts', 'kills only who takes longer'),
  },
  {
    name: 'file-servers-are-given-the-time-of-others',
    rule: 'docs/operations.md',
    edits: [
      {
        file: LOCAL_GROUP,
        find: "role === 'fileserver' ? 2 * this.#drainMs : this.#drainMs;",
        replace: "role === 'fileserver' ? this.#drainMs : this.#drainMs;",
      },
    ],
    fate: tests('test/processes/fileserver.test.ts', 'gives one that stops the drain timeout'),
  },
  {
    name: 'a-stop-waits-without-a-word',
    rule: 'docs/operations.md',
    edits: [
      {
        file: LOCAL_GROUP,
        find: "this.#logger.write('info', what), ONE_SIGNAL_MS);",
        replace: "this.#logger.write('debug', what), ONE_SIGNAL_MS);",
      },
    ],
    fate: tests('test/processes/signals.test.ts', 'and a second SIGINT ends all at once'),
  },
  {
    name: 'a-shell-splits-the-words-of-a-node',
    rule: 'docs/operations.md',
    edits: [
      {
        file: 'src/commands/local-endings.ts',
        find: "['velour', role, ...words].map(quoted)",
        replace: "['velour', role, ...words]",
      },
    ],
    fate: tests('test/commands/local.test.ts', 'is one for a shell'),
  },
  {
    name: 'why-a-cluster-did-not-start-is-buried',
    rule: 'docs/operations.md',
    edits: [
      {
        file: LOCAL_GROUP,
        find: 'if (this.#failure !== undefined) this',
        replace: 'if (this.#exitCode < 0 && this.#failure !== undefined) this',
      },
    ],
    fate: tests('test/processes/lifecycle.test.ts', 'a busy port ends the start'),
  },
  {
    name: 'who-left-with-partitions-holds-nothing',
    rule: RULE,
    edits: [
      {
        file: NODE_TEXTS,
        find: "entry.ended === 'gone' && left === 0;",
        replace: "entry.ended === 'gone';",
      },
    ],
    fate: tests(STATUS_TESTS, 'the worst that is known'),
  },
  {
    name: 'a-wide-table-is-cut',
    rule: RULE,
    edits: [
      {
        file: 'src/commands/table.ts',
        find: 'if (others.length < columns.length) return within(widthMax, others);',
        replace: 'if (others.length > columns.length) return within(widthMax, others);',
      },
    ],
    fate: tests(STATUS_TESTS, 'shows on 80 columns'),
  },
  {
    name: 'what-is-below-the-terminal-is-not-told',
    rule: RULE,
    edits: [
      {
        file: 'src/commands/screen.ts',
        find: 'if (lines.length <= rows) return lines;',
        replace: 'if (lines.length >= 0) return lines.slice(0, rows);',
      },
    ],
    fate: tests('test/commands/screen.test.ts', 'how many more'),
  },
  {
    name: 'what-is-drained-is-shown-as-draining',
    rule: 'docs/operations.md',
    edits: [
      {
        file: NODE_TEXTS,
        find: "return left === 0 ? 'drained, may be stopped' : 'draining';",
        replace: "return left === -1 ? 'drained, may be stopped' : 'draining';",
      },
    ],
    fate: tests(STATUS_TESTS, 'are shown as they are'),
  },
  {
    name: 'a-lost-file-server-is-only-to-be-started',
    rule: 'docs/operations.md',
    edits: [
      {
        file: 'src/commands/doctor/verdicts.ts',
        find: 'isHeard: sight.isHeard, gone })',
        replace: 'isHeard: sight.isHeard, gone: gone && undefined })',
      },
    ],
    fate: tests('test/commands/doctor.test.ts', 'may be gone for good'),
  },
  {
    name: 'a-ticket-is-shown-as-a-refusal',
    rule: 'docs/dtfc.md',
    edits: [
      {
        file: 'src/commands/blobs/blob-service.ts',
        find: 'const role = answer.header(ROLE_HEADER);',
        replace: "const role = answer.header('x-of-nobody');",
      },
    ],
    fate: tests('test/processes/dtfc.test.ts', 'another port of the cluster is named'),
  },
  {
    name: 'a-broker-is-taken-for-a-frontend',
    rule: RULE,
    edits: [
      {
        file: 'src/cluster/io/network/answerer.ts',
        find: 'const role = told.role ?? readMetrics(told.text).role;',
        replace: 'const { role } = readMetrics(told.text);',
      },
    ],
    fate: tests('test/processes/cluster-commands.test.ts', 'who is no controller is named'),
  },
  {
    name: 'a-node-that-is-given-a-frontend-for-its-controller-does-not-say-so',
    rule: 'docs/operations.md',
    edits: [
      {
        file: 'src/cluster/io/network/answerer.ts',
        find: "answerer.role === 'controller'",
        replace: "answerer.role !== 'controller'",
      },
    ],
    fate: tests('test/processes/fileserver.test.ts', 'which have joined when it is ready'),
  },
];
