// A backup run: every partition that the directory does not have yet, a few at once, one answer in flight
// each. What is offline, or whose members do not answer, is tried again as long as anything moves. A run
// that ends early, however it ends, leaves a manifest that the next one goes on from.

import { assert } from '../cluster/assert.ts';
import { type PartitionId, partitionCount } from '../cluster/model/partition.ts';
import type { Folder } from '../cluster/ports.ts';
import type { ClusterClient } from '../coordinator/cluster-client.ts';
import { type Content, encodeManifest, isWhole, MANIFEST_FILE, type Manifest } from './manifest.ts';
import { PartitionCopy } from './partition-copy.ts';

/** As many as a storage node copies at once (R8); a source answers others between. */
const PARTITIONS_AT_ONCE = 4;
/** A kill costs no more than this, and a manifest of 4,096 partitions is half a megabyte. */
const SAVE_MS = 1000;

export interface BackupFigures {
  /** Partitions that an earlier run had completed. */
  readonly skipped: number;
  readonly complete: number;
  readonly partitions: number;
  readonly records: number;
  readonly deletes: number;
  /** Of all files now, and of this run alone. */
  readonly bytes: number;
  readonly copiedBytes: number;
}

export interface BackupOutcome {
  /** Partitions that nobody could be had for, and why not. */
  readonly missing: ReadonlyMap<PartitionId, string>;
  /** The directory cannot be written. */
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
  /** Under way, or waiting to be tried again. */
  #left = 0;
  #running = 0;
  #movedMs: number;
  #copiedBytes = 0;
  readonly #skipped: number;
  #over = false;

  /** @param manifest of an earlier run, or a new one; of this cluster */
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
    // The directory is this cluster's from now on.
    this.#save((failure) => {
      if (failure !== undefined) return this.#end({ missing: this.#missing, broken: failure });
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
    };
  }

  #begin(): void {
    if (this.#left === 0) return this.#finish();
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
      if (step.kind === 'broken') return this.#end({ missing: this.#missing, broken: step.reason });
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

  /** Others go first. When nothing has moved for as long as a set is tried, it is missing. */
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

  #finish(): void {
    this.#over = true;
    this.#save((failure) => {
      const outcome = { missing: this.#missing };
      this.#done(failure === undefined ? outcome : { ...outcome, broken: failure });
    });
  }

  #end(outcome: BackupOutcome): void {
    this.#over = true;
    this.#done(outcome);
  }

  #saveLater(): void {
    this.#client.runtime.timers.after(SAVE_MS, () => {
      if (this.#over) return;
      this.#save((failure) => {
        if (this.#over) return undefined;
        if (failure !== undefined) return this.#end({ missing: this.#missing, broken: failure });
        return this.#saveLater();
      });
    });
  }

  #save(done: (failure: string | undefined) => void): void {
    const { cluster, digits } = this.#client.map;
    const partitions = this.#contents;
    const isDone = isWhole(digits, partitions);
    const finishedAtMs = isDone ? Math.floor(this.#client.runtime.clock.wallMs()) : undefined;
    const startedAtMs = this.#startedAtMs;
    const bytes = encodeManifest({ cluster, digits, startedAtMs, finishedAtMs, partitions });
    this.#folder.replace(MANIFEST_FILE, bytes, (result) =>
      done(result.kind === 'done' ? undefined : `${MANIFEST_FILE}: ${result.detail}`),
    );
  }
}
