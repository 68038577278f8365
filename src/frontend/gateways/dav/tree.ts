// Works through trees of collections, entry by entry: a page of a listing at a time, and a few entries of it at once.

import { ERRORS, type ErrorCode, errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply } from '../../../cluster/http/http.ts';
import type { FileFailure } from '../file-answer.ts';
import { hrefOf } from './dav-path.ts';
import { lockedReply } from './dav-replies.ts';
import { type EntriesPage, listPage } from './listing.ts';
import { MULTISTATUS_BEGIN, MULTISTATUS_END, resourceText } from './multistatus.ts';
import type { DavParts, Resource, Way } from './resources.ts';
import { XML_TYPE } from './xml/xml-writer.ts';

/** So many entries of one collection are worked on at once. */
const AT_ONCE = 16;
/** So many failures are told of one request; there may be as many as there are resources. */
const FAILURES_MAX = 1000;

interface TreeFailure extends FileFailure {
  readonly href: string;
}

/** What could not be done with the resources of a tree. */
export class TreeFailures {
  readonly #failures: TreeFailure[] = [];

  add({ path, kind }: Pick<Resource, 'path' | 'kind'>, code: ErrorCode, detail: string): void {
    if (this.#failures.length >= FAILURES_MAX) return;
    this.#failures.push({ href: hrefOf(path, kind === 'collection'), code, detail });
  }

  /** @param root the resource of the request: a failure of it alone is that of the request */
  reply({ path, kind }: Pick<Resource, 'path' | 'kind'>): HttpReply {
    const [first, ...others] = this.#failures;
    if (first === undefined) return errorReply('not-stored', 'not everything could be done');
    if (others.length === 0 && first.href === hrefOf(path, kind === 'collection')) {
      const { code, detail, href } = first;
      return code === 'locked' ? lockedReply([href]) : errorReply(code, detail);
    }
    const texts = this.#failures.map(({ href, code }) =>
      resourceText(
        href,
        ERRORS[code].status,
        code === 'locked' ? 'lock-token-submitted' : undefined,
      ),
    );
    return {
      status: 207,
      headers: { 'content-type': XML_TYPE, 'cache-control': 'no-store' },
      body: MULTISTATUS_BEGIN + texts.join('') + MULTISTATUS_END,
    };
  }
}

/** Does something with one entry. @param done called exactly once, with whether it succeeded */
export type EntryWork = (entry: Way, done: (isDone: boolean) => void) => void;

/**
 * Works on all entries of a collection; a listing that fails is a failure of the collection.
 * @param callback called exactly once, when no work is under way, with whether all of it succeeded
 */
export function eachEntry(
  parts: DavParts,
  collection: Way,
  failures: TreeFailures,
  work: EntryWork,
  callback: (areDone: boolean) => void,
): void {
  let areDone = true;
  const take = (page: EntriesPage): void => {
    if (page.kind === 'failed') {
      failures.add(collection.self, page.code, page.detail);
      return callback(false);
    }
    return eachOf(page.entries, work, (ofPage) => {
      areDone &&= ofPage;
      if (page.next !== undefined) return listPage(parts, collection, page.next, take);
      return callback(areDone);
    });
  };
  listPage(parts, collection, undefined, take);
}

function eachOf(
  entries: readonly Way[],
  work: EntryWork,
  callback: (areDone: boolean) => void,
): void {
  let next = 0;
  let running = 0;
  let areDone = true;
  let isStarting = false;
  const startMore = (): void => {
    // Work that ends at once comes back here while the loop runs, which then goes on by itself.
    if (isStarting) return;
    isStarting = true;
    while (running < AT_ONCE) {
      const entry = entries[next];
      if (entry === undefined) break;
      next++;
      running++;
      work(entry, (isDone) => {
        running--;
        areDone &&= isDone;
        startMore();
      });
    }
    isStarting = false;
    if (running === 0 && next === entries.length) callback(areDone);
  };
  startMore();
}
