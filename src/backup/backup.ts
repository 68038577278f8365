// A backup run: copies every partition that the directory does not have yet, a few at once, with one request in flight
// for each, and then the blobs that their records name (blob-backup.ts). A partition that is offline or not answered is tried again as long as any other makes progress. A run that
// ends early, however it ends, leaves a manifest from which the next run continues. The copy of one partition is in
// partition-copy.ts.

import { assert } from '../cluster/assert.ts';
import { type PartitionId, partitionCount } from '../cluster/model/partition.ts';
import type { Folder } from '../cluster/ports.ts';
import type { ClusterClient } from '../coordinator/cluster-client.ts';
import { BlobBackup, type BlobFigures, filesOf, type MissingBlob } from './blob-backup.ts';
import {
  type BlobsContent,
  type Content,
  encodeManifest,
  isWhole,
  MANIFEST_FILE,
  type Manifest,
  namesBlobs,
} from './manifest.ts';
import { PartitionCopy } from './partition-copy.ts';

/** As many partitions as a storage node copies at once (R8); the source serves other requests in between. */
const PARTITIONS_AT_ONCE = 4;
/**
 * Interval between two writes of the manifest: a killed run loses at most this much work. A manifest of 4,096
 * partitions is half a megabyte.
 */
const SAVE_MS = 1000;

export interface BackupFigures {
  /** Partitions that an earlier run had completed. */
  readonly skipped: number;
  readonly complete: number;
  readonly partitions: number;
  readonly records: number;
  readonly deletes: number;
  /** `bytes` counts all files as they are now, `copiedBytes` what this run added. */
  readonly bytes: number;
  readonly copiedBytes: number;
  /** Undefined before the blobs are begun, and where no record names one. */
  readonly files: BlobFigures | undefined;
}

export interface BackupOutcome {
  /** Partitions that could not be copied, each with the reason of the last attempt. */
  readonly missing: ReadonlyMap<PartitionId, string>;
  /** Blobs that could not be copied; some of them where there are many. */
  readonly missingBlobs: readonly MissingBlob[];
  /** Set when the directory cannot be written: the reason. */
  readonly broken?: string;
}

export class Backup {
  readonly #client: ClusterClient;
  readonly #folder: Folder;
  readonly #startedAtMs: number;
  readonly #contents: Map<PartitionId, Content>;
  readonly #done: (outcome: BackupOutcome) => void;
  readonly #queue: PartitionCopy[] = [];
  readonly #missing = new Map<PartitionId, string>();
  /** How many partitions are neither complete nor missing yet. */
  #left = 0;
  #running = 0;
  #movedMs: number;
  #copiedBytes = 0;
  #blobBackup: BlobBackup | undefined;
  /** Undefined until all blobs are there. */
  #blobs: BlobsContent | undefined;
  readonly #skipped: number;
  #over = false;

  /**
   * @param folder the directory of the backup
   * @param manifest of this cluster, from an earlier run or a new one
   * @param done is called once, at the end of the run
   */
  constructor(
    client: ClusterClient,
    folder: Folder,
    manifest: Manifest,
    done: (outcome: BackupOutcome) => void,
  ) {
    assert(manifest.cluster === client.map.cluster, 'a backup is of one cluster');
    this.#client = client;
    this.#folder = folder;
    this.#startedAtMs = manifest.startedAtMs;
    this.#contents = new Map(manifest.partitions);
    this.#done = done;
    this.#movedMs = client.runtime.clock.monotonicMs();
    for (let index = 0; index < partitionCount(client.map.digits); index++) {
      const partition = index as PartitionId;
      const content = this.#contents.get(partition);
      if (content?.complete) continue;
      this.#queue.push(new PartitionCopy(client, folder, partition, content));
    }
    this.#left = this.#queue.length;
    this.#skipped = partitionCount(client.map.digits) - this.#left;
  }

  start(): void {
    // Save first: from now on the directory belongs to this cluster.
    this.#save((failure) => {
      if (failure !== undefined) return this.#break(failure);
      this.#saveLater();
      return this.#begin();
    });
  }

  figures(): BackupFigures {
    const contents = [...this.#contents.values()];
    const sum = (of: (content: Content) => number) =>
      contents.reduce((all, one) => all + of(one), 0);
    return {
      skipped: this.#skipped,
      complete: sum(({ complete }) => Number(complete)),
      partitions: partitionCount(this.#client.map.digits),
      records: sum(({ records }) => records),
      deletes: sum(({ deletes }) => deletes),
      bytes: sum(({ bytes }) => bytes),
      copiedBytes: this.#copiedBytes,
      files: this.#blobBackup?.figures,
    };
  }

  #begin(): void {
    if (this.#left === 0) return this.#copyBlobs();
    while (this.#running < PARTITIONS_AT_ONCE) {
      const copy = this.#queue.shift();
      if (copy === undefined) return undefined;
      this.#running++;
      this.#step(copy);
    }
    return undefined;
  }

  #step(copy: PartitionCopy): void {
    const { bytes } = copy.content;
    copy.step((step) => {
      if (this.#over) return;
      if (step.kind === 'broken') return this.#break(step.reason);
      if (step.kind === 'stuck') return this.#stuck(copy, step.reason);
      this.#movedMs = this.#client.runtime.clock.monotonicMs();
      this.#copiedBytes += Math.max(0, copy.content.bytes - bytes);
      this.#contents.set(copy.partition, copy.content);
      if (step.kind === 'more') return this.#step(copy);
      this.#running--;
      this.#left--;
      return this.#begin();
    });
  }

  /**
   * Puts a partition back in the queue, after a pause and behind the others. It is missing once no partition has made
   * progress for as long as a set is pursued.
   */
  #stuck(copy: PartitionCopy, reason: string): void {
    const { runtime, times } = this.#client;
    this.#running--;
    const stillMs = runtime.clock.monotonicMs() - this.#movedMs;
    if (stillMs > times.setDeadlineMs + times.setBackgroundMs) {
      copy.close();
      this.#missing.set(copy.partition, reason);
      this.#left--;
    } else {
      runtime.timers.after(times.heartbeatMs, () => {
        this.#queue.push(copy);
        if (!this.#over) this.#begin();
      });
    }
    this.#begin();
  }

  /** Once all records are there that can be had: what a blob should be is in them. */
  #copyBlobs(): void {
    const partitions = this.#contents;
    if (!namesBlobs(partitions)) return this.#finish([]);
    const { digits } = this.#client.map;
    const copies = new BlobBackup(
      filesOf(this.#client),
      this.#folder,
      { digits, partitions },
      ({ missing, broken }) => {
        if (this.#over) return undefined;
        if (broken !== undefined) return this.#break(broken);
        const { blobs, bytes, gone } = copies.figures;
        if (copies.figures.missing === 0) this.#blobs = { blobs, bytes, gone };
        return this.#finish(missing);
      },
    );
    this.#blobBackup = copies;
    return copies.start();
  }

  #finish(missingBlobs: readonly MissingBlob[]): void {
    this.#over = true;
    this.#save((failure) => {
      const outcome = { missing: this.#missing, missingBlobs };
      this.#done(failure === undefined ? outcome : { ...outcome, broken: failure });
    });
  }

  #break(reason: string): void {
    this.#over = true;
    this.#blobBackup?.stop();
    this.#done({ missing: this.#missing, missingBlobs: [], broken: reason });
  }

  #saveLater(): void {
    this.#client.runtime.timers.after(SAVE_MS, () => {
      if (this.#over) return;
      this.#save((failure) => {
        if (this.#over) return undefined;
        if (failure !== undefined) return this.#break(failure);
        return this.#saveLater();
      });
    });
  }

  #save(done: (failure: string | undefined) => void): void {
    const { cluster, digits } = this.#client.map;
    const partitions = this.#contents;
    const blobs = this.#blobs;
    const isDone = isWhole(digits, partitions) && namesBlobs(partitions) === (blobs !== undefined);
    const finishedAtMs = isDone ? Math.floor(this.#client.runtime.clock.wallMs()) : undefined;
    const startedAtMs = this.#startedAtMs;
    const bytes = encodeManifest({
      cluster,
      digits,
      startedAtMs,
      finishedAtMs,
      blobs,
      partitions,
    });
    this.#folder.replace(MANIFEST_FILE, bytes, (result) =>
      done(result.kind === 'done' ? undefined : `${MANIFEST_FILE}: ${result.detail}`),
    );
  }
}
