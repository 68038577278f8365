// The blobs of a file server: how they come, by an upload and its commit or as a link, and how they go. A blob is there
// once its meta is renamed to its home; before, nothing is. What is asked about one blob is done in turn.

import type { Files, FilesCallback, FilesFailure } from '../../cluster/files.ts';
import type { ByteStream } from '../../cluster/http/byte-stream.ts';
import type { MapVersion } from '../../cluster/model/cluster-map.ts';
import type { ClusterId } from '../../cluster/model/identity.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { DiskRoom, RoomClaim } from '../uploads/disk-room.ts';
import { type ReceivedBody, Receiving, ROOM_STEP_BYTES, Upload } from '../uploads/receiving.ts';
import { StagedBlob } from '../uploads/staged-blob.ts';
import { type Stage, Stages } from '../uploads/stages.ts';
import { BlobCounts } from './blob-counts.ts';
import { BlobFiles, type MetaOutcome, type MoveOutcome } from './blob-files.ts';
import {
  type BlobCommit,
  type BlobMeta,
  encodeMeta,
  isSameCommit,
  type LinkRequest,
} from './blob-meta.ts';
import { Folders } from './folders.ts';
import { CORRUPT, homeOf, INCOMING, placeIn, TRASH } from './places.ts';
import { createAnew, onceAll, writeWhole } from './small-files.ts';
import { StoreHealth } from './store-health.ts';
import type { BeginOutcome, CommitOutcome } from './store-outcomes.ts';
import { Turns } from './turns.ts';

export interface BlobStoreOptions {
  readonly room: DiskRoom;
  /** How long an upload may wait for its commit, in milliseconds. */
  readonly stagedMs: number;
  /** The map of this moment, which commits name. */
  readonly map: () => MapVersion | undefined;
  /** How long this file server has been up, in ms, over its restarts. */
  readonly uptimeMs: () => number;
  /** Called when a blob was found whose bytes are wrong: others have it, or had. */
  readonly spoiled: (id: BlobId) => void;
}

/** When a blob was committed here. */
type CommitStamp = Pick<BlobMeta, 'committedAt' | 'uptimeMs'>;

export class BlobStore {
  readonly files: BlobFiles;
  readonly health: StoreHealth;
  readonly blobs = new BlobCounts();
  readonly trash = new BlobCounts();
  readonly corrupt = new BlobCounts();
  readonly #runtime: Runtime;
  readonly #disk: Files;
  readonly #options: BlobStoreOptions;
  readonly #stages: Stages;
  readonly #folders: Folders;
  readonly #turns = new Turns<BlobId>();
  #committed = 0;

  constructor(runtime: Runtime, disk: Files, options: BlobStoreOptions) {
    const { logger } = runtime;
    this.#runtime = runtime;
    this.#disk = disk;
    this.#options = options;
    this.health = new StoreHealth(logger);
    this.#folders = new Folders(disk);
    this.files = new BlobFiles(disk, this.#folders, this.health, this, logger, (id) =>
      this.spoil(id, undefined),
    );
    this.#stages = new Stages(runtime, disk, { staysMs: options.stagedMs });
  }

  /** Uploads that are not committed. */
  get staged(): number {
    return this.#stages.count;
  }

  /** How many blobs were committed since the start, also as copies and links. */
  get committed(): number {
    return this.#committed;
  }

  /** What uploads may write beside those that are under way. */
  get roomBytes(): number {
    return this.#options.room.freeBytes;
  }

  /** @param work called when nothing else is done to the blob; it says when it is over */
  takeTurn(id: BlobId, work: (over: () => void) => void): void {
    this.#turns.take(id, work);
  }

  /**
   * Takes the id and the room for an upload.
   * @param bytes the length of the body; undefined where that is not known
   * @param callback called once
   */
  begin(id: BlobId, bytes: number | undefined, callback: (outcome: BeginOutcome) => void): void {
    if (this.#stages.of(id) !== undefined) return callback({ kind: 'taken' });
    if (this.#stages.isFull) return callback({ kind: 'crowded' });
    const claimed = bytes ?? ROOM_STEP_BYTES;
    const room = this.#options.room.claim(claimed);
    if (room === undefined) return callback({ kind: 'full' });
    const upload = new Upload();
    this.#stages.receiving(id, () => upload.drop());
    const refuse = (outcome: BeginOutcome) => {
      room.end();
      this.#stages.over(id);
      callback(outcome);
    };
    return this.files.isTaken(id, (taken) => {
      if (taken.kind === 'failed') return refuse(taken);
      if (taken.value) return refuse({ kind: 'taken' });
      return createAnew(this.#disk, placeIn(INCOMING, id).data, (created) => {
        if (created.kind === 'failed') return refuse(this.#failed(created, 'making a blob'));
        const blob = new StagedBlob(created.value);
        return callback({
          kind: 'begun',
          receive: (body, done) => this.#receive(id, { upload, blob, body, room, claimed }, done),
        });
      });
    });
  }

  /**
   * Makes a blob of an upload. The same commit again is no failure.
   * @param callback called once
   */
  commit(
    id: BlobId,
    cluster: ClusterId,
    commit: BlobCommit,
    callback: (outcome: CommitOutcome) => void,
  ): void {
    this.publish({ ...commit, id, cluster, map: this.#options.map() }, callback);
  }

  /** As `commit`, of a copy: its meta is that of another file server, but for the time. */
  publish(
    content: Omit<BlobMeta, keyof CommitStamp>,
    callback: (outcome: CommitOutcome) => void,
  ): void {
    const meta: BlobMeta = { ...content, ...this.#stamp() };
    const { id } = meta;
    this.#turns.take(id, (done) => {
      const end = (outcome: CommitOutcome) => {
        done();
        callback(outcome);
      };
      const stage = this.#stages.of(id);
      if (stage === undefined) return this.#committedBefore(id, meta, end);
      if (stage.kind === 'receiving') return end({ kind: 'absent', isComing: true });
      const { blob } = stage;
      if (!blob.matches(meta)) {
        return this.#stages.remove(id, blob, () => end({ kind: 'differs' }));
      }
      return this.#settle(
        meta,
        (synced) => blob.sync(synced),
        (outcome) => {
          blob.close();
          end(outcome);
        },
      );
    });
  }

  /** Gives the bytes of a blob another id and owner, as a hard link: no byte is copied. */
  link(
    id: BlobId,
    cluster: ClusterId,
    { from, owner, manifest }: LinkRequest,
    callback: (outcome: CommitOutcome) => void,
  ): void {
    this.#turns.take(id, (done) => {
      const end = (outcome: CommitOutcome) => {
        done();
        callback(outcome);
      };
      if (this.#stages.of(id) !== undefined) return end({ kind: 'taken' });
      return this.files.meta(from, (source) => {
        if (source.kind === 'failed') return end(source);
        if (source.kind === 'absent') return end({ kind: 'absent', isComing: false });
        const stamp = { map: this.#options.map(), ...this.#stamp() };
        const meta = { ...source.meta, id, cluster, owner, manifest, ...stamp };
        return this.files.isTaken(id, (taken) => {
          if (taken.kind === 'failed') return end(taken);
          if (taken.value) return this.#committedBefore(id, meta, end);
          return this.#linkAndSettle(from, meta, end);
        });
      });
    });
  }

  /** Nobody names the blob, says who uploaded it: what is staged goes, and what is committed goes to the trash. */
  discard(id: BlobId, callback: (outcome: MoveOutcome) => void): void {
    this.#turns.take(id, (done) => {
      const end = (outcome: MoveOutcome) => {
        done();
        callback(outcome);
      };
      const stage = this.#stages.of(id);
      if (stage === undefined) return this.files.put(id, TRASH, end);
      return this.#unstage(id, stage, () => end({ kind: 'moved' }));
    });
  }

  /** Removes what is staged, if anything is. A blob stays: who left this server may have named it since, and had it copied. */
  unstage(id: BlobId, callback: () => void): void {
    this.#turns.take(id, (done) => {
      const end = () => {
        done();
        callback();
      };
      const stage = this.#stages.of(id);
      return stage === undefined ? end() : this.#unstage(id, stage, end);
    });
  }

  #unstage(id: BlobId, stage: Stage, done: () => void): void {
    if (stage.kind === 'staged') return this.#stages.remove(id, stage.blob, done);
    // Its upload removes it, as soon as it has nothing under way.
    stage.drop();
    return done();
  }

  /** Brings a blob back from the trash. */
  restore(meta: BlobMeta, callback: (outcome: MoveOutcome) => void): void {
    this.#turns.take(meta.id, (done) =>
      this.files.restore(meta, (outcome) => {
        done();
        callback(outcome);
      }),
    );
  }

  /**
   * Takes a blob whose bytes are wrong away, so that nobody counts on it.
   * @param found its meta as the reader had it; undefined where the meta itself is wrong
   */
  spoil(id: BlobId, found: BlobMeta | undefined): void {
    this.#turns.take(id, (done) => {
      this.#isStill(id, found, (isStill) => {
        // Somebody else found it as well, and the blob that is there now is another copy.
        if (!isStill) return done();
        return this.files.put(id, CORRUPT, (outcome) => {
          done();
          const { logger } = this.#runtime;
          if (outcome.kind === 'failed') {
            const { detail } = outcome;
            logger.write('error', 'a blob with wrong bytes cannot be moved', { blob: id, detail });
          } else if (outcome.kind === 'moved') {
            logger.write('error', 'a blob with wrong bytes is in corrupt/ now', { blob: id });
          }
          this.#options.spoiled(id);
        });
      });
    });
  }

  /** A blob is gone that may have been acknowledged. */
  lost(id: BlobId): void {
    this.#options.spoiled(id);
  }

  #isStill(id: BlobId, found: BlobMeta | undefined, callback: (isStill: boolean) => void): void {
    if (found !== undefined) {
      return this.files.meta(id, (now) =>
        callback(now.kind === 'meta' && now.meta.committedAt === found.committedAt),
      );
    }
    return this.files.isMetaWrong(id, callback);
  }

  #receive(
    id: BlobId,
    upload: {
      readonly upload: Upload;
      readonly blob: StagedBlob;
      readonly body: ByteStream;
      readonly room: RoomClaim;
      readonly claimed: number;
    },
    done: (received: ReceivedBody) => void,
  ): void {
    const { blob, body, room, claimed } = upload;
    const receiving = new Receiving(body, blob, { room, bytes: claimed }, (received) => {
      if (received.kind === 'received') {
        this.#stages.staged(id, blob, () => this.#expire(id, blob));
        return done(received);
      }
      if (received.kind === 'failed') this.#failed(received.failure, 'writing a blob');
      return this.#stages.remove(id, blob, () => done(received));
    });
    upload.upload.begin(receiving);
  }

  #expire(id: BlobId, blob: StagedBlob): void {
    this.#turns.take(id, (done) => {
      const stage = this.#stages.of(id);
      if (stage?.kind !== 'staged' || stage.blob !== blob) return done();
      this.#runtime.logger.write('warn', 'an upload was never committed', { blob: id });
      return this.#stages.remove(id, blob, done);
    });
  }

  /** Nothing is staged under the id: the same commit may have come before. */
  #committedBefore(id: BlobId, commit: BlobCommit, end: (outcome: CommitOutcome) => void): void {
    this.files.meta(id, (before: MetaOutcome) => {
      if (before.kind === 'failed') return end(before);
      if (before.kind === 'absent') return end({ kind: 'absent', isComing: false });
      if (!isSameCommit(before.meta, commit)) return end({ kind: 'taken' });
      return this.#folders.settle(homeOf(id).folder, (settled) =>
        end(
          settled.kind === 'done'
            ? { kind: 'committed' }
            : this.#failed(settled, 'committing a blob'),
        ),
      );
    });
  }

  #linkAndSettle(from: BlobId, meta: BlobMeta, end: (outcome: CommitOutcome) => void): void {
    const { id } = meta;
    const staged = placeIn(INCOMING, id);
    this.#stages.receiving(id, () => undefined);
    const move = { from: homeOf(from).data, to: staged.data };
    this.#disk.unlink(staged.data, (unlinked) => {
      if (unlinked.kind === 'failed') return this.#abandon(id, unlinked, end);
      return this.#disk.link(move, (linked) => {
        if (linked.kind === 'failed') {
          // It went to the trash since it was looked at.
          const isGone = linked.fault === 'absent';
          return this.#abandon(id, linked, (failure) =>
            end(isGone ? { kind: 'absent', isComing: false } : failure),
          );
        }
        // The bytes are on the disk since the other name was committed.
        return this.#settle(meta, (synced) => synced({ kind: 'done', value: undefined }), end);
      });
    });
  }

  /**
   * Makes a blob of what is in incoming/: first its bytes and its meta are on the disk, then both are renamed, the meta
   * last. An upload is over then, whatever comes of it.
   */
  #settle(
    meta: BlobMeta,
    sync: (synced: FilesCallback<undefined>) => void,
    end: (outcome: CommitOutcome) => void,
  ): void {
    const { id } = meta;
    const [staged, home] = [placeIn(INCOMING, id), homeOf(id)];
    const ready = onceAll(3, (result) => {
      if (result.kind === 'failed') return this.#abandon(id, result, end);
      const moves = [
        { from: staged.data, to: home.data },
        { from: staged.meta, to: home.meta },
      ];
      const counted = this.blobs.changing(home.folder);
      this.#folders.changing(home.folder);
      return this.#disk.rename(moves, (renamed) => {
        counted(renamed.kind === 'done' ? { blobs: 1, bytes: meta.size } : undefined);
        if (renamed.kind === 'failed') {
          this.#folders.doubt(home.folder);
          return this.#abandon(id, renamed, end);
        }
        this.#stages.over(id);
        this.#committed++;
        return end({ kind: 'committed' });
      });
    });
    sync(ready);
    writeWhole(this.#disk, staged.meta, encodeMeta(meta), ready);
    this.#folders.make(home.folder, ready);
  }

  #abandon(id: BlobId, failure: FilesFailure, end: (outcome: CommitOutcome) => void): void {
    this.#failed(failure, 'committing a blob');
    const { data, meta } = placeIn(INCOMING, id);
    const gone = onceAll(2, () => {
      this.#stages.over(id);
      end(failure);
    });
    this.#disk.unlink(data, gone);
    this.#disk.unlink(meta, gone);
  }

  #stamp(): CommitStamp {
    const committedAt = Math.floor(this.#runtime.clock.wallMs());
    return { committedAt, uptimeMs: this.#options.uptimeMs() };
  }

  #failed(failure: FilesFailure, doing: string): FilesFailure {
    this.health.failed(failure, doing);
    return failure;
  }
}
