// What an HTTP request and its reply are to a role: plain values, no sockets. The adapter makes the
// one and sends the other.

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** Longer than the role's limit; it was not read to the end. */
  | { readonly kind: 'too-large' };

export interface HttpRequest {
  readonly method: string;
  /** Path and query as sent, one character a byte. */
  readonly target: string;
  /** @param name in lower case */
  header(name: string): string | undefined;
  readonly body: Body;
  /** Whether it came from this very machine. */
  readonly fromLoopback: boolean;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
export const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/** @param line without its line feed */
export function textReply(
  status: number,
  line: string,
  headers: Readonly<Record<string, string>> = {},
): HttpReply {
  return { status, headers: { ...TEXT, ...headers }, body: `${line}\n` };
}

export function jsonReply(status: number, value: unknown): HttpReply {
  return { status, headers: JSON_HEADERS, body: `${JSON.stringify(value)}\n` };
}

/** The path without its query and without one trailing slash: `/get/?key=a` is `/get`. */
export function pathOf(target: string): string {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

export function queryOf(target: string): string {
  const question = target.indexOf('?');
  return question < 0 ? '' : target.slice(question + 1);
}

/** The address that the client used, for the curl lines in our errors; nothing that could break a line. */
export function hostHeader(request: HttpRequest): string {
  const host = request.header('host') ?? '';
  return /^[A-Za-z0-9.:[\]_-]{1,255}$/.test(host) ? host : 'HOST:PORT';
}
