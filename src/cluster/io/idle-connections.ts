// Closes connections on which nothing was asked for long. node:http can do that too, with a timer for each
// connection that every request stops and every reply starts again: a fifteenth of what a small get costs. Here
// one look at all of them, now and then, does.

import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** How much longer than its time a connection may stay open, as a share of that. */
const LATENESS = 1 / 16;
const REQUESTS = Symbol('requests in progress');
const ROUND = Symbol('round in which the last one ended');

interface Watched extends Socket {
  [REQUESTS]: number;
  [ROUND]: number;
}

export class IdleConnections {
  readonly #connections = new Set<Watched>();
  #round = 0;

  /** Nothing of it keeps the process alive. @param idleMs so long a connection stays open at least */
  constructor(server: Server, idleMs: number) {
    server.on('connection', (socket: Socket) => {
      const watched = Object.assign(socket, { [REQUESTS]: 0, [ROUND]: this.#round });
      this.#connections.add(watched);
      socket.once('close', () => this.#connections.delete(watched));
    });
    const timer = setInterval(() => this.#look(), idleMs * LATENESS);
    timer.unref();
    server.once('close', () => clearInterval(timer));
  }

  requestBegan(socket: Socket): void {
    (socket as Watched)[REQUESTS]++;
  }

  requestEnded(socket: Socket): void {
    const watched = socket as Watched;
    watched[REQUESTS]--;
    watched[ROUND] = this.#round;
  }

  /** It speaks HTTP no longer. */
  forget(socket: Socket): void {
    this.#connections.delete(socket as Watched);
  }

  #look(): void {
    this.#round++;
    for (const socket of this.#connections) {
      const isIdle = socket[REQUESTS] === 0 && (this.#round - socket[ROUND]) * LATENESS > 1;
      if (isIdle) socket.destroy();
    }
  }
}
