// What a batch is made of, whatever bytes it is written in: items that are asked, and answers to them. The two forms
// are in batch-lines.ts and batch-binary.ts; carrying items out is in batch-operations.ts, their order in batch-run.ts.

import type { ErrorCode } from '../../../cluster/http/errors.ts';
import type { Condition } from '../../../cluster/model/condition.ts';
import type { StoredRecord } from '../../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';

export interface BatchProblem {
  readonly code: ErrorCode;
  /** One sentence without a full stop. */
  readonly detail: string;
  /** Whether nothing behind this item can be read, so that the batch ends with it. */
  readonly isLast?: true;
}

/** One item of a batch: what is asked of one key. All items have all fields, so that each costs the same little. */
export interface BatchItem {
  /** How an answer names the item; empty where the answers are told apart by their order alone. */
  readonly label: string;
  /** A view on bytes of the request, as `value` is. */
  readonly key: Buffer;
  readonly value: Buffer;
  /** 0 stands for no end. */
  readonly ttlSeconds: number;
  readonly condition: Condition | undefined;
  /** A read answers nothing older (H21). */
  readonly minVersion: Version;
  /** Why the item cannot be carried out; undefined where it can be. */
  readonly problem: BatchProblem | undefined;
}

/** Reads items from a body that comes in pieces. */
export interface ItemReader {
  /** Hands over the next bytes of the body; all items that are whole by now must have been taken before. */
  push(bytes: Buffer): void;
  /** The body is over: what is left of it is an item, or a part of one. */
  end(): void;
  /** @returns the next item; undefined where more bytes are needed */
  next(): BatchItem | undefined;
  /** How many bytes it holds that were not handed over as an item. */
  readonly heldBytes: number;
  /** @returns an item that stands for all that is lost behind those that were read */
  cut(code: ErrorCode, detail: string): BatchItem;
}

/** One answer as it is sent; all those of one form are texts, or all are bytes. */
export type AnswerPiece = string | Buffer;

/** Writes answers. */
export interface AnswerWriter {
  readonly contentType: string;
  found(item: BatchItem, record: StoredRecord): AnswerPiece;
  /** @param version of the record that took the value away, or as `ReadOutcome` has it */
  absent(item: BatchItem, version: Version): AnswerPiece;
  /** @param status 201 where the key is known to have had no value, else 204 */
  stored(item: BatchItem, status: number, version: Version, hash: number): AnswerPiece;
  /** @param record the live record that decided against the condition; undefined where there is none */
  unmet(item: BatchItem, record: StoredRecord | undefined): AnswerPiece;
  failed(item: BatchItem, status: number, code: ErrorCode, detail: string): AnswerPiece;
  /** @returns all of them back to back */
  join(pieces: readonly AnswerPiece[]): string | Buffer;
}

export interface BatchForm extends AnswerWriter {
  reader(valueBytesMax: number): ItemReader;
}

export const NO_BYTES: Buffer = Buffer.alloc(0);

export function problemItem(label: string, problem: BatchProblem): BatchItem {
  return {
    label,
    key: NO_BYTES,
    value: NO_BYTES,
    ttlSeconds: 0,
    condition: undefined,
    minVersion: VERSION_ZERO,
    problem,
  };
}
