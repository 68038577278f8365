// Tracks replies that their clients have not read yet, which share one limit of memory. When it is reached, clients
// that stopped reading are cut off, those with unread replies for longest first; a reply that still finds no room is
// refused before its first byte. A client that reads, however slowly, gets its whole reply.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Unread {
  /** How much of the memory it is charged for. */
  bytes: number;
  /** Called once, when the reply was sent or never will be. */
  readonly over: () => void;
}

/** A connection with unread replies; there may be several, because requests are pipelined. */
interface SlowReader {
  readonly socket: Socket;
  readonly replies: Set<Unread>;
  /** Listens to the socket as long as there are replies: a connection has many in its time. */
  readonly closed: () => void;
  /** How many bytes the system had taken at the last check. */
  sent: number;
  /** When a check last saw `sent` grow, or found nothing to send. */
  sentMs: number;
}

/** How many times each client is checked within `stalledMs`. */
const LOOKS = 10;

export class UnreadReplies {
  readonly #bytesMax: number;
  readonly #stalledMs: number;
  readonly #idleMs: number;
  #bytes = 0;
  /** The connection that began to have unread replies first comes first. */
  readonly #readers = new Map<Socket, SlowReader>();
  #looking: NodeJS.Timeout | undefined;

  /**
   * @param bytesMax the limit for all replies together; a single reply may be longer
   * @param times.stalledMs a client that has read nothing for so long is cut off when memory is needed
   * @param times.idleMs a client that has read nothing for so long is cut off in any case: a producer may wait for it
   */
  constructor(
    bytesMax: number,
    { stalledMs, idleMs }: { readonly stalledMs: number; readonly idleMs: number },
  ) {
    this.#bytesMax = bytesMax;
    this.#stalledMs = stalledMs;
    this.#idleMs = idleMs;
  }

  /** Makes room for a reply of so many bytes if it can. @returns whether the reply may be begun */
  hasRoom(bytes: number): boolean {
    if (this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax) return true;
    const nowMs = performance.now();
    for (const reader of this.#readers.values()) {
      this.#look(reader, nowMs);
      if (nowMs - reader.sentMs < this.#stalledMs) continue;
      // Removed now, not on its event `close`: until then, each further reply would check the same readers again.
      this.#removeAll(reader);
      reader.socket.destroy();
      if (this.#bytes + bytes <= this.#bytesMax) return true;
    }
    return this.#bytes === 0;
  }

  /**
   * Tracks a reply.
   * @param bytes that wait for the client; 0 for a stream, whose producer waits in their place
   * @param over called once, when the reply was sent or its connection is gone
   * @returns what to call when more or less of the reply waits
   */
  add(
    socket: Socket,
    response: ServerResponse,
    bytes: number,
    over: () => void,
  ): (bytes: number) => void {
    const unread: Unread = { bytes, over };
    const reader = this.#readers.get(socket) ?? this.#newReader(socket);
    reader.replies.add(unread);
    this.#bytes += bytes;
    response.once('close', () => this.#remove(reader, unread));
    return (waitingBytes) => {
      if (!reader.replies.has(unread)) return;
      this.#bytes += waitingBytes - unread.bytes;
      unread.bytes = waitingBytes;
    };
  }

  #newReader(socket: Socket): SlowReader {
    const reader: SlowReader = {
      socket,
      replies: new Set<Unread>(),
      closed: () => this.#removeAll(reader),
      sent: 0,
      sentMs: performance.now(),
    };
    this.#look(reader, reader.sentMs);
    this.#readers.set(socket, reader);
    // Replies that wait behind others on a connection get no event when it closes.
    socket.once('close', reader.closed);
    this.#looking ??= setInterval(() => this.#lookAtAll(), this.#stalledMs / LOOKS).unref();
    return reader;
  }

  #lookAtAll(): void {
    const nowMs = performance.now();
    for (const reader of this.#readers.values()) {
      this.#look(reader, nowMs);
      // With nothing left to send it is the producer that is slow, not the client.
      if (reader.socket.writableLength === 0) reader.sentMs = nowMs;
      if (nowMs - reader.sentMs >= this.#idleMs) reader.socket.destroy();
    }
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
      reader.socket.off('close', reader.closed);
    }
    if (this.#readers.size === 0) {
      clearInterval(this.#looking);
      this.#looking = undefined;
    }
    unread.over();
  }
}
