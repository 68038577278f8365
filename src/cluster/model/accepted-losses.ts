// Whether what is absent in a partition may have been lost instead of deleted: the map says when the operator accepted losses
// there (H29).

import { type ClusterMap, compareMapVersions, type MapVersion } from './cluster-map.ts';
import type { PartitionId } from './partition.ts';

/** @param since a map that somebody went by when he stored something; undefined if he does not know */
export function isLossAcceptedSince(
  { acceptedLosses }: Pick<ClusterMap, 'acceptedLosses'>,
  partition: PartitionId,
  since: MapVersion | undefined,
): boolean {
  const accepted = acceptedLosses?.[partition];
  if (accepted === undefined) return false;
  return since === undefined || compareMapVersions(since, accepted) <= 0;
}
