// WebDAV (RFC 4918, class 1 and 2) at /dav/: takes each request apart, and hands it to what carries its method out. A resource is
// one record of the file layer; a collection is one as well, and its entries are found by a listing of it (FILES.md, Keys).

import { InvariantBroken } from '../../../cluster/assert.ts';
import { bytesStream } from '../../../cluster/http/byte-stream.ts';
import type { Method } from '../../../cluster/http/client-route.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpRequest, RequestHead, WholeReply } from '../../../cluster/http/http.ts';
import { Measure } from '../../../cluster/http/measure.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import type { Handler, HeadJudge, ReplyCallback, Routes } from '../../../cluster/http/routes.ts';
import { CheckedBody } from '../../../files/http/checked-body.ts';
import { contentTagHeaders } from '../../../files/http/content-tag.ts';
import { answerFile } from '../../../files/http/file-answer.ts';
import { readUploadHeaders } from '../../../files/http/upload-headers.ts';
import { lockSeconds, lockTokenIn } from '../../../files/locks.ts';
import { FILE_BYTES_MAX } from '../../../files/manifest.ts';
import type { Gateway, GatewayContext } from '../gateway.ts';
import { collectionPage } from './collection-page.ts';
import { DAV_SPACE, type DavSpace, nameTextOf } from './dav-path.ts';
import { absentReply, failedReply, violatedReply } from './dav-replies.ts';
import { DAV_ROUTES } from './dav-routes.ts';
import { type DavUsage, readDavUsage } from './dav-usage.ts';
import { judgeConditions } from './judgement.ts';
import { typeOf } from './live-properties.ts';
import { readLockRequest } from './lock-requests.ts';
import { lockResource, unlockResource } from './locking.ts';
import { readPropfind, readProppatch } from './property-requests.ts';
import { propfind } from './propfind.ts';
import { proppatch } from './proppatch.ts';
import { deleteResource } from './removal.ts';
import { type DavParts, isThere } from './resources.ts';
import { makeCollection, putFile } from './store.ts';
import { transferResource } from './transfer.ts';

/** A request whose head was read. */
interface DavRequest {
  readonly request: HttpRequest;
  readonly usage: DavUsage;
  readonly reply: ReplyCallback;
}

export class DavGateway implements Gateway {
  readonly #context: GatewayContext;
  readonly #parts: DavParts;

  constructor(context: GatewayContext) {
    const { files, clock, random, timers } = context;
    this.#context = context;
    this.#parts = { files, clock, random, timers };
  }

  addTo(routes: Routes, metrics: Metrics): void {
    const measures = new Map<string, Measure>();
    const measureOf = (method: string): Measure => {
      const known = measures.get(method);
      if (known !== undefined) return known;
      const verb = `dav-${method.toLowerCase()}`;
      const measure = new Measure(verb, metrics, this.#context.clock);
      measures.set(method, measure);
      return measure;
    };
    const judge: HeadJudge = (request) => {
      const refusal = this.judge(request, DAV_SPACE);
      if (refusal !== undefined) measureOf(request.method).begin(() => undefined)(refusal);
      return refusal;
    };
    const handler: Handler = (request, callback) =>
      this.serve(request, DAV_SPACE, measureOf(request.method).begin(callback));
    routes.add(DAV_ROUTES.options, (_request, reply) => reply(OPTIONS));
    routes.add(DAV_ROUTES.root, handler, judge);
    routes.add(DAV_ROUTES.put, handler, judge, FILE_BYTES_MAX);
    routes.add(DAV_ROUTES.resource, handler, judge);
  }

  /** @returns the refusal of a request whose head is wrong, before its body is sent */
  judge(request: RequestHead, space: DavSpace): WholeReply | undefined {
    const read = readUsage(request, space);
    return 'refusal' in read ? read.refusal : undefined;
  }

  /** Carries out any request of WebDAV whose path is in this tree. */
  serve(request: HttpRequest, space: DavSpace, reply: ReplyCallback): void {
    const read = readUsage(request, space);
    if ('refusal' in read) return reply(read.refusal);
    return this.#handle({ request, usage: read.usage, reply });
  }

  #handle(asked: DavRequest): void {
    const { usage, reply, request } = asked;
    const parts = this.#parts;
    // Routes give no other methods to this gateway.
    switch (request.method as Exclude<Method, 'POST' | 'PATCH'>) {
      case 'OPTIONS':
        return reply(OPTIONS);
      case 'GET':
      case 'HEAD':
        return this.#get(asked);
      case 'PUT':
        return this.#put(asked);
      case 'DELETE':
        return deleteResource(parts, usage, reply);
      case 'MKCOL':
        return this.#makeCollection(asked);
      case 'PROPFIND':
        return this.#propfind(asked);
      case 'PROPPATCH':
        return this.#proppatch(asked);
      case 'COPY':
        return transferResource(parts, usage, false, reply);
      case 'MOVE':
        return transferResource(parts, usage, true, reply);
      case 'LOCK':
        return this.#lock(asked);
      case 'UNLOCK':
        return this.#unlock(asked);
    }
  }

  #get({ request, usage, reply }: DavRequest): void {
    const parts = this.#parts;
    const { condition } = usage;
    // What holds of If-Match and If-None-Match of a read is not what holds of a change (RFC 9110, 13.1.2).
    judgeConditions(parts, { ...usage, condition: {} }, (judged) => {
      if (judged.kind === 'refused') return reply(judged.reply);
      const { self } = judged.way;
      if (self.kind === 'collection') return collectionPage(parts, judged.way, reply);
      if (self.file === undefined || !isThere(self)) return reply(absentReply());
      const contentType = typeOf(self.file.manifest, nameTextOf(self.path));
      const tag = contentTagHeaders(self.file);
      const answer = { file: self.file, condition, tag, contentType };
      return answerFile(parts.files, request, answer, (outcome) =>
        reply(outcome.kind === 'reply' ? outcome.reply : failedReply(outcome)),
      );
    });
  }

  #put({ request, usage, reply }: DavRequest): void {
    const { body: sent } = request;
    const read = readUploadHeaders(request);
    if (sent.kind === 'too-large') return reply(tooLarge(sent.bytesMax));
    const stream =
      sent.kind === 'stream'
        ? sent.stream
        : bytesStream(sent.kind === 'bytes' ? sent.bytes : Buffer.alloc(0));
    if ('fault' in read) {
      stream.discard();
      return reply(errorReply('bad-parameter', read.fault));
    }
    const { told } = read;
    const body = new CheckedBody(stream, told.sums);
    putFile(this.#parts, usage, { body, told }, (given) => {
      if (body.fault !== undefined) {
        return reply(errorReply('bad-parameter', `${body.fault}; nothing was stored`));
      }
      const accepted = told.modifiedMs !== undefined && given.status < 300;
      if (!accepted) return reply(given);
      return reply({ ...given, headers: { ...given.headers, 'x-oc-mtime': 'accepted' } });
    });
  }

  #makeCollection({ request, usage, reply }: DavRequest): void {
    const body = wholeBody(request);
    if ('status' in body) return reply(body);
    if (body.length > 0) {
      return reply(errorReply('unsupported-body', 'a MKCOL has no body that means anything here'));
    }
    return makeCollection(this.#parts, usage, reply);
  }

  #propfind({ request, usage, reply }: DavRequest): void {
    const body = wholeBody(request);
    if ('status' in body) return reply(body);
    const read = readPropfind(body);
    if ('fault' in read) return reply(errorReply('bad-xml', read.fault));
    const { depth } = usage;
    // Without a Depth it is the whole tree as well (RFC 4918, 9.1), which may be of any size.
    if (depth !== '0' && depth !== '1') {
      return reply(violatedReply('infinite-depth', 'propfind-finite-depth'));
    }
    return judgeConditions(this.#parts, usage, (judged) => {
      if (judged.kind === 'refused') return reply(judged.reply);
      const asked = { wanted: read.wanted, listsEntries: depth === '1' };
      return propfind(this.#parts, judged.way, asked, reply);
    });
  }

  #proppatch({ request, usage, reply }: DavRequest): void {
    const body = wholeBody(request);
    if ('status' in body) return reply(body);
    const read = readProppatch(body);
    if ('fault' in read) return reply(errorReply('bad-xml', read.fault));
    return proppatch(this.#parts, usage, read.changes, reply);
  }

  #lock({ request, usage, reply }: DavRequest): void {
    const body = wholeBody(request);
    if ('status' in body) return reply(body);
    const read = readLockRequest(body);
    if ('fault' in read) return reply(errorReply('bad-xml', read.fault));
    const { asked } = read;
    const seconds = lockSeconds(request.header('timeout'));
    return lockResource(this.#parts, usage, { asked, seconds }, reply);
  }

  #unlock({ request, usage, reply }: DavRequest): void {
    const token = lockTokenIn(request.header('lock-token'));
    if (token === undefined) {
      const what = 'UNLOCK needs a Lock-Token: the token of the lock in angle brackets';
      return reply(errorReply('bad-parameter', what));
    }
    return unlockResource(this.#parts, usage, token, reply);
  }
}

const OPTIONS: WholeReply = {
  status: 200,
  headers: {
    dav: '1, 2',
    allow: 'OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, PROPFIND, PROPPATCH, COPY, MOVE, LOCK, UNLOCK',
    // Clients of Microsoft take the server for none that can be written to without it.
    'ms-author-via': 'DAV',
  },
  body: '',
};

function readUsage(
  request: RequestHead,
  space: DavSpace,
): { readonly usage: DavUsage } | { readonly refusal: WholeReply } {
  const read = readDavUsage(request, space);
  if ('usage' in read) return read;
  return { refusal: errorReply(read.fault.code, read.fault.what) };
}

/** @returns the body, or the refusal of one that is too long */
function wholeBody({ body }: HttpRequest): Buffer | WholeReply {
  switch (body.kind) {
    case 'none':
      return Buffer.alloc(0);
    case 'bytes':
      return body.bytes;
    case 'too-large':
      return tooLarge(body.bytesMax);
    case 'stream':
      throw new InvariantBroken('only PUT is taken piece by piece');
  }
}

function tooLarge(bytesMax: number): WholeReply {
  return errorReply('value-too-large', `the body is longer than ${bytesMax} bytes`);
}
