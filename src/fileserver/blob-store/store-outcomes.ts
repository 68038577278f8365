// What the beginning of an upload and its commit come to.

import type { FilesFailure } from '../../cluster/files.ts';
import type { ByteStream } from '../../cluster/http/byte-stream.ts';
import type { ReceivedBody } from '../uploads/receiving.ts';

export interface BegunUpload {
  readonly kind: 'begun';
  /** Writes the body; called once. @param done called once: unless it was received, nothing of it is left */
  receive(body: ByteStream, done: (received: ReceivedBody) => void): void;
}

export type BeginOutcome =
  | BegunUpload
  /** A blob has the id, or an upload. */
  | { readonly kind: 'taken' }
  /** There is no room for the bytes. */
  | { readonly kind: 'full' }
  /** As many uploads as may wait for their commit. */
  | { readonly kind: 'crowded' }
  | FilesFailure;

export type CommitOutcome =
  | { readonly kind: 'committed' }
  /** Nothing is staged under the id; `isComing` while its bytes come. */
  | { readonly kind: 'absent'; readonly isComing: boolean }
  /** What was staged is other content; it is gone. */
  | { readonly kind: 'differs' }
  /** Another blob has the id. */
  | { readonly kind: 'taken' }
  | FilesFailure;
