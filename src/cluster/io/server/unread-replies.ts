// Replies that their clients have not read yet. All together take so much memory: where it is short, clients that take
// nothing any more are cut off, those that have had longest first. Who reads, however slowly, gets all of it; what there
// is no room for is refused before its first byte.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Unread {
  readonly bytes: number;
  /** It is sent, or never will be. */
  readonly over: () => void;
}

/** What one connection has not read. Several replies of it may wait: requests are pipelined. */
interface SlowReader {
  readonly socket: Socket;
  readonly replies: Set<Unread>;
  /** So many bytes were handed to the system when it was looked at last, and when that last grew. */
  sent: number;
  sentMs: number;
  /** The listener of its socket's end. */
  readonly gone: () => void;
}

/** How often in its time a client is looked at. */
const LOOKS = 10;

export class UnreadReplies {
  readonly #bytesMax: number;
  readonly #stalledMs: number;
  #bytes = 0;
  /** The oldest first. */
  readonly #readers = new Map<Socket, SlowReader>();
  #looking: NodeJS.Timeout | undefined;

  /**
   * @param bytesMax of all replies; a single one may be longer
   * @param stalledMs who took nothing for so long may be cut off
   */
  constructor(bytesMax: number, stalledMs: number) {
    this.#bytesMax = bytesMax;
    this.#stalledMs = stalledMs;
  }

  /** Asked before a reply of so many bytes is begun; makes room where it can. */
  hasRoom(bytes: number): boolean {
    if (this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax) return true;
    const nowMs = performance.now();
    for (const reader of this.#readers.values()) {
      this.#look(reader, nowMs);
      if (nowMs - reader.sentMs < this.#stalledMs) continue;
      // At once, and not when it is closed: the next reply would look at all of them again.
      this.#removeAll(reader);
      reader.socket.destroy();
      if (this.#bytes + bytes <= this.#bytesMax) return true;
    }
    return this.#bytes === 0;
  }

  /** @param over called once, when the reply is sent or its connection gone */
  add(socket: Socket, response: ServerResponse, bytes: number, over: () => void): void {
    const unread = { bytes, over };
    const reader = this.#readers.get(socket) ?? this.#newReader(socket);
    reader.replies.add(unread);
    this.#bytes += bytes;
    response.once('close', () => this.#remove(reader, unread));
  }

  #newReader(socket: Socket): SlowReader {
    const sentMs = performance.now();
    const gone = () => this.#removeAll(reader);
    const reader: SlowReader = { socket, replies: new Set<Unread>(), sent: 0, sentMs, gone };
    this.#look(reader, sentMs);
    this.#readers.set(socket, reader);
    // The replies that wait for their turn know nothing of their connection, not even that it was closed.
    socket.once('close', gone);
    this.#looking ??= setInterval(() => this.#lookAtAll(), this.#stalledMs / LOOKS).unref();
    return reader;
  }

  #lookAtAll(): void {
    const nowMs = performance.now();
    for (const reader of this.#readers.values()) this.#look(reader, nowMs);
  }

  #look(reader: SlowReader, nowMs: number): void {
    const sent = reader.socket.bytesWritten - reader.socket.writableLength;
    if (sent === reader.sent) return;
    reader.sent = sent;
    reader.sentMs = nowMs;
  }

  #removeAll(reader: SlowReader): void {
    for (const unread of reader.replies) this.#remove(reader, unread);
  }

  #remove(reader: SlowReader, unread: Unread): void {
    if (!reader.replies.delete(unread)) return;
    this.#bytes -= unread.bytes;
    if (reader.replies.size === 0) {
      this.#readers.delete(reader.socket);
      // A connection has many replies, one after the other.
      reader.socket.off('close', reader.gone);
    }
    if (this.#readers.size === 0) {
      clearInterval(this.#looking);
      this.#looking = undefined;
    }
    unread.over();
  }
}
