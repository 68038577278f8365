// How a node knows that `velour local` is its parent, and tells it why it ends: the log has that as well, and much after it.

import { WORKER_VARIABLE } from '../cluster/http/worker-group.ts';
import { Malformed, object, text } from '../cluster/wire/shapes.ts';

/** Set by `velour local` in its children, which must not outlive it. */
export const CHILD_VARIABLE = 'VELOUR_LOCAL_CHILD';

const WHY_LENGTH_MAX = 10_000;

const lastWords = object({ why: text({ max: WHY_LENGTH_MAX }) });

/** To be called just before the process exits. */
export function tellParent(why: string): void {
  // The parent of a worker is the primary, which says why it ends itself.
  if (process.env[CHILD_VARIABLE] === undefined || process.env[WORKER_VARIABLE] !== undefined)
    return;
  process.send?.({ why: why.slice(0, WHY_LENGTH_MAX) }, undefined, undefined, () => undefined);
}

/** @returns undefined for a message that has none */
export function lastWordsIn(message: unknown): string | undefined {
  try {
    return lastWords(message).why;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
