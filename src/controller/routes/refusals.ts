// What operators are refused that name a node which there is not, or come before there is a map.

import { type ClusterMap, nodeEntry } from '../../cluster/model/cluster-map.ts';
import { fileServerEntry } from '../../cluster/model/file-server.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import { Refused } from '../../cluster/wire/control-table.ts';

export function notReady(): Refused {
  return new Refused('not-ready', 'the controller has no map yet');
}

/** @returns undefined for a storage node and a file server of the map */
export function refuseUnknown(map: ClusterMap, node: NodeId): Refused | undefined {
  if (fileServerEntry(map, node) !== undefined) return undefined;
  return refuseOtherThanStorage(map, node);
}

/** @returns undefined for a storage node of the map */
export function refuseOtherThanStorage(map: ClusterMap, node: NodeId): Refused | undefined {
  if (nodeEntry(map, node) !== undefined) return undefined;
  if (fileServerEntry(map, node) !== undefined) {
    return new Refused(
      'unknown-node',
      `${node} is a file server, which has no part in what the storage nodes hold: where it is gone for good, drain it and then remove it`,
    );
  }
  const nodes = Object.keys(map.nodes).join(', ');
  const fileServers = Object.keys(map.fileServers ?? {}).join(', ');
  const others = fileServers === '' ? '' : `; and the file servers ${fileServers}`;
  return new Refused('unknown-node', `there is no node ${node}; there are ${nodes}${others}`);
}
