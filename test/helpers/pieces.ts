// Bodies in memory, piece by piece, and what comes out of a body: for tests of whatever stands between the two.

import type { BreakReason, BytePart, ByteStream } from '../../src/cluster/http/byte-stream.ts';
import type { SeededRandom } from './random.ts';

export class Pieces implements ByteStream {
  readonly length: number | undefined;
  /** How many parts were asked for. */
  asked = 0;
  isDiscarded = false;
  readonly #parts: readonly BytePart[];
  readonly #isLater: () => boolean;

  /**
   * @param options.broken how it breaks off behind its pieces; it ends where this is undefined
   * @param options.isLater whether the next part comes only after `read` has returned
   */
  constructor(
    pieces: readonly (Buffer | string)[],
    options: {
      readonly length?: number;
      readonly broken?: BreakReason | undefined;
      readonly isLater?: () => boolean;
    } = {},
  ) {
    const { length, broken, isLater = () => false } = options;
    this.length = length;
    this.#isLater = isLater;
    const parts = pieces
      .map((piece) => Buffer.from(piece))
      .filter((bytes) => bytes.length > 0)
      .map((bytes): BytePart => ({ kind: 'bytes', bytes }));
    this.#parts = [
      ...parts,
      broken === undefined ? { kind: 'end' } : { kind: 'broken', why: broken },
    ];
  }

  read(callback: (part: BytePart) => void): void {
    const part = this.#parts[this.asked++];
    if (part === undefined) throw new Error('nothing is asked of a body after its last part');
    if (this.#isLater()) setImmediate(() => this.isDiscarded || callback(part));
    else callback(part);
  }

  discard(): void {
    this.isDiscarded = true;
  }
}

export interface ReadBody {
  readonly bytes: Buffer;
  /** `end`, or why it broke off. */
  readonly end: 'end' | BreakReason;
  readonly pieces: number;
}

export function readAll(stream: ByteStream): Promise<ReadBody> {
  const pieces: Buffer[] = [];
  return new Promise((resolve) => {
    let isReading = false;
    let last: Exclude<BytePart, { kind: 'bytes' }> | undefined;
    const pump = () => {
      while (!isReading && last === undefined) {
        isReading = true;
        let isLater = false;
        stream.read((part) => {
          isReading = false;
          if (part.kind === 'bytes') pieces.push(part.bytes);
          else last = part;
          if (isLater) pump();
        });
        isLater = true;
      }
      if (last === undefined) return;
      const end = last.kind === 'end' ? 'end' : last.why;
      resolve({ bytes: Buffer.concat(pieces), end, pieces: pieces.length });
    };
    pump();
  });
}

/** Cuts at random places: mostly into few pieces, sometimes into single bytes. */
export function cutAtRandom(bytes: Buffer, random: SeededRandom): readonly Buffer[] {
  const longest = [1, 3, 20, 500, 1 << 20][random.below(5)] ?? 1;
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = random.whole(1, longest);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
