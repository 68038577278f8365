// A scan over HTTP: each page is a read of its own, which goes to the next frontend where one does not answer. A page is
// bounded in keys and in bytes; the cursor that ends it is good at every frontend.

import type { PoolAnswer, PoolRequest } from '../cluster/http/http-pool.ts';
import { bytesOfText } from '../cluster/wire/key-text.ts';
import { encodeBytes } from '../cluster/wire/query.ts';
import { type AnswerLine, linesIn, noLine, versionOfETag } from './batch-lines.ts';
import { VelourError } from './errors.ts';
import { accepted } from './http-answers.ts';
import type { CheckedScan, ScanPage, ScanPages } from './scans.ts';
import type { ScannedEntry } from './velour.ts';

const PAGE_KEYS_MAX = 1000;
const PAGE_BYTES_MAX = 1024 * 1024;

export class HttpScan implements ScanPages {
  readonly #scan: CheckedScan;
  readonly #ask: (request: PoolRequest) => Promise<PoolAnswer>;
  #left: number;
  #cursor = '';

  constructor(scan: CheckedScan, ask: (request: PoolRequest) => Promise<PoolAnswer>) {
    this.#scan = scan;
    this.#ask = ask;
    this.#left = scan.limit;
  }

  async next(): Promise<ScanPage> {
    const lines = linesIn(accepted(await this.#ask(this.#request())));
    const last = lines.at(-1);
    const hasEnding = last !== undefined && last.key === undefined;
    const entries = (hasEnding ? lines.slice(0, -1) : lines).map((line) => this.#entryIn(line));
    this.#left -= entries.length;
    if (hasEnding) this.#goOnBehind(last, entries.length);
    return { entries, isLast: !hasEnding || this.#left <= 0 };
  }

  stop(): void {
    // Between two pages nothing is under way, and a page that nobody waits for was given up with its call.
  }

  #request(): PoolRequest {
    const { prefix, values } = this.#scan;
    const query = [
      `prefix=${encodeBytes(prefix)}`,
      `limit=${Math.min(this.#left, PAGE_KEYS_MAX)}`,
      `bytes=${PAGE_BYTES_MAX}`,
      ...(values ? ['values=1'] : []),
      ...(this.#cursor === '' ? [] : [`cursor=${this.#cursor}`]),
    ];
    return {
      method: 'GET',
      path: `/v1/scan?${query.join('&')}`,
      headers: { accept: 'application/problem+json' },
      body: undefined,
    };
  }

  /** The line at the end has the cursor, also of a page that failed in its midst: the next frontend may go on there. */
  #goOnBehind({ cursor, error, detail }: AnswerLine, entries: number): void {
    if (typeof cursor !== 'string' || !/^[\w-]+$/.test(cursor)) throw noLine();
    if (cursor === this.#cursor && entries === 0) {
      const code = typeof error === 'string' ? error : 'internal';
      throw new VelourError(code, typeof detail === 'string' ? detail : 'the scan does not go on');
    }
    this.#cursor = cursor;
  }

  #entryIn(line: AnswerLine): ScannedEntry {
    const key = bytesOfText(line.key);
    const { etag } = line;
    if (key === undefined || typeof etag !== 'string') throw noLine();
    const entry = { key: new Uint8Array(key), etag, version: versionOfETag(etag) };
    if (!this.#scan.values) return entry;
    const value = bytesOfText(line.value);
    if (value === undefined) throw noLine();
    return { ...entry, value: new Uint8Array(value) };
  }
}
