// Generations: what each start of a controller opens before it publishes anything, so that no two ever publish
// one version (I1, H32).

import { askedFor, type ClusterMap, type Generation } from '../../cluster/model/cluster-map.ts';
import { GENERATION_MAX } from '../../cluster/model/identity.ts';
import type { Runtime } from '../../cluster/ports.ts';

/**
 * By the clock, and with a nonce of its own: two controllers that know nothing of each other, such as two that
 * start from copies of one state, or one that starts from its state while another recovers, may open the same
 * number in the same second.
 * @param above every generation that is known to be used
 * @returns undefined when there is none left above those
 */
export function openGeneration(
  above: number,
  { clock, random }: Pick<Runtime, 'clock' | 'random'>,
): Generation | undefined {
  const generation = Math.max(above + 1, Math.floor(clock.wallMs() / 1000));
  return generation > GENERATION_MAX ? undefined : { generation, nonce: random.token() };
}

/** The map of before, in the generation that was opened from it. */
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

/** @param where the generation was found that nothing can be above */
export function noGenerationLeft(where: string): string {
  return `${where} has a generation of ${GENERATION_MAX} or more, which no clock says, and no controller can open one above it`;
}
