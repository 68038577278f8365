// Looks at some blobs of this file server (FILES.md, "Replicator"), and does what is to be done: has copies made, trims what
// is too much, and throws away what was overwritten. Which blobs are looked at when, replicator.ts decides.

import { encodeMapVersion, type MapVersion } from '../../cluster/model/cluster-map.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';
import { pullBlob } from '../../files/commits.ts';
import type { PlacedServer } from '../../files/placement.ts';
import type { BlobMeta } from '../blob-store/blob-meta.ts';
import type { BlobStore } from '../blob-store/blob-store.ts';
import type { Next } from '../blob-store/listing.ts';
import {
  type Findings,
  Inquiry,
  type InquiryParts,
  isDraining,
  type PlacedBlob,
  settling,
} from './inquiry.ts';
import { inParallel } from './parallel.ts';
import { isWanted, verdictOnCopies } from './verdict.ts';

/** How many metas are read, and how many copies made, at a time. */
const READS_AT_ONCE = 16;
const PULLS_AT_ONCE = 4;

export interface VisitParts extends InquiryParts {
  readonly runtime: Pick<Runtime, 'network' | 'logger'>;
  readonly store: Pick<BlobStore, 'files' | 'discard' | 'restore'>;
}

/** What was found of the blobs that were looked at. */
export class VisitCounts {
  looked = 0;
  /** Blobs that do not have all their copies where they belong. */
  incomplete = 0;
  repaired = 0;
  trimmed = 0;
  superseded = 0;
  /** Blobs of which nobody could tell, or that cannot be read. */
  unknown = 0;
  /** Blobs whose owners are absent, and that are old enough to go. */
  readonly ownerless: BlobId[] = [];

  /** @param ownerlessMax how many ownerless blobs are kept in mind; the others are met again */
  add(other: VisitCounts, ownerlessMax: number): void {
    this.looked += other.looked;
    this.incomplete += other.incomplete;
    this.repaired += other.repaired;
    this.trimmed += other.trimmed;
    this.superseded += other.superseded;
    this.unknown += other.unknown;
    const room = ownerlessMax - this.ownerless.length;
    this.ownerless.push(...other.ownerless.slice(0, Math.max(0, room)));
  }
}

/** A copy that another server is to fetch. */
interface Pull {
  readonly meta: BlobMeta;
  readonly to: PlacedServer;
  /** How many of its targets have the blob. */
  readonly copies: number;
}

export class Visit {
  readonly #parts: VisitParts;
  readonly #counts = new VisitCounts();
  readonly #callback: (counts: VisitCounts) => void;
  /** Those that are in the trash. */
  readonly #trashed = new Set<BlobMeta>();

  /** @param callback called once, when everything that follows was done */
  constructor(parts: VisitParts, callback: (counts: VisitCounts) => void) {
    this.#parts = parts;
    this.#callback = callback;
  }

  /** @param ids of blobs that are here, or were; those in the trash are brought back if somebody was wrong */
  start(ids: readonly BlobId[]): void {
    const { files } = this.#parts.store;
    const metas: BlobMeta[] = [];
    const read = (id: BlobId, next: Next) =>
      files.meta(id, (outcome) => {
        if (outcome.kind === 'meta') metas.push(outcome.meta);
        if (outcome.kind === 'failed') this.#counts.unknown++;
        if (outcome.kind !== 'absent') return next();
        return files.trashed(id, (trashed) => {
          if (trashed.kind === 'meta') {
            metas.push(trashed.meta);
            this.#trashed.add(trashed.meta);
          }
          next();
        });
      });
    inParallel(ids, READS_AT_ONCE, read, () => {
      this.#counts.looked = metas.length;
      new Inquiry(this.#parts, (findings) => this.#act(findings)).start(metas);
    });
  }

  #act({ named, unnamed, superseded, ownerless, unknown, map }: Findings): void {
    const isHere = (meta: BlobMeta) => !this.#trashed.has(meta);
    this.#counts.unknown += unknown;
    this.#counts.ownerless.push(...ownerless.filter(isHere).map(({ id }) => id));
    this.#discardSuperseded(superseded.filter(isHere), () =>
      this.#restore(named, (stay) =>
        this.#judge([...stay, ...unnamed.filter(({ meta }) => isHere(meta))], map),
      ),
    );
  }

  /**
   * F5: one get found that the record names another blob. That may be an overwrite that only this member has heard of, and that
   * loses to the upload of the blob in the end; so all members are asked before the blob goes (H21).
   */
  #discardSuperseded(found: readonly BlobMeta[], done: () => void): void {
    const discard = (meta: BlobMeta, next: Next) =>
      this.#discard(meta, next, () => this.#counts.superseded++);
    new Inquiry(settling(this.#parts), ({ superseded, unknown }) => {
      this.#counts.unknown += unknown;
      inParallel(superseded, 1, discard, done);
    }).start(found);
  }

  /**
   * What its record names, and is not where it belongs, must not stay in the trash: it would be unlinked some day.
   * @param done called once, with those that are not in the trash
   */
  #restore(named: readonly PlacedBlob[], done: (here: readonly PlacedBlob[]) => void): void {
    const { self, store, runtime } = this.#parts;
    const [lying, here] = [
      named.filter(({ meta }) => this.#trashed.has(meta)),
      named.filter(({ meta }) => !this.#trashed.has(meta)),
    ];
    const wrong = lying.filter(({ places, said }) => isWanted(self, places, said));
    const restore = ({ meta }: PlacedBlob, next: Next) => {
      runtime.logger.write('error', 'a blob in the trash is named by its file', { blob: meta.id });
      store.restore(meta, () => next());
    };
    inParallel(wrong, 1, restore, () => done([...here, ...wrong]));
  }

  #judge(blobs: readonly PlacedBlob[], map: MapVersion | undefined): void {
    const { self, router } = this.#parts;
    const isLeaving = isDraining(this.#parts);
    const trimmed: BlobMeta[] = [];
    const pulls: Pull[] = [];
    for (const { meta, places, said } of blobs) {
      const verdict = verdictOnCopies(self, places, isLeaving, said);
      switch (verdict.kind) {
        case 'trim':
          trimmed.push(meta);
          break;
        case 'keep':
          if (!verdict.isComplete) this.#counts.incomplete++;
          break;
        case 'repair': {
          this.#counts.incomplete++;
          const copies = places.targets.length - verdict.lacking.length;
          pulls.push(...verdict.lacking.map((to) => ({ meta, to, copies })));
          break;
        }
      }
    }
    // Who has the fewest copies has the most to lose.
    pulls.sort((a, b) => a.copies - b.copies);
    const trim = (meta: BlobMeta, next: Next) => {
      // F5: those who confirmed may belong nowhere by a newer map, and count on the copy here.
      if (!isSameMap(router.map?.version, map)) return next();
      return this.#discard(meta, next, () => this.#counts.trimmed++);
    };
    const pull = (each: Pull, next: Next) => this.#pull(each, next);
    inParallel(trimmed, 1, trim, () =>
      inParallel(pulls, PULLS_AT_ONCE, pull, () => this.#callback(this.#counts)),
    );
  }

  #discard({ id }: BlobMeta, next: Next, moved: () => void): void {
    this.#parts.store.discard(id, (outcome) => {
      if (outcome.kind === 'moved') moved();
      next();
    });
  }

  #pull({ meta, to }: Pull, next: Next): void {
    const { self, router, runtime, times, watch } = this.#parts;
    // One that is stopped must not cost the time of every copy that it is to have.
    if (!watch.isUp(to.id)) return next();
    const entry = router.map?.fileServers?.[self];
    if (entry === undefined) return next();
    const pull = { blob: meta.id, size: meta.size, from: { id: self, entry }, to };
    return pullBlob(runtime, times, pull, (isDone) => {
      if (isDone) this.#counts.repaired++;
      next();
    });
  }
}

function isSameMap(now: MapVersion | undefined, then: MapVersion | undefined): boolean {
  return (
    now !== undefined && then !== undefined && encodeMapVersion(now) === encodeMapVersion(then)
  );
}
