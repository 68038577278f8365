// A link as a TCP proxy, which a test makes slow, silent or broken; needs no root. It stands for all that
// is sent to one address. A storage node has one address for everybody, so its links cannot be told
// apart by a proxy there; those of single pairs are cut between namespaces (namespaces.ts).

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

export type Direction = 'requests' | 'answers';

interface Waiting {
  readonly dueMs: number;
  readonly chunk: Buffer;
}

/** One direction of one connection. */
class Flow {
  readonly direction: Direction;
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #delayMs: () => number;
  readonly #waiting: Waiting[] = [];
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(direction: Direction, source: Socket, target: Socket, delayMs: () => number) {
    this.direction = direction;
    this.#source = source;
    this.#target = target;
    this.#delayMs = delayMs;
    source.on('data', (chunk: Buffer) => {
      this.#waiting.push({ dueMs: performance.now() + this.#delayMs(), chunk });
      this.#pump();
    });
    source.on('end', () => {
      this.#ended = true;
      this.#pump();
    });
    source.on('error', () => target.resetAndDestroy());
    source.on('close', () => {
      clearTimeout(this.#timer);
      target.destroy();
    });
  }

  /** TCP sends again what did not arrive: what a cut holds up comes when it is healed. */
  hold(held: boolean): void {
    if (held) this.#source.pause();
    else this.#source.resume();
  }

  /** In the order of arrival, each at its time. */
  #pump(): void {
    if (this.#timer !== undefined) return;
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const earlyMs = first.dueMs - performance.now();
      if (earlyMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#pump();
        }, earlyMs);
        return;
      }
      this.#waiting.shift();
      this.#target.write(first.chunk);
    }
    if (this.#ended) this.#target.end();
  }
}

export interface LinkEnds {
  readonly listenHost: string;
  readonly listenPort: number;
  readonly targetHost: string;
  readonly targetPort: number;
}

export class Link {
  readonly #ends: LinkEnds;
  readonly #sockets = new Set<Socket>();
  readonly #flows = new Set<Flow>();
  readonly #held = new Set<Direction>();
  #server: Server | undefined;
  #delayMs = 0;

  static async start(ends: LinkEnds): Promise<Link> {
    const link = new Link(ends);
    await link.accept();
    return link;
  }

  private constructor(ends: LinkEnds) {
    this.#ends = ends;
  }

  /** From now on every byte takes so much longer, in each direction. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds;
  }

  /** Nothing passes in these directions; connections stay, and new ones come about. */
  hold(...directions: readonly Direction[]): void {
    for (const direction of directions) this.#held.add(direction);
    this.#applyHold();
  }

  release(): void {
    this.#held.clear();
    this.#applyHold();
  }

  /** Breaks the connections that are open; new ones are welcome. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Breaks the connections that are open, and refuses new ones. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
    this.reset();
    if (server !== undefined) await once(server, 'close');
  }

  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const { listenHost, listenPort } = this.#ends;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#connect(client));
    this.#server.listen(listenPort, listenHost);
    await once(this.#server, 'listening');
  }

  #connect(client: Socket): void {
    const { targetHost: host, targetPort: port } = this.#ends;
    const target = connect({ host, port, allowHalfOpen: true });
    const flows = [
      new Flow('requests', client, target, () => this.#delayMs),
      new Flow('answers', target, client, () => this.#delayMs),
    ];
    for (const flow of flows) this.#flows.add(flow);
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        for (const flow of flows) this.#flows.delete(flow);
      });
    }
    this.#applyHold();
  }

  #applyHold(): void {
    for (const flow of this.#flows) flow.hold(this.#held.has(flow.direction));
  }
}
