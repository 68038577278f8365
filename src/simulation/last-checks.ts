// Checks at the end of a run that need no history: that no message was unreadable, and that nothing still waits.

import type { SimulatedNode } from './node.ts';
import { figureOf } from './peeks.ts';

/** No process may log these while all run the same software: each reports a message that could not be read. */
const NOBODY_LOGS = [
  'answer refused',
  'operation refused',
  'control message refused',
  'a promise cannot be used',
  'a request failed',
];

/** What was unreadable is retried or sent elsewhere, so clients may never notice. */
export function notUnderstood(occurred: ReadonlyMap<string, number>): readonly string[] {
  return NOBODY_LOGS.flatMap((line) => {
    const times = occurred.get(line);
    return times === undefined ? [] : [`logged, ${times} times: ${line}`];
  });
}

/** H41: no coalesced set still waits at a frontend. */
export function stillWaiting(frontends: readonly SimulatedNode[]): readonly string[] {
  return frontends.flatMap((node) => {
    const waiting = figureOf(node, 'velourfog_waiting_sets');
    if (waiting === 0) return [];
    return [`one answer: ${waiting} sets still wait at ${node.process.name}`];
  });
}
