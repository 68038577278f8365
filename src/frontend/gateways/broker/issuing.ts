// PUT of a file at a broker, and a form that is posted: a ticket, and the file server that takes the body. The upload itself is
// done there, and completes the ticket by itself; what completion.ts does is for clients that want to hear of it here.

import { isContentType } from '../../../cluster/http/content-types.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import {
  type HttpReply,
  type HttpRequest,
  JSON_HEADERS,
  type WholeReply,
} from '../../../cluster/http/http.ts';
import { printHttpDate } from '../../../cluster/http/http-date.ts';
import { newBlobId } from '../../../files/blob-id.ts';
import { classOfCopies } from '../../../files/classes.ts';
import { readFormRedirect } from '../../../files/http/form-redirect.ts';
import { readServedHeaders, withServedHeaders } from '../../../files/http/served-headers.ts';
import { FILE_BYTES_MAX } from '../../../files/manifest.ts';
import type { FileLayer } from '../../../files/outcomes.ts';
import { TICKET_MS_MAX, type WriteTicket } from '../../../files/tickets/ticket.ts';
import { keyOf } from '../dav/dav-path.ts';
import { failedReply } from '../dav/dav-replies.ts';
import { readDavUsage } from '../dav/dav-usage.ts';
import { lockRefusal } from '../dav/judgement.ts';
import { type DavParts, findWay, type Way } from '../dav/resources.ts';
import { type BrokerRequest, urlOf } from './broker-request.ts';
import type { UploadWishes } from './broker-usage.ts';
import { makeAround } from './collections.ts';
import { ruleFor, type TypeRule } from './config/broker-config.ts';
import { ticketUrl } from './reading.ts';

/** Where clients are told the ticket, beside the body: redirects are followed without a look at that. */
export const TICKET_HEADER = 'x-fog-ticket';

export function redirectUpload(parts: DavParts, asked: BrokerRequest, wishes: UploadWishes): void {
  const { request, reply } = asked;
  const answer = (given: HttpReply): void => {
    // Whoever has sent a body without asking sends it once more, to the file server.
    if (request.body.kind === 'stream') request.body.stream.discard();
    reply(given);
  };
  return makePlace(parts, asked, wishes, answer, (submitted) =>
    issue(parts, asked, wishes, submitted, answer),
  );
}

/**
 * Judges an upload, and makes the collections that its file is to be in.
 * @param then called with the tokens of locks that the client has submitted; either it or `refuse` is called, exactly once
 */
export function makePlace(
  parts: DavParts,
  { request, path }: Pick<BrokerRequest, 'request' | 'path'>,
  wishes: UploadWishes,
  refuse: (reply: HttpReply) => void,
  then: (submitted: ReadonlySet<string>) => void,
): void {
  const read = readDavUsage(request, path.space);
  if ('fault' in read) return refuse(errorReply(read.fault.code, read.fault.what));
  const unable = wishRefusal(parts.files, wishes);
  if (unable !== undefined) return refuse(unable);
  const { submitted } = read.usage;
  return findWay(parts, path, (found) => {
    if (found.kind === 'failed') return refuse(failedReply(found));
    const { way } = found;
    const refusal = refusalOf(way, submitted);
    if (refusal !== undefined) return refuse(refusal);
    return makeAround(parts, way, submitted, (refused) =>
      refused === undefined ? then(submitted) : refuse(refused),
    );
  });
}

function refusalOf(way: Way, submitted: ReadonlySet<string>): HttpReply | undefined {
  const { kind, path } = way.self;
  if (kind === 'collection' || path.endsInSlash) {
    const what = 'this is the path of a collection, and a file is stored below it';
    const allow = 'OPTIONS, GET, HEAD, DELETE, PROPFIND, PROPPATCH, COPY, MOVE, LOCK, UNLOCK';
    return errorReply('method-not-allowed', what, { headers: { allow } });
  }
  return lockRefusal(way, kind === 'absent' ? 'membership' : 'resource', submitted);
}

function issue(
  { files, clock, random }: DavParts,
  { request, domain, path }: BrokerRequest,
  wishes: UploadWishes,
  submitted: ReadonlySet<string>,
  answer: (reply: HttpReply) => void,
): void {
  const key = keyOf(path);
  const id = newBlobId(clock.wallMs(), random.token());
  const target = files.targetFor(id, lengthOf(request.header('content-length')));
  if (key === undefined || target === undefined) return answer(NO_TARGET);
  // The headers of a form are those of its page, and not of the file in it.
  const served = request.method === 'PUT' ? readServedHeaders(request) : { headers: {} };
  if ('fault' in served) return answer(errorReply('bad-parameter', served.fault));
  const attributes = withServedHeaders(undefined, served.headers);
  const terms: Omit<WriteTicket, 'expiresMs'> = {
    purpose: 'write',
    id,
    key,
    contentType: contentTypeOf(request.header('content-type')),
    ...ruleWith(wishes, ruleFor(domain, path.segments)),
    bytesMax: FILE_BYTES_MAX,
    ...(attributes === undefined ? {} : { attributes }),
    ...(submitted.size === 0 ? {} : { submitted: [...submitted] }),
  };
  return files.tickets.issue(terms, TICKET_MS_MAX, (issued) => {
    if (issued.kind === 'failed') return answer(failedReply(issued));
    const { token, ticket } = issued;
    const name = path.segments.at(-1) ?? Buffer.alloc(0);
    const here = urlOf({ request, path });
    const upload = `${ticketUrl(target, token, name)}${afterwards(request)}`;
    return answer(issuedReply({ token, id, expiresMs: ticket.expiresMs, here, upload }));
  });
}

/** How a file is kept: as its domain says of its type, but for what is wished for this one. */
export function ruleWith(
  { replicate, waitsForAll }: UploadWishes,
  rule: TypeRule,
): Pick<TypeRule, 'replicationClass' | 'waitsForAll'> {
  return {
    replicationClass: replicate === undefined ? rule.replicationClass : classOfCopies(replicate),
    waitsForAll: waitsForAll ?? rule.waitsForAll,
  };
}

/** For who looks at the answer because nothing is there afterwards. */
const NOTE =
  'nothing is stored yet: send the file to the URL upload, as curl -L does by itself; for a program that follows no redirect add ?proxy=1, and let WebDAV programs mount /.broker/dav/';

/** A file that is to be acknowledged with more copies than there are file servers would be, with fewer of them. */
function wishRefusal(
  { fileServers }: Pick<FileLayer, 'fileServers'>,
  { replicate, waitsForAll }: UploadWishes,
): WholeReply | undefined {
  const { length } = fileServers.filter(({ state }) => state === 'in');
  if (waitsForAll !== true || replicate === undefined || replicate <= length) return undefined;
  const what = `${replicate} copies were to be waited for, and the cluster has ${length} file servers; nothing was stored`;
  return errorReply('no-file-server', what);
}

interface IssuedUpload extends Pick<WriteTicket, 'id' | 'expiresMs'> {
  readonly token: string;
  /** The URL that was asked. */
  readonly here: string;
  /** Where the body is sent. */
  readonly upload: string;
}

/** @returns where a browser goes when its form is stored, as the file server takes it; broker.ts has judged it */
function afterwards({ method, target }: Pick<HttpRequest, 'method' | 'target'>): string {
  const redirect = readFormRedirect(target);
  if (method !== 'POST' || 'fault' in redirect || redirect.url === undefined) return '';
  return `?redirect=${encodeURIComponent(redirect.url)}`;
}

/** 307, so that the method and the body stay: with 302 `curl -L -T` would get the file that it wants to store. */
function issuedReply({ token, id, expiresMs, here, upload }: IssuedUpload): WholeReply {
  const told = {
    id,
    ticket: token,
    upload,
    complete: `${here}?ticket=${token}&complete`,
    expires: printHttpDate(expiresMs),
    note: NOTE,
  };
  return {
    status: 307,
    headers: { ...JSON_HEADERS, location: upload, [TICKET_HEADER]: token },
    body: `${JSON.stringify(told)}\n`,
  };
}

const NO_TARGET = errorReply(
  'no-file-server',
  'no file server is up that has room for the file; velour status shows them',
);

function lengthOf(header: string | undefined): number | undefined {
  return header === undefined ? undefined : Number(header);
}

/** @returns what the file is; the type of a form is that of the form, and its part says what the file is */
function contentTypeOf(header: string | undefined): string | undefined {
  if (header === undefined || /^\s*(multipart\/|application\/x-www-form)/i.test(header)) {
    return undefined;
  }
  return isContentType(header) ? header : undefined;
}
