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
  isNoBroker,
  type StorePlace,
  storePathOf,
} from './broker-request.ts';
import { warningsOf } from './failure-warnings.ts';
import { brokerVerdict, noBroker, Passage } from './passage.ts';
import { bodyOf, wasRead } from './request-body.ts';
import {
  checkOptions,
  folderOf,
  VelourFilesError,
  type VelourFilesOptions,
} from './velour-files-options.ts';

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

/** @param next called for what is not the handler's, and with the error where the store fails; without it both are answered */
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

const CONNECTIONS = 64;
const READS: readonly string[] = ['GET', 'HEAD'];

/** Whose an answer is: the client's; nobody's, so that `next` is asked; or the application's, which has an error then. */
type AnswerVerdict = 'client' | 'nobody' | 'application';

/** What a handler makes of a request, and of the answer. */
interface Errand {
  /** Those of all others are not the handler's. */
  readonly methods: readonly string[];
  /** Whether the body of the application's request is that of the one to a broker. */
  sendsBody(method: string): boolean;
  request(method: string, path: string, from: FileRequest): PoolRequest;
  verdict(head: PoolHead): AnswerVerdict;
  /** Whether a broker that has the request may have changed something. */
  readonly changes: boolean;
}

/** @throws TypeError that names the option which is missing, unknown or of another kind */
export function velourFiles(options: VelourFilesOptions): VelourFiles {
  checkOptions(options);
  const { brokers, domain, connections = CONNECTIONS } = options;
  const world = {
    open: poolsOf(connections),
    clock: systemClock,
    timers: systemTimers,
    judge: brokerVerdict,
  };
  const known = new KnownFrontends(brokers, world);
  const place = { folder: folderOf(options.folder ?? ''), domain };
  const { onError = warningsOf(systemClock, warn) } = options;
  const handler =
    (errand: Errand): FileHandler =>
    (request, reply, next) => {
      const { method = 'GET', url = '/' } = request;
      const of = { request, reply, next, onError };
      if (!errand.methods.includes(method)) return otherMethod(of, errand);
      const path = storePathOf(url, place);
      if (path === undefined) return elsewhere(of);
      if (errand.sendsBody(method) && wasRead(request)) {
        const what =
          'the body was read before: whatever parses bodies must come after this handler';
        return fail(of, new VelourFilesError(500, `nothing was stored, because ${what}`));
      }
      return run(known, errand, { ...of, sent: errand.request(method, path, request), place });
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
      const isForm = method === 'POST';
      return {
        method: isForm ? 'POST' : 'PUT',
        path: isForm ? `${path}${afterwardsIn(from.url ?? '')}` : path,
        headers: headersFor(place, from.headers, 'redirect'),
        body: Buffer.alloc(0),
      };
    },
    verdict: verdictOnWrite,
    // It hands out a ticket, and whoever has another one does not need it.
    changes: false,
  };
}

/** @returns where the browser goes from the file server, as a query; empty where the form does not say it */
function afterwardsIn(url: string): string {
  const query = /\?([^#]*)/.exec(url)?.[1];
  const redirect = new URLSearchParams(query).get('redirect');
  return redirect === null ? '' : `?redirect=${encodeURIComponent(redirect)}`;
}

/** Of clients that ask for what is not there, or write it as no file is called. */
const ABSENT: readonly number[] = [400, 404, 405, 414];
const CONDITIONS: readonly number[] = [412, 416];

function verdictOnRead(head: PoolHead): AnswerVerdict {
  if (isNoBroker(head)) return 'application';
  if (CONDITIONS.includes(head.status)) return 'client';
  if (ABSENT.includes(head.status)) return 'nobody';
  if (head.status >= 400) return 'application';
  // The page of a folder has no ETag: which files there are is the application's to say.
  return head.header('etag') === undefined ? 'nobody' : 'client';
}

function verdictOnWrite(head: PoolHead): AnswerVerdict {
  const { status } = head;
  return status >= 500 || status === 421 || isNoBroker(head) ? 'application' : 'client';
}

/** A request to the application, and who is told of what. */
interface HandlerCall {
  readonly request: FileRequest;
  readonly reply: FileReply;
  readonly next: ((error?: unknown) => void) | undefined;
  readonly onError: (error: VelourFilesError) => void;
}

interface SentCall extends HandlerCall {
  readonly sent: PoolRequest;
  readonly place: StorePlace;
}

function run(brokers: KnownFrontends, errand: Errand, call: SentCall): void {
  const { request, reply, sent } = call;
  let verdict: AnswerVerdict = 'client';
  let leave: () => void = () => undefined;
  const passage = new Passage({ brokers, timers: systemTimers }, sent, {
    answering: (head, flow, broker) => {
      // Such as a time limit of its own: what it has begun is its answer.
      if (reply.headersSent) {
        passage.giveUp();
        return () => undefined;
      }
      verdict = errand.verdict(head);
      if (verdict !== 'client') {
        let first = '';
        leave = () =>
          verdict === 'nobody' ? elsewhere(call) : refused(call, { head, text: first, broker });
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
      const status = isUnknown ? 504 : stage === 'no-broker' ? 502 : 503;
      const message = isUnknown
        ? `nobody knows what became of it: ${error.message}`
        : error.message;
      return fail(call, new VelourFilesError(status, message, { cause: error }));
    },
  });
  reply.once('close', () => passage.giveUp());
  passage.begin();
  // Where the body was not sent on, it is still to be read: the connection may be used again.
  if (sent.body === undefined || sent.body instanceof Uint8Array) request.resume();
}

interface BrokerRefusal {
  readonly head: PoolHead;
  /** What was said, or its beginning. */
  readonly text: string;
  /** The URL of who said it. */
  readonly broker: string;
}

/** What of a refusal is of the application is no status of its client. */
function refused(call: SentCall, { head, text, broker }: BrokerRefusal): void {
  const retryAfter = head.header('retry-after');
  if (retryAfter !== undefined && !call.reply.headersSent) {
    call.reply.setHeader('retry-after', retryAfter);
  }
  const said = `${broker} answers ${head.status}${text === '' ? '' : `: ${text}`}`;
  return fail(call, new VelourFilesError(head.status >= 500 ? head.status : 502, why()));

  function why(): string {
    if (isNoBroker(head)) return `${noBroker(broker)}; ${said}`;
    if (head.status !== 421) return said;
    const { domain } = call.place;
    const which = domain === undefined ? 'that of its address' : JSON.stringify(domain);
    return `the option domain, which is ${which}, is none of the broker's; ${said}`;
  }
}

function elsewhere({ reply, next }: HandlerCall): void {
  if (reply.headersSent) return;
  if (next !== undefined) return next();
  reply.statusCode = 404;
  reply.end('Not found\n');
}

function otherMethod(call: HandlerCall, { methods }: Errand): void {
  const { reply, next } = call;
  if (next !== undefined || reply.headersSent) return elsewhere(call);
  reply.statusCode = 405;
  reply.setHeader('allow', methods.join(', '));
  reply.end(`This takes ${methods.join(' and ')}\n`);
}

function fail({ reply, next, onError }: HandlerCall, error: VelourFilesError): void {
  try {
    onError(error);
  } catch (thrown) {
    // It is a bug of the application, and here it would be taken for a failure of the broker.
    systemTimers.after(0, () => {
      throw thrown;
    });
  }
  if (reply.headersSent) return;
  if (next !== undefined) return next(error);
  reply.statusCode = error.status;
  reply.end('The store of files cannot do this now\n');
}

function warn(message: string, name: string): void {
  process.emitWarning(message, name);
}
