// Handles requests that offer to switch to another protocol (Upgrade). On the paths of our streams the socket becomes
// a link of operations, changes or control messages; any other offer is ignored, and its request is answered as HTTP.

import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, errorReply } from '../../http/errors.ts';
import type { ClusterId, Incarnation, NodeId } from '../../model/identity.ts';
import { CONTROL_BYTES_MAX } from '../../model/limits.ts';
import type { HttpService, LinkHello } from '../../ports.ts';
import type { StreamProtocol } from '../../wire/streams.ts';
import { SocketLink } from '../network/link.ts';
import { LINK_HEADERS, linkMessageBytesMax, STREAMS } from '../network/network.ts';
import { connectionOf } from './connections.ts';
import { refuse } from './refusals.ts';
import { originForm } from './request-forms.ts';

/**
 * Waits until the replies due on a socket that node:http has handed over have left. node:http no longer listens to that
 * socket's errors, so a reset meanwhile would end the process; this handles it.
 * @param callback not called for a socket on which nothing can be sent by then
 */
export function onceIdle(socket: Socket, callback: () => void): void {
  const destroy = () => socket.destroy();
  socket.on('error', destroy);
  connectionOf(socket).holdUntilIdle(() => {
    socket.off('error', destroy);
    callback();
  });
}

/** The headers that make an offer; the header Connection names them too. */
const OF_AN_OFFER: readonly string[] = ['upgrade', 'http2-settings'];

/**
 * A request with a body asks for no stream: newer versions of node:http read that body before they hand the socket over,
 * and older ones do not.
 * @returns the stream that the request's path names; undefined for every other path
 */
export function streamOf({ url, headers }: IncomingMessage): StreamProtocol | undefined {
  const hasBody = Number(headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in headers;
  if (hasBody) return undefined;
  const path = originForm(url ?? '').split('?')[0];
  return Object.values(STREAMS).find((protocol) => protocol.path === path);
}

/** Makes the socket a link if the service accepts it, or refuses it. @param head bytes that came behind the request */
export function acceptLink(
  service: HttpService,
  protocol: StreamProtocol,
  { request, socket, head }: { request: IncomingMessage; socket: Socket; head: Buffer },
  valueBytesMax: number,
): void {
  const refused = (code: ErrorCode, reason: string) => refuse(socket, errorReply(code, reason));
  const { headers } = request;
  const offered = (headers.upgrade ?? '').split(',').map((token) => token.trim().toLowerCase());
  if (!offered.includes(protocol.name)) {
    const reason = `this node speaks ${protocol.name}, and was asked for another protocol: the two run different versions of velour-fog`;
    return refused('bad-request', reason);
  }
  const hello = helloOf(protocol, headers);
  const isControl = hello.purpose === 'control';
  const bytesMax = isControl ? CONTROL_BYTES_MAX : linkMessageBytesMax(valueBytesMax);
  socket.on('error', () => socket.destroy());
  const link = new SocketLink('answers', bytesMax);
  const accepted = service.accept(hello, link);
  if ('refused' in accepted) return refused('link-refused', accepted.refused);
  link.listen(accepted);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${protocol.name}\r\n\r\n`,
  );
  link.attach(socket, head);
}

function helloOf(protocol: StreamProtocol, headers: IncomingHttpHeaders): LinkHello {
  if (protocol === STREAMS.control) return { purpose: 'control' };
  const timeScale = headers[LINK_HEADERS.timeScale];
  return {
    purpose: protocol === STREAMS.changes ? 'changes' : 'operations',
    cluster: String(headers[LINK_HEADERS.cluster]) as ClusterId,
    node: String(headers[LINK_HEADERS.node]) as NodeId,
    incarnation: Number(headers[LINK_HEADERS.incarnation]) as Incarnation,
    timeScale: timeScale === undefined ? undefined : Number(timeScale),
  };
}

/**
 * An option of `createServer` since Node 22.21 and 24.9, which older versions do not look at: whether an offer is taken
 * up. One that is not is served as a request like others. But llhttp stops behind each request that made an offer, and
 * node:http then drops the rest of what it has just read, which may be pipelined requests. Only with a request whose
 * `upgrade` is set by then does it hand over the socket and that rest, so `upgrade` becomes true with the last byte of
 * this one, and `ignoreOffer` goes on from there.
 */
export function shouldUpgradeCallback(request: IncomingMessage): boolean {
  if (streamOf(request) !== undefined) return true;
  // node:http assigns what is returned here: the setter must take it.
  const upgrade = { get: () => request.complete, set: () => undefined };
  Object.defineProperty(request, 'upgrade', upgrade);
  return false;
}

/**
 * RFC 9110, 7.8: a server may ignore an offer. node:http stops parsing at an offer and cannot go on, so it gets the
 * socket as a new connection, with all that follows the request. An older node:http has not begun the request itself:
 * then that comes first, as it would be without the offer.
 */
export function ignoreOffer(
  server: Server,
  request: IncomingMessage,
  socket: Socket,
  rest: Buffer,
): void {
  const isServed = 'shouldUpgradeCallback' in server;
  const bytes = isServed ? rest : Buffer.concat([withoutOffer(request), rest]);
  // At once: once its client has closed its side, an empty socket ends, and takes nothing more.
  if (bytes.length > 0) socket.unshift(bytes);
  onceIdle(socket, () => {
    if (socket.readableEnded) socket.end();
    else server.emit('connection', socket);
  });
}

function withoutOffer({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const value = rawHeaders[index + 1] ?? '';
    const lower = name.toLowerCase();
    if (OF_AN_OFFER.includes(lower)) continue;
    head += `${name}: ${lower === 'connection' ? withoutOffers(value) : value}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}

function withoutOffers(connection: string): string {
  const tokens = connection.split(',').map((token) => token.trim());
  return tokens.filter((token) => !OF_AN_OFFER.includes(token.toLowerCase())).join(', ');
}
