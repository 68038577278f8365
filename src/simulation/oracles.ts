// Questions from inside, which no client could ask: does every copy that serves hold what was
// acknowledged (I5), had the lease of a removed member lapsed (I7), do the copies agree in the end? They
// see what clients miss, because a quick next set masks a lost one.

import {
  type ClusterMap,
  isGranted,
  isSameLife,
  type Life,
  partitionEntry,
  printMapVersion,
} from '../cluster/cluster-map.ts';
import type { HttpReply, HttpRequest } from '../cluster/http.ts';
import type { Incarnation } from '../cluster/identity.ts';
import { mapReply } from '../cluster/messages.ts';
import { type PartitionId, partitionOf } from '../cluster/partition.ts';
import { isTombstone, recordValue, recordVersion } from '../cluster/record.ts';
import type { Version } from '../cluster/version.ts';
import type { StorageNode } from '../storage/storage.ts';
import type { SimulatedCluster, SimulatedNode } from './cluster.ts';
import type { History, Operation } from './history.ts';
import type { World } from './world.ts';

/** Where a key is by a map. */
interface Place {
  readonly partition: PartitionId;
  readonly key: Buffer;
  readonly servers: readonly Server[];
}

/** A serving member, and the process that may live this life of it. */
interface Server {
  readonly node: SimulatedNode<StorageNode>;
  readonly incarnation: Incarnation;
}

/** What a member has of a key; where it has no value, what it would prove the absence by. */
interface Copy {
  readonly version: Version;
  readonly value: Buffer | undefined;
}

export class Oracles {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #violation: (text: string) => void;
  /** The highest acknowledged version of each key. */
  readonly #history: History;
  /** The highest of each key. */
  readonly #acknowledged = new Map<string, { version: Version; isValue: boolean }>();
  /** As the controller published it last, as far as it could be asked. */
  #map: ClusterMap | undefined;
  /** Every map that it published, as JSON, by version. */
  readonly #published = new Map<string, string>();
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
    cluster.controller.onLog = (message) => {
      if (message === 'map published') this.#mapPublished();
    };
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  acknowledged({ kind, key, version }: Operation): void {
    if (version === undefined) return;
    const known = this.#acknowledged.get(key);
    if (known === undefined || version > known.version) {
      this.#acknowledged.set(key, { version, isValue: kind === 'set' });
    }
    this.checkCopies(`when ${key} was acknowledged`);
  }

  /** I5. */
  checkCopies(when: string): void {
    const map = this.#map;
    if (map === undefined) return;
    for (const [key, { version, isValue }] of this.#acknowledged) {
      const place = this.#placeOf(map, key);
      for (const server of place.servers) {
        const copy = copyOf(server, place);
        if (copy === undefined) continue;
        // What is absent may be below a floor that another key's delete raised, or in a cache its own eviction.
        const isLost =
          isValue &&
          !this.#cluster.isCache &&
          copy.value === undefined &&
          !this.#history.mayBeDeleted(key, version);
        if (copy.version >= version && !isLost) continue;
        this.#violation(
          `I5: ${server.node.process.name} serves ${key} without v=${version.toString(16)}, ${when} at ${this.#world.nowMs.toFixed(1)}`,
        );
      }
    }
  }

  /** After healing: as many copies as there should be, and all alike; those of a cache evict each its own. */
  checkConvergence(keys: readonly string[], copies: number): void {
    const map = this.#map;
    if (map === undefined) return this.#violation('liveness: the controller has no map');
    for (const [node, { fenced }] of Object.entries(map.nodes)) {
      if (fenced) this.#violation(`liveness: ${node} is still fenced`);
    }
    if (map.nextWitnesses !== undefined) this.#violation('liveness: the witnesses still change');
    for (const [partition, { members, frozen }] of map.partitions.entries()) {
      if (frozen) this.#violation(`liveness: partition ${partition} is frozen`);
      const roles = members.map(({ role }) => role).join(' ');
      if (members.length !== copies || members.some(({ role }) => role !== 'serving')) {
        this.#violation(`liveness: partition ${partition} has ${roles}, not ${copies} serving`);
      }
    }
    for (const key of this.#cluster.isCache ? [] : keys) {
      const place = this.#placeOf(map, key);
      const seen = place.servers.map((server) => contentOf(copyOf(server, place)));
      if (new Set(seen).size > 1) this.#violation(`diverged: ${key} is ${seen.join(' / ')}`);
    }
  }

  /**
   * Ground truth, for whoever destroys data: of every partition that the node holds another copy in sync
   * is intact, and so is a majority of the witnesses: when two of three are gone without a proof, only
   * an operator can go on.
   */
  canLose({ process }: SimulatedNode, isIntact: (life: Life) => boolean): boolean {
    const map = this.#map;
    if (map === undefined) return false;
    const others = ({ node, incarnation }: Life) =>
      node !== process.name && isGranted(map, { node, incarnation });
    const electorates = [map.witnesses, ...(map.nextWitnesses ? [map.nextWitnesses] : [])];
    const keepsMajority = electorates.every(
      (set) => 2 * set.filter((life) => others(life) && isIntact(life)).length > set.length,
    );
    return (
      keepsMajority &&
      map.partitions.every(
        ({ members }) =>
          !members.some(({ node }) => node === process.name) ||
          members.some(
            (member) =>
              member.node !== process.name &&
              member.role === 'serving' &&
              isGranted(map, member) &&
              isIntact(member),
          ),
      )
    );
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

  #mapPublished(): void {
    const earlier = this.#map;
    const reply = this.#cluster.controller.peek(plainGet('/c/map'));
    if (reply === undefined) return;
    const { map } = mapReply(JSON.parse(Buffer.from(reply.body).toString()));
    if (map === undefined) return;
    this.#map = map;
    this.#checkVersion(map);
    this.checkMaps();
    this.#places.clear();
    if (earlier !== undefined) this.#checkRemovals(earlier, map);
    this.checkCopies('when a map was published');
  }

  /** I1: also after any number of recoveries. */
  #checkVersion(map: ClusterMap): void {
    const version = printMapVersion(map.version);
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
      const published = this.#published.get(printMapVersion(map.version));
      if (published === undefined || published === JSON.stringify(map)) continue;
      this.#violation(
        `I1: ${node.process.name} has another map ${printMapVersion(map.version)} than was published, at ${this.#world.nowMs.toFixed(1)}`,
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
    if (node === undefined || status === undefined || Number(status.lease_ms) <= 0) return false;
    if (status.incarnation !== String(life.incarnation)) return false;
    const map = mapOf(node);
    const entry = map?.partitions[partition];
    if (map === undefined || entry === undefined || entry.frozen) return false;
    const own = entry.members.find((member) => isSameLife(member, life));
    return own?.role === 'serving' && isGranted(map, life);
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

/** @returns undefined while that life of the node cannot be asked, or has no map */
function copyOf({ node, incarnation }: Server, { partition, key }: Place): Copy | undefined {
  const held = node.living?.holding(partition, key);
  if (held?.incarnation !== incarnation) return undefined;
  const { record, floor } = held;
  if (record === undefined) return { version: floor, value: undefined };
  const value = isTombstone(record) ? undefined : recordValue(record);
  return { version: recordVersion(record), value };
}

function mapOf(node: SimulatedNode<StorageNode>): ClusterMap | undefined {
  const reply = node.peek(plainGet('/s/map'));
  return mapReply(JSON.parse(Buffer.from(reply?.body ?? '{}').toString())).map;
}

function contentOf(copy: Copy | undefined): string | undefined {
  return copy?.value === undefined
    ? copy && 'absent'
    : `${copy.version.toString(16)} ${copy.value}`;
}

function statusOf(node: SimulatedNode): Readonly<Record<string, string>> | undefined {
  const reply: HttpReply | undefined = node.peek(plainGet('/status'));
  return reply === undefined ? undefined : JSON.parse(Buffer.from(reply.body).toString());
}

export function plainGet(target: string): HttpRequest {
  return {
    method: 'GET',
    target,
    header: () => undefined,
    body: { kind: 'none' },
    fromLoopback: false,
  };
}

/** So many keys, in two partitions only: what one key's delete does to another shows then. */
export function keysOfTwoPartitions(digits: number, each: number): readonly string[] {
  const keys: string[][] = [[], []];
  for (let index = 0; keys.some((some) => some.length < each); index++) {
    const key = `k${index}`;
    const some = keys[partitionOf(Buffer.from(key), digits)];
    if (some !== undefined && some.length < each) some.push(key);
  }
  return keys.flat();
}
