// The body of a reply that lists records: lines of JSON, a page of a scan at a time, as fast as the client reads them.

import type { BytePart, ByteStream } from '../../../cluster/http/byte-stream.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import type { StreamedReply } from '../../../cluster/http/http.ts';
import type {
  ClusterScan,
  ScannedRecord,
  ScanStep,
} from '../../../coordinator/operations/scan/cluster-scan.ts';
import { printCursor, type ScanPosition } from '../../../coordinator/operations/scan/position.ts';

/** How pages become lines, each with its line feed. */
export interface PageLines {
  record(scanned: ScannedRecord): string;
  /** @param cursor of the place behind the page; undefined behind the last one */
  endOfPage(cursor: string | undefined, isLast: boolean): string;
}

export class ScanStream implements ByteStream {
  readonly length = undefined;
  readonly #scan: ClusterScan;
  readonly #lines: PageLines;
  readonly #digits: number;
  /** How many more bytes of records are wanted; a page is never cut. */
  #bytesLeft: number;
  /** A page that has come and was not asked for yet. */
  #step: ScanStep | undefined;
  #isOver = false;

  /**
   * @param first the first page of the scan
   * @param bytesMax the page with which there are so many is the last one; by default all pages are wanted
   */
  constructor(
    scan: ClusterScan,
    first: ScanStep,
    lines: PageLines,
    {
      digits,
      bytesMax = Number.POSITIVE_INFINITY,
    }: { readonly digits: number; readonly bytesMax?: number },
  ) {
    this.#scan = scan;
    this.#step = first;
    this.#lines = lines;
    this.#digits = digits;
    this.#bytesLeft = bytesMax;
  }

  read(callback: (part: BytePart) => void): void {
    const step = this.#step;
    this.#step = undefined;
    if (step !== undefined) return this.#give(step, callback);
    if (this.#isOver) return callback({ kind: 'end' });
    return this.#scan.next((next) => this.#give(next, callback));
  }

  discard(): void {
    this.#isOver = true;
    this.#scan.stop();
  }

  #give(step: ScanStep, callback: (part: BytePart) => void): void {
    const text = this.#textOf(step);
    if (step.kind === 'failed' || step.isLast || step.next === undefined) this.#isOver = true;
    else if (this.#bytesLeft <= 0) this.discard();
    // A page of which nothing is listed says nothing; the next one may.
    if (text === '') return this.read(callback);
    return callback({ kind: 'bytes', bytes: Buffer.from(text) });
  }

  #textOf(step: ScanStep): string {
    if (step.kind === 'failed') {
      const { code, detail } = step;
      return `${JSON.stringify({ error: code, detail, cursor: this.#cursorOf(step.next) })}\n`;
    }
    let text = '';
    // Without a record a page says nothing, and the next one follows at once.
    if (step.records.length === 0 && step.next !== undefined && !step.isLast) return '';
    for (const scanned of step.records) text += this.#lines.record(scanned);
    const cursor = step.next === undefined ? undefined : this.#cursorOf(step.next);
    this.#bytesLeft -= Buffer.byteLength(text);
    return text + this.#lines.endOfPage(cursor, step.isLast || this.#bytesLeft <= 0);
  }

  #cursorOf(position: ScanPosition): string {
    return printCursor(position, this.#digits);
  }
}

export const TOO_MANY_SCANS = errorReply(
  'overloaded',
  'too many scans are under way at this frontend',
);

export function linesReply(body: ByteStream): StreamedReply {
  return {
    status: 200,
    headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' },
    body,
  };
}
