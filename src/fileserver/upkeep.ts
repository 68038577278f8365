// What a file server does by itself, beside serving: keeps the copies of its blobs complete, collects what nobody names, empties
// the trash, and reads everything now and then. Puts these parts together; each of them is in replicator/.

import type { Files } from '../cluster/files.ts';
import type { NodeId } from '../cluster/model/identity.ts';
import type { Runtime } from '../cluster/ports.ts';
import { ManyReader } from '../coordinator/operations/get/many.ts';
import type { BlobId } from '../files/blob-id.ts';
import { COPIES_MAX } from '../files/classes.ts';
import { lookAtBlob } from '../files/commits.ts';
import type { FileTimes } from '../files/file-times.ts';
import { placementOf } from '../files/placement.ts';
import { isForeign, mayOwnerBeLost, type Provenance } from '../files/provenance.ts';
import type { BlobMeta } from './blob-store/blob-meta.ts';
import type { BlobStore } from './blob-store/blob-store.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { BlockSampler } from './replicator/block-sampler.ts';
import { Replicator, type ReplicatorParts } from './replicator/replicator.ts';
import { Scrubber } from './replicator/scrubber.ts';
import { settledRecords } from './replicator/settled-records.ts';
import { TrashKeeper } from './replicator/trash-keeper.ts';
import type { Uptime } from './replicator/uptime.ts';
import type { DiskRoom } from './uploads/disk-room.ts';

export interface UpkeepParts {
  readonly self: NodeId;
  readonly runtime: Runtime;
  readonly access: ClusterAccess;
  readonly files: Files;
  readonly store: BlobStore;
  readonly uptime: Pick<Uptime, 'ms'>;
  readonly times: FileTimes;
  readonly provenance: () => Provenance;
  readonly room: Pick<DiskRoom, 'missingBytes' | 'freed'>;
}

export class Upkeep {
  readonly replicator: Replicator;
  readonly scrubber: Scrubber;
  readonly #sampler: BlockSampler;
  readonly #trash: TrashKeeper;
  readonly #parts: UpkeepParts;
  /** The file servers of the map, as they were when blobs were last looked at because of them. */
  #servers = '';

  constructor(parts: UpkeepParts) {
    const { self, runtime, access, files, store, uptime, times, provenance, room } = parts;
    const { context, reader } = access;
    const { router } = context;
    const { classes, watch } = access.files.parts;
    this.#parts = parts;
    const shared = {
      self,
      runtime,
      router,
      manyReader: new ManyReader(context, reader),
      settledReader: settledRecords(access.files.parts.linearizable),
      classes,
      watch,
      times,
      store,
      files,
      ageMs: ({ uptimeMs }: BlobMeta) => uptime.ms - uptimeMs,
      isLossAccepted: (meta: BlobMeta) => this.#isLossAccepted(meta),
      isForeign: (meta: BlobMeta) => isForeign(meta, provenance()),
    } satisfies ReplicatorParts;
    this.replicator = new Replicator(shared);
    const { timers, logger, random } = runtime;
    this.#trash = new TrashKeeper({
      ...shared,
      timers,
      logger,
      clock: runtime.clock,
      missingBytes: () => room.missingBytes,
      freed: (bytes) => room.freed(bytes),
    });
    router.onAdopted(() => this.#adopted());
    this.#sampler = new BlockSampler({ files, store, timers, random, logger, times });
    this.scrubber = new Scrubber({ files, store, timers, logger, clock: runtime.clock, times });
  }

  start(): void {
    this.replicator.start();
    this.#trash.start();
    this.scrubber.start();
    this.#sampler.start();
  }

  stop(): void {
    this.replicator.stop();
    this.#trash.stop();
    this.scrubber.stop();
    this.#sampler.stop();
  }

  /** A blob here has gone because its bytes were wrong: those who have another copy are told. */
  spoiled(id: BlobId): void {
    const { self, runtime, access, times } = this.#parts;
    const placed = placementOf(id, access.context.router.map?.fileServers).slice(0, COPIES_MAX);
    lookAtBlob(
      runtime,
      times,
      id,
      placed.filter((server) => server.id !== self),
    );
  }

  /** A map of other partitions alone moves no blob. */
  #adopted(): void {
    const servers = JSON.stringify(this.#parts.access.context.router.map?.fileServers ?? {});
    if (servers === this.#servers) return;
    this.#servers = servers;
    this.replicator.moved();
  }

  #isLossAccepted(meta: BlobMeta): boolean {
    const { map } = this.#parts.access.context.router;
    // Without a map nothing is known, and nothing goes.
    return map === undefined || mayOwnerBeLost(meta, this.#parts.provenance(), map);
  }
}
