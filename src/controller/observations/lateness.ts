// The age of a heartbeat (H45). TCP retransmits after a network cut, even what a dead process sent, so a heartbeat may
// arrive seconds late. Taken as current, it would set the time of the cluster back (H31), and show silent or dead
// nodes as alive (R6, I8).

import type { Times } from '../../cluster/model/limits.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';

/**
 * @param echo the stamp of the reply that the heartbeat answers, and how long ago the node received that reply
 * @param nowMs by the clock of the stamps, the controller's monotonic one
 * @returns how long the echoed reply and the heartbeat travelled together, in milliseconds; 0 when unknown: for the
 *   first heartbeat of an incarnation, after a start of the controller, and from older software
 */
export function ageMs({ echo }: Pick<HeartbeatRequest, 'echo'>, nowMs: number): number {
  if (echo === undefined) return 0;
  // Negative when the stamp is of an earlier controller process, whose clock was ahead of this one's.
  return Math.max(0, nowMs - echo.stampMs - echo.agoMs);
}

/** Whether the heartbeat is so late that its sender has given it up; it then counts as lost. */
export function isLate(
  message: Pick<HeartbeatRequest, 'echo'>,
  nowMs: number,
  { controlCallMs }: Pick<Times, 'controlCallMs'>,
): boolean {
  return ageMs(message, nowMs) > controlCallMs;
}
