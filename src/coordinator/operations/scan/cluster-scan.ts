// A scan of all partitions, page by page, in their order. The next pages are asked for while a page is being used, a
// bounded number of them, so that the caller decides the pace and memory stays bounded. One page is page.ts's.
//
// The guarantee: each key that is there throughout is listed exactly once. Each page is what a serving member had under
// its lease, so a key that was acknowledged is in it (I5); and the places of the pages, put together, are all places
// of all partitions, each once, whoever lists them. A key that comes or goes meanwhile may be listed or not.

import { assert } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import { CHUNK_RECORD_BYTES } from '../../../cluster/model/limits.ts';
import { type PartitionId, partitionCount } from '../../../cluster/model/partition.ts';
import { type RecordHead, recordKey } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { OperationContext } from '../operation-context.ts';
import { type PageOutcome, PageReader } from './page.ts';
import { SCAN_START, type ScanPosition } from './position.ts';

export interface ScanQuery {
  /** Of the stored keys. */
  readonly prefix: Buffer;
  /** Whether to list whole records instead of their heads. */
  readonly values: boolean;
  /** Whether to list deletes that are not forgotten yet. */
  readonly deletes: boolean;
  /** Only records with this version or a higher one are listed. */
  readonly since: Version;
  /** How many records to list; infinite for all of them. */
  readonly limit: number;
  /** The name under which a stored key is listed; undefined for a key that is not. */
  readonly nameOf: (storedKey: Buffer) => Buffer | undefined;
}

export interface ScannedRecord {
  readonly key: Buffer;
  /** The whole record if values are wanted. */
  readonly head: RecordHead;
}

export type ScanStep =
  | {
      readonly kind: 'page';
      /** May be empty: nothing that was looked at is to be listed. */
      readonly records: readonly ScannedRecord[];
      /** Where the scan goes on; undefined when everything was listed. */
      readonly next: ScanPosition | undefined;
      /** Whether `limit` records were listed, so that this scan ends here. */
      readonly isLast: boolean;
    }
  /** The scan ends; another one may go on at `next`, where this one failed. */
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly detail: string;
      readonly next: ScanPosition;
    };

/** Pages that are asked for, or have come and are not used yet. */
const PAGES_AHEAD = 4;
/** No further page is asked for while this much waits to be used: one page with a long value may exceed it. */
const BYTES_AHEAD_MAX = 1024 * 1024;
const COUNT_MAX = 2 ** 32 - 1;

/** A page that was asked for, or will be. */
interface PendingPage {
  readonly position: ScanPosition;
  isAsked: boolean;
  outcome: PageOutcome | undefined;
  bytes: number;
}

export class ClusterScan {
  readonly #pages: PageReader;
  readonly #query: ScanQuery;
  readonly #partitions: number;
  /** In the order of their positions; those behind a page of the same partition are not known before it has come. */
  readonly #pending: PendingPage[] = [];
  /** The first partition that has no page in `#pending` yet. */
  #nextPartition: number;
  #waitingBytes = 0;
  #left: number;
  #callback: ((step: ScanStep) => void) | undefined;
  #isOver = false;
  /** Called once, when nothing more is asked for. */
  ended: () => void = () => undefined;

  /** @param digits of the cluster's map, which never change */
  constructor(
    context: OperationContext,
    query: ScanQuery,
    { digits, from = SCAN_START }: { readonly digits: number; readonly from?: ScanPosition },
  ) {
    this.#pages = new PageReader(context);
    this.#query = query;
    this.#partitions = partitionCount(digits);
    this.#left = query.limit;
    this.#nextPartition = from.partition + 1;
    this.#pending.push(pendingAt(from));
  }

  /**
   * Asks for the next page; the previous one must have come, and have had a `next`.
   * @param callback called exactly once, before this returns or later, but never after `stop`
   */
  next(callback: (step: ScanStep) => void): void {
    assert(this.#callback === undefined, 'one page of a scan is asked for at a time');
    assert(!this.#isOver, 'nothing is asked of a scan after its last page');
    this.#callback = callback;
    this.#fill();
    this.#deliver();
  }

  /** Asks for nothing more. Does nothing after the last page, or when called again. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#callback = undefined;
    this.#pending.length = 0;
    this.ended();
  }

  #fill(): void {
    for (let ahead = 0; ahead < PAGES_AHEAD && !this.#isOver; ahead++) {
      if (ahead > 0 && this.#waitingBytes >= BYTES_AHEAD_MAX) return;
      let page = this.#pending[ahead];
      if (page === undefined) {
        if (this.#nextPartition >= this.#partitions) return;
        const partition = this.#nextPartition++ as PartitionId;
        page = pendingAt({ ...SCAN_START, partition });
        this.#pending.push(page);
      }
      if (!page.isAsked) this.#ask(page);
    }
  }

  #ask(page: PendingPage): void {
    page.isAsked = true;
    const { prefix, values, deletes, since } = this.#query;
    const { partition, from } = page.position;
    const operation = {
      kind: 'scan',
      partition,
      from,
      prefix,
      values,
      deletes,
      since,
      bytes: CHUNK_RECORD_BYTES,
      count: Math.min(this.#left, COUNT_MAX),
    } as const;
    this.#pages.page(operation, (outcome) => {
      if (this.#isOver) return;
      page.outcome = outcome;
      if (outcome.kind === 'page') {
        page.bytes = outcome.heads.reduce((sum, { length }) => sum + length, 0);
        this.#waitingBytes += page.bytes;
        if (outcome.next !== undefined) {
          const at = this.#pending.indexOf(page) + 1;
          this.#pending.splice(at, 0, pendingAt({ partition, from: outcome.next }));
        }
        this.#fill();
      }
      this.#deliver();
    });
  }

  #deliver(): void {
    const page = this.#pending[0];
    const callback = this.#callback;
    if (page?.outcome === undefined || callback === undefined) return;
    this.#callback = undefined;
    this.#pending.shift();
    this.#waitingBytes -= page.bytes;
    const step = this.#stepOf(page.position, page.outcome);
    if (step.kind === 'failed' || step.isLast || step.next === undefined) this.stop();
    callback(step);
  }

  #stepOf(position: ScanPosition, outcome: PageOutcome): ScanStep {
    if (outcome.kind === 'failed') return { ...outcome, next: position };
    const records: ScannedRecord[] = [];
    for (const head of outcome.heads) {
      const storedKey = recordKey(head);
      const key = this.#query.nameOf(storedKey);
      if (key === undefined) continue;
      // The page was asked for when more was to be listed.
      if (this.#left === 0)
        return { kind: 'page', records, next: behind(records, position), isLast: true };
      records.push({ key, head });
      this.#left--;
    }
    return {
      kind: 'page',
      records,
      next: this.#pending[0]?.position ?? this.#beginning(),
      isLast: this.#left === 0,
    };
  }

  /** The beginning of the partition that comes next; undefined behind the last one. */
  #beginning(): ScanPosition | undefined {
    if (this.#nextPartition >= this.#partitions) return undefined;
    return { ...SCAN_START, partition: this.#nextPartition as PartitionId };
  }
}

function pendingAt(position: ScanPosition): PendingPage {
  return { position, isAsked: false, outcome: undefined, bytes: 0 };
}

/** The place behind the last of these records; a key has a bucket of its own, so none is named with it. */
function behind(
  records: readonly ScannedRecord[],
  { partition, from }: ScanPosition,
): ScanPosition {
  const last = records.at(-1);
  if (last === undefined) return { partition, from };
  return { partition, from: { bucket: 0, afterKey: Buffer.from(recordKey(last.head)) } };
}
