// Finds out what answers at an address: a node and its role, something else, or nothing.

import { readMetrics } from '../../http/read-metrics.ts';
import type { Address } from '../../model/identity.ts';
import { ask, type Silence } from './ask.ts';
import type { Names } from './names.ts';

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
  // A broker is a port of a frontend, whose metrics it shows.
  const role = told.role ?? readMetrics(told.text).role;
  return role === undefined ? { kind: 'foreign' } : { kind: 'node', role };
}

/** @returns the answerer in words, such as `a frontend` */
export function describeAnswerer(answerer: Exclude<Answerer, Silence>): string {
  if (answerer.kind === 'foreign') return 'no node of velour-fog';
  return `a ${ROLE_TEXTS.get(answerer.role) ?? answerer.role}`;
}

/** @returns what answers in place of a controller, in words; undefined where one does, or nothing */
export async function otherThanController(
  address: Address,
  timeoutMs: number,
  names: Names,
): Promise<string | undefined> {
  const answerer = await answererAt(address, timeoutMs, names);
  if (answerer.kind === 'silent') return undefined;
  if (answerer.kind === 'node' && answerer.role === 'controller') return undefined;
  return `what answers at ${address} is ${describeAnswerer(answerer)}, and no controller`;
}
