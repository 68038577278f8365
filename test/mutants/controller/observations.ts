// Mutants of what a controller believes of its nodes.

import { aimed, type Mutant, tests } from '../mutant.ts';

const DECISION_LOOP_TESTS = 'test/controller/decision-loop.test.ts';
const DECISION_LOOP = 'src/controller/decision-loop.ts';
const FAILURE_DETECTOR = 'src/controller/observations/failure-detector.ts';
const DETECTOR_TESTS = 'test/controller/observations/failure-detector.test.ts';
const FOLLOWERS = 'src/controller/observations/followers.ts';
const LOOKS = 'src/controller/observations/looks.ts';
const OBSERVATIONS = 'src/controller/observations/observations.ts';
const PENDING = 'src/controller/observations/pending.ts';
const REACHABILITY = 'src/controller/observations/reachability.ts';
const STARTUP_GUARD = 'src/controller/map/startup-guard.ts';
const VIEW = 'src/controller/observations/view.ts';

const CLOCKS_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const CUTS_SCHEDULES = 'test/simulation/schedules-cuts.test.ts';
const DECIDE_TESTS = 'test/controller/decisions/decide.test.ts';
const FOLLOWERS_TESTS = 'test/controller/observations/followers.test.ts';
const GONE_SCHEDULES = 'test/simulation/schedules-gone.test.ts';
const JOINS_SCHEDULES = 'test/simulation/schedules-joins.test.ts';
const LEASES_SCHEDULES = 'test/simulation/schedules-leases.test.ts';
const LOOKS_TESTS = 'test/controller/observations/looks.test.ts';
const LOSSY_SCHEDULES = 'test/simulation/schedules-lossy.test.ts';
const LOST_HOSTS_SCHEDULES = 'test/simulation/schedules-lost-hosts.test.ts';
const MAPS_SCHEDULES = 'test/simulation/schedules-maps.test.ts';
const OBSERVATIONS_TESTS = 'test/controller/observations/observations.test.ts';
const OVERRULED_SCHEDULES = 'test/simulation/schedules-overruled.test.ts';

export const CONTROLLER_OBSERVATIONS_MUTANTS: readonly Mutant[] = [
  {
    name: 'heartbeat-does-not-refute-a-refusal',
    rule: 'R6',
    edits: [{ file: FAILURE_DETECTOR, find: '>= last;', replace: '> Number.NEGATIVE_INFINITY;' }],
    fate: tests(LOOKS_TESTS, 'heard of after it refused'),
  },
  {
    name: 'deaths-of-members-are-forgotten',
    rule: 'I8',
    edits: [
      {
        file: OBSERVATIONS,
        find: 'incarnationsOf(map, incarnationId.node).some(',
        replace: 'presentIncarnations(map).some(',
      },
    ],
    fate: tests(OBSERVATIONS_TESTS, 'a death is known'),
  },
  {
    name: 'deaths-are-kept-for-ever',
    rule: 'I10',
    edits: [{ file: FAILURE_DETECTOR, find: 'if (!isNamed(death)) ', replace: 'if (!death) ' }],
    fate: tests(OBSERVATIONS_TESTS, 'a death is known'),
  },
  {
    name: 'reports-are-kept-for-ever',
    rule: 'I10',
    edits: [{ file: PENDING, find: '    this.#words.delete(node);\n', replace: '' }],
    fate: tests(OBSERVATIONS_TESTS, 'what a node reported is forgotten'),
  },
  {
    name: 'forget-when-the-controller-was-away',
    rule: 'H10',
    edits: [{ file: FAILURE_DETECTOR, find: 'return this.#isBack(nowMs) || ', replace: 'return ' }],
    fate: tests(LOST_HOSTS_SCHEDULES, 'though the controller stood still'),
  },
  {
    name: 'forget-before-the-first-heartbeats',
    rule: 'H5c',
    edits: [{ file: FAILURE_DETECTOR, find: '|| hasJustBegun ', replace: '' }],
    fate: tests(LOST_HOSTS_SCHEDULES, 'the others live: false'),
  },
  {
    name: 'alive-by-a-heartbeat-that-waited',
    rule: 'I8',
    edits: [
      {
        file: FAILURE_DETECTOR,
        find: 'this.isAliveSince(incarnationId, this.#trustFromMs, nowMs)',
        replace: 'this.isAliveSince(incarnationId, Number.NEGATIVE_INFINITY, nowMs)',
      },
    ],
    fate: tests(DETECTOR_TESTS, 'proves no life'),
  },
  {
    name: 'heard-once-is-alive',
    rule: 'I8',
    edits: [
      {
        file: FAILURE_DETECTOR,
        find: 'return heardMs >= sinceMs && recent && this.death(incarnationId) === undefined;',
        replace:
          'return heardMs >= sinceMs && (recent || heardMs > 0) && this.death(incarnationId) === undefined;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'holds while the copy that it counts on is heard'),
  },
  {
    name: 'an-overruled-controller-goes-on',
    rule: 'H32',
    edits: [
      {
        file: FOLLOWERS,
        find: 'if (nowMs - sinceMs < this.#patienceMs) return;',
        replace: 'if (nowMs >= sinceMs) return;',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'H32: a recovery came to nothing'),
  },
  {
    name: 'an-overruled-controller-ends-at-once',
    rule: 'H32',
    edits: [
      {
        file: FOLLOWERS,
        find: 'const PATIENCE = 3',
        replace: 'const PATIENCE = 0',
      },
    ],
    fate: tests(OVERRULED_SCHEDULES, 'H32: a recovery that goes on'),
  },
  {
    name: 'who-is-overruled-once-is-for-ever',
    rule: 'H32',
    edits: [
      {
        file: FOLLOWERS,
        find: 'before !== undefined && nowMs - before.heardMs < this.#patienceMs',
        replace: 'before !== undefined',
      },
    ],
    fate: tests(FOLLOWERS_TESTS, 'by what a node said once'),
  },
  {
    name: 'yesterday-by-what-is-stored',
    rule: 'H32',
    edits: [
      {
        file: FOLLOWERS,
        find: 'obeyedVersion ?? mapVersion',
        replace: 'obeyedVersion === undefined ? mapVersion : mapVersion',
      },
      {
        file: STARTUP_GUARD,
        find: 'const adopted = obeyedVersion ?? mapVersion;',
        replace: 'const adopted = obeyedVersion === undefined ? mapVersion : mapVersion;',
      },
    ],
    fate: tests(MAPS_SCHEDULES, 'only obeys the map of today'),
  },
  {
    name: 'report-counts-whatever-a-look-shows',
    rule: 'R6',
    edits: [
      {
        file: LOOKS,
        find: 'detector.answeredLook(incarnationId);',
        replace: 'detector.refusedLook(incarnationId, sentMs);',
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
        find: "if (reply.kind !== 'failed' || isNobodyThere(reply)) {\n      if (this.#nowMs() - sentMs < times.lookMs) detector",
        replace: '{\n      detector',
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
        find: 'detector.answeredLook(incarnationId);',
        replace: 'detector.heard(incarnationId, this.#nowMs());',
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
        find: ' && reply.message.incarnation === incarnationId.incarnation',
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
        find: 'this.#underWay.set(incarnationId.node, incarnationId);',
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
    name: 'what-is-obeyed-counts-as-adopted',
    rule: 'H29',
    edits: [
      {
        file: OBSERVATIONS,
        find: 'const mapVersion = this.adopted.of(incarnationId);',
        replace: 'const mapVersion = this.obeyed.of(incarnationId);',
      },
    ],
    fate: tests(OBSERVATIONS_TESTS, 'could not be stored'),
  },
  {
    name: 'only-stored-fences-count',
    rule: 'R6',
    edits: [
      {
        file: OBSERVATIONS,
        find: `obeys: (incarnationId: IncarnationId, version: MapVersion) =>
        isAtLeast(this.obeyed.of(incarnationId), version),`,
        replace:
          'obeys: (incarnationId: IncarnationId, version: MapVersion) => isAtLeast(this.adopted.of(incarnationId), version),',
      },
    ],
    fate: tests(DECIDE_TESTS, 'acknowledges fences as a witness'),
  },
  {
    name: 'remove-without-witnesses',
    rule: 'R6',
    edits: [
      {
        file: PENDING,
        find: 'fence.blockedMs === undefined && isBlocked(map, fence, evidence)',
        replace: 'fence.blockedMs === undefined && (isBlocked(map, fence, evidence) || true)',
      },
    ],
    fate: tests(LEASES_SCHEDULES, 'the others may grant'),
  },
  {
    name: 'wait-counted-from-the-fence',
    rule: 'R6',
    edits: [
      {
        file: PENDING,
        find: 'fence.blockedMs = nowMs;',
        replace: 'fence.blockedMs = fence.atMs;',
      },
    ],
    fate: aimed('late-word'),
  },
  {
    name: 'one-frontend-decides',
    rule: 'H11',
    edits: [
      {
        file: REACHABILITY,
        find: 'return reports.length > 0 && 2 * reports.length >= this.#frontends.addresses.length;',
        replace: 'return reports.length > 0;',
      },
    ],
    fate: tests(CUTS_SCHEDULES, 'fewer than half say so'),
  },
  {
    name: 'most-nodes-avoided',
    rule: 'H11',
    edits: [
      {
        file: REACHABILITY,
        find: '2 * incarnationIds.length < present.length',
        replace: 'incarnationIds.length <= present.length',
      },
    ],
    fate: tests(CUTS_SCHEDULES, 'half of the nodes at most'),
  },
  {
    name: 'no-bar',
    rule: 'H11',
    edits: [
      {
        file: REACHABILITY,
        find: 'nowMs - saidMs < this.#times.rejoinBarMs',
        replace: 'nowMs - saidMs < this.#times.probeMs',
      },
    ],
    fate: tests(CUTS_SCHEDULES, 'half of them say so'),
  },
  {
    name: 'remove-without-fence-wait',
    rule: 'R6',
    edits: [
      {
        file: VIEW,
        find: 'this.#nowMs - blockedMs >= this.#times.fenceWaitMs',
        replace: 'this.#nowMs >= blockedMs',
      },
    ],
    fate: tests(LEASES_SCHEDULES, 'R6: '),
  },
  {
    name: 'stale-join-report',
    rule: 'H16',
    edits: [
      {
        file: VIEW,
        find: 'report.partition === partition && report.joinEpoch === joinEpoch',
        replace: 'report.partition === partition && joinEpoch > 0',
      },
    ],
    fate: tests(JOINS_SCHEDULES, 'H16: '),
  },
  {
    name: 'off-clock-keeps-its-replicas',
    rule: 'H31',
    edits: [
      {
        file: VIEW,
        find: ' || this.#clocks.isOff(incarnationId)',
        replace: '',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'gives up what others can have'),
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
    name: 'silent-node-is-never-replaced',
    rule: 'R8',
    edits: [
      { file: VIEW, find: 'this.#nowMs - lapsedMs < this.#times.replaceAfterMs', replace: 'true' },
    ],
    fate: tests(DECIDE_TESTS, 'while two others serve'),
  },
  {
    name: 'awaits-the-dead',
    rule: 'R8',
    edits: [
      {
        file: VIEW,
        find: ' || this.isDead(incarnationId)) return false;',
        replace: ') return false;',
      },
    ],
    fate: tests(DECIDE_TESTS, 'is dead for good'),
  },
  {
    name: 'vouched-for-is-never-given-up',
    rule: 'H11',
    edits: [
      {
        file: VIEW,
        find: 'return this.#reachability.isAvoided(incarnationId) && !isHeardItself;',
        replace: 'return false;',
      },
    ],
    fate: tests(CUTS_SCHEDULES, 'one that only a witness hears'),
  },
  {
    name: 'rests-while-somebody-is-waited-for',
    rule: 'R6',
    edits: [{ file: DECISION_LOOP, find: ' && this.#observations.pending.isEmpty;', replace: ';' }],
    fate: tests(DECISION_LOOP_TESTS, 'as often as it may'),
  },
  {
    name: 'rests-though-somebody-falls-silent',
    rule: 'R6',
    edits: [
      {
        file: DECISION_LOOP,
        find: 'Math.min(heartbeatMs / 2, untilMs - now + 1)',
        replace: 'heartbeatMs',
      },
    ],
    fate: tests(DECISION_LOOP_TESTS, 'who falls silent'),
  },
  {
    name: 'a-death-waits-for-the-next-look',
    rule: 'R6',
    edits: [
      {
        file: FAILURE_DETECTOR,
        find: `this.#deaths.set(keyOf(incarnationId), { node, incarnation, atMs: nowMs, returnsUntilMs });
    this.#news();`,
        replace:
          'this.#deaths.set(keyOf(incarnationId), { node, incarnation, atMs: nowMs, returnsUntilMs });',
      },
    ],
    fate: tests(DECISION_LOOP_TESTS, 'a life is said to be over'),
  },
];
