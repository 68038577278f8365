// The first half of an upload (FILES.md, PUT (4) and (5)): sends a body to several file servers at once, which stage it.
// Nothing is a blob yet; what is staged goes by itself when the connection ends before its body does. The second half is
// commits.ts's.

import type { BreakReason, ByteStream } from '../cluster/http/byte-stream.ts';
import type { Cancel, Runtime } from '../cluster/ports.ts';
import type { BlobId } from './blob-id.ts';
import { ContentDigests, type ContentSums } from './content-digests.ts';
import { FanOut } from './fan-out.ts';
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
  /** At least one server has staged the whole body. */
  | {
      readonly kind: 'staged';
      readonly sums: ContentSums;
      readonly at: readonly PlacedServer[];
      readonly failed: readonly PlacedServer[];
    }
  | { readonly kind: 'broken'; readonly why: BreakReason }
  | { readonly kind: 'mismatch'; readonly detail: string }
  /** No server has taken the body; `isFull` where they had no room for it. */
  | { readonly kind: 'nowhere'; readonly isFull: boolean };

export class Staging {
  readonly #runtime: Pick<Runtime, 'timers' | 'network' | 'clock'>;
  readonly #times: FileTimes;
  readonly #request: StagingRequest;
  /** Undefined once it was called. */
  #callback: ((outcome: StagingOutcome) => void) | undefined;
  readonly #digests = new ContentDigests();
  #sums: ContentSums | undefined;
  readonly #underWay = new Map<PlacedServer, Cancel>();
  readonly #staged: PlacedServer[] = [];
  readonly #failed: PlacedServer[] = [];
  #isFull = false;
  #cancelWait: Cancel | undefined;

  /** @param callback called exactly once; the body has been read to its end by then, or discarded */
  constructor(
    runtime: Pick<Runtime, 'timers' | 'network' | 'clock'>,
    times: FileTimes,
    request: StagingRequest,
    callback: (outcome: StagingOutcome) => void,
  ) {
    this.#runtime = runtime;
    this.#times = times;
    this.#request = request;
    this.#callback = callback;
  }

  start(): void {
    const { body, beginning, targets } = this.#request;
    const { timers, clock } = this.#runtime;
    const { stallMs } = this.#times;
    const fanOut = new FanOut(
      body,
      beginning,
      targets.length,
      { timers, clock, windowBytes: WINDOW_BYTES, stallMs },
      {
        passing: (piece) => this.#passing(piece),
        ending: () => this.#ending(),
        broken: (why) => {
          // Of one that nobody reads each target tells in its own answer why.
          if (why !== 'unread') this.#end({ kind: 'broken', why });
        },
      },
    );
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
    this.#cancelWait = this.#runtime.timers.after(this.#times.commitMs, () => {
      for (const [target, cancel] of this.#underWay) {
        cancel();
        this.#failed.push(target);
      }
      this.#underWay.clear();
      this.#endIfAllAnswered();
    });
    return true;
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
        else this.#failed.push(target);
        if (status === FULL) this.#isFull = true;
        body.discard();
        this.#endIfAllAnswered();
      },
    });
    this.#underWay.set(target, cancel);
  }

  #endIfAllAnswered(): void {
    if (this.#underWay.size > 0) return;
    const sums = this.#sums;
    const isSomewhere = this.#staged.length > 0 && sums !== undefined;
    this.#end(
      isSomewhere
        ? { kind: 'staged', sums, at: this.#staged, failed: this.#failed }
        : { kind: 'nowhere', isFull: this.#isFull },
    );
  }

  #end(outcome: StagingOutcome): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    this.#callback = undefined;
    this.#cancelWait?.();
    callback(outcome);
  }
}

const STAGED = 201;
const FULL = 507;
