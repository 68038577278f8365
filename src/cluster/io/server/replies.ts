// Writes replies whose body is in memory: small ones in a single write, long ones piece by piece as the client reads
// them, the rest by node:http's own means. Replies produced while they are read are in reply-stream.ts.

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { ERROR_HEADER } from '../../http/errors.ts';
import { type HttpReply, isWhole, type WholeReply } from '../../http/http.ts';
import { problemFor } from '../../http/problem.ts';
import { LINGER_MS } from './refusals.ts';

/** Up to this length, copying the body behind its head costs less than a second buffer in the write. */
const ONE_WRITE_BYTES_MAX = 4096;
/** The piece of a long body handed to the system at once: how far the client has read is known to this precision. */
const PIECE_BYTES = 256 * 1024;
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;
/** A character that could end a header or is not allowed in one: such a header is left to node:http, which throws. */
const NOT_IN_A_HEADER = /[^\t\x20-\x7e\x80-\xff]/;

/** A reply up to this length fits the buffers of its connection, so it is sent even when memory is short. */
export const SHORT_REPLY_BYTES_MAX = ONE_WRITE_BYTES_MAX;

/** @returns how many bytes of a reply may wait in memory for its client to read them */
export function bufferedBytes(reply: HttpReply): number {
  return isWhole(reply) ? reply.body.length : PIECE_BYTES;
}

/**
 * @param length the length of the body in bytes; undefined when it is not known beforehand
 * @param keepAlive the value of the header Keep-Alive; `last` when no more requests of this connection are served
 * @returns the fields for node:http's `writeHead`, names and values in turn
 */
export function headFields(
  response: ServerResponse,
  { status, headers }: HttpReply,
  length: number | undefined,
  keepAlive: string | 'last',
): string[] {
  const fields: string[] = [];
  for (const name in headers) {
    // What a service says of the connection is in `keepAlive` by now.
    if (name === 'connection') continue;
    const value = headers[name] ?? '';
    for (const line of typeof value === 'string' ? [value] : value) fields.push(name, line);
  }
  // RFC 9110, 8.6: a 204 has no Content-Length, and that of a 304 would be the length of the body that it spares.
  const isLengthless = status === NO_CONTENT || status === NOT_MODIFIED;
  if (length !== undefined && !isLengthless) fields.push('content-length', String(length));
  // When node:http will close the connection itself, as after HTTP/1.0, the header must say so too.
  if (keepAlive === 'last' || !response.shouldKeepAlive) fields.push('connection', 'close');
  else fields.push('connection', 'keep-alive', 'keep-alive', keepAlive);
  return fields;
}

/** Whether the response has no body, whatever its headers say. */
export function isBodyless({ method }: IncomingMessage, { status }: HttpReply): boolean {
  return method === 'HEAD' || status === NO_CONTENT || status === NOT_MODIFIED;
}

/**
 * Ends a response whose body was written. If it is the last one of its connection and its request was not read to the
 * end, the rest is read and dropped first, or the client would see a reset instead of the reply.
 */
export function endResponse(
  request: IncomingMessage,
  response: ServerResponse,
  last: boolean,
): void {
  if (request.complete || !last) {
    response.end();
    return;
  }
  if (response.chunkedEncoding) sendLastChunk(response);
  request.resume();
  let linger: NodeJS.Timeout | undefined;
  // Not while earlier replies of the connection are due, which its client may still be reading.
  const begin = () => {
    linger = setTimeout(() => request.destroy(), LINGER_MS);
  };
  if (response.socket === null) response.once('socket', begin);
  else begin();
  request
    .once('end', () => closeAfter(response))
    .once('close', () => {
      clearTimeout(linger);
      closeAfter(response);
    });
}

/**
 * The client may wait for the last chunk before it sends or gives up the rest of its body. node:http sends that chunk
 * only when it ends the response, with which it would close the connection.
 */
function sendLastChunk(response: ServerResponse): void {
  // Behind all that node:http holds back until the end of this turn, or sends with the turn of a response that waits.
  const send = () => setImmediate(() => response.socket?.write('0\r\n\r\n'));
  if (response.socket === null) response.once('socket', send);
  else send();
}

/** Closes the connection of a last reply, all of which was handed to its socket by `endResponse`. */
export function closeAfter(response: ServerResponse): void {
  if (response.chunkedEncoding) response.socket?.destroySoon();
  else response.end();
}

export function sendReply(
  request: IncomingMessage,
  response: ServerResponse,
  given: WholeReply,
  keepAlive: string | 'last',
): void {
  const last = keepAlive === 'last';
  if (response.destroyed || response.writableEnded || response.headersSent) return;
  const isError = given.headers[ERROR_HEADER] !== undefined;
  const reply = isError
    ? problemFor(request.headers.accept, given, STATUS_CODES[given.status] ?? 'Error')
    : given;
  const body = inOneWrite(reply.body);
  if (!last && typeof body === 'string' && sendAtOnce(request, response, reply, body, keepAlive))
    return;
  response.writeHead(reply.status, headFields(response, reply, body.length, keepAlive));
  if (request.complete || !last) sendBody(response, body);
  else {
    response.write(body, 'latin1');
    endResponse(request, response, last);
  }
}

function sendBody(response: ServerResponse, body: string | Uint8Array): void {
  if (typeof body === 'string' || body.length <= PIECE_BYTES || response.req.method === 'HEAD') {
    response.end(body, 'latin1');
    return;
  }
  let sent = 0;
  const next = (error?: Error | null) => {
    if (error || response.destroyed) return;
    const piece = body.subarray(sent, sent + PIECE_BYTES);
    sent += piece.length;
    if (sent === body.length) response.end(piece);
    else response.write(piece, next);
  };
  next();
}

/** Makes a short body text, one character per byte: text goes to the socket in one buffer with its head. */
function inOneWrite(body: string | Uint8Array): string | Uint8Array {
  if (typeof body !== 'string') {
    if (body.length > ONE_WRITE_BYTES_MAX) return body;
    const bytes = body instanceof Buffer ? body : Buffer.from(body);
    return bytes.toString('latin1');
  }
  const isAscii = Buffer.byteLength(body) === body.length;
  return isAscii ? body : Buffer.from(body).toString('latin1');
}

/**
 * Sends head and body in one write of text. node:http's `end` would add a second, empty write and send a vector of the
 * two, which costs an eighth of a bare request. Only for the plainest case: the request is HTTP/1.1 and complete, and
 * its connection stays open, has no earlier reply due, and nothing left to send.
 * @returns whether it was that case and the reply is sent
 */
function sendAtOnce(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers }: WholeReply,
  body: string,
  keepAlive: string,
): boolean {
  const { socket } = response;
  const isLengthless = status === NO_CONTENT || status === NOT_MODIFIED;
  if (request.method === 'HEAD' || (isLengthless && body !== '')) return false;
  if (socket === null || socket.writableLength > 0 || socket.writableCorked > 0) return false;
  if (!request.complete || !response.shouldKeepAlive || request.httpVersion !== '1.1') return false;
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (const name in headers) {
    const value = headers[name] ?? '';
    if (typeof value !== 'string' || NOT_IN_A_HEADER.test(value)) return false;
    head += `${name}: ${value}\r\n`;
  }
  if (!isLengthless) head += `content-length: ${body.length}\r\n`;
  socket.write(`${head}date: ${date()}\r\nkeep-alive: ${keepAlive}\r\n\r\n${body}`, 'latin1');
  // As `end` does last: node:http then goes on to the next request of the connection.
  response.finished = true;
  response.emit('finish');
  return true;
}

let today: string | undefined;

/** The header Date, in the form of RFC 9110; formatted at most once a second. */
function date(): string {
  if (today === undefined) {
    const now = new Date();
    today = now.toUTCString();
    setTimeout(forgetDate, 1000 - now.getMilliseconds()).unref();
  }
  return today;
}

function forgetDate(): void {
  today = undefined;
}
