// Streamed bodies between simulated clients and services: the same port as in io/server, with virtual time in place of
// sockets. The caller decides which bytes are sent, and when.

import type { BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import type { SimulatedProcess } from './process.ts';
import type { World } from './world.ts';

const GONE: BytePart = { kind: 'broken', why: 'gone' };

/** A body that its producer sends piece by piece, each a while after it was asked for. */
export class PiecesStream implements ByteStream {
  readonly length: number | undefined;
  /** How many parts were asked for: a producer whose reader stops is asked for no more. */
  asked = 0;
  isDiscarded = false;
  readonly #world: World;
  readonly #parts: Iterator<BytePart>;
  readonly #delayMs: () => number;

  /** @param parts ends with `end` or `broken` */
  constructor(
    world: World,
    parts: Iterable<BytePart>,
    { length, delayMs }: { readonly length?: number; readonly delayMs: () => number },
  ) {
    this.length = length;
    this.#world = world;
    this.#parts = parts[Symbol.iterator]();
    this.#delayMs = delayMs;
  }

  read(callback: (part: BytePart) => void): void {
    this.asked++;
    this.#world.at(this.#delayMs(), () => {
      if (this.isDiscarded) return;
      const { value } = this.#parts.next();
      callback(value ?? GONE);
    });
  }

  discard(): void {
    this.isDiscarded = true;
  }
}

/** A body as a service of the process reads it: parts wait while the process is paused, and are lost when it dies. */
export function readWithin(process: SimulatedProcess, stream: ByteStream): ByteStream {
  const { incarnation } = process;
  return {
    length: stream.length,
    read: (callback) => stream.read((part) => process.run(incarnation, () => callback(part))),
    discard: () => stream.discard(),
  };
}

/** The body of a reply as a client outside of the process reads it; it breaks off when the process dies. */
export class ServedStream implements ByteStream {
  readonly length: number | undefined;
  readonly #process: SimulatedProcess;
  readonly #incarnation: number;
  readonly #stream: ByteStream;
  #callback: ((part: BytePart) => void) | undefined;

  constructor(process: SimulatedProcess, stream: ByteStream) {
    this.length = stream.length;
    this.#process = process;
    this.#incarnation = process.incarnation;
    this.#stream = stream;
  }

  read(callback: (part: BytePart) => void): void {
    if (!this.#isServed) {
      callback(GONE);
      return;
    }
    this.#callback = callback;
    this.#process.run(this.#incarnation, () => this.#stream.read((part) => this.#answer(part)));
  }

  discard(): void {
    this.#callback = undefined;
    this.#process.run(this.#incarnation, () => this.#stream.discard());
  }

  /** The process is dead: a client that waits for a part learns it of the connection. */
  crashed(): void {
    this.#answer(GONE);
  }

  get #isServed(): boolean {
    return this.#process.alive && this.#process.incarnation === this.#incarnation;
  }

  #answer(part: BytePart): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.(part);
  }
}
