// Which file servers the map has: who may join, what a join changes, and what operators may change. Pure; who asks is
// in routes/. Nothing about the partitions follows from a file server, and whether one is up is not in the map (FILES.md, section 2).

import { type ClusterMap, nodeEntry, whenFullOf } from '../../cluster/model/cluster-map.ts';
import {
  type FileServerEntry,
  type FileServerState,
  fileServerEntry,
  whyForeign,
} from '../../cluster/model/file-server.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import { FILE_SERVERS_MAX } from '../../cluster/model/limits.ts';
import type { JoinFileServerRequest } from '../../cluster/wire/control-messages.ts';

export type FileServerJoin =
  /** The same map when nothing changes. */
  | { readonly kind: 'joined'; readonly map: ClusterMap }
  /** `why` is for people: only an operator can help. */
  | { readonly kind: 'refused'; readonly why: string };

/**
 * A file server that is known takes its entry over: at a new address with the same store it was moved, at the same
 * address with a new store its disk was replaced. With both new it may be another one under the same name.
 */
export function joinFileServer(map: ClusterMap, request: JoinFileServerRequest): FileServerJoin {
  const why = whyRefused(map, request);
  if (why !== undefined) return { kind: 'refused', why };
  const { id, address, store, host, weight } = request;
  const earlier = fileServerEntry(map, id);
  const entry: FileServerEntry = { address, store, host, weight, state: earlier?.state ?? 'in' };
  if (earlier !== undefined && isSame(earlier, entry)) return { kind: 'joined', map };
  return { kind: 'joined', map: withFileServer(map, id, entry) };
}

/** @returns the same map when nothing changes */
export function withFileServerState(
  map: ClusterMap,
  id: NodeId,
  state: FileServerState,
): ClusterMap {
  const entry = fileServerEntry(map, id);
  if (entry === undefined || entry.state === state) return map;
  return withFileServer(map, id, { ...entry, state });
}

/** @returns the same map while the file server takes new blobs, or when it is not in the map */
export function withoutFileServer(map: ClusterMap, id: NodeId): ClusterMap {
  if (fileServerEntry(map, id)?.state !== 'draining') return map;
  const { [id]: _, ...others } = map.fileServers ?? {};
  return { ...map, fileServers: Object.keys(others).length === 0 ? undefined : others };
}

/** The file servers that take new blobs. @param except one that is not counted */
export function fileServersIn(map: ClusterMap, except: NodeId): readonly FileServerEntry[] {
  return Object.entries(map.fileServers ?? {})
    .filter(([id, { state }]) => id !== except && state === 'in')
    .map(([, entry]) => entry);
}

function withFileServer(map: ClusterMap, id: NodeId, entry: FileServerEntry): ClusterMap {
  return { ...map, fileServers: { ...map.fileServers, [id]: entry } };
}

function whyRefused(map: ClusterMap, request: JoinFileServerRequest): string | undefined {
  const { id, address, store, cluster } = request;
  if (cluster !== undefined && cluster !== map.cluster) {
    return whyForeign(cluster, map.cluster);
  }
  if (whenFullOf(map) === 'evict') {
    return 'this cluster is a cache (--when-full evict), which may evict the records that say what the blobs are: files need a cluster that is a store';
  }
  if (nodeEntry(map, id) !== undefined) {
    return `${id} is a storage node of this cluster: start the file server with another --name`;
  }
  const earlier = fileServerEntry(map, id);
  if (earlier !== undefined && earlier.store !== store && earlier.address !== address) {
    return `${id} is a file server at ${earlier.address} with another directory: if that is gone for good, remove it first (velour remove ${id}), else start this one with another --name`;
  }
  const other = holderOf(map, request);
  if (other !== undefined) {
    return `the directory is that of file server ${other}: start it with --name ${other}, or remove that first (velour remove ${other})`;
  }
  const count = Object.keys(map.fileServers ?? {}).length;
  if (earlier === undefined && count >= FILE_SERVERS_MAX) {
    return `the cluster has ${FILE_SERVERS_MAX} file servers, as many as it can, and ${id} is none of them: take one off that is stopped for good, with velour remove`;
  }
  return undefined;
}

/** The file server of another id with this very directory: both entries together would count its blobs twice (F1). */
function holderOf(map: ClusterMap, { id, store }: JoinFileServerRequest): NodeId | undefined {
  const holder = Object.entries(map.fileServers ?? {}).find(
    ([other, entry]) => other !== id && entry.store === store,
  );
  return holder?.[0] as NodeId | undefined;
}

function isSame(a: FileServerEntry, b: FileServerEntry): boolean {
  return (
    a.address === b.address &&
    a.store === b.store &&
    a.host === b.host &&
    a.weight === b.weight &&
    a.state === b.state
  );
}
