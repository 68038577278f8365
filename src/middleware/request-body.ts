// The body of a request to the application as the body of one to a broker: read as fast as that takes it, and broken off
// where its client goes.

import type { Readable } from 'node:stream';
import type { BytePart, ByteStream } from '../cluster/http/byte-stream.ts';

type PartCallback = (part: BytePart) => void;

/**
 * Whether somebody else has had some of it: what is left would be taken for the whole, even where that is nothing. What somebody
 * has it decoded as (`setEncoding`) has lost the bytes that are no text.
 */
export function wasRead(source: Readable): boolean {
  return source.readableDidRead || source.readableEncoding !== null;
}

/** @param isComplete whether all of the body has come, once it has ended */
export function bodyOf(
  source: Readable,
  length: number | undefined,
  isComplete: () => boolean,
): ByteStream {
  let waiting: PartCallback | undefined;
  let isOver = false;
  const look = () => {
    const callback = waiting;
    if (callback === undefined || isOver) return;
    const piece: Buffer | string | null = source.read();
    if (piece !== null) {
      waiting = undefined;
      return callback({ kind: 'bytes', bytes: Buffer.from(piece) });
    }
    if (!source.readableEnded && !source.destroyed) return;
    waiting = undefined;
    isOver = true;
    return callback(isComplete() ? { kind: 'end' } : { kind: 'broken', why: 'gone' });
  };
  for (const event of ['readable', 'end', 'close', 'error']) source.on(event, look);
  return {
    length,
    read(callback) {
      waiting = callback;
      look();
    },
    discard() {
      if (isOver) return;
      isOver = true;
      waiting = undefined;
      // A stream that somebody listens to for `readable` does not flow.
      source.off('readable', look);
      source.resume();
    },
  };
}

/**
 * @param turn begins where the other side has got a piece, and ends where it asks for another one
 * @param whole called once, where the other side is given the last byte, or the end
 */
export function followed(
  body: ByteStream,
  { turn, whole }: { readonly turn: { begins(): void; ends(): void }; readonly whole: () => void },
): ByteStream {
  const { length } = body;
  let given = 0;
  let isWhole = false;
  return {
    length,
    read(callback) {
      if (!isWhole) turn.ends();
      body.read((part) => {
        if (part.kind === 'bytes') {
          given += part.bytes.length;
          turn.begins();
        }
        // The other side knows by the length that it has all.
        const isLast = part.kind === 'end' || (part.kind === 'bytes' && given === length);
        if (isLast && !isWhole) {
          isWhole = true;
          whole();
        }
        callback(part);
      });
    },
    discard: () => body.discard(),
  };
}
