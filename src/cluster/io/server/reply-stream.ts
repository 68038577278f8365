// Writes replies whose bodies are produced while they are read. The producer is asked for the next piece when the
// socket has taken the last one, so a client that stops reading stops its producer. Bodies in memory are in replies.ts.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BytePart } from '../../http/byte-stream.ts';
import type { StreamedReply } from '../../http/http.ts';
import { endResponse, headFields, isBodyless } from './replies.ts';

/** @param keepAlive the value of the header Keep-Alive; `last` when no more requests of this connection are served */
export function sendStream(
  request: IncomingMessage,
  response: ServerResponse,
  reply: StreamedReply,
  keepAlive: string | 'last',
): void {
  const { body } = reply;
  response.writeHead(reply.status, headFields(response, reply, body.length, keepAlive));
  const last = keepAlive === 'last';
  if (isBodyless(request, reply)) {
    body.discard();
    return endResponse(request, response, last);
  }
  let sent = 0;
  let isOver = false;
  let isPumping = false;
  let isWanted = false;
  const abort = () => {
    isOver = true;
    body.discard();
    // In HTTP/1.0 a body without a length ends with the connection: only a reset tells the client that it is not whole.
    if (request.httpVersion === '1.0') response.socket?.resetAndDestroy();
    else response.destroy();
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
        return endResponse(request, response, last);
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
      body.read(take);
    }
    isPumping = false;
  };
  response.once('close', () => {
    if (isOver) return;
    isOver = true;
    body.discard();
  });
  pump();
}
