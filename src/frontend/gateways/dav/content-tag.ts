// The ETag of a resource, as clients of WebDAV see it (files/http/content-tag.ts). A change is conditional on the record (judgement.ts).

import { contentTagOf } from '../../../files/http/content-tag.ts';
import type { Resource } from './resources.ts';

/** @returns with its quotes; a collection has none, for its record says nothing of the entries that a client would see */
export function contentTag({
  kind,
  fields,
}: Pick<Resource, 'kind' | 'fields'>): string | undefined {
  return kind === 'file' && fields !== undefined ? contentTagOf(fields) : undefined;
}
