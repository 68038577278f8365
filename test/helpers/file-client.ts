// The files of a cluster of real processes, as a gateway of it has them, without a gateway: for tests of what is beside
// those.

import { createHash } from 'node:crypto';
import { openNetwork } from '../../src/cluster/io/network/network.ts';
import { openLogger } from '../../src/cluster/io/process/logger.ts';
import {
  openHost,
  systemClock,
  systemRandom,
  systemTimers,
} from '../../src/cluster/io/process/system.ts';
import { NO_CONDITION } from '../../src/cluster/model/condition.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import {
  type ClientRefused,
  type ClusterClient,
  connectToCluster,
} from '../../src/coordinator/cluster-client.ts';
import { ConditionalWriter } from '../../src/coordinator/operations/conditional/round.ts';
import { LinearizableReader } from '../../src/coordinator/operations/get/linearizable.ts';
import { Reader } from '../../src/coordinator/operations/get/round.ts';
import { PageReader } from '../../src/coordinator/operations/scan/page.ts';
import { Writer } from '../../src/coordinator/operations/set/writer.ts';
import { ClusterFiles } from '../../src/files/cluster-files.ts';
import { DEFAULT_CLASS, type FileKey } from '../../src/files/file-key.ts';
import { fileKeyOf } from '../../src/files/file-name.ts';
import { FILE_BYTES_MAX } from '../../src/files/manifest.ts';
import type { FindFileOutcome, OpenFileOutcome, PutFileOutcome } from '../../src/files/outcomes.ts';
import { TestBody } from './blob-stage.ts';
import { TIME_SCALE } from './fleet.ts';

export class FileClient {
  readonly client: ClusterClient;
  readonly files: ClusterFiles;

  private constructor(client: ClusterClient) {
    this.client = client;
    this.files = new ClusterFiles(client, {
      reader: new Reader(client),
      linearizable: new LinearizableReader(client),
      pages: new PageReader(client),
      writer: new Writer(client),
      conditional: new ConditionalWriter(client),
    });
    this.files.start();
  }

  static async connect(controller: string, timeScale = TIME_SCALE): Promise<FileClient> {
    const logger = openLogger({ role: 'test', node: undefined, level: 'error', pretty: false });
    const runtime = {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      network: openNetwork(),
      logger,
      host: openHost(logger),
      disk: undefined,
    };
    const times = protocolTimes(timeScale);
    for (;;) {
      const client = await new Promise<ClusterClient | ClientRefused>((resolve) =>
        connectToCluster(runtime, { controller: controller as Address, times }, resolve),
      );
      if (!('refused' in client)) return new FileClient(client);
    }
  }

  /** @returns the blob's id; undefined for a file whose bytes are in its record */
  async put(
    path: string,
    bytes: Buffer,
    name = DEFAULT_CLASS,
    space = 's',
  ): Promise<string | undefined> {
    const outcome = await new Promise<PutFileOutcome>((resolve) =>
      this.files.put(
        {
          key: keyOf(path, space),
          body: TestBody.of(bytes),
          bytesMax: FILE_BYTES_MAX,
          contentType: 'text/plain',
          replicationClass: name,
          waitsForAll: true,
          condition: NO_CONDITION,
          expected: {},
        },
        resolve,
      ),
    );
    if (outcome.kind !== 'stored') throw new Error(`${path}: ${JSON.stringify(outcome)}`);
    const { manifest } = outcome.file;
    return manifest.kind === 'blob' ? manifest.blob : undefined;
  }

  /** @returns the sha-512 of all bytes, as they come; a text in brackets where they do not */
  async read(path: string): Promise<string> {
    const found = await new Promise<FindFileOutcome>((resolve) =>
      this.files.find(keyOf(path), resolve),
    );
    if (found.kind !== 'found') return `(${found.kind})`;
    const opened = await new Promise<OpenFileOutcome>((resolve) =>
      this.files.open(found.file, undefined, resolve),
    );
    if (opened.kind !== 'open') return `(${opened.detail})`;
    const hash = createHash('sha512');
    return new Promise((resolve) => {
      const next = () =>
        opened.body.read((part) => {
          switch (part.kind) {
            case 'bytes':
              hash.update(part.bytes);
              return next();
            case 'end':
              return resolve(hash.digest('hex'));
            case 'broken':
              return resolve(`(broken: ${part.why})`);
          }
        });
      next();
    });
  }

  /** @returns what there is at the path, in a space with directories */
  async kindOf(path: string, space: string): Promise<string> {
    const found = await new Promise<FindFileOutcome>((resolve) =>
      this.files.find(keyOf(path, space), resolve),
    );
    return found.kind === 'found' ? found.file.manifest.kind : found.kind;
  }

  async delete(path: string): Promise<void> {
    const outcome = await new Promise<{ readonly kind: string }>((resolve) =>
      this.files.delete(keyOf(path), NO_CONDITION, resolve),
    );
    if (outcome.kind !== 'deleted') throw new Error(`${path}: ${JSON.stringify(outcome)}`);
  }
}

export function sha512Of(bytes: Buffer): string {
  return createHash('sha512').update(bytes).digest('hex');
}

export function keyOf(path: string, space = 's'): FileKey {
  const key = fileKeyOf({ space, path: Buffer.from(path) });
  if (key === undefined) throw new Error(`no path: ${path}`);
  return key;
}
