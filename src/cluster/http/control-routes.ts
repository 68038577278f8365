// Receives control messages, from a stream or by plain HTTP: checks the shape of each, passes it to its handler, and
// makes the handler's answer a frame or an HTTP reply. The table of all messages is wire/control-table.ts.

import { InvariantBroken } from '../assert.ts';
import type { Link, LinkEvents, Logger } from '../ports.ts';
import { encodeReply, parseJson } from '../wire/control-frames.ts';
import { CONTROL, type ControlKind, Refused } from '../wire/control-table.ts';
import { type ControlMessage, messageReply } from '../wire/map-json.ts';
import { parseQuery } from '../wire/query.ts';
import { Malformed } from '../wire/shapes.ts';
import { CONTROL_STREAM } from '../wire/streams.ts';
import { FatalError } from './errors.ts';
import { type HttpReply, type HttpRequest, jsonReply, queryOf } from './http.ts';
import type { Counter, Metrics } from './metrics.ts';
import { type Routes, refusalReply } from './routes.ts';

/** How many calls of one stream may wait for their answers, as long polls and calls that wait for a disk do. */
const CALLS_MAX = 64;

export interface Caller {
  /** Whether the caller is on this machine, as far as that is known: never for a call on a stream. */
  readonly fromLoopback: boolean;
}

export type ControlHandler<Request, Reply> = (
  message: Request,
  reply: (answer: Reply | Refused) => void,
  caller: Caller,
) => void;

type ControlAnswer = ControlMessage | Refused;
/** @param read parses the message; throws Malformed when there is no JSON to parse */
type Handled = (
  read: () => unknown,
  reply: (answer: ControlAnswer) => void,
  caller: Caller,
) => void;

const CODES: ReadonlySet<unknown> = new Set(Object.values(CONTROL).map(({ code }) => code));
const ON_A_STREAM: Caller = { fromLoopback: false };

export class ControlRoutes {
  readonly #who: string;
  readonly #routes: Routes;
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #handlers = new Map<number, Handled>();
  readonly #refused = new Map<string, Counter>();

  /** @param who names this process within a sentence, such as `a storage node` */
  constructor(who: string, routes: Routes, metrics: Metrics, logger: Logger) {
    this.#who = who;
    this.#routes = routes;
    this.#metrics = metrics;
    this.#logger = logger;
    this.#countRefusal('malformed-message', 0);
  }

  /** @param handler calls `reply` once; it never sees a message of the wrong shape, which is refused with the reason */
  on<Request, Reply extends ControlMessage>(
    kind: ControlKind<Request, Reply>,
    handler: ControlHandler<Request, Reply>,
  ): void {
    const { http } = kind;
    const handled: Handled = (read, reply, caller) => {
      let message: Request;
      try {
        message = kind.request(read());
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        return reply(this.#malformed(http.path, error.message));
      }
      return handler(message, reply, caller);
    };
    this.#handlers.set(kind.code, handled);
    this.#routes.add({ methods: [http.method], path: http.path }, (request, reply) => {
      const read = () =>
        http.method === 'POST' ? bodyOf(request) : http.parse(parametersOf(request));
      handled(
        read,
        this.#counted((answer) => reply(httpReply(answer))),
        request,
      );
    });
  }

  /** @returns the event handlers for a stream of control messages */
  accept(link: Link): LinkEvents {
    let calls = 0;
    return {
      received: (id, message) => {
        let isAnswered = false;
        const reply = this.#counted((answer) => {
          if (isAnswered) return;
          isAnswered = true;
          calls--;
          const { head, body } = encodeReply(answer);
          link.send(id, head, body);
        });
        // No node makes this many calls at once, and the memory of waiting calls must stay bounded.
        if (++calls > CALLS_MAX) {
          this.#countRefusal('overloaded');
          return link.close(`${CALLS_MAX} calls wait for their answers already`);
        }
        return this.#handle(message, reply);
      },
      closed: () => undefined,
    };
  }

  #handle(message: Buffer, reply: (answer: ControlAnswer) => void): void {
    const { path } = CONTROL_STREAM;
    const [code] = message;
    const handled = this.#handlers.get(code ?? 0);
    if (handled === undefined) {
      // The sender has the address of another role, or runs software that has other messages.
      const isKnown = CODES.has(code);
      const detail = `this is ${this.#who}, which takes no such message`;
      return reply(
        isKnown
          ? new Refused('unknown-path', detail)
          : this.#malformed(path, `a message of an unknown kind, ${code}`),
      );
    }
    try {
      return handled(() => parseJson(message.subarray(1)), reply, ON_A_STREAM);
    } catch (error) {
      // Rethrown to end the process, as in Routes.
      if (error instanceof FatalError || error instanceof InvariantBroken) throw error;
      const stack = error instanceof Error ? error.stack : String(error);
      this.#logger.write('error', 'a request failed', { path, stack });
      return reply(new Refused('internal', 'internal error'));
    }
  }

  #malformed(path: string, reason: string): Refused {
    this.#logger.write('warn', 'control message refused', { path, reason });
    return new Refused('malformed-message', reason);
  }

  /** Wraps `reply` so that every refusal is counted here, sent as a frame or by HTTP alike. */
  #counted(reply: (answer: ControlAnswer) => void): (answer: ControlAnswer) => void {
    return (answer) => {
      if (answer instanceof Refused) this.#countRefusal(answer.error);
      reply(answer);
    };
  }

  /** @param reason an error code: labels of metrics must come from a bounded set */
  #countRefusal(reason: string, amount = 1): void {
    let counter = this.#refused.get(reason);
    if (counter === undefined) {
      counter = this.#metrics.counter(
        'velourfog_refused_messages_total',
        'Control messages refused, by the reason.',
        { reason },
      );
      this.#refused.set(reason, counter);
    }
    counter.add(amount);
  }
}

function httpReply(answer: ControlAnswer): HttpReply {
  if (answer instanceof Refused) return refusalReply(answer.error, answer.detail);
  // Short answers end in a line feed, for the people who read them; a map is long, so its encoded bytes are reused.
  const isLong = answer.map !== undefined || answer.delta !== undefined;
  return isLong ? messageReply(answer) : jsonReply(200, answer);
}

function parametersOf({ target }: HttpRequest): ReadonlyMap<string, Buffer> {
  const query = parseQuery(queryOf(target));
  return query.kind === 'query' ? query.parameters : new Map<string, Buffer>();
}

function bodyOf({ body }: HttpRequest): unknown {
  switch (body.kind) {
    case 'too-large':
      throw new Malformed(`the message is longer than ${body.bytesMax} bytes`);
    case 'none':
      throw new Malformed('the message is empty');
    case 'bytes':
      return parseJson(body.bytes);
    case 'stream':
      throw new InvariantBroken('a control message is taken whole');
  }
}
