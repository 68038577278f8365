// The shapes of the control messages between the roles, in JSON. How they are numbered and travel is in
// control-table.ts; gets and sets are in operations.ts.

import { generation, incarnationId, mapVersion, optionalClusterMap } from '../model/cluster-map.ts';
import { fileServerHost, fileServerWeight } from '../model/file-server.ts';
import {
  address,
  type ClusterId,
  clusterId,
  EPOCH_MAX,
  epoch,
  GENERATION_MAX,
  incarnation,
  nodeId,
  nonce,
  storeId,
} from '../model/identity.ts';
import { DIGITS_MAX, INCARNATIONS_MAX, STORAGE_NODES_MAX } from '../model/limits.ts';
import { mapDelta } from '../model/map-delta.ts';
import { partitionCount } from '../model/partition.ts';
import { timeScale } from '../model/time-scale.ts';
import {
  dictionary,
  flag,
  integer,
  list,
  Misshapen,
  object,
  oneOf,
  optional,
  positive,
  type Shape,
  type ShapeOf,
  text,
} from './shapes.ts';

/** A whole map, or what changed since one that the receiver has (H38). */
const mapNews = { map: optionalClusterMap, delta: optional(mapDelta) };
const count = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
/** Milliseconds since 1970 by a clock that may be wrong, so possibly negative. */
const wall = integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });

/**
 * Storage node -> controller: asks for an incarnation. Repeating it is harmless: the controller knows the process by
 * `process`, and gives it the same incarnation again.
 */
export const registerRequest = object({
  node: nodeId,
  address,
  store: storeId,
  /** A random text made at start, which distinguishes a repeated request from one of another incarnation. */
  process: text({ max: 64 }),
  /** A node with a data directory chooses its own; without one the controller assigns it (D3). */
  incarnation: optional(incarnation),
  /**
   * The incarnation since which nothing acknowledged can be missing in the store (H8); a node without a data
   * directory has none.
   */
  completeSince: optional(incarnation),
  /** The incarnations that the directory had before the one proposed here, the oldest first (H8). */
  lives: optional(list(incarnation, { max: INCARNATIONS_MAX })),
  /** The last of `lives`, for older software that knows no other. */
  previous: optional(incarnation),
  /** The cluster that the node belonged to before, if it kept a map. */
  cluster: optional(clusterId),
  /** The version of the newest map that the node adopted. */
  mapVersion: optional(mapVersion),
  /** The recovery that has the node's promise, where that overrules the node's map (H32). */
  promised: optional(generation),
  /** The node's wall clock (H31). */
  wallMs: wall,
  timeScale,
});
export type RegisterRequest = ShapeOf<typeof registerRequest>;

export const registerReply = object({ incarnation, map: optionalClusterMap });
export type RegisterReply = ShapeOf<typeof registerReply>;

const copy = {
  partition: integer({ min: 0, max: partitionCount(DIGITS_MAX) - 1 }),
  joinEpoch: epoch,
};
const copies = list(object(copy), { max: partitionCount(DIGITS_MAX) });

export const heartbeatRequest = object({
  node: nodeId,
  incarnation,
  /** The version of the adopted map. */
  mapVersion,
  /**
   * The version of the newest map whose withdrawals of rights the node obeys, adopted or not; never below
   * `mapVersion`. Software without the field obeys the map that it adopted.
   */
  obeyedVersion: optional(mapVersion),
  /** The recovery that has the node's promise, where that overrules the adopted map (H32). */
  promised: optional(generation),
  /** Whether the reply may carry a delta since `mapVersion`, and not only a whole map (H38). */
  deltas: optional(flag),
  items: count,
  payloadBytes: count,
  /** False when the log or the map cannot be written, so that the node must give its partitions up (H35). */
  writable: flag,
  /** The reason, for people, when `writable` is false. */
  diskProblem: optional(text({ max: 1000 })),
  /** The partitions whose copy is complete and as durable as a set (H36), with the attempt it belongs to (H16). */
  joined: copies,
  /** The attempts to join for whose copy there is no memory: the controller gives them up (R8). */
  withoutMemory: optional(copies),
  /** How many steps forward each other copy has made: one that goes on is not given up (R8). */
  copying: optional(list(object({ ...copy, steps: count }), { max: partitionCount(DIGITS_MAX) })),
  /** The incarnations whose lease this node renewed as a witness, and how many ms ago (H11). */
  vouched: list(object({ node: nodeId, incarnation, agoMs: count }), { max: STORAGE_NODES_MAX }),
  /** The node's wall clock; a node that leaves it out is not judged by its clock (H31). */
  wallMs: optional(wall),
  /** The cluster time that the node goes by (H31). */
  timeMs: optional(wall),
  /**
   * What the node holds of partitions that no member answers for by its map (H29). `epoch` is the last one at which
   * it had everything acknowledged, 0 when unknown; without `complete` something of that may be lost since (H8).
   */
  retained: optional(
    list(
      object({
        partition: integer({ min: 0, max: partitionCount(DIGITS_MAX) - 1 }),
        epoch: integer({ min: 0, max: EPOCH_MAX }),
        complete: flag,
        items: count,
        /** The milliseconds (since 1970) of the highest version that ever came. */
        newestMs: count,
      }),
      { max: partitionCount(DIGITS_MAX) },
    ),
  ),
  /** Whether it holds partitions that the map gives to others, until it learns that these have that map (H29). */
  retains: optional(flag),
  /** The stamp of the last reply, and how many ms ago that came by the node's monotonic clock (H45). */
  echo: optional(object({ stampMs: count, agoMs: count })),
});
export type HeartbeatRequest = ShapeOf<typeof heartbeatRequest>;

/**
 * `map` or `delta` is present when the controller's map is newer than the node's. `lease`: granted, counted from the
 * sending of the heartbeat, once the node obeys `mapVersion` (H3, R5). `timeMs`: the cluster time (H31). `adopted`:
 * the newest map that each incarnation adopted, for a node that `retains` something (H29).
 */
export const heartbeatReply = object({
  incarnation,
  mapVersion,
  lease: flag,
  timeMs: optional(wall),
  /** The controller's monotonic clock; the next heartbeat echoes it (H45). */
  stampMs: optional(count),
  adopted: optional(
    list(object({ node: nodeId, incarnation, mapVersion }), { max: STORAGE_NODES_MAX }),
  ),
  ...mapNews,
});
export type HeartbeatReply = ShapeOf<typeof heartbeatReply>;

/** Storage node -> witness: asks to renew the lease of this incarnation (R5). */
export const grantRequest = object({ node: nodeId, incarnation, mapVersion });
export type GrantRequest = ShapeOf<typeof grantRequest>;

/** Why a witness granted the lease or did not. */
export const GRANT_ANSWERS = [
  'granted',
  'fenced',
  'other-incarnation',
  'no-map',
  'overruled',
  'ended',
] as const;
export type GrantAnswer = (typeof GRANT_ANSWERS)[number];

/**
 * `incarnation` is the witness's own: its vote counts only if the asker's map names that incarnation (D2).
 * `mapVersion` is that of the map that the witness obeys.
 */
export const grantReply = object({
  incarnation,
  answer: oneOf(...GRANT_ANSWERS),
  mapVersion,
  map: optionalClusterMap,
});
export type GrantReply = ShapeOf<typeof grantReply>;

/** Storage node -> controller: how the node goes away. */
export const goodbyeRequest = object({
  node: nodeId,
  incarnation,
  /**
   * `leaving`: it goes on serving until its partitions are on other nodes. `stopped`: it serves nothing from now on
   * (H5b). `restarting`: the same, and the node comes back with its data (D4).
   */
  state: oneOf('leaving', 'stopped', 'restarting'),
});
export type GoodbyeRequest = ShapeOf<typeof goodbyeRequest>;

/** The parent that reaped the process, or the operator -> controller: this incarnation is dead (H42, D4). */
export const deathRequest = object({
  node: nodeId,
  incarnation,
  /** Whether the parent starts the node again. */
  returning: flag,
});
export type DeathRequest = ShapeOf<typeof deathRequest>;

/** Frontend -> controller: the incarnations that it could not reach. It is a hint, never a proof (H5). */
export const reportRequest = object({
  frontend: address,
  unreachable: list(incarnationId, { max: STORAGE_NODES_MAX }),
  /** Those that answered nothing for so long that a cut is likelier than a lost message (H11). */
  silent: list(incarnationId, { max: STORAGE_NODES_MAX }),
});
export type ReportRequest = ShapeOf<typeof reportRequest>;

/** Controller that lost its state -> storage node: promise to follow no earlier generation any more (H32). */
export const prepareRequest = object({
  cluster: clusterId,
  generation: integer({ min: 1, max: GENERATION_MAX }),
  /** Names the recovery: two of them may choose the same number. */
  nonce,
});
export type PrepareRequest = ShapeOf<typeof prepareRequest>;

/**
 * `generation` and `nonce` name the recovery that has the node's promise now, which may be another, above the one
 * that asked.
 */
export const prepareReply = object({
  node: nodeId,
  address,
  store: storeId,
  incarnation: optional(incarnation),
  /**
   * All incarnations of its data directory, as in a registration (H8); software without the field is judged by its
   * store alone.
   */
  lives: optional(list(incarnation, { max: INCARNATIONS_MAX })),
  /** Whether this incarnation still answers, and has not said goodbye; earlier software leaves it out. */
  living: optional(flag),
  generation: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  /** Empty while nothing was promised; earlier software leaves it out, and its promises do not count. */
  nonce: optional(text({ min: 0, max: 64 })),
  /** The map that the node adopted. Without one it never answered anything, so it knows of no later entry. */
  map: optionalClusterMap,
  /** A newer map that the node could not store, while it obeys what that map takes away. */
  obeyed: optionalClusterMap,
});
export type PrepareReply = ShapeOf<typeof prepareReply>;

/** Operator -> controller: names the node to drain, undrain, remove or forget. */
export const nodeRequest = object({ node: nodeId });
export type NodeRequest = ShapeOf<typeof nodeRequest>;

const partitionNumbers = list(integer({ min: 0, max: partitionCount(DIGITS_MAX) - 1 }), {
  max: partitionCount(DIGITS_MAX),
});

/** Operator -> controller: the partitions whose loss is accepted; without the field, all that are offline. */
export const acceptLossRequest = object({ partitions: optional(partitionNumbers) });

export const forgetReply = object({
  forgotten: list(incarnationId, { max: partitionCount(DIGITS_MAX) }),
  /** Partitions that stay frozen for want of the node's promise; `advice` says what `accept-loss` would do (H32). */
  frozen: optional(partitionNumbers),
  advice: optional(text({ max: 64_000 })),
});
export type ForgetReply = ShapeOf<typeof forgetReply>;

/**
 * What serves again: for each partition the chosen incarnations, the epoch up to which they have everything (0:
 * unknown), and the most items that one of them has. `chosen` is empty where no living node could serve.
 */
export const acceptLossReply = object({
  partitions: list(
    object({
      partition: integer({ min: 0, max: partitionCount(DIGITS_MAX) - 1 }),
      chosen: list(incarnationId, { max: STORAGE_NODES_MAX }),
      epoch: integer({ min: 0, max: EPOCH_MAX }),
      items: count,
    }),
    { max: partitionCount(DIGITS_MAX) },
  ),
});
export type AcceptLossReply = ShapeOf<typeof acceptLossReply>;

/**
 * What a change would move of the partitions: the copies, their bytes and about how many seconds; `joins` counts the
 * copies by receiving node.
 */
export const planReply = object({
  partitions: count,
  bytes: count,
  seconds: count,
  redundancy: count,
  joins: dictionary(count, { max: STORAGE_NODES_MAX }),
  /**
   * Where the node to drain is a file server, which holds no partition: how many others take new blobs, and on how many
   * hosts they are.
   */
  fileServers: optional(object({ left: count, hosts: count })),
});
export type PlanReply = ShapeOf<typeof planReply>;

/** Operator -> controller: what would it move to `add` this many nodes, or to `drain` this one? */
export const planRequest = object({ add: optional(count), drain: optional(nodeId) });
export type PlanRequest = ShapeOf<typeof planRequest>;

/**
 * File server -> controller: asks for its place in the map, at each start, and where a recovery lost it.
 * Repeating it is harmless.
 */
export const joinFileServerRequest = object({
  id: nodeId,
  address,
  /** The id of its directory. */
  store: storeId,
  host: fileServerHost,
  weight: fileServerWeight,
  /** The cluster whose blobs the directory holds; a directory that is new names none. */
  cluster: optional(clusterId),
});
export type JoinFileServerRequest = ShapeOf<typeof joinFileServerRequest>;

/** To `waiting` the file server asks again after a while; `refused` is for the operator to mend. `why` is for people. */
export type JoinFileServerReply =
  | { readonly kind: 'joined'; readonly cluster: ClusterId }
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string };

const joinFields = object({
  kind: oneOf('joined', 'waiting', 'refused'),
  cluster: optional(clusterId),
  why: optional(text({ max: 2000 })),
});

export const joinFileServerReply: Shape<JoinFileServerReply> = (value) => {
  const { kind, cluster, why = '' } = joinFields(value);
  if (kind !== 'joined') return { kind, why };
  if (cluster === undefined) throw new Misshapen('joins without a cluster');
  return { kind, cluster };
};

export const accepted = object({});
export type Accepted = ShapeOf<typeof accepted>;

/** Controller or frontend -> storage node: a map that the node may not have yet. */
export const mapPush = object(mapNews);
export type MapPush = ShapeOf<typeof mapPush>;
/** A push without a map: the node replies at once, without waiting for its disk, and names its incarnation. */
export const NO_MAP_NEWS: MapPush = { map: undefined, delta: undefined };
/** As in a heartbeat: the versions of the map that the node has adopted by now, and of the one that it obeys. */
export const mapPushReply = object({
  incarnation,
  mapVersion,
  obeyedVersion: optional(mapVersion),
});
export type MapPushReply = ShapeOf<typeof mapPushReply>;

/** A map version as text, `G.N.NONCE`; any other text counts as below every map. */
const since = optional(text({ min: 0, max: 128 }));

/** Follower of the map -> controller: asks for a map newer than `since`, as soon as there is one. */
export const pollRequest = object({
  since,
  /** How long the controller may hold the request open. */
  waitMs: optional(count),
  timeScale: optional(positive),
  /** Whether the reply may carry a delta since `since`, and not only a whole map (H38). */
  deltas: optional(flag),
  /** Where clients reach the frontend that asks; other followers leave it out (D14). */
  frontend: optional(address),
});
export type PollRequest = ShapeOf<typeof pollRequest>;

/** Follower of the map -> storage node: asks for its map, if that is newer than `since`. */
export const fetchRequest = object({ since });
export type FetchRequest = ShapeOf<typeof fetchRequest>;

/** Bounds `waitingFor`, a text for people; its list of nodes may be cut. */
export const WAITING_FOR_CHARACTERS_MAX = 1000;

/** The reply to a poll for a map; without `map` and `delta` there is none newer than `since`. */
export const mapReply = object({
  ...mapNews,
  waitingFor: optional(text({ max: WAITING_FOR_CHARACTERS_MAX })),
});
export type MapReply = ShapeOf<typeof mapReply>;

/** The body of a refusal: `error` is a code of http/errors.ts, `detail` a text for people. */
export const refusal = object({ error: text({ max: 64 }), detail: text({ max: 2000 }) });
export type RefusalMessage = ShapeOf<typeof refusal>;
