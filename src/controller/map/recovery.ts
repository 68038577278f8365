// A controller whose state is lost or of yesterday finds the map again (H32): it opens a generation above
// all others, and has the nodes promise to follow no earlier one. What it concludes from the promises is
// recovered.ts's; what a member that has not promised might know better stays frozen.

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
  coversLife,
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
  /** A generation that was used before. */
  readonly above: number;
  /**
   * The operator's word that no earlier controller runs: it might grant leases to nodes that have not promised. A
   * controller that recovers by itself has no such word.
   */
  readonly isOnlyController: boolean;
}

export class MapRecovery {
  readonly #runtime: Runtime;
  readonly #client: ControlCaller;
  readonly #options: MapRecoveryOptions;
  readonly #recovered: (map: ClusterMap) => void;
  readonly #addresses = new Set<Address>();
  readonly #promises = new Map<NodeId, PrepareReply>();
  readonly #promisedMs = new Map<NodeId, number>();
  /** Nodes whose lives are over, says the operator. */
  readonly #forgotten = new Set<NodeId>();
  readonly #startedMs: number;
  #generation: Generation;
  /** The map is published; what is frozen in it is still waited for. */
  #published = false;
  /** What `thaw` judged by last, when nothing came of it. */
  #judged = '';
  /** Why some promises are of no use, for people: nobody but an operator can mend it. */
  readonly #problems = new Set<string>();

  /**
   * @param recovered is called once, with a map whose partitions may be frozen
   * @throws FatalError when the generation used before is the last there is
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

  /** What is waited for before there is a map, for people. */
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

  /**
   * A node goes on with its store in a new life, which entries follow at once (H7). Whoever had promised for the life
   * before has for this one: else its partitions were frozen for good when it was started anew meanwhile (seed 181402582).
   */
  resumed(node: NodeId, earlier: Incarnation, incarnation: Incarnation): void {
    const promise = this.#promises.get(node);
    if (promise === undefined || !coversLife(promise, earlier)) return;
    const { lives } = promise;
    this.#promises.set(node, { ...promise, lives: lives && [...lives, incarnation] });
    this.#judged = '';
  }

  /** The newest map that anybody told of so far. */
  get known(): ClusterMap | undefined {
    return newestMap(this.#promises);
  }

  hasPromised(node: NodeId): boolean {
    return this.#promises.has(node);
  }

  /** The operator says that this node is gone for good: its promise is waited for only where it is needed. */
  forget(node: NodeId): void {
    this.#forgotten.add(node);
  }

  /** By the node that is to promise, the partitions of this map that wait for it. */
  frozenFor(map: ClusterMap): ReadonlyMap<NodeId, readonly PartitionId[]> {
    return frozenFor(map, this.#promises);
  }

  /** The same, of those that go on waiting when all is concluded from what is known now. */
  frozenForGood(map: ClusterMap): ReadonlyMap<NodeId, readonly PartitionId[]> {
    return this.frozenFor(recovered(map, this.#evidence(Number.POSITIVE_INFINITY)));
  }

  /** What was frozen for want of a promise that has come, or of a word that was given. */
  thaw(map: ClusterMap): ClusterMap {
    if (!isFrozen(map)) return map;
    const evidence = this.#evidence();
    const lapsed = [...this.#promises.keys()].filter((node) => evidence.hasLapsed(node));
    const known = [this.#promises.size, lapsed.length, this.#forgotten.size].join(' ');
    // Asked at every tick; until what came of the promises stands in the published map.
    if (known === this.#judged) return map;
    const next = recovered(map, evidence);
    this.#judged = next === map ? known : '';
    return next;
  }

  /** Nodes that start late, or did not hear; until nobody is waited for. */
  #again(): void {
    this.#runtime.timers.after(this.#options.times.heartbeatMs, () => {
      this.#conclude();
      for (const address of this.#addresses) this.#ask(address);
      this.#again();
    });
  }

  #ask(address: Address): void {
    if (this.#hasPromised(address)) return;
    const { generation, nonce = '' } = this.#generation;
    const message: PrepareRequest = { cluster: this.cluster, generation, nonce };
    const timeoutMs = this.#options.times.controlCallMs;
    this.#client.call(CONTROL.prepare, address, message, { timeoutMs }, (reply) => {
      if (reply.kind === 'message') this.#heard(reply.message);
    });
  }

  #hasPromised(address: Address): boolean {
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
    // What it knew when it promised first: since then it may follow this very recovery, whose maps have forgotten
    // who was fenced. A message that was repeated must not take that away.
    if (this.#promises.has(node)) return;
    this.#promises.set(node, reply);
    this.#promisedMs.set(node, this.#runtime.clock.monotonicMs());
    for (const { address } of Object.values(map?.nodes ?? {})) this.found(address);
    this.#conclude();
  }

  /** Another one's promise, or map, may be of our generation's number or above: then we go above it. */
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
    // Everybody once more.
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

  /** @param nowMs by default the present; later, to see what only waiting brings */
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
   * D6: a majority of all known nodes, so that no other recovery finds one beside this. Who is gone for good promises
   * nobody anything any more, and so counts by the operator's word (H5c): two hosts that burned, of four, would else
   * keep what the other two have from everybody. Then all partitions, or after a while those that can be.
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
   * For those that are slow to promise; and for leases of before to run out, where nothing else is missing: what is
   * published as frozen, and so known to all as that, the next recovery cannot judge by who was fenced.
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
