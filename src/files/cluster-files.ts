// The file layer over a cluster: stores, finds, opens, amends and deletes files. What an upload does is in file-put.ts, what a
// download does in download.ts; nothing of records is done here that the coordinator does not do.

import { bytesStream } from '../cluster/http/byte-stream.ts';
import type { ErrorCode } from '../cluster/http/errors.ts';
import { whenFullOf } from '../cluster/model/cluster-map.ts';
import { etagOf } from '../cluster/model/condition.ts';
import type { OperationContext } from '../coordinator/operations/operation-context.ts';
import type { WriteRequest } from '../coordinator/operations/set/decision.ts';
import type { BlobId } from './blob-id.ts';
import { COPIES_MAX, ReplicationClasses } from './classes.ts';
import { lookAtBlob } from './commits.ts';
import { ContentDigests } from './content-digests.ts';
import { listDirectory } from './directory-listing.ts';
import { Download } from './download.ts';
import { copyFile } from './file-copy.ts';
import { DEFAULT_CLASS, type FileKey } from './file-key.ts';
import type { FileOperations, FileParts } from './file-parts.ts';
import { findPlaces, serversIn } from './file-places.ts';
import { FilePut, ROOM_BYTES_MIN } from './file-put.ts';
import { fileOf, isAny, setFileRecord, unkept } from './file-record.ts';
import { FileServerWatch } from './file-server-watch.ts';
import { fileTimes } from './file-times.ts';
import { type FileManifest, faultOfFields } from './manifest.ts';
import type {
  AmendFile,
  ByteRange,
  CopyFile,
  DeleteFileOutcome,
  FileCondition,
  FileLayer,
  FileLocation,
  FilePlacesOutcome,
  FileServerView,
  FileVersion,
  FindFileOutcome,
  ListDirectory,
  ListDirectoryOutcome,
  MakeDirectory,
  OpenFileOutcome,
  PutFile,
  PutFileOutcome,
  RestoreFile,
  SetFileOutcome,
} from './outcomes.ts';
import { type PlacedServer, placementOf } from './placement.ts';
import { readOrder } from './read-order.ts';
import { keepIfClear } from './second-look.ts';
import { ClusterTickets } from './tickets/cluster-tickets.ts';
import { keepIfUsed } from './undone-directory.ts';

/** H40: a cache may evict the record of a file, and nobody could tell then whether its blob is garbage. */
const NO_FILES = {
  code: 'cache-has-no-files',
  detail: 'this cluster is a cache, and may forget any record: it stores no files',
} as const;
/** What is known of the file servers is a second old: one that is busier by less is as good as another. */
const BUSIER_BY = 16;
const UNREADABLE = {
  kind: 'failed',
  code: 'file-unreadable',
  detail: 'no file server that has the file can be reached',
} as const;

const BUSY = {
  kind: 'failed',
  code: 'overloaded',
  detail: 'all file servers that have the file are busy with as many downloads as they take',
} as const;

export class ClusterFiles implements FileLayer {
  /** For what else a process does with files. */
  readonly parts: FileParts;
  readonly tickets: ClusterTickets;

  /**
   * @param operations as of stored keys, which those of files are
   * @param times those of the file layer; by default scaled as all others
   */
  constructor(
    { runtime, router, refresh, times: { scale } }: OperationContext,
    operations: FileOperations,
    times = fileTimes(scale),
  ) {
    const { reader } = operations;
    this.parts = {
      ...operations,
      runtime,
      router,
      times,
      classes: new ReplicationClasses(reader, runtime.clock, { freshMs: times.classMs }),
      watch: new FileServerWatch(runtime, router, refresh, times),
    };
    this.tickets = new ClusterTickets(runtime, operations);
  }

  /** Begins to ask the file servers how they are. */
  start(): void {
    this.parts.watch.start();
  }

  get hasFileServers(): boolean {
    return Object.keys(this.parts.router.map?.fileServers ?? {}).length > 0;
  }

  put(request: PutFile, callback: (outcome: PutFileOutcome) => void): void {
    if (this.#isCache) {
      request.body.discard();
      return callback({ kind: 'not-stored', ...NO_FILES });
    }
    return new FilePut(this.parts, request, callback).start();
  }

  find(key: FileKey, callback: (outcome: FindFileOutcome) => void): void {
    this.#find(this.parts.reader, key, callback);
  }

  findSettled(key: FileKey, callback: (outcome: FindFileOutcome) => void): void {
    this.#find(this.parts.linearizable, key, callback);
  }

  #find(
    reader: FileParts['reader' | 'linearizable'],
    key: FileKey,
    callback: (outcome: FindFileOutcome) => void,
  ): void {
    if (this.#isCache) return callback({ kind: 'failed', ...NO_FILES });
    return reader.get(key, (outcome) => {
      if (outcome.kind !== 'value') return callback(outcome.kind === 'absent' ? ABSENT : outcome);
      const file = fileOf(outcome.record);
      return callback(file === undefined ? DAMAGED : { kind: 'found', file });
    });
  }

  open(
    { manifest }: Pick<FileVersion, 'manifest'>,
    range: ByteRange | undefined,
    callback: (outcome: OpenFileOutcome) => void,
  ): void {
    const { first, last } = range ?? { first: 0, last: manifest.size - 1 };
    switch (manifest.kind) {
      case 'inline': {
        const body = bytesStream(manifest.content.subarray(first, last + 1));
        return callback({ kind: 'open', body });
      }
      case 'directory':
        return callback({ kind: 'open', body: bytesStream(Buffer.alloc(0)) });
      case 'blob':
        return this.#download(manifest, { first, last }, callback);
    }
  }

  delete(
    key: FileKey,
    condition: FileCondition,
    callback: (outcome: DeleteFileOutcome) => void,
  ): void {
    this.find(key, (found) => {
      if (found.kind === 'failed') {
        const { code, detail } = found;
        return callback({ kind: 'not-stored', code, detail });
      }
      const file = found.kind === 'found' ? found.file : undefined;
      const done = (outcome: DeleteFileOutcome) => {
        if (outcome.kind === 'deleted' && file !== undefined) this.#lookAt(file.manifest);
        callback(outcome);
      };
      return isAny(condition)
        ? this.#deleteAny(key, file !== undefined, done)
        : this.#deleteIf(key, condition, file, done);
    });
  }

  makeDirectory(
    { key, attributes, condition }: MakeDirectory,
    callback: (outcome: SetFileOutcome) => void,
  ): void {
    const modifiedMs = Math.floor(this.parts.runtime.clock.wallMs());
    const { size, sha512, md5 } = NO_CONTENT;
    const fields = { size, sha512, md5, modifiedMs, replicationClass: DEFAULT_CLASS, attributes };
    const manifest: FileManifest = { ...fields, kind: 'directory' };
    return this.#set(key, manifest, condition, (outcome) =>
      outcome.kind === 'unmet' && outcome.isUndone === true
        ? keepIfUsed(this.parts, { key, manifest }, outcome, callback)
        : callback(outcome),
    );
  }

  restore(
    { key, file: { manifest }, condition }: RestoreFile,
    callback: (outcome: SetFileOutcome) => void,
  ): void {
    this.#set(key, manifest, condition, callback);
  }

  amend(
    { key, file: { manifest, record }, change, lookAgain }: AmendFile,
    callback: (outcome: SetFileOutcome) => void,
  ): void {
    const condition = { ifMatch: [etagOf(record)], lookAgain };
    this.#set(key, { ...manifest, ...change }, condition, (outcome) => {
      // Of another class it has other copies: whoever holds it looks now, and not when its turn comes.
      if (change.replicationClass !== undefined && outcome.kind === 'stored')
        this.#lookAt(manifest);
      callback(outcome);
    });
  }

  copy(request: CopyFile, callback: (outcome: SetFileOutcome) => void): void {
    if (this.#isCache) return callback({ kind: 'not-stored', ...NO_FILES });
    return copyFile(this.parts, request, callback);
  }

  list(request: ListDirectory, callback: (outcome: ListDirectoryOutcome) => void): void {
    if (this.#isCache) return callback({ kind: 'failed', ...NO_FILES });
    return listDirectory(this.parts, request, callback);
  }

  locate({ manifest }: FileVersion): readonly FileLocation[] {
    const { classes, router, runtime, watch } = this.parts;
    const { map } = router;
    if (map === undefined || manifest.kind !== 'blob') return [];
    const { blob, replicationClass } = manifest;
    const copies = classes.lately(replicationClass);
    const usable = this.#usable(readOrder(blob, copies, map, watch, runtime.random));
    const belongs = placementOf(blob, map.fileServers).slice(0, copies);
    const holders = usable.filter(({ id }) => belongs.some((server) => server.id === id));
    return (holders.length > 0 ? holders : usable).map((server) => this.#location(server));
  }

  targetFor(id: BlobId, bytes: number | undefined): FileLocation | undefined {
    const { router, watch } = this.parts;
    const room = bytes ?? ROOM_BYTES_MIN;
    const placed = placementOf(id, router.map?.fileServers);
    const [first, second] = this.#usable(placed.filter((server) => watch.hasRoom(server.id, room)));
    if (first === undefined) return undefined;
    const isBusy =
      second !== undefined && watch.busyOf(first.id) > watch.busyOf(second.id) + BUSIER_BY;
    return this.#location(isBusy ? second : first);
  }

  /**
   * Those to which clients can be sent: a client tries no other one, so they must have said that they are up. A process that has
   * just started has heard of nobody yet, and hopes for all of them.
   */
  #usable(servers: readonly PlacedServer[]): readonly PlacedServer[] {
    const { watch } = this.parts;
    const up = servers.filter(({ id }) => watch.isUp(id));
    const heard = up.filter(({ id }) => watch.toldBy(id) !== undefined);
    return heard.length > 0 ? heard : up;
  }

  places({ manifest }: FileVersion, callback: (outcome: FilePlacesOutcome) => void): void {
    findPlaces(this.parts, manifest, callback);
  }

  get fileServers(): readonly FileServerView[] {
    const { router, watch } = this.parts;
    return serversIn(router.map?.fileServers).map((server) => {
      const { id, entry } = server;
      const { address, host, state } = entry;
      const publicAddress = watch.publicAddressOf(server);
      const [isUp, told] = [watch.isUp(id), watch.toldBy(id)];
      return { id, address, publicAddress, host, state, isUp, told };
    });
  }

  #location(server: PlacedServer): FileLocation {
    return { id: server.id, publicAddress: this.parts.watch.publicAddressOf(server) };
  }

  #set(
    key: FileKey,
    manifest: FileManifest,
    condition: FileCondition,
    callback: (outcome: SetFileOutcome) => void,
  ): void {
    if (this.#isCache) return callback({ kind: 'not-stored', ...NO_FILES });
    const detail = faultOfFields(manifest);
    if (detail !== undefined)
      return callback({ kind: 'not-stored', code: 'bad-parameter', detail });
    return setFileRecord(this.parts, { key, manifest, condition }, callback);
  }

  #deleteAny(key: FileKey, existed: boolean, done: (outcome: DeleteFileOutcome) => void): void {
    const request: WriteRequest = { key, ...TOMBSTONE };
    this.parts.writer.set(request, (outcome) =>
      done(outcome.kind === 'stored' ? { kind: 'deleted', existed } : outcome),
    );
  }

  /** @param file what was there before */
  #deleteIf(
    key: FileKey,
    { lookAgain, ...condition }: FileCondition,
    file: FileVersion | undefined,
    done: (outcome: DeleteFileOutcome) => void,
  ): void {
    const { conditional } = this.parts;
    const request = { key, condition, change: { kind: 'delete' } } as const;
    conditional.write(request, (outcome) => {
      switch (outcome.kind) {
        case 'stored': {
          const { record, created } = outcome;
          const change = { key, own: undefined, former: file?.record, lookAgain };
          return keepIfClear(conditional, change, (fate, restored) =>
            done(
              fate === 'kept'
                ? { kind: 'deleted', existed: !created }
                : unkept(fate, record, restored),
            ),
          );
        }
        case 'unmet':
          return done({ kind: 'unmet', file: outcome.record && fileOf(outcome.record) });
        case 'not-stored':
        case 'unknown':
          return done(outcome);
      }
    });
  }

  #lookAt(manifest: FileManifest): void {
    if (manifest.kind !== 'blob') return;
    const { runtime, router, times } = this.parts;
    const holders = placementOf(manifest.blob, router.map?.fileServers).slice(0, COPIES_MAX);
    lookAtBlob(runtime, times, manifest.blob, holders);
  }

  #download(
    { blob, size, replicationClass }: Extract<FileManifest, { kind: 'blob' }>,
    range: ByteRange,
    callback: (outcome: OpenFileOutcome) => void,
  ): void {
    const { classes, router, runtime, times, watch } = this.parts;
    const { map } = router;
    if (map === undefined) return callback(UNREADABLE);
    const servers = readOrder(blob, classes.lately(replicationClass), map, watch, runtime.random);
    const download = new Download(runtime, times, watch, { blob, size, range, servers });
    return download.start((hasBytes) => {
      if (hasBytes) return callback({ kind: 'open', body: download });
      return callback(download.isRefused ? BUSY : UNREADABLE);
    });
  }

  get #isCache(): boolean {
    const { map } = this.parts.router;
    return map !== undefined && whenFullOf(map) === 'evict';
  }
}

const ABSENT = { kind: 'absent' } as const;
const DAMAGED: { kind: 'failed'; code: ErrorCode; detail: string } = {
  kind: 'failed',
  code: 'internal',
  detail: 'the record of the file is damaged',
};
/** What there is to know of the content of a directory. */
const NO_CONTENT = new ContentDigests().end();
const TOMBSTONE = {
  value: Buffer.alloc(0),
  tombstone: true,
  expiresAtMs: 0,
  attributes: [],
} as const;
