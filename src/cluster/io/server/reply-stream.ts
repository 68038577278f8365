// Writes replies whose bodies are produced while they are read. The producer is asked for the next piece when the
// socket has taken the last one, so a client that stops reading stops its producer. Bodies in memory are in replies.ts.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { BytePart, ByteStream } from '../../http/byte-stream.ts';
import type { StreamedReply } from '../../http/http.ts';
import { closeAfter, endResponse, headFields, isBodyless } from './replies.ts';

/** Whether only the end of the connection can say where the body ends: HTTP/1.0 has no chunks. */
export function endsConnection(
  request: IncomingMessage,
  response: ServerResponse,
  reply: StreamedReply,
): boolean {
  if (response.useChunkedEncodingByDefault || reply.body.length !== undefined) return false;
  return !isBodyless(request, reply);
}

/** One reply whose producer may still be asked for more. */
export class ReplyStream {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #body: ByteStream;
  #sent = 0;
  #isOver = false;
  /** Whether the response ends only when its request was read to the end. */
  #waitsForRequest: boolean;
  /** Called when the reply ends before its request, so that it is the last one of its connection after all. */
  readonly #early: (() => void) | undefined;
  #isPumping = false;
  #isWanted = false;
  /** What the socket has not taken; 0 while the client reads as fast as the body is produced. */
  #waitingBytes = 0;
  #charge: (waitingBytes: number) => void = () => undefined;

  /**
   * @param keepAlive the value of the header Keep-Alive; `last` when no more requests of this connection are served
   * @param early called when the reply ends and the rest of its request is never read; only of one that reads on in it
   */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    reply: StreamedReply,
    keepAlive: string | 'last',
    early?: () => void,
  ) {
    this.#request = request;
    this.#response = response;
    this.#body = reply.body;
    this.#early = early;
    this.#waitsForRequest = keepAlive === 'last';
    response.writeHead(reply.status, headFields(response, reply, reply.body.length, keepAlive));
    if (isBodyless(request, reply)) {
      this.gone();
      endResponse(request, response, this.#waitsForRequest);
      return;
    }
    response.once('close', () => this.gone());
    this.#pump();
  }

  /** @param charge called with what the client has not read, now and whenever that begins or ends to wait */
  onWaiting(charge: (waitingBytes: number) => void): void {
    this.#charge = charge;
    charge(this.#waitingBytes);
  }

  /** The connection is gone. A response that waits for its turn does not learn that of itself. */
  gone(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#body.discard();
  }

  /** Nothing more comes of its request: the response ends with its body, and waits for nothing. */
  requestBroke(): void {
    this.#waitsForRequest = false;
    if (this.#isOver) closeAfter(this.#response);
  }

  /** A loop instead of recursion, because a producer may call back before `read` returns. */
  #pump(): void {
    this.#isWanted = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#isWanted && !this.#isOver) {
      this.#isWanted = false;
      try {
        this.#body.read((part) => this.#take(part));
      } catch (error) {
        // A bug of the producer is not this client's to wait for.
        if (!this.#isOver) this.#abort();
        throw error;
      }
    }
    this.#isPumping = false;
  }

  #take(part: BytePart): void {
    if (this.#isOver) return;
    const { length } = this.#body;
    switch (part.kind) {
      case 'bytes':
        this.#sent += part.bytes.length;
        if (length !== undefined && this.#sent > length) return this.#abort();
        if (this.#write(part)) return this.#pump();
        this.#wait(part.bytes.length);
        this.#response.once('drain', () => {
          this.#wait(0);
          this.#pump();
        });
        return;
      case 'end':
        if (length !== undefined && this.#sent < length) return this.#abort();
        this.#isOver = true;
        if (this.#early !== undefined && !this.#request.complete) {
          this.#waitsForRequest = true;
          this.#early();
        }
        return endResponse(this.#request, this.#response, this.#waitsForRequest);
      case 'broken':
        return this.#abort();
    }
  }

  /**
   * A piece is released once the kernel has taken it, and never when that failed: a write that was cancelled may still
   * be read from.
   * @returns as of `Writable.write`
   */
  #write({ bytes, release }: Extract<BytePart, { kind: 'bytes' }>): boolean {
    if (release === undefined) return this.#response.write(bytes);
    return this.#response.write(bytes, (error) => {
      if (!error) release();
    });
  }

  #wait(bytes: number): void {
    this.#waitingBytes = bytes;
    this.#charge(bytes);
  }

  #abort(): void {
    this.gone();
    const { socket } = this.#response;
    // In HTTP/1.0 a body without a length ends with the connection: only a reset tells the client that it is not whole.
    if (this.#response.useChunkedEncodingByDefault) this.#response.destroy();
    else if (socket !== null) socket.resetAndDestroy();
    // A response that waits for its turn has no socket yet; earlier replies are sent before.
    else this.#response.once('socket', (own: Socket) => own.resetAndDestroy());
  }
}
