// A restore run: sets the records of a verified backup, each with its own version (D16), or only the live ones
// with new versions. A few files are open at once, and a bounded window of sets is in flight. The run keeps no
// state of its own: when it is repeated, it finds what is already there.
//
// Records that time removes come last, in passes of their own. A delete in the backup is old, so the replicas soon
// forget it, which raises the floor of its partition (H24); any older record that is not restored by then would be
// refused. The expiry of a record has the same effect.

import { unreachable } from '../cluster/assert.ts';
import type { ErrorCode } from '../cluster/http/errors.ts';
import type { PartitionId } from '../cluster/model/partition.ts';
import {
  isExpired,
  isTombstone,
  recordAttributes,
  recordExpiresAtMs,
  recordKey,
  recordValue,
  type StoredRecord,
} from '../cluster/model/record.ts';
import type { Folder } from '../cluster/ports.ts';
import type { ClusterClient } from '../coordinator/cluster-client.ts';
import {
  type VersionedWriteOutcome,
  VersionedWriter,
} from '../coordinator/operations/restore/round.ts';
import type { WriteOutcome } from '../coordinator/operations/set/decision.ts';
import { Writer } from '../coordinator/operations/set/writer.ts';
import type { BlobId } from '../files/blob-id.ts';
import { namingRecord } from './blob-file.ts';
import { type Content, fileOf, type Manifest } from './manifest.ts';
import { type OpenRecords, openRecords, problemOf } from './verify.ts';

const FILES_AT_ONCE = 4;
const IN_FLIGHT_MAX = 512;
/** Far below the number of bytes at which a channel to a storage node sheds operations. */
const IN_FLIGHT_BYTES_MAX = 32 * 1024 * 1024;
/** Ends the run after this many failures: each took a while to fail, and the next ones would fail as well. */
const FAILED_MAX = 1000;
/** How often a record is set with new versions before it counts as failed; each attempt takes a newer version. */
const TRIES_AS_NEW = 3;

const PASSES = ['lasting', 'expiring', 'delete'] as const;
type Pass = (typeof PASSES)[number];

export interface RestoreFigures {
  readonly set: number;
  /** Records that every member had before. */
  readonly there: number;
  readonly superseded: number;
  readonly belowFloor: number;
  /** Records that expired since the backup. */
  readonly expired: number;
  /** Deletes that are left out because a restore with new versions restores none. */
  readonly leftOut: number;
  /** Records of files whose blobs are not there. */
  readonly withoutBlob: number;
  readonly failed: number;
  /** After an early end: records that were not reached, and the few that were in flight. */
  readonly notTried: number;
  readonly bytes: number;
}

export interface RestoreOutcome {
  /** The first record that failed and why, or why the run ended early; undefined when all went well. */
  readonly problem: string | undefined;
}

export interface RestoreOptions {
  readonly asNew: boolean;
  /** Blobs that no file server has got: the records that name them are left out (blob-restore.ts). */
  readonly lackingBlobs?: ReadonlySet<BlobId>;
}

export class Restore {
  readonly #client: ClusterClient;
  readonly #folder: Folder;
  readonly #manifest: Manifest;
  readonly #asNew: boolean;
  readonly #lackingBlobs: ReadonlySet<BlobId>;
  readonly #versionedWriter: VersionedWriter;
  readonly #writer: Writer;
  readonly #done: (outcome: RestoreOutcome) => void;
  readonly #figures = {
    set: 0,
    there: 0,
    superseded: 0,
    belowFloor: 0,
    expired: 0,
    leftOut: 0,
    withoutBlob: 0,
    failed: 0,
    notTried: 0,
    bytes: 0,
  };
  #pass = -1;
  #files: (readonly [PartitionId, Content])[] = [];
  #openFiles = new Set<RecordsFile>();
  #opening = 0;
  #inFlight = 0;
  #inFlightBytes = 0;
  #problem: string | undefined;
  #over = false;

  /**
   * @param manifest of files in which verifyFiles found nothing wrong
   * @param done is called once, at the end of the run
   */
  constructor(
    client: ClusterClient,
    folder: Folder,
    manifest: Manifest,
    { asNew, lackingBlobs = new Set() }: RestoreOptions,
    done: (outcome: RestoreOutcome) => void,
  ) {
    this.#client = client;
    this.#folder = folder;
    this.#manifest = manifest;
    this.#asNew = asNew;
    this.#lackingBlobs = lackingBlobs;
    this.#versionedWriter = new VersionedWriter(client);
    this.#writer = new Writer(client);
    this.#done = done;
  }

  start(): void {
    this.#nextPass();
  }

  get figures(): RestoreFigures {
    return this.#figures;
  }

  #nextPass(): void {
    const pass = PASSES[++this.#pass];
    if (pass === undefined) return this.#end();
    this.#files = [...this.#manifest.partitions].filter(([, content]) => has(content, pass));
    return this.#nextFiles();
  }

  #nextFiles(): void {
    while (this.#openFiles.size + this.#opening < FILES_AT_ONCE) {
      const file = this.#files.shift();
      if (file === undefined) break;
      this.#open(...file);
    }
    // The next pass begins when nothing of this one is in progress any more.
    const isIdle = this.#openFiles.size + this.#opening + this.#inFlight === 0;
    if (isIdle && !this.#over) this.#nextPass();
  }

  #open(partition: PartitionId, content: Content): void {
    const name = fileOf(partition, this.#manifest.digits);
    this.#opening++;
    openRecords(this.#folder, name, content, (opened) => {
      this.#opening--;
      if ('problem' in opened) return this.#break(opened.problem);
      if (this.#over) return opened.close();
      const recordsFile: RecordsFile = { ...opened, name, reading: false };
      this.#openFiles.add(recordsFile);
      return this.#pump(recordsFile);
    });
  }

  /** Takes as many records from the file as the window has room for. */
  #pump(recordsFile: RecordsFile): void {
    const { records } = recordsFile;
    while (this.#hasRoom() && !this.#over) {
      const byte = records.position;
      const record = records.take();
      if (record !== undefined) this.#offer(record, `${recordsFile.name}, byte ${byte}`);
      else if (records.state.kind === 'open') return this.#read(recordsFile);
      else {
        recordsFile.close();
        this.#openFiles.delete(recordsFile);
        if (records.state.kind === 'damaged')
          return this.#break(problemOf(recordsFile.name, records));
        return this.#nextFiles();
      }
    }
    return undefined;
  }

  #read(recordsFile: RecordsFile): void {
    if (recordsFile.reading) return;
    recordsFile.reading = true;
    recordsFile.records.read(() => {
      recordsFile.reading = false;
      this.#pump(recordsFile);
    });
  }

  #hasRoom(): boolean {
    return this.#inFlight < IN_FLIGHT_MAX && this.#inFlightBytes < IN_FLIGHT_BYTES_MAX;
  }

  #offer(record: StoredRecord, place: string): void {
    if (passOf(record) !== PASSES[this.#pass]) return;
    if (isTombstone(record) && this.#asNew) {
      this.#figures.leftOut++;
    } else if (!isTombstone(record) && isExpired(record, this.#client.runtime.clock.wallMs())) {
      this.#figures.expired++;
    } else if (this.#lacksBlob(record)) {
      this.#figures.withoutBlob++;
    } else {
      this.#inFlight++;
      this.#inFlightBytes += record.length;
      const done = (outcome: VersionedWriteOutcome) => this.#settled(record, place, outcome);
      if (this.#asNew) this.#set(record, TRIES_AS_NEW, done);
      else this.#versionedWriter.write(record, done);
    }
  }

  #lacksBlob(record: StoredRecord): boolean {
    if (this.#lackingBlobs.size === 0) return false;
    const blob = namingRecord(record)?.manifest.blob;
    return blob !== undefined && this.#lackingBlobs.has(blob);
  }

  #set(record: StoredRecord, tries: number, done: (outcome: VersionedWriteOutcome) => void): void {
    const request = {
      key: recordKey(record),
      value: recordValue(record),
      tombstone: false,
      expiresAtMs: recordExpiresAtMs(record),
      attributes: recordAttributes(record),
    };
    this.#writer.set(request, (outcome) => {
      if (outcome.kind === 'stored') done({ kind: 'set' });
      else if (tries > 1 && !isHopeless(outcome)) this.#set(record, tries - 1, done);
      else done(failureOf(outcome));
    });
  }

  #settled(record: StoredRecord, place: string, outcome: VersionedWriteOutcome): void {
    this.#inFlight--;
    this.#inFlightBytes -= record.length;
    if (this.#over) return;
    switch (outcome.kind) {
      case 'set':
        this.#figures.set++;
        this.#figures.bytes += record.length;
        break;
      case 'already-stored':
        this.#figures.there++;
        break;
      case 'superseded':
        this.#figures.superseded++;
        break;
      case 'below-floor':
        this.#figures.belowFloor++;
        break;
      case 'failed':
        this.#figures.failed++;
        this.#problem ??= `${place}: ${outcome.code}: ${outcome.detail}${lengthOf(record, outcome)}`;
        if (outcome.code === 'storage-full' || this.#figures.failed >= FAILED_MAX) this.#end();
        break;
      default:
        unreachable(outcome);
    }
    if (this.#over) return;
    for (const recordsFile of this.#openFiles) this.#pump(recordsFile);
    this.#nextFiles();
  }

  #left(): number {
    const { notTried: _none, bytes: _bytes, ...settled } = this.#figures;
    const all = [...this.#manifest.partitions.values()].reduce((sum, of) => sum + of.records, 0);
    return Object.values(settled).reduce((left, count) => left - count, all);
  }

  #break(problem: string): void {
    this.#problem = problem;
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const recordsFile of this.#openFiles) recordsFile.close();
    this.#figures.notTried = this.#left();
    this.#done({ problem: this.#problem });
  }
}

interface RecordsFile extends OpenRecords {
  readonly name: string;
  reading: boolean;
}

function passOf(record: StoredRecord): Pass {
  if (isTombstone(record)) return 'delete';
  return recordExpiresAtMs(record) === 0 ? 'lasting' : 'expiring';
}

function has({ records, deletes, expiring }: Content, pass: Pass): boolean {
  switch (pass) {
    case 'lasting':
      return records > deletes + expiring;
    case 'expiring':
      return expiring > 0;
    case 'delete':
      return deletes > 0;
  }
}

/** Adds the value's length to the message, so that people know what to give --max-value. */
function lengthOf(record: StoredRecord, { code }: { code: ErrorCode }): string {
  return code === 'value-too-large' ? `; it has ${recordValue(record).length} bytes` : '';
}

function isHopeless(outcome: WriteOutcome): boolean {
  return outcome.kind === 'not-stored' && outcome.code === 'value-too-large';
}

function failureOf(outcome: WriteOutcome): VersionedWriteOutcome {
  if (outcome.kind === 'not-stored') return { ...outcome, kind: 'failed' };
  return {
    kind: 'failed',
    code: 'outcome-unknown',
    detail: 'not every storage node confirmed it in time',
  };
}
