// A body that is read piece by piece, as a request's on its way in or a reply's on its way out. No piece is produced
// before it is asked for, so a slow reader slows the producer, and memory holds one piece at a time.

/** Why a body broke off before its end. */
export type BreakReason =
  /** The connection was closed, or received bytes that are not HTTP; nobody reads a reply. */
  | 'gone'
  /** The body is longer than its route accepts. */
  | 'too-large'
  /** The client sent nothing for too long, or sends so slowly that the body would take up memory for ever. */
  | 'slow'
  /** The body is not what its own form says: a form without its last boundary, for instance. */
  | 'malformed'
  /** The producer of a reply cannot go on. */
  | 'failed';

export type BytePart =
  /**
   * `bytes` is never empty, belongs to the reader, and does not change until the reader calls `release`. A reader that
   * keeps nothing of them may call it, once, and they are overwritten then; one that never does so costs no more than
   * their memory.
   */
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly release?: () => void }
  | { readonly kind: 'end' }
  | { readonly kind: 'broken'; readonly why: BreakReason };

export interface ByteStream {
  /** The length in bytes where it is known beforehand; undefined for a body sent in chunks. */
  readonly length: number | undefined;
  /**
   * Asks for the next part; the previous one must have come. `end` and `broken` are last parts.
   * @param callback called exactly once, before this returns or later, but never after `discard`
   */
  read(callback: (part: BytePart) => void): void;
  /** Drops the rest of the body. Does nothing after the last part, or when called again. */
  discard(): void;
}

/** @returns a body of bytes that are in memory, in one piece */
export function bytesStream(bytes: Buffer): ByteStream {
  let left = bytes.length > 0 ? bytes : undefined;
  return {
    length: bytes.length,
    read: (callback) => {
      const piece = left;
      left = undefined;
      callback(piece === undefined ? { kind: 'end' } : { kind: 'bytes', bytes: piece });
    },
    discard: () => {
      left = undefined;
    },
  };
}
