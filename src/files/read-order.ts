// In which order the file servers are asked for a blob (FILES.md, GET (4)).

import type { ClusterMap } from '../cluster/model/cluster-map.ts';
import type { NodeId } from '../cluster/model/identity.ts';
import type { Random } from '../cluster/ports.ts';
import type { BlobId } from './blob-id.ts';
import type { FileServerWatch } from './file-server-watch.ts';
import { type PlacedServer, placementOf } from './placement.ts';

/**
 * @param copies how many there should be
 * @returns all file servers: first those that should have a copy and are up, beginning with the less busy of two of them
 *   at random; then the others that are up, among them those that drain; at last those that seem to be down
 */
export function readOrder(
  blob: BlobId,
  copies: number,
  { fileServers }: Pick<ClusterMap, 'fileServers'>,
  watch: Pick<FileServerWatch, 'isUp' | 'busyOf'>,
  random: Random,
): readonly PlacedServer[] {
  const placed = placementOf(blob, fileServers);
  const draining = Object.entries(fileServers ?? {})
    .filter(([, { state }]) => state === 'draining')
    .map(([id, entry]) => ({ id: id as NodeId, entry }));
  const isUp = ({ id }: PlacedServer) => watch.isUp(id);
  const holders = placed.slice(0, copies).filter(isUp);
  const others = [...placed.slice(copies), ...draining].filter(isUp);
  const down = [...placed, ...draining].filter((server) => !isUp(server));
  return [...lessBusyFirst(holders, watch, random), ...others, ...down];
}

/** The power of two choices (Mitzenmacher): nearly as even as asking for the least busy, and no herd runs to one server. */
function lessBusyFirst(
  holders: readonly PlacedServer[],
  watch: Pick<FileServerWatch, 'busyOf'>,
  random: Random,
): readonly PlacedServer[] {
  const left = [...holders];
  const [one] = left.splice(random.below(Math.max(1, left.length)), 1);
  const [other] = left.splice(random.below(Math.max(1, left.length)), 1);
  if (one === undefined || other === undefined) return holders;
  const isOtherFirst = watch.busyOf(other.id) < watch.busyOf(one.id);
  return [...(isOtherFirst ? [other, one] : [one, other]), ...left];
}
