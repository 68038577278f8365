// Unlinks what has lain in the trash for long, and the oldest of it where room is short, so that deletes make room (FILES.md,
// "Replicator"). Each blob is proven once more, and by all members: what its record names goes only where all its copies are
// confirmed (F2, F5), and what nobody can tell of stays (F7).

import type { Files } from '../../cluster/files.ts';
import type { Clock, Logger, Timers } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { BlobMeta } from '../blob-store/blob-meta.ts';
import type { BlobStore } from '../blob-store/blob-store.ts';
import { eachEntry, type Next } from '../blob-store/listing.ts';
import { namedFile, placeIn, TRASH } from '../blob-store/places.ts';
import { Inquiry, type InquiryParts, settling } from './inquiry.ts';
import { inParallel } from './parallel.ts';
import { isWanted } from './verdict.ts';
import { BATCH_BLOBS } from './walk.ts';

/** How many of the oldest are kept in mind of one look; another look follows for those after them. */
const KEPT_MAX = 100_000;
const LOOKS_AT_ONCE = 16;

export interface TrashParts extends InquiryParts {
  readonly store: Pick<BlobStore, 'files' | 'restore' | 'takeTurn'>;
  readonly files: Files;
  readonly timers: Timers;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly logger: Logger;
  /** How many bytes uploads have too little; 0 or less where there is room. */
  readonly missingBytes: () => number;
  /** Called with what was unlinked. */
  readonly freed: (bytes: number) => void;
}

interface Trashed {
  readonly id: BlobId;
  /** Since when it is in the trash, by the wall clock. */
  readonly sinceMs: number;
}

export class TrashKeeper {
  readonly #parts: TrashParts;
  readonly #inquiry: InquiryParts;
  readonly #keptMax: number;
  #isStopped = false;
  /** How many blobs the looks of the present round have unlinked or given back. */
  #moved = 0;

  constructor(parts: TrashParts, keptMax = KEPT_MAX) {
    this.#parts = parts;
    this.#inquiry = settling(parts);
    this.#keptMax = keptMax;
  }

  start(): void {
    this.#later(this.#parts.times.passMs);
  }

  stop(): void {
    this.#isStopped = true;
  }

  #later(afterMs: number): void {
    const { timers } = this.#parts;
    timers.after(afterMs, () => {
      if (this.#isStopped) return;
      this.#moved = 0;
      this.#look(undefined, () => this.#later(this.#pauseMs()));
    });
  }

  /** Soon again while room is short and some can be made, else seldom: a look lists the whole trash. */
  #pauseMs(): number {
    const { times, missingBytes } = this.#parts;
    return missingBytes() > 0 && this.#moved > 0 ? times.batchMs : times.passMs;
  }

  /**
   * Looks at the oldest, and then at those after them, until no more are to go: some that nobody can tell of must not hide
   * the others.
   * @param after the last one of the look before
   */
  #look(after: Trashed | undefined, done: Next): void {
    this.#oldest(after, (found, isMore) =>
      this.#prune(found, () => {
        const last = found.at(-1);
        const goesOn = isMore && last !== undefined && this.#mayGo(last);
        if (goesOn && !this.#isStopped) this.#look(last, done);
        else done();
      }),
    );
  }

  #mayGo(blob: Trashed): boolean {
    return this.#parts.missingBytes() > 0 || this.#isOld(blob);
  }

  #isOld({ sinceMs }: Trashed): boolean {
    const { clock, times } = this.#parts;
    return clock.wallMs() - sinceMs >= times.trashMs;
  }

  #oldest(
    after: Trashed | undefined,
    done: (found: readonly Trashed[], isMore: boolean) => void,
  ): void {
    const { files } = this.#parts;
    const found: Trashed[] = [];
    let isMore = false;
    const keepOldest = () => {
      found.sort(byAge);
      if (found.length <= this.#keptMax) return;
      isMore = true;
      found.length = this.#keptMax;
    };
    const date = (id: BlobId, next: Next) =>
      files.changedMs(placeIn(TRASH, id).meta, (result) => {
        const blob = result.kind === 'done' ? { id, sinceMs: result.value } : undefined;
        if (blob !== undefined && (after === undefined || byAge(after, blob) < 0)) found.push(blob);
        if (found.length >= 2 * this.#keptMax) keepOldest();
        next();
      });
    let ids: BlobId[] = [];
    const dateAll = (next: Next) => {
      const some = ids;
      ids = [];
      inParallel(some, LOOKS_AT_ONCE, date, next);
    };
    eachEntry(
      files,
      TRASH,
      ({ name }, next) => {
        const named = namedFile(name);
        if (named?.isMeta === true) ids.push(named.id);
        return ids.length < BATCH_BLOBS ? next() : dateAll(next);
      },
      () =>
        dateAll(() => {
          keepOldest();
          done(found, isMore);
        }),
    );
  }

  #prune(found: readonly Trashed[], done: Next): void {
    const { missingBytes } = this.#parts;
    const isOld = (blob: Trashed) => this.#isOld(blob);
    const batches: Trashed[][] = [];
    for (let at = 0; at < found.length; at += BATCH_BLOBS) {
      batches.push(found.slice(at, at + BATCH_BLOBS));
    }
    const batch = (each: readonly Trashed[], next: Next) => {
      const going = missingBytes() > 0 ? each : each.filter(isOld);
      const old = new Set(each.filter(isOld).map(({ id }) => id));
      this.#prove(
        going.map(({ id }) => id),
        (id) => old.has(id),
        next,
      );
    };
    inParallel(batches, 1, batch, done);
  }

  #prove(ids: readonly BlobId[], isOld: (id: BlobId) => boolean, done: Next): void {
    const { self, store, logger } = this.#parts;
    const metas = new Map<BlobId, BlobMeta>();
    const read = (id: BlobId, next: Next) =>
      store.files.trashed(id, (outcome) => {
        if (outcome.kind === 'meta') metas.set(id, outcome.meta);
        next();
      });
    inParallel(ids, LOOKS_AT_ONCE, read, () =>
      new Inquiry(this.#inquiry, ({ named, superseded, ownerless }) => {
        const unwanted = named.filter(({ places, said }) => !isWanted(self, places, said));
        const wanted = named.filter((each) => !unwanted.includes(each));
        const proven = new Set(
          [...superseded, ...ownerless, ...unwanted.map(({ meta }) => meta)].map(({ id }) => id),
        );
        // In the order of their age, so that the oldest go first where room is short.
        const going = ids.flatMap((id) => (proven.has(id) ? (metas.get(id) ?? []) : []));
        const restore = ({ meta }: (typeof wanted)[number], next: Next) => {
          logger.write('error', 'a blob in the trash is named by its file', { blob: meta.id });
          this.#moved++;
          store.restore(meta, () => next());
        };
        inParallel(wanted, 1, restore, () =>
          inParallel(going, 1, (meta, next) => this.#unlink(meta, isOld(meta.id), next), done),
        );
      }).start([...metas.values()]),
    );
  }

  #unlink(meta: BlobMeta, isOld: boolean, next: Next): void {
    const { store, missingBytes } = this.#parts;
    if (!isOld && missingBytes() <= 0) return next();
    // In turn: somebody may be bringing it back.
    return store.takeTurn(meta.id, (over) =>
      store.files.unlinkTrashed(meta, (isUnlinked) => {
        if (isUnlinked) {
          this.#moved++;
          this.#parts.freed(meta.size);
        }
        over();
        next();
      }),
    );
  }
}

function byAge(a: Trashed, b: Trashed): number {
  return a.sinceMs - b.sinceMs || (a.id < b.id ? -1 : Number(a.id > b.id));
}
