// Throws away blobs whose owners are absent (FILES.md, "Collection"): what a pass has found is proven once more, by all
// members, just before it goes to the trash.

import type { BlobId } from '../../files/blob-id.ts';
import type { BlobMeta } from '../blob-store/blob-meta.ts';
import type { BlobStore } from '../blob-store/blob-store.ts';
import type { Next } from '../blob-store/listing.ts';
import { Inquiry, type InquiryParts, settling } from './inquiry.ts';
import { inParallel } from './parallel.ts';
import { BATCH_BLOBS } from './walk.ts';

export interface CollectionParts extends InquiryParts {
  readonly store: Pick<BlobStore, 'files' | 'discard'>;
}

/** @param done called once, with how many went to the trash */
export function collect(
  parts: CollectionParts,
  ids: readonly BlobId[],
  done: (collected: number) => void,
): void {
  let collected = 0;
  const discard = ({ id }: BlobMeta, next: Next) =>
    parts.store.discard(id, (outcome) => {
      if (outcome.kind === 'moved') collected++;
      next();
    });
  const batches: (readonly BlobId[])[] = [];
  for (let at = 0; at < ids.length; at += BATCH_BLOBS)
    batches.push(ids.slice(at, at + BATCH_BLOBS));
  const look = (batch: readonly BlobId[], next: Next) => {
    const metas: BlobMeta[] = [];
    const read = (id: BlobId, nextId: Next) =>
      parts.store.files.meta(id, (found) => {
        if (found.kind === 'meta') metas.push(found.meta);
        nextId();
      });
    inParallel(batch, 1, read, () =>
      new Inquiry(settling(parts), ({ ownerless }) =>
        inParallel(ownerless, 1, discard, next),
      ).start(metas),
    );
  };
  inParallel(batches, 1, look, () => done(collected));
}
