// Lists the entries of a collection, page by page.

import type { Cursor } from '../../../cluster/wire/transfer-parts.ts';
import type { FileFailure } from '../../../files/http/file-answer.ts';
import { directoryOf, entryOf } from './dav-path.ts';
import { type DavParts, listedResource, type Way, wayInto } from './resources.ts';

const ENTRIES_PER_PAGE = 256;

export type EntriesPage =
  | {
      readonly kind: 'page';
      /** Each with the way to it; in no order that means something. */
      readonly entries: readonly Way[];
      /** Where the next page begins; undefined behind the last one. */
      readonly next: Cursor | undefined;
    }
  | ({ readonly kind: 'failed' } & FileFailure);

/**
 * @param after what the page before said; undefined for the first one
 * @param callback called exactly once
 */
export function listPage(
  { files, clock }: DavParts,
  collection: Way,
  after: Cursor | undefined,
  callback: (page: EntriesPage) => void,
): void {
  const { path } = collection.self;
  const { domain } = path.space;
  const request = { domain, directory: directoryOf(path), limit: ENTRIES_PER_PAGE };
  files.list({ ...request, after }, (outcome) => {
    if (outcome.kind === 'failed') return callback(outcome);
    const nowMs = clock.wallMs();
    const entries = outcome.entries.map((entry) =>
      wayInto(collection, listedResource(entryOf(path, entry.name), entry, nowMs)),
    );
    return callback({ kind: 'page', entries, next: outcome.next });
  });
}
