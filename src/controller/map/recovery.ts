// Recovers the map of a controller whose state is lost or out of date (H32): opens a generation above all others, and
// collects the nodes' promises to follow no earlier one. What follows from the promises is in decisions/recovered.ts;
// a partition stays frozen while a member that has not promised may know a later entry.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import {
  type ClusterMap,
  type Generation,
  isFrozen,
  type NodeEntry,
  type PartitionEntry,
} from '../../cluster/model/cluster-map.ts';
import type { Address, ClusterId, Incarnation, NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { ControlCaller } from '../../cluster/peers/control-client.ts';
import type { Runtime } from '../../cluster/ports.ts';
import {
  type PrepareReply,
  type PrepareRequest,
  WAITING_FOR_CHARACTERS_MAX,
} from '../../cluster/wire/control-messages.ts';
import { CONTROL } from '../../cluster/wire/control-table.ts';
import {
  coversIncarnation,
  type Evidence,
  frozenFor,
  newestMap,
  recovered,
} from '../decisions/recovered.ts';
import { describeFrozen, some } from '../routes/frozen.ts';
import { isSameGeneration, noGenerationLeft, openGeneration } from './generations.ts';

export interface MapRecoveryOptions {
  readonly times: Times;
  readonly cluster: ClusterId;
  /** The highest generation that is known to be used; the recovery opens one above it. */
  readonly above: number;
  /**
   * The operator's word that no earlier controller runs, which might grant leases to nodes that have not promised. A
   * controller that recovers by itself does not have it.
   */
  readonly isOnlyController: boolean;
}

export class MapRecovery {
  readonly #runtime: Runtime;
  readonly #client: ControlCaller;
  readonly #options: MapRecoveryOptions;
  readonly #recovered: (map: ClusterMap) => void;
  /** Whom to ask: the node that registered last at each address, undefined where only a map names the address. */
  readonly #addresses = new Map<Address, NodeId | undefined>();
  readonly #promises = new Map<NodeId, PrepareReply>();
  readonly #promisedMs = new Map<NodeId, number>();
  /** Nodes that the operator declared gone for good. */
  readonly #forgotten = new Set<NodeId>();
  readonly #startedMs: number;
  #generation: Generation;
  /** True once the map is published; frozen partitions may still wait for promises. */
  #published = false;
  /** True while no entry of the map is frozen: no promise is of any use then. */
  #isOver = false;
  /** Summary of the evidence with which `thaw` last changed nothing; empty otherwise. */
  #judged = '';
  /** Why some promises cannot be used, as text for people: only an operator can help. */
  readonly #problems = new Set<string>();

  /**
   * @param recovered is called once, with a map in which some partitions may be frozen
   * @throws FatalError when no generation is left above the last one used
   */
  constructor(
    runtime: Runtime,
    client: ControlCaller,
    options: MapRecoveryOptions,
    recovered: (map: ClusterMap) => void,
  ) {
    const { cluster, above } = options;
    this.#runtime = runtime;
    this.#client = client;
    this.#options = options;
    this.#recovered = recovered;
    this.#startedMs = runtime.clock.monotonicMs();
    const generation = openGeneration(above, runtime);
    if (generation === undefined) {
      throw new FatalError(EXIT.config, noGenerationLeft('the state of this controller'));
    }
    this.#generation = generation;
    runtime.logger.write('warn', 'recovering the map from the nodes', {
      cluster,
      generation: generation.generation,
    });
    this.#again();
  }

  get cluster(): ClusterId {
    return this.#options.cluster;
  }

  /** What the recovery still needs before there is a map, as text for people. */
  get waitingFor(): string {
    const nodes = Object.keys(this.known?.nodes ?? {}) as NodeId[];
    const missing = nodes.filter((node) => !this.#promises.has(node));
    const who = missing.length > 0 ? `, not yet ${some(missing)}` : '';
    const needed = Math.floor(nodes.length / 2) + 1;
    const forgotten = this.#forgotten.size > 0 ? `, and ${this.#forgotten.size} are forgotten` : '';
    const what =
      nodes.length > 0
        ? `${forgotten}; ${needed} of ${nodes.length} must: start them, or name those that are gone for good with velour forget`
        : '';
    const problems =
      this.#problems.size > 0 ? `; ${[...this.#problems].slice(0, 2).join('; ')}` : '';
    const text = `recovery: ${this.#promises.size} nodes promised${who}${what}${problems}`;
    return text.slice(0, WAITING_FOR_CHARACTERS_MAX);
  }

  /**
   * Asks the node at this address for its promise, from now on; maps of other nodes name more addresses.
   * @param node which node registers there; undefined where only a map names the address
   */
  found(address: Address, node?: NodeId): void {
    const isNews = node !== undefined && node !== this.#addresses.get(address);
    if (this.#addresses.has(address) && !isNews) return;
    this.#addresses.set(address, node);
    this.#ask(address);
  }

  /** Whether a frozen entry of the map needs the promise of this node, which has not come. */
  isWanted(map: ClusterMap, node: NodeId): boolean {
    return !this.#promises.has(node) && frozenEntries(map).some((entry) => hasNode(entry, node));
  }

  /**
   * Carries a node's promise over to its new incarnation on the same store, which the entries follow at once (H7).
   * Otherwise its partitions would stay frozen for good when the node is restarted meanwhile (seed 181402582).
   */
  resumed(node: NodeId, earlier: Incarnation, incarnation: Incarnation): void {
    const promise = this.#promises.get(node);
    if (promise === undefined || !coversIncarnation(promise, earlier)) return;
    const { lives } = promise;
    this.#promises.set(node, { ...promise, lives: lives && [...lives, incarnation] });
    this.#judged = '';
  }

  /** The newest map in any promise so far. */
  get known(): ClusterMap | undefined {
    return newestMap(this.#promises);
  }

  hasPromised(node: NodeId): boolean {
    return this.#promises.has(node);
  }

  /** The operator declares this node gone for good: its promise is no longer required where that is safe. */
  forget(node: NodeId): void {
    this.#forgotten.add(node);
  }

  /** The frozen partitions of the map that wait for a promise, by the node that has to give it. */
  frozenFor(map: ClusterMap): ReadonlyMap<NodeId, readonly PartitionId[]> {
    return frozenFor(map, this.#promises);
  }

  /** As `frozenFor`, but without partitions that need only time, until earlier leases have lapsed. */
  frozenForGood(map: ClusterMap): ReadonlyMap<NodeId, readonly PartitionId[]> {
    return this.frozenFor(recovered(map, this.#evidence(Number.POSITIVE_INFINITY)));
  }

  /** Lets frozen partitions go on for which a promise or the operator's word has come. @returns the same map if none */
  thaw(map: ClusterMap): ClusterMap {
    this.#isOver = !isFrozen(map);
    if (this.#isOver) return map;
    const evidence = this.#evidence();
    const lapsed = [...this.#promises.keys()].filter((node) => evidence.hasLapsed(node));
    const known = [this.#promises.size, lapsed.length, this.#forgotten.size].join(' ');
    // Called at every tick: skip the work unless the evidence has changed since it last led to nothing.
    if (known === this.#judged) return map;
    const next = recovered(map, evidence);
    this.#judged = next === map ? known : '';
    return next;
  }

  /**
   * Repeats for ever: concludes what is possible, and asks all nodes that have not promised, as some start late, until
   * the recovery is over. A map may be frozen again when the one that went on could not be stored.
   */
  #again(): void {
    this.#runtime.timers.after(this.#options.times.heartbeatMs, () => {
      this.#conclude();
      for (const address of this.#addresses.keys()) this.#ask(address);
      this.#again();
    });
  }

  #ask(address: Address): void {
    if (this.#isOver || this.#hasPromised(address)) return;
    const { generation, nonce = '' } = this.#generation;
    const message: PrepareRequest = { cluster: this.cluster, generation, nonce };
    const timeoutMs = this.#options.times.controlCallMs;
    this.#client.call(CONTROL.prepare, address, message, { timeoutMs }, (reply) => {
      if (reply.kind === 'message') this.#heard(reply.message);
    });
  }

  /**
   * An address is no identity: a node may come to the one of a node that has promised and is gone, as containers do,
   * so ask who registered there last. Where nobody did, go by the address in the promises.
   */
  #hasPromised(address: Address): boolean {
    const node = this.#addresses.get(address);
    if (node !== undefined) return this.#promises.has(node);
    return [...this.#promises.values()].some((promise) => promise.address === address);
  }

  #heard(reply: PrepareReply): void {
    const { node, map, obeyed } = reply;
    if (reply.nonce === undefined)
      return this.#problemWith(
        `${node} runs earlier software, whose promises do not say to whom they were given`,
      );
    if ([map, obeyed].some((known) => known !== undefined && known.cluster !== this.cluster))
      return;
    if (!this.#published && this.#isOutbid(reply)) return;
    if (!isSameGeneration(reply, this.#generation)) return;
    // Keep the first promise: the node may follow this very recovery since, whose maps no longer show who was fenced.
    // A repeated message must not replace what it knew before.
    if (this.#promises.has(node)) return;
    this.#promises.set(node, reply);
    this.#promisedMs.set(node, this.#runtime.clock.monotonicMs());
    for (const { address } of Object.values(map?.nodes ?? {})) this.found(address);
    this.#conclude();
  }

  /**
   * A node's promise to another recovery, or its map, may have our generation's number or a higher one. Then open a
   * generation above it. @returns whether this promise is of no use
   */
  #isOutbid({ node, generation, nonce, map, obeyed }: PrepareReply): boolean {
    const others = [{ generation, nonce }, map?.version, obeyed?.version]
      .filter((other) => other !== undefined)
      .filter((other) => !isSameGeneration(other, this.#generation))
      .map((other) => other.generation);
    const used = Math.max(0, ...others);
    if (used < this.#generation.generation) return false;
    const next = openGeneration(used, this.#runtime);
    if (next === undefined) {
      this.#problemWith(noGenerationLeft(node));
      return true;
    }
    // Ask all nodes again, for the new generation.
    this.#generation = next;
    this.#promises.clear();
    this.#promisedMs.clear();
    return true;
  }

  #problemWith(problem: string): void {
    if (this.#problems.has(problem)) return;
    this.#problems.add(problem);
    this.#runtime.logger.write('error', 'a promise cannot be used', { problem });
  }

  /** @param nowMs the present by default; later, to see what waiting alone would bring */
  #evidence(nowMs = this.#runtime.clock.monotonicMs()): Evidence {
    const { times, isOnlyController } = this.#options;
    return {
      promises: this.#promises,
      hasLapsed: (node) => {
        const atMs = this.#promisedMs.get(node);
        return atMs !== undefined && nowMs - atMs >= times.fenceWaitMs;
      },
      mayBeMissed: (node) => isOnlyController || this.#forgotten.has(node),
    };
  }

  /**
   * Publishes the recovered map as soon as allowed. D6: a majority of all known nodes must have promised, so that no
   * other recovery finds a majority beside this one. A node that is gone for good promises to nobody any more, so it
   * counts by the operator's word (H5c); otherwise two burned hosts of four would make the data of the other two
   * unreachable. All partitions must be decided, or, after a while, those that can be.
   */
  #conclude(): void {
    const { known } = this;
    if (this.#published || known === undefined) return;
    const nodes = Object.keys(known.nodes) as NodeId[];
    const promised = nodes.filter((node) => this.#promises.has(node));
    const gone = nodes.filter((node) => !this.#promises.has(node) && this.#forgotten.has(node));
    if (2 * (promised.length + gone.length) <= nodes.length) return;
    const version = { ...this.#generation, number: 1 };
    const base = unfenced({
      ...frozen(known),
      version,
      openedFrom: undefined,
      recoveredAs: this.#generation,
      onlyController: this.#options.isOnlyController || undefined,
    });
    const map = recovered(base, this.#evidence());
    const left = frozenEntries(map).length;
    if (left > 0 && this.#isWorthWaiting(base, left)) return;
    this.#published = true;
    const { logger } = this.#runtime;
    const { generation } = this.#generation;
    logger.write('info', 'map recovered', { generation, nodes: promised.length, frozen: left });
    if (left > 0) {
      logger.write('warn', 'partitions are frozen', { why: describeFrozen(this.frozenFor(map)) });
    }
    this.#recovered(map);
  }

  /**
   * Whether to wait before publishing: for nodes that are slow to promise, and for earlier leases to lapse where only
   * that is missing. An entry that is published as frozen is known as frozen to all nodes, and no later recovery may
   * judge it by who was fenced.
   */
  #isWorthWaiting(base: ClusterMap, left: number): boolean {
    const waitedMs = this.#runtime.clock.monotonicMs() - this.#startedMs;
    if (waitedMs < this.#options.times.suspicionMs) return true;
    const later = recovered(base, this.#evidence(Number.POSITIVE_INFINITY));
    return frozenEntries(later).length < left;
  }
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
    ([node, entry]) => [node, { ...entry, fenced: false } satisfies NodeEntry] as const,
  );
  return { ...map, nodes: Object.fromEntries(nodes) };
}
