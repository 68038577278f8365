// GET and HEAD of a file at a broker: a redirect to a file server that has it, or to the share that it is in. What has no blob is
// in its record, and goes through the broker, as what WebDAV shows does.

import { errorReply } from '../../../cluster/http/errors.ts';
import { type HttpReply, textReply } from '../../../cluster/http/http.ts';
import { encodeBytes } from '../../../cluster/wire/query.ts';
import { contentTagHeaders } from '../../../files/http/content-tag.ts';
import type { FileLayer, FileLocation, FileVersion } from '../../../files/outcomes.ts';
import { readTerms, TICKET_MS_MAX } from '../../../files/tickets/ticket.ts';
import { keyOf, nameTextOf } from '../dav/dav-path.ts';
import { failedReply } from '../dav/dav-replies.ts';
import { typeOf } from '../dav/live-properties.ts';
import { type BrokerRequest, urlOf } from './broker-request.ts';
import { shareUrlsFor } from './config/shares.ts';
import { type LinkedFile, redirectReply } from './file-links.ts';
import { metalinkReply } from './metalink.ts';

type ReadingLayer = Pick<FileLayer, 'find' | 'locate' | 'tickets'>;

/**
 * @param isMetalink whether the document is asked for, and not the file
 * @param through answers a file that no file server has
 */
export function redirectRead(
  files: ReadingLayer,
  asked: BrokerRequest,
  isMetalink: boolean,
  through: () => void,
): void {
  const { path, reply } = asked;
  const key = keyOf(path);
  if (key === undefined || path.endsInSlash) return through();
  return files.find(key, (found) => {
    if (found.kind === 'failed') return reply(failedReply(found));
    if (found.kind === 'absent') return reply(textReply(404, 'nothing is at this path'));
    return linked(files, asked, found.file, (outcome) => {
      if (outcome === undefined) return through();
      if ('status' in outcome) return reply(outcome);
      return reply(isMetalink ? metalinkReply(outcome, nameTextOf(path)) : redirectReply(outcome));
    });
  });
}

/** @param callback called exactly once: undefined for a file without a blob */
export function linked(
  files: Pick<FileLayer, 'locate' | 'tickets'>,
  { path, domain, request }: Pick<BrokerRequest, 'path' | 'domain' | 'request'>,
  file: FileVersion,
  callback: (outcome: LinkedFile | HttpReply | undefined) => void,
): void {
  const { manifest } = file;
  const key = keyOf(path);
  const own = key && readTerms(manifest);
  if (own === undefined) return callback(undefined);
  const tag = contentTagHeaders(file);
  const contentType = typeOf(manifest, nameTextOf(path));
  return files.tickets.issue({ ...own, contentType }, TICKET_MS_MAX, (issued) => {
    if (issued.kind === 'failed') return callback(failedReply(issued));
    const { token } = issued;
    const { segments } = path;
    const shared = urlsElsewhere(
      { request, path },
      shareUrlsFor(domain, { segments, blob: own.id, token }),
    );
    const name = segments.at(-1) ?? Buffer.alloc(0);
    const [first, ...others] = [
      ...shared,
      ...files.locate(file).map((location) => ticketUrl(location, token, name)),
    ];
    if (first === undefined) return callback(NOWHERE);
    const metalinkUrl = `${urlOf({ request, path })}?metalink`;
    return callback({ fields: manifest, tag, urls: [first, ...others], metalinkUrl });
  });
}

/** A share puts the ticket behind its URL under this name. */
const SENT_BY_SHARE = /[?&]token=/;

/**
 * A share that leads back to the broker, or to a proxy that asks the broker, would send its clients in a circle. So there they are
 * sent on to file servers, as without a share.
 * @returns the URLs of a share that lead away from here
 */
function urlsElsewhere(
  asked: Pick<BrokerRequest, 'request' | 'path'>,
  urls: readonly string[],
): readonly string[] {
  if (urls.length === 0) return urls;
  if (SENT_BY_SHARE.test(asked.request.target)) return [];
  const here = placeOf(urlOf(asked));
  return urls.filter((url) => placeOf(url) !== here);
}

/** @returns a URL without its query, in the form in which two of one place are the same */
function placeOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

const NOWHERE = errorReply(
  'file-unreadable',
  'no file server that has the file can be reached; ask again, velour status shows them',
);

/** @param name of the file, for whoever looks at the URL, or stores what it answers under its last name */
export function ticketUrl({ publicAddress }: FileLocation, token: string, name: Buffer): string {
  return `http://${publicAddress}/t/${token}/${encodeBytes(name)}`;
}
