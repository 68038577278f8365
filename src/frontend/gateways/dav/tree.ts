// Works through trees of collections, entry by entry: a page of a listing at a time, and a few entries of it at once, for which
// the collection is checked anew. What is checked, standing.ts says.

import { ERRORS, type ErrorCode, errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply } from '../../../cluster/http/http.ts';
import type { FileFailure } from '../../../files/http/file-answer.ts';
import { hrefOf } from './dav-path.ts';
import { lockedReply } from './dav-replies.ts';
import { type EntriesPage, listPage } from './listing.ts';
import { MULTISTATUS_BEGIN, MULTISTATUS_END, resourceText } from './multistatus.ts';
import { type DavParts, type Resource, type Way, wayInto } from './resources.ts';
import { XML_TYPE } from './xml/xml-writer.ts';

/** So many entries of one collection are worked on at once, after one check of their collection. */
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

/** Whether the entries of a collection may be changed, as it is at the moment. */
export type Standing =
  /** They may be; with the way to the collection as it is now. */
  | { readonly kind: 'free'; readonly collection: Way }
  | ({ readonly kind: 'barred' } & FileFailure)
  /** Another collection has taken the name: what is in it is none of this work's. */
  | { readonly kind: 'replaced' };

/** Looks the standing up. @param callback called exactly once */
export type StandingCheck = (callback: (standing: Standing) => void) => void;

/** Does something with one entry. @param done called exactly once, with whether it succeeded */
export type EntryWork = (entry: Way, done: (isDone: boolean) => void) => void;

export interface TreeWork {
  readonly collection: Way;
  readonly failures: TreeFailures;
  /** Asked before each few entries, since a lock may have been given while others were worked on; not for work that only reads. */
  readonly check?: StandingCheck;
  readonly work: EntryWork;
}

/**
 * Works on all entries of a collection; a listing that fails is a failure of the collection. It ends where the check bars it:
 * the entries that were listed and not begun are failures then.
 * @param callback called exactly once, when no work is under way, with whether all of it succeeded
 */
export function eachEntry(
  parts: DavParts,
  treeWork: TreeWork,
  callback: (areDone: boolean) => void,
): void {
  const { collection, failures } = treeWork;
  let areDone = true;
  const take = (page: EntriesPage): void => {
    if (page.kind === 'failed') {
      failures.add(collection.self, page.code, page.detail);
      return callback(false);
    }
    return eachOf(page.entries, treeWork, (ended) => {
      areDone &&= ended.areDone;
      if (ended.isStopped || page.next === undefined) return callback(areDone);
      return listPage(parts, collection, page.next, take);
    });
  };
  listPage(parts, collection, undefined, take);
}

interface PageEnd {
  readonly areDone: boolean;
  /** Whether the check has ended it. */
  readonly isStopped: boolean;
}

function eachOf(
  entries: readonly Way[],
  { collection, failures, check = (free) => free({ kind: 'free', collection }), work }: TreeWork,
  callback: (end: PageEnd) => void,
): void {
  let next = 0;
  let running = 0;
  let batch: { readonly collection: Way; readonly end: number } | undefined;
  let isChecking = false;
  let areDone = true;
  let isStopped = false;
  let isStarting = false;
  const take = (standing: Standing): void => {
    isChecking = false;
    switch (standing.kind) {
      case 'free':
        batch = { collection: standing.collection, end: next + AT_ONCE };
        break;
      case 'barred':
        for (const { self } of entries.slice(next)) {
          failures.add(self, standing.code, standing.detail);
        }
        areDone = false;
        isStopped = true;
        break;
      case 'replaced':
        isStopped = true;
        break;
    }
    startMore();
  };
  const startMore = (): void => {
    // What ends at once comes back here while the loop runs, which then goes on by itself.
    if (isStarting) return;
    isStarting = true;
    while (!isStopped && !isChecking) {
      const entry = entries[next];
      if (entry === undefined) break;
      if (batch === undefined || next === batch.end) {
        // No entry waits for others between the check and its change.
        if (running > 0) break;
        isChecking = true;
        check(take);
        continue;
      }
      next++;
      running++;
      work(wayInto(batch.collection, entry.self), (isDone) => {
        running--;
        areDone &&= isDone;
        startMore();
      });
    }
    isStarting = false;
    if (running > 0 || isChecking) return;
    callback({ areDone, isStopped });
  };
  startMore();
}
