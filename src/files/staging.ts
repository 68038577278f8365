// The first half of an upload (FILES.md, PUT (4) and (5)): sends a body to several file servers at once, which stage it.
// Nothing is a blob yet; what is staged goes by itself when the connection ends before its body does. The second half is
// commits.ts's.

import type { BreakReason, ByteStream } from '../cluster/http/byte-stream.ts';
import type { Cancel, Runtime } from '../cluster/ports.ts';
import type { BlobId } from './blob-id.ts';
import { ContentDigests, type ContentSums } from './content-digests.ts';
import { FanOut } from './fan-out.ts';
import type { FileServerWatch } from './file-server-watch.ts';
import type { FileTimes } from './file-times.ts';
import type { PlacedServer } from './placement.ts';

/** How many bytes may be on their way to one file server. */
const WINDOW_BYTES = 1024 * 1024;

export interface StagingRequest {
  readonly blob: BlobId;
  readonly body: ByteStream;
  /** What was read of the body before. */
  readonly beginning: readonly Buffer[];
  readonly bytesMax: number;
  readonly targets: readonly PlacedServer[];
  /** @returns what is wrong with the content that has come to its end; undefined if it is what the client says */
  readonly judge: (sums: ContentSums) => string | undefined;
}

export type StagingOutcome =
  /** At least one server has staged the whole body. `isFull` where another one had no room for it. */
  | {
      readonly kind: 'staged';
      readonly sums: ContentSums;
      readonly at: readonly PlacedServer[];
      /** Those that have not answered: they may have staged it all the same. */
      readonly failed: readonly PlacedServer[];
      readonly isFull: boolean;
    }
  | { readonly kind: 'broken'; readonly why: BreakReason }
  | { readonly kind: 'mismatch'; readonly detail: string }
  /** No server has taken the body. */
  | {
      readonly kind: 'nowhere';
      readonly failed: readonly PlacedServer[];
      readonly isFull: boolean;
    };

export class Staging {
  readonly #runtime: Pick<Runtime, 'timers' | 'network'>;
  readonly #times: FileTimes;
  readonly #watch: Pick<FileServerWatch, 'isUp'>;
  readonly #request: StagingRequest;
  /** Undefined once it was called. */
  #callback: ((outcome: StagingOutcome) => void) | undefined;
  readonly #digests = new ContentDigests();
  #sums: ContentSums | undefined;
  /** The targets that have not answered yet, and what leaves each of them. */
  readonly #underWay = new Map<PlacedServer, Cancel>();
  readonly #staged: PlacedServer[] = [];
  readonly #failed: PlacedServer[] = [];
  #isFull = false;
  #cancelWait: Cancel | undefined;

  /** @param callback called exactly once; the body has been read to its end by then, or discarded */
  constructor(
    runtime: Pick<Runtime, 'timers' | 'network'>,
    times: FileTimes,
    watch: Pick<FileServerWatch, 'isUp'>,
    request: StagingRequest,
    callback: (outcome: StagingOutcome) => void,
  ) {
    this.#runtime = runtime;
    this.#times = times;
    this.#watch = watch;
    this.#request = request;
    this.#callback = callback;
  }

  start(): void {
    const { body, beginning, targets } = this.#request;
    const { timers } = this.#runtime;
    const { stallMs } = this.#times;
    const fanOut = new FanOut(
      body,
      beginning,
      targets.length,
      { timers, windowBytes: WINDOW_BYTES, stallMs },
      {
        passing: (piece) => this.#passing(piece),
        ending: () => this.#ending(),
        dropped: (index) => this.#dropped(targets[index]),
        broken: (why) => {
          // Where nobody reads it any more, the targets have answered or were dropped, which ends the staging as well.
          if (why !== 'unread') this.#end({ kind: 'broken', why });
        },
      },
    );
    if (this.#callback === undefined) return;
    // All of them count as under way before the first one can fail, because the last answer ends the staging.
    for (const target of targets) this.#underWay.set(target, () => undefined);
    for (const [index, target] of targets.entries()) {
      const branch = fanOut.bodies[index];
      if (branch !== undefined) this.#send(target, branch);
    }
    fanOut.start();
  }

  #passing(piece: Buffer): BreakReason | undefined {
    if (this.#digests.size + piece.length > this.#request.bytesMax) return 'too-large';
    this.#digests.add(piece);
    return undefined;
  }

  #ending(): boolean {
    const sums = this.#digests.end();
    const detail = this.#request.judge(sums);
    if (detail !== undefined) {
      this.#end({ kind: 'mismatch', detail });
      return false;
    }
    this.#sums = sums;
    this.#awaitAnswers(Math.ceil(this.#times.commitMs / this.#times.stallMs));
    return true;
  }

  /**
   * The whole body is on its way. A disk may take its time, but a server that is down is not waited for.
   * @param looks how often the targets are looked at before none is waited for any more
   */
  #awaitAnswers(looks: number): void {
    this.#cancelWait = this.#runtime.timers.after(this.#times.stallMs, () => {
      const isOver = looks <= 1;
      for (const target of [...this.#underWay.keys()]) {
        if (isOver || !this.#watch.isUp(target.id)) this.#leave(target);
      }
      if (this.#underWay.size > 0) this.#awaitAnswers(looks - 1);
      else this.#endIfAllAnswered();
    });
  }

  #send(target: PlacedServer, body: ByteStream): void {
    const { blob } = this.#request;
    const { length } = body;
    const headers: Record<string, string> =
      length === undefined ? {} : { 'content-length': `${length}` };
    const request = { method: 'PUT', path: `/blobs/${blob}`, headers, body } as const;
    const cancel = this.#runtime.network.request(target.entry.address, request, {
      ended: (outcome) => {
        this.#underWay.delete(target);
        const status = outcome.kind === 'answered' ? outcome.status : undefined;
        if (status === STAGED) this.#staged.push(target);
        if (status === FULL) this.#isFull = true;
        if (status === undefined) this.#failed.push(target);
        body.discard();
        this.#endIfAllAnswered();
      },
    });
    if (this.#underWay.has(target)) this.#underWay.set(target, cancel);
  }

  /** A target has stalled: it would hold up the others, and perhaps never answer. */
  #dropped(target: PlacedServer | undefined): void {
    if (target !== undefined) this.#leave(target);
    this.#endIfAllAnswered();
  }

  #leave(target: PlacedServer): void {
    const cancel = this.#underWay.get(target);
    if (cancel === undefined) return;
    this.#underWay.delete(target);
    this.#failed.push(target);
    cancel();
  }

  #endIfAllAnswered(): void {
    if (this.#underWay.size > 0) return;
    const [sums, failed, isFull] = [this.#sums, this.#failed, this.#isFull];
    const isSomewhere = this.#staged.length > 0 && sums !== undefined;
    this.#end(
      isSomewhere
        ? { kind: 'staged', sums, at: this.#staged, failed, isFull }
        : { kind: 'nowhere', failed, isFull },
    );
  }

  #end(outcome: StagingOutcome): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    this.#callback = undefined;
    this.#cancelWait?.();
    // A body that is not right breaks its requests, but a server that has stalled does not read that far.
    for (const cancel of this.#underWay.values()) cancel();
    this.#underWay.clear();
    callback(outcome);
  }
}

const STAGED = 201;
const FULL = 507;
