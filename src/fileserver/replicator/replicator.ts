// Sees to it that each blob of this file server has its copies, and that nothing stays that no file names (FILES.md,
// "Replicator"): goes through all of them again and again, slowly, and at once through those of which somebody says that they
// should be looked at. What is done with a blob is visit.ts's.

import type { Files } from '../../cluster/files.ts';
import type { Cancel, Runtime } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { BlobStore } from '../blob-store/blob-store.ts';
import { collect } from './collection.ts';
import { isDraining } from './inquiry.ts';
import { isSuspicious } from './verdict.ts';
import { Visit, VisitCounts, type VisitParts } from './visit.ts';
import { BATCH_BLOBS, walk } from './walk.ts';

/** So many blobs may wait to be looked at; those beyond are met by the next pass. */
const CHECKS_MAX = 100_000;
/** So many ownerless blobs of a pass are kept in mind; those beyond are met by the next one. */
const OWNERLESS_MAX = 1_000_000;

export interface ReplicatorParts extends VisitParts {
  readonly runtime: Pick<Runtime, 'network' | 'logger' | 'timers' | 'clock'>;
  readonly files: Pick<Files, 'list'>;
  readonly store: VisitParts['store'] & Pick<BlobStore, 'staged' | 'committed'>;
}

export interface PassReport {
  readonly counts: VisitCounts;
  /** How many ownerless blobs went to the trash. */
  readonly collected: number;
  /** Whether so many were ownerless that none went: the operator is to look first. */
  readonly isSuspended: boolean;
  /** Whether this server was draining from the beginning of the pass to its end. */
  readonly wasDraining: boolean;
  /** How many blobs had been committed here when the pass began: it may not have met further ones. */
  readonly committedBefore: number;
}

export class Replicator {
  readonly #parts: ReplicatorParts;
  readonly #checks = new Set<BlobId>();
  #isVisiting = false;
  #isPassing = false;
  #cancelPass: Cancel | undefined;
  /** What goes on with the pass, in its turn. */
  #goOn: (() => void) | undefined;
  /** Whether the latest turn was one of the checks. */
  #wasChecking = false;
  #mayCollectAll = false;
  /** Whether file servers have changed since the present pass began. */
  #hasMoved = false;
  #isStopped = false;
  /** Of the latest pass that met all blobs. */
  report: PassReport | undefined;

  constructor(parts: ReplicatorParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#passLater(this.#parts.times.batchMs);
    this.#tick();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Somebody says that the blob lacks copies, or that nothing names it any more. */
  check(id: BlobId): void {
    if (this.#checks.size < CHECKS_MAX) this.#checks.add(id);
  }

  /** How many blobs wait to be looked at. */
  get waiting(): number {
    return this.#checks.size;
  }

  /** File servers have come, gone or changed: blobs may belong elsewhere now. */
  moved(): void {
    this.#hasMoved = true;
    if (!this.#isPassing) this.#passLater(this.#parts.times.batchMs);
  }

  /** The operator has looked: the next pass collects, however much that is. */
  collectAll(): void {
    this.#mayCollectAll = true;
  }

  /** How many blobs of a draining server lack other copies, as a whole pass has counted; undefined before. */
  get left(): number | undefined {
    const { report } = this;
    if (report === undefined || !report.wasDraining) return undefined;
    const { incomplete, unknown } = report.counts;
    const { staged, committed } = this.#parts.store;
    return incomplete + unknown + staged + committed - report.committedBefore;
  }

  get #isDraining(): boolean {
    return isDraining(this.#parts);
  }

  #tick(): void {
    if (this.#isStopped) return;
    const { runtime, times } = this.#parts;
    runtime.timers.after(times.batchMs, () => this.#tick());
    if (this.#isVisiting) return;
    const goOn = this.#goOn;
    // By turns: where files are deleted all the time, checks alone would hold up every pass for ever.
    const isPassesTurn = goOn !== undefined && this.#wasChecking;
    this.#wasChecking = this.#checks.size > 0 && !isPassesTurn;
    if (this.#wasChecking) return this.#lookAtChecks();
    this.#goOn = undefined;
    goOn?.();
  }

  #lookAtChecks(): void {
    const ids = [...this.#checks].slice(0, BATCH_BLOBS);
    for (const id of ids) this.#checks.delete(id);
    this.#visit(ids, (counts) => {
      // While so many owners are absent that somebody has to look first, nothing goes on anybody's word.
      if (this.report?.isSuspended !== true) this.#collect(counts.ownerless, () => undefined);
    });
  }

  #visit(ids: readonly BlobId[], done: (counts: VisitCounts) => void): void {
    this.#isVisiting = true;
    new Visit(this.#parts, (counts) => {
      this.#isVisiting = false;
      done(counts);
    }).start(ids);
  }

  #passLater(afterMs: number): void {
    this.#cancelPass?.();
    this.#cancelPass = this.#parts.runtime.timers.after(afterMs, () => {
      if (!this.#isStopped && !this.#isPassing) this.#pass();
    });
  }

  #pass(): void {
    const { files, times, runtime } = this.#parts;
    this.#isPassing = true;
    this.#hasMoved = false;
    const wasDraining = this.#isDraining;
    const committedBefore = this.#parts.store.committed;
    const all = new VisitCounts();
    walk(files, {
      batch: (ids, goOn) => {
        this.#goOn = () =>
          this.#visit(ids, (counts) => {
            all.add(counts, OWNERLESS_MAX);
            this.#goOn = goOn;
          });
      },
      ended: (failure) => {
        if (failure !== undefined) {
          const { detail } = failure;
          runtime.logger.write('warn', 'not all blobs can be looked at', { detail });
          return this.#ended(times.passMs);
        }
        return this.#collectPass(all, { wasDraining, committedBefore });
      },
    });
  }

  #collectPass(
    counts: VisitCounts,
    { wasDraining, committedBefore }: Pick<PassReport, 'wasDraining' | 'committedBefore'>,
  ): void {
    const { runtime, times } = this.#parts;
    const isSuspended =
      !this.#mayCollectAll && isSuspicious(counts.ownerless.length, counts.looked);
    if (isSuspended) {
      runtime.logger.write(
        'error',
        'so many blobs have no file any more that none is collected: see velour files gc',
        { ownerless: counts.ownerless.length, blobs: counts.looked },
      );
    }
    this.#mayCollectAll = false;
    this.#collect(isSuspended ? [] : counts.ownerless, (collected) => {
      this.report = {
        counts,
        collected,
        isSuspended,
        wasDraining: wasDraining && this.#isDraining,
        committedBefore,
      };
      // A server that is to be removed is waited for.
      const isAwaited = this.#isDraining || this.#hasMoved;
      this.#ended(isAwaited ? times.batchMs : times.passMs);
    });
  }

  #collect(ids: readonly BlobId[], done: (collected: number) => void): void {
    collect(this.#parts, ids, done);
  }

  #ended(againAfterMs: number): void {
    this.#isPassing = false;
    this.#passLater(againAfterMs);
  }
}
