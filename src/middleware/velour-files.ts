// Handlers of files for applications on node:http, Connect and Express: what each does with a request, and what it answers. How
// requests reach a broker is passage.ts's, and which they are is broker-request.ts's.

import type { Readable, Writable } from 'node:stream';
import { KnownFrontends } from '../client/frontends.ts';
import type { PoolHead, PoolRequest } from '../cluster/http/http-pool.ts';
import { poolsOf } from '../cluster/io/network/http-pool.ts';
import { systemClock, systemTimers } from '../cluster/io/process/system.ts';
import {
  answerHeaders,
  type GivenHeaders,
  headersFor,
  type StorePlace,
  storePathOf,
} from './broker-request.ts';
import { Passage } from './passage.ts';
import { bodyOf, wasRead } from './request-body.ts';

export interface VelourFilesOptions {
  /** The brokers of the cluster, as HOST:PORT or URLs; another one is asked where one is away. */
  readonly brokers: readonly string[];
  /** The domain of the files, by the name of a host of it; by default that of the broker's address. */
  readonly domain?: string;
  /** The folder of the domain that the handlers are of; by default all of it. */
  readonly folder?: string;
  /** How many connections there may be to each broker at once; 64 by default. */
  readonly connections?: number;
}

/** Of node:http, and of what is made on it. */
export interface FileRequest extends Readable {
  readonly method?: string | undefined;
  /** Below the path at which the handler is, as Connect and Express have it. */
  readonly url?: string | undefined;
  readonly headers: GivenHeaders;
  /** Whether all of the body has come. */
  readonly complete: boolean;
}

export interface FileReply extends Writable {
  statusCode: number;
  readonly headersSent: boolean;
  setHeader(name: string, value: string | readonly string[]): unknown;
}

/** @param next called for what is not the handler's, and with the error where the store fails; without it both are answered, and the error is a warning of the process */
export type FileHandler = (
  request: FileRequest,
  reply: FileReply,
  next?: (error?: unknown) => void,
) => void;

export interface VelourFiles {
  /** GET and HEAD: the file passes through the application, with ranges and conditions. What is no file goes to `next`. */
  readonly serve: FileHandler;
  /** GET and HEAD: a redirect to a file server that has the file. What is no file goes to `next`. */
  readonly redirect: FileHandler;
  /** PUT stores the body, and DELETE deletes the file, but no folder. Whoever may do that is the application's to say, before this. */
  readonly upload: FileHandler;
  /** PUT, and POST of a form: a redirect to a file server, which takes the body. The application says who may. */
  readonly redirectUpload: FileHandler;
  /** Closes the connections to the brokers; idle ones keep no process alive. */
  close(): void;
}

/** The store could not be reached, or could not do it; `status` is the one to answer. */
export class VelourFilesError extends Error {
  override readonly name = 'VelourFilesError';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

const CONNECTIONS = 64;
const READS: readonly string[] = ['GET', 'HEAD'];

/** Whose an answer is: the client's; nobody's, so that `next` is asked; or the application's, which has an error then. */
type AnswerVerdict = 'client' | 'nobody' | 'application';

/** What a handler makes of a request, and of the answer. */
interface Errand {
  readonly methods: readonly string[];
  /** Whether the body of the application's request is that of the one to a broker. */
  sendsBody(method: string): boolean;
  request(method: string, path: string, from: FileRequest): PoolRequest;
  verdict(head: PoolHead): AnswerVerdict;
  /** Whether a broker that has the request may have changed something. */
  readonly changes: boolean;
}

/** @throws TypeError without brokers, for one that is no URL, for a folder or domain that is none, and for an unknown option */
export function velourFiles(options: VelourFilesOptions): VelourFiles {
  checkOptions(options);
  const { brokers, domain, connections = CONNECTIONS } = options;
  const world = { open: poolsOf(connections), clock: systemClock, timers: systemTimers };
  const known = new KnownFrontends(brokers, world);
  const place = { folder: folderOf(options.folder ?? ''), domain: domainOf(domain) };
  const handler = (errand: Errand): FileHandler => {
    const methods = [...errand.methods];
    return (request, reply, next) => {
      const { method = 'GET', url = '/' } = request;
      const path = methods.includes(method) ? storePathOf(url, place) : undefined;
      if (path === undefined) return elsewhere(reply, next);
      if (errand.sendsBody(method) && wasRead(request)) {
        const what =
          'the body was read before: whatever parses bodies must come after this handler';
        return fail(reply, next, new VelourFilesError(500, `nothing was stored, because ${what}`));
      }
      return run(known, errand, {
        request,
        reply,
        next,
        sent: errand.request(method, path, request),
      });
    };
  };
  return {
    serve: handler(serving(place)),
    redirect: handler(redirecting(place)),
    upload: handler(uploading(place)),
    redirectUpload: handler(redirectingUploads(place)),
    close: () => known.close(),
  };
}

function serving(place: StorePlace): Errand {
  return {
    methods: READS,
    sendsBody: () => false,
    request: (method, path, { headers }) => ({
      method: method === 'HEAD' ? 'HEAD' : 'GET',
      path: `${path}?proxy=1`,
      headers: headersFor(place, headers, 'read'),
      body: undefined,
    }),
    verdict: verdictOnRead,
    changes: false,
  };
}

function redirecting(place: StorePlace): Errand {
  return {
    methods: READS,
    sendsBody: () => false,
    request: (method, path, { headers }) => ({
      method: method === 'HEAD' ? 'HEAD' : 'GET',
      path,
      headers: headersFor(place, headers, 'read'),
      body: undefined,
    }),
    verdict: verdictOnRead,
    changes: false,
  };
}

function uploading(place: StorePlace): Errand {
  return {
    methods: ['PUT', 'DELETE'],
    sendsBody: (method) => method === 'PUT',
    request: (method, path, from) => {
      if (method === 'DELETE') {
        // Without it a folder would be deleted with all that is in it.
        const headers = { ...headersFor(place, from.headers, 'write'), depth: '0' };
        return { method, path, headers, body: undefined };
      }
      const given = from.headers['content-length'];
      const length = typeof given === 'string' ? Number(given) : undefined;
      return {
        method: 'PUT',
        path: `${path}?proxy=1`,
        headers: headersFor(place, from.headers, 'write'),
        body: bodyOf(from, length, () => from.complete),
      };
    },
    verdict: verdictOnWrite,
    changes: true,
  };
}

function redirectingUploads(place: StorePlace): Errand {
  return {
    methods: ['PUT', 'POST'],
    sendsBody: () => false,
    request: (method, path, from) => {
      const { 'content-type': contentType } = from.headers;
      return {
        method: method === 'POST' ? 'POST' : 'PUT',
        path,
        headers: {
          ...headersFor(place, from.headers, 'redirect'),
          ...(typeof contentType === 'string' ? { 'content-type': contentType } : {}),
        },
        body: Buffer.alloc(0),
      };
    },
    verdict: verdictOnWrite,
    // It hands out a ticket, and whoever has another one does not need it.
    changes: false,
  };
}

/** Of clients that ask for what is not there, or write it as no file is called. */
const ABSENT: readonly number[] = [400, 404, 405, 414];
const CONDITIONS: readonly number[] = [412, 416];

function verdictOnRead(head: PoolHead): AnswerVerdict {
  if (CONDITIONS.includes(head.status)) return 'client';
  if (ABSENT.includes(head.status)) return 'nobody';
  if (head.status >= 400) return 'application';
  // The page of a folder has no ETag: which files there are is the application's to say.
  return head.header('etag') === undefined ? 'nobody' : 'client';
}

function verdictOnWrite({ status }: PoolHead): AnswerVerdict {
  return status >= 500 || status === 421 ? 'application' : 'client';
}

interface HandlerCall {
  readonly request: FileRequest;
  readonly reply: FileReply;
  readonly next: ((error?: unknown) => void) | undefined;
  readonly sent: PoolRequest;
}

function run(brokers: KnownFrontends, errand: Errand, call: HandlerCall): void {
  const { request, reply, next, sent } = call;
  let verdict: AnswerVerdict = 'client';
  let leave: () => void = () => undefined;
  const passage = new Passage({ brokers, timers: systemTimers }, sent, {
    answering: (head, flow) => {
      verdict = errand.verdict(head);
      if (verdict !== 'client') {
        let first = '';
        leave = () => (verdict === 'nobody' ? elsewhere(reply, next) : failed(call, head, first));
        return (piece) => {
          first ||= piece.toString().trim();
        };
      }
      reply.statusCode = head.status;
      for (const [name, value] of answerHeaders(head)) reply.setHeader(name, value);
      // What users have stored is not to be taken for a page of the application because of what is in it.
      reply.setHeader('x-content-type-options', 'nosniff');
      return (piece) => {
        if (reply.write(piece)) return;
        flow.pause();
        reply.once('drain', () => flow.resume());
      };
    },
    whole: () => {
      if (verdict === 'client') reply.end();
      else leave();
    },
    failed: (error, stage) => {
      if (stage === 'answered') return verdict === 'client' ? reply.destroy(error) : leave();
      const isUnknown = errand.changes && stage === 'sent';
      const status = isUnknown ? 504 : 503;
      const message = isUnknown
        ? `nobody knows what became of it: ${error.message}`
        : error.message;
      return fail(reply, next, new VelourFilesError(status, message, { cause: error }));
    },
  });
  reply.once('close', () => passage.giveUp());
  passage.begin();
  // Where the body was not sent on, it is still to be read: the connection may be used again.
  if (sent.body === undefined || sent.body instanceof Uint8Array) request.resume();
}

/** @param text what the broker says; a status of it that is of the application is none for its client */
function failed({ reply, next }: HandlerCall, head: PoolHead, text: string): void {
  const retryAfter = head.header('retry-after');
  if (retryAfter !== undefined) reply.setHeader('retry-after', retryAfter);
  const status = head.status >= 500 ? head.status : 502;
  const message = text === '' ? `the broker answers ${head.status}` : text;
  return fail(reply, next, new VelourFilesError(status, message));
}

function elsewhere(reply: FileReply, next: HandlerCall['next']): void {
  if (next !== undefined) return next();
  reply.statusCode = 404;
  reply.end('Not found\n');
}

function fail(reply: FileReply, next: HandlerCall['next'], error: VelourFilesError): void {
  if (next !== undefined) return next(error);
  // The client cannot mend it, and whoever runs the application would not hear of it.
  process.emitWarning(error);
  reply.statusCode = error.status;
  reply.end('The store of files cannot do this now\n');
}

function folderOf(text: string): string {
  const names = text.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..')) {
    throw new TypeError(`folder is ${JSON.stringify(text)}, and must have no . and no ..`);
  }
  return names.join('/');
}

function domainOf(domain: string | undefined): string | undefined {
  if (domain === undefined || /^[\w.:[\]-]+$/.test(domain)) return domain;
  throw new TypeError(`domain is ${JSON.stringify(domain)}, and must be the name of a host`);
}

const OPTIONS: readonly string[] = [
  'brokers',
  'domain',
  'folder',
  'connections',
] satisfies readonly (keyof VelourFilesOptions)[];

/** Of programs without types: a `folder` that is misspelt would be all of the domain. */
function checkOptions(options: Partial<VelourFilesOptions> | undefined) {
  const given = options ?? {};
  const unknown = Object.keys(given).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${unknown} is no option of velourFiles: there are ${OPTIONS.join(', ')}`);
  }
  const brokers = options?.brokers;
  const isList = Array.isArray(brokers) && brokers.every((broker) => typeof broker === 'string');
  if (isList && brokers.length > 0) return;
  const is = brokers === undefined ? 'missing' : JSON.stringify(brokers);
  throw new TypeError(
    `brokers is ${is}, and must be a list of at least one, such as ['127.0.0.1:12280']`,
  );
}
