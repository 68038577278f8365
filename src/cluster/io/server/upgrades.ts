// Handles requests that offer to switch to another protocol (Upgrade). On the two paths of our streams the socket
// becomes a link of operations or control messages; any other offer is ignored, and its request is answered as HTTP.

import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, errorReply } from '../../http/errors.ts';
import type { ClusterId, Incarnation, NodeId } from '../../model/identity.ts';
import { CONTROL_BYTES_MAX } from '../../model/limits.ts';
import type { LinkHello, Service } from '../../ports.ts';
import { CONTROL_STREAM, OPERATION_STREAM, type StreamProtocol } from '../../wire/streams.ts';
import { SocketLink } from '../network/link.ts';
import { LINK_HEADERS, linkMessageBytesMax } from '../network/network.ts';
import { connectionOf } from './connections.ts';
import { refuse } from './refusals.ts';
import { originForm } from './request-forms.ts';

/**
 * Waits until the replies due on a socket that node:http has handed over have left. node:http no longer listens to that
 * socket's errors, so a reset meanwhile would end the process; this handles it.
 * @param callback not called if the socket is gone by then
 */
export function onceIdle(socket: Socket, callback: () => void): void {
  const destroy = () => socket.destroy();
  socket.on('error', destroy);
  connectionOf(socket).onceIdle(() => {
    if (socket.destroyed) return;
    socket.off('error', destroy);
    callback();
  });
}

/** The headers that make an offer; the header Connection names them too. */
const OF_AN_OFFER: readonly string[] = ['upgrade', 'http2-settings'];

/** @returns the stream that the request's path names; undefined for every other path */
export function streamOf({ url }: IncomingMessage): StreamProtocol | undefined {
  const path = originForm(url ?? '').split('?')[0];
  return [OPERATION_STREAM, CONTROL_STREAM].find((protocol) => protocol.path === path);
}

/** Makes the socket a link if the service accepts it, or refuses it. @param head bytes that came behind the request */
export function acceptLink(
  service: Service,
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
  const isControl = protocol === CONTROL_STREAM;
  const hello = isControl ? ({ purpose: 'control' } as const) : operationsHello(headers);
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

function operationsHello(headers: IncomingHttpHeaders): LinkHello {
  const timeScale = headers[LINK_HEADERS.timeScale];
  return {
    purpose: 'operations',
    cluster: String(headers[LINK_HEADERS.cluster]) as ClusterId,
    node: String(headers[LINK_HEADERS.node]) as NodeId,
    incarnation: Number(headers[LINK_HEADERS.incarnation]) as Incarnation,
    timeScale: timeScale === undefined ? undefined : Number(timeScale),
  };
}

/**
 * RFC 9110, 7.8: a server may ignore an offer. node:http stops parsing at an offer and cannot go on, so it gets the
 * socket as a new connection, which begins with the same request without the offer, and all bytes that follow.
 */
export function ignoreOffer(
  server: Server,
  request: IncomingMessage,
  socket: Socket,
  rest: Buffer,
): void {
  onceIdle(socket, () => {
    socket.unshift(Buffer.concat([withoutOffer(request), rest]));
    server.emit('connection', socket);
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
