// What a file server does by itself, beside serving: keeps the copies of its blobs complete, collects what nobody names, empties
// the trash, and reads everything now and then. Puts these parts together; each of them is in replicator/.

import type { Files } from '../cluster/files.ts';
import type { ClusterClock } from '../cluster/model/cluster-clock.ts';
import type { NodeId } from '../cluster/model/identity.ts';
import { HybridClock } from '../cluster/model/version.ts';
import type { Runtime } from '../cluster/ports.ts';
import { ManyReader } from '../coordinator/operations/get/many.ts';
import { Reader } from '../coordinator/operations/get/round.ts';
import type { OperationContext } from '../coordinator/operations/operation-context.ts';
import type { BlobId } from '../files/blob-id.ts';
import { COPIES_MAX, ReplicationClasses } from '../files/classes.ts';
import { lookAtBlob } from '../files/commits.ts';
import { FileServerWatch } from '../files/file-server-watch.ts';
import type { FileTimes } from '../files/file-times.ts';
import { placementOf } from '../files/placement.ts';
import { isForeign, mayOwnerBeLost, type Provenance } from '../files/provenance.ts';
import type { BlobMeta } from './blob-store/blob-meta.ts';
import type { BlobStore } from './blob-store/blob-store.ts';
import { BlockSampler } from './replicator/block-sampler.ts';
import { Replicator, type ReplicatorParts } from './replicator/replicator.ts';
import { Scrubber } from './replicator/scrubber.ts';
import { TrashKeeper } from './replicator/trash-keeper.ts';
import type { Uptime } from './replicator/uptime.ts';
import type { DiskRoom } from './uploads/disk-room.ts';

export interface UpkeepParts {
  readonly self: NodeId;
  readonly runtime: Runtime;
  readonly clock: ClusterClock;
  readonly context: Pick<OperationContext, 'router' | 'refresh' | 'times'>;
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
  readonly #watch: FileServerWatch;
  readonly #parts: UpkeepParts;
  /** The file servers of the map, as they were when blobs were last looked at because of them. */
  #servers = '';

  constructor(parts: UpkeepParts) {
    const { self, runtime, clock, context, files, store, uptime, times, provenance } = parts;
    const { room } = parts;
    const { router } = context;
    this.#parts = parts;
    const operations: OperationContext = {
      ...context,
      // H31: what expires does so by the time of the cluster.
      runtime: { ...runtime, clock },
      versions: new HybridClock(clock),
      reports: { note: () => undefined },
    };
    const reader = new Reader(operations);
    this.#watch = new FileServerWatch(runtime, router, times);
    const shared = {
      self,
      runtime,
      router,
      manyReader: new ManyReader(operations, reader),
      classes: new ReplicationClasses(reader, runtime.clock, { freshMs: times.classMs }),
      watch: this.#watch,
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
    this.#watch.start();
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
    const { self, runtime, context, times } = this.#parts;
    const placed = placementOf(id, context.router.map?.fileServers).slice(0, COPIES_MAX);
    lookAtBlob(
      runtime,
      times,
      id,
      placed.filter((server) => server.id !== self),
    );
  }

  /** A map of other partitions alone moves no blob. */
  #adopted(): void {
    const servers = JSON.stringify(this.#parts.context.router.map?.fileServers ?? {});
    if (servers === this.#servers) return;
    this.#servers = servers;
    this.replicator.moved();
  }

  #isLossAccepted(meta: BlobMeta): boolean {
    const { map } = this.#parts.context.router;
    // Without a map nothing is known, and nothing goes.
    return map === undefined || mayOwnerBeLost(meta, this.#parts.provenance(), map);
  }
}
