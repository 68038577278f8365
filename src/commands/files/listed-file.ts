// A file as `velour files` tells of it, from its record: a line for people, an object for programs. Pure.

import { recordKey, recordValue, type StoredRecord } from '../../cluster/model/record.ts';
import { textOfBytes } from '../../cluster/wire/key-text.ts';
import { Malformed } from '../../cluster/wire/shapes.ts';
import { type FileName, fileNameOf } from '../../files/file-name.ts';
import { decodeManifest, type FileManifest } from '../../files/manifest.ts';
import { lineOfBytes } from '../keys/key-text.ts';

export interface ListedFile {
  readonly name: FileName;
  readonly manifest: FileManifest;
}

export type ReadRecord =
  | ({ readonly kind: 'file' } & ListedFile)
  /** It has the key of a file, and is none. */
  | { readonly kind: 'damaged'; readonly name: FileName; readonly why: string }
  /** Of something else. */
  | { readonly kind: 'other' };

export function readFileRecord(record: StoredRecord): ReadRecord {
  const name = fileNameOf(recordKey(record));
  if (name === undefined) return { kind: 'other' };
  try {
    return { kind: 'file', name, manifest: decodeManifest(recordValue(record)) };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { kind: 'damaged', name, why: error.message };
  }
}

/** @returns path, size, date, class, copies and type with tabs between them; `-` where there is none */
export function lineOfFile({ name, manifest }: ListedFile, copies: number): string {
  const { size, modifiedMs, replicationClass, contentType } = manifest;
  const wanted = manifest.kind === 'blob' ? copies.toString() : manifest.kind;
  const type = contentType === undefined ? '-' : lineOfBytes(Buffer.from(contentType));
  const date = new Date(modifiedMs).toISOString();
  return [lineOfBytes(name.path), size, date, replicationClass, wanted, type].join('\t');
}

/** @param copies of the class; a file whose bytes are in its record has none, nor has a directory */
export function jsonOfFile({ name, manifest }: ListedFile, copies: number) {
  const { size, sha512, md5, modifiedMs, contentType, replicationClass, attributes } = manifest;
  const place = () => {
    switch (manifest.kind) {
      case 'inline':
        return { inline: true };
      case 'directory':
        return { inline: true, directory: true };
      case 'blob':
        return { inline: false, blob: manifest.blob, copies };
    }
  };
  return {
    space: name.space,
    path: textOfBytes(name.path),
    size,
    type: contentType,
    modified: new Date(modifiedMs).toISOString(),
    class: replicationClass,
    ...place(),
    sha512,
    md5,
    attributes,
  };
}

/** @returns the path, with its space where that is none of sfss */
export function fileText({ space, path }: FileName): string {
  return space === 's' ? lineOfBytes(path) : `${space}: ${lineOfBytes(path)}`;
}
