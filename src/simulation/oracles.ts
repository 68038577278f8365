// Checks that look inside the nodes, as no client can: whether every serving copy holds what was acknowledged (I5),
// whether the lease of a removed member had lapsed (I7), whether the copies agree in the end. They find errors that
// clients miss because a quick next set masks a lost one. What a copy is, is copies.ts's.

import type { HttpReply } from '../cluster/http/http.ts';
import {
  type ClusterMap,
  compareMapVersions,
  type IncarnationId,
  isGranted,
  isOfStaleLineage,
  isSameIncarnation,
  type Member,
  partitionEntry,
} from '../cluster/model/cluster-map.ts';
import { type PartitionId, partitionOf } from '../cluster/model/partition.ts';
import type { Version } from '../cluster/model/version.ts';
import { mapReply } from '../cluster/wire/control-messages.ts';
import type { StorageNode } from '../storage/storage-node.ts';
import type { SimulatedCluster } from './cluster.ts';
import {
  answersGets,
  contentOf,
  copyFrom,
  copyOf,
  type HeldCopy,
  type Place,
  timeOf,
} from './copies.ts';
import type { ClientOperation, History } from './history.ts';
import type { SimulatedNode } from './node.ts';
import { figureOf } from './peeks.ts';
import { PublishedMaps } from './published-maps.ts';
import { bytesOf, plainGet } from './requests.ts';
import { Serialisers } from './serialisers.ts';
import type { World } from './world.ts';

interface AcknowledgedSet {
  readonly version: Version;
  readonly isValue: boolean;
}

/** What is to be true once a cluster has healed. */
interface Convergence {
  /** How many serving members each partition should have. */
  readonly copies: number;
  /** Nodes that nobody brings back. */
  readonly gone?: ReadonlySet<SimulatedNode>;
  /** Whether memory may be so short that some node cannot copy what it is to hold. */
  readonly isFull?: boolean;
}

export class Oracles {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #violation: (text: string) => void;
  readonly #history: History;
  readonly #serialisers: Serialisers;
  /** By key: the acknowledged write with the highest version. */
  readonly #acknowledged = new Map<string, AcknowledgedSet>();
  /** Keys whose partition the operator gave up: nodes with given-up copies may still run, and acknowledge sets. */
  readonly #givenUp = new Set<string>();
  /** The last incarnation of each node: a controller may have died before it published a map with it (seed 810000006). */
  readonly #registered = new Map<SimulatedNode, number>();
  /** The map that the controller published last, as far as it could be asked. */
  #map: ClusterMap | undefined;
  readonly #maps: PublishedMaps;
  /** By key, for the present map: every set checks all keys, and one map holds for hundreds of sets. */
  readonly #places = new Map<string, Place>();

  constructor(
    world: World,
    cluster: SimulatedCluster,
    history: History,
    violation: (text: string) => void,
  ) {
    this.#history = history;
    this.#serialisers = new Serialisers(violation);
    this.#maps = new PublishedMaps(() => cluster.storages, violation);
    this.#world = world;
    this.#cluster = cluster;
    this.#violation = violation;
    cluster.onControllerLog = (message, controller) => {
      if (message === 'map published') this.#mapPublished(controller);
    };
    for (const node of cluster.storages) {
      node.onLog = (message, { incarnation }) => {
        if (message === 'registered') this.#registered.set(node, Number(incarnation));
      };
    }
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  /**
   * Notes an acknowledged write, and checks I5 for its key.
   * @returns false when only given-up members acknowledged it, so that nobody promises to keep it
   */
  acknowledged({ kind, key, version }: ClientOperation): boolean {
    if (version === undefined) return true;
    const known = this.#acknowledged.get(key);
    const acknowledged = { version, isValue: kind === 'set' };
    if (this.#isOnlyWithGivenUp(key, acknowledged)) return false;
    if (known === undefined || version > known.version) {
      this.#acknowledged.set(key, acknowledged);
    }
    this.#checkCopiesOf(key, `when ${key} was acknowledged`);
    return true;
  }

  /**
   * Whether no serving member of the controller's map has the write. If a serving member had acknowledged it, then at
   * an epoch at which every other serving member must hold the record too (I3, I5).
   */
  #isOnlyWithGivenUp(key: string, acknowledged: AcknowledgedSet): boolean {
    const map = this.#map;
    if (map === undefined || !this.#givenUp.has(key)) return false;
    const place = this.#placeOf(map, key);
    const copies = place.servers.map((server) => copyOf(server, place));
    return copies.every((copy) => copy === undefined || this.#isBehind(key, acknowledged, copy));
  }

  get acknowledgedSets(): ReadonlyMap<string, { readonly version: Version }> {
    return this.#acknowledged;
  }

  /** The operator gave up the data of these keys: only what is acknowledged from now on must be there. */
  lossAccepted(keys: readonly string[]): void {
    for (const key of keys) {
      this.#acknowledged.delete(key);
      this.#givenUp.add(key);
    }
  }

  /** Whether the node has the acknowledged write of the key, or a newer one; undefined if it cannot be asked. */
  holds(node: SimulatedNode<StorageNode>, key: string): boolean | undefined {
    const acknowledged = this.#acknowledged.get(key);
    const map = this.#map;
    if (acknowledged === undefined || map === undefined) return undefined;
    const place = this.#placeOf(map, key);
    const held = node.living?.holding(place.partition, place.key);
    if (held === undefined) return undefined;
    return !this.#isBehind(key, acknowledged, copyFrom(held));
  }

  /** Checks I5 for all keys. @param when completes the sentence of a violation */
  checkCopies(when: string): void {
    for (const key of this.#acknowledged.keys()) this.#checkCopiesOf(key, when);
  }

  #checkCopiesOf(key: string, when: string): void {
    const acknowledged = this.#acknowledged.get(key);
    const map = this.#map;
    if (acknowledged === undefined || map === undefined) return;
    const place = this.#placeOf(map, key);
    for (const server of place.servers) {
      const copy = copyOf(server, place);
      if (copy === undefined || !this.#isBehind(key, acknowledged, copy)) continue;
      const version = acknowledged.version.toString(16);
      this.#violation(
        `I5: ${server.node.process.name} serves ${key} without v=${version}, ${when} at ${this.#world.nowMs.toFixed(1)}`,
      );
    }
  }

  /** Whether the copy lacks the acknowledged write. */
  #isBehind(key: string, { version, isValue }: AcknowledgedSet, copy: HeldCopy): boolean {
    if (copy.version < version) return true;
    if (!isValue || copy.value !== undefined || this.#cluster.isCache) return false;
    // An absent value may be below a floor that another key's tombstone raised, or in a cache an eviction of its own.
    return !this.#history.mayBeDeleted(key, version, this.#world.nowMs);
  }

  /**
   * Checks that after healing each partition has enough copies and all agree; in a cache, where each node evicts for
   * itself, they need not agree.
   */
  checkConvergence(keys: readonly string[], wanted: Convergence): void {
    for (const problem of this.unconverged(keys, wanted)) this.#violation(problem);
  }

  /** @returns a line for each thing that is not yet as it should be */
  unconverged(
    keys: readonly string[],
    { copies, gone = new Set(), isFull = false }: Convergence,
  ): readonly string[] {
    const map = this.#map;
    if (map === undefined) return ['liveness: the controller has no map'];
    const problems: string[] = [];
    const isGone = (id: string) => [...gone].some(({ process }) => process.name === id);
    for (const [node, { fenced }] of Object.entries(map.nodes)) {
      if (fenced && !isGone(node)) problems.push(`liveness: ${node} is still fenced`);
    }
    if (map.nextWitnesses !== undefined) problems.push('liveness: the witnesses still change');
    for (const [partition, { members, frozen }] of map.partitions.entries()) {
      if (frozen) problems.push(`liveness: partition ${partition} is frozen`);
      // A node without memory copies once there is room: emptying.ts makes room, then asks again (seed 900006223).
      if (isFull && figureOf(this.#cluster.controller, 'velourfog_full_storage_nodes') > 0)
        continue;
      const roles = members.map(({ role }) => role).join(' ');
      if (members.length !== copies || members.some(({ role }) => role !== 'serving')) {
        problems.push(`liveness: partition ${partition} has ${roles}, not ${copies} serving`);
      }
    }
    for (const key of this.#cluster.isCache ? [] : keys) {
      const place = this.#placeOf(map, key);
      const seen = place.servers.map((server) =>
        contentOf(copyOf(server, place), timeOf(server.node.living)),
      );
      // R10: a member without memory repairs its copy once there is room: emptying.ts makes room, then asks again.
      const isShort = place.servers.some(
        ({ node }) => figureOf(node, 'velourfog_unrepaired_records') > 0,
      );
      if (new Set(seen).size > 1 && !isShort)
        problems.push(`diverged: ${key} is ${seen.join(' / ')}`);
    }
    return problems;
  }

  /**
   * The ground truth for faults that destroy data: whether every partition of the node has another intact copy in sync,
   * and a majority of the witnesses is left. With two of three witnesses gone and no proof of death, only an operator
   * can go on.
   * @param isIntact whether this incarnation of a node still has its data
   */
  canLose(node: SimulatedNode, isIntact: (incarnationId: IncarnationId) => boolean): boolean {
    return this.keepsWitnesses([node], isIntact) && this.isCopied(node, isIntact);
  }

  /** The first half of `canLose`: enough for a node that keeps its directory, and so its vote as a witness. */
  isCopied(node: SimulatedNode, isIntact: (incarnationId: IncarnationId) => boolean): boolean {
    const map = this.#map;
    if (map === undefined) return false;
    const { name } = node.process;
    const isOtherCopy = (member: Member) =>
      member.node !== name &&
      member.role === 'serving' &&
      isGranted(map, member) &&
      isIntact(member);
    return map.partitions.every(
      ({ members }) => !members.some((member) => member.node === name) || members.some(isOtherCopy),
    );
  }

  /** Whether a majority of the witnesses is left without these nodes; of both sets while they change (H13). */
  keepsWitnesses(
    gone: readonly SimulatedNode[],
    isIntact: (incarnationId: IncarnationId) => boolean,
  ): boolean {
    const map = this.#map;
    if (map === undefined) return false;
    const stays = (incarnationId: IncarnationId) =>
      !gone.some(({ process }) => process.name === incarnationId.node) &&
      isGranted(map, incarnationId) &&
      isIntact(incarnationId);
    const electorates = [map.witnesses, ...(map.nextWitnesses ? [map.nextWitnesses] : [])];
    return electorates.every((set) => 2 * set.filter(stays).length > set.length);
  }

  /** The node and its present incarnation; undefined while it has none. */
  incarnationIdOf(node: SimulatedNode): IncarnationId | undefined {
    const incarnation = Number(statusOf(node)?.incarnation ?? 0);
    if (incarnation === 0) return undefined;
    return {
      node: node.process.name as IncarnationId['node'],
      incarnation: incarnation as IncarnationId['incarnation'],
    };
  }

  /** The highest known incarnation of a node, present or former; 0 if it never had one. */
  incarnationOf(node: SimulatedNode): number {
    const { name } = node.process;
    const map = this.#map;
    const inMap = Object.entries(map?.nodes ?? {}).find(([id]) => id === name)?.[1].incarnation;
    return Math.max(inMap ?? 0, this.#registered.get(node) ?? 0);
  }

  #mapPublished(controller: SimulatedNode): void {
    const earlier = this.#map;
    const reply = controller.peek(plainGet('/c/map'));
    if (reply === undefined) return;
    const { map } = mapReply(JSON.parse(bytesOf(reply).toString()));
    if (map === undefined) return;
    this.#maps.add(map, earlier);
    // A former controller that slept, or started from an older state, still publishes for a moment; no node follows it.
    const isPresent = controller === this.#cluster.controller;
    if (!isPresent && earlier && !isFollowed(map, earlier)) {
      if (isOfStaleLineage(map, earlier.version)) this.#maps.passOver(map);
      return;
    }
    this.#map = map;
    this.#serialisers.published(map);
    this.checkMaps();
    this.#places.clear();
    if (earlier !== undefined) this.#checkRemovals(earlier, map);
    this.checkCopies('when a map was published');
  }

  checkMaps(): void {
    this.#maps.checkNodes(`at ${this.#world.nowMs.toFixed(1)}`);
  }

  /** I7: a removed member answers no gets. */
  #checkRemovals(earlier: ClusterMap, map: ClusterMap): void {
    for (const [partition, entry] of earlier.partitions.entries()) {
      const now = map.partitions[partition]?.members ?? [];
      for (const member of entry.members) {
        if (now.some((other) => isSameIncarnation(other, member))) continue;
        if (!this.#answersGets(member, partition)) continue;
        this.#violation(
          `I7: ${member.node} was removed from partition ${partition} and still answers, at ${this.#world.nowMs.toFixed(1)}`,
        );
      }
    }
  }

  #answersGets(incarnationId: IncarnationId, partition: number): boolean {
    const node = this.#nodeOf(incarnationId);
    const status = node === undefined ? undefined : statusOf(node);
    if (node === undefined || status?.incarnation !== String(incarnationId.incarnation))
      return false;
    // Ask the node itself: it may know restrictions of a newer map than the one it has adopted.
    return answersGets(node.living, partition as PartitionId);
  }

  #placeOf(map: ClusterMap, key: string): Place {
    let place = this.#places.get(key);
    if (place === undefined) {
      const bytes = Buffer.from(key);
      const partition = partitionOf(bytes, map.digits);
      const { frozen, members } = partitionEntry(map, partition);
      // Nobody answers for a frozen partition, and another entry may be the one that counts in the end (H32).
      const serving = frozen ? [] : members.filter(({ role }) => role === 'serving');
      const servers = serving.flatMap((member) => {
        const node = this.#nodeOf(member);
        return node === undefined ? [] : [{ node, incarnation: member.incarnation }];
      });
      place = { partition, key: bytes, servers };
      this.#places.set(key, place);
    }
    return place;
  }

  #nodeOf({ node }: IncarnationId): SimulatedNode<StorageNode> | undefined {
    return this.#cluster.storages.find(({ process }) => process.name === node);
  }
}

function statusOf(node: SimulatedNode): Readonly<Record<string, string>> | undefined {
  const reply: HttpReply | undefined = node.peek(plainGet('/status'));
  return reply === undefined ? undefined : JSON.parse(bytesOf(reply).toString());
}

/** Whether a node that has the other map would adopt this one as a later map. */
function isFollowed(map: ClusterMap, other: ClusterMap): boolean {
  return (
    compareMapVersions(map.version, other.version) >= 0 && !isOfStaleLineage(map, other.version)
  );
}
