// Compares the scale of the protocol times (D12) of two processes. A node whose leases last ten times as long as the
// controller waits for their end would answer gets after it was replaced, so a request that carries another scale is
// refused.

import { optional, positive } from '../wire/shapes.ts';

/** Older software sends no scale, and runs with that of a process without the option. */
const UNSAID = 1;

export const timeScale = optional(positive);

/** @returns a text that names both scales; undefined when they are the same */
export function otherTimeScale(
  theirs: { readonly who: string; readonly timeScale: number | undefined },
  own: { readonly who: string; readonly timeScale: number },
): string | undefined {
  const { who, timeScale = UNSAID } = theirs;
  if (timeScale === own.timeScale) return undefined;
  return `${who} has --time-scale ${timeScale}, and ${own.who} has ${own.timeScale}: start all of a cluster with the same`;
}
