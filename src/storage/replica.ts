// What a storage node may do with a partition: rules R1 and R2. It holds the adopted map, and answers
// operations from the partition store. No messages, no sockets: a batch is answered by plain calls.

import { assert } from '../cluster/assert.ts';
import {
  type ClusterMap,
  compareMapVersions,
  type MapVersion,
  NO_MAP,
  type PartitionEntry,
} from '../cluster/cluster-map.ts';
import type { Incarnation, NodeId } from '../cluster/identity.ts';
import { VERSION_AHEAD_MS_MAX } from '../cluster/limits.ts';
import type { Answer, Operation } from '../cluster/operations.ts';
import type { PartitionId } from '../cluster/partition.ts';
import {
  isExpired,
  isTombstone,
  recordValue,
  recordVersion,
  type StoredRecord,
} from '../cluster/record.ts';
import type { Clock } from '../cluster/runtime.ts';
import { VERSION_ZERO, versionMilliseconds } from '../cluster/version.ts';
import type { Durability } from './log.ts';
import type { PartitionStore } from './memory.ts';

const NOT_SERVING: Answer = { kind: 'not-serving' };

export interface ReplicaOptions {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  readonly valueBytesMax: number;
}

export type Adoption = 'adopted' | 'already-newer' | 'other-cluster';

export class Replica {
  readonly #options: ReplicaOptions;
  readonly #store: PartitionStore;
  readonly #durability: Durability;
  readonly #clock: Clock;
  #map: ClusterMap | undefined;

  constructor(
    store: PartitionStore,
    durability: Durability,
    clock: Clock,
    options: ReplicaOptions,
  ) {
    this.#store = store;
    this.#durability = durability;
    this.#clock = clock;
    this.#options = options;
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  get mapVersion(): MapVersion {
    return this.#map?.version ?? NO_MAP;
  }

  get incarnation(): Incarnation {
    return this.#options.incarnation;
  }

  /** What `adopt` would say now. Invariant I1: the versions of adopted maps never fall. */
  judge(map: ClusterMap): Adoption {
    if (this.#map === undefined) return 'adopted';
    if (map.cluster !== this.#map.cluster) return 'other-cluster';
    return compareMapVersions(map.version, this.#map.version) > 0 ? 'adopted' : 'already-newer';
  }

  adopt(map: ClusterMap): Adoption {
    const judgement = this.judge(map);
    if (judgement !== 'adopted') return judgement;
    assert(
      this.#map === undefined || map.digits === this.#map.digits,
      'the digits of a cluster never change',
    );
    this.#map = map;
    return 'adopted';
  }

  answer(operation: Operation): Answer {
    const entry = this.#map?.partitions[operation.partition];
    const role = entry === undefined ? undefined : this.#ownRole(entry);
    if (entry === undefined || role === undefined) return NOT_SERVING;
    if (operation.kind === 'get') {
      return role === 'serving' ? this.read(operation.partition, operation.key) : NOT_SERVING;
    }
    // R2 in one synchronous step: member, epoch, compare, apply. With anything awaited in between, a
    // set of an old epoch could land behind a copy that has passed its key, and be lost (H14b).
    if (operation.epoch < entry.epoch) return { kind: 'stale' };
    if (operation.epoch > entry.epoch) return { kind: 'behind' };
    return this.#write(operation.partition, operation.record);
  }

  read(partition: PartitionId, key: Buffer): Answer {
    const record = this.#store.get(partition, key);
    if (record === undefined) return { kind: 'absent', version: VERSION_ZERO };
    if (isTombstone(record) || isExpired(record, this.#clock.wallMs())) {
      return { kind: 'absent', version: recordVersion(record) };
    }
    return { kind: 'found', record };
  }

  #write(partition: PartitionId, record: StoredRecord): Answer {
    if (recordValue(record).length > this.#options.valueBytesMax) {
      return { kind: 'refused', reason: 'too-large' };
    }
    const aheadMs = versionMilliseconds(recordVersion(record)) - this.#clock.wallMs();
    if (aheadMs > VERSION_AHEAD_MS_MAX) return { kind: 'refused', reason: 'version-too-far-ahead' };
    if (this.#durability.failure !== undefined) return { kind: 'refused', reason: 'full' };
    const outcome = this.#store.put(partition, record);
    if (outcome.kind === 'applied') this.#durability.append(outcome.record);
    return outcome;
  }

  /** The map counts only where it names this very incarnation (H6, I10): an empty successor serves nothing. */
  #ownRole(entry: PartitionEntry) {
    const { node, incarnation } = this.#options;
    for (const member of entry.members) {
      if (member.node === node && member.incarnation === incarnation) return member.role;
    }
    return undefined;
  }
}
