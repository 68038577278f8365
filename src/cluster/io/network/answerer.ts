// Finds out what answers at an address: a node and its role, something else, or nothing.

import { ask, type Silence } from '../../cluster/io/network/ask.ts';
import type { Names } from '../../cluster/io/network/names.ts';
import type { Address } from '../../cluster/model/identity.ts';
import { readMetrics } from './read-metrics.ts';

/** What people call a node of a role, where that is not the role's own name. */
const ROLE_TEXTS: ReadonlyMap<string, string> = new Map([
  ['storage', 'storage node'],
  ['fileserver', 'file server'],
]);

export type Answerer =
  | Silence
  | { readonly kind: 'foreign' }
  | { readonly kind: 'node'; readonly role: string };

export async function answererAt(
  address: Address,
  timeoutMs: number,
  names: Names,
): Promise<Answerer> {
  const told = await ask({ address, path: '/metrics', timeoutMs }, names);
  if (told.kind === 'silent') return told;
  const { role } = readMetrics(told.text);
  return role === undefined ? { kind: 'foreign' } : { kind: 'node', role };
}

/** @returns the answerer in words, such as `a frontend` */
export function describeAnswerer(answerer: Exclude<Answerer, Silence>): string {
  if (answerer.kind === 'foreign') return 'no node of velour-fog';
  return `a ${ROLE_TEXTS.get(answerer.role) ?? answerer.role}`;
}
