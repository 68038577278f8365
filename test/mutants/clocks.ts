// Mutants of clocks that are wrong, and time scales that differ.

import { type Mutant, tests } from './mutant.ts';

const SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const SUSPENDS = 'test/simulation/schedules-suspends.test.ts';
const SCALES = 'test/simulation/schedules-time-scales.test.ts';
const NODE_CLOCKS_TEST = 'test/controller/observations/node-clocks.test.ts';
const CLOCK = 'src/cluster/model/cluster-clock.ts';
const NODE_CLOCKS = 'src/controller/observations/node-clocks.ts';
const KV = 'src/frontend/gateways/kv/kv.ts';
const LIFE = 'src/storage/node-incarnation.ts';
const LEASE = 'src/storage/lease.ts';
const CONTROLLER = 'src/controller/controller.ts';

const WHOSE_TIME: readonly Mutant[] = [
  {
    name: 'own-clock-always',
    rule: 'H31',
    edits: [
      {
        file: CLOCK,
        find: '(this.#isFarOff() ? this.wallMs() : this.#own.wallMs())',
        replace: 'this.#own.wallMs()',
      },
    ],
    fate: tests(SCHEDULES, 'H31: a frontend whose clock is off'),
  },
  {
    name: 'ttl-by-own-clock',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'clock.wallMs() + ttlSeconds',
        replace: 'clock.forVersions.wallMs() + ttlSeconds',
      },
    ],
    fate: tests(SCHEDULES, 'a ttl is as long as it was said'),
  },
  {
    name: 'node-judges-by-own-clock',
    rule: 'H31',
    edits: [
      {
        file: LIFE,
        find: '      store,\n      clock,\n',
        replace: '      store,\n      runtime.clock,\n',
      },
    ],
    fate: tests(SCHEDULES, 'of a storage node, by'),
  },
  {
    name: 'node-forgets-by-own-clock',
    rule: 'H31',
    edits: [{ file: LIFE, find: '{ ...runtime, clock },', replace: 'runtime,' }],
    fate: tests(SCHEDULES, 'is not what lives'),
  },
  {
    name: 'late-answer-tells-the-time',
    rule: 'H31',
    edits: [
      {
        file: CLOCK,
        find: 'if (this.isKnown && now - askedMs > ROUND_TRIP_MS_MAX) return;',
        replace: '',
      },
    ],
    fate: tests('test/cluster/model/cluster-clock.test.ts', 'half-way between question and answer'),
  },
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
    fate: tests(SCHEDULES, 'of the controller, by'),
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
    fate: tests(SCHEDULES, 'of the controller and a storage node of one host'),
  },
  {
    name: 'few-clocks-tell-the-time',
    rule: 'H31',
    edits: [
      {
        file: NODE_CLOCKS,
        find: '2 * (told.length + 1) > lives.length + 1;',
        replace: 'true;',
      },
    ],
    fate: tests(NODE_CLOCKS_TEST, 'is told to nobody before'),
  },
  {
    name: 'waiting-heartbeats-tell-the-time',
    rule: 'H31',
    edits: [{ file: NODE_CLOCKS, find: ' || now < this.#trustFromMs', replace: '' }],
    fate: tests(NODE_CLOCKS_TEST, 'is not told by what is late'),
  },
  {
    name: 'time-of-before-the-suspend-is-told',
    rule: 'H31',
    edits: [{ file: NODE_CLOCKS, find: '      this.#told = new LastWords();\n', replace: '' }],
    fate: tests(NODE_CLOCKS_TEST, 'is told again after a suspend'),
  },
];

const WHO_IS_OFF: readonly Mutant[] = [
  {
    name: 'off-clock-keeps-its-replicas',
    rule: 'H31',
    edits: [
      {
        file: 'src/controller/observations/view.ts',
        find: ' || this.#clocks.isOff(life)',
        replace: '',
      },
    ],
    fate: tests(SCHEDULES, 'gives up what others can have'),
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
    fate: tests(NODE_CLOCKS_TEST, 'that jumps forth and back'),
  },
  {
    name: 'most-clocks-are-off',
    rule: 'H31',
    edits: [
      { file: NODE_CLOCKS, find: '2 * off.length < told.length + 1 ? off : []', replace: 'off' },
    ],
    fate: tests(NODE_CLOCKS_TEST, 'is not the wrong one when as many others'),
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
    fate: tests(SCHEDULES, 'of a controller that starts anew'),
  },
];

const SUSPENDED: readonly Mutant[] = [
  {
    name: 'lease-outlives-a-suspend',
    rule: 'H4',
    edits: [
      {
        file: LEASE,
        find: 'apartMs > this.#suspendMs ? 0 : Math.max',
        replace: 'apartMs < 0 ? 0 : Math.max',
      },
    ],
    fate: tests(SUSPENDS, 'until its node was removed answers no get'),
  },
  {
    name: 'lease-by-the-time-of-the-cluster',
    rule: 'H4',
    edits: [
      { file: LIFE, find: 'new Lease(runtime.clock, times)', replace: 'new Lease(clock, times)' },
    ],
    fate: tests(SUSPENDS, 'until its node was removed answers no get'),
  },
  {
    name: 'lease-bears-half-of-itself',
    rule: 'H4',
    edits: [
      { file: LEASE, find: 'apartMs > this.#suspendMs', replace: 'apartMs > this.#leaseMs / 2' },
    ],
    fate: tests('test/storage/lease.test.ts', 'has lapsed when the fence wait is over'),
  },
];

const DOUBTED: readonly Mutant[] = [
  {
    name: 'stamped-with-the-time-of-before-the-sleep',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = clock.isKnown;',
      },
    ],
    fate: tests('test/simulation/schedules-expiry.test.ts', 'that has just slept'),
  },
  {
    name: 'stamped-before-anybody-told-the-time',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = !clock.isInDoubt();',
      },
    ],
    fate: tests('test/simulation/schedules-expiry.test.ts', 'has only just been started'),
  },
  {
    name: 'others-of-before-the-sleep-still-count',
    rule: 'H31',
    edits: [{ file: CLOCK, find: '      this.#told.clear();\n', replace: '' }],
    fate: tests('test/cluster/model/cluster-clock.test.ts', 'is in doubt until'),
  },
  {
    name: 'answer-of-during-the-sleep-tells-the-time',
    rule: 'H31',
    edits: [
      {
        file: CLOCK,
        find: 'if (Math.abs(asked.wallMs - askedMs - this.#ownBase) > OWN_JUMP_MS) return;',
        replace: '',
      },
    ],
    fate: tests('test/cluster/model/cluster-clock.test.ts', 'is in doubt until'),
  },
  {
    name: 'waits-for-the-time-without-end',
    rule: 'H31',
    edits: [
      {
        file: KV,
        find: 'timers.after(lastRoundMs(times), () => {',
        replace: 'timers.after(1000 * lastRoundMs(times), () => {',
      },
    ],
    fate: tests('test/simulation/schedules-expiry.test.ts', 'nobody tells the time'),
  },
];

const SCALED: readonly Mutant[] = [
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
    fate: tests(SCALES, 'as a storage node is not registered'),
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
    fate: tests(SCALES, 'as a frontend gets no map'),
  },
  {
    name: 'any-scale-opens-streams',
    rule: 'D12',
    edits: [
      {
        file: 'src/storage/operation-links.ts',
        find: 'if (other !== undefined) {',
        replace: 'if (other === this.#reported && other !== undefined) {',
      },
    ],
    fate: tests(SCALES, 'opens no stream'),
  },
  {
    name: 'unsaid-scale-is-any',
    rule: 'D12',
    edits: [
      {
        file: 'src/cluster/model/time-scale.ts',
        find: 'timeScale = UNSAID } = theirs',
        replace: 'timeScale = own.timeScale } = theirs',
      },
    ],
    fate: tests('test/cluster/model/time-scale.test.ts', 'are not'),
  },
  {
    name: 'controller-shrinks-the-scale',
    rule: 'D12',
    edits: [
      {
        file: 'src/controller/observations/time-scales.ts',
        find: 'if (timeScale <= scale) return map;',
        replace: 'if (timeScale > 0) return map;',
      },
    ],
    fate: tests(SCALES, 'does not start with a smaller one'),
  },
  {
    name: 'scale-of-a-cluster-is-not-kept',
    rule: 'D12',
    edits: [
      {
        file: 'src/controller/observations/time-scales.ts',
        find: 'return { ...map, timeScale: Math.max(map.timeScale ?? scale, scale) };',
        replace: 'return map;',
      },
    ],
    fate: tests(SCALES, 'that is larger waits longer'),
  },
  {
    name: 'scale-of-a-slip-is-kept',
    rule: 'D12',
    edits: [
      {
        file: 'src/controller/observations/time-scales.ts',
        find: 'if (timeScale <= scale) return map;',
        replace: 'if (timeScale <= scale) return { ...map, timeScale: scale };',
      },
    ],
    fate: tests(SCALES, 'by mistake'),
  },
  {
    name: 'living-node-ends-for-its-scale',
    rule: 'D12',
    edits: [
      {
        file: 'src/storage/registration.ts',
        find: 'if (isOfOtherScale && this.#incarnation === undefined) {',
        replace: 'if (isOfOtherScale) {',
      },
    ],
    fate: tests(SCALES, 'without its state ends nobody'),
  },
];

export const CLOCK_MUTANTS: readonly Mutant[] = [
  ...WHOSE_TIME,
  ...WHO_IS_OFF,
  ...SUSPENDED,
  ...DOUBTED,
  ...SCALED,
  {
    name: 'nobody-registers-after-a-wrong-time',
    rule: 'H31',
    edits: [{ file: NODE_CLOCKS, find: '!this.#isTold && Math.abs', replace: 'false && Math.abs' }],
    fate: tests(NODE_CLOCKS_TEST, 'who registers is judged by the own clock'),
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
    fate: tests(NODE_CLOCKS_TEST, 'who registers is judged by the own clock'),
  },
];
