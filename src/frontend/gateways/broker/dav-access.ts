// WebDAV of any domain at the broker's port, for programs that follow no redirect when they store: below /.broker/dav/ they find the
// files of the domain that the Host names, and all bytes pass through the broker. It is what /dav/ of a frontend is for the domain
// `default`; elsewhere at this port PUT leads to a file server.

import type { ClientRoute } from '../../../cluster/http/client-route.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import { queryOf, type RequestHead, type WholeReply } from '../../../cluster/http/http.ts';
import type { Handler, Routes } from '../../../cluster/http/routes.ts';
import { parseQuery } from '../../../cluster/wire/query.ts';
import { encodingRefusal } from '../../../files/http/upload-headers.ts';
import { FILE_BYTES_MAX } from '../../../files/manifest.ts';
import type { DavGateway } from '../dav/dav.ts';
import type { DavSpace } from '../dav/dav-path.ts';
import { DAV_ROUTES } from '../dav/dav-routes.ts';
import { spaceOf, unknownDomainReply } from './broker.ts';
import type { BrokerRules } from './config/active-config.ts';
import { domainOf } from './config/broker-config.ts';
import { unknownWord } from './known-words.ts';
import { OWN_FOLDER } from './own-paths.ts';

const ROOT = `/${OWN_FOLDER}/dav`;

export const DAV_ACCESS_ROUTES = {
  root: {
    ...DAV_ROUTES.root,
    path: '/.broker/dav',
    statuses: [...DAV_ROUTES.root.statuses, 421].sort((a, b) => a - b),
    text: 'The outermost collection of the domain of the Host, for programs that mount it.',
    examples: [],
    errors: [...DAV_ROUTES.root.errors, 'unknown-domain'],
  },
  put: {
    ...DAV_ROUTES.put,
    path: '/.broker/dav/{path...}',
    statuses: [...DAV_ROUTES.put.statuses, 415, 421].sort((a, b) => a - b),
    text: 'Stores the body as a file of the domain of the Host, through the broker.',
    examples: [],
    errors: [...DAV_ROUTES.put.errors, 'unsupported-body', 'unknown-domain'],
  },
  resource: {
    ...DAV_ROUTES.resource,
    path: '/.broker/dav/{path...}',
    statuses: [...DAV_ROUTES.resource.statuses, 421].sort((a, b) => a - b),
    text: 'A file or a collection of the domain of the Host; all of WebDAV, and no redirects.',
    examples: [],
    errors: [...DAV_ROUTES.resource.errors, 'unknown-domain'],
  },
} as const satisfies Readonly<Record<string, ClientRoute>>;

export interface DavAccessParts {
  readonly dav: Pick<DavGateway, 'serve' | 'judge'>;
  readonly rules: BrokerRules;
}

export class DavAccess {
  readonly #parts: DavAccessParts;

  constructor(parts: DavAccessParts) {
    this.#parts = parts;
  }

  addTo(routes: Routes): void {
    const { dav } = this.#parts;
    const handler: Handler = (request, reply) => {
      const space = this.#spaceFor(request);
      return 'status' in space ? reply(space) : dav.serve(request, space, reply);
    };
    const judge = (request: RequestHead): WholeReply | undefined => {
      const space = this.#spaceFor(request);
      return 'status' in space ? space : dav.judge(request, space);
    };
    routes.add(DAV_ACCESS_ROUTES.root, handler, judge);
    routes.add(DAV_ACCESS_ROUTES.put, handler, judge, FILE_BYTES_MAX);
    routes.add(DAV_ACCESS_ROUTES.resource, handler, judge);
  }

  /** @returns the tree of the domain, or the refusal */
  #spaceFor(request: RequestHead): DavSpace | WholeReply {
    const { current, problem } = this.#parts.rules;
    const domain = domainOf(current, request.header('host') ?? '');
    if (domain === undefined) return unknownDomainReply(current, request.target);
    if (request.method === 'PUT' && problem !== undefined) return errorReply('not-ready', problem);
    const encoded = request.method === 'PUT' ? encodingRefusal(request) : undefined;
    if (encoded !== undefined) return encoded;
    const query = parseQuery(queryOf(request.target));
    if (query.kind === 'malformed') return errorReply('bad-parameter', query.reason);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const unknown = isRead ? undefined : unknownWord('parameter', query.parameters.keys(), []);
    if (unknown !== undefined) return errorReply('bad-parameter', unknown);
    return { ...spaceOf(domain), root: ROOT };
  }
}
