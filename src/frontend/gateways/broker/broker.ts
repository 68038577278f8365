// The broker (FILES.md, 4, Dragonbelly): takes each request for a file of a domain apart, and hands it to what redirects it,
// completes it, or passes it on to WebDAV, which shows the same files.

import { errorReply } from '../../../cluster/http/errors.ts';
import {
  type HttpReply,
  type HttpRequest,
  type RequestHead,
  rawPathOf,
  type WholeReply,
} from '../../../cluster/http/http.ts';
import { Measure } from '../../../cluster/http/measure.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import type { ReplyCallback, Routes } from '../../../cluster/http/routes.ts';
import type { Clock } from '../../../cluster/ports.ts';
import { classOver } from '../../../files/classes.ts';
import { readFormRedirect } from '../../../files/http/form-redirect.ts';
import { encodingRefusal } from '../../../files/http/upload-headers.ts';
import { FILE_BYTES_MAX } from '../../../files/manifest.ts';
import type { DavGateway } from '../dav/dav.ts';
import { type DavSpace, readDavPath } from '../dav/dav-path.ts';
import type { DavParts } from '../dav/resources.ts';
import type { BrokerRequest } from './broker-request.ts';
import { BROKER_ROUTES } from './broker-routes.ts';
import { type BrokerAsk, readBrokerAsk, type UploadWishes } from './broker-usage.ts';
import { completeUpload } from './completion.ts';
import type { BrokerRules } from './config/active-config.ts';
import { type BrokerConfig, type BrokerDomain, domainOf, ruleFor } from './config/broker-config.ts';
import { makePlace, redirectUpload, ruleWith } from './issuing.ts';
import { OWN_FOLDER, ownFolderRefusal, ownTargetRefusal } from './own-paths.ts';
import { redirectRead } from './reading.ts';

export interface BrokerParts {
  readonly dav: Pick<DavGateway, 'serve' | 'judge'>;
  readonly davParts: DavParts;
  readonly clock: Clock;
  readonly rules: BrokerRules;
}

type ReadBrokerRequest = Omit<BrokerRequest, 'request' | 'reply'> & { readonly ask: BrokerAsk };

/** Methods that are redirected, so that WebDAV knows nothing of them. */
const REDIRECTED: readonly string[] = ['GET', 'HEAD', 'PUT', 'POST'];

export class BrokerGateway {
  readonly #parts: BrokerParts;

  constructor(parts: BrokerParts) {
    this.#parts = parts;
  }

  addTo(routes: Routes, metrics: Metrics): void {
    const measures = new Map<string, Measure>();
    const counted = (method: string, reply: ReplyCallback): ReplyCallback => {
      const verb = `broker-${method.toLowerCase()}`;
      const measure = measures.get(verb) ?? new Measure(verb, metrics, this.#parts.clock);
      measures.set(verb, measure);
      return measure.begin(reply);
    };
    const handler = (request: HttpRequest, callback: ReplyCallback): void => {
      const reply = counted(request.method, callback);
      const read = this.#read(request);
      if ('status' in read) return reply(read);
      return this.#handle({ ...read, request, reply }, read.ask);
    };
    const judge = (request: RequestHead): WholeReply | undefined => {
      const read = this.#read(request);
      const refusal = 'status' in read ? read : this.#judgeDav(request, read);
      if (refusal !== undefined) counted(request.method, () => undefined)(refusal);
      return refusal;
    };
    routes.add(BROKER_ROUTES.root, handler, judge);
    routes.add(BROKER_ROUTES.get, handler, judge);
    routes.add(BROKER_ROUTES.put, handler, judge, FILE_BYTES_MAX);
    routes.add(BROKER_ROUTES.post, handler, judge, FILE_BYTES_MAX);
    routes.add(BROKER_ROUTES.resource, handler, judge);
  }

  /** @returns the refusal where its Host, its path or its query is wrong */
  #read(request: RequestHead): ReadBrokerRequest | WholeReply {
    const host = request.header('host') ?? '';
    const { current } = this.#parts.rules;
    const domain = domainOf(current, host);
    if (domain === undefined) return unknownDomainReply(current, request.target);
    const read = readDavPath(rawPathOf(request.target), spaceOf(domain));
    if ('fault' in read) return errorReply(read.fault.code, read.fault.what);
    const { path } = read;
    if (path.segments[0]?.toString() === OWN_FOLDER) return ownFolderRefusal(request);
    const ask = readBrokerAsk(request);
    if ('fault' in ask) return errorReply('bad-parameter', ask.fault);
    const { method } = request;
    const { problem } = this.#parts.rules;
    const isUpload = method === 'PUT' || (method === 'POST' && ask.kind !== 'complete');
    if (isUpload && problem !== undefined) return errorReply('not-ready', problem);
    if (method === 'POST' && ask.kind === 'proxied') {
      return errorReply(
        'bad-parameter',
        'a form goes to a file server: leave proxy out, or use PUT',
      );
    }
    const redirect = readFormRedirect(request.target);
    if (method === 'POST' && 'fault' in redirect) {
      return errorReply('bad-parameter', redirect.fault);
    }
    const encoded = method === 'PUT' ? encodingRefusal(request) : undefined;
    return encoded ?? ownTargetRefusal(request, path) ?? { domain, path, ask };
  }

  #judgeDav(request: RequestHead, { path, ask }: ReadBrokerRequest): WholeReply | undefined {
    const isForDav = ask.kind === 'proxied' || !REDIRECTED.includes(request.method);
    return isForDav ? this.#parts.dav.judge(request, path.space) : undefined;
  }

  #handle(asked: BrokerRequest, ask: BrokerAsk): void {
    const { request, path, reply } = asked;
    const { dav, davParts } = this.#parts;
    const through = () => dav.serve(request, path.space, reply);
    const { method } = request;
    if (ask.kind === 'proxied') {
      return method === 'PUT' ? this.#store(asked, ask.wishes) : through();
    }
    if (method === 'GET' || method === 'HEAD') {
      return redirectRead(davParts.files, asked, ask.kind === 'metalink', through);
    }
    if (method !== 'PUT' && method !== 'POST') return through();
    if (method === 'PUT' || ask.kind !== 'complete') {
      return redirectUpload(davParts, asked, wishesIn(ask));
    }
    discardBody(request);
    return completeUpload(davParts, asked, ask.told);
  }

  /** Stores a file through the broker, wherever it is to be: what it is in is made, as for one that is redirected. */
  #store(asked: BrokerRequest, wishes: UploadWishes): void {
    const { request, domain, reply } = asked;
    const { dav, davParts } = this.#parts;
    const refuse = (refusal: HttpReply) => {
      discardBody(request);
      reply(refusal);
    };
    return makePlace(davParts, asked, wishes, refuse, () =>
      dav.serve(request, spaceOf(domain, wishes), reply),
    );
  }
}

const NO_WISHES: UploadWishes = { replicate: undefined, waitsForAll: undefined };

function wishesIn(ask: BrokerAsk) {
  return ask.kind === 'redirected' ? ask.wishes : NO_WISHES;
}

/** The files of a domain, as WebDAV has them: the whole server is their tree. All that are not empty can be redirected to. */
export function spaceOf(domain: BrokerDomain, wishes = NO_WISHES): DavSpace {
  const ruleOf: DavSpace['ruleOf'] = (segments, present) => {
    const { replicationClass, waitsForAll } = ruleWith(wishes, ruleFor(domain, segments));
    return {
      replicationClass: classOver(replicationClass, present),
      waitsForAll,
      inlineMax: 0,
    };
  };
  return { root: '', domain: domain.name, ruleOf };
}

export function unknownDomainReply({ domains }: BrokerConfig, target: string): WholeReply {
  const what =
    'no domain of this broker has this Host: /.broker/domains lists them, and a domain_name in its configuration adds one';
  const host = domains[0]?.hosts[0];
  // The target is not repeated where it could end the quotation of a line that somebody copies.
  const path = /^[\w./%-]{1,200}$/.test(target) ? target : '/';
  const instead = `curl -H 'Host: ${host}' 'http://BROKER${path}'`;
  return errorReply('unknown-domain', what, host === undefined ? {} : { instead });
}

function discardBody({ body }: HttpRequest): void {
  if (body.kind === 'stream') body.stream.discard();
}
