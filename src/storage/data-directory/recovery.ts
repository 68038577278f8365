// What a storage node does with its data directory before it registers: learns who it is, takes the
// next incarnation, reads map and log back, and judges whether everything it ever acknowledged is there
// (H8). Nothing is served before; what cannot be read stops the start instead of being passed over.

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
  livesOf,
} from './identity-file.ts';

export const MAP_FILE = 'storage.map';
export const MAP_TITLE = 'velour-fog storage map';

/** As milliseconds, in which incarnations count, a quarter of an hour. */
const INCARNATIONS_SKIPPED_MAX = 2 ** 20;

/** A map is on the disk before anything is logged under it (I2). */
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
  /** The id for a new directory; a used one has its own. */
  readonly node: NodeId;
  /** Whether the operator asked for that very id. */
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
  /** Of the memory, for the records that there was no room for. */
  #missingBytes = 0;

  /** @param done when the store holds what the log holds */
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

  /** The log is made before the identity, so a directory with an identity and no log has lost its log. */
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

  /** Before the identity is written: a start that ends in between must judge the log as this one does. */
  #replay(earlier: Identity, map: ClusterMap | undefined): void {
    const { logger: lines, clock, host } = this.#runtime;
    const complete = this.#isComplete(earlier);
    // H40: the log of a cache, too, may hold more than fits.
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

  /** The incarnation is on disk before anybody hears of it (I10). */
  #takeIdentity(
    earlier: Identity | undefined,
    map: ClusterMap | undefined,
    store: StoreId,
    log: OpenLog,
  ): void {
    const { clock, host, random } = this.#runtime;
    const last = earlier?.incarnation ?? 0;
    const startMs = Math.floor(clock.wallMs());
    // Where the clock was ahead, and is right again, the number above the last one is not to be taken (I10): a life that
    // began from this very state of the directory had it, and this may be a copy that was put back (seed 70000735).
    const skipped = random.below(INCARNATIONS_SKIPPED_MAX);
    const incarnation = (startMs > last ? startMs : last + 1 + skipped) as Incarnation;
    const complete = earlier !== undefined && this.#isComplete(earlier);
    const named = earlier && map && nodeEntry(map, earlier.node)?.incarnation;
    const identity = {
      node: earlier?.node ?? this.#options.node,
      store,
      incarnation,
      lives: earlier === undefined ? [] : livesOf(earlier, named),
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

  /** In the order of the log, so what a floor would refuse now was accepted then. */
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
    // H40: as if it had been evicted at once; what is here of the key is older.
    const key = recordKey(record);
    this.#store.raiseFloor(partition, recordVersion(record));
    const older = this.#store.peek(partition, key);
    if (older !== undefined) this.#store.forget(partition, key, recordVersion(older));
  }

  /** At the end, for only then it is known how much there is: at most, for of what is missing some may be dropped. */
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
 * H8: whether the store still has all that its last life had. If not, only what the life that begins now
 * acknowledges will be complete: it copies whatever it becomes a member of, and inherits nothing.
 */
export function isComplete(earlier: Identity, bootId: string): boolean {
  // A sync had failed: what the system could not write it may have dropped.
  if (earlier.completeSince > earlier.incarnation) return false;
  if (earlier.bootId === undefined) return true;
  switch (earlier.fsync) {
    case 'always':
      return true;
    case 'interval':
      // Written was enough while the machine ran on.
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
