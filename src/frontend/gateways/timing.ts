// Says in `Server-Timing` how long a request took here, and how much of that it waited for storage nodes, where the
// request asks for it by `X-Fog-Timing`. A request that does not ask pays for one look at its headers.

import type { HttpReply, HttpRequest } from '../../cluster/http/http.ts';
import type { RouteParameter } from '../../cluster/http/route-description.ts';
import type { ReplyCallback } from '../../cluster/http/routes.ts';
import type { Clock } from '../../cluster/ports.ts';
import type { GatewayContext } from './gateway.ts';

/** The header of requests, in lower case as `HttpRequest` has them. */
const ASKS = 'x-fog-timing';

export const TIMING: RouteParameter = {
  name: 'X-Fog-Timing',
  in: 'header',
  text: 'With any value the answer has Server-Timing: the milliseconds in all, and those that storage nodes took.',
};

/** @template T what carries requests out by a context */
export class Timing<T> {
  readonly #context: GatewayContext;
  readonly #operationsOf: (context: GatewayContext) => T;
  readonly #untimed: T;

  constructor(context: GatewayContext, operationsOf: (context: GatewayContext) => T) {
    this.#context = context;
    this.#operationsOf = operationsOf;
    this.#untimed = operationsOf(context);
  }

  begin(
    request: Pick<HttpRequest, 'header'>,
    reply: ReplyCallback,
    run: (operations: T, reply: ReplyCallback) => void,
  ): void {
    if (request.header(ASKS) === undefined) return run(this.#untimed, reply);
    const stopwatch = new Stopwatch(this.#context.clock);
    return run(this.#operationsOf(timedContext(this.#context, stopwatch)), (answer) =>
      reply(withTiming(answer, stopwatch)),
    );
  }
}

class Stopwatch {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #startedMs: number;
  /** How many operations wait for storage nodes: those of a batch do so side by side. */
  #waiting = 0;
  #waitingSinceMs = 0;
  #storageMs = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  /** @returns the callback of an operation that begins now: it waits for storage until that is called */
  waits<Arguments extends readonly unknown[]>(
    callback: (...outcome: Arguments) => void,
  ): (...outcome: Arguments) => void {
    if (this.#waiting++ === 0) this.#waitingSinceMs = this.#clock.monotonicMs();
    return (...outcome) => {
      if (--this.#waiting === 0) this.#storageMs += this.#sinceWaiting();
      callback(...outcome);
    };
  }

  /** As the header has it, in milliseconds; `total` is to now, and so is of a batch what its first answers took. */
  text(): string {
    const totalMs = this.#clock.monotonicMs() - this.#startedMs;
    const storageMs = this.#storageMs + (this.#waiting > 0 ? this.#sinceWaiting() : 0);
    return `total;dur=${totalMs.toFixed(3)}, storage;dur=${storageMs.toFixed(3)}`;
  }

  #sinceWaiting(): number {
    return this.#clock.monotonicMs() - this.#waitingSinceMs;
  }
}

function timedContext(context: GatewayContext, stopwatch: Stopwatch): GatewayContext {
  const { reader, manyReader, linearizable, explained, writer, conditional } = context;
  return {
    ...context,
    reader: {
      get: (key, callback, minVersion) => reader.get(key, stopwatch.waits(callback), minVersion),
    },
    manyReader: {
      get: (gets) =>
        manyReader.get(
          gets.map(({ key, callback }) => ({ key, callback: stopwatch.waits(callback) })),
        ),
    },
    linearizable: {
      get: (key, callback, minVersion) =>
        linearizable.get(key, stopwatch.waits(callback), minVersion),
    },
    explained: {
      explain: (key, callback, minVersion) =>
        explained.explain(key, stopwatch.waits(callback), minVersion),
    },
    writer: {
      set: (request, callback, arrivedMs) =>
        writer.set(request, stopwatch.waits(callback), arrivedMs),
    },
    conditional: {
      write: (request, callback, arrivedMs) =>
        conditional.write(request, stopwatch.waits(callback), arrivedMs),
    },
  };
}

function withTiming(answer: HttpReply, stopwatch: Stopwatch): HttpReply {
  return { ...answer, headers: { ...answer.headers, 'server-timing': stopwatch.text() } };
}
