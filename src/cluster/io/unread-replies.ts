// Replies that their clients have not read yet. All together take so much memory at most: clients that read
// slowly are cut off, those that have had longest first, and so cost the others nothing.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Unread {
  readonly bytes: number;
  /** It is sent, or never will be. */
  readonly over: () => void;
}

export class UnreadReplies {
  readonly #bytesMax: number;
  #bytes = 0;
  /** Each with its connection, the oldest first. */
  readonly #replies = new Map<Unread, Socket>();
  /**
   * Requests may be pipelined: the replies that wait for their turn know nothing of their connection, not even
   * that it was closed.
   */
  readonly #connections = new Map<Socket, Set<Unread>>();

  /** @param bytesMax of all replies; a single one may be longer */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @param over called once, when the reply is sent or its connection gone */
  add(socket: Socket, response: ServerResponse, bytes: number, over: () => void): void {
    const unread = { bytes, over };
    this.#bytes += bytes;
    this.#replies.set(unread, socket);
    this.#of(socket).add(unread);
    response.once('close', () => this.#remove(unread));
    this.#makeRoom();
  }

  #of(socket: Socket): Set<Unread> {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const replies = new Set<Unread>();
    this.#connections.set(socket, replies);
    socket.once('close', () => this.#removeAll(socket));
    return replies;
  }

  #makeRoom(): void {
    for (const [, socket] of this.#replies) {
      if (this.#bytes <= this.#bytesMax || this.#replies.size === 1) return;
      // At once, and not when it is closed: the next reply would look at all of them again.
      this.#removeAll(socket);
      socket.destroy();
    }
  }

  #removeAll(socket: Socket): void {
    const replies = this.#connections.get(socket) ?? [];
    this.#connections.delete(socket);
    for (const unread of replies) this.#remove(unread);
  }

  #remove(unread: Unread): void {
    const socket = this.#replies.get(unread);
    if (socket === undefined) return;
    this.#replies.delete(unread);
    this.#bytes -= unread.bytes;
    this.#connections.get(socket)?.delete(unread);
    unread.over();
  }
}
