// What the control messages between the roles look like, in JSON. Which messages there are, and how they travel, is
// control-table.ts's; gets and sets are in operations.ts.

import { generation, life, mapVersion, optionalClusterMap } from '../model/cluster-map.ts';
import {
  address,
  clusterId,
  EPOCH_MAX,
  epoch,
  GENERATION_MAX,
  incarnation,
  nodeId,
  nonce,
  storeId,
} from '../model/identity.ts';
import { DIGITS_MAX, LIVES_MAX, STORAGE_NODES_MAX } from '../model/limits.ts';
import { mapDelta } from '../model/map-delta.ts';
import { partitionCount } from '../model/partition.ts';
import { timeScale } from '../model/time-scale.ts';
import {
  dictionary,
  flag,
  integer,
  list,
  object,
  oneOf,
  optional,
  positive,
  type ShapeOf,
  text,
} from './shapes.ts';

/** All of a map, or what changed since the one that the receiver has (H38). */
const mapNews = { map: optionalClusterMap, delta: optional(mapDelta) };
const count = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
/** Milliseconds since 1970, by a clock that may be wrong, so before 1970 as well. */
const wall = integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });

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
  /**
   * Everything that this life of the node and all later ones acknowledged is in the store (H8). A node
   * without a data directory has no such life.
   */
  completeSince: optional(incarnation),
  /**
   * Lives that the directory had before it proposed the present one, the oldest first (H8).
   */
  lives: optional(list(incarnation, { max: LIVES_MAX })),
  /** The last of these, for software that knows no other. */
  previous: optional(incarnation),
  /** The cluster the node belonged to before, if it kept a map. */
  cluster: optional(clusterId),
  /** Of the newest map that the node adopted. */
  mapVersion: optional(mapVersion),
  /** To which recovery it has promised itself, where that overrules this map (H32). */
  promised: optional(generation),
  /** By the node's clock (H31). */
  wallMs: wall,
  timeScale,
});
export type RegisterRequest = ShapeOf<typeof registerRequest>;

export const registerReply = object({ incarnation, map: optionalClusterMap });
export type RegisterReply = ShapeOf<typeof registerReply>;

export const heartbeatRequest = object({
  node: nodeId,
  incarnation,
  /** The version of the adopted map. */
  mapVersion,
  /**
   * Of the newest map that takes effect where it takes rights away, adopted or not; never below `mapVersion`.
   * Software without it obeys what it adopted.
   */
  obeyedVersion: optional(mapVersion),
  /** To which recovery the node has promised itself, where that overrules the map that it adopted (H32). */
  promised: optional(generation),
  /** Whether the answer may say what changed since that map, and not only a whole one (H38). */
  deltas: optional(flag),
  items: count,
  payloadBytes: count,
  /** False: its log or map cannot be written, so it must give its partitions up (H35). */
  writable: flag,
  /** Why, for people. */
  diskProblem: optional(text({ max: 1000 })),
  /** Partitions whose copy is complete and as durable as a set (H36), by attempt (H16). */
  joined: list(
    object({
      partition: integer({ min: 0, max: partitionCount(DIGITS_MAX) - 1 }),
      joinEpoch: epoch,
    }),
    { max: partitionCount(DIGITS_MAX) },
  ),
  /** Lives to which this node, as a witness, renewed a lease, and how long ago (H11). */
  vouched: list(object({ node: nodeId, incarnation, agoMs: count }), { max: STORAGE_NODES_MAX }),
  /** By the node's clock; one that does not say it is not judged by it (H31). */
  wallMs: optional(wall),
  /** The time of the cluster that the node goes by (H31). */
  timeMs: optional(wall),
  /**
   * What the node holds of partitions that nobody answers for, by its map (H29). `epoch`: until which it had all
   * that was acknowledged, 0 when nobody knows; not `complete`: something of that may be lost since (H8).
   */
  retained: optional(
    list(
      object({
        partition: integer({ min: 0, max: partitionCount(DIGITS_MAX) - 1 }),
        epoch: integer({ min: 0, max: EPOCH_MAX }),
        complete: flag,
        items: count,
        /** Of the highest version that ever came; milliseconds since 1970. */
        newestMs: count,
      }),
      { max: partitionCount(DIGITS_MAX) },
    ),
  ),
  /** Whether it holds what the map gives to others: until it is told that they know that map (H29). */
  retains: optional(flag),
  /** The stamp of the last answer, and how long ago that came, by the node's monotonic clock (H45). */
  echo: optional(object({ stampMs: count, agoMs: count })),
});
export type HeartbeatRequest = ShapeOf<typeof heartbeatRequest>;

/**
 * `map` or `delta` is there when the controller's map is newer than the node's. `lease`: granted, from the sending of
 * the heartbeat on, to a node that has adopted `mapVersion` (H3, R5). `timeMs`: the time of the cluster (H31).
 * `adopted`: the newest map that each life has, for a node that `retains` something (H29).
 */
export const heartbeatReply = object({
  incarnation,
  mapVersion,
  lease: flag,
  timeMs: optional(wall),
  /** By the controller's monotonic clock, to be told back with the next heartbeat (H45). */
  stampMs: optional(count),
  adopted: optional(
    list(object({ node: nodeId, incarnation, mapVersion }), { max: STORAGE_NODES_MAX }),
  ),
  ...mapNews,
});
export type HeartbeatReply = ShapeOf<typeof heartbeatReply>;

/** Storage node -> witness: may this life go on? */
export const grantRequest = object({ node: nodeId, incarnation, mapVersion });
export type GrantRequest = ShapeOf<typeof grantRequest>;

/** Why a witness grants, or does not. */
export const GRANT_ANSWERS = [
  'granted',
  'fenced',
  'other-incarnation',
  'no-map',
  'overruled',
  'ended',
] as const;
export type GrantAnswer = (typeof GRANT_ANSWERS)[number];

/** `incarnation` is the witness's own: a vote counts only from the life that the map names (D2). */
export const grantReply = object({
  incarnation,
  answer: oneOf(...GRANT_ANSWERS),
  mapVersion,
  map: optionalClusterMap,
});
export type GrantReply = ShapeOf<typeof grantReply>;

/** Storage node -> controller. */
export const goodbyeRequest = object({
  node: nodeId,
  incarnation,
  /**
   * `leaving`: it goes on serving until its partitions are elsewhere. `stopped`: it serves nothing any
   * more and never will (H5b). `restarting`: the same, and the node comes back with its data (D4).
   */
  state: oneOf('leaving', 'stopped', 'restarting'),
});
export type GoodbyeRequest = ShapeOf<typeof goodbyeRequest>;

/** A parent that reaped the process, or the operator -> controller (H42, D4). */
export const deathRequest = object({
  node: nodeId,
  incarnation,
  /** Whether the parent starts it again. */
  returning: flag,
});
export type DeathRequest = ShapeOf<typeof deathRequest>;

/** Frontend -> controller: it could not reach these lives. A hint, never a proof (H5). */
export const reportRequest = object({
  frontend: address,
  unreachable: list(life, { max: STORAGE_NODES_MAX }),
  /** They have answered nothing for so long that it is a cut, not a slip (H11). */
  silent: list(life, { max: STORAGE_NODES_MAX }),
});
export type ReportRequest = ShapeOf<typeof reportRequest>;

/** Controller that lost its state -> storage node: follow no earlier generation any more (H32). */
export const prepareRequest = object({
  cluster: clusterId,
  generation: integer({ min: 1, max: GENERATION_MAX }),
  /** Whose generation it is: two recoveries may choose one number. */
  nonce,
});
export type PrepareRequest = ShapeOf<typeof prepareRequest>;

/**
 * `generation` and `nonce` are what the node has promised now, and to whom, which may be more than it was asked for
 * and another recovery's.
 */
export const prepareReply = object({
  node: nodeId,
  address,
  store: storeId,
  incarnation: optional(incarnation),
  /** All that its directory had, as in a registration (H8); software without it is believed by its store alone. */
  lives: optional(list(incarnation, { max: LIVES_MAX })),
  /** Whether this life answers, and has said no goodbye; earlier software does not say. */
  living: optional(flag),
  generation: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  /** Empty while nothing was promised; missing in the answers of earlier software, whose promises do not count. */
  nonce: optional(text({ min: 0, max: 64 })),
  /** The map that it adopted; without one it never answered anything, and knows nothing. */
  map: optionalClusterMap,
  /** A newer one, if it obeys what that takes away from lives though it could not store it. */
  obeyed: optionalClusterMap,
});
export type PrepareReply = ShapeOf<typeof prepareReply>;

/** Operator -> controller. */
export const nodeRequest = object({ node: nodeId });
export type NodeRequest = ShapeOf<typeof nodeRequest>;

const partitionNumbers = list(integer({ min: 0, max: partitionCount(DIGITS_MAX) - 1 }), {
  max: partitionCount(DIGITS_MAX),
});

/** Without partitions: all that are offline. */
export const acceptLossRequest = object({ partitions: optional(partitionNumbers) });

export const forgetReply = object({
  forgotten: list(life, { max: partitionCount(DIGITS_MAX) }),
  /** Partitions that stay frozen for want of its promise, and what `accept-loss` would do with them (H32). */
  frozen: optional(partitionNumbers),
  advice: optional(text({ max: 64_000 })),
});
export type ForgetReply = ShapeOf<typeof forgetReply>;

/**
 * What serves again: by partition the lives that were chosen, until which epoch they had everything (0: nobody
 * knows), and the most items that one of them has. Nobody chosen: nobody lives who could serve it.
 */
export const acceptLossReply = object({
  partitions: list(
    object({
      partition: integer({ min: 0, max: partitionCount(DIGITS_MAX) - 1 }),
      chosen: list(life, { max: STORAGE_NODES_MAX }),
      epoch: integer({ min: 0, max: EPOCH_MAX }),
      items: count,
    }),
    { max: partitionCount(DIGITS_MAX) },
  ),
});
export type AcceptLossReply = ShapeOf<typeof acceptLossReply>;

/** What a change would move: copies, their bytes, and about how long; by the node that gets them. */
export const planReply = object({
  partitions: count,
  bytes: count,
  seconds: count,
  redundancy: count,
  joins: dictionary(count, { max: STORAGE_NODES_MAX }),
});
export type PlanReply = ShapeOf<typeof planReply>;

/** What moving to other nodes would mean: `add` so many, or `drain` one. */
export const planRequest = object({ add: optional(count), drain: optional(nodeId) });
export type PlanRequest = ShapeOf<typeof planRequest>;

export const accepted = object({});
export type Accepted = ShapeOf<typeof accepted>;

/** Controller or frontend -> storage node: a map that the node may not have yet. */
export const mapPush = object(mapNews);
export type MapPush = ShapeOf<typeof mapPush>;
/** A push without a map: the node says at once which life it is, and nothing waits for its disk. */
export const NO_MAP_NEWS: MapPush = { map: undefined, delta: undefined };
/** As in a heartbeat: the versions of the map that is adopted by now, and of the one that is obeyed. */
export const mapPushReply = object({
  incarnation,
  mapVersion,
  obeyedVersion: optional(mapVersion),
});
export type MapPushReply = ShapeOf<typeof mapPushReply>;

/** A version of a map as a text, `G.N.NONCE`; what makes no sense is below every map. */
const since = optional(text({ min: 0, max: 128 }));

/** Whoever follows the map -> controller: a newer one than `since`, as soon as there is one. */
export const pollRequest = object({
  since,
  /** How long the controller may wait for one. */
  waitMs: optional(count),
  timeScale: optional(positive),
  /** Whether the answer may say what changed since that map, and not only a whole one (H38). */
  deltas: optional(flag),
  /** Where clients reach the frontend that asks; missing for who is none (D14). */
  frontend: optional(address),
});
export type PollRequest = ShapeOf<typeof pollRequest>;

/** Whoever follows the map -> storage node: a newer one than `since`. */
export const fetchRequest = object({ since });
export type FetchRequest = ShapeOf<typeof fetchRequest>;

/** A text for people; what names nodes may be cut. */
export const WAITING_FOR_CHARACTERS_MAX = 1000;

/** Answer to a poll for a map; without `map` and `delta` there is none newer than the one asked about. */
export const mapReply = object({
  ...mapNews,
  waitingFor: optional(text({ max: WAITING_FOR_CHARACTERS_MAX })),
});
export type MapReply = ShapeOf<typeof mapReply>;

/** What a control request is refused with. */
export const refusal = object({ error: text({ max: 64 }), detail: text({ max: 2000 }) });
export type RefusalMessage = ShapeOf<typeof refusal>;
