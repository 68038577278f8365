// Replies to what node:http's parser refuses, with our error codes and in words. The bytes never became a request, so
// the reply is written straight to the socket; bytes that follow are read and dropped, or the client would see a reset
// instead of the reply. Requests that the parser accepts are checked in request-forms.ts.

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, errorReply } from '../../http/errors.ts';
import type { HttpReply } from '../../http/http.ts';
import { REQUEST_HEAD_BYTES_MAX } from '../../model/limits.ts';

/** How long bytes that come after a refusal are read and dropped. */
export const LINGER_MS = 10_000;

interface Refusal {
  readonly code: ErrorCode;
  readonly line: string;
  readonly instead?: string;
}

const PARSER_ERRORS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    code: 'head-too-large',
    line: `request line and headers exceed ${REQUEST_HEAD_BYTES_MAX} bytes; send the value as the body`,
    instead: "curl --data-binary @FILE 'http://HOST:PORT/set?key=KEY'",
  },
  HPE_INVALID_EOF_STATE: {
    code: 'truncated-request',
    line: 'the connection was closed before the whole request had come; nothing of it was stored, but of a batch what had come whole',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    code: 'slow-request',
    line: 'the request did not arrive within its time; nothing of it was stored',
  },
  HPE_PAUSED_H2_UPGRADE: {
    code: 'unknown-version',
    line: 'this server speaks HTTP/1.1, and was spoken to in HTTP/2',
  },
  HPE_INVALID_VERSION: {
    code: 'bad-request',
    line: 'the request line does not end in HTTP/1.1, or a line does not end in CR and LF',
  },
  HPE_INVALID_METHOD: {
    code: 'bad-request',
    line: 'this is not an HTTP request: it does not begin with a method, such as GET. Where https was spoken: this server speaks http',
  },
  HPE_INVALID_CONSTANT: {
    code: 'bad-request',
    line: 'the request line is METHOD TARGET HTTP/1.1, with one space between them: encode a space in the URL as %20',
  },
  HPE_INVALID_URL: {
    code: 'bad-request',
    line: 'the URL has bytes that no URL has: encode them as %XX',
  },
  HPE_INVALID_HEADER_TOKEN: {
    code: 'bad-request',
    line: 'a header is not NAME: VALUE, or has bytes that no header has',
  },
  HPE_INVALID_CONTENT_LENGTH: {
    code: 'bad-request',
    line: 'the Content-Length is not a length, or stands beside a Transfer-Encoding',
  },
  HPE_UNEXPECTED_CONTENT_LENGTH: {
    code: 'bad-request',
    line: 'the length of the body is said twice',
  },
  HPE_INVALID_TRANSFER_ENCODING: {
    code: 'bad-request',
    line: 'the Transfer-Encoding does not end in chunked, so nobody knows where the body ends',
  },
  HPE_INVALID_CHUNK_SIZE: {
    code: 'bad-request',
    line: 'a chunk of the body does not begin with its size in hex digits',
  },
};

/** @returns the reply to a parser's error; undefined when the client is gone */
export function refusalOf(error: NodeJS.ErrnoException, socket: Socket): HttpReply | undefined {
  if (!socket.writable || error.code === 'ECONNRESET') return undefined;
  const { code, line, instead } = PARSER_ERRORS[error.code ?? ''] ?? {
    code: 'bad-request',
    line: 'this is not an HTTP request',
  };
  return errorReply(code, line, instead === undefined ? {} : { instead });
}

/** Sends a reply as the last one of the connection; replies due before it must have been sent. */
export function refuse(socket: Socket, { status, headers, body }: HttpReply): void {
  const lines = Object.entries({
    ...headers,
    date: new Date().toUTCString(),
    'content-length': String(Buffer.byteLength(body as string)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`;
  socket.end(`${head}${body}`);
  readOut(socket);
}

/** Reads and drops what the client sends, until it closes or LINGER_MS have passed; then the socket is closed. */
export function readOut(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  if (socket.readableEnded) {
    socket.destroySoon();
    return;
  }
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  socket.once('end', () => socket.destroySoon()).once('close', () => clearTimeout(timer));
}
