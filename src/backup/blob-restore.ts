// The first half of a restore: brings the blobs of a backup to the file servers of a cluster, under their ids, before any record
// names them. Where they go follows from the map of this cluster. What is there already is not sent again, and what lies in the
// trash is taken back.

import { recordKey, recordValue, type StoredRecord } from '../cluster/model/record.ts';
import type { Folder } from '../cluster/ports.ts';
import type { ClusterClient } from '../coordinator/cluster-client.ts';
import type { BlobId } from '../files/blob-id.ts';
import { copiesInName, DEFAULT_COPIES, decodeClass } from '../files/classes.ts';
import { commit, pullBlob } from '../files/commits.ts';
import type { ContentSums } from '../files/content-digests.ts';
import { DEFAULT_CLASS, type FileKey } from '../files/file-key.ts';
import { classNameOf } from '../files/file-name.ts';
import { ACKNOWLEDGED_COPIES } from '../files/file-put.ts';
import { FileServerWatch } from '../files/file-server-watch.ts';
import { type FileTimes, fileTimes } from '../files/file-times.ts';
import { askWhoHas } from '../files/have.ts';
import { FILE_BYTES_MAX } from '../files/manifest.ts';
import { distinctHostsFirst, type PlacedServer, placementOf } from '../files/placement.ts';
import { Staging, type StagingOutcome } from '../files/staging.ts';
import { FolderBody, type NamingRecord, namingRecord, pathOfBlob } from './blob-file.ts';
import type { Manifest } from './manifest.ts';
import { RecordWalk } from './record-walk.ts';

const BLOBS_AT_ONCE = 4;
/** Ends the run after this many failures: each took a while to fail, and the next ones would fail as well. */
const FAILED_MAX = 100;

export interface BlobRestoreFigures {
  readonly sent: number;
  readonly sentBytes: number;
  /** Those that the cluster had, all of their copies or some. */
  readonly there: number;
  /** Those that the backup does not have. */
  readonly absent: number;
  readonly failed: number;
}

export interface BlobRestoreOutcome {
  /** Blobs that are not there: the records that name them must not be set. */
  readonly lacking: ReadonlySet<BlobId>;
  /** The first failure; undefined when all went well. */
  readonly problem: string | undefined;
  /** `damaged` and `given-up` ended early: no record is to be set then. */
  readonly ending: BlobRestoreEnding;
}

export type BlobRestoreEnding = 'whole' | 'damaged' | 'given-up';

/** The classes that a backup has, as its records come by. */
export class BackedUpClasses {
  readonly #copies = new Map<string, number>();

  note(record: StoredRecord): void {
    const name = classNameOf(recordKey(record));
    const read = name === undefined ? undefined : decodeClass(recordValue(record));
    if (name !== undefined && read?.kind === 'known') this.#copies.set(name, read.copies);
  }

  copies(name: string): number {
    const own = this.#copies.get(name) ?? copiesInName(name);
    return own ?? this.#copies.get(DEFAULT_CLASS) ?? DEFAULT_COPIES;
  }
}

/** Where the copies of one blob go: servers that answer now, as with an upload. */
interface BlobTargets {
  /** As many as the class says, or all that answer. */
  readonly first: readonly PlacedServer[];
  readonly others: readonly PlacedServer[];
  /** As many copies as an upload is acknowledged with: the file servers see to the others once the record is there. */
  readonly needed: number;
  /** Those that belong to the cluster and have said nothing. */
  readonly silent: readonly PlacedServer[];
}

export class BlobRestore {
  readonly #client: ClusterClient;
  readonly #folder: Folder;
  readonly #classes: Pick<BackedUpClasses, 'copies'>;
  readonly #times: FileTimes;
  readonly #watch: FileServerWatch;
  readonly #walk: RecordWalk<NamingRecord>;
  readonly #done: (outcome: BlobRestoreOutcome) => void;
  readonly #lacking = new Set<BlobId>();
  #problem: string | undefined;
  readonly figures = { sent: 0, sentBytes: 0, there: 0, absent: 0, failed: 0 };

  /** @param done called once */
  constructor(
    client: ClusterClient,
    folder: Folder,
    manifest: Manifest,
    classes: Pick<BackedUpClasses, 'copies'>,
    done: (outcome: BlobRestoreOutcome) => void,
  ) {
    this.#client = client;
    this.#folder = folder;
    this.#classes = classes;
    this.#times = fileTimes(client.times.scale);
    const { runtime, router, refresh } = client;
    this.#watch = new FileServerWatch(runtime, router, refresh, this.#times);
    this.#done = done;
    this.#walk = new RecordWalk(
      folder,
      manifest,
      { has: ({ blobs }) => (blobs ?? 0) > 0, atOnce: BLOBS_AT_ONCE },
      {
        pick: namingRecord,
        work: (named, next) => this.#restore(named, next),
        done: (problem) => this.#end(problem),
      },
    );
  }

  start(): void {
    this.#watch.start();
    this.#walk.start();
  }

  #restore(named: NamingRecord, next: () => void): void {
    const { blob, replicationClass } = named.manifest;
    const placed = placementOf(blob, this.#client.router.map?.fileServers);
    const copies = this.#classes.copies(replicationClass);
    const asked = new Map([[blob, placed]]);
    askWhoHas(this.#client.runtime, this.#times, asked, (answers) => {
      const isSilent = ({ id }: PlacedServer) => answers.of(id, blob) === 'silent';
      const usable = distinctHostsFirst(placed.filter((server) => !isSilent(server)));
      const targets = {
        first: usable.slice(0, copies),
        others: usable.slice(copies),
        needed: Math.min(copies, placed.length, ACKNOWLEDGED_COPIES),
        silent: placed.filter(isSilent),
      };
      const holders = usable.filter(({ id }) => answers.of(id, blob) === 'has');
      if (holders.length === 0) return this.#send(named, targets, next);
      return this.#spread(named, targets, holders, next);
    });
  }

  #send(named: NamingRecord, targets: BlobTargets, next: () => void): void {
    const { blob, size, sha512 } = named.manifest;
    const { file } = pathOfBlob(blob);
    this.#folder.open(file, { create: false }, (opened) => {
      if (opened.kind === 'failed') {
        if (opened.detail !== 'ENOENT') return this.#break('damaged', `${file}: ${opened.detail}`);
        this.figures.absent++;
        this.#lacking.add(blob);
        return next();
      }
      const body = new FolderBody(opened.value);
      if (body.length !== size) {
        body.discard();
        return this.#break(
          'damaged',
          `${file} has ${body.length} bytes, and its record says ${size}`,
        );
      }
      const request = {
        blob,
        body,
        beginning: [],
        bytesMax: FILE_BYTES_MAX,
        targets: targets.first,
        judge: (sums: ContentSums) => (sums.sha512 === sha512 ? undefined : DAMAGED),
      };
      return new Staging(this.#client.runtime, this.#times, this.#watch, request, (outcome) =>
        this.#staged(named, targets, outcome, next),
      ).start();
    });
  }

  #staged(
    named: NamingRecord,
    targets: BlobTargets,
    outcome: StagingOutcome,
    next: () => void,
  ): void {
    const { record, manifest } = named;
    const { blob, size } = manifest;
    const { file } = pathOfBlob(blob);
    switch (outcome.kind) {
      case 'mismatch':
        return this.#break('damaged', `${file}: ${outcome.detail}`);
      case 'broken':
        return this.#break('damaged', `${file} cannot be read`);
      case 'nowhere':
        if (outcome.isFull)
          return this.#break('given-up', `${file}: too few file servers have room for it`);
        // An id that is taken is of this very blob, and whoever has it in the trash takes it back.
        return this.#takeBack(named, targets.first, [], (holders) =>
          this.#spread(named, targets, holders, next),
        );
      case 'staged': {
        const request = {
          blob,
          owner: recordKey(record) as FileKey,
          manifest: recordValue(record),
          sums: outcome.sums,
          staged: outcome.at,
          others: [...targets.first, ...targets.others].filter((one) => !outcome.at.includes(one)),
          copies: targets.first.length,
        };
        return commit(this.#client.runtime, this.#times, request, ({ holders }) => {
          if (!isEnough(holders, targets)) return this.#failed(named, targets, next);
          this.figures.sent++;
          this.figures.sentBytes += size;
          return next();
        });
      }
    }
  }

  /** Brings a blob that the cluster has to those where it belongs, and where one of them fails to the next one. */
  #spread(
    named: NamingRecord,
    targets: BlobTargets,
    holders: readonly PlacedServer[],
    next: () => void,
  ): void {
    const lacking = [...targets.first, ...targets.others].filter((one) => !holders.includes(one));
    this.#pull(named, targets, { holders, lacking }, (all) => {
      if (!isEnough(all, targets)) return this.#failed(named, targets, next);
      this.figures.there++;
      return next();
    });
  }

  /** @param done gets those that had the blob in the trash, and have it at home now */
  #takeBack(
    named: NamingRecord,
    servers: readonly PlacedServer[],
    holders: readonly PlacedServer[],
    done: (holders: readonly PlacedServer[]) => void,
  ): void {
    const [server, ...rest] = servers;
    if (server === undefined) return done(holders);
    const { blob, size } = named.manifest;
    // From itself nobody fetches anything, but for what is in the trash it need not.
    const pull = { blob, size, from: server, to: server };
    return pullBlob(this.#client.runtime, this.#times, pull, (isDone) =>
      this.#takeBack(named, rest, isDone ? [...holders, server] : holders, done),
    );
  }

  /** @param done gets all that have the blob then */
  #pull(
    named: NamingRecord,
    targets: BlobTargets,
    { holders, lacking }: Record<'holders' | 'lacking', readonly PlacedServer[]>,
    done: (holders: readonly PlacedServer[]) => void,
  ): void {
    const [to, ...rest] = lacking;
    const [from] = holders;
    if (to === undefined || from === undefined) return done(holders);
    if (!targets.first.includes(to) && isEnough(holders, targets)) return done(holders);
    const { blob, size } = named.manifest;
    return pullBlob(this.#client.runtime, this.#times, { blob, size, from, to }, (isDone) => {
      const all = isDone ? [...holders, to] : holders;
      this.#pull(named, targets, { holders: all, lacking: rest }, done);
    });
  }

  #failed({ manifest }: NamingRecord, { needed, silent }: BlobTargets, next: () => void): void {
    const { blob } = manifest;
    this.figures.failed++;
    this.#lacking.add(blob);
    const names = silent.map(({ id, entry }) => `${id} (${entry.address})`).join(', ');
    const why =
      names === ''
        ? ''
        : `; no answer from ${names}: start it, or take it off the map with velour remove`;
    this.#problem ??= `${pathOfBlob(blob).file}: too few file servers have taken it, of ${needed} that are needed${why}`;
    if (this.figures.failed >= FAILED_MAX) return this.#break('given-up', this.#problem);
    return next();
  }

  #break(ending: BlobRestoreEnding, problem: string): void {
    this.#walk.stop();
    this.#done({ lacking: this.#lacking, problem, ending });
  }

  /** @param damage what is wrong with a file of records */
  #end(damage: string | undefined): void {
    this.#done({
      lacking: this.#lacking,
      problem: damage ?? this.#problem,
      ending: damage === undefined ? 'whole' : 'damaged',
    });
  }
}

const DAMAGED = 'its bytes are not those that its record has the digest of';

function isEnough(holders: readonly PlacedServer[], { needed }: BlobTargets): boolean {
  return holders.length >= needed && holders.length > 0;
}
