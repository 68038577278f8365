// Reads metrics of simulated nodes between two events; no time passes (`SimulatedNode.peek`).

import type { SimulatedNode } from './node.ts';
import { bytesOf, plainGet } from './requests.ts';

/** @returns the text of the node's metrics; empty while it does not run */
export function metricsOf(node: SimulatedNode): string {
  const reply = node.peek(plainGet('/metrics'));
  return reply === undefined ? '' : bytesOf(reply).toString();
}

/**
 * @param name a metric without labels
 * @returns its value; 0 while the node does not run, or has no such metric
 */
export function figureOf(node: SimulatedNode, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metricsOf(node))?.[1] ?? 0);
}
