// The cluster as `velour files` looks at it: records by a cluster client, blobs by the file servers of its map.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { type ClusterMap, whenFullOf } from '../../cluster/model/cluster-map.ts';
import type { Address, NodeId } from '../../cluster/model/identity.ts';
import type { StoredRecord } from '../../cluster/model/record.ts';
import { VERSION_ZERO } from '../../cluster/model/version.ts';
import type { CallOutcome } from '../../cluster/ports.ts';
import type { ControlMessage } from '../../cluster/wire/map-json.ts';
import type { ClusterClient } from '../../coordinator/cluster-client.ts';
import { Reader, type ReadOutcome } from '../../coordinator/operations/get/round.ts';
import { ClusterScan, type ScanStep } from '../../coordinator/operations/scan/cluster-scan.ts';
import type { BlobId } from '../../files/blob-id.ts';
import { type CopiesOutcome, ReplicationClasses } from '../../files/classes.ts';
import { type AskedPlaces, type BlobCopies, copiesOf } from '../../files/copies.ts';
import type { ReplicationClass } from '../../files/file-key.ts';
import { type FileTimes, fileTimes } from '../../files/file-times.ts';
import { askWhoHas, type HaveAnswers } from '../../files/have.ts';
import { type PlacedServer, placementOf } from '../../files/placement.ts';
import { CLIENT_OPTIONS, openClusterClient } from '../client-process.ts';
import { type Arguments, CONTROLLER_OPTION, type OptionTable } from '../options.ts';

export const FILES_OPTIONS: OptionTable = { ...CONTROLLER_OPTION, ...CLIENT_OPTIONS };

/** A blob, and how many copies its class wants. */
export interface WantedBlob {
  readonly blob: BlobId;
  readonly copies: number;
}

export class FilesClient {
  readonly client: ClusterClient;
  readonly times: FileTimes;
  readonly reader: Reader;
  readonly #classes: ReplicationClasses;
  readonly #copies = new Map<ReplicationClass, Promise<number>>();

  constructor(client: ClusterClient) {
    this.client = client;
    this.times = fileTimes(client.times.scale);
    this.reader = new Reader(client);
    const { classMs } = this.times;
    this.#classes = new ReplicationClasses(this.reader, client.runtime.clock, { freshMs: classMs });
  }

  get map(): ClusterMap {
    return this.client.router.map ?? this.client.map;
  }

  get servers(): readonly PlacedServer[] {
    const { fileServers = {} } = this.map;
    return Object.entries(fileServers).map(([id, entry]) => ({ id: id as NodeId, entry }));
  }

  get(key: Buffer): Promise<ReadOutcome> {
    return new Promise((resolve) => this.reader.get(key, resolve));
  }

  /** @throws FatalError when nobody can say it */
  copiesIn(name: ReplicationClass): Promise<number> {
    const known = this.#copies.get(name) ?? this.#askCopies(name);
    this.#copies.set(name, known);
    return known;
  }

  /** All records whose stored keys have the prefix. @throws FatalError where it cannot go on */
  async *records(prefix: Buffer): AsyncGenerator<readonly StoredRecord[]> {
    const query = {
      prefix,
      values: true,
      deletes: false,
      since: VERSION_ZERO,
      limit: Number.POSITIVE_INFINITY,
      nameOf: (key: Buffer) => key,
    };
    const scan = new ClusterScan(this.client, query, { digits: this.map.digits });
    for (;;) {
      const step = await new Promise<ScanStep>((resolve) => scan.next(resolve));
      if (step.kind === 'failed') {
        throw new FatalError(EXIT.unavailable, `the files cannot be listed: ${step.detail}`);
      }
      const { records, next } = step;
      if (records.length > 0) yield records.map(({ head }) => head as StoredRecord);
      if (next === undefined) return;
    }
  }

  /** Asks all file servers who has these blobs: at most ASKED_BLOBS_MAX of them. */
  async copiesOf(blobs: readonly WantedBlob[]): Promise<ReadonlyMap<BlobId, BlobCopies>> {
    const { servers } = this;
    const asked = new Map(blobs.map(({ blob }) => [blob, servers]));
    const answers = await new Promise<HaveAnswers>((resolve) =>
      askWhoHas(this.client.runtime, this.times, asked, resolve),
    );
    return new Map(
      blobs.map(({ blob, copies }) => [
        blob,
        copiesOf(this.#placesOf(blob), copies, ({ id }) => answers.of(id, blob)),
      ]),
    );
  }

  /** @returns whether the server serves the blob, from the trash as well */
  async isServedBy({ entry }: PlacedServer, blob: BlobId): Promise<boolean> {
    return typeof (await this.#send(entry.address, 'HEAD', `/blobs/${blob}`)) !== 'string';
  }

  /** @returns the whole answer; as a text why there is none */
  read(address: Address, path: string): Promise<Buffer | string> {
    return this.#send(address, 'GET', path);
  }

  #send(address: Address, method: 'GET' | 'HEAD', path: string): Promise<Buffer | string> {
    const { network, timers } = this.client.runtime;
    const request = { method, path, headers: {}, body: undefined } as const;
    return new Promise((resolve) => {
      const cancel = network.request(address, request, {
        ended: (outcome) => {
          if (outcome.kind === 'broken') resolve(outcome.error.message);
          else resolve(outcome.status === 200 ? outcome.body : `status ${outcome.status}`);
        },
      });
      timers.after(this.times.haveMs, () => {
        cancel();
        resolve('no answer in time');
      });
    });
  }

  /** Asks a file server to look at a blob soon. */
  lookAt({ entry }: PlacedServer, blob: BlobId): Promise<CallOutcome> {
    return this.post(entry.address, `/blobs/${blob}/check`);
  }

  post(address: Address, path: string, message: ControlMessage = {}): Promise<CallOutcome> {
    const call = { address, method: 'POST', path, message, timeoutMs: this.times.haveMs } as const;
    return new Promise((resolve) => this.client.runtime.network.call(call, resolve));
  }

  #placesOf(blob: BlobId): AskedPlaces {
    const draining = this.servers.filter(({ entry }) => entry.state === 'draining');
    return { placed: placementOf(blob, this.map.fileServers), draining };
  }

  async #askCopies(name: ReplicationClass): Promise<number> {
    const outcome = await new Promise<CopiesOutcome>((resolve) =>
      this.#classes.copies(name, resolve),
    );
    if (outcome.kind === 'known') return outcome.copies;
    throw new FatalError(EXIT.unavailable, `class ${name}: ${outcome.detail}`);
  }
}

/** @throws FatalError when the cluster cannot be reached, or is a cache, which has no files */
export async function openFiles(words: Arguments): Promise<FilesClient> {
  const client = new FilesClient(await openClusterClient('files', words));
  if (whenFullOf(client.map) !== 'evict') return client;
  throw new FatalError(
    EXIT.config,
    'this cluster is a cache, and may forget any record: it has no files',
  );
}
