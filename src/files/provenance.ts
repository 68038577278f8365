// Whether the records of a cluster can prove anything of a blob (FILES.md, "Collection"): not where its file server came from another
// cluster, and not where the record that names it may be lost. `velour files rebuild` sets such records anew from the blobs, and
// from then on they prove again what they did before. Pure.

import { isLossAcceptedSince } from '../cluster/model/accepted-losses.ts';
import {
  type ClusterMap,
  compareMapVersions,
  type MapVersion,
  mapVersion,
} from '../cluster/model/cluster-map.ts';
import { type ClusterId, clusterId } from '../cluster/model/identity.ts';
import { partitionOf } from '../cluster/model/partition.ts';
import { list, object, type ShapeOf } from '../cluster/wire/shapes.ts';

/** A directory is taken over so often at the most. */
export const REBUILT_CLUSTERS_MAX = 64;

/** From which blobs records were set anew. */
export const rebuilt = object({
  /** Losses that were accepted up to this map are made good. */
  map: mapVersion,
  /** The other clusters whose blobs are this cluster's by now. */
  clusters: list(clusterId, { max: REBUILT_CLUSTERS_MAX }),
});
export type Rebuilt = ShapeOf<typeof rebuilt>;

/** Of which cluster a file server is, and what was rebuilt from its blobs. */
export interface Provenance {
  readonly cluster: ClusterId | undefined;
  readonly rebuilt?: Rebuilt | undefined;
}

/** How a blob was committed. */
export interface CommittedIn {
  readonly cluster: ClusterId;
  /** The map that its file server went by then. */
  readonly map: MapVersion | undefined;
  readonly owner: Buffer;
}

/** @returns whether the blob is of another cluster, of whose records this one has none: they prove nothing of it */
export function isForeign({ cluster }: CommittedIn, of: Provenance): boolean {
  return cluster !== of.cluster && of.rebuilt?.clusters.includes(cluster) !== true;
}

/** @returns whether the owner may be absent because it was lost, or because its records never were here */
export function mayOwnerBeLost(
  blob: CommittedIn,
  of: Provenance,
  map: Pick<ClusterMap, 'acceptedLosses' | 'digits'>,
): boolean {
  if (isForeign(blob, of)) return true;
  const own = blob.cluster === of.cluster ? blob.map : undefined;
  return isLossAcceptedSince(map, partitionOf(blob.owner, map.digits), later(own, of.rebuilt?.map));
}

/**
 * What is told of a blob to whoever fetches it, which he does because a record of this cluster names it: from then on the
 * records prove everything of his copy, wherever this one came from.
 * @param map of this moment
 */
export function asOfHere<T extends CommittedIn>(
  blob: T,
  { cluster, rebuilt }: Provenance & { readonly cluster: ClusterId },
  map: MapVersion | undefined,
): T {
  if (blob.cluster !== cluster) return { ...blob, cluster, map };
  return { ...blob, map: later(blob.map, rebuilt?.map) };
}

/** @returns both put together, as a file server keeps them */
export function rebuiltAgain(before: Rebuilt | undefined, now: Rebuilt): Rebuilt {
  return {
    map: later(before?.map, now.map) ?? now.map,
    clusters: [...new Set([...(before?.clusters ?? []), ...now.clusters])],
  };
}

function later(a: MapVersion | undefined, b: MapVersion | undefined): MapVersion | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareMapVersions(a, b) < 0 ? b : a;
}
