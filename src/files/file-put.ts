// One upload of a file, from its first byte to its acknowledgement (FILES.md, PUT): small files go into their record, of others the
// blob is committed at enough file servers before the record names it.

import { recordValue, type StoredRecord } from '../cluster/model/record.ts';
import type { Runtime } from '../cluster/ports.ts';
import type { ConditionalWriter } from '../coordinator/operations/conditional/round.ts';
import type { Reader } from '../coordinator/operations/get/round.ts';
import type { WriteRequest } from '../coordinator/operations/set/decision.ts';
import { storedRecordOf } from '../coordinator/operations/set/set-record.ts';
import type { Writer } from '../coordinator/operations/set/writer.ts';
import type { Router } from '../coordinator/router.ts';
import { type BlobId, newBlobId } from './blob-id.ts';
import { readBeginning } from './body-beginning.ts';
import type { ReplicationClasses } from './classes.ts';
import { commit, dropBlob, lookAtBlob } from './commits.ts';
import { ContentDigests, type ContentSums } from './content-digests.ts';
import type { FileKey } from './file-key.ts';
import type { FileServerWatch } from './file-server-watch.ts';
import type { FileTimes } from './file-times.ts';
import {
  decodeManifest,
  encodeManifest,
  FILE_BYTES_MAX,
  type FileManifest,
  faultOfFields,
  INLINE_BYTES_MAX,
} from './manifest.ts';
import type { FileVersion, PutFile, PutFileOutcome } from './outcomes.ts';
import { distinctHostsFirst, type PlacedServer, placementOf } from './placement.ts';
import { Staging, type StagingOutcome } from './staging.ts';

export interface FileOperations {
  readonly reader: Pick<Reader, 'get'>;
  readonly writer: Pick<Writer, 'set'>;
  readonly conditional: Pick<ConditionalWriter, 'write'>;
}

export interface FilePutParts extends FileOperations {
  readonly runtime: Runtime;
  readonly router: Pick<Router, 'map'>;
  readonly classes: ReplicationClasses;
  readonly watch: FileServerWatch;
  readonly times: FileTimes;
}

/** Of an upload whose length nobody has told, a server must have room for this much, and says when there is no more. */
const ROOM_BYTES_MIN = 1024 * 1024;
/** So many copies are enough to acknowledge a file; the others follow. */
export const ACKNOWLEDGED_COPIES = 2;

/** Where the copies of a blob go. */
interface Targets {
  /** How many there are to be in the end (N). */
  readonly all: number;
  /** How many there must be before the file is acknowledged (W). */
  readonly copies: number;
  /** Those that are up and have room, in the order of the placement, but of distinct hosts first. */
  readonly usable: readonly PlacedServer[];
}

interface Chosen {
  /** The number of copies that the class asks for, however many servers there are. */
  readonly classCopies: number;
  /** The servers to which the body was sent. */
  readonly tried: readonly PlacedServer[];
}

type StagedOutcome = Extract<StagingOutcome, { kind: 'staged' }>;
type BlobManifest = Extract<FileManifest, { kind: 'blob' }>;

export class FilePut {
  readonly #parts: FilePutParts;
  readonly #request: PutFile;
  /** Undefined once it was called. */
  #callback: ((outcome: PutFileOutcome) => void) | undefined;
  readonly #bytesMax: number;
  /** What was read of the body: it might have been small enough to go into the record. */
  #beginning: readonly Buffer[] = [];
  /** The manifest that the record had before, if it named a blob, and as far as that was known in time. */
  #former: BlobManifest | undefined;

  constructor(parts: FilePutParts, request: PutFile, callback: (outcome: PutFileOutcome) => void) {
    this.#parts = parts;
    this.#request = request;
    this.#callback = callback;
    this.#bytesMax = Math.min(request.bytesMax, FILE_BYTES_MAX);
  }

  start(): void {
    const { body } = this.#request;
    const announced = body.length ?? 0;
    const fault = faultOfFields(this.#request);
    if (fault !== undefined) return this.#refuse('bad-parameter', fault);
    if (announced > this.#bytesMax) return this.#end(TOO_LARGE, true);
    if (announced > INLINE_BYTES_MAX) return this.#upload();
    return readBeginning(body, Math.min(INLINE_BYTES_MAX, this.#bytesMax), (beginning) => {
      switch (beginning.kind) {
        case 'whole':
          return this.#setInline(beginning.bytes);
        case 'longer':
          if (beginning.bytes.length > this.#bytesMax) return this.#end(TOO_LARGE, true);
          this.#beginning = [beginning.bytes];
          return this.#upload();
        case 'broken':
          return this.#end(beginning);
      }
    });
  }

  #setInline(content: Buffer): void {
    const digests = new ContentDigests();
    digests.add(content);
    const sums = digests.end();
    const detail = this.#judge(sums);
    if (detail !== undefined) return this.#end({ kind: 'mismatch', detail });
    const manifest: FileManifest = { ...this.#fields(sums), kind: 'inline', content };
    return this.#set(this.#keyOf(sums), encodeManifest(manifest), { undo: NOTHING, done: NOTHING });
  }

  #upload(): void {
    const { classes } = this.#parts;
    const { key } = this.#request;
    if (typeof key !== 'function') this.#lookUpFormer(key);
    classes.copies(this.#request.replicationClass, (outcome) => {
      if (outcome.kind === 'failed') return this.#refuse('unanswered', outcome.detail);
      const blob = newBlobId(
        this.#parts.runtime.clock.wallMs(),
        this.#parts.runtime.random.token(),
      );
      return this.#stage(blob, outcome.copies);
    });
  }

  #stage(blob: BlobId, classCopies: number): void {
    const { runtime, times, watch } = this.#parts;
    const { body } = this.#request;
    const bytes = body.length ?? ROOM_BYTES_MIN;
    const { copies, usable } = this.#targetsFor(blob, classCopies, bytes);
    if (copies === 0) {
      return this.#refuse(
        'no-file-server',
        `this cluster has no file server, which files of more than ${INLINE_BYTES_MAX} bytes need: velour fileserver starts one`,
      );
    }
    if (usable.length < copies) return this.#refuseTargets(blob, copies);
    const first = usable.slice(0, copies);
    const request = {
      blob,
      body,
      beginning: this.#beginning,
      bytesMax: this.#bytesMax,
      targets: first,
      judge: (sums: ContentSums) => this.#judge(sums),
    };
    return new Staging(runtime, times, watch, request, (outcome) => {
      switch (outcome.kind) {
        case 'staged':
          this.#leave(blob, outcome.failed);
          return this.#commit(blob, outcome, { classCopies, tried: first });
        case 'broken':
        case 'mismatch':
          return this.#end(outcome);
        case 'nowhere':
          this.#leave(blob, outcome.failed);
          if (outcome.isFull) return this.#end(FULL);
          return this.#refuse('no-file-server', 'no file server has taken the file');
      }
    }).start();
  }

  /** Targets that have not answered make no blob, and are to remove what they may have staged. */
  #leave(blob: BlobId, failed: readonly PlacedServer[]): void {
    const { runtime, times, watch } = this.#parts;
    for (const { id } of failed) watch.failed(id);
    dropBlob(runtime, times, blob, failed);
  }

  /** The number of copies that the acknowledgement needs, and the servers that can take them. */
  #targetsFor(blob: BlobId, classCopies: number, bytes: number): Targets {
    const { waitsForAll } = this.#request;
    const placed = placementOf(blob, this.#parts.router.map?.fileServers);
    const all = Math.min(classCopies, placed.length);
    const copies = waitsForAll ? all : Math.min(all, ACKNOWLEDGED_COPIES);
    return { all, copies, usable: this.#usable(placed, bytes) };
  }

  #usable(placed: readonly PlacedServer[], bytes: number): readonly PlacedServer[] {
    const { watch } = this.#parts;
    return distinctHostsFirst(placed.filter(({ id }) => watch.hasRoom(id, bytes)));
  }

  #refuseTargets(blob: BlobId, copies: number): void {
    const { router, watch } = this.#parts;
    const placed = placementOf(blob, router.map?.fileServers);
    const up = placed.filter(({ id }) => watch.isUp(id)).length;
    if (up >= copies) return this.#end(FULL, true);
    return this.#refuse(
      'no-file-server',
      `${copies} file servers are needed for the copies of a file, and ${up} can be reached`,
    );
  }

  #commit(blob: BlobId, { sums, at, isFull }: StagedOutcome, { classCopies, tried }: Chosen): void {
    const { runtime, router, times } = this.#parts;
    const manifest = encodeManifest({ ...this.#fields(sums), kind: 'blob', blob });
    const beganMs = runtime.clock.monotonicMs();
    // F1: the body may have taken hours, and the servers of today count. A copy on one that was removed meanwhile is none.
    const { all, copies, usable } = this.#targetsFor(blob, classCopies, sums.size);
    const others = usable.filter(({ id }) => !tried.some((target) => target.id === id));
    const isKnown = ({ id }: PlacedServer) => router.map?.fileServers?.[id] !== undefined;
    const staged = at.filter(isKnown);
    dropBlob(
      runtime,
      times,
      blob,
      at.filter((server) => !isKnown(server)),
    );
    if (staged.length === 0 || copies === 0) {
      dropBlob(runtime, times, blob, staged);
      return this.#refuse('no-file-server', 'the file servers that took the file were removed');
    }
    const owner = this.#keyOf(sums);
    if (typeof this.#request.key === 'function') this.#lookUpFormer(owner);
    const request = { blob, owner, manifest, sums, staged, others, copies };
    commit(runtime, times, request, ({ holders, asked }) => {
      const drop = () => dropBlob(runtime, times, blob, asked);
      if (holders.length < copies) {
        drop();
        if (isFull) return this.#end(FULL);
        return this.#refuse(
          'no-file-server',
          `${copies} copies of the file are needed, and only ${holders.length} could be made`,
        );
      }
      // FILES.md, Replicator (d): whoever finds the blob without a manifest from then on may take it for garbage.
      if (runtime.clock.monotonicMs() - beganMs > times.manifestMs) {
        drop();
        return this.#refuse('not-stored', 'the file took too long: its copies may be collected');
      }
      const done = () => {
        if (holders.length < all) lookAtBlob(runtime, times, blob, holders.slice(0, 1));
        if (this.#former !== undefined) this.#lookAtFormer(this.#former);
      };
      return this.#set(owner, manifest, { undo: drop, done });
    });
  }

  #keyOf(sums: ContentSums): FileKey {
    const { key } = this.#request;
    return typeof key === 'function' ? key(sums) : key;
  }

  #lookUpFormer(key: FileKey): void {
    this.#parts.reader.get(key, (outcome) => {
      if (outcome.kind === 'value') this.#former = blobManifestOf(outcome.record);
    });
  }

  /** Its holders would find out by themselves that nothing names it any more, but late. */
  #lookAtFormer({ blob, replicationClass }: BlobManifest): void {
    const { runtime, router, times, classes } = this.#parts;
    const copies = classes.lately(replicationClass);
    const holders = placementOf(blob, router.map?.fileServers).slice(0, copies);
    lookAtBlob(runtime, times, blob, holders);
  }

  /**
   * Sets the record of the file, in which it becomes visible.
   * @param after.undo called where it certainly is not set: nothing will name the blob then
   * @param after.done called where it is set
   */
  #set(
    key: FileKey,
    value: Buffer,
    { undo, done }: { readonly undo: () => void; readonly done: () => void },
  ): void {
    const { condition } = this.#request;
    const { writer, conditional } = this.#parts;
    const isAny = condition.ifMatch === undefined && condition.ifNoneMatch === undefined;
    if (isAny) {
      const request: WriteRequest = { key, value, ...UNADORNED };
      return writer.set(request, (outcome) => {
        switch (outcome.kind) {
          case 'stored':
            done();
            return this.#stored(storedRecordOf(request, outcome), outcome.created);
          case 'not-stored':
            undo();
            return this.#end(outcome);
          case 'unknown':
            return this.#end(outcome);
        }
      });
    }
    const change = { kind: 'put', value, attributes: [], expiresAtMs: 0 } as const;
    return conditional.write({ key, condition, change }, (outcome) => {
      switch (outcome.kind) {
        case 'stored':
          done();
          return this.#stored(outcome.record, outcome.created);
        case 'unmet':
          undo();
          return this.#end({ kind: 'unmet', file: outcome.record && fileOf(outcome.record) });
        case 'not-stored':
          undo();
          return this.#end(outcome);
        case 'unknown':
          return this.#end(outcome);
      }
    });
  }

  #stored(record: StoredRecord, created: boolean): void {
    const manifest = decodeManifest(recordValue(record));
    this.#end({ kind: 'stored', file: { manifest, record }, created });
  }

  #fields({ size, sha512, md5 }: ContentSums) {
    const { contentType, replicationClass, attributes } = this.#request;
    const modifiedMs = Math.floor(this.#parts.runtime.clock.wallMs());
    return { size, sha512, md5, modifiedMs, contentType, replicationClass, attributes };
  }

  /** @returns what is wrong with the content that has come */
  #judge({ size, sha512, md5 }: ContentSums): string | undefined {
    const { body, expected } = this.#request;
    if (body.length !== undefined && body.length !== size) {
      return `${size} bytes have come, where ${body.length} were announced`;
    }
    if (expected.sha512 !== undefined && expected.sha512 !== sha512) {
      return `the SHA-512 of what has come is ${sha512}`;
    }
    if (expected.md5 !== undefined && expected.md5 !== md5)
      return `the MD5 of what has come is ${md5}`;
    return undefined;
  }

  #refuse(
    code: 'bad-parameter' | 'no-file-server' | 'unanswered' | 'not-stored',
    detail: string,
  ): void {
    this.#end({ kind: 'not-stored', code, detail }, true);
  }

  #end(outcome: PutFileOutcome, discards = false): void {
    const callback = this.#callback;
    this.#callback = undefined;
    if (discards) this.#request.body.discard();
    callback?.(outcome);
  }
}

const FULL = {
  kind: 'not-stored',
  code: 'storage-full',
  detail: 'too few file servers have room for the file',
} as const;

const TOO_LARGE = { kind: 'broken', why: 'too-large' } as const;

const NOTHING = () => undefined;
const UNADORNED = { tombstone: false, expiresAtMs: 0, attributes: [] } as const;

function blobManifestOf(record: StoredRecord): BlobManifest | undefined {
  const manifest = fileOf(record)?.manifest;
  return manifest?.kind === 'blob' ? manifest : undefined;
}

/** @returns undefined for a record that is no file's */
export function fileOf(record: StoredRecord): FileVersion | undefined {
  try {
    return { manifest: decodeManifest(recordValue(record)), record };
  } catch {
    return undefined;
  }
}
