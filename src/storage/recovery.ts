// What a storage node does with its data directory before it registers: learns who it is, takes the
// next incarnation, reads map and log back, and judges whether everything it ever acknowledged is there
// (H8). Nothing is served before; what cannot be read stops the start instead of being passed over.

import { unreachable } from '../cluster/assert.ts';
import { type ClusterMap, whenFullOf } from '../cluster/cluster-map.ts';
import { EXIT, FatalError } from '../cluster/errors.ts';
import type { Incarnation, NodeId, StoreId } from '../cluster/identity.ts';
import { decodeMapFile, encodeMapFile } from '../cluster/map-file.ts';
import { partitionOf } from '../cluster/partition.ts';
import { recordKey, recordVersion, type StoredRecord } from '../cluster/record.ts';
import type { Disk, DiskResult, LogFile, Runtime } from '../cluster/runtime.ts';
import { decodeIdentity, encodeIdentity, IDENTITY_FILE, type Identity } from './identity-file.ts';
import { type FsyncMode, LOG_FILE, LogReplay } from './log.ts';
import type { LogEntry } from './log-entry.ts';
import type { PartitionStore } from './partition-store.ts';

export const MAP_FILE = 'storage.map';
const MAP_TITLE = 'velour-fog storage map';

export function encodeAdoptedMap(map: ClusterMap): Buffer {
  return encodeMapFile(MAP_TITLE, map);
}

export interface Recovered {
  readonly identity: Identity;
  readonly map: ClusterMap | undefined;
  /** The last life that the directory knew before this one. */
  readonly previous: Incarnation | undefined;
  /** Open behind its last whole entry. */
  readonly file: LogFile;
  readonly logBytes: number;
}

export interface RecoveryOptions {
  /** The id for a new directory; a used one has its own. */
  readonly node: NodeId;
  /** Whether the operator asked for that very id. */
  readonly nodeIsGiven: boolean;
  readonly fsync: FsyncMode;
}

/** Runs once; every failure is a FatalError. */
export class Recovery {
  readonly #runtime: Runtime;
  readonly #disk: Disk;
  readonly #store: PartitionStore;
  readonly #options: RecoveryOptions;
  readonly #done: (recovered: Recovered) => void;
  #previous: Incarnation | undefined;

  /** @param done when the store holds what the log holds */
  constructor(
    runtime: Runtime,
    disk: Disk,
    store: PartitionStore,
    options: RecoveryOptions,
    done: (recovered: Recovered) => void,
  ) {
    this.#runtime = runtime;
    this.#disk = disk;
    this.#store = store;
    this.#options = options;
    this.#done = done;
  }

  start(): void {
    this.#disk.read(IDENTITY_FILE, (result) => {
      const bytes = expect(result, `${IDENTITY_FILE} cannot be read`);
      const earlier = bytes === undefined ? undefined : decodeIdentity(bytes);
      if (typeof earlier === 'string') throw unusable(IDENTITY_FILE, earlier);
      this.#refuseOtherNode(earlier);
      this.#openLog(earlier);
    });
  }

  #refuseOtherNode(earlier: Identity | undefined): void {
    const { node, nodeIsGiven } = this.#options;
    if (earlier === undefined || !nodeIsGiven || earlier.node === node) return;
    throw new FatalError(
      EXIT.config,
      `the data directory belongs to node ${earlier.node}, not ${node}; give --name ${earlier.node}, or another --data-dir`,
    );
  }

  /** The log is made before the identity, so a directory with an identity and no log has lost its log. */
  #openLog(earlier: Identity | undefined): void {
    this.#disk.openLog(LOG_FILE, { create: earlier === undefined }, (opened) => {
      const file = expect(opened, `${LOG_FILE} cannot be opened`);
      this.#takeIdentity(earlier, file);
    });
  }

  /** The incarnation is on disk before anybody hears of it (PROTOCOL 3.5, I10). */
  #takeIdentity(earlier: Identity | undefined, file: LogFile): void {
    const { clock, host, random } = this.#runtime;
    const bootId = host.bootId();
    const incarnation = Math.max(
      Math.floor(clock.wallMs()),
      (earlier?.incarnation ?? 0) + 1,
    ) as Incarnation;
    const complete = earlier !== undefined && isComplete(earlier, bootId);
    // Of a new directory: nothing was lived before.
    this.#previous = earlier?.incarnation ?? incarnation;
    const identity = {
      node: earlier?.node ?? this.#options.node,
      store: earlier?.store ?? (random.token() as StoreId),
      incarnation,
      bootId,
      fsync: this.#options.fsync,
      promisedGeneration: earlier?.promisedGeneration ?? 0,
      completeSince: complete ? earlier.completeSince : incarnation,
    };
    this.#disk.replace(IDENTITY_FILE, encodeIdentity(identity), (written) => {
      expect(written, `${IDENTITY_FILE} cannot be written`);
      this.#readMap(identity, file);
    });
  }

  #readMap(identity: Identity, file: LogFile): void {
    this.#disk.read(MAP_FILE, (result) => {
      const bytes = expect(result, `${MAP_FILE} cannot be read`);
      if (bytes === undefined) return this.#replay(identity, undefined, file);
      const decoded = decodeMapFile(MAP_TITLE, bytes);
      if (decoded.kind === 'unusable') throw unusable(MAP_FILE, decoded.reason);
      return this.#replay(identity, decoded.map, file);
    });
  }

  #replay(identity: Identity, map: ClusterMap | undefined, file: LogFile): void {
    // H40: the log of a cache, too, may hold more than fits.
    if (map !== undefined) this.#store.whenFull = whenFullOf(map);
    const replay = new LogReplay((entry) => {
      // The log names no partitions of records: they follow from the key and the digits, which never change.
      if (map === undefined)
        throw unusable(LOG_FILE, `it has records, and there is no ${MAP_FILE}`);
      this.#redo(entry, map.digits);
    });
    file.readAll(
      (bytes) => replay.push(bytes),
      (read) => {
        expect(read, `${LOG_FILE} cannot be read`);
        const { length, hole } = replay.end();
        if (hole)
          throw unusable(LOG_FILE, `it is damaged at byte ${length}, with whole records behind`);
        // What is behind is a torn tail: its write never ended, so nothing of it was acknowledged.
        file.truncate(length, (truncated) => {
          expect(truncated, `${LOG_FILE} cannot be truncated`);
          this.#runtime.log.write('info', 'recovered', {
            items: this.#store.items(),
            bytes: length,
            complete: identity.completeSince < identity.incarnation,
          });
          this.#done({ identity, previous: this.#previous, map, file, logBytes: length });
        });
      },
    );
  }

  #redoRecord(record: StoredRecord, digits: number): void {
    const key = recordKey(record);
    const partition = partitionOf(key, digits);
    do {
      if (this.#store.putCopied(partition, record).kind !== 'no-memory') return;
      // What replaced or dropped it comes at the speed of a disk: the memory of the replaced is free only now.
    } while (this.#store.work());
    if (this.#store.whenFull === 'evict') {
      // H40: as if it had been evicted at once; what is here of the key is older.
      this.#store.raiseFloor(partition, recordVersion(record));
      const older = this.#store.peek(partition, key);
      if (older !== undefined) this.#store.forget(partition, key, recordVersion(older));
      return;
    }
    throw new FatalError(
      EXIT.config,
      `the records of ${LOG_FILE} do not fit into the memory of this node; give it more with --memory`,
    );
  }

  /** In the order of the log, so what a floor would refuse now was accepted then. */
  #redo(entry: LogEntry, digits: number): void {
    switch (entry.kind) {
      case 'record':
        this.#redoRecord(entry.record, digits);
        break;
      case 'floor':
        this.#store.raiseFloor(entry.partition, entry.version);
        break;
      case 'reset':
        this.#store.reset(entry.partition);
        break;
      case 'forget':
        this.#store.forget(partitionOf(entry.key, digits), entry.key, entry.version);
        break;
      case 'evicted':
        this.#store.raiseFloor(entry.partition, entry.version);
        this.#store.forget(entry.partition, entry.key, entry.version);
        break;
      default:
        unreachable(entry);
    }
  }
}

/**
 * H8: whether the store still has all that its last life had. If not, only what the life that begins now
 * acknowledges will be complete: it copies whatever it becomes a member of, and inherits nothing.
 */
function isComplete(earlier: Identity, bootId: string): boolean {
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

function expect<T>(result: DiskResult<T>, what: string): T {
  if (result.kind === 'done') return result.value;
  throw new FatalError(EXIT.config, `${what}: ${result.detail}`);
}

function unusable(file: string, reason: string): FatalError {
  return new FatalError(
    EXIT.config,
    `${file} cannot be used: ${reason}. Nothing was changed; put back a good copy, or start with an empty --data-dir`,
  );
}
