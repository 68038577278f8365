// Finds out what becomes of blobs: asks for the records of their owners, and other file servers for their copies. What follows
// from the answers, verdict.ts decides.

import { encodeMapVersion, type MapVersion } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { ManyReader } from '../../coordinator/operations/get/many.ts';
import type { Router } from '../../coordinator/router.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { CopiesOutcome, ReplicationClasses } from '../../files/classes.ts';
import type { ReplicationClass } from '../../files/file-key.ts';
import type { FileServerWatch } from '../../files/file-server-watch.ts';
import type { FileTimes } from '../../files/file-times.ts';
import { askWhoHas } from '../../files/have.ts';
import { type PlacedServer, placementOf } from '../../files/placement.ts';
import type { BlobMeta } from '../blob-store/blob-meta.ts';
import type { Next } from '../blob-store/listing.ts';
import { type Ownership, ownershipOf } from './ownership.ts';
import { inParallel } from './parallel.ts';
import { type Confirmations, isGarbage, type Places, placesOf } from './verdict.ts';

const CLASSES_AT_ONCE = 16;

export interface InquiryParts {
  readonly self: NodeId;
  readonly runtime: Pick<Runtime, 'network'>;
  readonly router: Pick<Router, 'map'>;
  readonly manyReader: Pick<ManyReader, 'get'>;
  readonly classes: Pick<ReplicationClasses, 'copies'>;
  readonly watch: Pick<FileServerWatch, 'isUp' | 'isLost'>;
  readonly times: FileTimes;
  /** @returns how long this server has been up since the commit, in ms, over restarts */
  ageMs(meta: BlobMeta): number;
  /** @returns whether the owner may be absent because it was lost */
  isLossAccepted(meta: BlobMeta): boolean;
  /** @returns whether the blob is of another cluster: the records of this one prove nothing of it */
  isForeign(meta: BlobMeta): boolean;
}

/** A blob that its record names, and where its copies belong. */
export interface NamedBlob {
  readonly meta: BlobMeta;
  readonly places: Places;
  /** What the others have said of it. */
  readonly said: Confirmations;
}

export interface Findings {
  readonly named: readonly NamedBlob[];
  /** Overwritten, and old enough to go. */
  readonly superseded: readonly BlobMeta[];
  /** Without an owner, and old enough to go. */
  readonly ownerless: readonly BlobMeta[];
  /** Those of which nobody could tell (F7). */
  readonly unknown: number;
  /** How many no record names that may be uploads which are just being finished. */
  readonly unsettled: number;
  /** The map by which the copies were placed. */
  readonly map: MapVersion | undefined;
}

export class Inquiry {
  readonly #parts: InquiryParts;
  readonly #callback: (findings: Findings) => void;
  readonly #owners = new Map<BlobMeta, Ownership>();
  readonly #classes = new Map<ReplicationClass, CopiesOutcome>();

  /** @param callback called exactly once, when all have answered or could not */
  constructor(parts: InquiryParts, callback: (findings: Findings) => void) {
    this.#parts = parts;
    this.#callback = callback;
  }

  /** @param metas at most as many as one question may have (walk.ts) */
  start(metas: readonly BlobMeta[]): void {
    if (metas.length === 0) return this.#judge();
    return this.#parts.manyReader.get(
      metas.map((meta) => ({
        key: meta.owner,
        callback: (outcome) => {
          this.#owners.set(meta, ownershipOf(meta.id, outcome));
          if (this.#owners.size === metas.length) this.#askClasses();
        },
      })),
    );
  }

  #askClasses(): void {
    const names = new Set<ReplicationClass>();
    for (const owner of this.#owners.values()) {
      if (owner.kind === 'named') names.add(owner.replicationClass);
    }
    const ask = (name: ReplicationClass, next: Next) =>
      this.#parts.classes.copies(name, (outcome) => {
        this.#classes.set(name, outcome);
        next();
      });
    inParallel([...names], CLASSES_AT_ONCE, ask, () => this.#judge());
  }

  #judge(): void {
    const named: Omit<NamedBlob, 'said'>[] = [];
    const superseded: BlobMeta[] = [];
    const ownerless: BlobMeta[] = [];
    let unknown = 0;
    let unsettled = 0;
    const map = this.#parts.router.map?.version;
    for (const [meta, ownership] of this.#owners) {
      switch (ownership.kind) {
        case 'unknown':
          unknown++;
          break;
        case 'named': {
          const places = this.#placesOf(meta, ownership.replicationClass);
          if (places === undefined) unknown++;
          else named.push({ meta, places });
          break;
        }
        case 'superseded':
          if (this.#isGarbage(ownership, meta)) superseded.push(meta);
          else unsettled++;
          break;
        case 'absent':
          if (this.#isGarbage(ownership, meta)) ownerless.push(meta);
          else if (this.#parts.ageMs(meta) < this.#parts.times.supersededMs) unsettled++;
          break;
      }
    }
    this.#askOthers(named, (asked) =>
      this.#callback({ named: asked, superseded, ownerless, unknown, unsettled, map }),
    );
  }

  #placesOf({ id }: BlobMeta, replicationClass: ReplicationClass): Places | undefined {
    const { router, watch } = this.#parts;
    const copies = this.#classes.get(replicationClass);
    if (router.map === undefined || copies?.kind !== 'known') return undefined;
    const placed = placementOf(id, router.map.fileServers);
    return placesOf(placed, copies.copies, (server) => watch.isLost(server));
  }

  #isGarbage(
    ownership: Extract<Ownership, { kind: 'absent' | 'superseded' }>,
    meta: BlobMeta,
  ): boolean {
    const { times } = this.#parts;
    const ageMs = this.#parts.ageMs(meta);
    const isLossAccepted = this.#parts.isLossAccepted(meta);
    const isForeign = this.#parts.isForeign(meta);
    return isGarbage(ownership, { ageMs, isLossAccepted, isForeign }, times);
  }

  #askOthers(
    named: readonly Omit<NamedBlob, 'said'>[],
    done: (asked: readonly NamedBlob[]) => void,
  ): void {
    const { self, runtime, times, watch, router } = this.#parts;
    const version = router.map && encodeMapVersion(router.map.version);
    const asked = new Map<BlobId, readonly PlacedServer[]>();
    for (const { meta, places } of named) {
      const others = new Map<NodeId, PlacedServer>();
      for (const server of [...places.belongs, ...places.targets]) {
        if (server.id !== self && watch.isUp(server.id)) others.set(server.id, server);
      }
      asked.set(meta.id, [...others.values()]);
    }
    askWhoHas(runtime, times, asked, (answers) =>
      done(
        named.map(({ meta, places }) => ({
          meta,
          places,
          said: {
            answerOf: (server: NodeId) => answers.of(server, meta.id),
            goesByThisMap: (server: NodeId) =>
              version !== undefined && answers.goesBy(server, version),
          },
        })),
      ),
    );
  }
}
