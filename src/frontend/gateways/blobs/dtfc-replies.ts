// What the blob service answers, with the words of the original where it had some. Pure.

import type { ByteStream } from '../../../cluster/http/byte-stream.ts';
import { brokenBodyReply, errorReply } from '../../../cluster/http/errors.ts';
import { type HttpReply, textReply, type WholeReply } from '../../../cluster/http/http.ts';
import type { TagHeaders, WrongHead } from '../../../cluster/http/preconditions.ts';
import { recordVersion } from '../../../cluster/model/record.ts';
import { printVersion } from '../../../cluster/model/version.ts';
import { type FileFailure, unmetReply } from '../../../files/http/file-answer.ts';
import { FILE_BYTES_MAX, type FileManifest } from '../../../files/manifest.ts';
import type { DeleteFileOutcome, FileVersion, PutFileOutcome } from '../../../files/outcomes.ts';
import { FILENAME, sanitisedName } from './blob-name.ts';
import { blobTag, type ContentHash } from './dtfc-usage.ts';
import type { FindBlobOutcome } from './marked-blobs.ts';
import type { ToldByPeer } from './peer-deletes.ts';

export const NOT_FOUND = textReply(404, '404 Not Found.');
export const TOO_MANY = errorReply('too-many-requests', '429 Too Many Requests.', {
  headers: { 'retry-after': '1' },
});
export const FORBIDDEN = errorReply('denied', '403 Forbidden.');
const PLAIN = { 'content-type': 'text/plain', 'cache-control': 'no-store' };
/** As the original says it: a load takes about so long. */
export const LOADING = errorReply(
  'loading',
  'this content is being loaded from a peer, or too many others are; ask again later',
  { headers: { 'retry-after': '120' } },
);

/** A 404 would say that there is no such content. */
export const UNHEARD = errorReply(
  'unanswered',
  'this cluster does not have it, and none of its peers has answered; ask again later',
);
export const REFRESHED: WholeReply = { status: 200, headers: PLAIN, body: '' };

/** @param problem why the list of peers cannot be read */
export function unreadableList(problem: string): WholeReply {
  const what = `the list of peers cannot be read, and the last one that could counts: ${problem}`;
  return errorReply('not-ready', what);
}

export const HEALTHY: WholeReply = {
  status: 200,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  body: 'All systems go.',
};

export function filenameOf({ attributes }: FileManifest): string {
  // Nothing else writes it, but it goes into a header.
  return sanitisedName(attributes?.[FILENAME] ?? '');
}

export function withName(reply: HttpReply, filename: string): HttpReply {
  const disposition = `attachment; filename="${filename}"`;
  return { ...reply, headers: { ...reply.headers, 'content-disposition': disposition } };
}

/**
 * `curl -X HEAD`, as scripts for the original have it, waits for a body as long as Content-Length says, or until the
 * connection ends. So there is no length, and it ends.
 */
export function headReply({ status, headers }: HttpReply): HttpReply {
  const body: ByteStream = {
    length: undefined,
    read: (callback) => callback({ kind: 'end' }),
    discard: () => undefined,
  };
  return { status, headers: { ...headers, connection: 'close' }, body };
}

export function failedReply({ code, detail }: FileFailure): WholeReply {
  return errorReply(code, detail);
}

export function unfoundReply(found: Exclude<FindBlobOutcome, { kind: 'found' }>): WholeReply {
  switch (found.kind) {
    case 'absent':
      return NOT_FOUND;
    case 'marked':
      return found.mark === '404' ? NOT_FOUND : FORBIDDEN;
    case 'failed':
      return failedReply(found);
  }
}

/** The JSON of the original's document, in its order. */
function toldOf({ sha512, size, attributes }: FileManifest, contentType: string) {
  const filename = attributes?.[FILENAME] ?? '';
  return { sha512, filename, length: size, content_type: contentType, stub: true };
}

function jsonOf(told: Readonly<Record<string, unknown>>): WholeReply {
  return { status: 200, headers: PLAIN, body: JSON.stringify(told) };
}

/** As `toldOf`, with the content type up to its semicolon, as the original has it. */
function deletedOf({ manifest }: FileVersion) {
  const [type = ''] = (manifest.contentType ?? '').split(';', 1);
  return { deleted: true, ...toldOf(manifest, type) };
}

/** @param file what was deleted here; undefined where nothing was */
export function deletedAtPeers(
  hash: ContentHash,
  file: FileVersion | undefined,
  peers: readonly ToldByPeer[],
): WholeReply {
  const own = file === undefined ? { deleted: false, sha512: hash } : deletedOf(file);
  return jsonOf({ ...own, peers });
}

export function storedReply(outcome: PutFileOutcome): WholeReply {
  switch (outcome.kind) {
    case 'stored': {
      const { manifest } = outcome.file;
      return jsonOf(toldOf(manifest, manifest.contentType ?? ''));
    }
    case 'broken':
      return brokenBodyReply(outcome.why, FILE_BYTES_MAX);
    case 'mismatch':
      return errorReply('bad-parameter', `${outcome.detail}; nothing was stored`);
    case 'not-stored':
      return failedReply({ ...outcome, detail: `${outcome.detail}; nothing was stored` });
    case 'unmet':
      return unmetReply(outcome.file && tagHeadersOf(outcome.file));
    case 'unknown': {
      const what =
        'not everybody confirmed in time: the blob may or may not be stored; send it again';
      return errorReply('outcome-unknown', what, versionOf(outcome));
    }
  }
}

export function deletedReply(outcome: DeleteFileOutcome, file: FileVersion): WholeReply {
  switch (outcome.kind) {
    case 'deleted':
      return jsonOf(deletedOf(file));
    case 'not-stored':
      return failedReply({ ...outcome, detail: `${outcome.detail}; nothing was deleted` });
    case 'unmet': {
      const what = 'others store this content again and again; nothing was deleted';
      return errorReply('not-stored', what);
    }
    case 'unknown': {
      const what = 'not everybody confirmed in time: the blob may or may not be deleted; ask again';
      return errorReply('outcome-unknown', what, versionOf(outcome));
    }
  }
}

function versionOf({ version }: Extract<PutFileOutcome, { kind: 'unknown' }>) {
  return version === undefined ? {} : { headers: { 'x-fog-version': printVersion(version) } };
}

/** The ETag of a content that can never change is its name. */
export function tagHeadersOf({ manifest, record }: FileVersion): TagHeaders {
  return {
    etag: blobTag(manifest.sha512),
    'x-fog-version': printVersion(recordVersion(record)),
  };
}

export function faultReply(fault: WrongHead): WholeReply {
  return errorReply('bad-parameter', fault.what, fault);
}
