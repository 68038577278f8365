// A founded cluster with file servers in virtual time, and hands to play a schedule of files with: uploads and reads whose
// bytes are compared, and what is on the disks. What was promised (F1 to F7) is asked all the time and at the end.

import { expect } from 'vitest';
import { etagOf, NO_CONDITION } from '../../src/cluster/model/condition.ts';
import type { BlobId } from '../../src/files/blob-id.ts';
import type { PutFileOutcome } from '../../src/files/outcomes.ts';
import { homeOf } from '../../src/fileserver/blob-store/places.ts';
import type { Frontend } from '../../src/frontend/frontend.ts';
import {
  type DownloadOptions,
  FileAsker,
  keyOf,
  type ReadEnd,
  type UploadOptions,
} from '../../src/simulation/file-asker.ts';
import { FileOracles, type FileServerNode } from '../../src/simulation/file-oracles.ts';
import { shortFileTimes } from '../../src/simulation/file-run.ts';
import type { SimulatedNode } from '../../src/simulation/node.ts';
import { Stage } from './founded.ts';

/** Of three blocks, so that something can happen in the midst of it. */
export const BYTES = 700_000;
/** How long a client takes for a piece where something is to happen meanwhile. */
export const PIECE_MS = 40;

export const FILE_TIMES = shortFileTimes(false);

export interface Upload {
  outcome: PutFileOutcome | undefined;
  readonly name: string;
}

export interface Download {
  end: ReadEnd | undefined;
  atMs: number;
}

export interface Move {
  /** Also where there is nothing to move any more. */
  isDone: boolean;
}

export class FileStage extends Stage {
  readonly fileOracles: FileOracles;
  readonly asker: FileAsker;
  readonly #paths = new Set<string>();
  readonly #broken: string[] = [];

  /** @param kept paths that are never deleted */
  constructor(seed: number, fileServers = 3, kept: readonly string[] = ['a']) {
    super(seed, {
      storages: 3,
      frontends: 2,
      redundancy: 3,
      fsync: 'interval',
      fileServers,
      fileTimes: FILE_TIMES,
    });
    const violation = (text: string) => this.#broken.push(text);
    this.fileOracles = new FileOracles(this.world, this.cluster, this.oracles, violation);
    this.asker = new FileAsker(this.world, this.fileOracles, kept, violation);
    this.until('all file servers joined', () => this.inMap === fileServers);
    this.pass(1500);
  }

  get inMap(): number {
    return Object.keys(this.map.fileServers ?? {}).length;
  }

  get servers(): readonly FileServerNode[] {
    return this.cluster.fileServers;
  }

  front(index: number): SimulatedNode<Frontend> {
    const node = this.cluster.frontends[index];
    if (node === undefined) throw new RangeError(`there is no frontend ${index}`);
    return node;
  }

  put(
    path: string,
    options: UploadOptions & { readonly bytes?: number } = {},
    frontend = this.front(0),
  ): Upload {
    this.#paths.add(path);
    const content = this.asker.contents.next(options.bytes ?? BYTES);
    const upload: Upload = { outcome: undefined, name: content.name };
    this.asker.put(frontend, path, content, { ending: 'whole', ...options }, (outcome) => {
      upload.outcome = outcome;
    });
    return upload;
  }

  /** Runs until it is answered. */
  answered(upload: Upload): PutFileOutcome {
    this.until('an answer', () => upload.outcome !== undefined, 30_000);
    return upload.outcome as PutFileOutcome;
  }

  /** Stores a file. @returns its blob and the name of its content */
  stored(path: string, options: UploadOptions & { readonly bytes?: number } = {}) {
    const upload = this.put(path, options);
    return { ...this.expectStored(upload), name: upload.name };
  }

  expectStored(upload: Upload): { readonly blob: BlobId } {
    const outcome = this.answered(upload);
    expect(outcome.kind === 'stored' ? 'stored' : outcome).toBe('stored');
    const manifest = outcome.kind === 'stored' ? outcome.file.manifest : undefined;
    if (manifest?.kind !== 'blob') throw new Error('it was stored without a blob');
    return { blob: manifest.blob };
  }

  read(path: string, options: DownloadOptions = { isPart: false }, frontend = this.front(1)) {
    const download: Download = { end: undefined, atMs: 0 };
    this.asker.read(frontend, path, { pieceMs: 1, ...options }, (end) => {
      download.end = end;
      download.atMs = this.world.nowMs;
    });
    return download;
  }

  /** Reads the file to its end, and expects this content. @returns how long that took */
  expectRead(path: string, name: string, frontend = this.front(1)): number {
    const startMs = this.world.nowMs;
    const download = this.read(path, { isPart: false }, frontend);
    this.until('the end of a read', () => download.end !== undefined, 30_000);
    expect(download.end).toEqual({ kind: 'whole', name });
    return download.atMs - startMs;
  }

  expectAbsent(path: string): void {
    const download = this.read(path);
    this.until('the end of a read', () => download.end !== undefined);
    expect(download.end).toEqual({ kind: 'absent' });
  }

  /** Moves a file as gateways do: a copy, and then a delete of the very record that was copied. */
  move(from: string, to: string, frontend = this.front(0)): Move {
    const move: Move = { isDone: false };
    this.#paths.add(to);
    // What moves store and delete is in no history.
    for (const path of [from, to]) this.asker.giveUp(path);
    this.asker.find(frontend, from, (file) => {
      if (file === 'failed') throw new Error(`${from} cannot be found`);
      if (file === 'absent') {
        move.isDone = true;
        return;
      }
      const copy = { from: file, to: keyOf(to), attributes: undefined, condition: NO_CONDITION };
      const condition = { ifMatch: [etagOf(file.record)] };
      frontend.within(({ files }) =>
        files.copy(copy, (outcome) => {
          if (outcome.kind !== 'stored') throw new Error(`the copy ends with ${outcome.kind}`);
          files.delete(keyOf(from), condition, () => {
            move.isDone = true;
          });
        }),
      );
    });
    return move;
  }

  /** Whether the file is there, with this content: read again until somebody knows. */
  isThere(path: string, name: string): boolean {
    for (;;) {
      const download = this.read(path);
      this.until('the end of a read', () => download.end !== undefined, 30_000);
      if (download.end?.kind === 'whole') {
        expect(download.end).toEqual({ kind: 'whole', name });
        return true;
      }
      if (download.end?.kind === 'absent') return false;
      this.pass(100);
    }
  }

  remove(path: string): void {
    let isDone = false;
    this.asker.delete(this.front(0), path, () => {
      isDone = true;
    });
    this.until('a delete', () => isDone);
  }

  /** The operator says this of a file server, and waits for the answer. */
  command(what: 'drain' | 'undrain', { process }: FileServerNode): void {
    const asked = this.ask(this.cluster.controller, what, { node: process.name });
    this.until('an answer', () => asked.status !== undefined);
    expect(asked.status).toBe(200);
  }

  /** The servers that have the blob at home. */
  holders(blob: BlobId): readonly FileServerNode[] {
    const { meta, data } = homeOf(blob);
    return this.servers.filter(
      ({ files }) => files.contentOf(meta) !== undefined && files.contentOf(data) !== undefined,
    );
  }

  /** The server that has the blob, and one that has not. */
  oneHolder(blob: BlobId): FileServerNode {
    return this.some(this.holders(blob));
  }

  oneOther(blob: BlobId): FileServerNode {
    const holders = this.holders(blob);
    return this.some(this.servers.filter((node) => !holders.includes(node)));
  }

  some<T>(items: readonly T[]): T {
    const [item] = items;
    if (item === undefined) throw new Error('there is none');
    return item;
  }

  /** Paths of files in this folder of any server. */
  filesIn(folder: string): readonly string[] {
    return this.servers.flatMap(({ files }) =>
      files.paths.filter((path) => path.startsWith(`${folder}/`)),
    );
  }

  /** F4: all is where it belongs, and nothing else is there. */
  untilAtRest(): void {
    const keys = [...this.#paths].map(keyOf);
    this.until(
      `rest: ${this.fileOracles.unsettled(keys).join(', ')}`,
      () => this.fileOracles.unsettled(keys).length === 0,
      120_000,
      200,
    );
  }

  /** All run again, and in the end everything that was promised holds. */
  expectFilesHealed(): void {
    this.cluster.network.healAll();
    for (const node of this.cluster.nodes) {
      if (!node.process.alive) node.start();
      node.process.resume();
      node.files.mend();
    }
    this.untilAtRest();
    this.expectFilesKept();
    this.expectKept();
  }

  expectFilesKept(): void {
    const broken = [...this.#broken, ...this.asker.violations()];
    expect(broken.slice(0, 3).join('\n')).toBe('');
  }
}
