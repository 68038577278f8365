// One upload while its body comes: reads the body and writes it to the staged file, both at once, with little of it in
// memory. A disk that is slow slows the client.

import type { FilesFailure } from '../../cluster/files.ts';
import type { BreakReason, BytePart, ByteStream } from '../../cluster/http/byte-stream.ts';
import type { RoomClaim } from './disk-room.ts';
import type { StagedBlob } from './staged-blob.ts';

/** So many bytes may wait while as many are being written. */
const WAITING_BYTES_MAX = 512 * 1024;
/** A body whose length is not known takes its room in such steps. */
export const ROOM_STEP_BYTES = 1024 * 1024;

export type ReceivedBody =
  | { readonly kind: 'received'; readonly bytes: number }
  /** The body has not come to its end. */
  | { readonly kind: 'broken'; readonly why: BreakReason }
  /** There is no room for the rest of it. */
  | { readonly kind: 'full' }
  | { readonly kind: 'failed'; readonly failure: FilesFailure }
  /** Somebody said meanwhile that the blob is not wanted. */
  | { readonly kind: 'dropped' };

export class Receiving {
  readonly #body: ByteStream;
  readonly #staged: StagedBlob;
  readonly #claim: RoomClaim;
  readonly #done: (received: ReceivedBody) => void;
  /** What has come and is not being written yet. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** How many bytes have come, and for how many there is room. */
  #come = 0;
  #roomFor: number;
  #isReading = false;
  #isPumping = false;
  #isWriting = false;
  #isAtEnd = false;
  #outcome: ReceivedBody | undefined;
  #isTold = false;

  /** @param done called once, when nothing of this is under way any more; unless it was received, discard the file */
  constructor(
    body: ByteStream,
    staged: StagedBlob,
    claim: { readonly room: RoomClaim; readonly bytes: number },
    done: (received: ReceivedBody) => void,
  ) {
    this.#body = body;
    this.#staged = staged;
    this.#claim = claim.room;
    this.#roomFor = claim.bytes;
    this.#done = done;
  }

  start(): void {
    this.#pump();
  }

  /** Nothing more of the body is read. */
  drop(): void {
    this.#end({ kind: 'dropped' });
  }

  /** A loop instead of recursion, because a body may call back before `read` returns. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#wantsMore()) {
      this.#isReading = true;
      this.#body.read((part) => {
        this.#isReading = false;
        this.#take(part);
        this.#pump();
      });
    }
    this.#isPumping = false;
    this.#tellIfDone();
  }

  #wantsMore(): boolean {
    const isOpen = this.#outcome === undefined && !this.#isAtEnd;
    return isOpen && !this.#isReading && this.#waitingBytes < WAITING_BYTES_MAX;
  }

  #take(part: BytePart): void {
    if (this.#outcome !== undefined) return;
    switch (part.kind) {
      case 'bytes':
        if (!this.#takeRoom(part.bytes.length)) return this.#end({ kind: 'full' });
        this.#waiting.push(part.bytes);
        this.#waitingBytes += part.bytes.length;
        return this.#write();
      case 'end': {
        this.#isAtEnd = true;
        const { length } = this.#body;
        // A body that ended early is no file (F3): whoever carries it should have said so, and this asks once more.
        if (length !== undefined && length !== this.#come) {
          return this.#end({ kind: 'broken', why: 'gone' });
        }
        return undefined;
      }
      case 'broken':
        this.#isAtEnd = true;
        return this.#end(part);
    }
  }

  #takeRoom(bytes: number): boolean {
    this.#come += bytes;
    if (this.#come <= this.#roomFor) return true;
    const more = Math.max(this.#come - this.#roomFor, ROOM_STEP_BYTES);
    if (!this.#claim.grow(more)) return false;
    this.#roomFor += more;
    return true;
  }

  #write(): void {
    if (this.#isWriting || this.#waiting.length === 0 || this.#outcome !== undefined) return;
    const [pieces, bytes] = [this.#waiting, this.#waitingBytes];
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#isWriting = true;
    this.#staged.append(pieces, (result) => {
      this.#isWriting = false;
      this.#claim.written(bytes);
      if (result.kind === 'failed') this.#end({ kind: 'failed', failure: result });
      this.#write();
      this.#pump();
    });
  }

  #end(outcome: ReceivedBody): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#waiting = [];
    if (!this.#isAtEnd) this.#body.discard();
    this.#tellIfDone();
  }

  #tellIfDone(): void {
    if (this.#isTold || this.#isWriting || this.#isPumping) return;
    const isWhole = this.#isAtEnd && this.#waiting.length === 0;
    const received = { kind: 'received', bytes: this.#come } as const;
    const outcome = this.#outcome ?? (isWhole ? received : undefined);
    if (outcome === undefined) return;
    this.#isTold = true;
    this.#claim.end();
    this.#done(outcome);
  }
}

/** An upload that somebody may drop before its body is asked for. */
export class Upload {
  #receiving: Receiving | undefined;
  #isDropped = false;

  begin(receiving: Receiving): void {
    this.#receiving = receiving;
    if (this.#isDropped) receiving.drop();
    else receiving.start();
  }

  drop(): void {
    this.#isDropped = true;
    this.#receiving?.drop();
  }
}
