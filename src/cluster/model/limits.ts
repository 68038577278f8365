// Every bound and every protocol time in one place, with the relations between them asserted.
// A limit that a user can change is a default here and an option of a command.

import { assert } from '../assert.ts';

export const KEY_BYTES_MAX = 1024;
export const VALUE_BYTES_MAX_DEFAULT = 16 * 1024 * 1024;
/** The record's length field would carry 4 GiB; one Buffer and one assembly must stay far below it. */
export const VALUE_BYTES_MAX_CEILING = 512 * 1024 * 1024;
/** Of a storage node, for records and their indexes; two values of the default length fit. */
export const MEMORY_BYTES_MIN = 32 * 1024 * 1024;
/** What the locations of records can tell apart (storage/memory/segments.ts). */
export const MEMORY_BYTES_MAX = 16 * 1024 * 1024 * 1024;
export const ATTRIBUTES_BYTES_MAX = 4096;
/** Node's own cap on request line and headers together; see docs/api.md, status 431. */
export const REQUEST_HEAD_BYTES_MAX = 16 * 1024;
/** A control message carries at most a whole cluster map: 4,096 partitions of a few hundred bytes. */
export const CONTROL_BYTES_MAX = 16 * 1024 * 1024;

/** A message longer than this travels in chunks between other operations' messages (D13). */
export const CHUNK_BYTES = 64 * 1024;
/** So many long messages are in progress on one link and direction at once; the rest wait in order. */
export const LONG_MESSAGES_MAX = 4;
/** Connections to one address of a process; further ones are closed at once. */
export const CONNECTIONS_MAX = 16_384;
/**
 * What the bodies of all requests in progress take together, and what all replies that their clients have not
 * read do: beyond it the oldest that are incomplete are given up.
 */
export const BUFFERED_BYTES_MAX = 256 * 1024 * 1024;
/** Where bodies may be very long, so many of them have room. */
export const BUFFERED_BODIES_MIN = 4;
/** So much goes to one storage node as one batch, or one operation that is longer. */
export const BATCH_BYTES_MAX = 32 * 1024 * 1024;
/** What waits for the next batch to one storage node; beyond either bound the oldest is shed with 503. */
export const WAITING_BYTES_MAX = 96 * 1024 * 1024;
export const WAITING_OPERATIONS_MAX = 16_384;
/**
 * Sets that wait in a frontend for an earlier one of their key (H41): about as many bytes as for a storage node.
 * Their number bounds the connections that hang on a few keys, and how many are answered in one turn.
 */
export const WAITING_SETS_BYTES_MAX = WAITING_BYTES_MAX;
export const WAITING_SETS_MAX = 4096;
/** What a storage node holds for one frontend that reads slowly before it stops reading from it. */
export const LINK_REPLY_BYTES_HIGH = 8 * 1024 * 1024;

export const DIGITS_MAX = 3;
export const REDUNDANCY_MAX = 16;
export const STORAGE_NODES_MAX = 256;
/** Of a data directory, as far as anybody asks for them (H8). */
export const LIVES_MAX = 1000;
/** D2. */
export const WITNESSES_MAX = 3;
/** So many partitions a node copies at once (R8). */
export const JOINS_PER_NODE_MAX = 4;
/**
 * One answer to a copy or pull carries records up to about this, or one that is longer: mostly one frame. What
 * it holds up on both sides is bounded by it: of 100-byte values about 0.6 ms to list and 2 ms to apply.
 */
export const CHUNK_RECORD_BYTES = 56 * 1024;
/** A node refuses versions further ahead of the time of the cluster than this (H31). */
export const VERSION_AHEAD_MS_MAX = 24 * 60 * 60 * 1000;
/**
 * A version further ahead than this does not move the clock of who sees it, and does not move a floor by being
 * forgotten (H31). Clocks in order are within 10 s of the time of the cluster, so two of them differ by 20 s at most.
 */
export const VERSION_OBSERVED_AHEAD_MS_MAX = 60_000;
/**
 * A storage node whose clock is further off the time of the cluster than this is not registered, and gets no
 * replicas (H31). Nothing that it answers depends on its own clock, so a smaller bound would only move data.
 */
export const NODE_CLOCK_OFF_MS_MAX = 60 * 60 * 1000;
/** A clock that is further off the time of the cluster than this is said to be off, and stamps no versions (H31). */
export const OWN_CLOCK_OFF_MS_MAX = 10_000;
/** Ten years; a larger ttl is far more often a slip (milliseconds for seconds) than a wish. */
export const TTL_SECONDS_MAX = 10 * 365 * 24 * 60 * 60;

/** One profile of protocol times in milliseconds, so that a slow machine runs the same protocol slower (D12). */
export interface Times {
  /** What all of them were multiplied by; everybody in a cluster must have the same (D12). */
  readonly scale: number;
  readonly heartbeatMs: number;
  /** How long a grant lasts, from the sending of the request that brought it (R5, H4). */
  readonly leaseMs: number;
  /** A lease is void when the wall clock has gone on by so much more or less than the monotonic one (H4). */
  readonly suspendMs: number;
  /** After so long without a word a node is fenced (R6). */
  readonly suspicionMs: number;
  /** The same for a node that a frontend could not reach, and that refused when the controller looked (R6). */
  readonly suspicionReportedMs: number;
  /** How long the answer to such a look may take, and from one look at a node to the next. */
  readonly lookMs: number;
  /** From when enough witnesses know of a fence to when the lease has certainly lapsed. */
  readonly fenceWaitMs: number;
  /** How often the controller considers whether the map must change (H38: changes are coalesced). */
  readonly decideMs: number;
  /** How long a node that stopped and said it would return stays a member (D4). */
  readonly resumeWindowMs: number;
  /** So long after it lapsed a node that holds nothing is removed from the map. */
  readonly goneMs: number;
  /**
   * Between two maps that only move replicas. Each map costs every node some milliseconds; nobody waits for a
   * replica that joins, and all who want something of the nodes meanwhile would wait for the maps.
   */
  readonly moveMs: number;
  /**
   * So long a node that stops to return goes on serving: the one that was restarted before it may have come back
   * in the same moment, and the sets that waited for that one must not wait for this one as well (D4).
   */
  readonly beforeRestartMs: number;
  /** So long after its lease lapsed a node that was only silent keeps its place, while others serve (R8). */
  readonly replaceAfterMs: number;
  /** A joiner that is not done after so long is given up (R8). */
  readonly joinLimitMs: number;
  /** Between two pulls of one partition (R10). */
  readonly antiEntropyMs: number;
  /** How long a tombstone is kept at least (R10). */
  readonly tombstoneGraceMs: number;
  /**
   * The same while memory is short: the floor stays behind the time of the cluster, so a set that is stamped now is
   * above it.
   */
  readonly tombstoneGraceShortMs: number;
  /** How long after its expiry a record is kept at least (H30). */
  readonly expiryGraceMs: number;
  /** The same while memory is short: a clock in order is not further off the time of the cluster. */
  readonly expiryGraceShortMs: number;
  /** How long one exchange with a storage node may take before it counts as unanswered. */
  readonly tryMs: number;
  /** After so long without an answer a get asks another member as well (R3). */
  readonly hedgeMs: number;
  /** A stream on which nothing has come back for so long is given up for a new one. */
  readonly linkSilenceMs: number;
  readonly getDeadlineMs: number;
  readonly setDeadlineMs: number;
  /** How long a frontend goes on with a set after its deadline, with the same version (D9). */
  readonly setBackgroundMs: number;
  /** The longest that a poll for a newer map is held open. */
  readonly mapPollMs: number;
  /** How often a frontend asks each storage node for its time (H31). */
  readonly probeMs: number;
  /** A life that answers a frontend nothing for so long is cut off from it (H11). */
  readonly unreachableMs: number;
  /** So long after it was last said to be cut off nothing is placed on a life (H11). */
  readonly rejoinBarMs: number;
  /** A clock counts as far off, or as right again, when it has been so for so long (H31). */
  readonly clockDoubtMs: number;
  readonly controlCallMs: number;
  /** Between two rounds of one get or set; doubled by a random share so that retries spread. */
  readonly retryMs: number;
  /** How often slow and overdue exchanges are looked for. */
  readonly sweepMs: number;
}

/** @param scale multiplies every time; 1 for production. */
export function protocolTimes(scale: number): Times {
  assert(scale > 0, 'the scale of the protocol times is positive');
  const times: Times = {
    scale,
    heartbeatMs: 200 * scale,
    leaseMs: 1000 * scale,
    suspendMs: 110 * scale,
    suspicionMs: 600 * scale,
    suspicionReportedMs: 300 * scale,
    lookMs: 80 * scale,
    fenceWaitMs: 1250 * scale,
    decideMs: 50 * scale,
    moveMs: 250 * scale,
    resumeWindowMs: 3000 * scale,
    goneMs: 600_000 * scale,
    beforeRestartMs: 500 * scale,
    replaceAfterMs: 10_000 * scale,
    joinLimitMs: 60_000 * scale,
    antiEntropyMs: 60_000 * scale,
    tombstoneGraceMs: 3_600_000 * scale,
    tombstoneGraceShortMs: 1000 * scale,
    expiryGraceMs: 300_000 * scale,
    expiryGraceShortMs: 10_000 * scale,
    tryMs: 1000 * scale,
    hedgeMs: 50 * scale,
    linkSilenceMs: 2000 * scale,
    getDeadlineMs: 3000 * scale,
    setDeadlineMs: 6000 * scale,
    setBackgroundMs: 10_000 * scale,
    mapPollMs: 5000 * scale,
    probeMs: 1000 * scale,
    unreachableMs: 5000 * scale,
    rejoinBarMs: 30_000 * scale,
    clockDoubtMs: 3000 * scale,
    controlCallMs: 1000 * scale,
    retryMs: 20 * scale,
    sweepMs: 25 * scale,
  };
  // A try must leave time for another member inside the deadline, and a sweep must notice it in time.
  assert(times.getDeadlineMs >= 2 * times.tryMs, 'a get has time for a second member');
  assert(times.setDeadlineMs >= 2 * times.tryMs, 'a set has time for a second round');
  // A slow answer is no silence, and a set has time for a round on the new stream.
  assert(times.linkSilenceMs > times.tryMs, 'a stream outlives one slow exchange');
  assert(times.linkSilenceMs + times.tryMs < times.setDeadlineMs, 'a set outlives a silent stream');
  assert(
    times.unreachableMs >= times.linkSilenceMs + 2 * times.probeMs,
    'a node is asked on a new stream before it counts as cut off',
  );
  assert(times.rejoinBarMs > times.unreachableMs, 'a cut that comes and goes is one cut');
  assert(times.sweepMs * 2 <= times.hedgeMs, 'a slow exchange is noticed within half of its time');
  assert(times.hedgeMs * 4 <= times.tryMs, 'a slow exchange is hedged long before it is overdue');
  assert(times.heartbeatMs * 2 <= times.controlCallMs, 'a lost heartbeat is not waited for long');
  // R6, H4: rates differ by 10 % at most, and a lease that is not void ends, by the node's wall clock, `suspendMs`
  // late at the latest, however long the monotonic clock stood still. A step back of the wall clock in that very
  // second would hide as much more; there is room for one of 20 ms.
  assert(
    times.fenceWaitMs > 1.1 * (times.leaseMs + times.suspendMs + 20 * scale),
    'a lease has lapsed on every clock when the fence wait is over',
  );
  assert(
    times.suspicionReportedMs > times.heartbeatMs + times.lookMs,
    'a node that is killed with a look under way is looked at again before its silence counts',
  );
  assert(times.suspendMs > 0.1 * times.leaseMs, 'clocks that run apart by 10 % end no lease');
  assert(times.suspicionMs >= 3 * times.heartbeatMs, 'two lost heartbeats are no silence');
  assert(times.goneMs > 2 * times.resumeWindowMs, 'who may return is not gone for good');
  assert(times.leaseMs > 4 * times.heartbeatMs, 'a lease outlives lost heartbeats');
  assert(
    times.suspicionMs + times.fenceWaitMs + 2 * times.tryMs < times.setDeadlineMs,
    'a set rides through the removal of a silent member',
  );
  return times;
}
