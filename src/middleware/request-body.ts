// The body of a request to the application as the body of one to a broker: read as fast as that takes it, and broken off
// where its client goes.

import type { Readable } from 'node:stream';
import type { BytePart, ByteStream } from '../cluster/http/byte-stream.ts';

type PartCallback = (part: BytePart) => void;

/** Whether somebody else has had some of it: what is left would be taken for the whole, even where that is nothing. */
export function wasRead(source: Readable): boolean {
  return source.readableDidRead;
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
