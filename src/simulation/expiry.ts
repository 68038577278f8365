// H30 and D15, checked from inside: no node serves a record that has expired by the node's own time, and none forgets
// it before its grace is over. A history must allow for clock skew; this check need not. Most keys are set again long
// before they expire, so one lone key is set for this check only (clients.ts).

import { partitionOf } from '../cluster/model/partition.ts';
import { recordExpiresAtMs, recordVersion } from '../cluster/model/record.ts';
import type { Version } from '../cluster/model/version.ts';
import type { StorageNode } from '../storage/storage-node.ts';
import type { SimulatedCluster } from './cluster.ts';
import { answersGets, timeOf } from './copies.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import type { World } from './world.ts';

const ASKED_EVERY_MS = 100;

export interface Expiring {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly oracles: Oracles;
  readonly violation: (text: string) => void;
  readonly expiryGraceMs: number;
  /** World time at which the operator last gave up a partition. */
  readonly givenUpMs: () => number;
}

/** A record that every serving member must keep until a time. */
interface Kept {
  readonly key: string;
  readonly version: Version;
  readonly untilMs: number;
  readonly sinceMs: number;
}

export class Expiry {
  readonly #of: Expiring;
  #kept: Kept | undefined;
  /** The latest time that any storage node's clock showed since the record was acknowledged. */
  #latestMs = 0;

  constructor(of: Expiring) {
    this.#of = of;
  }

  start(keys: readonly string[]): void {
    // A cache may evict any record at any time, so nothing can be asserted.
    if (this.#of.cluster.isCache) return;
    this.#of.world.at(ASKED_EVERY_MS, () => this.start(keys));
    const { storages } = this.#of.cluster;
    const times = storages.map(({ living }) => timeOf(living) ?? 0);
    this.#latestMs = Math.max(this.#latestMs, ...times);
    for (const node of storages) {
      for (const key of keys) this.#checkOver(node, key);
      if (this.#kept !== undefined) this.#checkKept(node, this.#kept);
    }
  }

  /** From now on the record must be kept: it was acknowledged, and nobody sets the key again before it expires. */
  acknowledged(key: string, version: Version): void {
    const expiresMs = this.#of.cluster.storages.flatMap((node) => {
      const record = this.#holding(node, key)?.record;
      if (record === undefined || recordVersion(record) !== version) return [];
      return [recordExpiresAtMs(record)];
    });
    const [expiresAtMs] = expiresMs;
    if (expiresAtMs === undefined) return;
    const untilMs = expiresAtMs + this.#of.expiryGraceMs;
    this.#kept = { key, version, untilMs, sinceMs: this.#of.world.nowMs };
    this.#latestMs = 0;
  }

  /** From now on the key may be set again, so the record need not be kept. */
  released(): void {
    this.#kept = undefined;
  }

  #checkOver({ process, living }: SimulatedNode<StorageNode>, key: string): void {
    const digits = this.#of.oracles.map?.digits;
    if (digits === undefined) return;
    const bytes = Buffer.from(key);
    const partition = partitionOf(bytes, digits);
    const answer = living?.wouldAnswer({ kind: 'get', partition, key: bytes });
    const timeMs = timeOf(living);
    if (timeMs === undefined || answer?.kind !== 'found') return;
    const expiresAtMs = recordExpiresAtMs(answer.record);
    if (expiresAtMs === 0 || expiresAtMs > timeMs) return;
    this.#of.violation(
      `expired: ${process.name} serves ${key}, over for ${timeMs - expiresAtMs} ms, at ${this.#nowText}`,
    );
  }

  #checkKept(node: SimulatedNode<StorageNode>, { key, version, untilMs, sinceMs }: Kept): void {
    if (this.#of.givenUpMs() >= sinceMs) return;
    // Once any node's clock has passed the time, that node may have forgotten the record, and a copy from it lacks it
    // too. Between two checks a clock may have shown more and jumped back.
    if (this.#latestMs + ASKED_EVERY_MS >= untilMs || !this.#serves(node, key)) return;
    const held = this.#holding(node, key);
    if (held === undefined || (held.record && recordVersion(held.record) >= version)) return;
    this.#of.violation(
      `forgotten: ${node.process.name} serves without ${key}, ${untilMs - this.#latestMs} ms early, at ${this.#nowText}`,
    );
  }

  #holding({ living }: SimulatedNode<StorageNode>, key: string) {
    const digits = this.#of.oracles.map?.digits;
    const bytes = Buffer.from(key);
    return digits === undefined ? undefined : living?.holding(partitionOf(bytes, digits), bytes);
  }

  #serves({ living }: SimulatedNode<StorageNode>, key: string): boolean {
    const digits = this.#of.oracles.map?.digits;
    if (digits === undefined) return false;
    return answersGets(living, partitionOf(Buffer.from(key), digits));
  }

  get #nowText(): string {
    return this.#of.world.nowMs.toFixed(1);
  }
}
