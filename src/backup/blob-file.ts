// The blobs of a backup: which records name one, where its bytes are in the directory, and whether these are right. A backup has
// one file for each blob, with its plain bytes; the record that names it says what they must be.

import type { BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import { isTombstone, recordKey, recordValue, type StoredRecord } from '../cluster/model/record.ts';
import type { Folder, FolderFile } from '../cluster/ports.ts';
import { Malformed } from '../cluster/wire/shapes.ts';
import { type BlobId, randomPartOf } from '../files/blob-id.ts';
import { ContentDigests } from '../files/content-digests.ts';
import { type FileName, fileNameOf } from '../files/file-name.ts';
import { decodeManifest, type FileManifest } from '../files/manifest.ts';

const READ_BYTES = 256 * 1024;

/** A record that names a blob. */
export interface NamingRecord {
  readonly record: StoredRecord;
  readonly name: FileName;
  readonly manifest: Extract<FileManifest, { kind: 'blob' }>;
}

/** @returns undefined for a record that names no blob */
export function namingRecord(record: StoredRecord): NamingRecord | undefined {
  if (isTombstone(record)) return undefined;
  const name = fileNameOf(recordKey(record));
  if (name === undefined) return undefined;
  try {
    const manifest = decodeManifest(recordValue(record));
    return manifest.kind === 'blob' ? { record, name, manifest } : undefined;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    // It is copied and restored as it is.
    return undefined;
  }
}

export interface BlobPath {
  readonly folder: string;
  readonly file: string;
}

/** Spread over 256 directories by the first digits of its random part. */
export function pathOfBlob(id: BlobId): BlobPath {
  const folder = `blobs/${randomPartOf(id).slice(0, 2)}`;
  return { folder, file: `${folder}/${id}` };
}

/** @returns through the callback how long the blob's file is; undefined where there is none */
export function lengthOfBlob(
  folder: Folder,
  id: BlobId,
  callback: (bytes: number | undefined) => void,
): void {
  folder.open(pathOfBlob(id).file, { create: false }, (opened) => {
    if (opened.kind === 'failed') return callback(undefined);
    opened.value.close();
    return callback(opened.value.bytes);
  });
}

/** @returns through the callback whether the directory has the blob, all of it and nothing else */
export function isBlobRight(
  folder: Folder,
  { blob, size, sha512 }: NamingRecord['manifest'],
  callback: (isRight: boolean) => void,
): void {
  folder.open(pathOfBlob(blob).file, { create: false }, (opened) => {
    if (opened.kind === 'failed') return callback(false);
    const body = new FolderBody(opened.value);
    if (body.length !== size) {
      body.discard();
      return callback(false);
    }
    const digests = new ContentDigests();
    const next = (): void =>
      body.read((part) => {
        switch (part.kind) {
          case 'bytes':
            digests.add(part.bytes);
            return next();
          case 'end':
            return callback(digests.end().sha512 === sha512);
          case 'broken':
            return callback(false);
        }
      });
    return next();
  });
}

/** A file as a body; closes it at its end. */
export class FolderBody implements ByteStream {
  readonly length: number;
  readonly #file: FolderFile;
  #at = 0;
  #isOver = false;

  constructor(file: FolderFile) {
    this.#file = file;
    this.length = file.bytes;
  }

  read(callback: (part: BytePart) => void): void {
    const length = Math.min(READ_BYTES, this.length - this.#at);
    if (length === 0) {
      this.#close();
      return callback({ kind: 'end' });
    }
    return this.#file.read(this.#at, length, (read) => {
      if (this.#isOver) return undefined;
      if (read.kind === 'failed' || read.value.length < length) {
        this.#close();
        return callback({ kind: 'broken', why: 'failed' });
      }
      this.#at += length;
      return callback({ kind: 'bytes', bytes: read.value });
    });
  }

  discard(): void {
    this.#close();
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#file.close();
  }
}
