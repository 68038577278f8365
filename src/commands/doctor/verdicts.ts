// Judges a cluster by the answers of its controller and its nodes. The questions are asked in cluster.ts.

import type { ReadMetrics } from '../../cluster/http/read-metrics.ts';
import type { Silence } from '../../cluster/io/network/ask.ts';
import { fileServerHost, fileServerWeight } from '../../cluster/model/file-server.ts';
import { type Address, address } from '../../cluster/model/identity.ts';
import {
  FILE_SERVERS_MAX,
  OWN_CLOCK_OFF_MS_MAX,
  protocolTimes,
  REDUNDANCY_MAX,
  STORAGE_NODES_MAX,
} from '../../cluster/model/limits.ts';
import { partitionCount } from '../../cluster/model/partition.ts';
import { VERSION } from '../../cluster/software.ts';
import {
  dictionary,
  flag,
  integer,
  list,
  Malformed,
  object,
  oneOf,
  optional,
  positive,
  type Shape,
  type ShapeOf,
  text,
} from '../../cluster/wire/shapes.ts';
import { judgeCopies } from './copies.ts';
import type { ReportFinding } from './finding.ts';
import { silent } from './silence.ts';

/** The share of its memory above which a store is reported: soon it refuses sets. */
const MEMORY_FULL = 0.9;
const SHOWN_MAX = 5;

const whole = integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const words: Shape<string> = text({ min: 0, max: 100_000 });

const partitionNumber = integer({ min: 0, max: partitionCount(3) });

/** The part of the controller's `/status` that commands read; older software lacks the optional fields. */
export const clusterStatus = object({
  ready: flag,
  waitingFor: optional(words),
  timeScale: optional(positive),
  timeMs: optional(whole),
  redundancy: integer({ min: 1, max: REDUNDANCY_MAX }),
  whenFull: optional(words),
  version: optional(words),
  cluster: optional(words),
  map: optional(words),
  partitions: optional(partitionNumber),
  offlinePartitions: optional(partitionNumber),
  stateProblem: optional(words),
  frozen: optional(object({ help: words })),
  storage: dictionary(
    object({
      address,
      fenced: flag,
      draining: flag,
      partitions: optional(
        object({ serving: partitionNumber, joining: partitionNumber, leaving: partitionNumber }),
      ),
      clockAheadMs: optional(whole),
      diskProblem: optional(words),
      /** It had no memory for a copy lately; absent of older software. */
      lacksMemory: optional(flag),
      heardMsAgo: optional(whole),
      /** The present incarnation has ended, by its own word or by that of its parent or an operator (H5). */
      ended: optional(oneOf('returning', 'gone')),
    }),
    { max: STORAGE_NODES_MAX },
  ),
  /** Absent without a map, and of older software. */
  fileServers: optional(
    dictionary(
      object({
        address,
        host: fileServerHost,
        weight: fileServerWeight,
        state: oneOf('in', 'draining'),
      }),
      { max: FILE_SERVERS_MAX },
    ),
  ),
  frontends: list(address, { max: 100_000 }),
});

export type ClusterStatus = ShapeOf<typeof clusterStatus>;
type StorageStatus = ClusterStatus['storage'][string];

/** @returns the status; a text that says why it is no controller's */
export function statusIn(json: string): ClusterStatus | string {
  try {
    return clusterStatus(JSON.parse(json));
  } catch (error) {
    if (error instanceof SyntaxError) return 'it is none of velour-fog';
    if (error instanceof Malformed) return error.message;
    throw error;
  }
}

/** Whether the controller heard the node lately; one or two late heartbeats do not count as silence. */
export function isHeard({ ended, heardMsAgo }: StorageStatus, { timeScale }: ClusterStatus) {
  if (ended !== undefined || heardMsAgo === undefined) return false;
  return heardMsAgo < 2 * protocolTimes(timeScale ?? 1).suspicionMs;
}

export interface NodeSight {
  readonly address: Address;
  readonly role: 'controller' | 'storage' | 'frontend' | 'fileserver';
  /** Whether the controller heard it lately; undefined when that proves nothing. */
  readonly isHeard: boolean | undefined;
  /** Why the node could not be asked. */
  readonly silence: Silence | undefined;
  /** The answer of `/readyz?verbose`. */
  readonly health: string;
  readonly metrics: ReadMetrics | undefined;
}

export function judgeCluster(
  status: ClusterStatus,
  ownScale: number | undefined,
  report: ReportFinding,
): void {
  const { storage, redundancy, timeScale, offlinePartitions = 0, stateProblem, frozen } = status;
  if (!status.ready) {
    report({
      check: 'cluster',
      what: `the controller is not ready: ${status.waitingFor ?? 'it does not say why'}`,
      todo: 'see to what it waits for',
    });
  }
  if (offlinePartitions > 0) {
    report({
      check: 'partitions',
      what: `${offlinePartitions} partitions are offline: nobody answers for their keys`,
      todo: 'start the storage nodes that held them, or give up what is lost with velour accept-loss',
    });
  }
  if (frozen !== undefined) {
    report({
      check: 'partitions',
      what: 'a recovery of the map keeps partitions frozen',
      todo: frozen.help,
    });
  }
  if (stateProblem !== undefined) {
    report({
      check: 'disk',
      what: `the controller cannot store its map: ${stateProblem}`,
      todo: 'make room for it or mend its disk: a node that ends is not replaced meanwhile',
    });
  }
  const nodes = Object.entries(storage);
  const present = nodes.filter(
    ([, node]) => !node.fenced && !node.draining && isHeard(node, status),
  );
  if (offlinePartitions === 0 && isNobodyHeard(status)) {
    report({
      check: 'partitions',
      what: 'no storage node is heard, so nobody answers for any key',
      todo: 'start the storage nodes, with their data',
    });
  }
  if (status.ready && present.length < redundancy) {
    report({
      check: 'nodes',
      what: `${present.length} storage nodes are there, and each key is to be on ${redundancy}`,
      todo: 'start more storage nodes: until then one that is lost takes more with it',
    });
  }
  for (const [id, node] of nodes) {
    const { diskProblem, lacksMemory, clockAheadMs = 0 } = node;
    if (status.ready) judgePresence(id, node, status, report);
    if (diskProblem !== undefined) {
      report({
        check: 'disk',
        what: `storage node ${id} cannot write: ${diskProblem}`,
        todo: 'make room, or mend the disk and start it again',
      });
    }
    if (lacksMemory === true) {
      report({
        check: 'memory',
        what: `storage node ${id} has no memory for a partition that is to be copied to it`,
        todo: 'delete what is not needed, or give it more --memory, or start more storage nodes',
      });
    }
    if (Math.abs(clockAheadMs) > OWN_CLOCK_OFF_MS_MAX) {
      reportClock(`the clock of storage node ${id}`, clockAheadMs, report);
    }
  }
  // Where nobody can take a copy, the finding about the nodes says it.
  if (status.ready) judgeCopies(status, Math.min(redundancy, present.length), report);
  if (ownScale !== undefined && timeScale !== undefined && ownScale !== timeScale) {
    report({
      check: 'time-scale',
      what: `--time-scale is ${ownScale} here, and ${timeScale} of the controller`,
      todo: 'give all of a cluster the same: a node with another one is refused',
    });
  }
}

/** Whether the controller hears no storage node; while it has no map, it counts no heartbeats. */
function isNobodyHeard(status: ClusterStatus): boolean {
  return status.ready && !Object.values(status.storage).some((node) => isHeard(node, status));
}

/** Reports at most one line about a node's presence: a node that is heard is alive, and must not be forgotten. */
function judgePresence(
  id: string,
  node: StorageStatus,
  status: ClusterStatus,
  report: ReportFinding,
): void {
  const { fenced, draining, ended, heardMsAgo, diskProblem } = node;
  const say = (what: string, todo: string) =>
    report({ check: 'nodes', what: `storage node ${id} ${what}`, todo });
  if (ended === 'returning') {
    return say(
      'has said goodbye, and is expected back',
      'start it again, if it does not restart just now: soon others copy what it held',
    );
  }
  if (ended === 'gone') {
    // A drained node is supposed to end.
    if (draining) return;
    return say('has ended', 'start it again, or velour forget it if it is gone for good');
  }
  if (!isHeard(node, status)) {
    const since =
      heardMsAgo === undefined
        ? 'since the controller started'
        : `for ${(heardMsAgo / 1000).toFixed(1)} s`;
    return say(
      `was not heard ${since}${fenced ? ', and is fenced' : ''}`,
      'start it again if it does not run, or velour forget it if it is gone for good',
    );
  }
  // The finding about its disk already says why a node that cannot write is fenced.
  if (!fenced || diskProblem !== undefined) return;
  say(
    'is fenced, though the controller hears it',
    'wait some seconds, in which it is let in again; if it stays so see its log, and /readyz?verbose of it',
  );
}

function reportClock(whose: string, aheadMs: number, report: ReportFinding): void {
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
  report({
    check: 'clock',
    what: `${whose} is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the time of the cluster`,
    todo: 'run a daemon there that keeps time, such as chrony',
  });
}

/** @param asked when the controller was asked and answered, by this machine's clock in ms */
export function judgeClock(
  { timeMs }: ClusterStatus,
  { beforeMs, afterMs }: { readonly beforeMs: number; readonly afterMs: number },
  report: ReportFinding,
): void {
  if (timeMs === undefined) return;
  const aheadMs = (beforeMs + afterMs) / 2 - timeMs;
  const unsureMs = Math.max(0, afterMs - beforeMs) / 2;
  if (Math.abs(aheadMs) <= OWN_CLOCK_OFF_MS_MAX + unsureMs) return;
  reportClock('the clock of this machine', aheadMs, report);
}

export function judgeNodes(
  sights: readonly NodeSight[],
  status: ClusterStatus,
  report: ReportFinding,
): void {
  const { timeScale } = status;
  for (const sight of sights) {
    const { silence } = sight;
    if (silence === undefined) judgeNode(sight, status, report);
    else if (!isSaidToBeAway(sight, status)) {
      const who = `${sight.role} ${sight.address}`;
      const gone = goneFileServer(sight, status);
      report(silent({ who, silence, isHeard: sight.isHeard, gone }));
    }
  }
  const told = sights.filter(({ metrics }) => metrics !== undefined);
  for (const [version, those] of groupsOf(told, ({ metrics }) => metrics?.version)) {
    if (version === undefined || version === VERSION) continue;
    report({
      check: 'versions',
      what: `${shown(those)} ${those.length === 1 ? 'runs' : 'run'} velour-fog ${version}, and here is ${VERSION}`,
      todo: 'bring all of a cluster to one version, one node after the other',
    });
  }
  const scaleOf = ({ metrics }: NodeSight) => metrics?.get('velourfog_time_scale');
  for (const [scale, those] of groupsOf(told, scaleOf)) {
    if (scale === undefined || timeScale === undefined || scale === timeScale) continue;
    report({
      check: 'time-scale',
      what: `--time-scale of ${shown(those)} is ${scale}, and ${timeScale} of the controller`,
      todo: 'start all of a cluster with the same',
    });
  }
}

function judgeNode(sight: NodeSight, status: ClusterStatus, report: ReportFinding): void {
  const { address, role, health, metrics } = sight;
  const problems = [...health.matchAll(/^\[[-!]\](\S+) (?:failed|warning): (.*)$/gm)];
  for (const [, name = '', problem = ''] of problems) {
    if (isSaid(name, sight, status)) continue;
    report({
      check: name === 'disk' ? 'disk' : 'ready',
      what: `${role} ${address}, ${name}: ${problem}`,
      todo: 'see its log, and /readyz?verbose of it',
    });
  }
  const ahead = metrics?.get('velourfog_clock_ahead_seconds') ?? 0;
  // The controller reports the clocks of storage nodes.
  if (role !== 'storage' && Math.abs(ahead) * 1000 > OWN_CLOCK_OFF_MS_MAX) {
    reportClock(`the clock of ${role} ${address}`, ahead * 1000, report);
  }
  const used = metrics?.get('velourfog_memory_bytes') ?? 0;
  const limit = metrics?.get('velourfog_memory_limit_bytes') ?? Number.POSITIVE_INFINITY;
  if (status.whenFull !== 'evict' && used > MEMORY_FULL * limit) {
    report({
      check: 'memory',
      what: `storage node ${address} has taken ${Math.round((100 * used) / limit)} % of its --memory`,
      todo: 'add storage nodes, or give more to --memory: soon its sets are refused with 507',
    });
  }
}

/** Whether a finding from the controller's status already says the same. */
function isSaid(check: string, { address, role }: NodeSight, status: ClusterStatus): boolean {
  switch (check) {
    case 'cluster':
      return role === 'controller';
    case 'partitions':
      return (status.offlinePartitions ?? 0) > 0 || isNobodyHeard(status);
    case 'disk':
      return Object.values(status.storage).some(
        (node) => node.address === address && node.diskProblem !== undefined,
      );
    default:
      return false;
  }
}

/** @returns how a file server is taken off the map that is lost: as it is silent, no drain of it comes to an end */
function goneFileServer({ address, role }: NodeSight, status: ClusterStatus): string | undefined {
  if (role !== 'fileserver') return undefined;
  const [id, entry] =
    Object.entries(status.fileServers ?? {}).find(([, each]) => each.address === address) ?? [];
  if (id === undefined || entry === undefined) return undefined;
  const drain = entry.state === 'in' ? `velour drain ${id} --detach, and then ` : '';
  return `where it is gone for good, ${drain}velour remove ${id}: others copy what they have of the same`;
}

/**
 * Whether it is no news that nothing listens there: the finding about the node's presence says it, or it is a file
 * server that drains, which is supposed to end.
 */
function isSaidToBeAway({ address, role, silence }: NodeSight, status: ClusterStatus): boolean {
  if (role === 'fileserver' && silence?.how === 'closed') {
    return Object.values(status.fileServers ?? {}).some(
      (each) => each.address === address && each.state === 'draining',
    );
  }
  if (role !== 'storage' || silence?.how !== 'closed' || !status.ready) return false;
  const node = Object.values(status.storage).find((each) => each.address === address);
  return node !== undefined && !isHeard(node, status);
}

function groupsOf<T, K>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item)) ?? [];
    group.push(item);
    groups.set(keyOf(item), group);
  }
  return groups;
}

function shown(sights: readonly NodeSight[]): string {
  const first = sights.slice(0, SHOWN_MAX).map(({ address, role }) => `${role} ${address}`);
  const more = sights.length - first.length;
  return `${first.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
