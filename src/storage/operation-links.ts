// The streams on which operations arrive at a storage node: who may open one (D13), and when an answer may leave.
// What is answered is decided in replica.ts.

import type { NodeId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { otherTimeScale } from '../cluster/model/time-scale.ts';
import type { Link, LinkEvents, OperationsHello, Runtime } from '../cluster/ports.ts';
import { ANSWER_KINDS } from '../cluster/wire/answer-kinds.ts';
import { encodeAnswer } from '../cluster/wire/answers.ts';
import {
  type Answer,
  decodeOperation,
  isTransfer,
  type Operation,
} from '../cluster/wire/operations.ts';
import type { AnswerCounters } from './counters.ts';
import { Acknowledgements } from './log/acknowledgements.ts';
import type { Durability } from './log/durability.ts';
import type { Replica } from './replication/replica.ts';
import { TransferPace } from './replication/transfer-pace.ts';

const MALFORMED: Answer = { kind: 'refused', reason: 'malformed' };
const TOO_LARGE: Answer = { kind: 'refused', reason: 'too-large' };
const EMPTY = Buffer.alloc(0);
const NOT_SERVING: Answer = { kind: 'not-serving' };

/** The node that the streams lead to; its replica changes with each incarnation. */
export interface ServingNode {
  node(): NodeId;
  replica(): Replica | undefined;
  durability(): Durability;
}

export class OperationLinks {
  readonly #runtime: Runtime;
  readonly #answers: AnswerCounters;
  readonly #times: Times;
  readonly #served: ServingNode;
  readonly #links = new Set<Link>();
  readonly #pace: TransferPace;
  readonly #acknowledgements = new Acknowledgements();
  #reported: string | undefined;

  constructor(runtime: Runtime, answers: AnswerCounters, times: Times, served: ServingNode) {
    this.#runtime = runtime;
    this.#answers = answers;
    this.#times = times;
    this.#served = served;
    this.#pace = new TransferPace(runtime);
  }

  get count(): number {
    return this.#links.size;
  }

  /** D13: a stream is bound to cluster, node and incarnation, and refused if any of them is another's. */
  accept(hello: OperationsHello, link: Link): LinkEvents | { refused: string } {
    const node = this.#served.node();
    const { map, incarnation } = this.#served.replica() ?? {};
    if (hello.node !== node) return { refused: `this is node ${node}` };
    if (hello.incarnation !== incarnation) {
      return { refused: `this is incarnation ${incarnation ?? 'none yet'}` };
    }
    if (hello.cluster !== map?.cluster) {
      return { refused: `this is cluster ${map?.cluster ?? 'none yet'}` };
    }
    const other = otherTimeScale(
      { who: 'who opens this stream', timeScale: hello.timeScale },
      { who: `node ${node}`, timeScale: this.#times.scale },
    );
    if (other !== undefined) {
      this.#report(other);
      return { refused: other };
    }
    this.#links.add(link);
    return {
      received: (id, message) => this.#received(link, id, message),
      // Only a set can be that long. Cutting the stream instead would fail all other operations on it.
      tooLong: (id) => {
        this.#answers.count('set', TOO_LARGE);
        send(link, id, TOO_LARGE);
      },
      closed: () => this.#links.delete(link),
    };
  }

  /** Logs a problem once, however often the same stream is tried. */
  #report(problem: string): void {
    if (problem === this.#reported) return;
    this.#reported = problem;
    this.#runtime.logger.write('warn', 'a stream is refused', { problem });
  }

  #received(link: Link, id: number, message: Buffer): void {
    const operation = decodeOperation(message);
    if (typeof operation === 'string') {
      this.#runtime.logger.write('warn', 'operation refused', { reason: operation });
      return send(link, id, MALFORMED);
    }
    if (!isTransfer(operation)) {
      this.#pace.clientServed();
      return this.#answer(link, id, operation);
    }
    return this.#pace.whenDue(() => this.#answer(link, id, operation));
  }

  #answer(link: Link, id: number, operation: Operation): void {
    const answer = this.#served.replica()?.answer(operation) ?? NOT_SERVING;
    this.#answers.count(operation.kind, answer);
    const { head, body } = encodeAnswer(answer);
    const durability = this.#served.durability();
    if (operation.kind !== 'set') {
      if (!ANSWER_KINDS[answer.kind].waitsForLog) return link.send(id, head, body);
      // H39: what was judged, what decided against it, and what is held must be as durable as a set. The buffers of
      // head and body may serve the answers to others meanwhile. The copy goes as the body, as a head is short.
      const whole = Buffer.concat([head, body]);
      return durability.whenDurable(() => link.send(id, EMPTY, whole));
    }
    // The waiting callback holds only the encoded answer, so that the set's buffer is not kept until the log has it.
    const reply = () => link.send(id, head, body);
    return this.#acknowledgements.whenDurable(durability, operation.record, answer, reply);
  }
}

function send(link: Link, id: number, answer: Answer): void {
  const { head, body } = encodeAnswer(answer);
  link.send(id, head, body);
}
