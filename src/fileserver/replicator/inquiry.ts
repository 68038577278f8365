// Finds out what becomes of blobs: asks for the records of their owners, and other file servers for their copies. What follows
// from the answers, verdict.ts decides.

import { encodeMapVersion, type MapVersion } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { ManyReader } from '../../coordinator/operations/get/many.ts';
import type { Router } from '../../coordinator/router.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { CopiesOutcome, ReplicationClasses } from '../../files/classes.ts';
import { DEFAULT_CLASS, type ReplicationClass } from '../../files/file-key.ts';
import type { FileServerWatch } from '../../files/file-server-watch.ts';
import type { FileTimes } from '../../files/file-times.ts';
import { askWhoHas } from '../../files/have.ts';
import { decodeManifest } from '../../files/manifest.ts';
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
  /** What one member says. */
  readonly manyReader: Pick<ManyReader, 'get'>;
  /** What all members say, who have the same from then on (H21): asked before a blob goes to the trash, and from there. */
  readonly settledReader: Pick<ManyReader, 'get'>;
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

/** A blob that is to stay, and where its copies belong. */
export interface PlacedBlob {
  readonly meta: BlobMeta;
  readonly places: Places;
  /** What the others have said of it. */
  readonly said: Confirmations;
}

export interface Findings {
  readonly named: readonly PlacedBlob[];
  /**
   * Only of a server that drains: blobs that no record names, and that are not to go. One may be of an upload that is just
   * being finished, and another be named again by a rebuild, when this server is gone. On other servers they wait where they
   * are: two that copied such a blob to each other would make it young again for ever.
   */
  readonly unnamed: readonly PlacedBlob[];
  /** Overwritten, and old enough to go. */
  readonly superseded: readonly BlobMeta[];
  /** Without an owner, and old enough to go. */
  readonly ownerless: readonly BlobMeta[];
  /** Those of which nobody could tell (F7). */
  readonly unknown: number;
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
    for (const [meta, owner] of this.#owners) {
      if (owner.kind === 'named') names.add(owner.replicationClass);
      else if (this.#isDraining) names.add(classOf(meta));
    }
    const ask = (name: ReplicationClass, next: Next) =>
      this.#parts.classes.copies(name, (outcome) => {
        this.#classes.set(name, outcome);
        next();
      });
    inParallel([...names], CLASSES_AT_ONCE, ask, () => this.#judge());
  }

  #judge(): void {
    const named: Omit<PlacedBlob, 'said'>[] = [];
    const unnamed: Omit<PlacedBlob, 'said'>[] = [];
    const superseded: BlobMeta[] = [];
    const ownerless: BlobMeta[] = [];
    let unknown = 0;
    const map = this.#parts.router.map?.version;
    const place = (meta: BlobMeta, name: ReplicationClass, among: Omit<PlacedBlob, 'said'>[]) => {
      const places = this.#placesOf(meta, name);
      if (places === undefined) unknown++;
      else among.push({ meta, places });
    };
    for (const [meta, ownership] of this.#owners) {
      switch (ownership.kind) {
        case 'unknown':
          unknown++;
          break;
        case 'named':
          place(meta, ownership.replicationClass, named);
          break;
        case 'superseded':
        case 'absent':
          if (this.#isGarbage(ownership, meta)) {
            (ownership.kind === 'absent' ? ownerless : superseded).push(meta);
          } else if (this.#isDraining) place(meta, classOf(meta), unnamed);
          break;
      }
    }
    this.#askOthers([...named, ...unnamed], (asked) =>
      this.#callback({
        named: asked.slice(0, named.length),
        unnamed: asked.slice(named.length),
        superseded,
        ownerless,
        unknown,
        map,
      }),
    );
  }

  #placesOf({ id }: BlobMeta, replicationClass: ReplicationClass): Places | undefined {
    const { router, watch } = this.#parts;
    const copies = this.#classes.get(replicationClass);
    if (router.map === undefined || copies?.kind !== 'known') return undefined;
    const placed = placementOf(id, router.map.fileServers);
    return placesOf(placed, copies.copies, (server) => watch.isLost(server));
  }

  get #isDraining(): boolean {
    return isDraining(this.#parts);
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
    blobs: readonly Omit<PlacedBlob, 'said'>[],
    done: (asked: readonly PlacedBlob[]) => void,
  ): void {
    const { self, runtime, times, watch, router } = this.#parts;
    const version = router.map && encodeMapVersion(router.map.version);
    const asked = new Map<BlobId, readonly PlacedServer[]>();
    for (const { meta, places } of blobs) {
      const others = new Map<NodeId, PlacedServer>();
      for (const server of [...places.belongs, ...places.targets]) {
        if (server.id !== self && watch.isUp(server.id)) others.set(server.id, server);
      }
      asked.set(meta.id, [...others.values()]);
    }
    askWhoHas(runtime, times, asked, (answers) =>
      done(
        blobs.map(({ meta, places }) => ({
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

/** @returns the parts of an inquiry that asks all members (settled-records.ts) */
export function settling(parts: InquiryParts): InquiryParts {
  return { ...parts, manyReader: parts.settledReader };
}

/** @returns whether the server is to be empty in the end */
export function isDraining({ self, router }: Pick<InquiryParts, 'self' | 'router'>): boolean {
  return router.map?.fileServers?.[self]?.state === 'draining';
}

/** The class with which the blob was committed, as long as no record says another one. */
function classOf({ manifest }: BlobMeta): ReplicationClass {
  try {
    return decodeManifest(manifest).replicationClass;
  } catch {
    // Newer software may have written it.
    return DEFAULT_CLASS;
  }
}
