// HTTP requests and replies as a role sees them: plain values, without sockets. The server (io/server) makes requests
// from what its sockets receive, and sends the replies; the simulator does both without sockets.

import type { ByteStream } from './byte-stream.ts';

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** The body is longer than its route accepts, and was not read to the end. */
  | { readonly kind: 'too-large'; readonly bytesMax: number }
  /** The route reads its body piece by piece (RequestTraits in ports.ts); no piece was read yet. */
  | { readonly kind: 'stream'; readonly stream: ByteStream };

/** Of each answer at a port whose clients must not take that of another role for it. */
export const ROLE_HEADER = 'x-fog-role';

export interface HttpRequest {
  readonly method: string;
  /** The path and query as the client sent them, one character per byte. */
  readonly target: string;
  /**
   * @param name in lower case
   * @returns the value; the values of several lines of that name are joined with `, ` (RFC 9110, 5.3)
   */
  header(name: string): string | undefined;
  /**
   * @param name in lower case
   * @returns the value of each line of that name, in the order received
   */
  headerLines(name: string): readonly string[];
  readonly body: Body;
  /** The address of the client, or of whoever is in front of it; empty where that is unknown. */
  readonly clientAddress: string;
  /** Whether the client is on this machine. */
  readonly fromLoopback: boolean;
  /**
   * For what may take long, and may be wanted no longer.
   * @param callback called at most once, when the client sends nothing more on its connection: mostly it is gone, but it
   *   may have ended its side alone, and wait for the reply
   * @returns what takes the callback back
   */
  onceLeft(callback: () => void): () => void;
}

/** A request of which nothing but the body is missing. */
export type RequestHead = Omit<HttpRequest, 'body'>;

/** A list is sent as one line per value, for headers that RFC 9110 forbids to join, such as Set-Cookie. */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>;

/** A reply whose body is in memory. */
export interface WholeReply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly body: string | Uint8Array;
}

/**
 * A reply whose body is produced as fast as its client reads it. The sender calls `discard` when the client is gone. A
 * part `broken` aborts the connection, so that the client sees that the body is not whole.
 */
export interface StreamedReply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly body: ByteStream;
  /**
   * Whether the service reads on in the body of the request while this reply is sent. The next request of the
   * connection then begins when this reply is over. A reply that ends before its request was read to the end is the
   * last one of its connection.
   */
  readonly readsRequest?: true;
}

export type HttpReply = WholeReply | StreamedReply;

export function isWhole(reply: HttpReply): reply is WholeReply {
  const { body } = reply;
  return typeof body === 'string' || body instanceof Uint8Array;
}

/** @returns whether the body of the request is read while the reply is sent */
export function readsRequest(reply: HttpReply): reply is StreamedReply {
  return !isWhole(reply) && reply.readsRequest === true;
}

/** @returns whether the service wants the connection to end with this reply, as clients wait for that who ask oddly */
export function closes({ headers }: HttpReply): boolean {
  return headers.connection === 'close';
}

/** @returns the value of a reply's header; the values of a list are joined with `, ` */
export function replyHeader(reply: HttpReply | undefined, name: string): string | undefined {
  const value = reply?.headers[name];
  return typeof value === 'object' ? value.join(', ') : value;
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
export const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/** @param line the text without its final line feed */
export function textReply(status: number, line: string, headers: ReplyHeaders = {}): WholeReply {
  return { status, headers: { ...TEXT, ...headers }, body: `${line}\n` };
}

export function jsonReply(status: number, value: unknown): WholeReply {
  return { status, headers: JSON_HEADERS, body: `${JSON.stringify(value)}\n` };
}

/** @returns the path without its query and without one trailing slash: `/get/?key=a` is `/get` */
export function pathOf(target: string): string {
  const path = rawPathOf(target);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** @returns the path without its query, otherwise as the client sent it */
export function rawPathOf(target: string): string {
  const question = target.indexOf('?');
  return question < 0 ? target : target.slice(0, question);
}

export function queryOf(target: string): string {
  const question = target.indexOf('?');
  return question < 0 ? '' : target.slice(question + 1);
}

/** @returns the address that the client used, for curl lines; `otherwise` if it could break such a line */
export function hostHeader(request: Pick<HttpRequest, 'header'>, otherwise = 'HOST:PORT'): string {
  const host = request.header('host') ?? '';
  return /^[A-Za-z0-9.:[\]_-]{1,255}$/.test(host) ? host : otherwise;
}
