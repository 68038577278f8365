// Shares: files below a prefix that clients fetch at a URL of the operator's, such as a CDN or a web server in front of the
// directories of file servers. Pure.

import { encodeBytes } from '../../../../cluster/wire/query.ts';
import { type BlobId, blobFolderOf } from '../../../../files/blob-id.ts';

export interface Share {
  /** The names of the path below which files are shared; none for all files of the domain. */
  readonly prefix: readonly Buffer[];
  /** One URL for each server that has the files, with variables in it. */
  readonly urls: readonly string[];
}

/** What the variables of a share's URL stand for in one answer. */
export interface SharedFile {
  /** The names of its path, from the root of the domain on. */
  readonly segments: readonly Buffer[];
  /** Undefined for a file that has no blob: no file server's directory has it. */
  readonly blob: BlobId | undefined;
  /** The ticket by which a file server serves it. */
  readonly token: string;
}

export const SHARE_VARIABLES = ['path', 'blob', 'token'] as const;
type ShareVariable = (typeof SHARE_VARIABLES)[number];
const VARIABLE = /\$(\w*)/g;

/** @returns the names behind the dollar signs of a URL */
export function variablesIn(url: string): readonly string[] {
  return [...url.matchAll(VARIABLE)].map(([, name = '']) => name);
}

/** A URL without variables means: the rest of the path behind it, and the ticket as a parameter (FILES.md, 4). */
export function withVariables(url: string): string {
  if (variablesIn(url).length > 0) return url;
  return `${url.replace(/\/$/, '')}/$path?token=$token`;
}

/**
 * @returns where clients fetch the file, one URL for each server of its share; none where it is in no share, or its share
 *   needs a blob and it has none: then the broker sends them to the file servers, as for any file
 */
export function shareUrlsFor(
  { shares }: { readonly shares: readonly Share[] },
  file: SharedFile,
): readonly string[] {
  const share = shares.find(({ prefix }) => isBelow(prefix, file.segments));
  if (share === undefined) return [];
  const isOfBlobs = share.urls.some((url) => variablesIn(url).includes('blob'));
  if (isOfBlobs && file.blob === undefined) return [];
  const rest = file.segments.slice(share.prefix.length).map(encodeBytes).join('/');
  const values: Readonly<Record<ShareVariable, string>> = {
    path: rest,
    blob: file.blob === undefined ? '' : `${blobFolderOf(file.blob)}/${file.blob}`,
    token: file.token,
  };
  const filled = (url: string) => url.replace(VARIABLE, (_, name: ShareVariable) => values[name]);
  return share.urls.map(filled);
}

function isBelow(prefix: readonly Buffer[], segments: readonly Buffer[]): boolean {
  return (
    segments.length > prefix.length &&
    prefix.every((name, index) => segments[index]?.equals(name) === true)
  );
}
