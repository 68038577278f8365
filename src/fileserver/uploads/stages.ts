// The uploads of a file server that are not committed yet. They are known in memory alone: a start empties incoming/, so
// that whatever is there was staged by this process. One that nobody commits goes after a while.

import type { Files } from '../../cluster/files.ts';
import type { Cancel, Runtime } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';
import { INCOMING, placeIn } from '../blob-store/places.ts';
import type { StagedBlob } from './staged-blob.ts';

/** Each has a file open. */
const STAGED_MAX = 2048;

export type Stage =
  /** Its id is taken, and its bytes are to come or come; `drop` says that nobody wants it. */
  | { readonly kind: 'receiving'; readonly drop: () => void }
  /** All of it has come. */
  | { readonly kind: 'staged'; readonly blob: StagedBlob };

export class Stages {
  readonly #runtime: Pick<Runtime, 'timers'>;
  readonly #files: Pick<Files, 'unlink'>;
  readonly #staysMs: number;
  readonly #stages = new Map<BlobId, { readonly stage: Stage; readonly cancel: Cancel }>();

  /** @param staysMs how long an upload that has come may wait for its commit */
  constructor(
    runtime: Pick<Runtime, 'timers'>,
    files: Pick<Files, 'unlink'>,
    { staysMs }: { readonly staysMs: number },
  ) {
    this.#runtime = runtime;
    this.#files = files;
    this.#staysMs = staysMs;
  }

  get count(): number {
    return this.#stages.size;
  }

  get isFull(): boolean {
    return this.#stages.size >= STAGED_MAX;
  }

  of(id: BlobId): Stage | undefined {
    return this.#stages.get(id)?.stage;
  }

  receiving(id: BlobId, drop: () => void): void {
    this.#stages.set(id, { stage: { kind: 'receiving', drop }, cancel: () => undefined });
  }

  /** @param expired called when nobody has committed it in time */
  staged(id: BlobId, blob: StagedBlob, expired: () => void): void {
    const cancel = this.#runtime.timers.after(this.#staysMs, expired);
    this.#stages.set(id, { stage: { kind: 'staged', blob }, cancel });
  }

  /** The upload is over, one way or the other: its id may be used again where no blob has it. */
  over(id: BlobId): void {
    this.#stages.get(id)?.cancel();
    this.#stages.delete(id);
  }

  /** Removes the bytes of an upload that was not committed. @param callback called when they are gone, or cannot be */
  remove(id: BlobId, blob: StagedBlob | undefined, callback: () => void): void {
    blob?.close();
    this.#files.unlink(placeIn(INCOMING, id).data, () => {
      this.over(id);
      callback();
    });
  }
}
