// A client that counts what comes back on each of its connections: how many replies to each request, one, none or
// two, and whether it is a reply to that request at all. Other clients hide that: what they did not ask for they drop,
// and what is late they ask for again, on another connection.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: string;
}

export interface Reply {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const END_OF_HEAD = '\r\n\r\n';

/** One connection that is kept, with one request on it at a time. */
export class CountingConnection {
  readonly #socket: Socket;
  #received = '';
  #waiting: ((reply: Reply) => void) | undefined;
  requests = 0;
  replies = 0;
  /** That came when nothing was asked. */
  unasked = 0;
  /** Why it is gone, if it is. */
  broken: string | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').setNoDelay(true);
    socket.on('data', (text: string) => {
      this.#received += text;
      for (let reply = this.#nextReply(); reply !== undefined; reply = this.#nextReply()) {
        this.#replied(reply);
      }
    });
    socket.on('error', (error) => {
      this.broken = error.message;
    });
    socket.on('close', () => {
      this.broken ??= 'closed by the frontend';
    });
  }

  static async open(address: string): Promise<CountingConnection> {
    const [host = '', port = ''] = address.split(':');
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    return new CountingConnection(socket);
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Comes to no end when nothing comes back. */
  ask({ method, path, body }: Asked): Promise<Reply> {
    if (this.isWaiting) throw new Error('one request at a time');
    this.requests++;
    const length = body === undefined ? '' : `content-length: ${body.length}\r\n`;
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#socket.write(`${method} ${path} HTTP/1.1\r\nhost: x\r\n${length}\r\n${body ?? ''}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #replied(reply: Reply): void {
    this.replies++;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.unasked++;
    else waiting(reply);
  }

  #nextReply(): Reply | undefined {
    const headEnd = this.#received.indexOf(END_OF_HEAD);
    if (headEnd < 0) return undefined;
    const head = this.#received.slice(0, headEnd);
    const length = Number(/^content-length: *(\d+)\r?$/im.exec(head)?.[1]);
    const bodyStart = headEnd + END_OF_HEAD.length;
    if (!Number.isInteger(length)) throw new Error(`a reply without a length:\n${head}`);
    if (this.#received.length < bodyStart + length) return undefined;
    const body = this.#received.slice(bodyStart, bodyStart + length);
    this.#received = this.#received.slice(bodyStart + length);
    return { status: Number(head.slice(9, 12)), head, body };
  }
}
