// Generations: each start of a controller opens one before it publishes anything, so that no two controllers ever
// publish the same version (I1, H32).

import { askedFor, type ClusterMap, type Generation } from '../../cluster/model/cluster-map.ts';
import { GENERATION_MAX } from '../../cluster/model/identity.ts';
import type { Runtime } from '../../cluster/ports.ts';

/**
 * Takes the generation from the clock and draws a nonce. Two controllers that do not know of each other may open the
 * same number in the same second: two that start from copies of one state, or one that starts from its state while
 * another recovers.
 * @param above the highest generation that is known to be used
 * @returns undefined when no generation above it is left
 */
export function openGeneration(
  above: number,
  { clock, random }: Pick<Runtime, 'clock' | 'random'>,
): Generation | undefined {
  const generation = Math.max(above + 1, Math.floor(clock.wallMs() / 1000));
  return generation > GENERATION_MAX ? undefined : { generation, nonce: random.token() };
}

/** The same map as the first one of a new generation. */
export function reopened(map: ClusterMap, generation: Generation): ClusterMap {
  const asked = askedFor(map);
  return {
    ...map,
    version: { ...generation, number: 1 },
    openedFrom: map.version,
    recoveredAs: { generation: asked.generation, nonce: asked.nonce },
  };
}

export function isSameGeneration(a: Generation, b: Generation): boolean {
  return a.generation === b.generation && a.nonce === b.nonce;
}

/** Explains the error. @param where the highest possible generation was found */
export function noGenerationLeft(where: string): string {
  return `${where} has a generation of ${GENERATION_MAX} or more, which no clock says, and no controller can open one above it`;
}
