// A download (FILES.md, GET (4) and (5)): the bytes of a blob, or a part of it, from whichever file servers have it. It begins at
// another copy where one does not answer, and goes on there where one breaks off in the midst. File servers check each block
// before they send it (F6).

import { assert } from '../cluster/assert.ts';
import type { BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import { ERROR_HEADER, type ErrorCode } from '../cluster/http/errors.ts';
import type { PoolFlow, PoolHead } from '../cluster/http/http-pool.ts';
import type { Cancel, Runtime } from '../cluster/ports.ts';
import type { BlobId } from './blob-id.ts';
import type { FileServerWatch } from './file-server-watch.ts';
import type { FileTimes } from './file-times.ts';
import type { ByteRange } from './outcomes.ts';
import type { PlacedServer } from './placement.ts';

/**
 * How often all copies are tried without a byte from any of them, each time with four times the patience of the time before:
 * on a machine that is slow everybody is, and somebody will answer in the end.
 */
const READ_ROUNDS = 4;
/** The same where all copies are at servers that have not answered for a while: a client waits in vain for none of them. */
const READ_ROUNDS_DOWN = 1;
/** How many bytes may wait for the reader before the connection is held back. */
const QUEUED_BYTES_MAX = 256 * 1024;

const NO_ANSWERS = { isBusy: false, isSilent: false };
const OVERLOADED: ErrorCode = 'overloaded';

const OK = 200;
const PARTIAL = 206;

export interface DownloadRequest {
  readonly blob: BlobId;
  readonly size: number;
  readonly range: ByteRange;
  /** The servers to ask, the best first. */
  readonly servers: readonly PlacedServer[];
}

export class Download implements ByteStream {
  readonly length: number;
  readonly #runtime: Pick<Runtime, 'timers' | 'network'>;
  readonly #times: FileTimes;
  readonly #watch: Pick<FileServerWatch, 'failed' | 'isUp'>;
  readonly #request: DownloadRequest;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** The first byte that has not come yet. */
  #next: number;
  /** Counts the attempts: each is at the server after that of the one before. */
  #at = 0;
  /** How many attempts in a row have brought no byte. */
  #fruitless = 0;
  /** What servers have done in this round, in which each is tried once. */
  #round = NO_ANSWERS;
  #attempt: { readonly cancel: Cancel; flow: PoolFlow | undefined } | undefined;
  #cancelPatience: Cancel | undefined;
  #begun: ((hasBytes: boolean) => void) | undefined;
  #callback: ((part: BytePart) => void) | undefined;
  #isOver = false;

  constructor(
    runtime: Pick<Runtime, 'timers' | 'network'>,
    times: FileTimes,
    watch: Pick<FileServerWatch, 'failed' | 'isUp'>,
    request: DownloadRequest,
  ) {
    const { first, last } = request.range;
    assert(first <= last && last < request.size, 'a download is of bytes that there are');
    this.length = last - first + 1;
    this.#runtime = runtime;
    this.#times = times;
    this.#watch = watch;
    this.#request = request;
    this.#next = first;
  }

  /** Where no byte has come: whether that is because servers are too busy to send any. */
  get isRefused(): boolean {
    return this.#round.isBusy;
  }

  /** @param begun called exactly once: whether the first bytes are there; without them this is over */
  start(begun: (hasBytes: boolean) => void): void {
    this.#begun = begun;
    this.#try();
  }

  read(callback: (part: BytePart) => void): void {
    this.#callback = callback;
    this.#give();
  }

  discard(): void {
    this.#isOver = true;
    this.#callback = undefined;
    this.#queue.length = 0;
    this.#leave();
  }

  get #isComplete(): boolean {
    return this.#next > this.#request.range.last;
  }

  #try(): void {
    const { blob, servers, size, range } = this.#request;
    const isAnyUp = servers.some(({ id }) => this.#watch.isUp(id));
    const attemptsMax = servers.length * (isAnyUp ? READ_ROUNDS : READ_ROUNDS_DOWN);
    const server = servers[this.#at % Math.max(1, servers.length)];
    if (server === undefined || this.#fruitless >= attemptsMax) return this.#fail();
    if (this.#fruitless % servers.length === 0) {
      const { isBusy, isSilent } = this.#round;
      // Busy is not slow: where all that are there have refused, more patience would get nothing but the same refusals.
      if (isBusy && !isSilent && this.#begun !== undefined) return this.#fail();
      this.#round = NO_ANSWERS;
    }
    const { last } = range;
    const isWhole = this.#next === 0 && last === size - 1;
    const headers: Record<string, string> = isWhole ? {} : { range: `bytes=${this.#next}-${last}` };
    const attempt: { cancel: Cancel; flow: PoolFlow | undefined } = {
      cancel: () => undefined,
      flow: undefined,
    };
    this.#attempt = attempt;
    const isPresent = () => this.#attempt === attempt;
    attempt.cancel = this.#runtime.network.request(
      server.entry.address,
      { method: 'GET', path: `/blobs/${blob}`, headers, body: undefined },
      {
        answering: (head, flow) => {
          if (!isPresent()) return () => undefined;
          if (head.header(ERROR_HEADER) === OVERLOADED) {
            this.#round = { ...this.#round, isBusy: true };
          }
          // What else is answered says that the blob is not there: its few bytes are read, and dropped.
          if (!this.#isRight(head, isWhole)) return () => undefined;
          attempt.flow = flow;
          return (piece) => {
            if (isPresent()) this.#take(piece);
          };
        },
        ended: (outcome) => {
          if (!isPresent()) return;
          if (outcome.kind === 'broken' && attempt.flow === undefined)
            this.#watch.failed(server.id);
          this.#tryNext();
        },
      },
    );
    this.#beImpatient();
  }

  #isRight({ status, header }: PoolHead, isWhole: boolean): boolean {
    const { last, first } = { ...this.#request.range, first: this.#next };
    if (Number(header('content-length')) !== last - first + 1) return false;
    if (isWhole) return status === OK;
    return (
      status === PARTIAL &&
      header('content-range') === `bytes ${first}-${last}/${this.#request.size}`
    );
  }

  #take(piece: Buffer): void {
    if (this.#next + piece.length > this.#request.range.last + 1) return this.#tryNext();
    this.#cancelPatience?.();
    this.#fruitless = 0;
    this.#round = NO_ANSWERS;
    this.#next += piece.length;
    this.#queue.push(piece);
    this.#queuedBytes += piece.length;
    // All has come: the connection is left alone, so that it ends its answer and is kept.
    if (this.#isComplete) this.#attempt = undefined;
    else if (this.#queuedBytes >= QUEUED_BYTES_MAX) this.#attempt?.flow?.pause();
    this.#tellBegun(true);
    return this.#give();
  }

  #tryNext(): void {
    this.#leave();
    this.#at++;
    this.#fruitless++;
    this.#try();
  }

  #leave(): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.#cancelPatience?.();
    attempt?.cancel();
  }

  /** Leaves a copy that sends nothing though somebody waits for it: while the reader is slow, the copy may be. */
  #beImpatient(): void {
    this.#cancelPatience?.();
    const isAwaited = this.#begun !== undefined || this.#callback !== undefined;
    if (this.#attempt === undefined || !isAwaited) return;
    const round = Math.floor(this.#fruitless / this.#request.servers.length);
    const patienceMs = this.#times.byteMs * 4 ** round;
    this.#cancelPatience = this.#runtime.timers.after(patienceMs, () => {
      this.#round = { ...this.#round, isSilent: true };
      this.#tryNext();
    });
  }

  #give(): void {
    const callback = this.#callback;
    if (callback === undefined) return undefined;
    const piece = this.#queue.shift();
    if (piece !== undefined) {
      this.#callback = undefined;
      this.#queuedBytes -= piece.length;
      if (this.#queue.length === 0) this.#attempt?.flow?.resume();
      return callback({ kind: 'bytes', bytes: piece });
    }
    if (this.#isComplete) return this.#end({ kind: 'end' });
    if (this.#isOver) return this.#end({ kind: 'broken', why: 'failed' });
    return this.#beImpatient();
  }

  #fail(): void {
    this.#isOver = true;
    this.#tellBegun(false);
    this.#give();
  }

  #end(part: BytePart): void {
    const callback = this.#callback;
    this.#callback = undefined;
    this.#isOver = true;
    this.#leave();
    callback?.(part);
  }

  #tellBegun(hasBytes: boolean): void {
    const begun = this.#begun;
    this.#begun = undefined;
    begun?.(hasBytes);
  }
}
