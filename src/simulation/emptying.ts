// Empties a store whose memory is full, while all members answer (R10): every delete of a key that is there must
// succeed, then also deletes of keys that are not, and soon there must be room for sets, however long tombstones are
// kept otherwise.

import { type HttpRequest, replyHeader } from '../cluster/http/http.ts';
import { partitionEntry } from '../cluster/model/cluster-map.ts';
import { partitionOf } from '../cluster/model/partition.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { ClientOperation, History } from './history.ts';
import { keysOfPartitions } from './keys.ts';
import type { Oracles } from './oracles.ts';
import { plainGet } from './requests.ts';
import { setRequest, Values } from './values.ts';
import type { World } from './world.ts';

/** Keys in each of two partitions: their tombstones need several times the memory that a tight store has to spare. */
const KEYS_EACH = 80;
/** How many operations are in flight at a time. */
const AT_ONCE = 4;
/** After everything was deleted, sets must have room again within this time. */
const ROOM_WITHIN_MS = 5000;
const ROOM_FOR = { sets: 6, valueBytes: 80 } as const;
/** Longer than any frontend takes to answer. */
const PATIENCE_MS = 10_000;
const STORAGE_FULL = 507;

export interface Emptied {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly history: History;
  readonly oracles: Oracles;
  readonly violation: (text: string) => void;
}

export class Emptying {
  readonly #of: Emptied;
  readonly #values = new Values();

  constructor(of: Emptied) {
    this.#of = of;
  }

  /**
   * @param held keys that may have values already
   * @param digits the hexadecimal digits of the map's partition ids
   */
  play(held: readonly string[], digits: number): void {
    const keys = keysOfPartitions(digits, 2, KEYS_EACH);
    // Short values: a tombstone takes nearly as much memory as the value that it frees.
    this.#askAll('set', keys);
    // A delete of a record that is there takes no memory. Any other delete may find none: in a store of a dozen
    // segments a growing index takes most of what sets leave free.
    this.#deleteAll([...held, ...keys], (key) => this.#isHeldByAll(key));
    // By now there is room, and each key has a tombstone, had one, or was never set: all deletes must succeed.
    this.#deleteAll([...held, ...keys]);
    this.#deleteAll([...held, ...keys]);
    const { world } = this.#of;
    const untilMs = world.nowMs + ROOM_WITHIN_MS;
    const wanted = keys.slice(0, ROOM_FOR.sets);
    for (;;) {
      const full = this.#askAll('set', wanted, ROOM_FOR.valueBytes).find(isFull);
      if (full === undefined) return;
      if (world.nowMs > untilMs) {
        return this.#of.violation(
          `memory: a set of ${full.key} has no room ${ROOM_WITHIN_MS} ms after everything was deleted`,
        );
      }
      world.runUntil(world.nowMs + 100);
    }
  }

  /** @param mustBeTaken whether this delete must succeed, asked just before it; by default each must */
  #deleteAll(keys: readonly string[], mustBeTaken: (key: string) => boolean = () => true): void {
    for (let first = 0; first < keys.length; first += AT_ONCE) {
      const some = keys.slice(first, first + AT_ONCE);
      const owed = new Set(some.filter(mustBeTaken));
      for (const { key, ok, status, startMs } of this.#askAll('delete', some)) {
        if (ok || !owed.has(key)) continue;
        this.#of.violation(
          `memory: a delete of ${key} at ${startMs.toFixed(1)} was answered ${status}, though all members were up`,
        );
      }
    }
  }

  /**
   * Whether each member of the key's partition has a value or a tombstone of it, whose memory the next tombstone takes.
   */
  #isHeldByAll(key: string): boolean {
    const { cluster, oracles } = this.#of;
    const { map } = oracles;
    if (map === undefined) return false;
    const bytes = Buffer.from(key);
    const partition = partitionOf(bytes, map.digits);
    return partitionEntry(map, partition).members.every(({ node }) => {
      const member = cluster.storages.find(({ process }) => process.name === node);
      return member?.living?.holding(partition, bytes)?.record !== undefined;
    });
  }

  #askAll(kind: 'set' | 'delete', keys: readonly string[], bytes = 0): readonly ClientOperation[] {
    const operations: ClientOperation[] = [];
    for (let first = 0; first < keys.length; first += AT_ONCE) {
      const some = keys.slice(first, first + AT_ONCE).map((key) => this.#begin(kind, key, bytes));
      const untilMs = this.#of.world.nowMs + PATIENCE_MS;
      while (some.some(({ status }) => status === undefined) && this.#of.world.nowMs < untilMs) {
        this.#of.world.runUntil(this.#of.world.nowMs + 1);
      }
      operations.push(...some);
    }
    return operations;
  }

  #begin(kind: 'set' | 'delete', key: string, bytes: number): ClientOperation {
    const { world, cluster, history, oracles } = this.#of;
    const value = kind === 'set' ? this.#values.next(bytes) : undefined;
    const operation = history.begin(kind, key, world.nowMs, value?.name);
    const request: HttpRequest =
      value === undefined ? plainGet(`/delete?key=${key}`) : setRequest(key, value);
    const alive = cluster.frontends.filter(({ process }) => process.alive);
    world.random.pick(alive).request(request, (reply) => {
      history.end(operation, world.nowMs, reply.status, replyHeader(reply, 'x-fog-version'));
      if (operation.ok) oracles.acknowledged(operation);
    });
    return operation;
  }
}

function isFull({ status }: ClientOperation): boolean {
  return status === STORAGE_FULL;
}
