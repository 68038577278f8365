// What a broker answers below /.broker/: finds the domain and the path that a request is about, and says what there is to know.
// What changes something is in changes.ts.

import { errorReply } from '../../../../cluster/http/errors.ts';
import {
  type HttpReply,
  type HttpRequest,
  jsonReply,
  textReply,
} from '../../../../cluster/http/http.ts';
import type { ReplyCallback, Routes } from '../../../../cluster/http/routes.ts';
import { parseBlobId } from '../../../../files/blob-id.ts';
import { fileNameOf } from '../../../../files/file-name.ts';
import type { FileVersion } from '../../../../files/outcomes.ts';
import { readTerms, TICKET_MS_MAX } from '../../../../files/tickets/ticket.ts';
import type { TicketState } from '../../../../files/tickets/tickets.ts';
import { type DavPath, directoryOf, entryOf, isRoot, keyOf } from '../../dav/dav-path.ts';
import { failedReply } from '../../dav/dav-replies.ts';
import type { DavParts } from '../../dav/resources.ts';
import { spaceOf, unknownDomainReply } from '../broker.ts';
import type { BrokerRules } from '../config/active-config.ts';
import {
  type BrokerConfig,
  type BrokerDomain,
  domainCalled,
  domainOf,
} from '../config/broker-config.ts';
import { ownPathRefusal } from '../own-paths.ts';
import { ticketUrl } from '../reading.ts';
import { amendFile, cloneFile } from './changes.ts';
import { describeFile, describePlaces, pathView } from './file-description.ts';
import { BROKER_REST_ROUTES, LISTED_MAX } from './rest-routes.ts';
import {
  parseListCursor,
  printListCursor,
  type RestFault,
  readAmend,
  readClone,
  readParameters,
  readPlainPath,
  readSubmitted,
} from './rest-usage.ts';

export interface RestParts {
  readonly davParts: DavParts;
  readonly rules: Pick<BrokerRules, 'current'>;
}

/** The domain and the parameters of a request. */
interface RestRequest {
  readonly domain: BrokerDomain;
  readonly parameters: ReadonlyMap<string, Buffer>;
  readonly reply: ReplyCallback;
}

export class BrokerRest {
  readonly #parts: RestParts;

  constructor(parts: RestParts) {
    this.#parts = parts;
  }

  addTo(routes: Routes): void {
    const { davParts } = this.#parts;
    const { files } = davParts;
    routes.add(BROKER_REST_ROUTES.files, (request, reply) =>
      this.#inDomain(request, reply, FILES_WORDS, (asked) => {
        if (asked.parameters.has('prefix')) return this.#list(asked);
        return this.#withPath(asked, (path) => this.#describe(path, reply));
      }),
    );
    routes.add(BROKER_REST_ROUTES.amend, (request, reply) =>
      this.#inDomain(request, reply, ['path'], (asked) =>
        this.#withPath(asked, (path) => {
          const change = readAmend(request.body);
          if ('code' in change) return reply(faultReply(change));
          const read = readSubmitted(request);
          if ('code' in read) return reply(faultReply(read));
          const { submitted } = read;
          const amendment = { path, domain: asked.domain, change, submitted };
          return amendFile(davParts, amendment, reply, (file) => this.#tell(path, file, reply));
        }),
      ),
    );
    routes.add(BROKER_REST_ROUTES.clone, (request, reply) =>
      this.#inDomain(request, reply, [], ({ domain }) => this.#clone(request, domain, reply)),
    );
    routes.add(BROKER_REST_ROUTES.domains, (request, reply) => {
      const read = readParameters(request, []);
      if ('code' in read) return reply(faultReply(read));
      return reply(jsonReply(200, { domains: this.#parts.rules.current.domains.map(domainView) }));
    });
    routes.add(BROKER_REST_ROUTES.servers, (request, reply) => {
      const read = readParameters(request, []);
      if ('code' in read) return reply(faultReply(read));
      const servers = files.fileServers.map(({ isUp, told, ...server }) => ({
        ...server,
        up: isUp,
        ...told,
      }));
      return reply(jsonReply(200, { servers }));
    });
    routes.add(BROKER_REST_ROUTES.ticket, (request, reply, path) => {
      const read = readParameters(request, []);
      if ('code' in read) return reply(faultReply(read));
      return this.#ticket(path.get('id')?.toString() ?? '', reply);
    });
  }

  /** @param known the parameters that there are beside `domain` */
  #inDomain(
    request: HttpRequest,
    reply: ReplyCallback,
    known: readonly string[],
    then: (asked: RestRequest) => void,
  ): void {
    const parameters = readParameters(request, known);
    if ('code' in parameters) return reply(faultReply(parameters));
    const config = this.#parts.rules.current;
    const name = parameters.get('domain')?.toString();
    if (name === undefined) {
      const domain = domainOf(config, request.header('host') ?? '');
      return domain === undefined
        ? reply(unknownDomainReply(config, request.target))
        : then({ domain, parameters, reply });
    }
    const domain = domainCalled(config, name);
    return domain === undefined
      ? reply(noSuchDomainReply(config))
      : then({ domain, parameters, reply });
  }

  #withPath({ domain, parameters, reply }: RestRequest, then: (path: DavPath) => void): void {
    const given = parameters.get('path');
    if (given === undefined) {
      return reply(errorReply('bad-parameter', 'path is missing: ?path=/notes/b.txt'));
    }
    const read = readPlainPath(given, spaceOf(domain));
    return 'code' in read ? reply(faultReply(read)) : then(read.path);
  }

  #describe(path: DavPath, reply: ReplyCallback): void {
    const { files } = this.#parts.davParts;
    const key = keyOf(path);
    if (key === undefined) return reply(NOT_FOUND);
    return files.find(key, (found) => {
      if (found.kind === 'failed') return reply(failedReply(found));
      if (found.kind === 'absent') return reply(NOT_FOUND);
      return this.#tell(path, found.file, reply);
    });
  }

  /** Answers with all that there is to know of a file, and with URLs at which it is. */
  #tell(path: DavPath, file: FileVersion, reply: ReplyCallback): void {
    const { files } = this.#parts.davParts;
    const { manifest } = file;
    const key = keyOf(path);
    const described = describeFile(path, { kind: manifest.kind, fields: manifest });
    if (manifest.kind === 'directory' || key === undefined) return reply(jsonReply(200, described));
    return files.places(file, (places) => {
      const terms = readTerms(manifest);
      if (terms === undefined) {
        return reply(jsonReply(200, { ...described, ...describePlaces(places, () => '') }));
      }
      return files.tickets.issue(terms, TICKET_MS_MAX, (issued) => {
        if (issued.kind === 'failed') return reply(failedReply(issued));
        const name = path.segments.at(-1) ?? Buffer.alloc(0);
        const publicOf = new Map(files.fileServers.map((each) => [each.id, each.publicAddress]));
        const told = describePlaces(places, ({ id: server, entry }) => {
          const publicAddress = publicOf.get(server) ?? entry.address;
          return ticketUrl({ id: server, publicAddress }, issued.token, name);
        });
        return reply(jsonReply(200, { ...described, ...told }));
      });
    });
  }

  /** Lists what is in one collection: the prefix up to its last slash is the collection, the rest what names begin with. */
  #list({ domain, parameters, reply }: RestRequest): void {
    const prefix = parameters.get('prefix') ?? Buffer.alloc(0);
    const end = prefix.lastIndexOf('/');
    const space = spaceOf(domain);
    const read = readPlainPath(prefix.subarray(0, end + 1), space);
    if ('code' in read) return reply(faultReply(read));
    const begin = prefix.subarray(end + 1);
    const limit = Number(parameters.get('limit')?.toString() ?? LISTED_MAX);
    const cursor = parameters.get('cursor')?.toString();
    const after = cursor === undefined ? undefined : parseListCursor(cursor);
    if (!Number.isInteger(limit) || limit < 1 || limit > LISTED_MAX) {
      return reply(errorReply('bad-parameter', `limit is no number from 1 to ${LISTED_MAX}`));
    }
    if (cursor !== undefined && after === undefined) {
      return reply(errorReply('bad-parameter', 'the cursor is none that a list has ended with'));
    }
    const { path } = read;
    const asked = { domain: space.domain, directory: directoryOf(path), after, limit };
    return this.#parts.davParts.files.list(asked, (page) => {
      if (page.kind === 'failed') return reply(failedReply(page));
      const entries = page.entries.filter(({ name }) =>
        name.subarray(0, begin.length).equals(begin),
      );
      const described = entries.map((entry) => describeFile(entryOf(path, entry.name), entry));
      const next = page.next === undefined ? null : printListCursor(page.next);
      return reply(jsonReply(200, { files: described, cursor: next }));
    });
  }

  #clone(request: HttpRequest, domain: BrokerDomain, reply: ReplyCallback): void {
    const asked = readClone(request.body);
    if ('code' in asked) return reply(faultReply(asked));
    const config = this.#parts.rules.current;
    const target = asked.domain === undefined ? domain : domainCalled(config, asked.domain);
    if (target === undefined) return reply(noSuchDomainReply(config));
    const from = readPlainPath(Buffer.from(asked.from), spaceOf(domain));
    if ('code' in from) return reply(faultReply(from));
    const to = readPlainPath(Buffer.from(asked.path), spaceOf(target));
    if ('code' in to) return reply(faultReply(to));
    if (isRoot(from.path) || isRoot(to.path)) {
      return reply(
        errorReply('bad-parameter', 'a clone is made of a file, and not of a whole domain'),
      );
    }
    const refusal = ownPathRefusal(to.path);
    if (refusal !== undefined) return reply(refusal);
    const read = readSubmitted(request);
    if ('code' in read) return reply(faultReply(read));
    const { submitted } = read;
    return cloneFile(this.#parts.davParts, { from: from.path, to: to.path, submitted }, reply);
  }

  #ticket(given: string, reply: ReplyCallback): void {
    const { tickets } = this.#parts.davParts.files;
    const id = parseBlobId(given);
    if (id !== undefined) {
      return tickets.state(id, (state) => reply(stateReply(id, state, false)));
    }
    return tickets.open(given, (opened) => {
      if (opened.kind === 'failed') return reply(failedReply(opened));
      if (opened.kind === 'forged') {
        const what = 'this is no ticket of this cluster, nor the id of one: 32 hexadecimal digits';
        return reply(errorReply('forged-ticket', what));
      }
      const { ticket } = opened;
      if (ticket.purpose === 'read') {
        return reply(
          errorReply('bad-parameter', 'this ticket is for reading, which it does again and again'),
        );
      }
      const isOver = opened.kind === 'expired';
      return tickets.state(ticket.id, (state) => reply(stateReply(ticket.id, state, isOver)));
    });
  }
}

/** The parameters of a file, and of a list. */
const FILES_WORDS: readonly string[] = ['path', 'prefix', 'limit', 'cursor'];
const NOT_FOUND = textReply(404, 'nothing is at this path');
/** So many domains are named to who asks for one that there is not. */
const DOMAINS_SHOWN_MAX = 8;

function noSuchDomainReply({ domains }: BrokerConfig): HttpReply {
  const names = domains.slice(0, DOMAINS_SHOWN_MAX).map(({ name }) => name);
  const more = domains.length > names.length ? ' and others' : '';
  const what = `no domain has this name: there are ${names.join(', ')}${more}; /.broker/domains lists them`;
  return errorReply('unknown-domain', what);
}

function faultReply({ code, what }: RestFault): HttpReply {
  return errorReply(code, what);
}

function stateReply(id: string, state: TicketState, isOver: boolean): HttpReply {
  switch (state.kind) {
    case 'failed':
      return failedReply(state);
    case 'unused':
      return jsonReply(200, { id, state: isOver ? 'expired' : 'unused' });
    case 'used':
    case 'stored': {
      const { key, size, md5, sha512 } = state.use;
      const name = fileNameOf(key);
      const of = name === undefined ? {} : { domain: name.space.slice(2), ...pathView(name.path) };
      return jsonReply(200, { id, state: state.kind, ...of, size, md5, sha512 });
    }
  }
}

function domainView({ name, hosts, types, other, shares }: BrokerDomain) {
  const ruleView = (rule: typeof other) => ({
    replicate: rule.copies ?? null,
    client_wait_to_finish: rule.waitsForAll,
    class: rule.replicationClass,
  });
  return {
    name,
    hosts,
    types: Object.fromEntries([...types].map(([type, rule]) => [type, ruleView(rule)])),
    other: ruleView(other),
    shares: shares.map(({ prefix, urls }) => ({
      prefix: `/${prefix.map(String).join('/')}`,
      urls,
    })),
  };
}
