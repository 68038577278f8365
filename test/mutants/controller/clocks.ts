// Mutants of what a controller believes of the clocks and time scales of its nodes.

import { type Mutant, tests } from '../mutant.ts';

const LATENESS_TESTS = 'test/controller/observations/lateness.test.ts';
const LATENESS = 'src/controller/observations/lateness.ts';
const NODE_CLOCKS = 'src/controller/observations/node-clocks.ts';
const TIME_SCALES = 'src/controller/observations/time-scales.ts';

const CLOCKS_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const NODE_CLOCKS_TESTS = 'test/controller/observations/node-clocks.test.ts';
const TIME_SCALES_SCHEDULES = 'test/simulation/schedules-time-scales.test.ts';

export const CONTROLLER_CLOCKS_MUTANTS: readonly Mutant[] = [
  {
    name: 'controllers-clock-decides',
    rule: 'H31',
    edits: [
      {
        file: NODE_CLOCKS,
        find: 'medianOf([...told.map(({ own }) => own), this.#ownBase], near)',
        replace: 'this.#ownBase + 0 * near',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'of the controller, by'),
  },
  {
    name: 'half-of-the-clocks-decide',
    rule: 'H31',
    edits: [
      {
        file: NODE_CLOCKS,
        find: 'told.map(({ goesBy }) => goesBy),',
        replace: '[],',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'of the controller and a storage node of one host'),
  },
  {
    name: 'few-clocks-tell-the-time',
    rule: 'H31',
    edits: [
      {
        file: NODE_CLOCKS,
        find: '2 * (told.length + 1) > incarnationIds.length + 1;',
        replace: 'true;',
      },
    ],
    fate: tests(NODE_CLOCKS_TESTS, 'is told to nobody before'),
  },
  {
    name: 'waiting-heartbeats-tell-the-time',
    rule: 'H31',
    edits: [{ file: NODE_CLOCKS, find: ' || now < this.#trustFromMs', replace: '' }],
    fate: tests(NODE_CLOCKS_TESTS, 'is not told by what is late'),
  },
  {
    name: 'time-of-before-the-suspend-is-told',
    rule: 'H31',
    edits: [{ file: NODE_CLOCKS, find: '      this.#told = new LatestReport();\n', replace: '' }],
    fate: tests(NODE_CLOCKS_TESTS, 'is told again after a suspend'),
  },
  {
    name: 'off-at-once',
    rule: 'H31',
    edits: [
      {
        file: NODE_CLOCKS,
        find: 'nowMs - doubtedSinceMs < this.#times.clockDoubtMs',
        replace: 'nowMs < doubtedSinceMs',
      },
    ],
    fate: tests(NODE_CLOCKS_TESTS, 'that jumps forth and back'),
  },
  {
    name: 'most-clocks-are-off',
    rule: 'H31',
    edits: [
      { file: NODE_CLOCKS, find: '2 * off.length < told.length + 1 ? off : []', replace: 'off' },
    ],
    fate: tests(NODE_CLOCKS_TESTS, 'is not the wrong one when as many others'),
  },
  {
    name: 'registered-by-the-controllers-clock',
    rule: 'H31',
    edits: [
      {
        file: NODE_CLOCKS,
        find: 'const aheadMs = wallMs - this.time.wallMs();',
        replace: 'const aheadMs = wallMs - this.#own.wallMs();',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'of a controller that starts anew'),
  },
  {
    name: 'nobody-registers-after-a-wrong-time',
    rule: 'H31',
    edits: [{ file: NODE_CLOCKS, find: '!this.#isTold && Math.abs', replace: 'false && Math.abs' }],
    fate: tests(NODE_CLOCKS_TESTS, 'who registers is judged by the own clock'),
  },
  {
    name: 'nobody-counts-as-most',
    rule: 'H31',
    edits: [
      { file: NODE_CLOCKS, find: 'told.length > 0 && 2 *', replace: '2 *' },
      {
        file: NODE_CLOCKS,
        find: '    if (!this.#isTold) return;\n',
        replace: '    if (!this.#isTold || told.length === 0) return;\n',
      },
    ],
    fate: tests(NODE_CLOCKS_TESTS, 'who registers is judged by the own clock'),
  },
  {
    name: 'controller-shrinks-the-scale',
    rule: 'D12',
    edits: [
      {
        file: TIME_SCALES,
        find: 'if (timeScale <= scale) return map;',
        replace: 'if (timeScale > 0) return map;',
      },
    ],
    fate: tests(TIME_SCALES_SCHEDULES, 'does not start with a smaller one'),
  },
  {
    name: 'scale-of-a-cluster-is-not-kept',
    rule: 'D12',
    edits: [
      {
        file: TIME_SCALES,
        find: 'return { ...map, timeScale: Math.max(map.timeScale ?? scale, scale) };',
        replace: 'return map;',
      },
    ],
    fate: tests(TIME_SCALES_SCHEDULES, 'that is larger waits longer'),
  },
  {
    name: 'scale-of-a-slip-is-kept',
    rule: 'D12',
    edits: [
      {
        file: TIME_SCALES,
        find: 'if (timeScale <= scale) return map;',
        replace: 'if (timeScale <= scale) return { ...map, timeScale: scale };',
      },
    ],
    fate: tests(TIME_SCALES_SCHEDULES, 'by mistake'),
  },
  {
    name: 'a-late-heartbeat-is-news',
    rule: 'H45',
    edits: [
      {
        file: LATENESS,
        find: 'return Math.max(0, nowMs - echo.stampMs - echo.agoMs);',
        replace: 'return 0;',
      },
    ],
    fate: tests(LATENESS_TESTS, 'held up'),
  },
];
