// Batches in bytes, for programs: lengths and fields in place of JSON. Integers are big-endian.
//
//   an item     length of the key (2), key; in a batch of sets behind it length of the value (4), ttl in seconds (4,
//               0 for no end), value
//   an answer   status (2), version (8), hash (4), length of the value (4), value; the value of an error is its code
//
// Answers have the order of the items. An item that cannot be read, because the body ends in its midst or its value is
// longer than any, is the last one.

import type { ErrorCode } from '../../../cluster/http/errors.ts';
import { TTL_SECONDS_MAX } from '../../../cluster/model/limits.ts';
import { recordValue, type StoredRecord } from '../../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import {
  type AnswerPiece,
  type BatchForm,
  type BatchItem,
  type ItemReader,
  NO_BYTES,
  problemItem,
} from './batch-form.ts';
import { isKeyLength, wrongKey, wrongTtl } from './batch-line.ts';
import { type BatchVerb, BINARY_CONTENT_TYPE } from './batch-routes.ts';

const KEY_LENGTH_BYTES = 2;
/** The lengths and the ttl behind the key of a set. */
const SET_FIELDS_BYTES = 8;
const ANSWER_HEAD_BYTES = 18;
const VERSION_AT = 2;
const HASH_AT = 10;
const VALUE_LENGTH_AT = 14;
const NO_LABEL = '';

export class BinaryForm implements BatchForm {
  readonly contentType = BINARY_CONTENT_TYPE;
  readonly #verb: BatchVerb;

  constructor(verb: BatchVerb) {
    this.#verb = verb;
  }

  reader(valueBytesMax: number): ItemReader {
    return new BinaryReader(this.#verb === 'mset', valueBytesMax);
  }

  found(_item: BatchItem, record: StoredRecord): Buffer {
    const value = recordValue(record);
    const answer = Buffer.allocUnsafe(ANSWER_HEAD_BYTES + value.length);
    answer.writeUInt16BE(200, 0);
    // The fields of a record in the other order: its checksum comes first.
    record.copy(answer, VERSION_AT, 8, 16);
    record.copy(answer, HASH_AT, 4, 8);
    answer.writeUInt32BE(value.length, VALUE_LENGTH_AT);
    answer.set(value, ANSWER_HEAD_BYTES);
    return answer;
  }

  absent(_item: BatchItem, version: Version): Buffer {
    return headOf(404, version, 0, 0);
  }

  stored(_item: BatchItem, status: number, version: Version, hash: number): Buffer {
    return headOf(status, version, hash, 0);
  }

  unmet(): Buffer {
    return headOf(412, VERSION_ZERO, 0, 0);
  }

  failed(_item: BatchItem, status: number, code: ErrorCode): Buffer {
    const text = Buffer.from(code, 'latin1');
    return Buffer.concat([headOf(status, VERSION_ZERO, 0, text.length), text]);
  }

  join(pieces: readonly AnswerPiece[]): Buffer {
    return Buffer.concat(pieces as readonly Buffer[]);
  }
}

function headOf(status: number, version: Version, hash: number, valueLength: number): Buffer {
  const head = Buffer.allocUnsafe(ANSWER_HEAD_BYTES);
  head.writeUInt16BE(status, 0);
  head.writeBigUInt64BE(version, VERSION_AT);
  head.writeUInt32BE(hash, HASH_AT);
  head.writeUInt32BE(valueLength, VALUE_LENGTH_AT);
  return head;
}

class BinaryReader implements ItemReader {
  readonly #isSet: boolean;
  readonly #valueBytesMax: number;
  #bytes: Buffer = NO_BYTES;
  #at = 0;
  /** Bytes behind `#bytes`, which do not complete an item yet. */
  #further: Buffer[] = [];
  #furtherBytes = 0;
  /** How many bytes the next item has, as far as is known. */
  #needed = KEY_LENGTH_BYTES;
  #isEnded = false;

  constructor(isSet: boolean, valueBytesMax: number) {
    this.#isSet = isSet;
    this.#valueBytesMax = valueBytesMax;
  }

  get heldBytes(): number {
    return this.#bytes.length - this.#at + this.#furtherBytes;
  }

  push(bytes: Buffer): void {
    this.#further.push(bytes);
    this.#furtherBytes += bytes.length;
    // Gathered once an item is whole: a long value comes in many pieces, and is copied once.
    if (this.#bytes.length - this.#at + this.#furtherBytes >= this.#needed) this.#gather();
  }

  end(): void {
    this.#gather();
    this.#isEnded = true;
  }

  next(): BatchItem | undefined {
    const left = this.#bytes.length - this.#at;
    if (left === 0) {
      // A client that sends nothing more for long must not keep a long value here.
      this.#bytes = NO_BYTES;
      this.#at = 0;
      return undefined;
    }
    const item = this.#item(this.#bytes, this.#at, left);
    if (item !== undefined) return item;
    return this.#isEnded ? this.cut('bad-item', 'the body ends within an item') : undefined;
  }

  cut(code: ErrorCode, detail: string): BatchItem {
    return problemItem(NO_LABEL, { code, detail, isLast: true });
  }

  /** @returns undefined when the item is not whole; `#needed` then says how long it is */
  #item(bytes: Buffer, at: number, left: number): BatchItem | undefined {
    if (left < KEY_LENGTH_BYTES) return this.#need(KEY_LENGTH_BYTES);
    const keyLength = bytes.readUInt16BE(at);
    const keyAt = at + KEY_LENGTH_BYTES;
    let valueLength = 0;
    let ttlSeconds = 0;
    let fieldsBytes = 0;
    if (this.#isSet) {
      fieldsBytes = SET_FIELDS_BYTES;
      const headBytes = KEY_LENGTH_BYTES + keyLength + fieldsBytes;
      if (left < headBytes) return this.#need(headBytes);
      valueLength = bytes.readUInt32BE(keyAt + keyLength);
      ttlSeconds = bytes.readUInt32BE(keyAt + keyLength + 4);
      if (valueLength > this.#valueBytesMax) {
        return this.cut('value-too-large', 'the value is longer than this cluster takes');
      }
    }
    const valueAt = keyAt + keyLength + fieldsBytes;
    const length = valueAt + valueLength - at;
    if (left < length) return this.#need(length);
    this.#at += length;
    this.#needed = KEY_LENGTH_BYTES;
    if (!isKeyLength(keyLength)) return wrongKey(NO_LABEL, keyLength);
    if (ttlSeconds > TTL_SECONDS_MAX) return wrongTtl(NO_LABEL);
    const key = bytes.subarray(keyAt, keyAt + keyLength);
    const value = this.#isSet ? bytes.subarray(valueAt, valueAt + valueLength) : NO_BYTES;
    return {
      label: NO_LABEL,
      key,
      value,
      ttlSeconds,
      condition: undefined,
      minVersion: VERSION_ZERO,
      problem: undefined,
    };
  }

  #need(bytes: number): undefined {
    this.#needed = bytes;
    return undefined;
  }

  #gather(): void {
    if (this.#furtherBytes === 0) return;
    const left = this.#bytes.subarray(this.#at);
    const [first = NO_BYTES] = this.#further;
    const isOne = left.length === 0 && this.#further.length === 1;
    this.#bytes = isOne ? first : Buffer.concat([left, ...this.#further]);
    this.#at = 0;
    this.#further = [];
    this.#furtherBytes = 0;
  }
}
