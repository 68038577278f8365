// Makes the reply of a storage node to the sender of a map. Whether the node adopts the map is decided in
// map-adoption.ts. A map that cannot be written is not refused: the node obeys its restrictions, and the versions in
// the reply say so.

import { nodeEntry } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { MapPushReply } from '../../cluster/wire/control-messages.ts';
import { Refused } from '../../cluster/wire/control-table.ts';
import type { AdoptionOutcome } from './map-adoption.ts';
import type { Replica } from './replica.ts';

/** The error with which a map is refused, by the outcome of its adoption. */
const REFUSED_MAPS: Readonly<
  Partial<Record<AdoptionOutcome, ConstructorParameters<typeof Refused>>>
> = {
  'other-cluster': [
    'other-cluster',
    'this node belongs to another cluster, or one of other digits',
  ],
  'not-over-this-map': ['not-ready', 'this node has not the map that this changed since'],
  overruled: ['overruled', "a controller of a later generation has this node's promise"],
  'stale-lineage': ['overruled', 'its controller started from an older map than this node has'],
  'not-promised': ['not-ready', 'the recovery that froze partitions has not heard this node yet'],
  ended: ['not-ready', 'this life of the node is over'],
  'not-from-controller': ['not-ready', 'the first map comes from the controller'],
};

export function replyToMap(
  outcome: AdoptionOutcome,
  replica: Replica | undefined,
): MapPushReply | Refused {
  if (replica === undefined) return new Refused('not-ready', 'not registered yet');
  const refused = REFUSED_MAPS[outcome];
  if (refused !== undefined) return new Refused(...refused);
  const { incarnation, mapVersion, obeyedVersion } = replica;
  return { incarnation, mapVersion, obeyedVersion };
}

/** @returns why the node cannot serve by its map, or undefined when it can */
export function mapProblem(node: NodeId, replica: Replica | undefined): string | undefined {
  if (replica?.map === undefined) return 'no cluster map adopted yet';
  return nodeEntry(replica.map, node)?.incarnation === replica.incarnation
    ? undefined
    : 'the adopted map does not name this life of the node yet';
}
