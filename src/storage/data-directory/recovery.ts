// Recovers a storage node from its data directory before it registers: learns who the node is, takes the next
// incarnation, reads map and log back, and judges whether everything it ever acknowledged is there (H8). Nothing is
// served before that; a file that cannot be read stops the start instead of being skipped.

import { unreachable } from '../../cluster/assert.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { type ClusterMap, nodeEntry, whenFullOf } from '../../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId, StoreId } from '../../cluster/model/identity.ts';
import { recordKey, recordVersion } from '../../cluster/model/record.ts';
import { writePersistently } from '../../cluster/persistent-write.ts';
import type { Disk, Runtime } from '../../cluster/ports.ts';
import { decodeMapFile, encodeMapFile } from '../../cluster/wire/map-file.ts';
import type { FsyncMode } from '../log/durability.ts';
import type { LogEntry } from '../log/log-entry.ts';
import type { OpenLog } from '../log/log-files.ts';
import { createLog, LogReplay, needed } from '../log/log-replay.ts';
import type { SegmentStore } from '../memory/segment-store.ts';
import { DISTRUST_NOT_NOTED, distrusted, identityWrite } from './identity.ts';
import {
  decodeIdentity,
  encodeIdentity,
  IDENTITY_FILE,
  type Identity,
  incarnationsIn,
} from './identity-file.ts';

export const MAP_FILE = 'storage.map';
export const MAP_TITLE = 'velour-fog storage map';

/** Incarnations count milliseconds, so this is a quarter of an hour. */
const INCARNATIONS_SKIPPED_MAX = 2 ** 20;

/** A map is on disk before anything is logged under it (I2), so records without a map mean that it was lost. */
export const NO_MAP_FILE = `it has records, and there is no ${MAP_FILE}`;

export function encodeAdoptedMap(map: ClusterMap): Buffer {
  return encodeMapFile(MAP_TITLE, map);
}

export interface Recovered {
  readonly identity: Identity;
  readonly map: ClusterMap | undefined;
  readonly log: OpenLog;
}

export interface DirectoryRecoveryOptions {
  /** The id for a new directory; a used directory has its own. */
  readonly node: NodeId;
  /** Whether the operator named this id, so that a directory of another node is refused. */
  readonly nodeIsGiven: boolean;
  readonly fsync: FsyncMode;
}

/** Runs once; every failure is a FatalError. */
export class DirectoryRecovery {
  readonly #runtime: Runtime;
  readonly #disk: Disk;
  readonly #store: SegmentStore;
  readonly #options: DirectoryRecoveryOptions;
  readonly #done: (recovered: Recovered) => void;
  readonly #beganMs: number;
  /** The memory that is missing for records which found no room, in bytes. */
  #missingBytes = 0;

  /** @param done called when the store holds what the log holds, and the new incarnation is on disk */
  constructor(
    runtime: Runtime,
    disk: Disk,
    store: SegmentStore,
    options: DirectoryRecoveryOptions,
    done: (recovered: Recovered) => void,
  ) {
    this.#runtime = runtime;
    this.#disk = disk;
    this.#store = store;
    this.#options = options;
    this.#done = done;
    this.#beganMs = runtime.clock.monotonicMs();
  }

  start(): void {
    this.#disk.read(IDENTITY_FILE, (result) => {
      const bytes = needed(result, `${IDENTITY_FILE} cannot be read`);
      if (bytes === undefined) return this.#found();
      const earlier = decodeIdentity(bytes);
      if (typeof earlier === 'string') throw unusable(IDENTITY_FILE, earlier);
      this.#refuseOtherNode(earlier);
      return this.#readMap(earlier);
    });
  }

  #refuseOtherNode(earlier: Identity): void {
    const { node, nodeIsGiven } = this.#options;
    if (!nodeIsGiven || earlier.node === node) return;
    throw new FatalError(
      EXIT.config,
      `the data directory belongs to node ${earlier.node}, not ${node}; give --name ${earlier.node}, or another --data-dir`,
    );
  }

  /**
   * Makes a new directory. The log is made before the identity, so an identity without a log means that the log is
   * lost.
   */
  #found(): void {
    const store = this.#runtime.random.token() as StoreId;
    createLog(this.#disk, store, (log) => this.#takeIdentity(undefined, undefined, store, log));
  }

  #readMap(earlier: Identity): void {
    this.#disk.read(MAP_FILE, (result) => {
      const bytes = needed(result, `${MAP_FILE} cannot be read`);
      if (bytes === undefined) return this.#replay(earlier, undefined);
      const decoded = decodeMapFile(MAP_TITLE, bytes);
      if (decoded.kind === 'unusable') throw unusable(MAP_FILE, decoded.reason);
      return this.#replay(earlier, decoded.map);
    });
  }

  /** Replays before the identity is written: if this start dies in between, the next must judge the log alike. */
  #replay(earlier: Identity, map: ClusterMap | undefined): void {
    const { logger: lines, clock, host } = this.#runtime;
    const complete = this.#isComplete(earlier);
    // H40: the log of a cache, too, may hold more records than fit.
    if (map !== undefined) this.#store.whenFull = whenFullOf(map);
    const replay = new LogReplay(
      this.#disk,
      {
        store: earlier.store,
        mayHaveHoles: !complete,
        machineRanOn: earlier.bootId === host.bootId(),
        closedAt: earlier.closedAt,
        syncFailed: (end) => this.#distrust(earlier, end),
        apply: (entry) => {
          if (map === undefined) throw unusable('the log', NO_MAP_FILE);
          this.#redo(entry);
        },
      },
      (replayed) => {
        this.#refuseMissing();
        const { bytes, cutBytes } = replayed;
        const milliseconds = Math.ceil(clock.monotonicMs() - this.#beganMs);
        const items = this.#store.items();
        if (cutBytes > 0) lines.write('warn', 'the end of the log is cut off', { bytes: cutBytes });
        lines.write('info', 'recovered', { items, bytes, milliseconds, complete });
        this.#takeIdentity(earlier, map, earlier.store, replayed);
      },
    );
    replay.start();
  }

  #distrust(earlier: Identity, end: () => void): void {
    const identity = encodeIdentity({ ...earlier, ...distrusted(earlier) });
    this.#disk.replace(IDENTITY_FILE, identity, (written) => {
      if (written.kind === 'failed') {
        this.#runtime.logger.write('error', DISTRUST_NOT_NOTED, { detail: written.detail });
      }
      end();
    });
  }

  /** Takes the next incarnation, which is on disk before anybody hears of it (I10). */
  #takeIdentity(
    earlier: Identity | undefined,
    map: ClusterMap | undefined,
    store: StoreId,
    log: OpenLog,
  ): void {
    const { clock, host, random } = this.#runtime;
    const last = earlier?.incarnation ?? 0;
    const startMs = Math.floor(clock.wallMs());
    // If the clock was ahead and is right again, do not take the number right above the last one (I10): this may be a
    // copy of the directory that was put back, and an incarnation from the same state may have taken it (seed
    // 70000735).
    const skipped = random.below(INCARNATIONS_SKIPPED_MAX);
    const incarnation = (startMs > last ? startMs : last + 1 + skipped) as Incarnation;
    const complete = earlier !== undefined && this.#isComplete(earlier);
    const named = earlier && map && nodeEntry(map, earlier.node)?.incarnation;
    const identity = {
      node: earlier?.node ?? this.#options.node,
      store,
      incarnation,
      lives: earlier === undefined ? [] : incarnationsIn(earlier, named),
      bootId: host.bootId(),
      closedAt: undefined,
      fsync: this.#options.fsync,
      promisedGeneration: earlier?.promisedGeneration ?? 0,
      promisedNonce: earlier?.promisedNonce,
      completeSince: complete ? earlier.completeSince : incarnation,
    };
    const write = identityWrite((written) =>
      this.#disk.replace(IDENTITY_FILE, encodeIdentity(identity), (result) =>
        written(result.kind === 'done' ? undefined : result.detail),
      ),
    );
    writePersistently(this.#runtime, write, (failure) => {
      if (failure === undefined) return this.#done({ identity, map, log });
      throw new FatalError(EXIT.config, `${IDENTITY_FILE} cannot be written: ${failure}`);
    });
  }

  #isComplete(earlier: Identity): boolean {
    return isComplete(earlier, this.#runtime.host.bootId());
  }

  /** Applies an entry to the store. The floor refuses no record here: it was lower when the record was logged. */
  #redo(entry: LogEntry): void {
    const store = this.#store;
    switch (entry.kind) {
      case 'record':
        if (store.restore(entry.partition, entry.record).kind === 'no-memory') {
          this.#redoWithout(entry);
        }
        break;
      case 'floor':
        store.raiseFloor(entry.partition, entry.version);
        break;
      case 'reset':
        store.reset(entry.partition);
        break;
      case 'forget':
        store.forget(entry.partition, entry.key, entry.version);
        break;
      case 'evicted':
        store.raiseFloor(entry.partition, entry.version);
        store.forget(entry.partition, entry.key, entry.version);
        break;
      case 'complete':
        store.setComplete(entry.partition, entry);
        break;
      default:
        unreachable(entry);
    }
  }

  #redoWithout({ partition, record }: Extract<LogEntry, { kind: 'record' }>): void {
    if (this.#store.whenFull === 'refuse') {
      this.#missingBytes += this.#store.bytesAtLeast(record);
      return;
    }
    // H40: treat the record as one that was evicted at once; the present record of its key is older.
    const key = recordKey(record);
    this.#store.raiseFloor(partition, recordVersion(record));
    const older = this.#store.peek(partition, key);
    if (older !== undefined) this.#store.forget(partition, key, recordVersion(older));
  }

  /**
   * Refuses to start, once the whole log is read and the total is known. It is an upper bound: the log may drop some
   * of the missing records later.
   */
  #refuseMissing(): void {
    if (this.#missingBytes === 0) return;
    const { limit } = this.#store.memory();
    throw new FatalError(
      EXIT.config,
      `the records of the log do not fit into the memory of this node: it has ${limit} bytes, and ${limit + this.#missingBytes} are enough; give it more with --memory`,
    );
  }
}

/**
 * H8: whether the store still has everything that its last incarnation had. If not, only what the incarnation that
 * begins now acknowledges will be complete: it copies whatever it becomes a member of, and inherits nothing.
 */
export function isComplete(earlier: Identity, bootId: string): boolean {
  // A sync had failed: the system may have dropped what it could not write.
  if (earlier.completeSince > earlier.incarnation) return false;
  if (earlier.bootId === undefined) return true;
  switch (earlier.fsync) {
    case 'always':
      return true;
    case 'interval':
      // Written entries are enough as long as the machine was not restarted.
      return earlier.bootId === bootId;
    case 'never':
      return false;
  }
}

function unusable(file: string, reason: string): FatalError {
  return new FatalError(
    EXIT.config,
    `${file} cannot be used: ${reason}. Nothing was changed; put back a copy of the whole directory that was made after its last stop, or start with an empty --data-dir`,
  );
}
