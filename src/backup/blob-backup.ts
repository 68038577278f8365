// The second half of a backup: copies the blobs that its records name, from whichever file server has them, the trash included,
// for a file may have been overwritten since its record was copied. What is there already, and right, is not copied again.

import type { ByteStream } from '../cluster/http/byte-stream.ts';
import { recordKey } from '../cluster/model/record.ts';
import type { Folder, FolderFile } from '../cluster/ports.ts';
import type { ClusterClient } from '../coordinator/cluster-client.ts';
import { ConditionalWriter } from '../coordinator/operations/conditional/round.ts';
import { LinearizableReader } from '../coordinator/operations/get/linearizable.ts';
import { Reader } from '../coordinator/operations/get/round.ts';
import { PageReader } from '../coordinator/operations/scan/page.ts';
import { Writer } from '../coordinator/operations/set/writer.ts';
import { ClusterFiles } from '../files/cluster-files.ts';
import { ContentDigests } from '../files/content-digests.ts';
import type { FileKey } from '../files/file-key.ts';
import type { FileLayer } from '../files/outcomes.ts';
import { isBlobRight, type NamingRecord, namingRecord, pathOfBlob } from './blob-file.ts';
import type { Manifest } from './manifest.ts';
import { RecordWalk } from './record-walk.ts';

const BLOBS_AT_ONCE = 4;
/** So many are named one by one; the others are counted. */
const MISSING_NAMED_MAX = 100;

export interface BlobFigures {
  readonly blobs: number;
  readonly bytes: number;
  /** How many of them this run has copied, and how many bytes. */
  readonly copied: number;
  readonly copiedBytes: number;
  /** Those whose files were overwritten or deleted since, and that nobody has any more. */
  readonly gone: number;
  /** Those that could not be copied, though their files are there. */
  readonly missing: number;
}

export interface MissingBlob {
  readonly name: NamingRecord['name'];
  readonly reason: string;
}

export interface BlobBackupOutcome {
  readonly missing: readonly MissingBlob[];
  /** Set when the directory cannot be written or read: the reason. */
  readonly broken?: string;
}

type CopyOutcome = 'copied' | 'gone' | { readonly missing: string } | { readonly broken: string };

export class BlobBackup {
  readonly #folder: Folder;
  readonly #files: Pick<FileLayer, 'find' | 'open'>;
  readonly #walk: RecordWalk<NamingRecord>;
  readonly #missing: MissingBlob[] = [];
  readonly #done: (outcome: BlobBackupOutcome) => void;
  readonly figures = { blobs: 0, bytes: 0, copied: 0, copiedBytes: 0, gone: 0, missing: 0 };

  /** @param done called once */
  constructor(
    files: Pick<FileLayer, 'find' | 'open'>,
    folder: Folder,
    manifest: Pick<Manifest, 'digits' | 'partitions'>,
    done: (outcome: BlobBackupOutcome) => void,
  ) {
    this.#folder = folder;
    this.#files = files;
    this.#done = done;
    const has = ({ blobs }: { readonly blobs?: number | undefined }) => (blobs ?? 0) > 0;
    this.#walk = new RecordWalk(
      folder,
      manifest,
      { has, atOnce: BLOBS_AT_ONCE },
      {
        pick: namingRecord,
        work: (named, next) => this.#look(named, next),
        done: (problem) => done({ missing: this.#missing, ...(problem && { broken: problem }) }),
      },
    );
  }

  start(): void {
    this.#walk.start();
  }

  stop(): void {
    this.#walk.stop();
  }

  #look(named: NamingRecord, next: () => void): void {
    const { size } = named.manifest;
    isBlobRight(this.#folder, named.manifest, (isRight) => {
      if (isRight) {
        this.figures.blobs++;
        this.figures.bytes += size;
        return next();
      }
      return this.#copy(named, (outcome) => {
        if (outcome === 'gone') this.figures.gone++;
        else if (outcome === 'copied') {
          this.figures.blobs++;
          this.figures.copied++;
          this.figures.bytes += size;
        } else if ('broken' in outcome) {
          this.#walk.stop();
          this.#done({ missing: this.#missing, broken: outcome.broken });
        } else {
          this.figures.missing++;
          const { name } = named;
          if (this.#missing.length < MISSING_NAMED_MAX) {
            this.#missing.push({ name, reason: outcome.missing });
          }
        }
        next();
      });
    });
  }

  #copy(named: NamingRecord, done: (outcome: CopyOutcome) => void): void {
    const { manifest } = named;
    const path = pathOfBlob(manifest.blob);
    this.#files.open({ manifest }, undefined, (opened) => {
      if (opened.kind === 'failed') return this.#unreadable(named, opened.detail, done);
      const { body } = opened;
      const broken = (detail: string) => {
        body.discard();
        done({ broken: `${path.file} cannot be written: ${detail}` });
      };
      return this.#folder.makeDirectory(path.folder, (made) => {
        if (made.kind === 'failed') return broken(made.detail);
        return this.#folder.open(path.file, { create: true }, (created) => {
          if (created.kind === 'failed') return broken(created.detail);
          return this.#write(named, body, created.value, (outcome) => {
            created.value.close();
            done(outcome);
          });
        });
      });
    });
  }

  #write(
    { manifest }: NamingRecord,
    body: ByteStream,
    file: FolderFile,
    done: (outcome: CopyOutcome) => void,
  ): void {
    const { file: path } = pathOfBlob(manifest.blob);
    const digests = new ContentDigests();
    const broken = (detail: string) => {
      body.discard();
      done({ broken: `${path} cannot be written: ${detail}` });
    };
    const next = (): void =>
      body.read((part) => {
        switch (part.kind) {
          case 'broken':
            return done({ missing: 'every copy broke off' });
          case 'end': {
            const { size, sha512 } = digests.end();
            if (size !== manifest.size || sha512 !== manifest.sha512) {
              return done({ missing: 'its bytes are not those that its record has the digest of' });
            }
            return file.finish(size, (finished) =>
              finished.kind === 'failed' ? broken(finished.detail) : done('copied'),
            );
          }
          case 'bytes': {
            const at = digests.size;
            digests.add(part.bytes);
            this.figures.copiedBytes += part.bytes.length;
            return file.write(at, part.bytes, (written) =>
              written.kind === 'failed' ? broken(written.detail) : next(),
            );
          }
        }
      });
    next();
  }

  /** A file that was overwritten or deleted since its record was copied may be gone by now, and no harm is done. */
  #unreadable(
    { record, manifest }: NamingRecord,
    detail: string,
    done: (outcome: CopyOutcome) => void,
  ): void {
    this.#files.find(recordKey(record) as FileKey, (found) => {
      switch (found.kind) {
        case 'absent':
          return done('gone');
        case 'failed':
          return done({ missing: detail });
        case 'found': {
          const now = found.file.manifest;
          const isNamed = now.kind === 'blob' && now.blob === manifest.blob;
          return done(isNamed ? { missing: detail } : 'gone');
        }
      }
    });
  }
}

/** The files of the cluster that a client has reached. */
export function filesOf(client: ClusterClient): FileLayer {
  const files = new ClusterFiles(client, {
    reader: new Reader(client),
    linearizable: new LinearizableReader(client),
    pages: new PageReader(client),
    writer: new Writer(client),
    conditional: new ConditionalWriter(client),
  });
  files.start();
  return files;
}
