// Reads one file out of a form (multipart/form-data, RFC 7578 and 2046) while the form comes: no piece is asked for before
// the reader of the file wants one, and memory holds one piece of the body, or the head of one part. The length of the
// file is not known beforehand. Pure.
//
// The file is the content of the first part that is called as the caller says, or has a file name. What stands before and
// behind it is skipped; but a form without its last boundary has lost something, perhaps the end of the file, and breaks.

import { assert } from '../cluster/assert.ts';
import type { BreakReason, BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import { describePart, type PartDescription } from './form-headers.ts';

const PART_HEAD_BYTES_MAX = 8 * 1024;
/** What may stand between a boundary and the end of its line: nobody sends any. */
const PADDING_BYTES_MAX = 256;
const PARTS_MAX = 1000;
const LINE_END = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const CLOSING = Buffer.from('--');
const CARRIAGE_RETURN = 0x0d;
const EMPTY: Buffer = Buffer.alloc(0);

export type OpenedForm =
  /** The content is read as any body; where the form is wrong behind its beginning, it breaks as `malformed`, for `fault`. */
  | { readonly kind: 'file'; readonly content: FormContent }
  /** The form is no form, or has no file. `detail` is a sentence without a full stop. */
  | { readonly kind: 'wrong'; readonly detail: string }
  | { readonly kind: 'broken'; readonly why: BreakReason };

export interface FormContent extends ByteStream {
  /** What was wrong with the form behind the beginning of the file, as a sentence without a full stop. */
  readonly fault: string | undefined;
}

export interface FormOptions {
  readonly boundary: string;
  /** The name of the part that is the file, also where it has no file name. */
  readonly field: string;
  /** Whether a form with a second file breaks, which would be lost without a word; by default that is skipped. */
  readonly isForOne?: boolean;
}

/**
 * Reads a form up to the beginning of its file.
 * @param callback called exactly once, before this returns or later; unless it gets a file the body is no longer wanted
 */
export function openFormFile(
  body: ByteStream,
  options: FormOptions,
  callback: (opened: OpenedForm) => void,
): void {
  const form = new FormReader(body, options);
  form.next((event) => {
    switch (event.kind) {
      case 'file':
        return callback({ kind: 'file', content: new FormFile(form) });
      case 'wrong':
      case 'broken':
        return callback(event);
      case 'bytes':
      case 'end':
        return assert(false, 'a form tells first of its file');
    }
  });
}

class FormFile implements FormContent {
  readonly length = undefined;
  fault: string | undefined;
  readonly #form: FormReader;

  constructor(form: FormReader) {
    this.#form = form;
  }

  read(callback: (part: BytePart) => void): void {
    this.#form.next((event) => {
      switch (event.kind) {
        case 'bytes':
        case 'end':
        case 'broken':
          return callback(event);
        case 'wrong':
          this.fault = event.detail;
          return callback({ kind: 'broken', why: 'malformed' });
        case 'file':
          return assert(false, 'a form has one file that is told of');
      }
    });
  }

  discard(): void {
    this.#form.discard();
  }
}

type FormEvent =
  /** The file begins. */
  | { readonly kind: 'file' }
  /** A piece of the file. */
  | Extract<BytePart, { kind: 'bytes' }>
  /** The form is whole, and so is the file. */
  | { readonly kind: 'end' }
  | { readonly kind: 'wrong'; readonly detail: string }
  | { readonly kind: 'broken'; readonly why: BreakReason };

type FormPlace =
  /** Before the first boundary, or in a part that is not wanted. */
  | 'skipped'
  /** Behind a boundary, on its line. */
  | 'boundary-line'
  | 'part-head'
  /** At the empty line behind the head of the file's part, which an empty file shares with the boundary. */
  | 'file-begins'
  | 'file'
  /** Behind the last boundary. */
  | 'epilogue';

class FormReader {
  readonly #body: ByteStream;
  readonly #field: string;
  readonly #isForOne: boolean;
  /** The boundary with what stands before it. The carriage return is in it once, at its beginning. */
  readonly #delimiter: Buffer;
  #place: FormPlace = 'skipped';
  /** What has come and is not told of. The first boundary may be at the very beginning, without a line end before. */
  #rest: Buffer = LINE_END;
  #parts = 0;
  #hasFile = false;
  #callback: ((event: FormEvent) => void) | undefined;
  #isReading = false;
  #isPumping = false;
  /** The last part of the body; undefined until it is known. */
  #last: Exclude<BytePart, { kind: 'bytes' }> | undefined;

  constructor(body: ByteStream, { boundary, field, isForOne = false }: FormOptions) {
    this.#body = body;
    this.#field = field;
    this.#isForOne = isForOne;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /**
   * Asks for the next event; the one before must have come. `end`, `wrong` and `broken` are last.
   * @param callback called exactly once, before this returns or later
   */
  next(callback: (event: FormEvent) => void): void {
    this.#callback = callback;
    this.#pump();
  }

  discard(): void {
    this.#callback = undefined;
    this.#body.discard();
  }

  /** A loop instead of recursion, because parts may come before `read` returns. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#callback !== undefined && !this.#isReading) {
      const event = this.#take();
      if (event === undefined) this.#read();
      else {
        const callback = this.#callback;
        this.#callback = undefined;
        callback(event);
      }
    }
    this.#isPumping = false;
  }

  #read(): void {
    this.#isReading = true;
    this.#body.read((part) => {
      this.#isReading = false;
      if (part.kind === 'bytes') {
        this.#rest = this.#rest.length === 0 ? part.bytes : Buffer.concat([this.#rest, part.bytes]);
      } else this.#last = part;
      this.#pump();
    });
  }

  /** @returns undefined when more must come first */
  #take(): FormEvent | undefined {
    for (;;) {
      const before = this.#place;
      const event = this.#takeAt(before);
      if (event !== undefined) return event;
      if (this.#place === before) return this.#last === undefined ? undefined : this.#ending();
    }
  }

  #ending(): FormEvent | undefined {
    if (this.#last?.kind !== 'end' || this.#place === 'epilogue') return this.#last;
    return { kind: 'wrong', detail: 'the form ends before its last boundary' };
  }

  /** Goes on to the next place, or stays where more must come first. */
  #takeAt(place: FormPlace): FormEvent | undefined {
    switch (place) {
      case 'skipped':
        this.#skipToDelimiter();
        return undefined;
      case 'boundary-line':
        return this.#endLine();
      case 'part-head':
        return this.#readHead();
      case 'file-begins':
        return this.#beginFile();
      case 'file': {
        const bytes = this.#untilDelimiter();
        return bytes.length === 0 ? undefined : { kind: 'bytes', bytes };
      }
      case 'epilogue':
        this.#rest = EMPTY;
        return undefined;
    }
  }

  #skipToDelimiter(): void {
    const at = this.#rest.indexOf(this.#delimiter);
    this.#rest = this.#rest.subarray(at < 0 ? this.#partialDelimiterAt() : at);
    if (at >= 0) this.#passDelimiter();
  }

  /** @returns the content that is certainly none of a boundary, and may be empty */
  #untilDelimiter(): Buffer {
    const rest = this.#rest;
    const at = rest.indexOf(this.#delimiter);
    if (at === 0) {
      this.#passDelimiter();
      return EMPTY;
    }
    const end = at > 0 ? at : this.#partialDelimiterAt();
    this.#rest = rest.subarray(end);
    return rest.subarray(0, end);
  }

  /** @returns where a boundary may begin of which not all has come; the length of what has come if there is none */
  #partialDelimiterAt(): number {
    const rest = this.#rest;
    const at = rest.lastIndexOf(CARRIAGE_RETURN);
    if (at < 0) return rest.length;
    const begun = rest.subarray(at);
    return begun.equals(this.#delimiter.subarray(0, begun.length)) ? at : rest.length;
  }

  #passDelimiter(): void {
    this.#rest = this.#rest.subarray(this.#delimiter.length);
    this.#place = 'boundary-line';
  }

  #endLine(): FormEvent | undefined {
    const rest = this.#rest;
    if (rest.subarray(0, CLOSING.length).equals(CLOSING)) {
      if (!this.#hasFile) return { kind: 'wrong', detail: `the form has no part ${this.#field}` };
      this.#place = 'epilogue';
      return undefined;
    }
    const text = rest.toString('latin1', 0, PADDING_BYTES_MAX + LINE_END.length);
    const [line] = /^[ \t]*\r\n/.exec(text) ?? [];
    if (line === undefined) {
      if (/^(?:-|[ \t]*\r?)$/.test(text) && text.length <= PADDING_BYTES_MAX) return undefined;
      return { kind: 'wrong', detail: 'the form has a boundary with something behind it' };
    }
    this.#rest = rest.subarray(line.length);
    if (++this.#parts > PARTS_MAX) {
      return { kind: 'wrong', detail: `the form has more than ${PARTS_MAX} parts` };
    }
    // Behind the file only boundaries count, or other files.
    this.#place = this.#hasFile && !this.#isForOne ? 'skipped' : 'part-head';
    return undefined;
  }

  #readHead(): FormEvent | undefined {
    // A part without a head begins with the empty line.
    const isEmpty = this.#rest.subarray(0, LINE_END.length).equals(LINE_END);
    const end = isEmpty ? 0 : this.#rest.indexOf(HEAD_END);
    if (end > PART_HEAD_BYTES_MAX || (end < 0 && this.#rest.length > PART_HEAD_BYTES_MAX)) {
      const most = `${PART_HEAD_BYTES_MAX} bytes are the most`;
      return { kind: 'wrong', detail: `the form has a part with too long a head: ${most}` };
    }
    if (end < 0) return undefined;
    const part = describePart(this.#rest.toString('latin1', 0, end));
    this.#rest = this.#rest.subarray(isEmpty ? 0 : end + LINE_END.length);
    // A browser sends an input for which nobody has chosen a file with an empty name.
    if (!this.#isFile(part) || (this.#hasFile && part.fileName === '')) {
      this.#place = 'skipped';
      return undefined;
    }
    if (this.#hasFile) {
      return {
        kind: 'wrong',
        detail: 'the form has two files, and one is stored: send each alone',
      };
    }
    if (part.isEncoded) {
      return { kind: 'wrong', detail: 'the file in the form has a Content-Transfer-Encoding' };
    }
    this.#place = 'file-begins';
    return undefined;
  }

  #isFile({ name, fileName }: PartDescription): boolean {
    return name === this.#field || (name !== undefined && fileName !== undefined);
  }

  /** RFC 2046, 5.1.1: of a part without content the boundary may follow its head at once. */
  #beginFile(): FormEvent | undefined {
    const begun = this.#rest.subarray(0, this.#delimiter.length);
    if (begun.equals(this.#delimiter)) this.#passDelimiter();
    else if (begun.equals(this.#delimiter.subarray(0, begun.length))) return undefined;
    else {
      this.#rest = this.#rest.subarray(LINE_END.length);
      this.#place = 'file';
    }
    this.#hasFile = true;
    return { kind: 'file' };
  }
}
