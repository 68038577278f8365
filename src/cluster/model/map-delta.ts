// A map as what changed since one that the receiver has (H38). Maps come in rows when replicas move, and each
// changes a few of its hundreds or thousands of entries; to check and to take over all of them again costs every
// node milliseconds that gets and sets wait for.

import { dictionary, Malformed, Misshapen, object, type Shape } from '../wire/shapes.ts';
import {
  type ClusterMap,
  checkMembers,
  compareGenerations,
  compareMapVersions,
  entryShape,
  isSameCluster,
  type MapVersion,
  mapHead,
  mapVersion,
  type PartitionEntry,
} from './cluster-map.ts';
import { DIGITS_MAX } from './limits.ts';
import { partitionCount } from './partition.ts';

export interface MapDelta extends Omit<ClusterMap, 'partitions'> {
  /** The map that this is to be laid over, or a later one of its generation. */
  readonly since: MapVersion;
  /** The entries that are not as they were in that map, by partition. */
  readonly partitions: Readonly<Record<string, PartitionEntry>>;
}

export const mapDelta: Shape<MapDelta> = object({
  ...mapHead,
  since: mapVersion,
  partitions: dictionary(entryShape, { max: partitionCount(DIGITS_MAX) }),
});

/** What a message says of the sender's map: all of it, what changed, or nothing. */
export type MapNews = {
  readonly map: ClusterMap | undefined;
  readonly delta: MapDelta | undefined;
};

/** What somebody who asks for news has, and whether what changed is enough for him. */
export interface MapAsker {
  readonly since: MapVersion;
  readonly deltas: boolean;
}

/** What must be kept of a map to tell what changed since. */
export type MapBase = Pick<ClusterMap, 'version' | 'partitions'>;

/** @param base an earlier map of the same generation, which shares the entries that did not change */
export function deltaBetween(base: MapBase, map: ClusterMap): MapDelta {
  const { partitions: entries, ...head } = map;
  const partitions: Record<string, PartitionEntry> = {};
  for (const [partition, entry] of entries.entries()) {
    if (entry !== base.partitions[partition]) partitions[partition] = entry;
  }
  return { ...head, since: base.version, partitions };
}

export type Received =
  | { readonly kind: 'none' }
  | { readonly kind: 'map'; readonly map: ClusterMap }
  /** Something changed, but since a map that we do not have: the whole one must be asked for. */
  | { readonly kind: 'unusable' };

/** @param known the receiver's map; the one that comes out shares what did not change with it */
export function received({ map, delta }: MapNews, known: ClusterMap | undefined): Received {
  if (map !== undefined) return { kind: 'map', map };
  if (delta === undefined) return { kind: 'none' };
  if (known === undefined || !isSameCluster(delta, known)) return { kind: 'unusable' };
  if (compareMapVersions(delta.version, known.version) <= 0) return { kind: 'none' };
  // A generation is one controller's, whose maps follow each other (I1): what was changed between `since` and
  // ours is named as well, as it is now. An older map than `since` may have entries that are not.
  const versions = [delta.since, delta.version];
  if (versions.some((version) => compareGenerations(version, known.version) !== 0)) {
    return { kind: 'unusable' };
  }
  if (delta.since.number > known.version.number) return { kind: 'unusable' };
  try {
    return { kind: 'map', map: laidOver(known, delta) };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'unusable' };
    throw error;
  }
}

function laidOver(base: ClusterMap, { since: _since, ...delta }: MapDelta): ClusterMap {
  const partitions = [...base.partitions];
  for (const [partition, entry] of Object.entries(delta.partitions)) {
    const index = Number(partition);
    if (String(index) !== partition || base.partitions[index] === undefined) {
      throw new Misshapen('is not in the map', `partitions[${partition}]`);
    }
    partitions[index] = entry;
  }
  const map = { ...delta, partitions };
  // An entry that is as it was can name a node that is gone.
  const isNodeGone = Object.keys(base.nodes).some((node) => !Object.hasOwn(map.nodes, node));
  for (const [partition, entry] of partitions.entries()) {
    if (isNodeGone || entry !== base.partitions[partition]) checkMembers(map, partition, entry);
  }
  return map;
}
