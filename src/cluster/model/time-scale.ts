// The scale of the protocol times (D12), as nodes tell it to each other. A lease that lasts ten times as long as
// the controller waits for its end would be one that answers gets after its node was replaced; so whoever has
// another scale than the one that is asked is refused.

import { optional, positive } from '../wire/shapes.ts';

/** Whoever does not say it is older software, and counts as one without the option. */
const UNSAID = 1;

export const timeScale = optional(positive);

/** @returns what is wrong, naming both; undefined when they are the same */
export function otherTimeScale(
  theirs: { readonly who: string; readonly timeScale: number | undefined },
  own: { readonly who: string; readonly timeScale: number },
): string | undefined {
  const { who, timeScale = UNSAID } = theirs;
  if (timeScale === own.timeScale) return undefined;
  return `${who} has --time-scale ${timeScale}, and ${own.who} has ${own.timeScale}: start all of a cluster with the same`;
}
