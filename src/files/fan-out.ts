// One body for several readers, at the pace of the slowest: the next piece is asked for when each of them has room for it.
// A reader that takes nothing for too long is dropped, so that the others go on. The last piece is held back until the end
// was judged: no reader has the whole of a body that is not right.

import type { BreakReason, BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import type { Cancel, Clock, Timers } from '../cluster/ports.ts';

/** How many pieces may wait for one reader: a piece of one byte takes the memory of a hundred. */
const PIECES_MAX = 1024;

export interface FanOutOptions {
  readonly timers: Timers;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** How many bytes may wait for one reader. */
  readonly windowBytes: number;
  /** A reader for whom bytes wait, and who takes none for this long, is dropped. */
  readonly stallMs: number;
}

export interface FanOutEvents {
  /** Called with each piece before any reader has it. @returns why the body is to break off here, if it is */
  passing(piece: Buffer): BreakReason | undefined;
  /** Called once at the end of the body, before the readers learn of it. @returns whether they may: otherwise it breaks */
  ending(): boolean;
  /** The body has broken off by itself, or nobody reads it any more; no other event follows. */
  broken(why: BreakReason | 'unread'): void;
}

export class FanOut {
  readonly #source: ByteStream;
  readonly #options: FanOutOptions;
  readonly #events: FanOutEvents;
  readonly #branches = new Set<Branch>();
  #isAsking = false;
  #isPulling = false;
  #last: BytePart | undefined;
  /** The piece that came last, which no reader has yet. */
  #held: Buffer | undefined;
  #cancelWatch: Cancel | undefined;

  /** @param beginning what was read of the source before */
  constructor(
    source: ByteStream,
    beginning: readonly Buffer[],
    branches: number,
    options: FanOutOptions,
    events: FanOutEvents,
  ) {
    this.#source = source;
    this.#options = options;
    this.#events = events;
    for (let index = 0; index < branches; index++) {
      const branch = new Branch(options.clock, source.length, {
        drained: () => this.#pull(),
        left: () => this.#left(branch),
      });
      this.#branches.add(branch);
    }
    for (const piece of beginning) this.#pass(piece);
  }

  /** The readers' bodies, as many as were asked for. */
  get bodies(): readonly ByteStream[] {
    return [...this.#branches];
  }

  start(): void {
    this.#pull();
    this.#watch();
  }

  /** Breaks the body off for all readers, who have not been told its end; nothing more is read of the source. */
  breakOff(): void {
    if (this.#last !== undefined) return;
    this.#source.discard();
    this.#finish({ kind: 'broken', why: 'failed' });
  }

  #pull(): void {
    // A source that has its pieces at hand calls back at once: a loop, not a recursion as deep as the body is long.
    if (this.#isPulling) return;
    this.#isPulling = true;
    while (!this.#isAsking && this.#last === undefined && this.#hasRoom()) {
      this.#isAsking = true;
      this.#source.read((part) => {
        this.#isAsking = false;
        if (this.#last !== undefined) return;
        this.#take(part);
        this.#pull();
      });
    }
    this.#isPulling = false;
  }

  #take(part: BytePart): void {
    switch (part.kind) {
      case 'bytes':
        return this.#pass(part.bytes);
      case 'end':
        return this.#end();
      case 'broken':
        this.#finish(part);
        return this.#events.broken(part.why);
    }
  }

  #pass(piece: Buffer): void {
    const why = this.#events.passing(piece);
    if (why !== undefined) {
      this.breakOff();
      return this.#events.broken(why);
    }
    this.#handOver();
    this.#held = piece;
    return undefined;
  }

  #end(): void {
    if (!this.#events.ending()) return this.#finish({ kind: 'broken', why: 'failed' });
    this.#handOver();
    return this.#finish({ kind: 'end' });
  }

  #handOver(): void {
    const piece = this.#held;
    this.#held = undefined;
    if (piece !== undefined) for (const branch of this.#branches) branch.push(piece);
  }

  #finish(last: BytePart): void {
    this.#last = last;
    for (const branch of [...this.#branches]) branch.finish(last);
    if (last.kind === 'broken') this.#cancelWatch?.();
  }

  #hasRoom(): boolean {
    const { windowBytes } = this.#options;
    return [...this.#branches].every(({ queuedBytes, queuedPieces }) => {
      return queuedBytes < windowBytes && queuedPieces < PIECES_MAX;
    });
  }

  #left(branch: Branch): void {
    this.#branches.delete(branch);
    if (this.#last !== undefined) return undefined;
    if (this.#branches.size > 0) return this.#pull();
    this.breakOff();
    return this.#events.broken('unread');
  }

  #watch(): void {
    const { timers, stallMs } = this.#options;
    this.#cancelWatch = timers.after(stallMs / 2, () => {
      for (const branch of [...this.#branches]) if (branch.isStalled(stallMs)) branch.drop();
      const isOver = this.#last !== undefined && [...this.#branches].every(({ isDone }) => isDone);
      if (!isOver && this.#branches.size > 0) this.#watch();
    });
  }
}

interface BranchEvents {
  drained(): void;
  left(): void;
}

class Branch implements ByteStream {
  readonly length: number | undefined;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #events: BranchEvents;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #last: BytePart | undefined;
  #callback: ((part: BytePart) => void) | undefined;
  #readMs: number;
  #isGone = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>, length: number | undefined, events: BranchEvents) {
    this.#clock = clock;
    this.length = length;
    this.#events = events;
    this.#readMs = clock.monotonicMs();
  }

  get queuedPieces(): number {
    return this.#queue.length;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether the reader has taken all, its last part included. */
  get isDone(): boolean {
    return this.#isGone;
  }

  isStalled(stallMs: number): boolean {
    const isWaitedFor = this.#queue.length > 0 || this.#last !== undefined;
    return !this.#isGone && isWaitedFor && this.#clock.monotonicMs() - this.#readMs >= stallMs;
  }

  push(piece: Buffer): void {
    // Nothing was waiting: only now does the reader have something to take.
    if (this.#queue.length === 0) this.#readMs = this.#clock.monotonicMs();
    this.#queue.push(piece);
    this.#queuedBytes += piece.length;
    this.#give();
  }

  finish(last: BytePart): void {
    // What is broken is told at once: the bytes before it are worth nothing.
    if (last.kind === 'broken') this.#clear();
    if (this.#queue.length === 0) this.#readMs = this.#clock.monotonicMs();
    this.#last = last;
    this.#give();
  }

  read(callback: (part: BytePart) => void): void {
    this.#readMs = this.#clock.monotonicMs();
    this.#callback = callback;
    this.#give();
  }

  discard(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#callback = undefined;
    this.#clear();
    this.#events.left();
  }

  /** Tells the reader that the body breaks off here. */
  drop(): void {
    const callback = this.#callback;
    if (callback === undefined) this.#last = { kind: 'broken', why: 'failed' };
    this.discard();
    callback?.({ kind: 'broken', why: 'failed' });
  }

  #clear(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #give(): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    const piece = this.#queue.shift();
    if (piece !== undefined) {
      this.#queuedBytes -= piece.length;
      this.#callback = undefined;
      callback({ kind: 'bytes', bytes: piece });
      this.#events.drained();
      return;
    }
    const last = this.#last;
    if (last === undefined) return;
    this.#callback = undefined;
    this.#isGone = true;
    callback(last);
  }
}
