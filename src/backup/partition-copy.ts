// Copies one partition into its file, one request at a time. When a serving member fails, the next one continues
// behind the last key: all members list a partition in the same order (by bucket, then rank). When and how often to
// try is decided in backup.ts.
//
// A member answers at the epoch of the map that the backup began with, or at a later one (H14). So every set that was
// acknowledged before the backup began is in the copy, or a newer one of its key (I5).

import { answeringMembers, partitionEntry } from '../cluster/model/cluster-map.ts';
import type { PartitionId } from '../cluster/model/partition.ts';
import { isExpired, isPerishable, isTombstone } from '../cluster/model/record.ts';
import type { Folder, FolderFile } from '../cluster/ports.ts';
import type { Answer, Cursor } from '../cluster/wire/operations.ts';
import type { ClusterClient } from '../coordinator/cluster-client.ts';
import { learn } from '../coordinator/operations/learn.ts';
import { namingRecord } from './blob-file.ts';
import { checksumOf } from './checksum.ts';
import { type Content, fileOf } from './manifest.ts';
import { RecordFile } from './record-file.ts';

export type CopyStep =
  | { readonly kind: 'more' }
  | { readonly kind: 'complete' }
  /** The member that was asked did not continue the copy; it may be tried again. */
  | { readonly kind: 'stuck'; readonly reason: string }
  /** The file cannot be written. */
  | { readonly kind: 'broken'; readonly reason: string };

const FIRST: Cursor = { bucket: 0, afterKey: Buffer.alloc(0) };
const EMPTY: Content = {
  bytes: 0,
  crc: 0,
  records: 0,
  deletes: 0,
  expiring: 0,
  blobs: undefined,
  complete: false,
  next: undefined,
};

export class PartitionCopy {
  readonly partition: PartitionId;
  readonly #client: ClusterClient;
  readonly #folder: Folder;
  readonly #name: string;
  #content: Content;
  #file: FolderFile | undefined;
  /** Selects the member to ask; raised when that member fails, so that the next one is asked. */
  #turn: number;

  /** @param content of the file as an earlier run left it */
  constructor(
    client: ClusterClient,
    folder: Folder,
    partition: PartitionId,
    content: Content = EMPTY,
  ) {
    this.#client = client;
    this.#folder = folder;
    this.partition = partition;
    this.#name = fileOf(partition, client.map.digits);
    this.#content = content;
    this.#turn = client.runtime.random.below(1024);
  }

  /** What the file contains now. */
  get content(): Content {
    return this.#content;
  }

  /**
   * Asks one member for the next records and writes them to the file.
   * @param done is called once, when they are written or the step has failed
   */
  step(done: (step: CopyStep) => void): void {
    const { router } = this.#client;
    const map = router.map ?? this.#client.map;
    const entry = partitionEntry(map, this.partition);
    const sources = answeringMembers(map, entry);
    const source = sources[this.#turn % Math.max(1, sources.length)];
    if (source === undefined) {
      this.#client.refresh.fetchFromAnyone();
      return done({ kind: 'stuck', reason: 'it is offline' });
    }
    return this.#open(done, (file) => {
      const from = this.#content.next ?? FIRST;
      const copy = { kind: 'copy', partition: this.partition, epoch: entry.epoch, from } as const;
      router.send(source, copy, (answer) => {
        if (answer.kind === 'records') return this.#append(file, answer, done);
        learn(this.#client, source, answer);
        this.#turn++;
        return done({ kind: 'stuck', reason: `${source.node}: ${answer.kind}` });
      });
    });
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #open(done: (step: CopyStep) => void, opened: (file: FolderFile) => void): void {
    if (this.#file !== undefined) return opened(this.#file);
    return this.#folder.open(this.#name, { create: true }, (result) => {
      if (result.kind === 'failed') return done(this.#broken(result.detail));
      const file = result.value;
      this.#file = file;
      return this.#check(file, () => opened(file));
    });
  }

  /** Starts again from nothing if the file does not match the manifest: a crash of the machine may have lost writes. */
  #check(file: FolderFile, checked: () => void): void {
    const records = new RecordFile(file, this.#content);
    const look = () => {
      while (records.take() !== undefined);
      if (records.state.kind === 'open') return records.read(look);
      if (records.state.kind === 'damaged') this.#content = EMPTY;
      return checked();
    };
    look();
  }

  #append(
    file: FolderFile,
    { records, next }: Extract<Answer, { kind: 'records' }>,
    done: (step: CopyStep) => void,
  ): void {
    const wallMs = this.#client.runtime.clock.wallMs();
    const kept = records.filter((record) => isTombstone(record) || !isExpired(record, wallMs));
    const bytes = Buffer.concat(kept);
    const before = this.#content;
    file.write(before.bytes, bytes, (written) => {
      if (written.kind === 'failed') return done(this.#broken(written.detail));
      const deletes = kept.filter(isTombstone).length;
      const blobs = kept.filter((record) => namingRecord(record) !== undefined).length;
      const perishable = kept.filter(isPerishable).length;
      this.#content = {
        bytes: before.bytes + bytes.length,
        crc: checksumOf(bytes, before.crc),
        records: before.records + kept.length,
        deletes: before.deletes + deletes,
        expiring: before.expiring + perishable - deletes,
        // Absent where there are none: a backup without blobs is as it was before there were any.
        blobs: (before.blobs ?? 0) + blobs || undefined,
        complete: false,
        next: next === undefined ? undefined : { ...next, afterKey: Buffer.from(next.afterKey) },
      };
      if (next !== undefined) return done({ kind: 'more' });
      return this.#finish(file, done);
    });
  }

  #finish(file: FolderFile, done: (step: CopyStep) => void): void {
    file.finish(this.#content.bytes, (finished) => {
      if (finished.kind === 'failed') return done(this.#broken(finished.detail));
      this.#content = { ...this.#content, complete: true };
      this.close();
      return done({ kind: 'complete' });
    });
  }

  #broken(detail: string): CopyStep {
    return { kind: 'broken', reason: `${this.#name} cannot be written: ${detail}` };
  }
}
