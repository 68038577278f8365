// The operations as gateways use them, by users' keys. This is the one place where a user's key becomes the key under
// which its record is stored, and back (cluster/model/stored-key.ts).

import { SCANS_MAX, WATCHES_MAX } from '../../cluster/model/limits.ts';
import { partitionOf } from '../../cluster/model/partition.ts';
import { encodeRecord, type RecordFields } from '../../cluster/model/record.ts';
import { storedKey, storedPrefix, userKey } from '../../cluster/model/stored-key.ts';
import { VERSION_ZERO, type Version } from '../../cluster/model/version.ts';
import { ChangeChannels } from '../../cluster/peers/change-channels.ts';
import type { ConditionalCallback, ConditionalRequest } from './conditional/decision.ts';
import type { ConditionalWriter } from './conditional/round.ts';
import type { ExplainedReader } from './get/explained.ts';
import { type Explanation, explanationOf } from './get/explanation.ts';
import type { GetOfMany, ManyReader } from './get/many.ts';
import type { ReadCallback, Reader } from './get/round.ts';
import type { OperationContext } from './operation-context.ts';
import type { VersionedWriteCallback, VersionedWriter } from './restore/round.ts';
import { ClusterScan, type ScanQuery } from './scan/cluster-scan.ts';
import type { ScanPosition } from './scan/position.ts';
import type { WriteCallback, WriteRequest } from './set/decision.ts';
import { storedRecordOf } from './set/set-record.ts';
import type { Writer } from './set/writer.ts';
import { ClusterWatch } from './watch/cluster-watch.ts';
import type { WatchPlace } from './watch/place.ts';

export class UserReader {
  readonly #reader: Pick<Reader, 'get'>;

  /** @param reader the plain one, or the linearizable one */
  constructor(reader: Pick<Reader, 'get'>) {
    this.#reader = reader;
  }

  /** @param callback and minVersion as in Reader.get; the key in its record is the stored one */
  get(key: Buffer, callback: ReadCallback, minVersion?: Version): void {
    this.#reader.get(storedKey(key), callback, minVersion);
  }
}

export class UserExplainedReader {
  readonly #context: OperationContext;
  readonly #reader: ExplainedReader;

  constructor(context: OperationContext, reader: ExplainedReader) {
    this.#context = context;
    this.#reader = reader;
  }

  /** @param callback gets the explanation under the user's key @param minVersion as in Reader.get */
  explain(
    key: Buffer,
    callback: (explanation: Explanation) => void,
    minVersion: Version = VERSION_ZERO,
  ): void {
    const { clock } = this.#context.runtime;
    this.#reader.explain(
      storedKey(key),
      (notes) => callback(explanationOf(key, notes, clock.wallMs())),
      minVersion,
    );
  }
}

export class UserManyReader {
  readonly #reader: ManyReader;

  constructor(reader: ManyReader) {
    this.#reader = reader;
  }

  /** @param gets of users' keys; otherwise as ManyReader.get, and the keys in their records are the stored ones */
  get(gets: readonly GetOfMany[]): void {
    this.#reader.get(gets.map(({ key, callback }) => ({ key: storedKey(key), callback })));
  }
}

export class UserWriter {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  /** @param request with the user's key; the others as in Writer.set */
  set(request: WriteRequest, callback: WriteCallback, arrivedMs?: number): void {
    const key = storedKey(request.key);
    if (key === request.key) return this.#writer.set(request, callback, arrivedMs);
    const stored = { ...request, key };
    // The hash of a record covers its stored key, which the caller does not know.
    const told: WriteCallback = (outcome) =>
      callback(
        outcome.kind === 'stored'
          ? { ...outcome, record: storedRecordOf(stored, outcome) }
          : outcome,
      );
    return this.#writer.set(stored, told, arrivedMs);
  }
}

export class UserConditionalWriter {
  readonly #writer: ConditionalWriter;

  constructor(writer: ConditionalWriter) {
    this.#writer = writer;
  }

  /** @param request with the user's key; @param callback gets records with the stored one */
  write(request: ConditionalRequest, callback: ConditionalCallback, arrivedMs?: number): void {
    this.#writer.write({ ...request, key: storedKey(request.key) }, callback, arrivedMs);
  }
}

export class UserVersionedWriter {
  readonly #writer: VersionedWriter;

  constructor(writer: VersionedWriter) {
    this.#writer = writer;
  }

  /** @param fields with the user's key; they must be within the limits of a record */
  write(fields: RecordFields & { readonly key: Buffer }, callback: VersionedWriteCallback): void {
    this.#writer.write(encodeRecord({ ...fields, key: storedKey(fields.key) }), callback);
  }
}

/** What a user's scan lists: `prefix` is one of users' keys. */
export type UserScanQuery = Omit<ScanQuery, 'nameOf'>;

/** Scans users' keys: those of the cluster's own data are never listed. */
export class UserScanner {
  readonly #context: OperationContext;
  #underWay = 0;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /** Those of the cluster, which never change; undefined without a map. */
  get digits(): number | undefined {
    return this.#context.router.map?.digits;
  }

  /** Whether there are as many scans as may be: each holds what its client has not read. */
  get isBusy(): boolean {
    return this.#underWay >= SCANS_MAX;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** @param from where an earlier scan has ended; the beginning when undefined */
  scan(query: UserScanQuery, digits: number, from?: ScanPosition): ClusterScan {
    const prefix = storedPrefix(query.prefix);
    const place = from === undefined ? { digits } : { digits, from };
    const scan = new ClusterScan(this.#context, { ...query, prefix, nameOf: userKey }, place);
    this.#underWay++;
    scan.ended = () => {
      this.#underWay--;
    };
    return scan;
  }
}

/** What a user's watch follows: one key, or all that begin with a prefix. */
export interface UserWatchQuery {
  readonly keys: { readonly kind: 'key' | 'prefix'; readonly bytes: Buffer };
  /** Whether steps have whole records instead of their heads. */
  readonly values: boolean;
  /** Where an earlier watch has ended. */
  readonly since: WatchPlace | undefined;
}

/** Follows changes of users' keys. */
export class UserWatcher {
  readonly #context: OperationContext;
  readonly #channels: ChangeChannels;
  readonly #underWay = new Set<ClusterWatch>();

  constructor(context: OperationContext) {
    this.#context = context;
    this.#channels = new ChangeChannels(context.runtime, context.times);
  }

  /** Those of the cluster, which never change; undefined without a map. */
  get digits(): number | undefined {
    return this.#context.router.map?.digits;
  }

  /** Whether there are as many watches as may be: each asks every node that it follows. */
  get isBusy(): boolean {
    return this.#underWay.size >= WATCHES_MAX;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  watch({ keys, values, since }: UserWatchQuery, digits: number): ClusterWatch {
    const isExact = keys.kind === 'key';
    const prefix = isExact ? storedKey(keys.bytes) : storedPrefix(keys.bytes);
    const partition = isExact ? partitionOf(prefix, digits) : undefined;
    const query = { prefix, isExact, values, partition, since, nameOf: userKey };
    const watch = new ClusterWatch(this.#context, this.#channels, query, digits);
    this.#underWay.add(watch);
    watch.ended = () => this.#underWay.delete(watch);
    return watch;
  }
}
