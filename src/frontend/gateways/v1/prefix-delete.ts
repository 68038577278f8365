// Deletes the keys with a prefix: pages of a scan, and deletes of what they list, a bounded number at once. A key that
// comes meanwhile may be deleted or not. It stops where its client is gone.

import { assert } from '../../../cluster/assert.ts';
import type { BytePart, ByteStream } from '../../../cluster/http/byte-stream.ts';
import { type ErrorCode, errorReply } from '../../../cluster/http/errors.ts';
import { JSON_HEADERS } from '../../../cluster/http/http.ts';
import type { ReplyCallback } from '../../../cluster/http/routes.ts';
import type { ClusterScan, ScanStep } from '../../../coordinator/operations/scan/cluster-scan.ts';
import type { WriteOutcome } from '../../../coordinator/operations/set/decision.ts';
import type { UserWriter } from '../../../coordinator/operations/user-keys.ts';

/** Deletes under way at once. */
const IN_FLIGHT_MAX = 64;
/** After so many deletes that failed it ends: each took its whole time, and what fails now fails for all. */
const FAILED_MAX = 128;
const EMPTY = Buffer.alloc(0);

interface DeleteFailure {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** Answers when the first key is deleted, so that a client that goes away stops the rest; the counts come at the end. */
export class PrefixDelete implements ByteStream {
  readonly length = undefined;
  readonly #scan: ClusterScan;
  readonly #writer: Pick<UserWriter, 'set'>;
  readonly #reply: ReplyCallback;
  #keys: Buffer[] = [];
  #isScanning = false;
  #isScanned = false;
  #inFlight = 0;
  #deleted = 0;
  #failed = 0;
  #failure: DeleteFailure | undefined;
  #isAnswered = false;
  #isOver = false;
  #isTold = false;
  #callback: ((part: BytePart) => void) | undefined;

  constructor(scan: ClusterScan, writer: Pick<UserWriter, 'set'>, reply: ReplyCallback) {
    this.#scan = scan;
    this.#writer = writer;
    this.#reply = reply;
  }

  start(): void {
    this.#goOn();
  }

  read(callback: (part: BytePart) => void): void {
    assert(this.#callback === undefined, 'one part is asked for at a time');
    this.#callback = callback;
    this.#tell();
  }

  discard(): void {
    this.#callback = undefined;
    this.#end();
  }

  #goOn(): void {
    while (!this.#isOver && this.#inFlight < IN_FLIGHT_MAX) {
      const key = this.#keys.pop();
      if (key === undefined) break;
      this.#delete(key);
    }
    if (this.#isOver || this.#inFlight >= IN_FLIGHT_MAX) return;
    if (!this.#isScanned) return this.#next();
    if (this.#inFlight === 0) this.#end();
  }

  #next(): void {
    if (this.#isScanning) return;
    this.#isScanning = true;
    this.#scan.next((step: ScanStep) => {
      this.#isScanning = false;
      if (step.kind === 'failed') {
        this.#failure ??= step;
        this.#isScanned = true;
      } else {
        this.#keys = step.records.map(({ key }) => key);
        this.#isScanned = step.next === undefined;
      }
      this.#goOn();
    });
  }

  #delete(key: Buffer): void {
    this.#inFlight++;
    const request = { key, value: EMPTY, tombstone: true, expiresAtMs: 0, attributes: [] };
    this.#writer.set(request, (outcome) => {
      this.#inFlight--;
      this.#count(outcome);
      if (this.#failed >= FAILED_MAX) this.#end();
      else this.#goOn();
    });
  }

  #count(outcome: WriteOutcome): void {
    if (outcome.kind === 'stored') {
      this.#deleted++;
      this.#answer();
      return;
    }
    this.#failed++;
    this.#failure ??=
      outcome.kind === 'not-stored'
        ? outcome
        : { code: 'outcome-unknown', detail: 'not every storage node confirmed a delete in time' };
  }

  #answer(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#reply({ status: 200, headers: JSON_HEADERS, body: this });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#scan.stop();
    const failure = this.#failure;
    if (failure !== undefined && this.#deleted === 0 && !this.#isAnswered) {
      this.#isAnswered = true;
      this.#reply(errorReply(failure.code, `${failure.detail}; nothing was deleted`));
      return;
    }
    this.#answer();
    this.#tell();
  }

  #tell(): void {
    const callback = this.#callback;
    if (!this.#isOver || callback === undefined) return;
    this.#callback = undefined;
    if (this.#isTold) return callback({ kind: 'end' });
    this.#isTold = true;
    return callback({ kind: 'bytes', bytes: Buffer.from(`${JSON.stringify(this.#counts())}\n`) });
  }

  #counts() {
    const { code, detail } = this.#failure ?? {};
    const failed = this.#failed > 0 ? { failed: this.#failed } : {};
    return { deleted: this.#deleted, ...failed, ...(code && { error: code, detail }) };
  }
}
