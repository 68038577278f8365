// Where everything of a file server is in its directory:
//
//   fileserver.identity    whose directory this is (identity-file.ts)
//   blobs/ab/cd/ID         the bytes of a blob, which a web server may serve as they are
//   blobs/ab/cd/ID.meta    what there is to know of it (blob-meta.ts): while this is there, the blob is
//   incoming/              what is not committed yet; emptied at each start
//   trash/  corrupt/       blobs that nobody names, and blobs whose bytes are wrong, each with its ID.meta

import { type BlobId, blobFolderOf, parseBlobId } from '../../files/blob-id.ts';

export const IDENTITY_FILE = 'fileserver.identity';
export const BLOBS = 'blobs';
export const INCOMING = 'incoming';
export const TRASH = 'trash';
export const CORRUPT = 'corrupt';
export const FOLDERS = [BLOBS, INCOMING, TRASH, CORRUPT] as const;

const META = '.meta';

/** The two files of a blob. */
export interface BlobPlace {
  readonly folder: string;
  readonly data: string;
  readonly meta: string;
}

export function placeIn(folder: string, id: BlobId): BlobPlace {
  return { folder, data: `${folder}/${id}`, meta: `${folder}/${id}${META}` };
}

/** The place of a committed blob. */
export function homeOf(id: BlobId): BlobPlace {
  return placeIn(`${BLOBS}/${blobFolderOf(id)}`, id);
}

export interface NamedFile {
  readonly id: BlobId;
  readonly isMeta: boolean;
}

/** @returns whose file has the name; undefined for what no file server named */
export function namedFile(name: string): NamedFile | undefined {
  const isMeta = name.endsWith(META);
  const id = parseBlobId(isMeta ? name.slice(0, -META.length) : name);
  return id === undefined ? undefined : { id, isMeta };
}
