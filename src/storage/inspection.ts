// Answers operators who ask a storage node for its status, its metrics, or its record of a key. Nothing here is a way
// to read the cluster.

import type { ClientRoute } from '../cluster/http/client-route.ts';
import { type HttpReply, type HttpRequest, jsonReply, queryOf } from '../cluster/http/http.ts';
import type { DurationHistogram, Metrics } from '../cluster/http/metrics.ts';
import { BYTES_TYPE, JSON_TYPE } from '../cluster/http/route-description.ts';
import { type Routes, refusalReply } from '../cluster/http/routes.ts';
import { addTimeMetrics, type ClusterClock } from '../cluster/model/cluster-clock.ts';
import { NO_MAP, printMapVersion } from '../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId } from '../cluster/model/identity.ts';
import { type PartitionId, partitionOf } from '../cluster/model/partition.ts';
import {
  compareRecords,
  isTombstone,
  recordValue,
  recordVersion,
  type StoredRecord,
} from '../cluster/model/record.ts';
import { printVersion, type Version } from '../cluster/model/version.ts';
import { COLLECTION_KINDS, type Host, type Runtime } from '../cluster/ports.ts';
import { VERSION } from '../cluster/software.ts';
import type { AnswerCounters } from './counters.ts';
import type { LogFigures } from './log/durability.ts';
import type { Completeness } from './log/log-entry.ts';
import type { MemoryFigures, PartitionReader } from './memory/partition-store.ts';
import { recordKeyIn } from './record-query.ts';
import type { Replica } from './replication/replica.ts';

const INCARNATION = 'The incarnation of the node that answers.';

export const STORAGE_ROUTES = {
  status: {
    path: '/status',
    methods: ['GET'],
    statuses: [200],
    text: 'The figures of the node, under the names of memcached.',
    task: 'process',
    examples: [{ target: '/status', text: 'Its figures, under the names of memcached.' }],
    replies: { 200: { text: 'The figures, each a string.', types: [JSON_TYPE] } },
    errors: [],
  },
  record: {
    path: '/s/record',
    methods: ['GET'],
    statuses: [200, 400, 404, 503],
    text: 'What this node alone holds of `?key=`, for tests and people: no way to read the cluster.',
    task: 'process',
    parameters: [{ name: 'key', text: 'The key.', required: true, example: 'a' }],
    replies: {
      200: {
        text: 'The value, even if it is expired; empty for a deleted key.',
        types: [BYTES_TYPE],
        headers: {
          'X-Fog-Version': 'The version of the record.',
          'X-Fog-Tombstone': '`true` for a deleted key.',
          'X-Fog-Incarnation': INCARNATION,
        },
      },
      404: {
        text: 'This node has no record of the key; X-Fog-Error is unknown-path.',
        types: [JSON_TYPE],
        headers: {
          'X-Fog-Error': '`unknown-path`.',
          'X-Fog-Floor': 'The floor of the partition of the key.',
          'X-Fog-Incarnation': INCARNATION,
        },
      },
    },
    errors: ['bad-parameter', 'not-ready'],
    errorType: JSON_TYPE,
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

export interface InspectedNode {
  readonly runtime: Runtime;
  readonly store: PartitionReader;
  readonly clock: ClusterClock;
  readonly timeScale: number;
  readonly answers: AnswerCounters;
  readonly syncs: DurationHistogram;
  log(): LogFigures;
  diskProblem(): string | undefined;
  node(): NodeId;
  links(): number;
  replica(): Replica | undefined;
  /** One text for each partition whose due deletes cannot be forgotten: the member that this waits for, and why. */
  obstacles(): readonly string[];
  /** How many records other members have for which this one has no memory. */
  unrepaired(): number;
}

export function inspect(routes: Routes, metrics: Metrics, node: InspectedNode): void {
  routes.add(STORAGE_ROUTES.record, (request, reply) => reply(showRecord(request, node)));
  routes.add(STORAGE_ROUTES.status, (_request, reply) => reply(jsonReply(200, status(node))));
  const { store } = node;
  const memory = () => store.memory();
  metrics.gauge('velourfog_items', 'Records held, tombstones included.', () => store.items());
  metrics.gauge('velourfog_payload_bytes', 'Bytes of the records held.', () =>
    store.payloadBytes(),
  );
  metrics.gauge('velourfog_tombstones', 'Deletes held, until all members know them.', () => {
    return memory().tombstones;
  });
  metrics.gauge('velourfog_tombstone_bytes', 'Bytes of these.', () => memory().tombstoneBytes);
  metrics.gauge(
    'velourfog_unforgettable_partitions',
    'Partitions in which deletes are due and a member keeps them from being forgotten.',
    () => node.obstacles().length,
  );
  metrics.gauge(
    'velourfog_unrepaired_records',
    'Records that other members have and that there is no memory for here.',
    () => node.unrepaired(),
  );
  const retained = () => node.replica()?.retained.figures() ?? NOTHING_RETAINED;
  metrics.gauge(
    'velourfog_retained_partitions',
    'Partitions that others are to hold, kept until enough of them answer.',
    () => retained().partitions,
  );
  metrics.gauge(
    'velourfog_retained_bytes',
    'Bytes of the records of these.',
    () => retained().payloadBytes,
  );
  metrics.gauge('velourfog_memory_limit_bytes', 'What --memory allows.', () => memory().limit);
  metrics.gauge(
    'velourfog_memory_bytes',
    'Taken by segments, large records and indexes.',
    () => memory().used,
  );
  metrics.gauge('velourfog_index_bytes', 'Taken by indexes.', () => memory().index);
  metrics.gauge('velourfog_overhead_bytes', 'Taken by neither records nor indexes.', () =>
    overheadBytes(memory()),
  );
  metrics.gauge('velourfog_segments', 'Segments that hold something.', () => memory().segments);
  metrics.countedElsewhere(
    'velourfog_moved_bytes_total',
    'Records moved, so that a segment became free.',
    () => memory().moved,
  );
  metrics.countedElsewhere(
    'velourfog_evicted_records_total',
    'Records that went because there was no memory for others.',
    () => memory().evicted,
  );
  metrics.gauge('velourfog_disk_writable', '0 while log or map cannot be written.', () =>
    node.diskProblem() === undefined ? 1 : 0,
  );
  metrics.gauge('velourfog_log_bytes', 'What the log takes on the disk.', () => node.log().bytes);
  metrics.gauge('velourfog_log_files', 'Files that the log is in.', () => node.log().files);
  metrics.gauge('velourfog_log_queued_bytes', 'Waits to be written to the log.', () => {
    return node.log().queuedBytes;
  });
  metrics.countedElsewhere(
    'velourfog_log_written_bytes_total',
    'Written to the log, what the compaction copies included.',
    () => node.log().writtenBytes,
  );
  addTimeMetrics(metrics, node.clock, node.timeScale);
  metrics.gauge('velourfog_links', 'Open streams of operations.', () => node.links());
}

const NOTHING_RETAINED = { partitions: 0, items: 0, payloadBytes: 0 };

/** Bytes between the records, behind the last record of each segment, and of records that are no longer in use. */
function overheadBytes({ used, payload, index }: MemoryFigures): number {
  return used - payload - index;
}

/**
 * The record that a replica has of a key, which is a view until the next put, or else its floor. Counts also a record
 * that a joiner has set aside (H15): if the join is given up, it is as good as before, without the source.
 */
export interface Holding {
  readonly incarnation: Incarnation;
  readonly record: StoredRecord | undefined;
  readonly isAside: boolean;
  readonly floor: Version;
  /** The epoch up to which nothing acknowledged is missing in the partition, if that is known (H29). */
  readonly completeness: Completeness | undefined;
}

/** @param node.replica one that has adopted a map */
export function holdingOf(
  { store, replica }: { readonly store: PartitionReader; readonly replica: Replica },
  partition: PartitionId,
  key: Buffer,
): Holding {
  const { incarnation } = replica;
  const [present, aside] = [store.peek(partition, key), store.asides.peek(partition, key)];
  const isAside =
    aside !== undefined && (present === undefined || compareRecords(aside, present) > 0);
  const record = isAside ? aside : present;
  const [floor, completeness] = [store.floor(partition), store.completeness(partition)];
  return { incarnation, record, isAside, floor, completeness };
}

/** Answers operators and tests. Set-aside records do not count: the node has them only if a join is given up. */
function showRecord(request: HttpRequest, { store, replica: current }: InspectedNode): HttpReply {
  const key = recordKeyIn(queryOf(request.target));
  if (typeof key === 'string') return refusalReply('bad-parameter', key);
  const replica = current();
  if (replica?.map === undefined) return refusalReply('not-ready', 'no cluster map adopted yet');
  const partition = partitionOf(key, replica.map.digits);
  const { incarnation } = replica;
  const [record, floor] = [store.peek(partition, key), store.floor(partition)];
  const own = { 'x-fog-incarnation': String(incarnation) };
  if (record === undefined) {
    const { headers, ...none } = refusalReply('unknown-path', 'this node has no such record');
    return { ...none, headers: { ...headers, ...own, 'x-fog-floor': printVersion(floor) } };
  }
  return {
    status: 200,
    headers: {
      ...own,
      'content-type': BYTES_TYPE,
      'x-fog-version': printVersion(recordVersion(record)),
      'x-fog-tombstone': String(isTombstone(record)),
    },
    body: Buffer.from(recordValue(record)),
  };
}

/** Uses memcached's stat names and its texts for numbers, which tools for memcached know. */
function status(node: InspectedNode): Readonly<Record<string, string>> {
  const { runtime, store, clock, answers } = node;
  const replica = node.replica();
  const usage = runtime.host.usage();
  const memory = store.memory();
  const log = node.log();
  const retained = replica?.retained.figures() ?? NOTHING_RETAINED;
  const stats = {
    pid: usage.pid,
    uptime: Math.floor(usage.uptimeSeconds),
    time: Math.floor(clock.wallMs() / 1000),
    clock_ahead_ms: Math.round(clock.aheadMs()),
    version: VERSION,
    rusage_user: usage.userCpuSeconds.toFixed(6),
    rusage_system: usage.systemCpuSeconds.toFixed(6),
    rusage_maxrss: Math.floor(usage.residentBytes / 1024),
    curr_connections: node.links(),
    cmd_get: answers.total('get'),
    cmd_set: answers.total('set'),
    get_hits: answers.of('get', 'found'),
    get_misses: answers.of('get', 'absent'),
    evictions: memory.evicted,
    curr_items: store.items(),
    bytes: store.payloadBytes(),
    tombstones: memory.tombstones,
    tombstone_bytes: memory.tombstoneBytes,
    deletes_kept_by: keptBy(node.obstacles()),
    retained_partitions: retained.partitions,
    retained_items: retained.items,
    retained_bytes: retained.payloadBytes,
    limit_maxbytes: memory.limit,
    memory_bytes: memory.used,
    index_bytes: memory.index,
    overhead_bytes: overheadBytes(memory),
    rss_bytes: usage.residentBytes,
    segments: memory.segments,
    moved_bytes: memory.moved,
    log_bytes: log.bytes,
    log_files: log.files,
    fsyncs: node.syncs.count,
    fsync_p99_ms: inMilliseconds(node.syncs.quantileSeconds(0.99)),
    ...pauses(runtime.host),
    when_full: store.whenFull,
    node: node.node(),
    incarnation: replica?.incarnation ?? 0,
    lease_ms: Math.floor(replica?.leaseMs ?? 0),
    map: printMapVersion(replica?.mapVersion ?? NO_MAP),
  };
  return Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, String(value)]));
}

/** Joins texts such as `storage2 joining`, each once; `nobody` while all deletes that are due can be forgotten. */
function keptBy(obstacles: readonly string[]): string {
  return [...new Set(obstacles)].sort().join(', ') || 'nobody';
}

function pauses(host: Host) {
  const kinds = COLLECTION_KINDS.map((kind) => host.collections(kind));
  return {
    event_loop_p50_ms: inMilliseconds(host.eventLoopDelaySeconds(0.5)),
    event_loop_p99_ms: inMilliseconds(host.eventLoopDelaySeconds(0.99)),
    event_loop_p999_ms: inMilliseconds(host.eventLoopDelaySeconds(0.999)),
    event_loop_max_ms: inMilliseconds(host.eventLoopDelaySeconds(1)),
    gc_pauses: kinds.reduce((sum, { count }) => sum + count, 0),
    gc_ms: inMilliseconds(kinds.reduce((sum, { seconds }) => sum + seconds, 0)),
    gc_max_ms: inMilliseconds(Math.max(...kinds.map(({ longest }) => longest))),
  };
}

function inMilliseconds(seconds: number): string {
  return (seconds * 1000).toFixed(3);
}
