// Reads the beginning of a body, to tell a small one, which is then there as a whole, from a long one. What becomes of
// either is file-put.ts's.

import type { BreakReason, BytePart, ByteStream } from '../cluster/http/byte-stream.ts';

/** So many pieces are joined to one: a piece of one byte takes the memory of a hundred. */
const PIECES_MAX = 1024;

export type BodyBeginning =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  /** More than was asked for has come, and what follows is still to be read. */
  | { readonly kind: 'longer'; readonly bytes: Buffer }
  | { readonly kind: 'broken'; readonly why: BreakReason };

/** @param bytesMax how long a small body is at most @param callback called exactly once */
export function readBeginning(
  body: ByteStream,
  bytesMax: number,
  callback: (beginning: BodyBeginning) => void,
): void {
  let pieces: Buffer[] = [];
  let length = 0;
  let isAsking = false;
  let isPulling = false;
  let isOver = false;
  const end = (beginning: BodyBeginning) => {
    isOver = true;
    callback(beginning);
  };
  const take = (part: BytePart) => {
    if (part.kind === 'broken') return end(part);
    if (part.kind === 'end') return end({ kind: 'whole', bytes: Buffer.concat(pieces) });
    pieces.push(part.bytes);
    length += part.bytes.length;
    if (length > bytesMax) return end({ kind: 'longer', bytes: Buffer.concat(pieces) });
    if (pieces.length >= PIECES_MAX) pieces = [Buffer.concat(pieces)];
    return undefined;
  };
  const pull = () => {
    // A body may call back before `read` returns: a loop, not a recursion as deep as it has pieces.
    if (isPulling) return;
    isPulling = true;
    while (!isAsking && !isOver) {
      isAsking = true;
      body.read((part) => {
        isAsking = false;
        take(part);
        pull();
      });
    }
    isPulling = false;
  };
  pull();
}
