// One moment on both clocks of a process. If the two moved by different amounts since, the machine slept or its wall
// clock was set.

import type { Clock } from './ports.ts';

/** Usually the moment when a request was sent. Milliseconds, the wall clock's since 1970. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}
