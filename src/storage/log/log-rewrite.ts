// Brings the end of a log to the disk though a sync of it may have failed in a life that could tell nobody any more:
// then the system may call pages written that only its memory has, and the next sync does nothing and succeeds.
// What was read back and is whole is written once more, in place and byte for byte, so that a start that ends in
// the middle changes nothing.

import type { DiskResult, LogFile } from '../../cluster/ports.ts';

const PIECE_BYTES = 1024 * 1024;

/** @param from where that part of the file begins of which nothing says that it was synced */
export function rewriteLog(
  file: LogFile,
  { from, end }: { readonly from: number; readonly end: number },
  done: (result: DiskResult<undefined>) => void,
): void {
  if (from >= end) return done({ kind: 'done', value: undefined });
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - from));
  return file.read(from, piece, (read) => {
    if (read.kind === 'failed') return done(read);
    if (read.value < piece.length) return done({ kind: 'failed', detail: 'it has become shorter' });
    return file.rewrite(from, piece, (written) => {
      if (written.kind === 'failed') return done(written);
      return rewriteLog(file, { from: from + piece.length, end }, done);
    });
  });
}
