// How far a drain is: of a storage node by what its controller says, of a file server by what it says itself. Pure; who
// asks, and says it, is in draining.ts.

import { address } from '../cluster/model/identity.ts';
import { FILE_SERVERS_MAX, STORAGE_NODES_MAX } from '../cluster/model/limits.ts';
import { partitionCount } from '../cluster/model/partition.ts';
import type { CheckedReply } from '../cluster/wire/control-frames.ts';
import {
  dictionary,
  flag,
  integer,
  object,
  optional,
  type Shape,
  type ShapeOf,
} from '../cluster/wire/shapes.ts';
import { copiesThere } from './doctor/copies.ts';

/** The part of the controller's `/status` that tells what is left of a drain; without a map nodes hold nothing yet. */
export const drainedNodes = object({
  partitions: optional(size()),
  redundancy: optional(integer({ min: 1, max: STORAGE_NODES_MAX })),
  storage: dictionary(
    object({
      fenced: optional(flag),
      draining: optional(flag),
      partitions: optional(object({ serving: size(), joining: size(), leaving: size() })),
    }),
    { max: STORAGE_NODES_MAX },
  ),
  fileServers: optional(dictionary(object({ address }), { max: FILE_SERVERS_MAX })),
});

/** The part of a file server's `/status`; `left` is null until it has counted for the first time. */
export const drainedFileServer = object({
  draining: flag,
  left: optional(integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
});

/** What is left, as text for people; undefined when nothing is. */
export type DrainLeft = string | undefined;

export function leftOnStorageNode(node: string, status: ShapeOf<typeof drainedNodes>): DrainLeft {
  const held = status.storage[node]?.partitions;
  const left = held === undefined ? 0 : held.serving + held.joining + held.leaving;
  if (left > 0) return `${left} partitions left on ${node}`;
  return status.storage[node]?.fenced === true ? leftOfLost(node, status) : undefined;
}

/** Who ends while it drains has handed nothing over, and others copy what it had from those that are left. */
function leftOfLost(
  node: string,
  { storage, partitions = 0, redundancy = 1 }: ShapeOf<typeof drainedNodes>,
): DrainLeft {
  const nodes = Object.values(storage);
  const stay = nodes.filter(({ fenced, draining }) => fenced !== true && draining !== true);
  const wanted = partitions * Math.min(redundancy, stay.length);
  const missing = wanted - copiesThere({ storage });
  if (missing <= 0) return undefined;
  return `${node} ended before all was handed over: others make ${missing} of ${wanted} copies anew`;
}

/** A file server that does not answer may have the only copy of something: only its own word ends the drain. */
export function leftOnFileServer(
  node: string,
  reply: CheckedReply<ShapeOf<typeof drainedFileServer>>,
): DrainLeft {
  if (reply.kind !== 'message') {
    return `${node} does not say what is left on it: ${reply.detail}; where it is gone for good, stop waiting: others copy what they have of the same, and velour remove ${node} takes it off the map`;
  }
  const { draining, left } = reply.message;
  if (!draining) return `${node} has not heard yet that it drains`;
  if (left === undefined) return `${node} looks at what others have of what it has`;
  return left === 0 ? undefined : `${left} blobs left on ${node} that too few others have`;
}

function size(): Shape<number> {
  return integer({ min: 0, max: partitionCount(3) });
}
