// Bytes that are asked for piece by piece: the body of a request on its way in, or of a reply on its way out. Nothing is
// produced before it is asked for, so a slow reader slows the producer, and memory holds one piece at a time.

/** Why a body ends before its end. */
export type BreakReason =
  /** The connection was closed, or what came on it is no HTTP any more; nobody reads a reply. */
  | 'gone'
  /** The body is longer than its route takes, or than its Content-Length said. */
  | 'too-large'
  /** The client sent nothing for too long, or sends so slowly that it would hold its place for ever. */
  | 'slow'
  /** The producer of a reply cannot go on. */
  | 'failed';

export type BytePart =
  /** Never empty. The bytes belong to whoever asked, and do not change. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'broken'; readonly why: BreakReason };

export interface ByteStream {
  /** In bytes, where it was announced; undefined for a body in chunks. */
  readonly length: number | undefined;
  /**
   * Asks for the next part, once the one before it came. `end` and `broken` are the last ones.
   * @param callback called exactly once, at once or later, and not at all after `discard`
   */
  read(callback: (part: BytePart) => void): void;
  /** Nothing more is wanted, whatever was read. Does nothing after the last part, or when called again. */
  discard(): void;
}
