// A controller whose state is lost or of yesterday finds the map again (H32): it opens a generation above
// all others, has the nodes promise to follow no earlier one, and takes of each partition the entry of
// the highest epoch. What a member that has not promised might know better stays frozen.

import { readReply } from '../cluster/calls.ts';
import {
  type ClusterMap,
  compareMapVersions,
  isFrozen,
  type Member,
  type NodeEntry,
  nodeEntry,
  type PartitionEntry,
} from '../cluster/cluster-map.ts';
import type { Address, ClusterId, Epoch, NodeId } from '../cluster/identity.ts';
import type { Times } from '../cluster/limits.ts';
import {
  PATHS,
  type PrepareReply,
  type PrepareRequest,
  prepareReply,
} from '../cluster/messages.ts';
import type { PartitionId } from '../cluster/partition.ts';
import type { Runtime } from '../cluster/runtime.ts';

/** Who promised, with the map it had: what `recoveredEntry` judges by. */
export interface Promised {
  readonly reply: PrepareReply;
  /** None: it never answered anything, and knows nothing. */
  readonly map: ClusterMap | undefined;
}

export type Promises = ReadonlyMap<NodeId, Promised>;

export class Recovery {
  readonly #runtime: Runtime;
  readonly #times: Times;
  readonly #cluster: ClusterId;
  readonly #recovered: (map: ClusterMap) => void;
  readonly #addresses = new Set<Address>();
  readonly #promises = new Map<NodeId, Promised>();
  readonly #startedMs: number;
  #generation: number;
  /** The map is published; what is frozen in it is still waited for. */
  #published = false;
  /** A promise came that `thaw` has not judged by. */
  #hasNews = false;

  /**
   * @param above a generation that was used before
   * @param recovered is called once, with a map whose partitions may be frozen
   */
  constructor(
    runtime: Runtime,
    {
      times,
      cluster,
      above,
    }: { readonly times: Times; readonly cluster: ClusterId; readonly above: number },
    recovered: (map: ClusterMap) => void,
  ) {
    this.#runtime = runtime;
    this.#times = times;
    this.#cluster = cluster;
    this.#recovered = recovered;
    this.#startedMs = runtime.clock.monotonicMs();
    this.#generation = Math.max(Math.floor(runtime.clock.wallMs() / 1000), above + 1);
    runtime.log.write('warn', 'recovering the map from the nodes', {
      cluster,
      generation: this.#generation,
    });
    this.#again();
  }

  get cluster(): ClusterId {
    return this.#cluster;
  }

  /** What is waited for, for people. */
  get waitingFor(): string {
    const known = this.#known();
    const missing = Object.keys(known?.nodes ?? {}).filter(
      (node) => !this.#promises.has(node as NodeId),
    );
    return `recovery: ${this.#promises.size} nodes promised${missing.length > 0 ? `, not yet ${missing.join(', ')}` : ''}`;
  }

  /** A node is there; the maps of others name more. */
  found(address: Address): void {
    if (this.#addresses.has(address)) return;
    this.#addresses.add(address);
    this.#ask(address);
  }

  /** Whether this node, whose store the map names, is still to say what it knows. */
  isWanted(map: ClusterMap, node: NodeId): boolean {
    return !this.#promises.has(node) && frozenEntries(map).some((entry) => hasNode(entry, node));
  }

  /** What was frozen for want of a promise that has come. */
  thaw(map: ClusterMap): ClusterMap {
    if (!this.#hasNews || !isFrozen(map)) return map;
    const next = recovered(map, this.#promises);
    // Asked at every tick; until what came of the promises stands in the published map.
    this.#hasNews = next !== map;
    return next;
  }

  /** Nodes that start late, or did not hear; until nobody is waited for. */
  #again(): void {
    this.#runtime.timers.after(this.#times.heartbeatMs, () => {
      this.#conclude();
      for (const address of this.#addresses) this.#ask(address);
      this.#again();
    });
  }

  #ask(address: Address): void {
    if (this.#hasPromised(address)) return;
    const message: PrepareRequest = { cluster: this.#cluster, generation: this.#generation };
    const timeoutMs = this.#times.controlCallMs;
    this.#runtime.network.call(
      { address, method: 'POST', path: PATHS.prepare, message, timeoutMs },
      (outcome) => {
        const reply = readReply(prepareReply, outcome);
        if (reply.kind === 'message') this.#heard(reply.message);
      },
    );
  }

  #hasPromised(address: Address): boolean {
    return [...this.#promises.values()].some(({ reply }) => reply.address === address);
  }

  #heard(reply: PrepareReply): void {
    // A promise above ours is another recovery's, and may become its maps' generation.
    const promised = reply.generation > this.#generation ? reply.generation : 0;
    const used = Math.max(promised, reply.map?.version.generation ?? 0);
    if (used >= this.#generation && !this.#published) {
      // Above it, and everybody once more.
      this.#generation = used + 1;
      this.#promises.clear();
      return;
    }
    const { map } = reply;
    if (reply.generation !== this.#generation) return;
    if (map !== undefined && map.cluster !== this.#cluster) return;
    this.#promises.set(reply.node, { reply, map });
    this.#hasNews = true;
    for (const { address } of Object.values(map?.nodes ?? {})) this.found(address);
    this.#conclude();
  }

  #known(): ClusterMap | undefined {
    return mapsOf(this.#promises).sort((a, b) => compareMapVersions(b.version, a.version))[0];
  }

  /** D6: a majority of all known nodes; then all partitions, or after a while those that can be. */
  #conclude(): void {
    const known = this.#known();
    if (this.#published || known === undefined) return;
    const nodes = Object.keys(known.nodes) as NodeId[];
    const promised = nodes.filter((node) => this.#promises.has(node));
    if (2 * promised.length <= nodes.length) return;
    const version = { generation: this.#generation, number: 1 };
    const base = { ...frozen(known), version, openedFrom: undefined };
    const map = recovered(unfenced(base), this.#promises);
    const open = map.partitions.length - frozenEntries(map).length;
    const waitedMs = this.#runtime.clock.monotonicMs() - this.#startedMs;
    if (open < map.partitions.length && waitedMs < this.#times.suspicionMs) return;
    this.#published = true;
    this.#runtime.log.write('info', 'map recovered', {
      generation: this.#generation,
      nodes: promised.length,
      frozen: map.partitions.length - open,
    });
    this.#recovered(map);
  }
}

function mapsOf(promises: Promises): ClusterMap[] {
  return [...promises.values()].flatMap(({ map }) => (map === undefined ? [] : [map]));
}

function frozenEntries(map: ClusterMap): readonly PartitionEntry[] {
  return map.partitions.filter(({ frozen }) => frozen);
}

function hasNode({ members }: PartitionEntry, node: NodeId): boolean {
  return members.some((member) => member.node === node);
}

function frozen(map: ClusterMap): ClusterMap {
  return { ...map, partitions: map.partitions.map((entry) => ({ ...entry, frozen: true })) };
}

function unfenced(map: ClusterMap): ClusterMap {
  const nodes = Object.entries(map.nodes).map(
    ([node, entry]) => [node, { ...entry, fenced: false }] as const,
  );
  return { ...map, nodes: Object.fromEntries(nodes) };
}

/**
 * H32: the lost controller may have opened epochs that no node heard of, and frontends did. Were one of them used
 * again, for other members, a set of such a frontend would be acknowledged by fewer than all (seed 254).
 * With at most one change every 50 ms it is half a day until there are so many.
 */
const UNHEARD_EPOCHS = 1_000_000;

interface Known {
  readonly entry: PartitionEntry;
  /** Where it stands. */
  readonly map: ClusterMap;
}

/**
 * Of each frozen partition the entry of the highest epoch that anybody knows. It is frozen no longer when
 * all its members promised: no later entry was ever acknowledged to, for that one would have one of these
 * members, which would know it, or descend from a joiner whose source is one of them, likewise.
 *
 * The entry may stand in an older map, or come with a late promise, and knows nothing of the lives that
 * its members have by now: it follows their stores (H7).
 *
 * @returns the map itself when nothing is known beyond it
 */
export function recovered(map: ClusterMap, promises: Promises): ClusterMap {
  const known = map.partitions.map((entry, partition) =>
    entry.frozen ? highestEntry([map, ...mapsOf(promises)], partition as PartitionId) : undefined,
  );
  const nodes = { ...map.nodes };
  for (const { entry, map: from } of known.filter((each) => each !== undefined)) {
    for (const { node } of entry.members) {
      const named = nodeEntry(from, node);
      if (named !== undefined && named.incarnation > (nodes[node]?.incarnation ?? 0)) {
        nodes[node] = { ...named, fenced: false };
      }
    }
  }
  let changed = false;
  const partitions = map.partitions.map((entry, partition) => {
    const highest = known[partition];
    if (highest === undefined) return entry;
    const { members } = highest.entry;
    const present = members.map((member) =>
      presentLife(member, nodeEntry(highest.map, member.node), nodes[member.node]),
    );
    const isComplete = members.every((member) => hasPromised(promises, highest.map, member));
    const isNews =
      highest.map !== map || present.some((member, index) => member !== members[index]);
    if (!isComplete && !isNews) return entry;
    changed = true;
    const { epoch } = highest.entry;
    // Nothing was applied since, so while it is frozen the lives need no new epoch.
    if (!isComplete) return { epoch, members: present, frozen: true };
    return { epoch: (epoch + UNHEARD_EPOCHS) as Epoch, members: present };
  });
  const promised = [...promises.keys()].filter((node) => Object.hasOwn(nodes, node));
  if (!changed && promised.length === map.promised?.length) return map;
  const next = { ...map, nodes, partitions };
  return { ...next, promised: isFrozen(next) ? promised : undefined };
}

/** Of the newest map among equals. */
function highestEntry(maps: readonly ClusterMap[], partition: PartitionId): Known | undefined {
  return maps
    .flatMap((map) => {
      const entry = map.partitions[partition];
      return entry === undefined ? [] : [{ entry, map }];
    })
    .sort(
      (a, b) => b.entry.epoch - a.entry.epoch || compareMapVersions(b.map.version, a.map.version),
    )[0];
}

/** The life that has all that this member had. */
function presentLife(
  member: Member,
  named: NodeEntry | undefined,
  present: NodeEntry | undefined,
): Member {
  const since = present?.completeSince;
  const isOver = present !== undefined && present.incarnation > member.incarnation;
  const isSameStore = named?.incarnation === member.incarnation && named.store === present?.store;
  if (!isOver || !isSameStore || since === undefined || since > member.incarnation) return member;
  return { ...member, incarnation: present.incarnation };
}

/** D6: only the life or the store that the entry names counts: a node without its data knows nothing. */
function hasPromised(promises: Promises, map: ClusterMap, member: Member): boolean {
  const promise = promises.get(member.node);
  if (promise === undefined) return false;
  if (promise.reply.incarnation === member.incarnation) return true;
  const entry = nodeEntry(map, member.node);
  return entry?.incarnation === member.incarnation && entry.store === promise.reply.store;
}
