// Every control message between the roles, as JSON over plain HTTP so that `curl` can read it (D18).
// A message is one line here: its type is the type of its shape. Gets and sets are in operations.ts.

import { mapVersion, optionalClusterMap } from './cluster-map.ts';
import { address, clusterId, incarnation, nodeId, storeId } from './identity.ts';
import { flag, integer, object, optional, type ShapeOf, text } from './shape.ts';

/** Where each message goes. */
export const PATHS = {
  register: '/c/register',
  heartbeat: '/c/heartbeat',
  controllerMap: '/c/map',
  storageMap: '/s/map',
  operations: '/s/operations',
} as const;

/**
 * Storage node -> controller, once a life. Repeating it is harmless: the controller knows a life by
 * its `process`, and gives the same incarnation again.
 */
export const registerRequest = object({
  node: nodeId,
  address,
  store: storeId,
  /** A random text made at start: tells a repeated request from another life. */
  process: text({ max: 64 }),
  /** A node with a data directory keeps its own count; without one the controller assigns (D3). */
  incarnation: optional(incarnation),
  /** Every set this store ever acknowledged is still in it (H8). */
  clean: flag,
  /** The cluster the node belonged to before, if it kept a map. */
  cluster: optional(clusterId),
});
export type RegisterRequest = ShapeOf<typeof registerRequest>;

export const registerReply = object({ incarnation, map: optionalClusterMap });
export type RegisterReply = ShapeOf<typeof registerReply>;

export const heartbeatRequest = object({
  node: nodeId,
  incarnation,
  /** The version of the adopted map. */
  mapVersion,
  items: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
});
export type HeartbeatRequest = ShapeOf<typeof heartbeatRequest>;

/** `map` is there when the controller's is newer than the node's. */
export const heartbeatReply = object({ incarnation, map: optionalClusterMap });
export type HeartbeatReply = ShapeOf<typeof heartbeatReply>;

/** Controller or frontend -> storage node: a map that the node may not have yet. */
export const mapPush = object({ map: optionalClusterMap });
export const mapPushReply = object({ incarnation, mapVersion });

/** Answer to a poll for a map; without `map` there is none newer than the one asked about. */
export const mapReply = object({
  map: optionalClusterMap,
  waitingFor: optional(text({ max: 1000 })),
});
export type MapReply = ShapeOf<typeof mapReply>;

/** What a control request is refused with. */
export const refusal = object({ error: text({ max: 64 }), detail: text({ max: 2000 }) });
export type Refusal = ShapeOf<typeof refusal>;
