// Headers that a client has said of its file, and that whoever reads the file gets: how long it may be cached, and under which name it
// is saved. They are kept as attributes of the file. Pure.

import type { HttpRequest } from '../../cluster/http/http.ts';
import type { FileAttributes } from '../manifest.ts';

const NAMES = ['cache-control', 'content-disposition'] as const;
type ServedName = (typeof NAMES)[number];
/** By their names in lower case. */
export type ServedHeaders = Readonly<Partial<Record<ServedName, string>>>;

/** Both fit into a ticket, and into the head of each answer. */
export const SERVED_CHARACTERS_MAX = 512;
const VALUE = /^[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;

/** Whether an answer can have it, as it is. */
export function isServedValue(text: string): boolean {
  return text.length <= SERVED_CHARACTERS_MAX && VALUE.test(text);
}

/** @returns those that an upload has, or what is wrong with one, as a sentence without a full stop */
export function readServedHeaders(
  request: Pick<HttpRequest, 'header'>,
): { readonly headers: ServedHeaders } | { readonly fault: string } {
  const headers: Partial<Record<ServedName, string>> = {};
  for (const name of NAMES) {
    const value = request.header(name)?.trim();
    if (value === undefined || value === '') continue;
    if (!isServedValue(value)) {
      return {
        fault: `${name} has more than ${SERVED_CHARACTERS_MAX} characters, or others than headers have`,
      };
    }
    headers[name] = value;
  }
  return { headers };
}

/** @returns what a file with these attributes is served with */
export function servedHeaders(attributes: FileAttributes | undefined): ServedHeaders {
  const headers: Partial<Record<ServedName, string>> = {};
  if (attributes === undefined) return headers;
  for (const name of NAMES) {
    const value = attributes[attributeOf(name)];
    // It may have come another way than through a gateway that checks it.
    if (value !== undefined && isServedValue(value)) headers[name] = value;
  }
  return headers;
}

/** @param changes null for one that goes; what is not named stays @returns the very attributes where nothing is named */
export function withServedHeaders<Attributes extends FileAttributes | undefined>(
  attributes: Attributes,
  changes: Readonly<Partial<Record<ServedName, string | null | undefined>>>,
): Attributes | FileAttributes {
  const given = NAMES.filter((name) => changes[name] !== undefined);
  if (given.length === 0) return attributes;
  const all = new Map<string, string>(Object.entries(attributes ?? {}));
  for (const name of given) {
    const value = changes[name];
    if (typeof value === 'string') all.set(attributeOf(name), value);
    else all.delete(attributeOf(name));
  }
  return Object.fromEntries(all);
}

function attributeOf(name: ServedName): string {
  return `http-${name}`;
}
