// The ETag that clients of WebDAV see. It is of the content alone: a lock or a property that is set makes another record, and leaves
// what a client has of the file as good as it was (RFC 4918, 8.6). A change is conditional on the record (judgement.ts).

import { recordVersion } from '../../../cluster/model/record.ts';
import { printVersion } from '../../../cluster/model/version.ts';
import type { FileFields } from '../../../files/manifest.ts';
import type { FileVersion } from '../../../files/outcomes.ts';
import type { TagHeaders } from '../preconditions.ts';
import type { Resource } from './resources.ts';

/** 128 bits of the SHA-512: no two contents that anybody has share them. */
const TAG_DIGITS = 32;

/** @returns with its quotes; a collection has none, for its record says nothing of the entries that a client would see */
export function contentTag({
  kind,
  fields,
}: Pick<Resource, 'kind' | 'fields'>): string | undefined {
  return kind === 'file' && fields !== undefined ? tagOf(fields) : undefined;
}

/** The headers of an answer that is about a file. */
export function contentTagHeaders({ manifest, record }: FileVersion): TagHeaders {
  return { etag: tagOf(manifest), 'x-fog-version': printVersion(recordVersion(record)) };
}

function tagOf({ sha512 }: FileFields): string {
  return `"${sha512.slice(0, TAG_DIGITS)}"`;
}
