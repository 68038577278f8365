// Finds blobs, and the marks by which an operator hides or forbids them whatever is stored. A mark is a file beside the
// record of the blob, so that storing the content anew does not touch it.

import type { FileLayer, FindFileOutcome } from '../../../files/outcomes.ts';
import { blobKey, type ContentHash, markKey } from './dtfc-usage.ts';

export const MARKS = ['403', '404'] as const;
export type BlobMark = (typeof MARKS)[number];

export type FindBlobOutcome =
  | FindFileOutcome
  /** The operator's mark, which wins over whatever is stored. */
  | { readonly kind: 'marked'; readonly mark: BlobMark };

/** @param callback called exactly once */
export function findBlob(
  files: Pick<FileLayer, 'find'>,
  hash: ContentHash,
  callback: (outcome: FindBlobOutcome) => void,
): void {
  let marked: FindFileOutcome | undefined;
  let blob: FindFileOutcome | undefined;
  const decide = () => {
    if (marked === undefined || blob === undefined) return undefined;
    // F7: while nobody can say whether there is a mark, nothing is served that may have one.
    if (marked.kind === 'failed') return callback(marked);
    return callback(marked.kind === 'found' ? { kind: 'marked', mark: markIn(marked) } : blob);
  };
  files.find(markKey(hash), (found) => {
    marked = found;
    decide();
  });
  files.find(blobKey(hash), (found) => {
    blob = found;
    decide();
  });
}

/** A mark that is not understood forbids: it was made to keep people from the content. */
function markIn({ file: { manifest } }: Extract<FindFileOutcome, { kind: 'found' }>): BlobMark {
  const text = manifest.kind === 'inline' ? manifest.content.toString('latin1') : '';
  return MARKS.find((mark) => mark === text) ?? '403';
}
