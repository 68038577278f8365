// A request between two simulated processes whose bodies may be streams, on a connection of its own. While a link is cut its
// pieces wait, and arrive when it heals if both ends still know each other. What the network does to them is network.ts's.

import type { BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import {
  type Body,
  type HttpReply,
  isWhole,
  readsRequest,
  replyHeader,
} from '../cluster/http/http.ts';
import type { PoolEvents, PoolHead, PoolRequest } from '../cluster/http/http-pool.ts';
import type { Service } from '../cluster/ports.ts';
import type { SimulatedProcess } from './process.ts';
import { requestOf } from './requests.ts';
import { CONNECT_TIMEOUT_MS, HALF_OPEN_MS, type Weather } from './stream.ts';
import { PiecesStream } from './streams.ts';
import type { World } from './world.ts';

const GONE: BytePart = { kind: 'broken', why: 'gone' };

export interface RequestedHost {
  readonly process: SimulatedProcess;
  readonly service: Service | undefined;
}

export class RequestConnection {
  readonly from: SimulatedProcess;
  readonly to: SimulatedProcess;
  readonly #world: World;
  readonly #weather: Weather;
  readonly #fromIncarnation: number;
  #toIncarnation: number | undefined;
  readonly #request: PoolRequest;
  /** Undefined once the caller has its answer, or does not want it. */
  #events: PoolEvents | undefined;
  /** What travels one way while that link is cut. */
  #held: { readonly from: SimulatedProcess; readonly run: () => void }[] = [];
  /** The service's end of the body of the request. */
  #reading: ((part: BytePart) => void) | undefined;
  #reply: ByteStream | undefined;
  #isPaused = false;
  #goOn: (() => void) | undefined;
  #isOver = false;

  constructor(
    world: World,
    weather: Weather,
    { from, to }: { readonly from: SimulatedProcess; readonly to: SimulatedProcess },
    request: PoolRequest,
    events: PoolEvents,
  ) {
    this.#world = world;
    this.#weather = weather;
    this.from = from;
    this.to = to;
    this.#fromIncarnation = from.incarnation;
    this.#request = request;
    this.#events = events;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  connect(service: () => Service | undefined): void {
    const { from, to } = this;
    if (this.#weather.isCut(from, to) || this.#weather.isCut(to, from)) {
      this.#world.at(CONNECT_TIMEOUT_MS, () => this.#break('ETIMEDOUT'));
      return;
    }
    this.#world.at(this.#weather.delayMs(), () => {
      if (this.#isOver) return undefined;
      const serving = service();
      if (!to.alive || serving === undefined) return this.#break('ECONNREFUSED');
      this.#toIncarnation = to.incarnation;
      this.#near(() => this.#events?.sent?.());
      return this.#far(() => this.#serve(serving));
    });
  }

  /** The caller does not want it any more. */
  cancel(): void {
    if (this.#events === undefined) return;
    this.#events = undefined;
    this.#discardRequest();
    this.#hangUp();
  }

  /** A link has healed. */
  flush(): void {
    const held = this.#held;
    this.#held = [];
    for (const { from, run } of held) this.#travel(from, run);
  }

  /** One of the two processes has died: the other one learns of it, unless a cut hides that. */
  crashed(process: SimulatedProcess): void {
    if (this.#isOver) return;
    if (process === this.from && process.incarnation !== this.#fromIncarnation) {
      this.#events = undefined;
      this.#hangUp();
    } else if (process === this.to && process.incarnation !== this.#toIncarnation) {
      const isHidden = this.#weather.isCut(process, this.from);
      const afterMs = isHidden ? HALF_OPEN_MS : this.#weather.delayMs();
      this.#world.at(afterMs, () => this.#break(isHidden ? 'ETIMEDOUT' : 'ECONNRESET'));
    }
  }

  #serve(service: Service): void {
    const { method, path, headers } = this.#request;
    const request = requestOf(method, path, this.#farBody(), headers);
    const { body } = request;
    service.handle(request, (reply) => {
      // As io/server does: a service that replies before the end is handed no more of the body.
      if (body.kind === 'stream' && !readsRequest(reply)) body.stream.discard();
      this.#answer(reply);
    });
  }

  #farBody(): Body {
    const { body } = this.#request;
    if (body === undefined) return { kind: 'none' };
    if (body instanceof Uint8Array) return { kind: 'bytes', bytes: Buffer.from(body) };
    return {
      kind: 'stream',
      stream: {
        length: body.length,
        read: (callback) => this.#readRequest(body, callback),
        discard: () => {
          this.#reading = undefined;
          this.#near(() => body.discard());
        },
      },
    };
  }

  #readRequest(body: ByteStream, callback: (part: BytePart) => void): void {
    if (this.#isOver) return callback(GONE);
    this.#reading = callback;
    return this.#near(() =>
      body.read((part) => {
        if (part.kind === 'broken') {
          // The caller cannot go on: it breaks the connection.
          this.#break(`the body broke off: ${part.why}`);
          return this.#hangUp();
        }
        return this.#travel(this.from, () => this.#far(() => this.#handOver(part)));
      }),
    );
  }

  #handOver(part: BytePart): void {
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.(part);
  }

  #answer(reply: HttpReply): void {
    const body = isWhole(reply) ? this.#wholeBody(reply.body) : reply.body;
    // As io/server does: a body whose length is known is sent with it.
    const lengthOf = (name: string) =>
      name === 'content-length' && body.length !== undefined ? `${body.length}` : undefined;
    const head: PoolHead = {
      status: reply.status,
      header: (name) => replyHeader(reply, name) ?? lengthOf(name),
    };
    this.#reply = body;
    this.#travel(this.to, () =>
      this.#near(() => {
        const flow = {
          pause: () => {
            this.#isPaused = true;
          },
          resume: () => {
            this.#isPaused = false;
            const goOn = this.#goOn;
            this.#goOn = undefined;
            goOn?.();
          },
        };
        const pieces: Buffer[] = [];
        const take = this.#events?.answering?.(head, flow) ?? ((piece) => void pieces.push(piece));
        const next = () => {
          if (this.#isPaused) this.#goOn = next;
          else this.#far(() => body.read((part) => this.#send(part)));
        };
        this.#take = (part) => {
          if (part.kind === 'broken') return this.#break('ECONNRESET');
          if (part.kind === 'bytes') {
            take(part.bytes);
            return next();
          }
          this.#isOver = true;
          return this.#end()?.ended({ kind: 'answered', ...head, body: Buffer.concat(pieces) });
        };
        next();
      }),
    );
  }

  #take: (part: BytePart) => void = () => undefined;

  #send(part: BytePart): void {
    if (part.kind !== 'bytes') this.#reply = undefined;
    this.#travel(this.to, () => this.#near(() => this.#take(part)));
  }

  #wholeBody(body: string | Uint8Array): ByteStream {
    const bytes = Buffer.from(body);
    const parts: BytePart[] = bytes.length === 0 ? [] : [{ kind: 'bytes', bytes }];
    return new PiecesStream(this.#world, [...parts, { kind: 'end' }], {
      length: bytes.length,
      delayMs: () => 0,
    });
  }

  /** Carries something from one end to the other: it waits while the link is cut, and may break the connection. */
  #travel(from: SimulatedProcess, run: () => void): void {
    const to = from === this.from ? this.to : this.from;
    if (this.#isOver) return;
    if (this.#weather.isCut(from, to)) {
      this.#held.push({ from, run });
      return;
    }
    const lostMs = this.#weather.retransmissionMs(from, to);
    const isReset = this.#world.random.chance(this.#weather.faults.resets);
    if (lostMs === 'broken' || isReset) {
      this.#world.at(this.#weather.delayMs(), () => {
        this.#break('ECONNRESET');
        this.#hangUp();
      });
      return;
    }
    this.#world.at(this.#weather.delayMs() + lostMs, run);
  }

  /** Tells the service that nobody is there any more. */
  #hangUp(): void {
    this.#isOver = true;
    const isHidden = this.#weather.isCut(this.from, this.to);
    this.#world.at(isHidden ? HALF_OPEN_MS : this.#weather.delayMs(), () =>
      this.#far(() => {
        this.#handOver(GONE);
        this.#reply?.discard();
        this.#reply = undefined;
      }),
    );
  }

  /** Tells the caller that the connection is broken. */
  #break(why: string): void {
    this.#isOver = true;
    this.#near(() => {
      const events = this.#end();
      if (events === undefined) return;
      this.#discardRequest();
      events.ended({ kind: 'broken', error: new Error(why) });
    });
  }

  #end(): PoolEvents | undefined {
    const events = this.#events;
    this.#events = undefined;
    return events;
  }

  #discardRequest(): void {
    const { body } = this.#request;
    if (body !== undefined && !(body instanceof Uint8Array)) body.discard();
  }

  #near(run: () => void): void {
    this.from.run(this.#fromIncarnation, run);
  }

  #far(run: () => void): void {
    if (this.#toIncarnation !== undefined) this.to.run(this.#toIncarnation, run);
  }
}
