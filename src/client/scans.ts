// Scans, as an iteration over entries: pages are asked for one at a time, each when the caller has taken what the one
// before it listed, so that memory stays bounded and who breaks off asks for nothing more. Who answers a page is in
// http-scan.ts and direct-scan.ts.

import { KEY_BYTES_MAX } from '../cluster/model/limits.ts';
import { checkOptions, textBytes } from './arguments.ts';
import { AbortedError, VelourError } from './errors.ts';
import type { Bytes, DeletePrefixOptions, ScannedEntry, ScanOptions, Velour } from './velour.ts';

/** How many deletes of a prefix go together: one batch over HTTP. */
const DELETES_AT_ONCE = 1000;

export interface CheckedScan {
  readonly prefix: Buffer;
  /** Infinite for all keys. */
  readonly limit: number;
  readonly values: boolean;
}

export interface ScanPage {
  readonly entries: readonly ScannedEntry[];
  readonly isLast: boolean;
}

/** A scan under way. */
export interface ScanPages {
  /** @returns the next page; rejects with a VelourError, and then the scan is over */
  next(): Promise<ScanPage>;
  /** Ends the scan, also one that is over. */
  stop(): void;
}

/** @param begin is called when the first entry is asked for */
export async function* scanned(
  options: ScanOptions,
  begin: (scan: CheckedScan) => ScanPages,
): AsyncGenerator<ScannedEntry, void, undefined> {
  checkOptions(options);
  const { signal } = options;
  const pages = begin(checkedScan(options));
  try {
    for (;;) {
      const { entries, isLast } = await pages.next();
      for (const entry of entries) {
        if (signal?.aborted) throw new AbortedError(signal.reason, false);
        yield entry;
      }
      if (isLast) return;
    }
  } finally {
    pages.stop();
  }
}

/**
 * Lists the keys and deletes what was listed. One request to a frontend could do it, but of one that breaks off nobody
 * would know how much it has done, and for many keys it would outlast every time limit.
 */
export async function deletePrefix(
  velour: Pick<Velour, 'scan' | 'deleteMany'>,
  prefix: Bytes,
  { all = false, ...options }: DeletePrefixOptions,
): Promise<number> {
  // A slip, such as a variable that is empty, must not delete everything.
  if (prefix.length === 0 && !all) {
    const what = 'an empty prefix means every key; to delete all of them, say all: true';
    throw new VelourError('bad-parameter', what);
  }
  let deleted = 0;
  let keys: Uint8Array[] = [];
  const deleteListed = async () => {
    const results = await velour.deleteMany(keys, options);
    keys = [];
    for (const result of results) {
      if (!result.ok) throw result.error;
      deleted++;
    }
  };
  for await (const { key } of velour.scan({ ...options, prefix })) {
    if (keys.push(key) === DELETES_AT_ONCE) await deleteListed();
  }
  await deleteListed();
  return deleted;
}

/** @throws VelourError, TypeError */
function checkedScan({ prefix = '', limit, values = false }: ScanOptions): CheckedScan {
  const bytes = textBytes(prefix, 'a prefix');
  if (bytes.length > KEY_BYTES_MAX) {
    const what = `the prefix has ${bytes.length} bytes, and a key ${KEY_BYTES_MAX} at most`;
    throw new VelourError('bad-parameter', what);
  }
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1)) {
    throw new VelourError('bad-parameter', 'limit is a whole number of keys from 1');
  }
  return { prefix: bytes, limit: limit ?? Number.POSITIVE_INFINITY, values };
}
