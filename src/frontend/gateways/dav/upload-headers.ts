// What the headers of a PUT say of its file: its type, the time at which it was changed, its check sum. Pure.

import type { HttpRequest } from '../../../cluster/http/http.ts';
import { isContentType } from '../content-types.ts';
import { secondsToMs } from './proppatch.ts';

export interface UploadHeaders {
  readonly contentType: string | undefined;
  /** As `X-OC-Mtime` says, in ms since 1970. */
  readonly modifiedMs: number | undefined;
  /** As `OC-Checksum` says, in lower hexadecimal. */
  readonly md5: string | undefined;
  readonly sha1: string | undefined;
}

const CHECKSUM = /^\s*(MD5|SHA1|[A-Z][A-Z0-9-]*):([^\s:]+)\s*$/i;
const DIGITS: Readonly<Record<string, number>> = { MD5: 32, SHA1: 40 };

export function readUploadHeaders(
  request: Pick<HttpRequest, 'header'>,
): { readonly told: UploadHeaders } | { readonly fault: string } {
  const type = request.header('content-type');
  const time = request.header('x-oc-mtime');
  const modifiedMs = time === undefined ? undefined : secondsToMs(time.trim());
  // Of scans and archives clients say dates that no manifest keeps: these files are stored as of now, and not refused.
  const isBefore1970 =
    time !== undefined && secondsToMs(time.trim().replace(/^-/, '')) !== undefined;
  if (time !== undefined && modifiedMs === undefined && !isBefore1970) {
    return { fault: 'X-OC-Mtime is no number of seconds since 1970' };
  }
  const contentType = type !== undefined && isContentType(type) ? type : undefined;
  const told = { contentType, modifiedMs, md5: undefined, sha1: undefined };
  const given = request.header('oc-checksum');
  if (given === undefined) return { told };
  const [, kind, sum] = CHECKSUM.exec(given) ?? [];
  const name = kind?.toUpperCase() ?? '';
  const digits = Object.hasOwn(DIGITS, name) ? DIGITS[name] : undefined;
  // Another kind of sum cannot be checked here, and says nothing wrong.
  if (kind !== undefined && digits === undefined) return { told };
  if (sum === undefined || sum.length !== digits || !/^[0-9a-f]+$/i.test(sum)) {
    return { fault: 'OC-Checksum is no check sum such as MD5:0123... or SHA1:0123...' };
  }
  const lower = sum.toLowerCase();
  return { told: { ...told, ...(name === 'MD5' ? { md5: lower } : { sha1: lower }) } };
}
