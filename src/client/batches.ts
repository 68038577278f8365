// Gathers calls of one turn of the event loop into requests to /v1/mget, /v1/mset and /v1/mdelete: a key then costs a
// frontend a small part of a request. Each call has an outcome of its own, which its line of the answer says, and may be
// given up alone. The lines themselves are batch-lines.ts's.

import type { PoolAnswer } from '../cluster/http/http-pool.ts';
import {
  type BatchedItem,
  batchRequest,
  type ClientBatchVerb,
  isOfLines,
  linesIn,
} from './batch-lines.ts';
import type { Outcome, UnderWay, UnknownCode } from './calls.ts';
import { VelourError } from './errors.ts';
import { accepted } from './http-answers.ts';
import { beginCall, type CallWorld } from './http-call.ts';

/** A longer batch is several requests, so that several frontends share the work. */
const ITEMS_MAX = 1000;
/** A batch is closed when it has so many bytes. */
const BYTES_FULL = 4 * 1024 * 1024;

export interface BatchWorld extends CallWorld {
  /** Calls back when this turn of the event loop is over. */
  afterTurn(callback: () => void): void;
}

export class Batches<T> {
  readonly #world: BatchWorld;
  readonly #verb: ClientBatchVerb;
  #waiting: BatchedCall<T>[] = [];

  constructor(world: BatchWorld, verb: ClientBatchVerb) {
    this.#world = world;
    this.#verb = verb;
  }

  begin(item: BatchedItem<T>, outcome: Outcome<T>): UnderWay {
    const member = new BatchedCall(item, outcome);
    if (this.#waiting.push(member) === 1) this.#world.afterTurn(() => this.#sendAll());
    return member;
  }

  #sendAll(): void {
    const all = this.#waiting.filter(({ isWaitedFor }) => isWaitedFor);
    this.#waiting = [];
    let members: BatchedCall<T>[] = [];
    let bytes = 0;
    for (const [index, member] of all.entries()) {
      members.push(member);
      bytes += member.item.line.length;
      const isLast = index === all.length - 1;
      if (!isLast && members.length < ITEMS_MAX && bytes < BYTES_FULL) continue;
      new Batch(this.#world, this.#verb, members).begin();
      members = [];
      bytes = 0;
    }
  }
}

/** One call, from its arrival to its outcome. */
class BatchedCall<T> implements UnderWay {
  readonly item: BatchedItem<T>;
  /** The request that it is part of; undefined before that is sent. */
  batch: Batch<T> | undefined;
  /** Undefined once the outcome was told, or nobody waits for it. */
  #outcome: Outcome<T> | undefined;

  constructor(item: BatchedItem<T>, outcome: Outcome<T>) {
    this.item = item;
    this.#outcome = outcome;
  }

  get isWaitedFor(): boolean {
    return this.#outcome !== undefined;
  }

  /** @param tell throws the VelourError that the call is to be rejected with */
  settle(tell: () => T): void {
    const outcome = this.#outcome;
    this.#outcome = undefined;
    if (outcome === undefined) return;
    let value: T;
    try {
      value = tell();
    } catch (error) {
      return outcome.failed(asVelourError(error));
    }
    return outcome.done(value);
  }

  get asked(): string | undefined {
    return this.batch?.asked;
  }

  giveUp(): UnknownCode | undefined {
    this.#outcome = undefined;
    return this.batch?.left();
  }
}

/** One request with the calls that are part of it. */
class Batch<T> {
  readonly #world: BatchWorld;
  readonly #verb: ClientBatchVerb;
  readonly #members: readonly BatchedCall<T>[];
  readonly #unknown: UnknownCode | undefined;
  #underWay: UnderWay | undefined;

  constructor(world: BatchWorld, verb: ClientBatchVerb, members: readonly BatchedCall<T>[]) {
    this.#world = world;
    this.#verb = verb;
    this.#members = members;
    this.#unknown = verb === 'mget' ? undefined : 'outcome-unknown';
  }

  get asked(): string | undefined {
    return this.#underWay?.asked;
  }

  begin(): void {
    for (const member of this.#members) member.batch = this;
    const lines = this.#members.map(({ item }) => item.line);
    const call = {
      request: batchRequest(this.#verb, lines),
      unknown: this.#unknown,
      answersValue: true,
      isAnswer: isOfLines,
    };
    this.#underWay = beginCall(this.#world, call, {
      done: (answer) => this.#answered(answer),
      failed: (error) => this.#failed(error),
    });
  }

  /** A member is waited for no more; the request goes on for the others. */
  left(): UnknownCode | undefined {
    if (this.#members.some(({ isWaitedFor }) => isWaitedFor)) return this.#unknown;
    return this.#underWay?.giveUp();
  }

  #answered(answer: PoolAnswer): void {
    let lines: ReturnType<typeof linesIn>;
    try {
      lines = linesIn(accepted(answer));
    } catch (error) {
      return this.#failed(asVelourError(error));
    }
    for (const [index, member] of this.#members.entries()) {
      member.settle(() => {
        const line = lines[index];
        if (line !== undefined) return member.item.read(line);
        throw new VelourError(this.#unknown ?? 'internal', 'the answer to the batch broke off');
      });
    }
  }

  #failed(error: VelourError): void {
    for (const member of this.#members) {
      member.settle(() => {
        throw error;
      });
    }
  }
}

/** Who calls from a connection throws into it, and nobody would hear of that: each call must be told. */
function asVelourError(error: unknown): VelourError {
  if (error instanceof VelourError) return error;
  return new VelourError('internal', `the answer to the batch is of no use: ${error}`, {
    cause: error,
  });
}
