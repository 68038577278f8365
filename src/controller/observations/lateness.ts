// How old a heartbeat is (H45). What a cut holds up TCP repeats afterwards, also what a process said that is dead since, so
// a heartbeat may come seconds after it was sent. Taken for news it would set the time of the cluster back (H31), and
// show who is silent or dead as alive (R6, I8).

import type { Times } from '../../cluster/model/limits.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';

/**
 * @param nowMs by the clock of the stamps
 * @returns how long both were on their way together: the answer that the heartbeat echoes, and the heartbeat itself; 0
 *   where that is not known, as with the first heartbeat of a life, after a start of the controller, and of older software
 */
export function ageMs({ echo }: Pick<HeartbeatRequest, 'echo'>, nowMs: number): number {
  if (echo === undefined) return 0;
  // Negative: the stamp is of a controller before this one, which ran for longer.
  return Math.max(0, nowMs - echo.stampMs - echo.agoMs);
}

/** So late that its sender has given it up: it counts as one that was lost. */
export function isLate(
  message: Pick<HeartbeatRequest, 'echo'>,
  nowMs: number,
  { controlCallMs }: Pick<Times, 'controlCallMs'>,
): boolean {
  return ageMs(message, nowMs) > controlCallMs;
}
