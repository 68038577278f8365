// Mutants of what nodes and operators may ask a controller for.

import { aimed, type Mutant, SEEDS, tests } from '../mutant.ts';

const ADMIN = 'src/controller/routes/admin.ts';
const ADMIN_TESTS = 'test/controller/routes/admin.test.ts';
const CONTROLLER = 'src/controller/controller.ts';
const REGISTRATIONS = 'src/controller/registrations.ts';
const REMOVAL = 'src/controller/routes/removal.ts';
const RIVALS = 'src/controller/rivals.ts';

const CANDIDATES_SCHEDULES = 'test/simulation/schedules-candidates.test.ts';
const CLOCKS_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const GONE_SCHEDULES = 'test/simulation/schedules-gone.test.ts';
const LOST_HOSTS_SCHEDULES = 'test/simulation/schedules-lost-hosts.test.ts';
const MAPS_SCHEDULES = 'test/simulation/schedules-maps.test.ts';
const RECOVERY_SCHEDULES = 'test/simulation/schedules-recovery.test.ts';
const REMOVALS_SCHEDULES = 'test/simulation/schedules-removals.test.ts';
const RETURNING_SCHEDULES = 'test/simulation/schedules-returning.test.ts';
const TIME_SCALES_SCHEDULES = 'test/simulation/schedules-time-scales.test.ts';
const TWINS_SCHEDULES = 'test/simulation/schedules-twins.test.ts';

export const CONTROLLER_ROUTES_MUTANTS: readonly Mutant[] = [
  {
    name: 'founding-is-tried-once',
    rule: 'D5',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'if (known?.incarnation === incarnation) {\n      this.#foundOnceEnough();',
        replace: 'if (known?.incarnation === incarnation) {',
      },
    ],
    fate: tests('test/simulation/schedules-disks.test.ts', 'is founded once the disk'),
  },
  {
    name: 'candidate-below-its-predecessor',
    rule: 'D3',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'if (this.#wasCandidate(node, incarnation)) {',
        replace: 'if (false) {',
      },
    ],
    fate: tests(CANDIDATES_SCHEDULES, 'D3'),
  },
  {
    name: 'candidate-passes-for-its-predecessor',
    rule: 'I10',
    edits: [{ file: REGISTRATIONS, find: '    this.#processes.delete(node);\n', replace: '' }],
    fate: tests(CANDIDATES_SCHEDULES, 'D3'),
  },
  {
    name: 'any-scale-registers',
    rule: 'D12',
    edits: [
      {
        file: CONTROLLER,
        find: ', timeScale, this.#options.times.scale)',
        replace: ', timeScale, timeScale ?? 1)',
      },
    ],
    fate: tests(TIME_SCALES_SCHEDULES, 'as a storage node is not registered'),
  },
  {
    name: 'any-scale-polls',
    rule: 'D12',
    edits: [
      {
        file: CONTROLLER,
        find: '    const refused = refusePoll(message, this.#options.times.scale);\n    if (refused !== undefined) return reply(refused);\n',
        replace: '',
      },
    ],
    fate: tests(TIME_SCALES_SCHEDULES, 'as a frontend gets no map'),
  },
  {
    name: 'empty-claims-complete',
    rule: 'H8',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'const resumes = sameStore && hasAllOf(registration, earlier);',
        replace: 'const resumes = earlier !== undefined || hasAllOf(registration, earlier);',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'old-copy-resumes',
    rule: 'H8',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'completeSince <= earlier.incarnation && lives.includes(earlier.incarnation)',
        replace: 'completeSince <= earlier.incarnation',
      },
    ],
    fate: tests(MAPS_SCHEDULES, 'H8: '),
  },
  {
    name: 'register-any-clock',
    rule: 'H31',
    edits: [{ file: REGISTRATIONS, find: ' ?? this.#refuseClock(message)', replace: '' }],
    fate: tests(CLOCKS_SCHEDULES, 'H31: a storage node whose clock is off'),
  },
  {
    name: 'newcomer-always-wins',
    rule: 'I10',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'if (known === undefined || known.address === address) return undefined;',
        replace: 'if (known === undefined || known.address !== address) return undefined;',
      },
    ],
    fate: tests(TWINS_SCHEDULES, 'takes no node from one that lives'),
  },
  {
    name: 'life-between-vouches-for-an-old-copy',
    rule: 'H8',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'lives.includes(earlier.incarnation)',
        replace: '(lives.at(-1) ?? 0) >= earlier.incarnation',
      },
    ],
    fate: tests(MAPS_SCHEDULES, 'nor by a life between'),
  },
  {
    name: 'only-the-last-life-counts',
    rule: 'H8',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'lives.includes(earlier.incarnation)',
        replace: 'lives.at(-1) === earlier.incarnation',
      },
    ],
    fate: tests(MAPS_SCHEDULES, 'resumes after '),
  },
  {
    name: 'a-promise-ends-with-its-life',
    rule: 'H32',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'if (resumes && earlier !== undefined) {',
        replace: "if (resumes && earlier !== undefined && node === '') {",
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'has promised all the same'),
  },
  {
    name: 'removed-incarnation-forgotten',
    rule: 'I10',
    edits: [
      { file: REGISTRATIONS, find: 'this.#map.current?.removedUpTo,', replace: 'undefined,' },
    ],
    fate: tests(GONE_SCHEDULES, 'by clocks that were set back'),
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
    fate: tests(REMOVALS_SCHEDULES, 'drains all the same'),
  },
  {
    name: 'resumes-from-an-old-copy',
    rule: 'H8',
    edits: [
      {
        file: REGISTRATIONS,
        find: 'return completeSince <= earlier.incarnation && lives.includes(earlier.incarnation);',
        replace: 'return completeSince <= earlier.incarnation;',
      },
    ],
    fate: aimed('old-copy'),
  },
  {
    name: 'silent-original-is-evicted',
    rule: 'I10',
    edits: [{ file: RIVALS, find: 'isThere || (isSilent && wasHeard)', replace: 'isThere' }],
    fate: tests(TWINS_SCHEDULES, 'one that is silent'),
  },
  {
    name: 'original-is-waited-for-without-end',
    rule: 'I10',
    edits: [
      {
        file: RIVALS,
        find: 'isThere || (isSilent && wasHeard)',
        replace: 'isThere || heardMs !== undefined',
      },
    ],
    fate: tests(TWINS_SCHEDULES, 'takes its place once'),
  },
  {
    name: 'forget-of-who-was-not-heard-yet',
    rule: 'H5c',
    edits: [
      {
        file: ADMIN,
        find: 'observations.detector.mayBeAlive(incarnationId, now)',
        replace: 'observations.detector.isAliveSince(incarnationId, Number.NEGATIVE_INFINITY, now)',
      },
    ],
    fate: tests(LOST_HOSTS_SCHEDULES, 'though'),
  },
  {
    name: 'loss-accepted-with-whoever-was-heard-first',
    rule: 'H29',
    edits: [
      {
        file: ADMIN,
        find: `&&
        detector.mayBeAlive(incarnationId, now)`,
        replace: '&& this.#living(map).some((other) => isSameIncarnation(other, incarnationId))',
      },
    ],
    fate: tests(ADMIN_TESTS, 'waits for nodes that it has not heard'),
  },
  {
    name: 'removal-is-answered-unseen',
    rule: 'R6',
    edits: [
      {
        file: REMOVAL,
        find: "needed === undefined ? answer : new Refused('node-needed', needed)",
        replace: 'answer',
      },
    ],
    fate: tests(REMOVALS_SCHEDULES, 'is not said to be removed'),
  },
  {
    name: 'forgotten-is-waited-for',
    rule: 'H5',
    edits: [{ file: ADMIN, find: 'recovery?.forget(node);', replace: '' }],
    fate: tests(LOST_HOSTS_SCHEDULES, 'recovers by itself'),
  },
  {
    name: 'who-promised-is-forgotten',
    rule: 'H5c',
    edits: [
      {
        file: ADMIN,
        find: 'recovery?.hasPromised(node) === true',
        replace: 'recovery?.hasPromised(node) === undefined',
      },
    ],
    fate: tests(LOST_HOSTS_SCHEDULES, 'half of the nodes burn'),
  },
  {
    name: 'accepted-loss-at-the-next-epoch',
    rule: 'I5',
    edits: [
      {
        file: ADMIN,
        find: 'return withMembers(entry, members);',
        replace: 'return withMembers({ ...entry, frozen: undefined }, members);',
      },
    ],
    fate: tests(RECOVERY_SCHEDULES, 'what an operator lets go on'),
  },
  {
    name: 'loss-accepted-before-all-said-what-they-hold',
    rule: 'H29',
    edits: [{ file: ADMIN, find: 'begunMs >= waitMs', replace: 'begunMs >= 0' }],
    fate: tests(RETURNING_SCHEDULES, 'is answered sensibly'),
  },
  {
    name: 'loss-accepted-while-members-answer',
    rule: 'I7',
    edits: [
      {
        file: ADMIN,
        find: '!view.obeys(member, version),',
        replace: '!view.obeys(member, version) && false,',
      },
    ],
    fate: tests(LOST_HOSTS_SCHEDULES, 'they are behind a cut'),
  },
  {
    name: 'members-that-are-gone-are-waited-for',
    rule: 'H5',
    edits: [
      {
        file: ADMIN,
        find: 'view.lapsedSinceMs(member) === undefined &&',
        replace: '',
      },
    ],
    fate: tests(LOST_HOSTS_SCHEDULES, 'the operator says that they are gone'),
  },
  {
    name: 'loss-accepted-without-who-cannot-say',
    rule: 'H29',
    edits: [
      {
        file: ADMIN,
        find: "if (silent.length > 0) return reply(new Refused('not-ready', cannotSay(silent)));",
        replace: '',
      },
    ],
    fate: tests(RETURNING_SCHEDULES, 'cannot say what it has'),
  },
];
