// What simulated nodes say of themselves when they are asked between two events. That no time passes is node.ts's.

import type { SimulatedNode } from './node.ts';
import { bytesOf, plainGet } from './requests.ts';

/** Nothing of a node that does not live. */
export function metricsOf(node: SimulatedNode): string {
  const reply = node.peek(plainGet('/metrics'));
  return reply === undefined ? '' : bytesOf(reply).toString();
}

/** @returns 0 where the node does not live, or has no such metric without labels */
export function figureOf(node: SimulatedNode, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metricsOf(node))?.[1] ?? 0);
}
