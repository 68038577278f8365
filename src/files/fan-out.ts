// One body for several readers, at the pace of the slowest: the next piece is asked for when each of them has room for it.
// A reader that takes nothing for too long is dropped, so that the others go on. The last piece is held back until the end
// was judged: no reader has the whole of a body that is not right.

import type { BreakReason, BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import type { Cancel, Timers } from '../cluster/ports.ts';

/** How many pieces may wait for one reader: a piece of one byte takes the memory of a hundred. */
const PIECES_MAX = 1024;
/** How often a reader is looked at in the time that it has to take something. Found idle once more, it is dropped. */
const LOOKS_MAX = 2;
const BROKEN: BytePart = { kind: 'broken', why: 'failed' };

export interface FanOutOptions {
  readonly timers: Timers;
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
  /** A reader has stalled, and never gets the end of its body. @param index of that in `bodies` */
  dropped(index: number): void;
  /** The body breaks off, or nobody reads it any more. Told before the readers are; no `passing` or `ending` follows. */
  broken(why: BreakReason | 'unread'): void;
}

export class FanOut {
  /** The readers' bodies, as many as were asked for. */
  readonly bodies: readonly ByteStream[];
  readonly #source: ByteStream;
  readonly #options: FanOutOptions;
  readonly #events: FanOutEvents;
  /** Those that are still read. */
  readonly #branches: Set<Branch>;
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
    const made = Array.from({ length: branches }, (_, index) => {
      const branch: Branch = new Branch(index, source.length, {
        drained: () => this.#pull(),
        left: () => this.#left(branch),
      });
      return branch;
    });
    this.bodies = made;
    this.#branches = new Set(made);
    for (const piece of beginning) if (this.#last === undefined) this.#pass(piece);
  }

  start(): void {
    this.#pull();
    this.#watch();
  }

  #pull(): void {
    // A source that has its pieces at hand calls back at once: a loop, not a recursion as deep as the body is long.
    if (this.#isPulling) return;
    this.#isPulling = true;
    while (!this.#isAsking && this.#last === undefined && this.#hasRoom()) {
      this.#isAsking = true;
      this.#source.read((part) => {
        if (this.#last === undefined) this.#take(part);
        // Until here nothing more is asked for: a reader that wants the next piece at once must not get it, or bring it,
        // before the other readers have this one.
        this.#isAsking = false;
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
        return this.#break(part, part.why);
    }
  }

  #pass(piece: Buffer): void {
    const why = this.#events.passing(piece);
    if (why !== undefined) return this.#breakOff(why);
    this.#handOver();
    this.#held = piece;
    return undefined;
  }

  #end(): void {
    // Until the body was judged, it counts as broken for readers who leave or ask meanwhile.
    this.#last = BROKEN;
    if (!this.#events.ending()) return this.#finish(BROKEN);
    this.#handOver();
    return this.#finish({ kind: 'end' });
  }

  #handOver(): void {
    const piece = this.#held;
    this.#held = undefined;
    if (piece !== undefined) for (const branch of this.#branches) branch.push(piece);
  }

  #breakOff(why: BreakReason | 'unread'): void {
    this.#source.discard();
    this.#break(BROKEN, why);
  }

  #break(last: BytePart, why: BreakReason | 'unread'): void {
    this.#last = last;
    // A reader that learns of it may fail at once, which must not be taken for the reason.
    this.#events.broken(why);
    this.#finish(last);
  }

  #finish(last: BytePart): void {
    this.#last = last;
    if (last.kind === 'broken') this.#cancelWatch?.();
    for (const branch of [...this.#branches]) branch.finish(last);
  }

  #hasRoom(): boolean {
    const { windowBytes } = this.#options;
    return [...this.#branches].every(({ queuedBytes, queuedPieces }) => {
      return queuedBytes < windowBytes && queuedPieces < PIECES_MAX;
    });
  }

  /** A reader has got its last part, or wants nothing more. */
  #left(branch: Branch): void {
    this.#branches.delete(branch);
    if (this.#branches.size === 0) this.#cancelWatch?.();
    if (this.#last !== undefined) return undefined;
    return this.#branches.size > 0 ? this.#pull() : this.#breakOff('unread');
  }

  /** Counts looks instead of milliseconds: while this process itself is stopped, no reader stalls. */
  #watch(): void {
    if (this.#branches.size === 0 || this.#last?.kind === 'broken') return;
    const { timers, stallMs } = this.#options;
    this.#cancelWatch = timers.after(stallMs / LOOKS_MAX, () => {
      for (const branch of [...this.#branches]) {
        if (!branch.look()) continue;
        branch.drop();
        this.#events.dropped(branch.index);
      }
      this.#watch();
    });
  }
}

interface BranchEvents {
  drained(): void;
  left(): void;
}

class Branch implements ByteStream {
  readonly index: number;
  readonly length: number | undefined;
  readonly #events: BranchEvents;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #last: BytePart | undefined;
  #callback: ((part: BytePart) => void) | undefined;
  /** How often it was looked at since the reader took something, or found nothing to take. */
  #looks = 0;
  #isGone = false;

  constructor(index: number, length: number | undefined, events: BranchEvents) {
    this.index = index;
    this.length = length;
    this.#events = events;
  }

  get queuedPieces(): number {
    return this.#queue.length;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** @returns whether the reader has stalled: it has taken nothing between more looks than it may, though something waits */
  look(): boolean {
    const isWaitedFor = this.#queue.length > 0 || this.#last !== undefined;
    if (this.#isGone || !isWaitedFor) return false;
    this.#looks++;
    return this.#looks > LOOKS_MAX;
  }

  push(piece: Buffer): void {
    // Nothing was waiting: only now does the reader have something to take.
    if (this.#queue.length === 0) this.#looks = 0;
    this.#queue.push(piece);
    this.#queuedBytes += piece.length;
    this.#give();
  }

  finish(last: BytePart): void {
    // What is broken is told at once: the bytes before it are worth nothing.
    if (last.kind === 'broken') this.#clear();
    if (this.#queue.length === 0) this.#looks = 0;
    this.#last = last;
    this.#give();
  }

  read(callback: (part: BytePart) => void): void {
    this.#looks = 0;
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

  /** A reader that has stalled finds the body broken, should it ever go on. */
  drop(): void {
    this.#last = BROKEN;
    this.discard();
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
    this.#events.left();
    callback(last);
  }
}
