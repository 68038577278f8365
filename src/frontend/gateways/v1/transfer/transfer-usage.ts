// Parses the requests that carry records from one cluster to another. Pure. What the lines of an import say is
// record-line.ts's.

import type { HttpRequest } from '../../../../cluster/http/http.ts';
import {
  parseVersion,
  VERSION_ZERO,
  type Version,
  versionAt,
} from '../../../../cluster/model/version.ts';
import type { ScanPosition } from '../../../../coordinator/operations/scan/position.ts';
import {
  type Misuse,
  misuse,
  readCursor,
  readParameters,
  readPrefix,
  readSwitch,
  textOf,
} from '../scan-usage.ts';

export type ExportUsage =
  | {
      readonly kind: 'export';
      readonly prefix: Buffer;
      readonly from: ScanPosition | undefined;
      /** Only records with this version or a higher one. */
      readonly since: Version;
      /** Whether deletes are part of it: where it adds to an earlier export. */
      readonly deletes: boolean;
    }
  | Misuse;

export type ImportUsage = { readonly kind: 'import'; readonly asNew: boolean } | Misuse;

const EXPORT_INSTEAD = "'/v1/export?prefix=user:'";
const SINCE_INSTEAD = "'/v1/export?since=1700000000000'";
const IMPORT_INSTEAD = "-T FILE -X POST '/v1/import'";
const MILLISECONDS_MAX = 2 ** 48 - 1;

/** @param digits of the cluster, which a cursor must have */
export function readExport(request: HttpRequest, digits: number): ExportUsage {
  const read = readParameters(request, ['prefix', 'since', 'cursor'], EXPORT_INSTEAD);
  if (read.kind === 'misuse') return read;
  const { parameters } = read;
  const prefix = readPrefix(parameters, EXPORT_INSTEAD);
  if ('kind' in prefix) return prefix;
  const cursor = readCursor(parameters, digits);
  if (cursor.kind === 'misuse') return cursor;
  const deletes = parameters.has('since');
  const since = deletes ? sinceOf(textOf(parameters, 'since')) : VERSION_ZERO;
  if (since === undefined) {
    const what = 'since is neither a version, 16 hex digits, nor milliseconds since 1970';
    return misuse(what, SINCE_INSTEAD);
  }
  return { kind: 'export', prefix, from: cursor.from, since, deletes };
}

export function readImport(request: HttpRequest): ImportUsage {
  const read = readParameters(request, ['as-new'], IMPORT_INSTEAD);
  if (read.kind === 'misuse') return read;
  const asNew = readSwitch(read.parameters, 'as-new');
  if (asNew === undefined) {
    return misuse('as-new is 1 or 0', "-T FILE -X POST '/v1/import?as-new=1'");
  }
  return { kind: 'import', asNew };
}

/** Sixteen digits are a version: milliseconds have thirteen until the year 2286. */
function sinceOf(text: string): Version | undefined {
  if (!/^\d{1,15}$/.test(text)) return parseVersion(text);
  const milliseconds = Number(text);
  return milliseconds <= MILLISECONDS_MAX ? versionAt(milliseconds) : undefined;
}
