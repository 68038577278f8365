// What the headers of a PUT say of its file: its type, the time at which it was changed, its check sums. Pure.

import { isContentType } from '../../cluster/http/content-types.ts';
import type { HttpRequest } from '../../cluster/http/http.ts';
import { MODIFIED_MS_MAX } from '../manifest.ts';
import { readToldSums, type ToldSums } from './upload-sums.ts';

export interface UploadHeaders {
  readonly contentType: string | undefined;
  /** As `X-OC-Mtime` says, in ms since 1970. */
  readonly modifiedMs: number | undefined;
  readonly sums: ToldSums;
}

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
  const read = readToldSums(request);
  return 'fault' in read ? read : { told: { contentType, modifiedMs, sums: read.sums } };
}

/** @returns milliseconds; undefined for what is no number of seconds that a date in HTTP can have */
export function secondsToMs(text: string): number | undefined {
  if (!/^\d{1,12}(?:\.\d{1,9})?$/.test(text)) return undefined;
  const ms = Math.floor(Number(text) * 1000);
  return ms <= MODIFIED_MS_MAX ? ms : undefined;
}
