// The streams on which operations arrive at a storage node, and when an answer may leave. Who may open one is decided in
// stream-gate.ts, and what is answered in replica.ts.

import { CHUNK_BYTES, type Times } from '../cluster/model/limits.ts';
import type { Link, LinkEvents, NodeHello, Runtime } from '../cluster/ports.ts';
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
import { TransferPace } from './replication/transfer-pace.ts';
import { RoomQueue } from './room-queue.ts';
import type { StreamGate, StreamTarget } from './stream-gate.ts';

const MALFORMED: Answer = { kind: 'refused', reason: 'malformed' };
const TOO_LARGE: Answer = { kind: 'refused', reason: 'too-large' };
const NOT_SERVING: Answer = { kind: 'not-serving' };
const FULL: Answer = { kind: 'refused', reason: 'full' };

export interface ServingNode extends StreamTarget {
  durability(): Durability;
}

export class OperationLinks {
  readonly #runtime: Runtime;
  readonly #answers: AnswerCounters;
  readonly #gate: StreamGate;
  readonly #served: ServingNode;
  readonly #links = new Set<Link>();
  readonly #pace: TransferPace;
  readonly #acknowledgements = new Acknowledgements();
  readonly #room: RoomQueue;

  constructor(
    runtime: Runtime,
    times: Times,
    answers: AnswerCounters,
    gate: StreamGate,
    served: ServingNode,
  ) {
    this.#runtime = runtime;
    this.#answers = answers;
    this.#gate = gate;
    this.#served = served;
    this.#pace = new TransferPace(runtime, times);
    this.#room = new RoomQueue(runtime.timers);
  }

  get count(): number {
    return this.#links.size;
  }

  accept(hello: NodeHello, link: Link): LinkEvents | { refused: string } {
    const refused = this.#gate.refusalOf(hello);
    if (refused !== undefined) return { refused };
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

  #received(link: Link, id: number, message: Buffer): void {
    const operation = decodeOperation(message);
    if (typeof operation === 'string') {
      this.#runtime.logger.write('warn', 'operation refused', { reason: operation });
      return send(link, id, MALFORMED);
    }
    if (!isTransfer(operation)) {
      this.#pace.clientServed();
      // What is short needs so little that it does not wait behind what is long.
      const mayGoFirst = this.#room.isEmpty || message.length <= CHUNK_BYTES;
      if (mayGoFirst && this.#answer(link, id, operation)) return;
      return this.#answerWhenRoom(link, id, operation, message.length);
    }
    const list = () => this.#answer(link, id, operation);
    if (operation.kind !== 'scan') return this.#pace.whenDue(list);
    return this.#pace.scanWhenDue(list, () => this.#refuse(link, id, operation));
  }

  #answerWhenRoom(link: Link, id: number, operation: Operation, bytes: number): void {
    if (this.#room.add(bytes, () => this.#answer(link, id, operation))) return;
    this.#refuse(link, id, operation);
  }

  /** Too much waits here already. */
  #refuse(link: Link, id: number, operation: Operation): void {
    this.#count(operation, FULL);
    send(link, id, FULL);
  }

  /** Many gets count as so many. */
  #count(operation: Operation, answer: Answer): void {
    if (answer.kind !== 'many') return this.#answers.count(operation.kind, answer);
    for (const one of answer.each) {
      if (one.kind !== 'left-out') this.#answers.count('get', one);
    }
  }

  /** @returns false when room is being made for the operation, which must be tried again */
  #answer(link: Link, id: number, operation: Operation): boolean {
    const answer = this.#served.replica()?.answer(operation) ?? NOT_SERVING;
    if (answer.kind === 'refused' && answer.isMakingRoom === true) return false;
    this.#count(operation, answer);
    this.#send(link, id, operation, answer);
    return true;
  }

  #send(link: Link, id: number, operation: Operation, answer: Answer): void {
    const { head, body } = encodeAnswer(answer);
    const durability = this.#served.durability();
    if (operation.kind !== 'set') {
      if (!ANSWER_KINDS[answer.kind].waitsForLog) return link.send(id, head, body);
      // H39: what was judged, what decided against it, and what is held must be as durable as a set. A short record may
      // be moved or overwritten meanwhile. A long one never changes where it is (segments.ts): a copy for each of many
      // reads that wait would fill the memory.
      const lasting = body.length > CHUNK_BYTES ? body : Buffer.from(body);
      return durability.whenDurable(() => link.send(id, head, lasting));
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
