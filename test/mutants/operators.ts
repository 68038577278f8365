// Mutants of reports of frontends, dead nodes, what operators ask, and frontends without a controller.

import { type Mutant, tests } from './mutant.ts';

const ADMIN = 'src/controller/routes/admin.ts';
const HOST_SCHEDULES = 'test/simulation/schedules-lost-hosts.test.ts';
const RETURNING_SCHEDULES = 'test/simulation/schedules-returning.test.ts';
const REMOVAL_SCHEDULES = 'test/simulation/schedules-removals.test.ts';
const DETECTOR = 'src/controller/observations/failure-detector.ts';
const LOOKS = 'src/controller/observations/looks.ts';
const LOOKS_TESTS = 'test/controller/observations/looks.test.ts';
const LOSSY_SCHEDULES = 'test/simulation/schedules-lossy.test.ts';
const REMOVAL = 'src/controller/decisions/node-removal.ts';
const REMOVAL_TESTS = 'test/controller/decisions/node-removal.test.ts';
const GONE_SCHEDULES = 'test/simulation/schedules-gone.test.ts';
const VIEW = 'src/controller/observations/view.ts';
const REGISTRATIONS = 'src/controller/registrations.ts';
const ROUTER = 'src/coordinator/router.ts';
const HINTS = 'src/coordinator/map-hints.ts';
const CACHED_MAP = 'src/coordinator/cached-map.ts';
const HINT_TESTS = 'test/coordinator/map-hints.test.ts';
const HINT_SCHEDULES = 'test/simulation/schedules-hints.test.ts';

const REPORTS: readonly Mutant[] = [
  {
    name: 'report-counts-whatever-a-look-shows',
    rule: 'R6',
    edits: [
      {
        file: LOOKS,
        find: 'detector.answeredLook(life);',
        replace: 'detector.refusedLook(life, sentMs);',
      },
    ],
    fate: tests(LOSSY_SCHEDULES, 'does not have it fenced'),
  },
  {
    name: 'unanswered-look-is-a-refusal',
    rule: 'R6',
    edits: [
      {
        file: LOOKS,
        find: 'else if (this.#nowMs() - sentMs < times.lookMs) detector',
        replace: 'else detector',
      },
    ],
    fate: tests(LOOKS_TESTS, 'is silent no sooner when it does not answer'),
  },
  {
    name: 'answered-look-is-a-heartbeat',
    rule: 'H9',
    edits: [
      {
        file: LOOKS,
        find: 'detector.answeredLook(life);',
        replace: 'detector.heard(life, this.#nowMs());',
      },
    ],
    fate: tests(LOSSY_SCHEDULES, 'is fenced when its heartbeats stay away'),
  },
  {
    name: 'any-life-answers-a-look',
    rule: 'R6',
    edits: [
      {
        file: LOOKS,
        find: ' && reply.message.incarnation === life.incarnation',
        replace: '',
      },
    ],
    fate: tests(LOOKS_TESTS, 'another life answers'),
  },
  {
    name: 'look-of-before-answers-a-report',
    rule: 'R6',
    edits: [
      {
        file: LOOKS,
        find: 'this.#underWay.set(life.node, life);',
        replace: 'return;',
      },
    ],
    fate: tests(LOOKS_TESTS, 'begin again after each report'),
  },
  {
    name: 'looks-without-rest',
    rule: 'R6',
    edits: [
      {
        file: LOOKS,
        find: 'Math.max(0, sentMs + times.lookMs - this.#nowMs())',
        replace: '0',
      },
    ],
    fate: tests(LOOKS_TESTS, 'are one at a time'),
  },
  {
    name: 'heartbeat-does-not-refute-a-refusal',
    rule: 'R6',
    edits: [{ file: DETECTOR, find: '>= last;', replace: '> Number.NEGATIVE_INFINITY;' }],
    fate: tests(LOOKS_TESTS, 'heard of after it refused'),
  },
];

const GONE: readonly Mutant[] = [
  {
    name: 'removed-incarnation-forgotten',
    rule: 'I10',
    edits: [
      { file: REGISTRATIONS, find: 'this.#map.current?.removedUpTo,', replace: 'undefined,' },
    ],
    fate: tests(GONE_SCHEDULES, 'by clocks that were set back'),
  },
  {
    name: 'removal-keeps-no-incarnation',
    rule: 'I10',
    edits: [
      { file: REMOVAL, find: 'Math.max(map.removedUpTo ?? 0, entry.incarnation)', replace: '0' },
    ],
    fate: tests(GONE_SCHEDULES, 'which was merely cut off'),
  },
  {
    name: 'later-removal-lowers-the-bound',
    rule: 'I10',
    edits: [
      {
        file: REMOVAL,
        find: 'Math.max(map.removedUpTo ?? 0, entry.incarnation)',
        replace: 'entry.incarnation',
      },
    ],
    fate: tests(REMOVAL_TESTS, 'whose lives were earlier'),
  },
  {
    name: 'earlier-life-is-not-needed',
    rule: 'D8',
    edits: [
      {
        file: REMOVAL,
        find: 'members.some((member) => member.node === node)',
        replace:
          'members.some((member) => member.node === node && member.incarnation === map.nodes[node]?.incarnation)',
      },
    ],
    fate: tests(REMOVAL_TESTS, 'is a member as an earlier life'),
  },
  {
    name: 'witness-is-not-needed',
    rule: 'D2',
    edits: [{ file: REMOVAL, find: 'return votes ?', replace: 'return votes && false ?' }],
    fate: tests(REMOVAL_TESTS, 'is a witness'),
  },
  {
    name: 'gone-at-once',
    rule: 'R6',
    edits: [
      {
        file: VIEW,
        find: 'return this.#nowMs - lapsedMs > this.#times.goneMs;',
        replace: 'return true;',
      },
    ],
    fate: tests(GONE_SCHEDULES, 'when it lapsed long ago'),
  },
  {
    name: 'removals-in-a-row',
    rule: 'H32',
    edits: [{ file: REMOVAL, find: ' || !isKnown(map, view)', replace: '' }],
    fate: tests(REMOVAL_TESTS, 'takes one node a map'),
  },
  {
    name: 'removal-while-frozen',
    rule: 'H32',
    edits: [{ file: REMOVAL, find: 'if (isFrozen(map)) return map;', replace: '' }],
    fate: tests(REMOVAL_TESTS, 'while a recovery waits'),
  },
];

const ALONE: readonly Mutant[] = [
  {
    name: 'hint-names-the-cluster-for-good',
    rule: 'I1',
    edits: [
      {
        file: ROUTER,
        find: "if (!isBetter) return 'other-cluster';",
        replace: "if (map.digits > 0) return 'other-cluster';",
      },
    ],
    fate: tests(HINT_TESTS, 'the controller says'),
  },
  {
    name: 'storage-node-names-another-cluster',
    rule: 'I1',
    edits: [{ file: ROUTER, find: "if (!isBetter) return 'other-cluster';", replace: '' }],
    fate: tests(HINT_TESTS, 'nobody says anew'),
  },
  {
    name: 'hint-hides-the-lower-version',
    rule: 'I1',
    edits: [
      {
        file: ROUTER,
        find: 'const isSaid = this.#saidBy >= SOURCES.indexOf(source);',
        replace: 'const isSaid = true; void source;',
      },
    ],
    fate: tests(HINT_TESTS, 'the controller says'),
  },
  {
    name: 'asks-nobody-but-the-controller',
    rule: 'H1',
    edits: [
      {
        file: HINTS,
        find: 'for (const address of storages) this.#ask(address);',
        replace: 'return;',
      },
    ],
    fate: tests(HINT_SCHEDULES, 'by the map of storage nodes'),
  },
  {
    name: 'foreign-file-written-over',
    rule: 'H1',
    edits: [{ file: CACHED_MAP, find: 'if (isForeign) this.#mayWrite = false;', replace: '' }],
    fate: tests(HINT_TESTS, 'never written over'),
  },
  {
    name: 'map-file-written-before-it-is-read',
    rule: 'H1',
    edits: [
      {
        file: CACHED_MAP,
        find: '#mayWrite = false;\n  #newest',
        replace: '#mayWrite = true;\n  #newest',
      },
    ],
    fate: tests(HINT_TESTS, 'is read before it is written'),
  },
  {
    name: 'last-map-of-a-row-not-kept',
    rule: 'H1',
    edits: [
      {
        file: CACHED_MAP,
        find: "this.#writeSoon(result.kind === 'done' ? undefined : AGAIN_MS);",
        replace: '',
      },
    ],
    fate: tests(HINT_TESTS, 'gets what came while it was written'),
  },
];

const COMMANDS: readonly Mutant[] = [
  {
    name: 'forget-of-who-was-not-heard-yet',
    rule: 'H5c',
    edits: [
      {
        file: ADMIN,
        find: 'knowledge.detector.mayLive(life, now)',
        replace: 'knowledge.detector.isAliveSince(life, Number.NEGATIVE_INFINITY, now)',
      },
    ],
    fate: tests(HOST_SCHEDULES, 'though'),
  },
  {
    name: 'forget-when-the-controller-was-away',
    rule: 'H10',
    edits: [{ file: DETECTOR, find: 'return this.#isBack(nowMs) || ', replace: 'return ' }],
    fate: tests(HOST_SCHEDULES, 'though the controller stood still'),
  },
  {
    name: 'forget-before-the-first-heartbeats',
    rule: 'H5c',
    edits: [{ file: DETECTOR, find: '|| hasJustBegun ', replace: '' }],
    fate: tests(HOST_SCHEDULES, 'the others live: false'),
  },
  {
    name: 'loss-accepted-with-whoever-was-heard-first',
    rule: 'H29',
    edits: [
      {
        file: ADMIN,
        find: '&& detector.mayLive(life, now)',
        replace: '&& this.#living(map).some((other) => isSameLife(other, life))',
      },
    ],
    fate: tests(RETURNING_SCHEDULES, 'was started just now'),
  },
  {
    name: 'alive-by-a-heartbeat-that-waited',
    rule: 'I8',
    edits: [
      {
        file: DETECTOR,
        find: 'this.isAliveSince(life, this.#trustFromMs, nowMs)',
        replace: 'this.isAliveSince(life, Number.NEGATIVE_INFINITY, nowMs)',
      },
    ],
    fate: tests(REMOVAL_SCHEDULES, 'that stood still'),
  },
  {
    name: 'removal-is-answered-unseen',
    rule: 'R6',
    edits: [
      {
        file: ADMIN,
        find: "needed === undefined ? answer : new Refused('node-needed', needed)",
        replace: 'answer',
      },
    ],
    fate: tests(REMOVAL_SCHEDULES, 'is not said to be removed'),
  },
  {
    name: 'admission-by-the-map-of-before',
    rule: 'R9',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'admittedTo(current, node, registration)',
        replace: `withNode(
          current,
          node,
          { ...entry, draining: earlier?.draining ?? false, completeSince: registration.completeSince },
          resumes,
        )`,
      },
    ],
    fate: tests(REMOVAL_SCHEDULES, 'drains all the same'),
  },
];

export const OPERATOR_MUTANTS: readonly Mutant[] = [...REPORTS, ...GONE, ...ALONE, ...COMMANDS];
