// Empties a store whose memory is full, while all of its members answer: every delete of what is there must be taken,
// then also one of a key that has none, and soon there must be room for sets again, however long deletes are kept
// otherwise (R10).

import { type HttpRequest, replyHeader } from '../cluster/http/http.ts';
import { partitionEntry } from '../cluster/model/cluster-map.ts';
import { partitionOf } from '../cluster/model/partition.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { ClientOperation, History } from './history.ts';
import { keysOfPartitions, type Oracles } from './oracles.ts';
import { plainGet } from './requests.ts';
import { setRequest, Values } from './values.ts';
import type { World } from './world.ts';

/** In each of two partitions; their tombstones take several times the memory that a tight store has beside its values. */
const KEYS_EACH = 80;
/** Operations that are on their way at a time. */
const AT_ONCE = 4;
/** Once everything is deleted there is room for sets again after so long. */
const ROOM_WITHIN_MS = 5000;
const ROOM_FOR = { sets: 6, valueBytes: 80 } as const;
/** A frontend answers long before, whatever happens. */
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

  /** @param held keys that may have values already */
  play(held: readonly string[], digits: number): void {
    const keys = keysOfPartitions(digits, 2, KEYS_EACH);
    // Short values: what a delete takes is nearly as much as what it frees.
    this.#askAll('set', keys);
    // A delete of what is there needs no memory. One of what is not may find none: in a store of a dozen segments an
    // index that grows takes most of what sets leave free.
    this.#deleteAll([...held, ...keys], (key) => this.#isHeldByAll(key));
    // Now there is room, and every one of them has a tombstone, or had one, or never was.
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

  /** @param mustBeTaken as it stands before the delete; all of them must, unless this says otherwise */
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

  /** Whether each member of its partition has a value or a delete of it, whose place the next one takes. */
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
