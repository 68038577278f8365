// Mutants of the broker's configuration, and of the classes that it sets.

import { type Mutant, tests } from './mutant.ts';

const CONFIG = 'src/frontend/gateways/broker/config/';
const ACTIVE = `${CONFIG}active-config.ts`;
const FILE = `${CONFIG}config-file.ts`;
const RULES = `${CONFIG}broker-config.ts`;
const READ = `${CONFIG}read-config.ts`;
const TEXT = `${CONFIG}config-text.ts`;
const SHARES = `${CONFIG}shares.ts`;
const RECORDS = 'src/files/class-records.ts';
const TESTS = 'test/frontend/gateways/broker/config/';
const RULE = 'FILES.md, 4';

export const BROKER_CONFIG_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-rule-counts-before-the-cluster-has-its-number',
    rule: RULE,
    edits: [
      {
        file: ACTIVE,
        find: 'if (!this.#isInForce) this.#current = config;',
        replace: 'this.#current = config;',
      },
    ],
    fate: tests(`${TESTS}active-config.test.ts`, 'is noticed without a hang-up'),
  },
  {
    name: 'a-changed-port-is-passed-over-in-silence',
    rule: RULE,
    edits: [
      {
        file: FILE,
        find: 'if (port === this.#port) return;',
        replace: 'if (this.#port !== 0) return;',
      },
    ],
    fate: tests(`${TESTS}active-config.test.ts`, 'has no effect on the port of a running broker'),
  },
  {
    name: 'uploads-do-not-wait-for-the-first-rules',
    rule: RULE,
    edits: [
      {
        file: ACTIVE,
        find: 'this.#isInForce = file === undefined;',
        replace: 'this.#isInForce = true;',
      },
    ],
    fate: tests(
      `${TESTS}active-config.test.ts`,
      'uploads wait until the cluster has their numbers',
    ),
  },
  {
    name: 'one-class-that-cannot-be-set-is-left-out',
    rule: RULE,
    edits: [
      {
        file: ACTIVE,
        find: 'runtime.timers.after(AGAIN_MS, () => this.#keepClasses(config, classes));',
        replace: 'runtime.timers.after(AGAIN_MS, () => this.#keepClasses(config, rest));',
      },
    ],
    fate: tests(`${TESTS}active-config.test.ts`, 'is tried again'),
  },
  {
    name: 'a-configuration-that-was-replaced-comes-back',
    rule: RULE,
    edits: [{ file: ACTIVE, find: 'if (config !== this.#coming) return;', replace: '' }],
    fate: tests(`${TESTS}active-config.test.ts`, 'ends that'),
  },
  {
    name: 'an-old-text-that-comes-late-counts',
    rule: RULE,
    edits: [{ file: FILE, find: 'if (read !== this.#reads) return;', replace: '' }],
    fate: tests(`${TESTS}active-config.test.ts`, 'slower than a hang-up'),
  },
  {
    name: 'a-wrong-file-is-said-at-each-look',
    rule: RULE,
    edits: [{ file: FILE, find: 'if (problem === this.#problem) return;', replace: '' }],
    fate: tests(`${TESTS}active-config.test.ts`, 'is said once with its place'),
  },
  {
    name: 'a-class-is-set-over-what-another-one-set',
    rule: 'H39',
    edits: [{ file: RECORDS, find: '{ ifMatch: [etagOf(outcome.record)] }', replace: '{}' }],
    fate: tests('test/files/class-records.test.ts', 'on the very one that was read'),
  },
  {
    name: 'an-unanswered-class-is-absent',
    rule: 'F7',
    edits: [
      {
        file: RECORDS,
        find: "return callback({ kind: 'failed', detail: outcome.detail });",
        replace: "return this.#set(name, copies, { ifNoneMatch: 'any' }, callback);",
      },
    ],
    fate: tests('test/files/class-records.test.ts', 'nobody can tell what it is'),
  },
  {
    name: 'the-name-of-a-class-wins-over-its-record',
    rule: RULE,
    edits: [
      {
        file: 'src/files/classes.ts',
        find: 'this.#noted(name, decodeClass(recordValue(outcome.record)))',
        replace:
          "this.#noted(name, copiesInName(name) === undefined ? decodeClass(recordValue(outcome.record)) : { kind: 'known', copies: copiesInName(name) ?? 0 })",
      },
    ],
    fate: tests('test/files/classes.test.ts', 'unless its record says another'),
  },
  {
    name: 'a-domain-is-of-one-port',
    rule: RULE,
    edits: [{ file: RULES, find: '(?::\\d*)?$/', replace: '$/' }],
    fate: tests(`${TESTS}broker-config.test.ts`, 'the domain of a host'),
  },
  {
    name: 'the-type-of-a-file-is-its-first-ending',
    rule: RULE,
    edits: [{ file: RULES, find: "name.lastIndexOf('.')", replace: "name.indexOf('.')" }],
    fate: tests(`${TESTS}read-config.test.ts`, 'of all files that have no type'),
  },
  {
    name: 'two-domains-have-one-host',
    rule: RULE,
    edits: [
      { file: READ, find: 'if (earlier !== undefined) {', replace: 'if (earlier === word) {' },
    ],
    fate: tests(`${TESTS}read-config.test.ts`, 'two domains of one name'),
  },
  {
    name: 'a-share-leads-to-the-broker-itself',
    rule: RULE,
    edits: [{ file: READ, find: 'of !== port', replace: 'of !== 0' }],
    fate: tests(`${TESTS}read-config.test.ts`, 'a share of the broker itself'),
  },
  {
    name: 'a-share-is-of-names-that-begin-alike',
    rule: RULE,
    edits: [
      {
        file: SHARES,
        find: 'segments[index]?.equals(name) === true',
        replace: 'segments[index]?.toString().startsWith(name.toString()) === true',
      },
    ],
    fate: tests(`${TESTS}broker-config.test.ts`, 'is nowhere for what is not below'),
  },
  {
    name: 'the-first-share-counts',
    rule: RULE,
    edits: [
      {
        file: READ,
        find: 'shares.sort((a, b) => b.prefix.length - a.prefix.length)',
        replace: 'shares',
      },
    ],
    fate: tests(`${TESTS}broker-config.test.ts`, 'that of the longest prefix'),
  },
  {
    name: 'a-word-without-its-value-ends-the-reading',
    rule: RULE,
    edits: [
      {
        file: TEXT,
        find: 'token.line !== word.line) {\n        this.#tell(',
        replace: 'token.line !== word.line) {\n        this.#end(',
      },
    ],
    fate: tests(`${TESTS}read-config.test.ts`, 'behind words that lack their values'),
  },
  {
    name: 'what-follows-from-a-misspelt-word-is-said-as-well',
    rule: RULE,
    edits: [
      {
        file: READ,
        find: "if (body.isWhole && !found.has('domain_name')) {",
        replace: "if (!found.has('domain_name')) {",
      },
    ],
    fate: tests(`${TESTS}read-config.test.ts`, 'nothing that only follows from it'),
  },
  {
    name: 'the-block-of-an-unknown-word-is-read-as-its-own',
    rule: RULE,
    edits: [
      {
        file: TEXT,
        find: "if (this.#ahead?.kind !== '{') return;",
        replace: "if (this.#ahead?.kind !== '{' || scope === 'file') return;",
      },
    ],
    fate: tests(`${TESTS}read-config.test.ts`, 'the words of nginx'),
  },
  {
    name: 'a-wrong-file-is-said-in-the-log-alone',
    rule: RULE,
    edits: [
      {
        file: 'src/frontend/gateways/broker/broker-interface.ts',
        find: 'rules.problem ?? rules.fileProblem',
        replace: 'rules.problem',
      },
    ],
    fate: tests('test/processes/broker-config.test.ts', 'a wrong file changes nothing'),
  },
  {
    name: 'a-file-that-is-right-again-is-still-wrong',
    rule: RULE,
    edits: [{ file: FILE, find: 'this.#problem = undefined;', replace: '' }],
    fate: tests(`${TESTS}active-config.test.ts`, 'for as long as it is wrong'),
  },
  {
    name: 'the-level-of-the-log-is-that-of-the-start',
    rule: RULE,
    edits: [{ file: ACTIVE, find: 'this.#file?.logAt(config.logLevel);', replace: '' }],
    fate: tests(`${TESTS}active-config.test.ts`, 'of each one that is right'),
  },
  {
    name: 'the-port-of-an-upstream-is-dropped',
    rule: RULE,
    edits: [{ file: READ, find: 'if (hasPort) {', replace: 'if (hasPort && host === url) {' }],
    fate: tests(`${TESTS}read-config.test.ts`, 'a port of an upstream'),
  },
  {
    name: 'the-greeting-names-no-domain',
    rule: RULE,
    edits: [
      {
        file: 'src/commands/local-plan.ts',
        find: "if (config === undefined || domainOf(config, broker) !== undefined) return '';",
        replace: "if (config === undefined || domainOf(config, broker) === undefined) return '';",
      },
    ],
    fate: tests('test/processes/broker-config.test.ts', 'the greeting has lines'),
  },
];
