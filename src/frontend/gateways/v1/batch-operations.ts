// Carries out one item of a batch: asks the reader or a writer, and has the outcome written as an answer. Which items
// are under way, and in which order they are answered, is in batch-run.ts.

import { ERRORS, type ErrorCode } from '../../../cluster/http/errors.ts';
import type { Attribute } from '../../../cluster/model/record.ts';
import { recordHash, recordVersion } from '../../../cluster/model/record.ts';
import { VERSION_ZERO } from '../../../cluster/model/version.ts';
import type { ConditionalOutcome } from '../../../coordinator/operations/conditional/decision.ts';
import type { GetOfMany } from '../../../coordinator/operations/get/many.ts';
import type { ReadOutcome } from '../../../coordinator/operations/get/round.ts';
import type { WriteOutcome, WriteRequest } from '../../../coordinator/operations/set/decision.ts';
import { storedRecordOf } from '../../../coordinator/operations/set/set-record.ts';
import { withExpiry } from '../../../coordinator/timed-writes.ts';
import type { GatewayContext } from '../gateway.ts';
import type { AnswerPiece, AnswerWriter, BatchItem } from './batch-form.ts';
import type { BatchVerb } from './batch-routes.ts';

const NO_ATTRIBUTES: readonly Attribute[] = [];
/** In a batch each wrong item is 400, as in HTTP: 501 is for the oldest paths, whose users know no other one. */
const WRONG = 400;
const CREATED = 201;
const DONE = 204;

/** @param status for the counter of items */
export type ItemCallback = (answer: AnswerPiece, status: number) => void;

export class BatchOperations {
  readonly #verb: BatchVerb;
  readonly #context: GatewayContext;
  readonly #writer: AnswerWriter;
  /** Gets that go together. */
  #gets: GetOfMany[] = [];

  constructor(verb: BatchVerb, context: GatewayContext, writer: AnswerWriter) {
    this.#verb = verb;
    this.#context = context;
    this.#writer = writer;
  }

  /** @param answered called exactly once, before this returns or later; of some items only after `flush`, which comes soon */
  perform(item: BatchItem, answered: ItemCallback): void {
    const { problem } = item;
    if (problem !== undefined) {
      return this.#failed(item, answered, problem.code, problem.detail, statusOf(problem.code));
    }
    switch (this.#verb) {
      case 'mget':
        return this.#get(item, answered);
      case 'mset': {
        if (item.ttlSeconds === 0) return this.#set(item, answered, 0);
        return withExpiry(
          this.#context,
          item.ttlSeconds,
          (expiresAtMs, arrivedMs) => this.#set(item, answered, expiresAtMs, arrivedMs),
          (problem) => this.#failed(item, answered, 'not-stored', problem),
        );
      }
      case 'mdelete':
        return this.#write(item, answered, true, 0);
    }
  }

  get waiting(): number {
    return this.#gets.length;
  }

  /** Carries out the gets that were put together since the last time. */
  flush(): void {
    if (this.#gets.length === 0) return;
    const gets = this.#gets;
    this.#gets = [];
    this.#context.manyReader.get(gets);
  }

  #get(item: BatchItem, answered: ItemCallback): void {
    const { key, minVersion } = item;
    const callback = (outcome: ReadOutcome) => this.#read(item, answered, outcome);
    if (minVersion !== VERSION_ZERO) return this.#context.reader.get(key, callback, minVersion);
    // However long what is under way takes, it holds up nothing else.
    if (this.#gets.push({ key, callback }) === 1) {
      this.#context.timers.after(0, () => this.flush());
    }
    return undefined;
  }

  #read(item: BatchItem, answered: ItemCallback, outcome: ReadOutcome): void {
    switch (outcome.kind) {
      case 'value':
        return answered(this.#writer.found(item, outcome.record), 200);
      case 'absent':
        return answered(this.#writer.absent(item, outcome.version), 404);
      case 'failed':
        return this.#failed(item, answered, outcome.code, outcome.detail);
    }
  }

  #set(item: BatchItem, answered: ItemCallback, expiresAtMs: number, arrivedMs?: number): void {
    const { key, value, condition } = item;
    if (condition === undefined) {
      return this.#write(item, answered, false, expiresAtMs, arrivedMs);
    }
    const change = { kind: 'put', value, attributes: NO_ATTRIBUTES, expiresAtMs } as const;
    return this.#context.conditional.write(
      { key, condition, change },
      (outcome) => this.#decided(item, answered, outcome),
      arrivedMs,
    );
  }

  #write(
    item: BatchItem,
    answered: ItemCallback,
    tombstone: boolean,
    expiresAtMs: number,
    arrivedMs?: number,
  ): void {
    const { key, value } = item;
    const request = { key, value, tombstone, expiresAtMs, attributes: NO_ATTRIBUTES };
    this.#context.writer.set(
      request,
      (outcome) => this.#written(item, answered, request, outcome),
      arrivedMs,
    );
  }

  #written(
    item: BatchItem,
    answered: ItemCallback,
    request: WriteRequest,
    outcome: WriteOutcome,
  ): void {
    switch (outcome.kind) {
      case 'stored': {
        const status = outcome.created && !request.tombstone ? CREATED : DONE;
        const hash = recordHash(storedRecordOf(request, outcome));
        return answered(this.#writer.stored(item, status, outcome.version, hash), status);
      }
      case 'not-stored':
        return this.#failed(item, answered, outcome.code, `${outcome.detail}; nothing was stored`);
      case 'unknown':
        return this.#unknown(item, answered);
    }
  }

  #decided(item: BatchItem, answered: ItemCallback, outcome: ConditionalOutcome): void {
    switch (outcome.kind) {
      case 'stored': {
        const { record, created } = outcome;
        const status = created ? CREATED : DONE;
        const answer = this.#writer.stored(item, status, recordVersion(record), recordHash(record));
        return answered(answer, status);
      }
      case 'unmet':
        return answered(this.#writer.unmet(item, outcome.record), 412);
      case 'not-stored':
        return this.#failed(item, answered, outcome.code, `${outcome.detail}; nothing was stored`);
      case 'unknown':
        return this.#unknown(item, answered);
    }
  }

  #unknown(item: BatchItem, answered: ItemCallback): void {
    const detail =
      'not all storage nodes have confirmed this in time; it may or may not take effect';
    return this.#failed(item, answered, 'outcome-unknown', detail);
  }

  #failed(
    item: BatchItem,
    answered: ItemCallback,
    code: ErrorCode,
    detail: string,
    status: number = ERRORS[code].status,
  ): void {
    answered(this.#writer.failed(item, status, code, detail), status);
  }
}

/** @returns the status of an item that cannot be carried out */
function statusOf(code: ErrorCode): number {
  const { status } = ERRORS[code];
  return status === 501 ? WRONG : status;
}
