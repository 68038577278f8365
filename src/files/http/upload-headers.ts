// What the headers of a PUT say of its file: its type, the time at which it was changed, its check sums, and what it is served with.
// Pure.

import { isContentType } from '../../cluster/http/content-types.ts';
import { errorReply } from '../../cluster/http/errors.ts';
import type { HttpRequest, WholeReply } from '../../cluster/http/http.ts';
import { MODIFIED_MS_MAX } from '../manifest.ts';
import { readServedHeaders, type ServedHeaders } from './served-headers.ts';
import { readToldSums, type ToldSums } from './upload-sums.ts';

export interface UploadHeaders {
  readonly contentType: string | undefined;
  /** As `X-OC-Mtime` says, in ms since 1970. */
  readonly modifiedMs: number | undefined;
  readonly sums: ToldSums;
  /** What the file is to be served with. */
  readonly served: ServedHeaders;
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
  if ('fault' in read) return read;
  const served = readServedHeaders(request);
  if ('fault' in served) return served;
  return { told: { contentType, modifiedMs, sums: read.sums, served: served.headers } };
}

/** @returns the refusal of a body that is no file as it is read again: no answer would say that it is compressed */
export function encodingRefusal(request: Pick<HttpRequest, 'header'>): WholeReply | undefined {
  const coding = request.header('content-encoding')?.trim().toLowerCase() ?? '';
  if (coding === '' || coding === 'identity') return undefined;
  const what =
    'Content-Encoding is not kept, and the file would come back encoded without a word: send it decoded, or under a type such as application/gzip; nothing was stored';
  return errorReply('unsupported-body', what);
}

/** @returns milliseconds; undefined for what is no number of seconds that a date in HTTP can have */
export function secondsToMs(text: string): number | undefined {
  if (!/^\d{1,12}(?:\.\d{1,9})?$/.test(text)) return undefined;
  const ms = Math.floor(Number(text) * 1000);
  return ms <= MODIFIED_MS_MAX ? ms : undefined;
}
