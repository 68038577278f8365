// A moment by both clocks of a process: where they go apart, the machine slept or its wall clock was set.

import type { Clock } from './ports.ts';

/** When a request was sent, on both clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}
