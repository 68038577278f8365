// Questions from inside, which no client could ask: does every copy that serves hold what was
// acknowledged (I5), had the lease of a removed member lapsed (I7), do the copies agree in the end? They
// see what clients miss, because a quick next set masks a lost one.

import type { HttpReply } from '../cluster/http/http.ts';
import {
  type ClusterMap,
  compareMapVersions,
  encodeMapVersion,
  isGranted,
  isOfStaleLineage,
  isSameLife,
  type Life,
  type Member,
  partitionEntry,
} from '../cluster/model/cluster-map.ts';
import { type PartitionId, partitionOf } from '../cluster/model/partition.ts';
import type { Version } from '../cluster/model/version.ts';
import { mapReply } from '../cluster/wire/control-messages.ts';
import type { StorageNode } from '../storage/storage-node.ts';
import type { SimulatedCluster } from './cluster.ts';
import { answersGets, contentOf, copyFrom, copyOf, type HeldCopy, type Place } from './copies.ts';
import type { ClientOperation, History } from './history.ts';
import type { SimulatedNode } from './node.ts';
import { figureOf } from './peeks.ts';
import { bytesOf, plainGet } from './requests.ts';
import type { World } from './world.ts';

interface AcknowledgedSet {
  readonly version: Version;
  readonly isValue: boolean;
}

export class Oracles {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #violation: (text: string) => void;
  readonly #history: History;
  /** The highest of each key. */
  readonly #acknowledged = new Map<string, AcknowledgedSet>();
  /** Keys of which the operator gave up what some nodes may have that live. */
  readonly #givenUp = new Set<string>();
  /** As the controller published it last, as far as it could be asked. */
  #map: ClusterMap | undefined;
  /** Every map that it published, as JSON, by version. */
  readonly #published = new Map<string, string>();
  /** Those of a controller that knew nothing of the one that took its place. */
  readonly #passedOver = new Set<string>();
  /** Of that map, by key: after each set all keys are looked at, and a map holds for hundreds of sets. */
  readonly #places = new Map<string, Place>();

  constructor(
    world: World,
    cluster: SimulatedCluster,
    history: History,
    violation: (text: string) => void,
  ) {
    this.#history = history;
    this.#world = world;
    this.#cluster = cluster;
    this.#violation = violation;
    cluster.onControllerLog = (message, controller) => {
      if (message === 'map published') this.#mapPublished(controller);
    };
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  /** @returns false when all who acknowledged it had been given up by the operator, so that nobody promises it */
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
   * Nobody who serves by the controller's map has it. Were there one, it took part in an epoch that was over for
   * it, and the others of its epoch must have the record as well (I3, I5).
   */
  #isOnlyWithGivenUp(key: string, acknowledged: AcknowledgedSet): boolean {
    const map = this.#map;
    if (map === undefined || !this.#givenUp.has(key)) return false;
    const place = this.#placeOf(map, key);
    const copies = place.servers.map((server) => copyOf(server, place));
    return copies.every((copy) => copy === undefined || this.#isBehind(key, acknowledged, copy));
  }

  acknowledgedKeys(): Iterable<string> {
    return this.#acknowledged.keys();
  }

  /** The operator gave up what these partitions had: from here on only what is acknowledged now counts. */
  lossAccepted(keys: readonly string[]): void {
    for (const key of keys) {
      this.#acknowledged.delete(key);
      this.#givenUp.add(key);
    }
  }

  /** Whether the node has what was acknowledged of the key, or something newer; undefined if it cannot be asked. */
  holds(node: SimulatedNode<StorageNode>, key: string): boolean | undefined {
    const acknowledged = this.#acknowledged.get(key);
    const map = this.#map;
    if (acknowledged === undefined || map === undefined) return undefined;
    const place = this.#placeOf(map, key);
    const held = node.living?.holding(place.partition, place.key);
    if (held === undefined) return undefined;
    return !this.#isBehind(key, acknowledged, copyFrom(held));
  }

  /** I5. */
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

  /** Whether the copy lacks what was acknowledged. */
  #isBehind(key: string, { version, isValue }: AcknowledgedSet, copy: HeldCopy): boolean {
    if (copy.version < version) return true;
    if (!isValue || copy.value !== undefined || this.#cluster.isCache) return false;
    // What is absent may be below a floor that another key's delete raised, or in a cache its own eviction.
    return !this.#history.mayBeDeleted(key, version, this.#world.nowMs);
  }

  /**
   * After healing: as many copies as there should be, and all alike; those of a cache evict each its own.
   * @param gone nodes that nobody brings back
   */
  checkConvergence(
    keys: readonly string[],
    copies: number,
    gone: ReadonlySet<SimulatedNode> = new Set(),
  ): void {
    for (const problem of this.unconverged(keys, copies, gone)) this.#violation(problem);
  }

  /** @returns what is not yet as it should be */
  unconverged(
    keys: readonly string[],
    copies: number,
    gone: ReadonlySet<SimulatedNode> = new Set(),
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
      const roles = members.map(({ role }) => role).join(' ');
      if (members.length !== copies || members.some(({ role }) => role !== 'serving')) {
        problems.push(`liveness: partition ${partition} has ${roles}, not ${copies} serving`);
      }
    }
    for (const key of this.#cluster.isCache ? [] : keys) {
      const place = this.#placeOf(map, key);
      const seen = place.servers.map((server) => contentOf(copyOf(server, place)));
      // R10: what one of them has no memory for comes once there is. emptying.ts makes room, and then this is asked again.
      const isShort = place.servers.some(
        ({ node }) => figureOf(node, 'velourfog_unrepaired_records') > 0,
      );
      if (new Set(seen).size > 1 && !isShort)
        problems.push(`diverged: ${key} is ${seen.join(' / ')}`);
    }
    return problems;
  }

  /**
   * Ground truth, for whoever destroys data: of every partition that the node holds another copy in sync
   * is intact, and so is a majority of the witnesses: when two of three are gone without a proof, only
   * an operator can go on.
   */
  canLose(node: SimulatedNode, isIntact: (life: Life) => boolean): boolean {
    return this.keepsWitnesses([node], isIntact) && this.isCopied(node, isIntact);
  }

  /** The first half of that: enough for whoever keeps its directory, and so its vote. */
  isCopied(node: SimulatedNode, isIntact: (life: Life) => boolean): boolean {
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

  /** Whether without these nodes a majority of the witnesses is left, of both sets while they change. */
  keepsWitnesses(gone: readonly SimulatedNode[], isIntact: (life: Life) => boolean): boolean {
    const map = this.#map;
    if (map === undefined) return false;
    const stays = (life: Life) =>
      !gone.some(({ process }) => process.name === life.node) &&
      isGranted(map, life) &&
      isIntact(life);
    const electorates = [map.witnesses, ...(map.nextWitnesses ? [map.nextWitnesses] : [])];
    return electorates.every((set) => 2 * set.filter(stays).length > set.length);
  }

  /** The life that a node lives now, once it has its incarnation. */
  lifeOf(node: SimulatedNode): Life | undefined {
    const incarnation = Number(statusOf(node)?.incarnation ?? 0);
    if (incarnation === 0) return undefined;
    return {
      node: node.process.name as Life['node'],
      incarnation: incarnation as Life['incarnation'],
    };
  }

  /** The incarnation that a node has or had, the highest known of. */
  incarnationOf(node: SimulatedNode): number {
    const { name } = node.process;
    const map = this.#map;
    const inMap = Object.entries(map?.nodes ?? {}).find(([id]) => id === name)?.[1].incarnation;
    return Math.max(inMap ?? 0, Number(statusOf(node)?.incarnation ?? 0));
  }

  #mapPublished(controller: SimulatedNode): void {
    const earlier = this.#map;
    const reply = controller.peek(plainGet('/c/map'));
    if (reply === undefined) return;
    const { map } = mapReply(JSON.parse(bytesOf(reply).toString()));
    if (map === undefined) return;
    this.#checkVersion(map);
    // A controller that slept while another one took its place, or starts from what it knew before that, goes on for a
    // moment; nobody follows it.
    const isPresent = controller === this.#cluster.controller;
    if (!isPresent && earlier && !isFollowed(map, earlier)) {
      if (isOfStaleLineage(map, earlier.version))
        this.#passedOver.add(encodeMapVersion(map.version));
      return;
    }
    this.#map = map;
    this.checkMaps();
    this.#places.clear();
    if (earlier !== undefined) this.#checkRemovals(earlier, map);
    this.checkCopies('when a map was published');
  }

  /** I1: also after any number of recoveries. */
  #checkVersion(map: ClusterMap): void {
    const version = encodeMapVersion(map.version);
    const published = JSON.stringify(map);
    const earlier = this.#published.get(version) ?? published;
    if (earlier !== published) this.#violation(`I1: two maps ${version} were published`);
    this.#published.set(version, published);
  }

  /** I1: of one version there is one map, whoever put it together from whatever changes (H38). */
  checkMaps(): void {
    for (const node of this.#cluster.storages) {
      const map = mapOf(node);
      if (map === undefined) continue;
      const version = encodeMapVersion(map.version);
      if (this.#passedOver.has(version)) {
        this.#violation(
          `H32: ${node.process.name} follows map ${version}, which was opened from an older one, at ${this.#world.nowMs.toFixed(1)}`,
        );
      }
      const published = this.#published.get(version);
      if (published === undefined || published === JSON.stringify(map)) continue;
      this.#violation(
        `I1: ${node.process.name} has another map ${version} than was published, at ${this.#world.nowMs.toFixed(1)}`,
      );
    }
  }

  /** I7: whoever is no member any more answers no gets. */
  #checkRemovals(earlier: ClusterMap, map: ClusterMap): void {
    for (const [partition, entry] of earlier.partitions.entries()) {
      const now = map.partitions[partition]?.members ?? [];
      for (const member of entry.members) {
        if (now.some((other) => isSameLife(other, member))) continue;
        if (!this.#answersGets(member, partition)) continue;
        this.#violation(
          `I7: ${member.node} was removed from partition ${partition} and still answers, at ${this.#world.nowMs.toFixed(1)}`,
        );
      }
    }
  }

  #answersGets(life: Life, partition: number): boolean {
    const node = this.#nodeOf(life);
    const status = node === undefined ? undefined : statusOf(node);
    if (node === undefined || status?.incarnation !== String(life.incarnation)) return false;
    // By its own answer: it may know more than the map that it has adopted says.
    return answersGets(node.living, partition as PartitionId);
  }

  #placeOf(map: ClusterMap, key: string): Place {
    let place = this.#places.get(key);
    if (place === undefined) {
      const bytes = Buffer.from(key);
      const partition = partitionOf(bytes, map.digits);
      const { frozen, members } = partitionEntry(map, partition);
      // Of a frozen one nobody answers for it, and it may be another entry that counts in the end (H32).
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

  #nodeOf({ node }: Life): SimulatedNode<StorageNode> | undefined {
    return this.#cluster.storages.find(({ process }) => process.name === node);
  }
}

function mapOf(node: SimulatedNode<StorageNode>): ClusterMap | undefined {
  const reply = node.peek(plainGet('/s/map'));
  return mapReply(reply === undefined ? {} : JSON.parse(bytesOf(reply).toString())).map;
}

function statusOf(node: SimulatedNode): Readonly<Record<string, string>> | undefined {
  const reply: HttpReply | undefined = node.peek(plainGet('/status'));
  return reply === undefined ? undefined : JSON.parse(bytesOf(reply).toString());
}

/** Whether nodes that have the other map take this one for a later one. */
function isFollowed(map: ClusterMap, other: ClusterMap): boolean {
  return (
    compareMapVersions(map.version, other.version) >= 0 && !isOfStaleLineage(map, other.version)
  );
}

/** So many keys in each of the first partitions. */
export function keysOfPartitions(
  digits: number,
  partitions: number,
  each: number,
): readonly string[] {
  const keys: string[][] = Array.from({ length: partitions }, () => []);
  for (let index = 0; keys.some((some) => some.length < each); index++) {
    const key = `k${index}`;
    const some = keys[partitionOf(Buffer.from(key), digits)];
    if (some !== undefined && some.length < each) some.push(key);
  }
  return keys.flat();
}
