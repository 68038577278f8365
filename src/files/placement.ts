// Where the copies of a blob belong: weighted rendezvous hashing over the file servers that are `in` (FILES.md, 1). Pure: every
// process computes the same places from the same map, so that no record of places can lie. Who is up is not asked here.

import { hash } from 'node:crypto';
import type { FileServerEntry, FileServers } from '../cluster/model/file-server.ts';
import type { NodeId } from '../cluster/model/identity.ts';
import { type BlobId, randomPartOf } from './blob-id.ts';

export interface PlacedServer {
  readonly id: NodeId;
  readonly entry: FileServerEntry;
}

const UNIFORM = 2 ** 48;
const UNIFORM_DIGITS = 12;

/**
 * All file servers that are `in`, the first N of which are to have the copies of a blob of N copies. Servers of distinct
 * hosts come first, so that a host takes at most one copy with it, as far as there are hosts. A server that comes or
 * goes moves only the blobs that it gains or had (Thaler and Ravishankar; the weights are of Schindelhauer and Schomaker).
 */
export function placementOf(
  blob: BlobId,
  servers: FileServers | undefined,
): readonly PlacedServer[] {
  const random = randomPartOf(blob);
  const scored = Object.entries(servers ?? {})
    .filter(([, entry]) => entry.state === 'in')
    .map(([id, entry]) => ({ id: id as NodeId, entry, score: scoreOf(random, id, entry.weight) }))
    // The ids break a tie, which all processes must break alike.
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    .map(({ id, entry }) => ({ id, entry }));
  return distinctHostsFirst(scored);
}

/**
 * Whoever takes only some of the servers of a placement, such as those that are up, puts them in order again: the next one
 * may be of a host that has a copy, while another host is left.
 * @param holders whose hosts have a copy
 * @returns the servers in their order, but those of hosts that have a copy by then last
 */
export function distinctHostsFirst(
  servers: readonly PlacedServer[],
  holders: readonly PlacedServer[] = [],
): readonly PlacedServer[] {
  const hosts = new Set(holders.map(({ entry }) => entry.host));
  const first: PlacedServer[] = [];
  const rest: PlacedServer[] = [];
  for (const server of servers) {
    (hosts.has(server.entry.host) ? rest : first).push(server);
    hosts.add(server.entry.host);
  }
  return [...first, ...rest];
}

/** With u uniform in (0, 1), the highest of all -weight / ln(u) is a server's with a chance in proportion to its weight. */
function scoreOf(random: string, id: string, weight: number): number {
  const digest = hash('sha256', `${random} ${id}`, 'hex').slice(0, UNIFORM_DIGITS);
  const u = (Number.parseInt(digest, 16) + 0.5) / UNIFORM;
  return -weight / Math.log(u);
}
