// A map expressed as the changes since one that the receiver has (H38). While replicas move, maps follow each other
// quickly, and each changes a few of hundreds or thousands of entries: checking and adopting all of them each time
// would cost every node milliseconds that gets and sets wait for.

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
  /** The version that the changes count from; a later map of the same generation will do as well. */
  readonly since: MapVersion;
  /** The entries that differ from that map, by partition number. */
  readonly partitions: Readonly<Record<string, PartitionEntry>>;
}

export const mapDelta: Shape<MapDelta> = object({
  ...mapHead,
  since: mapVersion,
  partitions: dictionary(entryShape, { max: partitionCount(DIGITS_MAX) }),
});

/** What a message carries of the sender's map: all of it, the changes, or nothing. */
export type MapNews = {
  readonly map: ClusterMap | undefined;
  readonly delta: MapDelta | undefined;
};

/** Which map the asker has, and whether it understands deltas. */
export interface MapAsker {
  readonly since: MapVersion;
  readonly deltas: boolean;
}

/** The part of an earlier map that a delta is computed from. */
export type MapBase = Pick<ClusterMap, 'version' | 'partitions'>;

/** @param base an earlier map of the same generation that shares each unchanged entry object with `map` */
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
  /** A delta came that does not fit the receiver's map: the whole map must be asked for. */
  | { readonly kind: 'unusable' };

/** @param known the receiver's map; a map made from a delta shares its unchanged entries */
export function received({ map, delta }: MapNews, known: ClusterMap | undefined): Received {
  if (map !== undefined) return { kind: 'map', map };
  if (delta === undefined) return { kind: 'none' };
  if (known === undefined || !isSameCluster(delta, known)) return { kind: 'unusable' };
  if (compareMapVersions(delta.version, known.version) <= 0) return { kind: 'none' };
  // One controller makes all maps of a generation, in a row (I1): what changed between `since` and `known` is in the
  // delta too, as it is now. A `known` older than `since` may differ in entries that the delta leaves out.
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
  // An unchanged entry too can name a node that this map no longer has.
  const isNodeGone = Object.keys(base.nodes).some((node) => !Object.hasOwn(map.nodes, node));
  for (const [partition, entry] of partitions.entries()) {
    if (isNodeGone || entry !== base.partitions[partition]) checkMembers(map, partition, entry);
  }
  return map;
}
