// What becomes of failures that the application does not ask to be told: warnings of its process, a few and not one for each
// request while the brokers are away.

import type { Clock } from '../cluster/ports.ts';

/** Between two warnings. */
export const WARN_MS = 60_000;

/** @returns what takes each failure; it warns of the first one, and then of one a minute, with how many there were besides */
export function warningsOf(
  clock: Pick<Clock, 'monotonicMs'>,
  warn: (message: string, name: string) => void,
): (error: Error) => void {
  let nextMs = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  return ({ name, message }) => {
    const nowMs = clock.monotonicMs();
    if (nowMs < nextMs) {
      unsaid++;
      return;
    }
    nextMs = nowMs + WARN_MS;
    const besides = unsaid === 0 ? '' : ` (and ${unsaid} more failures since the last warning)`;
    unsaid = 0;
    warn(`${message}${besides}`, name);
  };
}
