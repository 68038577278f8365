// One import: reads the lines of a body, stores their records, a bounded number at once, and answers at the end with what
// became of them. Records keep their versions, so their order does not matter, and an import that is repeated changes
// nothing. As new, each takes a version of now, in the order of the lines.

import type { BreakReason } from '../../../../cluster/http/byte-stream.ts';
import {
  ERROR_HEADER,
  ERRORS,
  type ErrorCode,
  errorReply,
} from '../../../../cluster/http/errors.ts';
import { jsonReply } from '../../../../cluster/http/http.ts';
import type { ReplyCallback } from '../../../../cluster/http/routes.ts';
import { ATTRIBUTE_CONDITIONAL } from '../../../../cluster/model/record.ts';
import type { VersionedWriteOutcome } from '../../../../coordinator/operations/restore/round.ts';
import type { WriteOutcome } from '../../../../coordinator/operations/set/decision.ts';
import type {
  UserVersionedWriter,
  UserWriter,
} from '../../../../coordinator/operations/user-keys.ts';
import type { LinePart, LineReader } from './line-reader.ts';
import { type LineRecord, readRecordLine } from './record-line.ts';

/** Records on their way at once, and the bytes of their lines; a single line may be longer. */
const IN_FLIGHT_MAX = 128;
const IN_FLIGHT_BYTES_MAX = 8 * 1024 * 1024;
/** How many errors the answer names. */
const ERRORS_MAX = 10;
/** After so many records that could not be stored it ends: each took its whole time. Wrong lines do not count. */
const REFUSED_MAX = 128;
const BELOW_FLOOR =
  'a delete that may be newer was forgotten, so it is not known whether this record is still to be there: as-new=1 (velour import --as-new) stores it';

export interface ImportParts {
  readonly writer: Pick<UserWriter, 'set'>;
  readonly versionedWriter: Pick<UserVersionedWriter, 'write'>;
  /** By which records expire. */
  wallMs(): number;
}

interface LineError {
  readonly line: number;
  readonly detail: string;
}

interface ImportFailure {
  readonly code: ErrorCode;
  readonly detail: string;
}

export class Import {
  readonly #parts: ImportParts;
  readonly #lines: LineReader;
  readonly #asNew: boolean;
  readonly #reply: ReplyCallback;
  #stored = 0;
  #skipped = 0;
  #failed = 0;
  #records = 0;
  /** Whether a line with a cursor came, as every export has them; and whether the last one was that of its end. */
  #hasCursor = false;
  #isWhole = false;
  #refused = 0;
  readonly #errors: LineError[] = [];
  #inFlight = 0;
  #inFlightBytes = 0;
  #isReading = false;
  #isPumping = false;
  /** Whether no more lines are read. */
  #isRead = false;
  /** Why it ends before the last line; undefined while it does not. */
  #failure: ImportFailure | undefined;
  #isOver = false;

  constructor(parts: ImportParts, lines: LineReader, asNew: boolean, reply: ReplyCallback) {
    this.#parts = parts;
    this.#lines = lines;
    this.#asNew = asNew;
    this.#reply = reply;
  }

  start(): void {
    this.#pump();
  }

  /** A loop instead of recursion, because lines may come before `next` returns. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#isRead && !this.#isReading && this.#hasRoom()) {
      this.#isReading = true;
      this.#lines.next((part) => {
        this.#isReading = false;
        this.#take(part);
        this.#pump();
      });
    }
    this.#isPumping = false;
    if (this.#isRead && this.#inFlight === 0) this.#end();
  }

  #hasRoom(): boolean {
    return this.#inFlight < IN_FLIGHT_MAX && this.#inFlightBytes < IN_FLIGHT_BYTES_MAX;
  }

  #take(part: LinePart): void {
    switch (part.kind) {
      case 'end':
        this.#isRead = true;
        return;
      case 'broken':
        return this.#stop(failureOf(part.why));
      case 'too-long':
        return this.#wrong(part.number, `it has ${part.bytes} bytes, more than a value can take`);
      case 'not-utf8':
        return this.#wrong(part.number, 'it is no UTF-8');
      case 'line':
        return part.text.trim() === '' ? undefined : this.#takeLine(part);
    }
  }

  #takeLine({ number, text, bytes }: Extract<LinePart, { kind: 'line' }>): void {
    const read = readRecordLine(text);
    if (read.kind === 'cursor') {
      this.#hasCursor = true;
      this.#isWhole = read.isLast;
      return;
    }
    if (read.kind === 'wrong') return this.#wrong(number, read.detail);
    const { record } = read;
    const { version } = record;
    if (version === undefined && !this.#asNew) {
      return this.#wrong(
        number,
        'it has no version: as-new=1 (velour import --as-new) gives it one',
      );
    }
    this.#records++;
    const isOver = record.expiresAtMs !== 0 && record.expiresAtMs <= this.#parts.wallMs();
    if (isOver && !record.tombstone) {
      this.#skipped++;
      return;
    }
    this.#inFlight++;
    this.#inFlightBytes += bytes;
    const settled = (outcome: VersionedWriteOutcome) => {
      this.#inFlight--;
      this.#inFlightBytes -= bytes;
      this.#settle(number, outcome);
      this.#pump();
    };
    if (version === undefined || this.#asNew) this.#set(record, settled);
    else this.#parts.versionedWriter.write({ ...record, version }, settled);
  }

  #set(
    { version: _before, ...record }: LineRecord,
    settled: (outcome: VersionedWriteOutcome) => void,
  ): void {
    // The mark says on what the record was judged as it had its old version; this one is set whatever is there (H39).
    const attributes = record.attributes.filter(({ type }) => type !== ATTRIBUTE_CONDITIONAL);
    this.#parts.writer.set({ ...record, attributes }, (outcome) => settled(versioned(outcome)));
  }

  #settle(line: number, outcome: VersionedWriteOutcome): void {
    switch (outcome.kind) {
      case 'set':
        this.#stored++;
        return;
      case 'already-stored':
      case 'superseded':
        this.#skipped++;
        return;
      case 'below-floor':
        return this.#fail(line, BELOW_FLOOR);
      case 'failed':
        this.#fail(line, `${outcome.code}: ${outcome.detail}`);
        this.#refused++;
        if (this.#refused === REFUSED_MAX) this.#stop(outcome);
        return;
    }
  }

  #wrong(line: number, detail: string): void {
    this.#records++;
    this.#fail(line, detail);
    // Most likely this is no export at all.
    if (this.#records !== 1) return;
    this.#isOver = true;
    this.#isRead = true;
    this.#reply(errorReply('bad-line', `line ${line}: ${detail}; nothing was stored`));
  }

  #fail(line: number, detail: string): void {
    this.#failed++;
    if (this.#errors.length < ERRORS_MAX) this.#errors.push({ line, detail });
  }

  #stop(failure: ImportFailure): void {
    this.#failure ??= failure;
    this.#isRead = true;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const errors = this.#errors.toSorted((one, other) => one.line - other.line);
    const counts = {
      stored: this.#stored,
      skipped: this.#skipped,
      failed: this.#failed,
      lines: this.#records,
      // Where the export was cut, or not sent to its end, what came looks like all there is.
      ...(this.#hasCursor ? { complete: this.#isWhole } : {}),
      ...(errors.length > 0 ? { errors } : {}),
    };
    if (this.#failure === undefined) return this.#reply(jsonReply(200, counts));
    const { code, detail } = this.#failure;
    const { status, headers, body } = jsonReply(ERRORS[code].status, {
      ...counts,
      error: code,
      detail: `the rest was not read: ${detail}`,
    });
    return this.#reply({ status, headers: { ...headers, [ERROR_HEADER]: code }, body });
  }
}

function versioned(outcome: WriteOutcome): VersionedWriteOutcome {
  switch (outcome.kind) {
    case 'stored':
      return { kind: 'set' };
    case 'not-stored':
      return { ...outcome, kind: 'failed' };
    case 'unknown':
      return {
        kind: 'failed',
        code: 'outcome-unknown',
        detail: 'not every storage node confirmed it in time',
      };
  }
}

function failureOf(why: BreakReason): ImportFailure {
  switch (why) {
    case 'slow':
      return { code: 'slow-request', detail: 'the body came too slowly' };
    case 'gone':
      return {
        code: 'truncated-request',
        detail: 'the connection was closed; what came before is stored',
      };
    case 'too-large':
      return { code: 'value-too-large', detail: 'the body is longer than this path takes' };
    case 'malformed':
      return { code: 'bad-form', detail: 'the body is not in its form' };
    case 'failed':
      return { code: 'internal', detail: 'the body could not be read' };
  }
}
