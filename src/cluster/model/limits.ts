// Every bound and every protocol time in one place, and the asserted relations between the times. A limit that users
// can change is a default here and an option of a command.

import { assert } from '../assert.ts';

/** The longest key of a user. */
export const KEY_BYTES_MAX = 1024;
/** The longest key of a record: a user's key that begins with 0xFF is stored with one more (model/stored-key.ts). */
export const STORED_KEY_BYTES_MAX = KEY_BYTES_MAX + 1;
export const VALUE_BYTES_MAX_DEFAULT = 16 * 1024 * 1024;
/** The record's length field could carry 4 GiB; one Buffer and one message under assembly must stay far below that. */
export const VALUE_BYTES_MAX_CEILING = 512 * 1024 * 1024;
/** The longest file of the small file storage service, as its document has it. */
export const SFSS_BYTES_MAX_DEFAULT = 2 * 1024 * 1024;
/** The longest line of a batch or an import, whatever the longest value: V8 makes no text of 512 MiB. */
export const LINE_BYTES_CEILING = 256 * 1024 * 1024;
/** The least memory of a storage node, for records and their indexes; two values of the default length fit. */
export const MEMORY_BYTES_MIN = 32 * 1024 * 1024;
/** The most that the location of a record can address (storage/memory/segments.ts). */
export const MEMORY_BYTES_MAX = 16 * 1024 * 1024 * 1024;
export const ATTRIBUTES_BYTES_MAX = 4096;
/** Of these what the mark of a conditional write may take (conditional-mark.ts), which comes to any record. */
export const MARK_BYTES_MAX = 29;
/** The ETags that one If-Match or If-None-Match may name. */
export const ETAGS_MAX = 16;
/** The last time at which a record can expire: 48 bits of milliseconds since 1970. */
export const EXPIRES_AT_MS_MAX = 2 ** 48 - 1;
/** Node's own cap on request line and headers together; docs/api.md, status 431, describes it. */
export const REQUEST_HEAD_BYTES_MAX = 16 * 1024;
/** A control message carries at most a whole cluster map: 4,096 partitions of a few hundred bytes. */
export const CONTROL_BYTES_MAX = 16 * 1024 * 1024;

/** A longer message travels in chunks, between which other messages pass (D13). */
export const CHUNK_BYTES = 64 * 1024;
/** How many long messages may be in progress on one link in one direction; the others wait in order. */
export const LONG_MESSAGES_MAX = 4;
/** Open connections to one listening address of a process; further ones are closed at once. */
export const CONNECTIONS_MAX = 16_384;
/**
 * How much the bodies of all requests in progress may take together, and, counted apart, all replies that their
 * clients have not read; beyond it the oldest incomplete ones are given up.
 */
export const BUFFERED_BYTES_MAX = 256 * 1024 * 1024;
/** Where the longest body exceeds a quarter of BUFFERED_BYTES_MAX, that bound grows to hold this many of them. */
export const BUFFERED_BODIES_MIN = 4;
/** The bytes that go to one storage node as one batch; a longer operation goes alone. */
export const BATCH_BYTES_MAX = 32 * 1024 * 1024;
/** Bounds of what waits for the next batch to one storage node; beyond either, the oldest is refused with 503. */
export const WAITING_BYTES_MAX = 96 * 1024 * 1024;
export const WAITING_OPERATIONS_MAX = 16_384;
/**
 * Bounds of the sets that wait in a frontend for an earlier set of their key (H41). The bytes are those that may wait
 * for one storage node; the number bounds the connections that hang on a few keys, and the replies sent in one turn.
 */
export const WAITING_SETS_BYTES_MAX = WAITING_BYTES_MAX;
export const WAITING_SETS_MAX = 4096;
/** Scans under way in one frontend: each may hold a few pages that its client has not read. */
export const SCANS_MAX = 128;
/** How long a client may wait for a key: below the time after which common proxies give up a request. */
export const KEY_WAIT_SECONDS_MAX = 59;
/** Watches under way in one frontend, long polls included: each has a question at every node that it follows. */
export const WATCHES_MAX = 4096;
/** Imports under way in one frontend: each may hold a line with a longest value, and some MB of records on their way. */
export const IMPORTS_MAX = 8;
/**
 * Bounds of one batch of a client: how many of its items are under way at a time, and how many bytes of items and of
 * answers that its client has not read. A single item may be longer. The items are a good batch for each storage node;
 * the bytes are few beside what waits for one storage node, as many clients may send batches.
 */
export const BATCH_ITEMS_MAX = 1024;
export const BATCH_ITEM_BYTES_MAX = 4 * 1024 * 1024;
/** How many items of all batches of one frontend are under way at a time. */
export const BATCH_ITEMS_TOGETHER_MAX = 2048;
/** Replies that a storage node holds for one slow frontend before it stops reading from that frontend. */
export const LINK_REPLY_BYTES_HIGH = 8 * 1024 * 1024;

export const DIGITS_MAX = 3;
export const REDUNDANCY_MAX = 16;
export const STORAGE_NODES_MAX = 256;
/** Each map that is exchanged carries the entries of all of them, some 150 bytes each. */
export const FILE_SERVERS_MAX = 1000;
export const FILE_SERVER_WEIGHT_MAX = 1000;
/** How many incarnations of a data directory are listed: `completeSince` and resuming consider no earlier ones (H8). */
export const INCARNATIONS_MAX = 1000;
/** The most witnesses that a cluster has (D2). */
export const WITNESSES_MAX = 3;
/** How many partitions one node copies at once (R8). */
export const JOINS_PER_NODE_MAX = 4;
/**
 * The records in one answer to a copy or pull, so that it is mostly one frame; a longer record goes alone. It bounds
 * how long an answer delays other work: with 100-byte values, about 0.6 ms to list and 2 ms to apply.
 */
export const CHUNK_RECORD_BYTES = 56 * 1024;
/**
 * How many records a storage node looks at for one answer to a scan, whether or not they are listed: about 2 ms, which
 * everything else on that node waits for.
 */
export const SCAN_LOOKED_AT_MAX = 1024;
/** A node refuses versions further ahead of the cluster time than this (H31). */
export const VERSION_AHEAD_MS_MAX = 24 * 60 * 60 * 1000;
/**
 * A version further ahead than this moves neither the clock of a frontend that sees it nor, when it is forgotten, a
 * floor (H31). Clocks in order are within 10 s of the cluster time, so two of them differ by at most 20 s.
 */
export const VERSION_OBSERVED_AHEAD_MS_MAX = 60_000;
/**
 * A storage node whose clock is further off the cluster time is not registered, and gets no replicas (H31). Nothing
 * that a node answers depends on its own clock, so a smaller bound would move data for no gain.
 */
export const NODE_CLOCK_OFF_MS_MAX = 60 * 60 * 1000;
/** A local clock further off the cluster time than this is logged, and stamps no versions (H31). */
export const OWN_CLOCK_OFF_MS_MAX = 10_000;
/** Ten years: a larger ttl is almost always a slip, milliseconds for seconds. */
export const TTL_SECONDS_MAX = 10 * 365 * 24 * 60 * 60;

/**
 * The protocol times in milliseconds: one profile with one factor, so that a slow machine runs the same protocol
 * slower (D12).
 */
export interface Times {
  /** The factor of all the times; every process of a cluster must have the same (D12). */
  readonly scale: number;
  readonly heartbeatMs: number;
  /** How long a grant lasts, counted from the sending of the request that brought it (R5, H4). */
  readonly leaseMs: number;
  /** A lease is void when the wall clock moved by this much more or less than the monotonic one (H4). */
  readonly suspendMs: number;
  /** A node that was silent for this long is fenced (R6). */
  readonly suspicionMs: number;
  /** The same for a node that a frontend reported as unreachable and that refused the controller's own call (R6). */
  readonly suspicionReportedMs: number;
  /** How long the controller waits for the answer to such a call, and from one call to a node to the next. */
  readonly lookMs: number;
  /** How long after enough witnesses know of a fence the lease of the fenced node has lapsed for certain (R6). */
  readonly fenceWaitMs: number;
  /** How often the controller considers changing the map while something is pending; changes are coalesced (H38). */
  readonly decideMs: number;
  /** How long a node that stopped and announced its return stays a member (D4). */
  readonly resumeWindowMs: number;
  /** How long after it lapsed a node that holds nothing is removed from the map. */
  readonly goneMs: number;
  /**
   * The pause between two maps that only move replicas. Each map costs every node some milliseconds, which all other
   * requests wait for, while nobody waits for a joining replica.
   */
  readonly moveMs: number;
  /**
   * How long a node that is stopping and will return goes on serving. In a rolling restart the node before it may
   * have come back this moment, and the sets that waited for that node must not wait for this one as well (D4).
   */
  readonly beforeRestartMs: number;
  /** How long after its lease lapsed a node that was only silent keeps its place, while other members serve (R8). */
  readonly replaceAfterMs: number;
  /** A joiner whose copy has not got on for this long is removed (R8). */
  readonly joinLimitMs: number;
  /** The pause between two anti-entropy pulls of one partition (R10). */
  readonly antiEntropyMs: number;
  /** The least time that a tombstone is kept (R10). */
  readonly tombstoneGraceMs: number;
  /**
   * The same while memory is short. It keeps the floor behind the cluster time, so a set that is stamped now is above
   * the floor.
   */
  readonly tombstoneGraceShortMs: number;
  /** The least time that a record is kept after its expiry (H30). */
  readonly expiryGraceMs: number;
  /** The same while memory is short: clocks in order are no further off the cluster time than this. */
  readonly expiryGraceShortMs: number;
  /** An exchange with a storage node without an answer for this long counts as unanswered. */
  readonly tryMs: number;
  /** A get without an answer for this long asks another member as well (R3). */
  readonly hedgeMs: number;
  /**
   * A storage node refuses a page of a scan that has waited this long for its turn. Whoever asked for the page asks another
   * member only `hedgeMs` later, so that no two members list the same page.
   */
  readonly turnMs: number;
  /** A stream on which an answer is awaited and nothing arrived for this long is replaced by a new one. */
  readonly linkSilenceMs: number;
  readonly getDeadlineMs: number;
  readonly setDeadlineMs: number;
  /** How long a frontend goes on with a set after its deadline, with the version unchanged (D9). */
  readonly setBackgroundMs: number;
  /** The longest time that a poll for a newer map is held open. */
  readonly mapPollMs: number;
  /** How often a frontend asks each storage node for its time (H31). */
  readonly probeMs: number;
  /** A frontend reports an incarnation that answered it nothing for this long as cut off (H11). */
  readonly unreachableMs: number;
  /** Nothing is placed on an incarnation for this long after the last report that it is cut off (H11). */
  readonly rejoinBarMs: number;
  /** A node's clock must be far off for this long to count as off, and right for as long to count as right (H31). */
  readonly clockDoubtMs: number;
  readonly controlCallMs: number;
  /** The shortest pause between two rounds of one get or set; a random share is added so that retries spread. */
  readonly retryMs: number;
  /** How often slow and overdue exchanges are searched for. */
  readonly sweepMs: number;
}

/** @param scale multiplies every time; 1 in production */
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
    turnMs: 450 * scale,
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
  // A try must leave time for another member within the deadline, and a sweep must notice in time that it is overdue.
  assert(times.getDeadlineMs >= 2 * times.tryMs, 'a get has time for a second member');
  assert(times.setDeadlineMs >= 2 * times.tryMs, 'a set has time for a second round');
  // A slow answer must not count as a silent stream, and a set needs time for a round on the new stream.
  assert(times.linkSilenceMs > times.tryMs, 'a stream outlives one slow exchange');
  assert(times.linkSilenceMs + times.tryMs < times.setDeadlineMs, 'a set outlives a silent stream');
  assert(
    times.unreachableMs >= times.linkSilenceMs + 2 * times.probeMs,
    'a node is asked on a new stream before it counts as cut off',
  );
  assert(times.rejoinBarMs > times.unreachableMs, 'a cut that comes and goes is one cut');
  assert(times.sweepMs * 2 <= times.hedgeMs, 'a slow exchange is noticed within half of its time');
  assert(times.hedgeMs * 4 <= times.tryMs, 'a slow exchange is hedged long before it is overdue');
  assert(times.hedgeMs + times.turnMs < times.tryMs, 'a page is asked of two members in one try');
  assert(times.heartbeatMs * 2 <= times.controlCallMs, 'a lost heartbeat is not waited for long');
  // R6, H4: rates differ by at most 10 %, and a lease ends by the node's wall clock at most `suspendMs` late, or is
  // void, however long the monotonic clock stood still. Setting the wall clock back in the very second of a suspend
  // would hide that much more of it; there is room for 20 ms.
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
