// Writes replies whose bodies are produced while they are read. The producer is asked for the next piece when the
// socket has taken the last one, so a client that stops reading stops its producer. Bodies in memory are in replies.ts.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { BytePart } from '../../http/byte-stream.ts';
import type { StreamedReply } from '../../http/http.ts';
import { endResponse, headFields, isBodyless } from './replies.ts';

/** A reply whose producer may still be asked for more. */
export interface SendingStream {
  /** The connection is gone. A response that waits for its turn does not learn that of itself. */
  gone(): void;
  /** Nothing more comes of its request: the response ends with its body, and waits for nothing. */
  requestBroke(): void;
}

/** Whether only the end of the connection can say where the body ends: HTTP/1.0 has no chunks. */
export function endsConnection(
  request: IncomingMessage,
  response: ServerResponse,
  reply: StreamedReply,
): boolean {
  if (response.useChunkedEncodingByDefault || reply.body.length !== undefined) return false;
  return !isBodyless(request, reply);
}

/** @param keepAlive the value of the header Keep-Alive; `last` when no more requests of this connection are served */
export function sendStream(
  request: IncomingMessage,
  response: ServerResponse,
  reply: StreamedReply,
  keepAlive: string | 'last',
): SendingStream {
  const { body } = reply;
  response.writeHead(reply.status, headFields(response, reply, body.length, keepAlive));
  const last = keepAlive === 'last';
  if (isBodyless(request, reply)) {
    body.discard();
    endResponse(request, response, last);
    return { gone: () => undefined, requestBroke: () => response.end() };
  }
  let sent = 0;
  let isOver = false;
  let waitsForRequest = last;
  let isPumping = false;
  let isWanted = false;
  const abort = () => {
    isOver = true;
    body.discard();
    // In HTTP/1.0 a body without a length ends with the connection: only a reset tells the client that it is not whole.
    if (response.useChunkedEncodingByDefault) response.destroy();
    else if (response.socket !== null) response.socket.resetAndDestroy();
    // A response that waits for its turn has no socket yet; earlier replies are sent before.
    else response.once('socket', (socket: Socket) => socket.resetAndDestroy());
  };
  const take = (part: BytePart) => {
    if (isOver) return;
    switch (part.kind) {
      case 'bytes':
        sent += part.bytes.length;
        if (body.length !== undefined && sent > body.length) return abort();
        if (response.write(part.bytes)) return pump();
        response.once('drain', pump);
        return;
      case 'end':
        if (body.length !== undefined && sent < body.length) return abort();
        isOver = true;
        return endResponse(request, response, waitsForRequest);
      case 'broken':
        return abort();
    }
  };
  // A loop instead of recursion, because a producer may call back before `read` returns.
  const pump = () => {
    isWanted = true;
    if (isPumping) return;
    isPumping = true;
    while (isWanted && !isOver) {
      isWanted = false;
      try {
        body.read(take);
      } catch (error) {
        // A bug of the producer is not this client's to wait for.
        if (!isOver) abort();
        throw error;
      }
    }
    isPumping = false;
  };
  const gone = () => {
    if (isOver) return;
    isOver = true;
    body.discard();
  };
  response.once('close', gone);
  pump();
  return {
    gone,
    requestBroke: () => {
      waitsForRequest = false;
      if (isOver) response.end();
    },
  };
}
