// Brings the end of a log to the disk even if an earlier incarnation's sync of it failed, and that incarnation died
// before it could record the failure. The system may then treat pages as written that are only in its memory, so that
// the next sync does nothing and succeeds. Therefore what was read back and is whole is written once more, in place
// and byte for byte: a start that dies in the middle changes nothing. The sync that follows is the caller's.

import type { DiskResult, LogFile } from '../../cluster/ports.ts';

const PIECE_BYTES = 1024 * 1024;

/** @param range.from where the part of the file begins that nothing confirms as synced; `end` is where it ends */
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
