// A scan of the direct client: the pages of the core, as promises.

import type { RecordHead, StoredRecord } from '../cluster/model/record.ts';
import type {
  ClusterScan,
  ScannedRecord,
  ScanStep,
} from '../coordinator/operations/scan/cluster-scan.ts';
import type { Calls } from './calls.ts';
import { copyOf, storedOf } from './direct-outcomes.ts';
import { VelourError } from './errors.ts';
import type { ScanPage, ScanPages } from './scans.ts';
import type { CommonOptions, ScannedEntry } from './velour.ts';

export class DirectScan implements ScanPages {
  readonly #scan: ClusterScan;
  readonly #calls: Calls;
  readonly #options: CommonOptions;
  readonly #entryOf: (scanned: ScannedRecord) => ScannedEntry;

  /** @param options of each page */
  constructor(
    scan: ClusterScan,
    calls: Calls,
    options: CommonOptions & { readonly values: boolean },
  ) {
    this.#scan = scan;
    this.#calls = calls;
    this.#options = options;
    this.#entryOf = options.values ? entryWithValue : entryAlone;
  }

  next(): Promise<ScanPage> {
    return this.#calls.run(this.#options, (outcome) => {
      this.#scan.next((step) => {
        if (step.kind === 'failed') return outcome.failed(new VelourError(step.code, step.detail));
        return outcome.done(this.#pageOf(step));
      });
      return {
        giveUp: () => {
          this.stop();
          return undefined;
        },
      };
    });
  }

  stop(): void {
    this.#scan.stop();
  }

  #pageOf({ records, next, isLast }: Extract<ScanStep, { kind: 'page' }>): ScanPage {
    return { entries: records.map(this.#entryOf), isLast: isLast || next === undefined };
  }
}

function entryAlone({ key, head }: ScannedRecord): ScannedEntry {
  return { key: new Uint8Array(key), ...storedOf(head) };
}

function entryWithValue({ key, head }: ScannedRecord): ScannedEntry {
  return { ...entryAlone({ key, head }), value: copyOf(wholeRecord(head)) };
}

/** A scan with values lists whole records. */
function wholeRecord(head: RecordHead): StoredRecord {
  return head as StoredRecord;
}
