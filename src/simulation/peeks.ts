// Reads metrics of simulated nodes between two events; no time passes (`SimulatedNode.peek`).

import type { HttpRequest } from '../cluster/http/http.ts';
import type { SimulatedNode } from './node.ts';

export function plainGet(target: string): HttpRequest {
  return {
    method: 'GET',
    target,
    header: () => undefined,
    body: { kind: 'none' },
    fromLoopback: false,
  };
}

/** @returns the text of the node's metrics; empty while it does not run */
export function metricsOf(node: SimulatedNode): string {
  const reply = node.peek(plainGet('/metrics'));
  return reply === undefined ? '' : Buffer.from(reply.body).toString();
}

/**
 * @param name a metric without labels
 * @returns its value; 0 while the node does not run, or has no such metric
 */
export function figureOf(node: SimulatedNode, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metricsOf(node))?.[1] ?? 0);
}
