// Mutants of what a frontend answers its clients.

import { type Mutant, tests } from './mutant.ts';

const TIMED = 'src/frontend/gateways/timed-writes.ts';

const CLOCKS_SCHEDULES = 'test/simulation/schedules-clocks.test.ts';
const EXPIRY_SCHEDULES = 'test/simulation/schedules-expiry.test.ts';

export const FRONTEND_MUTANTS: readonly Mutant[] = [
  {
    name: 'ttl-by-own-clock',
    rule: 'H31',
    edits: [
      {
        file: TIMED,
        find: 'clock.wallMs() + ttlSeconds',
        replace: 'clock.forVersions.wallMs() + ttlSeconds',
      },
    ],
    fate: tests(CLOCKS_SCHEDULES, 'a ttl is as long as it was said'),
  },
  {
    name: 'stamped-with-the-time-of-before-the-sleep',
    rule: 'H31',
    edits: [
      {
        file: TIMED,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = clock.isKnown;',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'that has just slept'),
  },
  {
    name: 'stamped-before-anybody-told-the-time',
    rule: 'H31',
    edits: [
      {
        file: TIMED,
        find: 'const isSure = clock.isKnown && !clock.isInDoubt();',
        replace: 'const isSure = !clock.isInDoubt();',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'has only just been started'),
  },
  {
    name: 'waits-for-the-time-without-end',
    rule: 'H31',
    edits: [
      {
        file: TIMED,
        find: 'timers.after(lastRoundMs(times), () => {',
        replace: 'timers.after(1000 * lastRoundMs(times), () => {',
      },
    ],
    fate: tests(EXPIRY_SCHEDULES, 'nobody tells the time'),
  },
];
