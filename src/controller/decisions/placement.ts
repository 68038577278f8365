// Which nodes hold which partition. The goals, in this order: replicas on distinct nodes; on distinct hosts where
// there are enough; every node within one partition of its fair share; as few moves as possible. Pure: the previous
// assignment in, the next one out.
//
// It is a minimum-cost flow. Each partition sends K units to nodes, at most one per node and `hostShare` per host;
// each node takes its quota; a unit costs 1 on a node that did not have it before. Quotas come from water-filling. The
// flow starts from what may stay, and grows by the cheapest augmenting path (Busacker and Gowen, 1960), which keeps
// the cost minimal.

import { assert } from '../../cluster/assert.ts';
import type { NodeId } from '../../cluster/model/identity.ts';

export interface PlacementNode {
  readonly id: NodeId;
  readonly host: string;
}

/** For each partition, by its number, the nodes that hold it. */
export type Assignment = readonly (readonly NodeId[])[];

export interface PlacementRequest {
  readonly nodes: readonly PlacementNode[];
  readonly partitions: number;
  readonly redundancy: number;
  /** Where the replicas are now; nodes that are not in `nodes` are ignored. */
  readonly previous?: Assignment;
}

export function place(request: PlacementRequest): Assignment {
  assert(request.nodes.length >= request.redundancy, 'there are as many nodes as replicas');
  const direct = new Planner(request);
  // If every replica may stay, only surplus and missing ones must move. If moving them directly succeeds, no
  // assignment moves less, and the search for one would take half a minute with many nodes.
  if (direct.keep(request.previous ?? []) && direct.moveDirectly()) return direct.result();
  const planner = new Planner(request);
  planner.keep(request.previous ?? []);
  planner.shed();
  planner.fill();
  return planner.result();
}

interface Slot {
  readonly id: NodeId;
  readonly host: string;
  quota: number;
  /** Partitions that the node held before: taking one of them again costs nothing. */
  readonly before: Set<number>;
  readonly partitions: Set<number>;
}

/**
 * One step of a path: `partition` moves to `slot` from `gave`, which an earlier step filled; undefined: a new
 * replica.
 */
interface PlacementStep {
  readonly partition: number;
  readonly slot: Slot;
  readonly gave: Slot | undefined;
  readonly earlier: PlacementStep | undefined;
  /** Cost of the path so far: units that move, less moves that it makes unnecessary. */
  readonly cost: number;
}

class Planner {
  readonly #slots: readonly Slot[];
  readonly #byId: ReadonlyMap<NodeId, Slot>;
  readonly #members: readonly Set<Slot>[];
  readonly #redundancy: number;
  /** Whether some node gave up a partition that it might take again at no cost. */
  #shed = false;
  /** How many replicas of one partition may share a host; 1 where there are enough hosts. */
  readonly #hostShare: number;

  constructor({ nodes, partitions, redundancy, previous = [] }: PlacementRequest) {
    this.#slots = nodes.map(({ id, host }) => ({
      id,
      host,
      quota: 0,
      before: new Set(),
      partitions: new Set(),
    }));
    this.#byId = new Map(this.#slots.map((slot) => [slot.id, slot]));
    assert(this.#byId.size === nodes.length, 'every node is there once');
    this.#members = Array.from({ length: partitions }, () => new Set<Slot>());
    this.#redundancy = redundancy;
    const hosts = groupByHost(this.#slots);
    this.#hostShare = hostShare(hosts, redundancy);
    const held = countHeld(previous);
    setQuotas(hosts, { partitions, redundancy, hostShare: this.#hostShare }, held);
  }

  /**
   * Takes over the previous replicas that may stay, ignoring quotas.
   * @returns false when some replica may not stay where it was
   */
  keep(previous: Assignment): boolean {
    let all = true;
    for (const [partition, ids] of previous.entries()) {
      for (const id of ids) {
        const slot = this.#byId.get(id);
        const members = this.#members[partition];
        if (slot === undefined || members === undefined || members.size >= this.#redundancy)
          continue;
        slot.before.add(partition);
        if (this.#mayTake(partition, slot)) this.#take(partition, slot);
        else all = false;
      }
    }
    return all;
  }

  /** Takes partitions from nodes above their quota, first those that a node below its quota can take at once. */
  shed(): void {
    for (const slot of this.#slots) {
      for (const movable of [true, false]) {
        for (const partition of [...slot.partitions]) {
          if (slot.partitions.size <= slot.quota) break;
          if (movable && !this.#hasRoomElsewhere(partition, slot)) continue;
          this.#give(partition, slot);
          this.#shed = true;
        }
      }
    }
  }

  fill(): void {
    for (const [partition, members] of this.#members.entries()) {
      while (members.size < this.#redundancy) this.#augment(partition);
    }
  }

  /**
   * Moves surplus and missing replicas without a search.
   * @returns false when no allowed node has room for one of them
   */
  moveDirectly(): boolean {
    for (const slot of this.#slots) {
      for (const partition of [...slot.partitions]) {
        if (slot.partitions.size <= slot.quota) break;
        const other = this.#roomFor(partition, slot);
        if (other === undefined) continue;
        this.#give(partition, slot);
        this.#take(partition, other);
      }
      if (slot.partitions.size > slot.quota) return false;
    }
    for (const [partition, members] of this.#members.entries()) {
      while (members.size < this.#redundancy) {
        const slot = this.#roomFor(partition);
        if (slot === undefined) return false;
        this.#take(partition, slot);
      }
    }
    return true;
  }

  #roomFor(partition: number, leaving?: Slot): Slot | undefined {
    return this.#preferred(partition).find(
      (slot) => hasRoom(slot) && this.#mayTake(partition, slot, leaving),
    );
  }

  result(): Assignment {
    return this.#members.map((members) => [...members].map((slot) => slot.id));
  }

  #hasRoomElsewhere(partition: number, leaving: Slot): boolean {
    return this.#slots.some(
      (slot) => slot.partitions.size < slot.quota && this.#mayTake(partition, slot, leaving),
    );
  }

  #augment(partition: number): void {
    const direct = this.#roomFor(partition);
    // If nobody can take anything back, no path is cheaper than the direct one.
    if (direct !== undefined && !this.#shed) this.#take(partition, direct);
    else this.#apply(this.#cheapestPath(partition));
  }

  /** The Bellman-Ford search over nodes: a step may make an earlier move unnecessary, so its cost can be negative. */
  #cheapestPath(partition: number): PlacementStep {
    const best = new Map<Slot, PlacementStep>();
    const queue: Slot[] = [];
    const reach = (from: PlacementStep | undefined, at: number, gave: Slot | undefined) => {
      const base = (from?.cost ?? 0) - (gave === undefined ? 0 : costOf(at, gave));
      for (const slot of this.#preferred(at)) {
        const cost = base + costOf(at, slot);
        if (cost >= (best.get(slot)?.cost ?? Number.POSITIVE_INFINITY)) continue;
        if (!this.#mayTake(at, slot, gave)) continue;
        best.set(slot, { partition: at, slot, gave, earlier: from, cost });
        if (!hasRoom(slot)) queue.push(slot);
      }
    };
    reach(undefined, partition, undefined);
    for (let slot = queue.shift(); slot !== undefined; slot = queue.shift()) {
      const step = best.get(slot);
      for (const other of slot.partitions) {
        // A path may change each partition only once: two changes of one partition would ignore each other.
        if (!passes(step, other)) reach(step, other, slot);
      }
    }
    const ends = [...best.values()].filter(({ slot }) => hasRoom(slot));
    const cheapest = ends.sort((x, y) => x.cost - y.cost)[0];
    assert(cheapest !== undefined, 'the quotas admit an assignment');
    return cheapest;
  }

  #apply(last: PlacementStep): void {
    for (let step: PlacementStep | undefined = last; step !== undefined; step = step.earlier) {
      if (step.gave !== undefined) this.#give(step.partition, step.gave);
      this.#take(step.partition, step.slot);
    }
  }

  /** Nodes with the most room first; ties in an order that differs by partition, so that partners vary. */
  #preferred(partition: number): readonly Slot[] {
    const room = (slot: Slot) => Math.max(0, slot.quota - slot.partitions.size);
    return [...this.#slots]
      .map((slot) => ({ slot, room: room(slot), rank: rank(slot.id, partition) }))
      .sort((a, b) => b.room - a.room || a.rank - b.rank)
      .map(({ slot }) => slot);
  }

  #mayTake(partition: number, slot: Slot, leaving?: Slot): boolean {
    const members = this.#members[partition];
    if (members === undefined || members.has(slot)) return false;
    let onHost = 0;
    for (const member of members) if (member !== leaving && member.host === slot.host) onHost++;
    return onHost < this.#hostShare;
  }

  #take(partition: number, slot: Slot): void {
    this.#members[partition]?.add(slot);
    slot.partitions.add(partition);
  }

  #give(partition: number, slot: Slot): void {
    this.#members[partition]?.delete(slot);
    slot.partitions.delete(partition);
  }
}

function hasRoom(slot: Slot): boolean {
  return slot.partitions.size < slot.quota;
}

function costOf(partition: number, slot: Slot): number {
  return slot.before.has(partition) ? 0 : 1;
}

function passes(path: PlacementStep | undefined, partition: number): boolean {
  for (let step = path; step !== undefined; step = step.earlier) {
    if (step.partition === partition) return true;
  }
  return false;
}

function groupByHost(slots: readonly Slot[]): readonly (readonly Slot[])[] {
  const hosts = new Map<string, Slot[]>();
  for (const slot of slots) hosts.set(slot.host, [...(hosts.get(slot.host) ?? []), slot]);
  return [...hosts.values()];
}

/** The smallest number of replicas of one partition per host with which all K replicas find a place. */
function hostShare(hosts: readonly (readonly Slot[])[], redundancy: number): number {
  let share = 1;
  const places = () => hosts.reduce((sum, slots) => sum + Math.min(share, slots.length), 0);
  while (places() < redundancy) share++;
  return share;
}

function countHeld(previous: Assignment): ReadonlyMap<NodeId, number> {
  const held = new Map<NodeId, number>();
  for (const ids of previous) for (const id of ids) held.set(id, (held.get(id) ?? 0) + 1);
  return held;
}

/**
 * Water-filling: every node gets the same share, except on hosts whose share exceeds what they may hold; those get
 * their maximum, and the other nodes share the rest. Indivisible remainders go to the nodes that hold most, so that
 * least moves.
 */
function setQuotas(
  hosts: readonly (readonly Slot[])[],
  sizes: { partitions: number; redundancy: number; hostShare: number },
  held: ReadonlyMap<NodeId, number>,
): void {
  const capacity = (slots: readonly Slot[]) =>
    Math.min(sizes.hostShare, slots.length) * sizes.partitions;
  let open = hosts;
  let rest = sizes.partitions * sizes.redundancy;
  for (;;) {
    const level = rest / open.flat().length;
    const full = open.filter((slots) => slots.length * level > capacity(slots));
    if (full.length === 0) break;
    for (const slots of full) {
      shareOut([slots], capacity(slots), capacity, held);
      rest -= capacity(slots);
    }
    open = open.filter((slots) => !full.includes(slots));
  }
  shareOut(open, rest, capacity, held);
}

function shareOut(
  hosts: readonly (readonly Slot[])[],
  units: number,
  capacity: (slots: readonly Slot[]) => number,
  held: ReadonlyMap<NodeId, number>,
): void {
  const slots = hosts.flat();
  if (slots.length === 0) return;
  const base = Math.floor(units / slots.length);
  let extra = units - base * slots.length;
  for (const slot of slots) slot.quota = base;
  const hostOf = new Map(hosts.flatMap((host) => host.map((slot) => [slot, host] as const)));
  const byHeld = [...slots].sort((a, b) => (held.get(b.id) ?? 0) - (held.get(a.id) ?? 0));
  for (const slot of byHeld) {
    if (extra === 0) break;
    const host = hostOf.get(slot) ?? [];
    if (host.reduce((sum, other) => sum + other.quota, 0) >= capacity(host)) continue;
    slot.quota++;
    extra--;
  }
  assert(extra === 0, 'every replica has a quota to fill');
}

/** FNV-1a over the id and the partition; any fixed hash would do. */
function rank(id: string, partition: number): number {
  let hash = 0x811c9dc5 ^ partition;
  hash = Math.imul(hash, 0x01000193);
  for (let index = 0; index < id.length; index++) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}
