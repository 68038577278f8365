// What a file server tells of itself: /room for those who choose among file servers, /status for people, and metrics.

import { errorReply } from '../cluster/http/errors.ts';
import { jsonReply, type WholeReply } from '../cluster/http/http.ts';
import type { Metrics } from '../cluster/http/metrics.ts';
import type { Routes } from '../cluster/http/routes.ts';
import type { ClusterMap } from '../cluster/model/cluster-map.ts';
import { printMapVersion } from '../cluster/model/cluster-map.ts';
import { fileServerEntry } from '../cluster/model/file-server.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Host } from '../cluster/ports.ts';
import { VERSION } from '../cluster/software.ts';
import type { BlobServer } from './blob-server.ts';
import type { BlobCounts } from './blob-store/blob-counts.ts';
import type { BlobStore } from './blob-store/blob-store.ts';
import type { StoreIdentity } from './blob-store/identity-file.ts';
import { FILESERVER_ROUTES } from './fileserver-routes.ts';
import type { Upkeep } from './upkeep.ts';
import type { DiskRoom } from './uploads/disk-room.ts';

export interface InspectedServer {
  readonly host: Host;
  readonly address: Address;
  /** Undefined where clients reach it there as well. */
  readonly publicAddress: Address | undefined;
  /** As others place copies by it; the name of the machine mostly. */
  readonly placementHost: string;
  readonly server: BlobServer;
  readonly room: DiskRoom;
  readonly store: BlobStore;
  identity(): StoreIdentity | undefined;
  map(): ClusterMap | undefined;
  joiningProblem(): string | undefined;
  /** Undefined until it has joined. */
  upkeep(): Upkeep | undefined;
}

export function inspect(routes: Routes, metrics: Metrics, of: InspectedServer): void {
  routes.add(FILESERVER_ROUTES.room, (_request, reply) => reply(roomReply(of)));
  routes.add(FILESERVER_ROUTES.status, (_request, reply) => reply(statusReply(of)));
  addMetrics(metrics, of);
}

/** Asked once a second by everybody: all of it is in memory. */
function roomReply({ server, room, identity, publicAddress, map }: InspectedServer): WholeReply {
  const { opened } = server;
  const own = identity();
  if ('status' in opened) return opened;
  return jsonReply(200, {
    cluster: opened.cluster,
    id: own?.node,
    store: own?.store,
    freeBytes: room.freeBytes,
    busy: server.busy,
    readOnly: 'status' in server.taking,
    mapVersion: map()?.version,
    publicAddress,
  });
}

function statusReply(of: InspectedServer): WholeReply {
  const { server, room, host, address, publicAddress, placementHost } = of;
  const [store, own, map] = [of.store, of.identity(), of.map()];
  if (own === undefined) return errorReply('not-ready', 'opening its data directory');
  const entry = map && fileServerEntry(map, own.node);
  const usage = host.usage();
  const upkeep = of.upkeep();
  return jsonReply(200, {
    ...own,
    address,
    publicAddress,
    host: placementHost,
    version: VERSION,
    pid: usage.pid,
    uptimeSeconds: Math.floor(usage.uptimeSeconds),
    map: map && printMapVersion(map.version),
    joined: of.joiningProblem() === undefined,
    problem: of.joiningProblem(),
    weight: entry?.weight,
    draining: entry?.state === 'draining',
    left: upkeep?.replicator.left ?? null,
    pass: upkeep && passOf(upkeep),
    scrub: upkeep && { ...upkeep.scrubber.progress, ...upkeep.scrubber.counts },
    readOnly: 'status' in server.taking,
    diskProblem: store.health.problem,
    freeBytes: room.freeBytes,
    reserveBytes: room.reserveBytes,
    totalBytes: room.totalBytes,
    ...countsOf(store.blobs),
    trash: countsOf(store.trash),
    corrupt: countsOf(store.corrupt),
    staged: store.staged,
    uploads: server.uploads.taken,
    downloads: server.reads,
    waiting: waitingIn(server),
    busy: server.busy,
    rssBytes: usage.residentBytes,
  });
}

/** What the latest pass through all blobs has found; undefined before the first one is over. */
function passOf({ replicator }: Upkeep) {
  const { report, waiting } = replicator;
  if (report === undefined) return { waiting };
  const { ownerless, ...counts } = report.counts;
  const { collected, isSuspended } = report;
  return { ...counts, ownerless: ownerless.length, collected, suspended: isSuspended, waiting };
}

/** `counted` is false while the census goes on, and the numbers are of a part. */
function countsOf({ count, isComplete }: BlobCounts) {
  return { ...count, counted: isComplete };
}

function waitingIn(server: BlobServer): number {
  const { uploads, downloads, ticketDownloads, works } = server;
  return uploads.waiting + downloads.waiting + ticketDownloads.waiting + works.waiting;
}

function addMetrics(metrics: Metrics, { server, room, store, upkeep }: InspectedServer): void {
  metrics.gauge(
    'velourfog_incomplete_blobs',
    'Blobs that the latest pass found without all their copies, or could not tell of.',
    () => {
      const counts = upkeep()?.replicator.report?.counts;
      return counts === undefined ? 0 : counts.incomplete + counts.unknown;
    },
  );
  metrics.gauge(
    'velourfog_collection_suspended',
    '1 while so many blobs have no file that none is collected.',
    () => (upkeep()?.replicator.report?.isSuspended === true ? 1 : 0),
  );
  const states = { committed: 'blobs', trash: 'trash', corrupt: 'corrupt' } as const;
  for (const [state, counts] of Object.entries(states)) {
    metrics.gauge(
      'velourfog_blobs',
      'Blobs held, by their state.',
      () => store[counts].count.blobs,
      { state },
    );
    metrics.gauge('velourfog_blob_bytes', 'Bytes of these.', () => store[counts].count.bytes, {
      state,
    });
  }
  metrics.gauge('velourfog_staged_blobs', 'Uploads that are not committed.', () => {
    return store.staged;
  });
  metrics.gauge('velourfog_room_bytes', 'What may be written beside the reserve.', () => {
    return room.freeBytes;
  });
  metrics.gauge('velourfog_disk_bytes', 'The size of the file system.', () => room.totalBytes);
  metrics.gauge('velourfog_disk_writable', '0 while nothing can be written.', () =>
    store.health.problem === undefined ? 1 : 0,
  );
  const { uploads, downloads, ticketDownloads, works } = server;
  const kinds = { uploads, downloads, 'ticket-downloads': ticketDownloads, works };
  for (const [kind, slots] of Object.entries(kinds)) {
    metrics.gauge(
      'velourfog_transfers',
      'Uploads, downloads and other work on blobs under way.',
      () => slots.taken,
      { kind },
    );
    metrics.gauge(
      'velourfog_waiting_transfers',
      'Those that wait for their turn.',
      () => slots.waiting,
      { kind },
    );
  }
}
