// Batches as lines of JSON (NDJSON): reads the items of a body that comes in pieces, and writes the answers. A line of
// the plainest form, as programs write them, is taken apart where it lies; any other one is parsed as JSON (batch-line.ts).

import { isAscii, isUtf8 } from 'node:buffer';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import { etagOf, printETag } from '../../../cluster/model/condition.ts';
import { LINE_BYTES_CEILING } from '../../../cluster/model/limits.ts';
import { recordValue, type StoredRecord } from '../../../cluster/model/record.ts';
import { printVersion, VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import { jsonOfBytes } from '../../../cluster/wire/key-text.ts';
import {
  type AnswerPiece,
  type BatchForm,
  type BatchItem,
  type ItemReader,
  NO_BYTES,
  problemItem,
} from './batch-form.ts';
import { isKeyLength, lineLabel, parseLine } from './batch-line.ts';
import type { BatchVerb } from './batch-routes.ts';

const LINE_FEED = 10;
/** Room in a line for its key, however that is escaped, and the names of the fields. */
const LINE_BYTES_BESIDE_VALUE = 16 * 1024;
/** In text that has none of these each string of JSON is its own bytes between two quotes. */
const ESCAPED = /[^\n\x20-[\]-\xff]/;
/** A character that a string of JSON cannot have as it is. */
const ESCAPED_IN_STRING = /[^\x20!#-[\]-\x7f]/;
const BEFORE_KEY = '{"key":"';
/** Behind the key in a plain line of a set. */
const BEFORE_VALUE = '","value":"';
const END_OF_LINE = '"}';

export class LineForm implements BatchForm {
  readonly contentType = 'application/x-ndjson';
  readonly #verb: BatchVerb;

  constructor(verb: BatchVerb) {
    this.#verb = verb;
  }

  reader(valueBytesMax: number): ItemReader {
    return new LineItemReader(this.#verb, lineBytesMax(valueBytesMax));
  }

  found({ label }: BatchItem, record: StoredRecord): string {
    // The version and the checksum stand side by side, and one call is half the cost of two.
    const tag = record.toString('hex', 4, 16);
    return `{${label},"status":200,"value":${jsonOf(recordValue(record))},"etag":"\\"${tag.slice(8)}-${tag.slice(0, 8)}\\""}\n`;
  }

  absent({ label }: BatchItem): string {
    return `{${label},"status":404}\n`;
  }

  stored({ label }: BatchItem, status: number, version: Version, hash: number): string {
    return `{${label},"status":${status},"etag":"\\"${printVersion(version)}-${hash.toString(16).padStart(8, '0')}\\""}\n`;
  }

  unmet({ label }: BatchItem, record: StoredRecord | undefined): string {
    const etag = record === undefined ? '' : `,"etag":${JSON.stringify(printETag(etagOf(record)))}`;
    return `{${label},"status":412${etag}}\n`;
  }

  failed({ label }: BatchItem, status: number, code: ErrorCode, detail: string): string {
    return `{${label},"status":${status},"error":"${code}","detail":${JSON.stringify(detail)}}\n`;
  }

  join(pieces: readonly AnswerPiece[]): string {
    return pieces.join('');
  }
}

/** A longer line is refused; a text is well below the 512 MiB that V8 can make. */
export function lineBytesMax(valueBytesMax: number): number {
  return Math.min(2 * valueBytesMax + LINE_BYTES_BESIDE_VALUE, LINE_BYTES_CEILING);
}

/** As `jsonOfBytes`, faster for the plain text that most values are. */
function jsonOf(bytes: Buffer): string {
  if (!isAscii(bytes)) return jsonOfBytes(bytes);
  const text = bytes.toString('latin1');
  return ESCAPED_IN_STRING.test(text) ? JSON.stringify(text) : `"${text}"`;
}

const NO_TEXT = '';

class LineItemReader implements ItemReader {
  readonly #verb: BatchVerb;
  readonly #lineBytesMax: number;
  /** Whole lines, as bytes and as text of one character a byte, so that the places in both are the same. */
  #bytes: Buffer = NO_BYTES;
  #text = NO_TEXT;
  /** Where the next line begins in both. */
  #at = 0;
  /** Whether no line of `#text` has anything escaped in it, and all of it is UTF-8. */
  #isPlain = false;
  #isAscii = false;
  /** The beginning of a line whose end has not come. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** Whether that line is too long, so that nothing of it is kept. */
  #isTooLong = false;
  /** How many lines were read. */
  #lines = 0;
  /** Whether the first of the whole lines was too long. */
  #firstTooLong = false;

  constructor(verb: BatchVerb, lineBytesMax: number) {
    this.#verb = verb;
    this.#lineBytesMax = lineBytesMax;
  }

  get heldBytes(): number {
    return this.#bytes.length - this.#at + (this.#isTooLong ? 0 : this.#begunBytes);
  }

  push(bytes: Buffer): void {
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    if (end === 0) return this.#begin(bytes);
    this.#take(bytes.subarray(0, end));
    if (end < bytes.length) this.#begin(bytes.subarray(end));
  }

  /** The last line may lack its line feed, as `printf` and many programs leave it. */
  end(): void {
    if (this.#begunBytes > 0) this.#take(Buffer.of(LINE_FEED));
  }

  next(): BatchItem | undefined {
    while (this.#at < this.#text.length) {
      const from = this.#at;
      const to = this.#text.indexOf('\n', from);
      this.#at = to + 1;
      this.#lines++;
      if (this.#firstTooLong || to - from > this.#lineBytesMax) {
        this.#firstTooLong = false;
        return this.#tooLong();
      }
      const plain = this.#isPlain ? this.#plainItem(from, to) : undefined;
      const item = plain ?? this.#item(from, to);
      if (item !== undefined) return item;
    }
    // A client that sends nothing more for long must not keep a long line here.
    this.#bytes = NO_BYTES;
    this.#text = NO_TEXT;
    this.#at = 0;
    return undefined;
  }

  cut(code: ErrorCode, detail: string): BatchItem {
    return problemItem(lineLabel(this.#lines + 1), { code, detail, isLast: true });
  }

  #begin(bytes: Buffer): void {
    this.#begunBytes += bytes.length;
    if (this.#begunBytes > this.#lineBytesMax) {
      this.#isTooLong = true;
      this.#begun = [];
    } else this.#begun.push(bytes);
  }

  #take(bytes: Buffer): void {
    this.#bytes = this.#begun.length === 0 ? bytes : Buffer.concat([...this.#begun, bytes]);
    this.#firstTooLong = this.#isTooLong;
    this.#begun = [];
    this.#begunBytes = 0;
    this.#isTooLong = false;
    this.#at = 0;
    this.#text = this.#bytes.toString('latin1');
    this.#isAscii = isAscii(this.#bytes);
    this.#isPlain = !ESCAPED.test(this.#text) && (this.#isAscii || isUtf8(this.#bytes));
  }

  /** @returns undefined for a line of another form, and for one with a key of a wrong length */
  #plainItem(from: number, to: number): BatchItem | undefined {
    const text = this.#text;
    if (!text.startsWith(BEFORE_KEY, from)) return undefined;
    const keyFrom = from + BEFORE_KEY.length;
    const keyTo = text.indexOf('"', keyFrom);
    let end = keyTo;
    let value = NO_BYTES;
    if (this.#verb === 'mset') {
      if (keyTo < 0 || !text.startsWith(BEFORE_VALUE, keyTo)) return undefined;
      const valueFrom = keyTo + BEFORE_VALUE.length;
      end = text.indexOf('"', valueFrom);
      value = this.#bytes.subarray(valueFrom, end);
    }
    // The end is that of the line, so no quote was found behind it.
    if (end + END_OF_LINE.length !== to || !text.startsWith(END_OF_LINE, end)) return undefined;
    if (!isKeyLength(keyTo - keyFrom)) return undefined;
    // From the quotes of `"key"` to those behind the key.
    const label = this.#isAscii
      ? text.slice(from + 1, keyTo + 1)
      : this.#bytes.toString('utf8', from + 1, keyTo + 1);
    const key = this.#bytes.subarray(keyFrom, keyTo);
    return {
      label,
      key,
      value,
      ttlSeconds: 0,
      condition: undefined,
      minVersion: VERSION_ZERO,
      problem: undefined,
    };
  }

  /** @returns undefined for an empty line */
  #item(from: number, to: number): BatchItem | undefined {
    const bytes = this.#bytes.subarray(from, to);
    if (!this.#isAscii && !isUtf8(bytes)) {
      return problemItem(lineLabel(this.#lines), {
        code: 'bad-item',
        detail: 'the line is no UTF-8',
      });
    }
    const line = bytes.toString('utf8');
    if (line.trim() === '') return undefined;
    return parseLine(this.#verb, line, this.#lines);
  }

  #tooLong(): BatchItem {
    return problemItem(lineLabel(this.#lines), {
      code: 'value-too-large',
      detail: `the line is longer than ${this.#lineBytesMax} bytes`,
    });
  }
}
