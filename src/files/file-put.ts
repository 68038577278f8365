// One upload of a file, from its first byte to its acknowledgement (FILES.md, PUT): small files go into their record, of others the
// blob is committed at enough file servers before the record names it.

import { type BlobId, linkedBlobId, newBlobId } from './blob-id.ts';
import { FormerBlob, nameBlob } from './blob-naming.ts';
import { readBeginning } from './body-beginning.ts';
import { commit, dropBlob, dropStaged } from './commits.ts';
import { nameContentAgain } from './content-again.ts';
import { ContentDigests, type ContentSums } from './content-digests.ts';
import type { FileParts } from './file-parts.ts';
import { type FileRecordSet, setFileRecord } from './file-record.ts';
import {
  encodeManifest,
  FILE_BYTES_MAX,
  type FileManifest,
  faultOfFields,
  INLINE_BYTES_MAX,
} from './manifest.ts';
import type { PutFile, PutFileOutcome } from './outcomes.ts';
import { distinctHostsFirst, type PlacedServer, placementOf } from './placement.ts';
import { Staging, type StagingOutcome } from './staging.ts';

/** Of an upload whose length nobody has told, a server must have room for this much, and says when there is no more. */
export const ROOM_BYTES_MIN = 1024 * 1024;
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

export class FilePut {
  readonly #parts: FileParts;
  readonly #request: PutFile;
  /** Undefined once it was called. */
  #callback: ((outcome: PutFileOutcome) => void) | undefined;
  readonly #bytesMax: number;
  readonly #inlineMax: number;
  /** What was read of the body: it might have been small enough to go into the record. */
  #beginning: readonly Buffer[] = [];
  #former: FormerBlob | undefined;

  constructor(parts: FileParts, request: PutFile, callback: (outcome: PutFileOutcome) => void) {
    this.#parts = parts;
    this.#request = request;
    this.#callback = callback;
    this.#bytesMax = Math.min(request.bytesMax, FILE_BYTES_MAX);
    this.#inlineMax = Math.min(request.inlineMax ?? INLINE_BYTES_MAX, INLINE_BYTES_MAX);
  }

  start(): void {
    const { body } = this.#request;
    const announced = body.length ?? 0;
    const fault = faultOfFields(this.#request);
    if (fault !== undefined) return this.#refuse('bad-parameter', fault);
    if (announced > this.#bytesMax) return this.#end(TOO_LARGE, true);
    if (announced > this.#inlineMax) return this.#upload();
    return readBeginning(body, Math.min(this.#inlineMax, this.#bytesMax), (beginning) => {
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
    const record = { ...this.#recordOf(sums), manifest };
    return setFileRecord(this.#parts, record, (outcome) => this.#end(outcome));
  }

  #upload(): void {
    const { key } = this.#request;
    if (typeof key !== 'function') this.#former = new FormerBlob(this.#parts, key);
    this.#parts.classes.copies(this.#request.replicationClass, (outcome) => {
      if (outcome.kind === 'failed') return this.#refuse('unanswered', outcome.detail);
      return this.#stage(this.#newBlob(), outcome.copies);
    });
  }

  #newBlob(): BlobId {
    const { clock, random } = this.#parts.runtime;
    const { placedAs } = this.#request;
    return placedAs === undefined
      ? newBlobId(clock.wallMs(), random.token())
      : linkedBlobId(placedAs, random.token());
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
          return this.#nameAgain(blob, outcome, { classCopies, tried: first });
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
    dropStaged(runtime, times, blob, failed);
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

  /** Content that its very name says is there already needs no second blob. */
  #nameAgain(blob: BlobId, staged: StagedOutcome, chosen: Chosen): void {
    const { sums, at } = staged;
    if (typeof this.#request.key !== 'function') return this.#commit(blob, staged, chosen);
    const { all, copies } = this.#targetsFor(blob, chosen.classCopies, sums.size);
    const again = { ...this.#recordOf(sums), fields: this.#fields(sums), all, copies };
    return nameContentAgain(this.#parts, again, (outcome) => {
      if (outcome === undefined) return this.#commit(blob, staged, chosen);
      dropBlob(this.#parts.runtime, this.#parts.times, blob, at);
      return this.#end(outcome);
    });
  }

  #commit(blob: BlobId, { sums, at, isFull }: StagedOutcome, { classCopies, tried }: Chosen): void {
    const { runtime, router, times } = this.#parts;
    const manifest: FileManifest = { ...this.#fields(sums), kind: 'blob', blob };
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
    const { key: owner } = this.#recordOf(sums);
    this.#former ??= new FormerBlob(this.#parts, owner);
    const encoded = encodeManifest(manifest);
    const request = { blob, owner, manifest: encoded, sums, staged, others, copies };
    commit(runtime, times, request, ({ holders, asked }) => {
      if (holders.length < copies) {
        dropBlob(runtime, times, blob, asked);
        if (isFull) return this.#end(FULL);
        return this.#refuse(
          'no-file-server',
          `${copies} copies of the file are needed, and only ${holders.length} could be made`,
        );
      }
      const record = { ...this.#recordOf(sums), manifest };
      const naming = { blob, record, all, beganMs, former: this.#former };
      return nameBlob(this.#parts, naming, { holders, asked }, (set) => this.#end(set));
    });
  }

  /** Which record is set, and what it must be. */
  #recordOf(sums: ContentSums): Omit<FileRecordSet, 'manifest'> {
    const { key, condition, confirm } = this.#request;
    return {
      key: typeof key === 'function' ? key(sums) : key,
      condition: typeof condition === 'function' ? condition(sums) : condition,
      confirm,
    };
  }

  #fields({ size, sha512, md5 }: ContentSums) {
    const { contentType, replicationClass, attributes } = this.#request;
    const nowMs = Math.floor(this.#parts.runtime.clock.wallMs());
    const modifiedMs = this.#request.modifiedMs ?? nowMs;
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
