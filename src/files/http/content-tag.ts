// The ETag by which clients of WebDAV, of the broker and of file servers know a file. It is of the content alone: a lock or a property that is
// set makes another record, and leaves what a client has of the file as good as it was (RFC 4918, 8.6).

import type { TagHeaders } from '../../cluster/http/preconditions.ts';
import { recordVersion } from '../../cluster/model/record.ts';
import { printVersion } from '../../cluster/model/version.ts';
import type { FileFields } from '../manifest.ts';
import type { FileVersion } from '../outcomes.ts';

/** 128 bits of the SHA-512: no two contents that anybody has share them. */
const TAG_DIGITS = 32;

/** @returns with its quotes */
export function contentTagOf({ sha512 }: Pick<FileFields, 'sha512'>): string {
  return `"${sha512.slice(0, TAG_DIGITS)}"`;
}

/** The headers of an answer that is about a file. */
export function contentTagHeaders({ manifest, record }: FileVersion): TagHeaders {
  return { etag: contentTagOf(manifest), 'x-fog-version': printVersion(recordVersion(record)) };
}
