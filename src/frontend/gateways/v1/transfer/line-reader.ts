// Cuts a body that comes piece by piece into lines. Memory holds one piece and the line under way; of a line that is too
// long only the length is counted.

import { assert } from '../../../../cluster/assert.ts';
import type { BreakReason, BytePart, ByteStream } from '../../../../cluster/http/byte-stream.ts';

export type LinePart =
  /** `number` counts all lines from 1; the line is without its line feed, and may be empty. */
  | {
      readonly kind: 'line';
      readonly number: number;
      readonly text: string;
      readonly bytes: number;
    }
  | { readonly kind: 'too-long'; readonly number: number; readonly bytes: number }
  | { readonly kind: 'not-utf8'; readonly number: number; readonly bytes: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'broken'; readonly why: BreakReason };

const LINE_FEED = 0x0a;
const NOTHING: Buffer = Buffer.alloc(0);
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class LineReader {
  readonly #stream: ByteStream;
  readonly #lineBytesMax: number;
  /** What has come and is not part of a line yet. */
  #rest = NOTHING;
  /** The pieces of the line under way that came before `#rest`. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  #lines = 0;
  #last: LinePart | undefined;

  constructor(stream: ByteStream, lineBytesMax: number) {
    this.#stream = stream;
    this.#lineBytesMax = lineBytesMax;
  }

  /**
   * Asks for the next line; the previous one must have come. `end` and `broken` are last parts.
   * @param callback called exactly once, before this returns or later
   */
  next(callback: (part: LinePart) => void): void {
    const feed = this.#rest.indexOf(LINE_FEED);
    if (feed >= 0) {
      const line = this.#rest.subarray(0, feed);
      this.#rest = this.#rest.subarray(feed + 1);
      return callback(this.#line(line));
    }
    this.#begin(this.#rest);
    this.#rest = NOTHING;
    if (this.#last !== undefined) return callback(this.#last);
    return this.#stream.read((part) => this.#came(part, callback));
  }

  #came(part: BytePart, callback: (part: LinePart) => void): void {
    if (part.kind === 'bytes') {
      this.#rest = part.bytes;
      return this.next(callback);
    }
    this.#last = part;
    // The last line may lack its line feed; of a body that broke off nobody knows whether it is whole.
    if (part.kind === 'broken' || this.#begunBytes === 0) return callback(part);
    return callback(this.#line(NOTHING));
  }

  /** @param end the rest of the line, behind what has begun */
  #line(end: Buffer): LinePart {
    this.#begin(end);
    const bytes = this.#begunBytes;
    const pieces = this.#begun;
    this.#begun = [];
    this.#begunBytes = 0;
    const number = ++this.#lines;
    if (bytes > this.#lineBytesMax) return { kind: 'too-long', number, bytes };
    const [only = NOTHING] = pieces;
    try {
      const text = UTF8.decode(pieces.length > 1 ? Buffer.concat(pieces, bytes) : only);
      return { kind: 'line', number, text, bytes };
    } catch (error) {
      assert(error instanceof TypeError, 'a decoder throws for bytes that are no UTF-8');
      return { kind: 'not-utf8', number, bytes };
    }
  }

  #begin(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#begunBytes += piece.length;
    if (this.#begunBytes > this.#lineBytesMax) this.#begun = [];
    else this.#begun.push(piece);
  }
}
